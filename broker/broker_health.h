#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/health.h"
#include "base/record.h"

namespace tonus::v1 {
class Health;
class TechAlert;
}  // namespace tonus::v1

namespace tonus {

struct Counters;

/// What the broker measures of itself and says when it changes: room on the disk, its clock, input
/// that it loses or refuses as diverged. Owned by the writer; its thread.
///
/// Bounds that end somewhat above where they begin, and times for which a loss counts as going on,
/// keep what wavers from flooding the log.
class BrokerHealth {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `floor`: free bytes below which new input is refused.
  BrokerHealth(std::uint64_t floor, Counters& counters) : floor_(floor), counters_(counters) {}

  /// The last record that an earlier run wrote, so that what it began is ended by this one.
  void Remember(const v1::Health& last, LogTimeNs recorded);

  /// Takes the free space of the log's disk and decides whether input is refused (disk_low).
  void LookAtDisk(std::uint64_t free);

  /// A record where something has begun or ended since the last one.
  std::optional<v1::Health> Due(TimePoint now);

  /// What is to be said on `tech.broker.` of a record that was appended at `recorded`.
  std::vector<v1::TechAlert> Alerts(const v1::Health& health, LogTimeNs recorded);

 private:
  struct Flags {
    bool nearly_full = false, low = false, clock_off = false, dropping = false, diverging = false;
    bool held_back = false, ignores_core = false, retention_fails = false;
    std::uint64_t removed_files = 0;
    friend bool operator==(const Flags&, const Flags&) = default;
  };
  /// A counter that has risen lately.
  struct Rise {
    std::uint64_t seen = 0;
    std::optional<TimePoint> at;
    bool Going(std::uint64_t counter, TimePoint now, std::chrono::seconds lasts);
  };

  const std::uint64_t floor_;
  Counters& counters_;
  bool nearly_full_ = false;
  Flags said_;
  Rise dropped_;
  Rise diverged_;
  HealthAlerts alerts_;
};

}  // namespace tonus
