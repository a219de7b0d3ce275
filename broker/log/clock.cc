#include "broker/log/clock.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tonus {
namespace {

std::int64_t WallNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t MonotonicNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Slewing: of each elapsed monotonic nanosecond at most 1/2000 is added or taken away, until the
/// clock agrees with the wall. A wall clock that was stepped by a second is met after 33 minutes.
class SlewedClock final : public Clock {
 public:
  explicit SlewedClock(std::function<void(std::int64_t)> on_jump)
      : on_jump_(std::move(on_jump)), now_ns_(WallNs()), monotonic_ns_(MonotonicNs()) {}

  LogTimeNs NowNs() override {
    const std::int64_t monotonic = MonotonicNs();
    const std::int64_t elapsed = monotonic - monotonic_ns_;
    const std::int64_t free_running = now_ns_ + elapsed;
    // Carries what is less than 2000 ns over to the next call, so that frequent calls slew too.
    slack_ns_ += elapsed;
    const std::int64_t bound = slack_ns_ / 2000;
    slack_ns_ -= bound * 2000;
    const std::int64_t away = WallNs() - free_running;
    now_ns_ = free_running + std::clamp(away, -bound, bound);
    monotonic_ns_ = monotonic;
    const bool jumped = away > kJumpNs || away < -kJumpNs;
    if (jumped != jumped_ && on_jump_) on_jump_(jumped ? away : 0);
    jumped_ = jumped;
    return now_ns_;
  }

 private:
  static constexpr std::int64_t kJumpNs = 1'000'000'000;

  std::function<void(std::int64_t)> on_jump_;
  bool jumped_ = false;
  std::int64_t now_ns_;
  std::int64_t monotonic_ns_;
  std::int64_t slack_ns_ = 0;
};

}  // namespace

std::unique_ptr<Clock> MakeSlewedClock(std::function<void(std::int64_t)> on_jump) {
  return std::make_unique<SlewedClock>(std::move(on_jump));
}

}  // namespace tonus
