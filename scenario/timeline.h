#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "scenario/events.h"
#include "scenario/scenario.h"
#include "tonus/v1/event.pb.h"

// Inside of BuildRecords: the parts of a story that are worked out on their own.

namespace tonus::scenario {

/// How a record is ordered among those of the same instant.
enum class RecordRank {
  kFirst,        ///< Who the patient is; before everything.
  kPumpOrOrder,  ///< Before observations.
  kOther,        ///< Where the file has it.
  kObservation,
};

/// One event of a timeline, times relative to start.
struct TimelineEvent {
  std::int64_t recorded_ns = 0;
  RecordRank rank = RecordRank::kOther;
  std::string kind;  ///< Of the topic.
  v1::Event event;   ///< patient_id and effective_ns are filled by the timeline.
};

/// A dose that falls due.
struct DueDose {
  std::int64_t due_ns = 0;
  std::string drug;
  DrugRoute route = DrugRoute::kOral;
  std::optional<double> dose_mg;
  std::optional<double> dose_ug;
  bool missed = false;
  std::string reason;
  std::int64_t arrives_ns = 0;
};

/// All doses of a scenario, by time, with `missed` already in place; and each order step completed
/// with the dose, interval and route that it leaves unsaid, in the order of the file's order steps.
struct DoseSchedule {
  std::vector<DueDose> doses;
  std::vector<OrderStep> orders;
};
DoseSchedule ScheduleDoses(const Scenario& scenario);

/// One point of a signal, explicit or continued.
struct SignalPoint {
  std::int64_t at_ns = 0;
  SignalName signal;
  Value value;
};

/// A ramp or a single observation as points.
std::vector<SignalPoint> ExpandObserve(std::int64_t at_ns, const ObserveStep& step);

/// The continuation of the baseline from start to end: for each instant the points that go on.
std::vector<SignalPoint> Continuation(const Scenario& scenario);

/// Which device measures a signal, and how far its clock is off.
class DeviceClocks {
 public:
  explicit DeviceClocks(const Scenario& scenario);
  /// 0 for the common device; n for the n-th group of signals that has a clock of its own.
  int DeviceOf(const SignalName& signal) const;
  std::int64_t ShiftAt(const SignalName& signal, std::int64_t at_ns) const;

 private:
  struct Change {
    std::int64_t at_ns;
    const DeviceClockStep* step;
  };
  static bool Names(const DeviceClockStep& step, const SignalName& signal);
  std::vector<Change> changes_;  ///< By time, then file. Borrows the scenario.
};

v1::Route ToRoute(DrugRoute route);

}  // namespace tonus::scenario
