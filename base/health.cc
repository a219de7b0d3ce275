#include "base/health.h"

#include "base/text.h"
#include "tonus/v1/system.pb.h"

namespace tonus {
namespace {

/// A kind is active while its value is above nothing. `{name}` in a text is another value of the
/// record.
struct Kind {
  const char* process;
  const char* value;
  const char* kind;
  const char* begins;
  const char* ends;
};

constexpr Kind kKinds[] = {
    {"broker", "disk_nearly_full", "disk_nearly_full",
     "the log's disk has {free_mib} MiB left; below {floor_mib} MiB new input is refused; make "
     "room",
     "the log's disk has {free_mib} MiB left again"},
    {"broker", "disk_low", "disk_low",
     "the log's disk has {free_mib} MiB left, below its floor of {floor_mib} MiB: the broker "
     "refuses new input, producers keep what was not acknowledged, plain publishers lose what they "
     "send; make room, it is taken again by itself",
     "the log's disk has {free_mib} MiB left again: new input is taken"},
    {"broker", "clock_off", "clock_jump",
     "the broker's clock was moved by {clock_off_s} s while it ran; recorded times go on from "
     "where "
     "they were and approach it slowly, so ages of values that devices stamp are wrong by as much; "
     "see to its time service, or start the broker again to take the new time at once",
     "recorded times agree with the broker's clock again"},
    {"broker", "intake_dropping", "intake_dropped",
     "input of plain publishers is being lost ({intake_dropped} records so far): the disk is full, "
     "or the log holds as many topics as it may",
     "no more input of plain publishers is being lost"},
    {"broker", "diverging", "input_diverged",
     "a producer sends other content under names that are on disk, so nothing that it says is "
     "taken ({diverged_batches} batches so far); see the broker's log for its name, and give it a "
     "new one",
     "no producer has sent other content under names that are on disk for a while"},
    {"broker", "retention_ignores_core", "retention_ignores_core",
     "no core has been heard of for so long that what it may still need is removed with age and "
     "size; start it, or stop the broker until it can run",
     "what the core needs is kept again"},
    {"core", "late", "late_processing",
     "alerts are late: the core works on records that are {late_s} s older than the newest, and "
     "{lag_records} wait on disk; nothing is lost",
     "the core has caught up: alerts are no longer late"},
    {"core", "broker_unreachable", "broker_unreachable",
     "the core had no word from the broker for {broker_unreachable_s} s and watched nobody in that "
     "time; what is on disk or with its producers since then is being worked off",
     "the core hears the broker again and has everything that is on disk"},
};

std::string Fill(const char* text, const v1::Health& health) {
  std::string out;
  for (const char* at = text; *at != '\0'; ++at) {
    if (*at != '{') {
      out += *at;
      continue;
    }
    std::string name;
    while (*++at != '}') name += *at;
    const auto value = health.values().find(name);
    out += value == health.values().end() ? "?" : FormatRounded(value->second, 0);
  }
  return out;
}

}  // namespace

std::vector<v1::TechAlert> HealthAlerts::Take(const v1::Health& health, LogTimeNs now, bool all) {
  std::vector<v1::TechAlert> alerts;
  for (const Kind& kind : kKinds) {
    const auto value = health.values().find(kind.value);
    if (health.process() != kind.process || value == health.values().end()) continue;
    const auto known = since_.find({kind.process, kind.kind});
    const bool active = value->second > 0;
    const bool was = known != since_.end();
    if (active == was && (active || !all)) continue;
    v1::TechAlert& alert = alerts.emplace_back();
    alert.set_kind(kind.kind);
    alert.set_subject(kind.process);
    alert.set_state(active ? v1::TECH_STATE_ACTIVE : v1::TECH_STATE_RESOLVED);
    alert.set_since_ns(was ? known->second : now);
    alert.set_time_ns(now);
    alert.set_text(Fill(active ? kind.begins : kind.ends, health));
    if (active) {
      since_.emplace(std::pair(kind.process, kind.kind), now);
    } else if (was) {
      since_.erase(known);
    }
  }
  return alerts;
}

}  // namespace tonus
