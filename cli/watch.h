#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>

#include "base/record.h"

namespace tonus::cli {

/// Tells whether silence means that nothing happened: the broker's ticks must arrive, and the core
/// must answer each with progress soon. Used by one thread, which moves the time.
class Watch {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// How long a tick or its answer may be missing before the reader is blind.
  static constexpr std::chrono::seconds kPatience{5};

  explicit Watch(Time now) : tick_(now), progress_(now) {}

  /// Takes note of a tick or a progress; other records are ignored.
  void See(const Record& record, Time now);

  /// A sentence when the answer has changed since the last call.
  std::optional<std::string> Change(Time now, const std::string& endpoint);

  bool Blind() const { return state_ != State::kWatching; }

 private:
  enum class State { kWatching, kCoreLate, kCoreDown, kBlind };
  struct Unanswered {
    Offset offset;
    Time at;
  };
  State StateAt(Time now) const;

  Time tick_;
  Time progress_;  ///< The last one, whichever tick it answers.
  std::deque<Unanswered> unanswered_;
  State state_ = State::kWatching;
  Time blind_since_;
};

}  // namespace tonus::cli
