#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/health.h"
#include "base/record.h"
#include "base/result.h"
#include "client/follower.h"

namespace tonus {
class Environment;
}

namespace tonus::core {

/// The name under which the core says what it measures; it fences nobody but itself.
inline constexpr std::string_view kHealthProducer = "core.health";

struct ServiceHealthOptions {
  std::string ingest_endpoint;
  bool given_clock = false;    ///< The log's times come from its writers.
  std::int64_t late_after_ns;  ///< Alerts count as late from this age of the input on.
  LogTimeNs begun_ns = 0;      ///< Recorded time of the log's newest record at the start.
  bool spoken = false;         ///< An earlier process has published under kHealthProducer.
  Environment* environment = nullptr;
};

/// What a core sees of its own work after each step.
struct WorkSeen {
  Offset processed = 0;
  LogTimeNs processed_ns = 0;
  LogEnd end;              ///< Of the log.
  bool at_end = false;     ///< Everything has been taken.
  bool connected = false;  ///< The broker has spoken lately.
  bool repeating = false;  ///< What is derived now has been published by an earlier process.
};

/// Measures whether the core keeps up and hears its broker, and says so as `health.core.` and
/// `tech.core.` records when that changes. It says it at once and not in the order of the log: an
/// alert that alerts are late must not wait behind what makes them late.
///
/// Age of the input: on a wall log the recorded time of the newest record less that of the last one
/// processed; on a given log, whose times may run at any speed, how long ago the newest record was
/// seen that is not processed yet. Late begins when that has been above the bound, and ends when it
/// has been below half of it, for as long as the bound, at most a second: a wavering core does not
/// flood.
///
/// Owned by the Service; its thread. Publishing blocks for up to a second, and happens at changes.
class ServiceHealth {
 public:
  explicit ServiceHealth(const ServiceHealthOptions& options);

  void Step(const WorkSeen& seen);

  std::int64_t AgeNs() const { return age_ns_; }
  bool Late() const { return flags_.late; }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Flags {
    bool late = false, unreachable = false;
    friend bool operator==(const Flags&, const Flags&) = default;
  };
  TimePoint Now() const;
  std::int64_t Age(const WorkSeen& seen, TimePoint now);
  void Judge(const WorkSeen& seen, TimePoint now);
  Result<void> Say(const WorkSeen& seen);

  const ServiceHealthOptions options_;
  std::deque<std::pair<Offset, TimePoint>> waiting_;  ///< Ends of a given log, and when first seen.
  std::int64_t age_ns_ = 0;
  std::optional<TimePoint> turning_since_;
  std::optional<TimePoint> lost_at_;
  bool ever_connected_ = false;
  double unreachable_s_ = 0;
  Flags flags_;
  std::optional<Flags> said_;  ///< Empty: what an earlier process said last is not known.
  std::optional<TimePoint> again_at_;
  HealthAlerts alerts_;
};

}  // namespace tonus::core
