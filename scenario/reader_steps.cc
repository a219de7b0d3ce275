#include <algorithm>
#include <map>

#include "base/text.h"
#include "scenario/reading.h"

namespace tonus::scenario {
namespace {

const std::vector<std::string> kPumpNumbers = {"expected_ml",   "aspirated_ml",
                                               "filled_ml",     "concentration_ug_per_ml",
                                               "daily_dose_ug", "dose_ug"};

/// The keys of a pump event besides event, reason and planned.
std::vector<std::string> PumpKeys(const std::string& event) {
  if (event == "interrogation") {
    return {"status",          "computed_reservoir_ml",  "daily_dose_ug", "concentration_ug_per_ml",
            "rate_ml_per_day", "low_reservoir_alarm_ml", "reservoir_ml",  "months_to_eri",
            "therapy_state"};
  }
  if (event == "refill") {
    return {"expected_ml", "aspirated_ml", "filled_ml", "concentration_ug_per_ml"};
  }
  if (event == "dose_change") return {"daily_dose_ug"};
  if (event == "bolus") return {"dose_ug"};
  if (event == "concentration_change") return {"concentration_ug_per_ml"};
  if (Contains(Vocabulary::Standard().pump_events, event)) return {};
  return kPumpNumbers;
}

/// The key without which an event says nothing.
const char* NeededPumpKey(const std::string& event) {
  if (event == "dose_change") return "daily_dose_ug";
  if (event == "bolus") return "dose_ug";
  if (event == "concentration_change") return "concentration_ug_per_ml";
  return nullptr;
}

void ReadStatus(const yaml::Node& node, Reading* r, PumpStep* step) {
  if (node.IsScalar()) {
    std::string text;
    if (r->Take(node.AsText(), &text) && text != "normal") {
      r->Bad(node, "is '" + text + "'",
             "allowed: normal, or a list of faults such as [motor_stall]");
    }
    step->normal = true;
    return;
  }
  if (!node.IsList()) {
    r->Bad(node, "is neither", "allowed: normal, or a list of faults such as [motor_stall]");
    return;
  }
  for (const yaml::Node& item : node.Items()) {
    std::string fault;
    if (r->Take(item.AsOneOf(r->Names().pump_events), &fault)) step->faults.push_back(fault);
  }
}

void ReadPump(const yaml::Node& node, Reading* r, std::vector<StepBody>* out) {
  PumpStep step;
  if (!node.IsMap()) {
    r->Keys(node, {"event"});
    return;
  }
  if (!r->Name(node, "event", "pump event", r->Names().pump_events, &step.event)) return;
  std::vector<std::string> keys = PumpKeys(step.event);
  keys.insert(keys.begin(), "event");
  keys.insert(keys.end(), {"reason", "planned"});
  r->Keys(node, keys);
  if (const char* needed = NeededPumpKey(step.event)) r->Has(node, needed);
  if (step.event == "interrogation") {
    step.normal = !node.Get("status");
    if (const auto status = node.Get("status")) ReadStatus(*status, r, &step);
    r->OneOf(node, "therapy_state",
             {"simple_continuous", "flex", "bolus", "minimum_rate", "stopped", "telemetry"},
             &step.therapy_state);
  }
  for (const std::string& key : keys) {
    if (key == "event" || key == "status" || key == "therapy_state" || key == "reason" ||
        key == "planned") {
      continue;
    }
    std::optional<double> value;
    r->Number(node, key.c_str(), kNotNegative, &value);
    if (value) step.numbers.emplace_back(key, *value);
  }
  r->Text(node, "reason", &step.reason);
  r->Flag(node, "planned", &step.planned);
  out->push_back(std::move(step));
}

/// The keys of a procedure besides kind, reason and planned.
std::vector<std::string> ProcedureKeys(const std::string& kind) {
  if (kind == "mri") return {"phase"};
  if (kind == "test_bolus") return {"dose_ug", "response"};
  for (const char* study :
       {"xray", "side_port_aspiration", "dye_study", "rotor_study", "lumbar_puncture"}) {
    if (kind == study) return {"result"};
  }
  if (Contains(Vocabulary::Standard().procedures, kind)) return {};
  return {"phase", "result", "dose_ug", "response"};
}

void ReadProcedure(const yaml::Node& node, Reading* r, std::vector<StepBody>* out) {
  ProcedureStep step;
  if (!node.IsMap()) {
    r->Keys(node, {"kind"});
    return;
  }
  if (!r->Name(node, "kind", "procedure", r->Names().procedures, &step.kind)) return;
  std::vector<std::string> keys = ProcedureKeys(step.kind);
  keys.insert(keys.begin(), "kind");
  keys.insert(keys.end(), {"reason", "planned"});
  r->Keys(node, keys);
  r->OneOf(node, "phase", {"start", "end"}, &step.phase);
  r->Text(node, "result", &step.result);
  r->Number(node, "dose_ug", kPositive, &step.dose_ug);
  r->OneOf(node, "response", {"improved", "none"}, &step.response);
  r->Text(node, "reason", &step.reason);
  r->Flag(node, "planned", &step.planned);
  out->push_back(std::move(step));
}

void ReadOrder(const yaml::Node& node, Reading* r, std::vector<StepBody>* out) {
  if (!r->Keys(node, {"action", "drug", "dose_mg", "dose_ug", "every", "route", "reason", "planned",
                      "rass_target"})) {
    return;
  }
  OrderStep step;
  if (r->Has(node, "action")) {
    r->OneOf(node, "action", {"start", "change", "stop", "hold", "resume"}, &step.action);
  }
  r->Drug(node, &step.drug);
  r->Number(node, "dose_mg", kPositive, &step.dose_mg);
  r->Number(node, "dose_ug", kPositive, &step.dose_ug);
  if (step.dose_mg && step.dose_ug) {
    r->Bad(node, "has both dose_mg and dose_ug", "allowed: one of them");
  }
  r->Positive(node, "every", &step.every_ns);
  if (step.every_ns && *step.every_ns < kMinuteNs) {
    r->Bad(*node.Get("every"), "is shorter than a minute", "allowed: 1m or longer");
  }
  r->Route(node, &step.route);
  r->Text(node, "reason", &step.reason);
  r->Flag(node, "planned", &step.planned);
  r->Number(node, "rass_target", {-5, 4, false}, &step.rass_target);
  out->push_back(std::move(step));
}

void ReadGiven(const yaml::Node& node, Reading* r, std::vector<StepBody>* out) {
  if (!r->Keys(node, {"drug", "dose_mg", "dose_ug", "route"})) return;
  GivenStep step;
  r->Drug(node, &step.drug);
  r->Number(node, "dose_mg", kPositive, &step.dose_mg);
  r->Number(node, "dose_ug", kPositive, &step.dose_ug);
  r->Route(node, &step.route);
  out->push_back(std::move(step));
}

void ReadMissed(const yaml::Node& node, Reading* r, std::vector<StepBody>* out) {
  if (!r->Keys(node, {"drug", "reason"})) return;
  MissedStep step;
  r->Drug(node, &step.drug);
  r->Text(node, "reason", &step.reason);
  out->push_back(std::move(step));
}

void ReadEncounter(const yaml::Node& node, Reading* r, std::vector<StepBody>* out) {
  if (!r->Keys(node, {"event", "unit", "bed"})) return;
  EncounterStep step;
  if (r->Has(node, "event")) {
    r->OneOf(node, "event", {"admit", "transfer", "discharge"}, &step.event);
  }
  r->Text(node, "unit", &step.unit);
  r->Text(node, "bed", &step.bed);
  out->push_back(std::move(step));
}

void ReadAction(const yaml::Node& node, Reading* r, std::vector<StepBody>* out) {
  if (!r->Keys(node, {"kind", "condition", "by", "for", "reason", "note"})) return;
  ActionStep step;
  if (r->Has(node, "kind")) {
    r->OneOf(node, "kind", {"acknowledge", "snooze", "dismiss", "comment"}, &step.kind);
  }
  r->Name(node, "condition", "condition", r->Names().conditions, &step.condition);
  r->Text(node, "by", &step.by);
  r->Positive(node, "for", &step.for_ns);
  r->Text(node, "reason", &step.reason);
  r->Text(node, "note", &step.note);
  if (step.kind == "snooze") r->Has(node, "for");
  if (step.kind == "dismiss") r->Has(node, "reason");
  if (const auto length = node.Get("for"); length && !step.kind.empty() && step.kind != "snooze") {
    r->Bad(*length, "belongs to a snooze alone", "leave it out");
  }
  out->push_back(std::move(step));
}

void ReadSilence(const yaml::Node& node, Reading* r, std::vector<StepBody>* out) {
  SilenceStep step;
  r->SignalList(node, &step.all, &step.signals);
  out->push_back(std::move(step));
}

void ReadDeviceClock(const yaml::Node& line, Reading* r, std::vector<StepBody>* out) {
  DeviceClockStep step;
  const yaml::Node shift = line.Get("device_clock").value_or(yaml::Node());
  if (!r->Take(shift.AsDuration(), &step.shift_ns)) return;
  constexpr std::int64_t kFarthestNs = 10 * 365 * kDayNs;
  if (step.shift_ns > kFarthestNs || step.shift_ns < -kFarthestNs) {
    r->Bad(shift, "is further off than 10 years", "allowed: -10y to +10y");
    return;
  }
  if (const auto signals = line.Get("signals")) {
    r->SignalList(*signals, &step.all, &step.signals);
  } else {
    step.all = true;
  }
  out->push_back(std::move(step));
}

/// The times of a line: `at`, or `from`, `to` and `every`. False where they are wrong.
bool ReadTimes(const yaml::Node& line, Reading* r, std::int64_t* at, ObserveStep* ramp) {
  std::optional<std::int64_t> from;
  std::optional<std::int64_t> to;
  std::optional<std::int64_t> every;
  if (line.Get("at")) {
    for (const char* key : {"from", "to", "every"}) {
      if (!line.Get(key)) continue;
      r->Report({ErrorCode::kConfig, line.Path() + " has both at and " + key, line.WhereOfKey(key),
                 "allowed: at; or from, to and every"});
      return false;
    }
    r->AfterStart(line, "at", &from);
    *at = from.value_or(0);
    return from.has_value();
  }
  if (!line.Get("from")) {
    r->Bad(line, "has no time", "write at: 1h, or from, to and every for a ramp");
    return false;
  }
  if (!r->Has(line, "to") || !r->Has(line, "every")) return false;
  r->AfterStart(line, "from", &from);
  r->AfterStart(line, "to", &to);
  r->Positive(line, "every", &every);
  if (!from || !to || !every) return false;
  if (*to <= *from) {
    r->Bad(*line.Get("to"), "is not after from", "allowed: a later time than from");
    return false;
  }
  constexpr std::int64_t kMostPoints = 1'000'000;
  if ((*to - *from) / *every > kMostPoints) {
    r->Bad(*line.Get("every"), "makes more than a million points", "write a longer one");
    return false;
  }
  *at = *from;
  ramp->to_ns = *to;
  ramp->every_ns = *every;
  return true;
}

using BodyReader = void (*)(const yaml::Node&, Reading*, std::vector<StepBody>*);

const std::map<std::string, BodyReader>& BodyReaders() {
  static const std::map<std::string, BodyReader> readers = {
      {"pump", ReadPump},       {"procedure", ReadProcedure}, {"order", ReadOrder},
      {"given", ReadGiven},     {"missed", ReadMissed},       {"encounter", ReadEncounter},
      {"silence", ReadSilence}, {"action", ReadAction},
  };
  return readers;
}

void ReadStep(const yaml::Node& line, Reading* r) {
  static const std::vector<std::string> kKeys = {
      "at",    "from",  "to",     "every",     "arrives", "observe",      "pump",    "procedure",
      "order", "given", "missed", "encounter", "silence", "device_clock", "signals", "action"};
  const std::size_t errors_before = r->ErrorCount();
  if (!r->Keys(line, kKeys)) return;
  const bool misspelt = r->ErrorCount() != errors_before;
  std::int64_t at = 0;
  ObserveStep observe;
  if (!ReadTimes(line, r, &at, &observe)) return;
  std::optional<std::int64_t> arrives;
  r->NotNegative(line, "arrives", &arrives);
  std::vector<StepBody> bodies;
  std::size_t named = 0;
  for (const auto& [key, node] : line.Entries()) {
    const auto reader = BodyReaders().find(key);
    if (reader != BodyReaders().end()) {
      ++named;
      reader->second(node, r, &bodies);
    } else if (key == "device_clock") {
      ++named;
      ReadDeviceClock(line, r, &bodies);
    } else if (key == "observe") {
      ++named;
      r->Observed(node, observe.every_ns != 0, &observe.values);
      bodies.emplace_back(observe);
    } else if (key == "signals" && !line.Get("device_clock")) {
      r->Bad(node, "stands without device_clock", "allowed only beside device_clock");
    }
  }
  if (named == 0 && !misspelt) {
    r->Bad(line, "says nothing",
           "write one of observe, pump, procedure, order, given, missed, encounter, silence, "
           "device_clock, action");
  }
  if (observe.every_ns != 0 && !misspelt && (named != 1 || !line.Get("observe"))) {
    r->Bad(line, "has from, to and every without observe alone", "allowed: a ramp of observe");
  }
  for (StepBody& body : bodies) {
    r->Out()->steps.push_back({at, arrives.value_or(0), std::move(body)});
  }
}

}  // namespace

void ReadSteps(const yaml::Node& list, Reading* reading) {
  if (!list.IsList()) {
    reading->Bad(list, "is not a list", "write one step a line, after a dash");
    return;
  }
  for (const yaml::Node& line : list.Items()) ReadStep(line, reading);
}

}  // namespace tonus::scenario
