#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/record.h"

namespace tonus::cli {

/// Tells whether silence means that nothing happened: the broker's ticks must arrive, and the core
/// must answer them with progress. Used by one thread, which moves the time.
class Watch {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// How long either may be missing before the reader is blind.
  static constexpr std::chrono::seconds kPatience{5};

  explicit Watch(Time now) : tick_(now), progress_(now) {}

  /// Takes note of a tick or a progress; other records are ignored.
  void See(const Record& record, Time now);

  /// A sentence when the answer has changed since the last call.
  std::optional<std::string> Change(Time now, const std::string& endpoint);

  bool Blind() const { return state_ != State::kWatching; }

 private:
  enum class State { kWatching, kCoreLate, kBlind };

  Time tick_;
  Time progress_;
  State state_ = State::kWatching;
};

}  // namespace tonus::cli
