#include "scenario/events.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.h"
#include "base/topic.h"
#include "scenario/event_bodies.h"
#include "scenario/timeline.h"
#include "tonus/v1/system.pb.h"

// A story becomes records in three steps: every event with its time, relative to start (steps,
// doses, what came before start, what goes on); one stable sort by recorded time; topics by the
// unit that the patient is in by then.

namespace tonus::scenario {
namespace {

constexpr std::int64_t kHistoryNs = -72 * kHourNs;
constexpr std::int64_t kVitalHistoryNs = -24 * kHourNs;
constexpr std::int64_t kTickEveryNs = kHourNs;

/// Collects the events of one scenario. Lives for one call of BuildRecords; borrows the scenario.
class Timeline {
 public:
  explicit Timeline(const Scenario& scenario)
      : scenario_(scenario), patient_(scenario.patient), clocks_(scenario) {}

  std::vector<TimelineEvent> Build() {
    AddBeforeStart();
    DoseSchedule schedule = ScheduleDoses(scenario_);
    AddSteps(schedule.orders);
    for (const DueDose& dose : schedule.doses) AddDose(dose);
    AddContinuation();
    return std::move(events_);
  }

 private:
  TimelineEvent& Add(std::int64_t at_ns, std::int64_t arrives_ns, RecordRank rank, const char* kind,
                     std::string source) {
    TimelineEvent& added = events_.emplace_back();
    added.recorded_ns = at_ns + arrives_ns;
    added.rank = rank;
    added.kind = kind;
    added.event.set_patient_id(patient_.id);
    added.event.set_source_id(std::move(source));
    added.event.set_effective_ns(scenario_.start_ns + at_ns);
    return added;
  }

  std::string Of(const char* source) const { return std::string(source) + "-" + patient_.id; }

  void AddBeforeStart() {
    std::int64_t earliest = kHistoryNs;
    for (const StandingOrder& order : patient_.oral) earliest = std::min(earliest, order.since_ns);
    if (const auto& pump = patient_.intrathecal) {
      for (const auto& at :
           {pump->implanted_ns, pump->last_refill_ns, pump->last_interrogation_ns}) {
        earliest = std::min(earliest, at.value_or(0));
      }
    }
    *Add(earliest, 0, RecordRank::kFirst, "patient", "registry").event.mutable_patient() =
        ToSnapshot(patient_, scenario_.start_ns);
    if (patient_.intrathecal) AddPumpHistory(*patient_.intrathecal);
    for (const StandingOrder& order : patient_.oral) {
      OrderStep start;
      start.action = "start";
      start.drug = order.drug;
      start.dose_mg = order.dose_mg;
      start.every_ns = order.every_ns;
      start.route = order.route;
      *Add(order.since_ns, 0, RecordRank::kPumpOrOrder, "order", "pharmacy").event.mutable_order() =
          ToOrder(start);
    }
    AddBaselineHistory();
  }

  void AddPumpHistory(const Intrathecal& pump) {
    programme_ = {pump, scenario_.start_ns};
    if (pump.implanted_ns) {
      Add(*pump.implanted_ns, 0, RecordRank::kOther, "procedure", Of("nurse"))
          .event.mutable_procedure()
          ->set_kind("implant");
    }
    if (pump.last_refill_ns) {
      PumpStep refill;
      refill.event = "refill";
      if (pump.last_refill_ml) refill.numbers.emplace_back("filled_ml", *pump.last_refill_ml);
      if (pump.concentration_ug_per_ml) {
        refill.numbers.emplace_back("concentration_ug_per_ml", *pump.concentration_ug_per_ml);
      }
      *Add(*pump.last_refill_ns, 0, RecordRank::kPumpOrOrder, "pump", Of("pump"))
           .event.mutable_pump_event() = ToPumpEvent(refill);
    }
    if (pump.last_interrogation_ns) {
      PumpStep interrogation;
      interrogation.event = "interrogation";
      interrogation.normal = true;
      if (const auto computed = ComputedReservoir(pump, *pump.last_interrogation_ns)) {
        interrogation.numbers.emplace_back("computed_reservoir_ml", *computed);
      }
      *Add(*pump.last_interrogation_ns, 0, RecordRank::kPumpOrOrder, "pump", Of("pump"))
           .event.mutable_pump_status() = ToStatus(interrogation, programme_);
    }
  }

  /// What the pump computes that it holds, from its last refill and its programme (clinical
  /// reference §2.4).
  static std::optional<double> ComputedReservoir(const Intrathecal& pump, std::int64_t at_ns) {
    if (!pump.last_refill_ns || !pump.last_refill_ml || !pump.daily_dose_ug ||
        !pump.concentration_ug_per_ml || *pump.last_refill_ns > at_ns) {
      return std::nullopt;
    }
    const double days =
        static_cast<double>(at_ns - *pump.last_refill_ns) / static_cast<double>(kDayNs);
    const double used = days * *pump.daily_dose_ug / *pump.concentration_ug_per_ml;
    return std::max(0.0, *pump.last_refill_ml - used);
  }

