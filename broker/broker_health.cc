#include "broker/broker_health.h"

#include "broker/exchange.h"
#include "tonus/v1/system.pb.h"

namespace tonus {
namespace {

constexpr std::chrono::seconds kDroppingFor{60};
constexpr std::chrono::seconds kDivergingFor{600};

/// Whether `free` is below a bound that, once passed, is left an eighth higher.
bool Below(std::uint64_t free, std::uint64_t bound, bool was) {
  return free < (was ? bound + bound / 8 : bound);
}

bool Said(const v1::Health& health, const char* value) {
  const auto found = health.values().find(value);
  return found != health.values().end() && found->second > 0;
}

}  // namespace

bool BrokerHealth::Rise::Going(std::uint64_t counter, TimePoint now, std::chrono::seconds lasts) {
  if (counter != seen) at = now;
  seen = counter;
  if (at && now - *at >= lasts) at.reset();
  return at.has_value();
}

void BrokerHealth::Remember(const v1::Health& last, LogTimeNs recorded) {
  static_cast<void>(alerts_.Take(last, recorded));
  said_ = {Said(last, "disk_nearly_full"),
           Said(last, "disk_low"),
           Said(last, "clock_off"),
           Said(last, "intake_dropping"),
           Said(last, "diverging"),
           Said(last, "retention_held_back"),
           Said(last, "retention_ignores_core"),
           Said(last, "retention_failures"),
           0};
}

void BrokerHealth::LookAtDisk(std::uint64_t free) {
  counters_.free_bytes = free;
  const bool was_low = counters_.disk_low.load(std::memory_order_relaxed);
  counters_.disk_low = Below(free, floor_, was_low);
  nearly_full_ = Below(free, 2 * floor_, nearly_full_);
}

std::optional<v1::Health> BrokerHealth::Due(TimePoint now) {
  const std::int64_t off_ns = counters_.clock_off_ns;
  const Flags flags = {nearly_full_,
                       counters_.disk_low,
                       off_ns != 0,
                       dropped_.Going(counters_.intake_dropped, now, kDroppingFor),
                       diverged_.Going(counters_.diverged, now, kDivergingFor),
                       counters_.retention_held_back,
                       counters_.core_unpinned,
                       counters_.retention_failures > 0,
                       counters_.removed_files};
  if (flags == said_) return std::nullopt;
  said_ = flags;
  v1::Health health;
  health.set_process("broker");
  auto& values = *health.mutable_values();
  const auto flag = [](bool set) { return set ? 1.0 : 0.0; };
  const auto count = [](std::uint64_t number) { return static_cast<double>(number); };
  values["disk_nearly_full"] = flag(flags.nearly_full);
  values["disk_low"] = flag(flags.low);
  values["clock_off"] = flag(flags.clock_off);
  values["intake_dropping"] = flag(flags.dropping);
  values["diverging"] = flag(flags.diverging);
  values["free_bytes"] = count(counters_.free_bytes);
  values["free_mib"] = count(counters_.free_bytes >> 20U);
  values["floor_mib"] = count(floor_ >> 20U);
  values["clock_off_s"] = static_cast<double>(off_ns) / 1e9;
  values["clock_jumps"] = count(counters_.clock_jumps);
  values["intake_dropped"] = count(counters_.intake_dropped);
  values["diverged_batches"] = count(counters_.diverged);
  values["retention_held_back"] = flag(flags.held_back);
  values["retention_ignores_core"] = flag(flags.ignores_core);
  values["retention_failures"] = count(counters_.retention_failures);
  values["retention_removed_files"] = count(flags.removed_files);
  values["first_offset"] = count(counters_.first_offset);
  return health;
}

std::vector<v1::TechAlert> BrokerHealth::Alerts(const v1::Health& health, LogTimeNs recorded) {
  return alerts_.Take(health, recorded);
}

}  // namespace tonus
