#include "core/sources/source_quality.h"

#include <algorithm>
#include <bit>

#include "base/text.h"

namespace tonus::core {
namespace {

constexpr std::uint32_t kHistory = (1U << 20U) - 1;
constexpr int kTooMany = 5;
constexpr std::uint32_t kGoodInARow = 5;
constexpr std::int64_t kQuietAfter = 10 * kMinuteNs;

constexpr std::uint32_t kMessages = 20;
constexpr std::int64_t kApart = kSecondNs;
constexpr std::int64_t kSteady = 30 * kSecondNs;
constexpr std::int64_t kBehind = 2 * kMinuteNs;
constexpr std::int64_t kAhead = 10 * kSecondNs;

}  // namespace

Turn RefusalRate::Note(Refusal refusal, LogTimeNs now) {
  const bool refused = refusal != Refusal::kNone;
  if (refused && history_ == 0 && !too_much_) since_ = now;
  history_ = (history_ << 1U | (refused ? 1U : 0U)) & kHistory;
  good_in_a_row_ = refused ? 0 : good_in_a_row_ + 1;
  if (refused) {
    last_ = now;
    if (too_much_ || std::popcount(history_) < kTooMany) return Turn::kNone;
    too_much_ = true;
    of_clock_ = refusal == Refusal::kClock;
    return Turn::kBegins;
  }
  if (!too_much_ || good_in_a_row_ < kGoodInARow || now - last_ < kQuietAfter) return Turn::kNone;
  too_much_ = false;
  history_ = 0;
  return Turn::kEnds;
}

Turn ClockOffset::Note(LogTimeNs effective, LogTimeNs now) {
  if (messages_ > 0 && now - last_ < kApart) return Turn::kNone;
  const std::int64_t delay = now - effective;
  if (messages_ == 0) {
    first_ = now;
    least_ = most_ = delay;
  }
  last_ = now;
  least_ = std::min(least_, delay);
  most_ = std::max(most_, delay);
  if (++messages_ < kMessages) return Turn::kNone;
  messages_ = 0;
  if (!off_ && most_ - least_ < kSteady && (least_ > kBehind || most_ < -kAhead)) {
    off_ = true;
    since_ = first_;
    behind_ns_ = least_ > kBehind ? least_ : most_;
    return Turn::kBegins;
  }
  if (off_ && most_ <= kBehind / 2 && least_ >= -kAhead / 2) {
    off_ = false;
    return Turn::kEnds;
  }
  return Turn::kNone;
}

}  // namespace tonus::core