  void AddBaselineHistory() {
    std::vector<SignalPoint> vitals;
    std::vector<SignalPoint> slow;
    for (const ObservedValue& value : patient_.baseline) {
      auto& list = value.signal.group == SignalGroup::kVital ? vitals : slow;
      list.push_back({0, value.signal, value.value});
    }
    const auto add = [this](std::int64_t from, std::int64_t every,
                            std::vector<SignalPoint> points) {
      for (std::int64_t at = from; at < 0 && !points.empty(); at += every) {
        for (SignalPoint& point : points) point.at_ns = at;
        AddPoints(at, 0, points);
      }
    };
    add(kHistoryNs, 12 * kHourNs, std::move(slow));
    add(kVitalHistoryNs, kHourNs, std::move(vitals));
  }

  void AddSteps(const std::vector<OrderStep>& orders) {
    std::size_t next_order = 0;
    FollowProgramme();
    for (std::size_t i = 0; i < scenario_.steps.size(); ++i) {
      const Step& step = scenario_.steps[i];
      if (std::holds_alternative<OrderStep>(step.body)) {
        *Add(step.at_ns, step.arrives_ns, RecordRank::kPumpOrOrder, "order", "pharmacy")
             .event.mutable_order() = ToOrder(orders[next_order++]);
      } else {
        AddStep(i, step);
      }
    }
  }

  /// Works out by time what each pump step finds programmed.
  void FollowProgramme() {
    std::vector<std::size_t> by_time;
    for (std::size_t i = 0; i < scenario_.steps.size(); ++i) {
      if (std::holds_alternative<PumpStep>(scenario_.steps[i].body)) by_time.push_back(i);
    }
    std::stable_sort(by_time.begin(), by_time.end(), [this](std::size_t a, std::size_t b) {
      return scenario_.steps[a].at_ns < scenario_.steps[b].at_ns;
    });
    programme_.start_ns = scenario_.start_ns;
    for (const std::size_t i : by_time) {
      programme_.Follow(std::get<PumpStep>(scenario_.steps[i].body));
      programmes_[i] = programme_;
    }
  }

  void AddStep(std::size_t index, const Step& step) {
    const std::int64_t at = step.at_ns;
    const std::int64_t late = step.arrives_ns;
    if (const auto* observe = std::get_if<ObserveStep>(&step.body)) {
      AddObserve(at, late, *observe);
    } else if (const auto* pump = std::get_if<PumpStep>(&step.body)) {
      TimelineEvent& added = Add(at, late, RecordRank::kPumpOrOrder, "pump", Of("pump"));
      if (pump->event == "interrogation") {
        *added.event.mutable_pump_status() = ToStatus(*pump, programmes_.at(index));
      } else {
        *added.event.mutable_pump_event() = ToPumpEvent(*pump);
      }
    } else if (const auto* procedure = std::get_if<ProcedureStep>(&step.body)) {
      *Add(at, late, RecordRank::kOther, "procedure", Of("nurse")).event.mutable_procedure() =
          ToProcedure(*procedure);
    } else if (const auto* given = std::get_if<GivenStep>(&step.body)) {
      const DrugRoute route = given->dose_ug && given->route == DrugRoute::kUnsaid
                                  ? DrugRoute::kIntrathecal
                                  : given->route;
      AddDose({at, given->drug, route, given->dose_mg, given->dose_ug, false, "", late});
    } else if (const auto* encounter = std::get_if<EncounterStep>(&step.body)) {
      *Add(at, late, RecordRank::kOther, "encounter", "adt").event.mutable_encounter() =
          ToEncounter(*encounter);
    } else if (const auto* action = std::get_if<ActionStep>(&step.body)) {
      *Add(at, late, RecordRank::kOther, "action", "console").event.mutable_action() =
          ToAction(*action, scenario_.start_ns + at);
    }
  }

  void AddDose(const DueDose& dose) {
    *Add(dose.due_ns, dose.arrives_ns, RecordRank::kPumpOrOrder, "administration", "pharmacy")
         .event.mutable_administration() = ToAdministration(dose);
  }

  void AddObserve(std::int64_t at, std::int64_t late, const ObserveStep& step) {
    const std::vector<SignalPoint> points = ExpandObserve(at, step);
    for (std::size_t i = 0; i < points.size();) {
      std::size_t end = i;
      while (end < points.size() && points[end].at_ns == points[i].at_ns) ++end;
      AddPoints(points[i].at_ns, late,
                {points.begin() + static_cast<std::ptrdiff_t>(i),
                 points.begin() + static_cast<std::ptrdiff_t>(end)});
      i = end;
    }
  }

