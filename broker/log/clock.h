#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/record.h"

namespace tonus {

/// Where a wall log takes its recorded times from. A seam: tests move time by hand.
/// Called from the log's writing thread only.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Nanoseconds since 1970. May go back; the log keeps recorded times from doing so.
  virtual LogTimeNs NowNs() = 0;
};

/// The machine's wall clock, driven by the monotonic clock and slewed towards wall time by at most
/// 500 ppm, so that a step of the wall clock never shows as a step of log time. Where wall time is
/// found more than a second away, `on_jump` (may be empty) is told by how much, once for each jump
/// (negative: wall time is behind), and told 0 once they agree again.
std::unique_ptr<Clock> MakeSlewedClock(std::function<void(std::int64_t)> on_jump = {});

}  // namespace tonus