  /// Points of one instant: one event for each topic, device and clock among them.
  void AddPoints(std::int64_t at, std::int64_t late, const std::vector<SignalPoint>& points) {
    std::map<std::tuple<int, int, std::int64_t>, std::size_t> places;
    for (const SignalPoint& point : points) {
      const SignalGroup group = point.signal.group == SignalGroup::kFinding
                                    ? SignalGroup::kAssessment
                                    : point.signal.group;
      const int device = clocks_.DeviceOf(point.signal);
      const std::int64_t shift = clocks_.ShiftAt(point.signal, at);
      const auto [place, is_new] =
          places.try_emplace({static_cast<int>(group), device, shift}, events_.size());
      if (is_new) {
        TimelineEvent& added =
            Add(at, late, RecordRank::kObservation, KindOf(group), SourceOf(group, device));
        added.event.set_effective_ns(scenario_.start_ns + at + shift);
      }
      *events_[place->second].event.mutable_observations()->add_items() =
          ToObservation(point.signal, point.value);
    }
  }

  static const char* KindOf(SignalGroup group) {
    if (group == SignalGroup::kVital) return "vitals";
    return group == SignalGroup::kLab ? "lab" : "assessment";
  }

  std::string SourceOf(SignalGroup group, int device) const {
    std::string source = group == SignalGroup::kVital ? Of("monitor")
                         : group == SignalGroup::kLab ? "lab"
                                                      : Of("nurse");
    if (device > 0) source += "-" + std::to_string(device + 1);
    return source;
  }

  void AddContinuation() {
    const std::vector<SignalPoint> points = Continuation(scenario_);
    for (std::size_t i = 0; i < points.size();) {
      std::size_t end = i;
      while (end < points.size() && points[end].at_ns == points[i].at_ns) ++end;
      AddPoints(points[i].at_ns, 0,
                {points.begin() + static_cast<std::ptrdiff_t>(i),
                 points.begin() + static_cast<std::ptrdiff_t>(end)});
      i = end;
    }
  }

  const Scenario& scenario_;
  const Patient& patient_;
  DeviceClocks clocks_;
  PumpProgramme programme_;
  std::map<std::size_t, PumpProgramme> programmes_;  ///< By step.
  std::vector<TimelineEvent> events_;
};

/// By recorded time; at one instant as the file has it, but the snapshot first and pump and order
/// events before the first observation.
void Sort(std::vector<TimelineEvent>* events) {
  std::stable_sort(
      events->begin(), events->end(), [](const TimelineEvent& a, const TimelineEvent& b) {
        const bool a_first = a.rank == RecordRank::kFirst;
        const bool b_first = b.rank == RecordRank::kFirst;
        return std::tuple(a.recorded_ns, !a_first) < std::tuple(b.recorded_ns, !b_first);
      });
  for (auto group = events->begin(); group != events->end();) {
    const auto end = std::find_if(group, events->end(), [&group](const TimelineEvent& e) {
      return e.recorded_ns != group->recorded_ns;
    });
    const auto observation = std::find_if(
        group, end, [](const TimelineEvent& e) { return e.rank == RecordRank::kObservation; });
    std::stable_partition(observation, end, [](const TimelineEvent& e) {
      return e.rank == RecordRank::kPumpOrOrder;
    });
    group = end;
  }
}

/// Ticks at each hour of log time from the history on, and one at the end.
void AddTick(LogTimeNs at_ns, std::uint64_t* number, std::vector<TimedRecord>* out) {
  v1::Tick tick;
  tick.set_number(++*number);
  out->push_back({at_ns, "tick.", tick.SerializeAsString()});
}

}  // namespace

Result<std::vector<TimedRecord>> BuildRecords(const Scenario& scenario) {
  std::vector<TimelineEvent> events = Timeline(scenario).Build();
  if (events.size() > kMaxScenarioRecords) {
    return Fail(ErrorCode::kConfig,
                "the story would be " + std::to_string(events.size()) + " records", scenario.file,
                "shorten it, or lengthen `every`");
  }
  Sort(&events);
  std::vector<TimedRecord> out;
  out.reserve(events.size());
  std::string unit = scenario.patient.unit;
  const std::string patient = EscapeTopicPart(scenario.patient.id);
  std::int64_t next_tick = kHistoryNs;
  std::uint64_t ticks = 0;
  for (const TimelineEvent& e : events) {
    if (e.recorded_ns > scenario.end_ns) break;  // A missed dose that arrives after the end.
    for (; next_tick < e.recorded_ns; next_tick += kTickEveryNs) {
      AddTick(scenario.start_ns + next_tick, &ticks, &out);
    }
    if (e.event.has_encounter() && !e.event.encounter().unit().empty()) {
      unit = e.event.encounter().unit();
    }
    const std::string escaped_unit = EscapeTopicPart(unit);
    out.push_back({scenario.start_ns + e.recorded_ns, JoinTopic({e.kind, escaped_unit, patient}),
                   e.event.SerializeAsString()});
  }
  for (; next_tick < scenario.end_ns; next_tick += kTickEveryNs) {
    AddTick(scenario.start_ns + next_tick, &ticks, &out);
  }
  AddTick(scenario.start_ns + scenario.end_ns, &ticks, &out);
  return out;
}

}  // namespace tonus::scenario
