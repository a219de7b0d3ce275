#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "base/topic.h"
#include "core/normalise/normalise_impl.h"

// Every body but observations. A number that cannot be is refused alone, so that a stall with a
// garbled volume is still a stall; the event goes with it only where nothing would be left to say.

namespace tonus::core {
namespace {

constexpr double kUgPerMg = 1000;
constexpr double kDayNsAsDouble = static_cast<double>(kDayNs);
constexpr std::uint64_t kMaxIntervalNs = static_cast<std::uint64_t>(366 * kDayNs);
constexpr int kMaxListed = 256;
constexpr std::size_t kMaxActionName = 128;
/// Bounds of a person: unvalidated.
constexpr double kMaxAgeYears = 130;
constexpr double kMaxWeightKg = 650;
constexpr double kMaxMonths = 240;
constexpr double kMaxRateMlPerDay = 24;  // Largest rate of SynchroMed II [from memory: verify].

bool IsOneOf(std::string_view text, std::string_view a, std::string_view b) {
  return text.empty() || text == a || text == b;
}

/// How many levels each region of the spine has.
int LevelsOf(char region) {
  switch (region) {
    case 'C':
      return 8;
    case 'T':
      return 12;
    case 'L':
    case 'S':
      return 5;
    default:
      return 0;
  }
}

/// "t4", "T4 AIS-A", "Th4", "D4", "C5/6" → "T4", "T4", "T4", "T4", "C5" in `level`; empty where it
/// names no level.
std::string_view SpinalLevel(std::string_view text, std::array<char, 4>* level) {
  if (text.empty()) return {};
  char region = text.front();
  if (region >= 'a' && region <= 'z') region = static_cast<char>(region - 'a' + 'A');
  if (region == 'D') region = 'T';
  std::size_t at = 1;
  if (region == 'T' && at < text.size() && (text[at] == 'h' || text[at] == 'H')) ++at;
  int number = 0;
  std::size_t digits = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9' && digits < 3) {
    number = number * 10 + (text[at] - '0');
    ++at;
    ++digits;
  }
  if (digits == 0 || number < 1 || number > LevelsOf(region)) return {};
  std::size_t length = 0;
  (*level)[length++] = region;
  if (number >= 10) (*level)[length++] = '1';
  (*level)[length++] = static_cast<char>('0' + number % 10);
  return {level->data(), length};
}

}  // namespace

bool Normaliser::Impl::ReadPumpNumber(bool present, double value, double max, bool needed,
                                      const char* field, const char* unit,
                                      std::optional<double>* to) {
  to->reset();
  if (!present) return true;
  if (!std::isfinite(value) || value < 0) {
    return RefuseField(needed, RejectionCode::kMalformedValue, field,
                       std::string(field) + " " + Shown(value) + " is no amount");
  }
  if (value > max) {
    return RefuseField(needed, RejectionCode::kImplausible, field,
                       std::string(field) + " " + Shown(value) + " " + unit + " lies above " +
                           Shown(max) + " " + unit +
                           "; check the decimal point, and mg against µg");
  }
  *to = value;
  return true;
}

bool Normaliser::Impl::ReadConcentration(bool present, double value, bool needed,
                                         std::optional<double>* to) {
  const PumpLimits& limits = mapping.Pump();
  to->reset();
  if (present && value == 0) {
    return RefuseField(needed, RejectionCode::kImplausible, "concentration_ug_per_ml",
                       "concentration_ug_per_ml is 0; leave it out where it is not known");
  }
  if (!ReadPumpNumber(present, value, limits.concentration_max_ug_per_ml, needed,
                      "concentration_ug_per_ml", "µg/mL", to)) {
    return false;
  }
  const std::vector<double>& usual = limits.usual_concentrations_ug_per_ml;
  if (*to && std::find(usual.begin(), usual.end(), **to) == usual.end()) {
    ++counts.unusual_concentrations;
  }
  return true;
}

bool Normaliser::Impl::ReadPumpEvent(const v1::PumpEvent& body) {
  out->kind = EventKind::kPump;
  NormalPump& pump = out->pump;
  std::vector<PumpEventId> faults = std::move(pump.faults);
  faults.clear();
  pump = NormalPump{};
  pump.faults = std::move(faults);
  pump.kind = mapping.ResolvePumpEvent(body.kind());
  if (pump.kind == 0) {
    CountUnknown(&counts.unknown_codes, "pump_event " + body.kind().substr(0, 64));
    return Refuse(RejectionCode::kUnknownCode,
                  "no pump event is named " + Shown(body.kind()) +
                      "; add it to pump_events in config/signals.yaml",
                  "pump_event " + body.kind().substr(0, 64));
  }
  const FactType& type = mapping.PumpEventOf(pump.kind);
  const PumpLimits& limits = mapping.Pump();
  pump.planned = body.planned();
  pump.reason = body.reason();
  struct Field {
    std::uint32_t bit;
    bool present;
    double value;
    double max;
    const char* name;
    const char* unit;
    std::optional<double>* to;
  };
  const std::array<Field, 6> fields = {{
      {kFieldExpectedMl, body.has_expected_ml(), body.expected_ml(), limits.volume_max_ml,
       "expected_ml", "mL", &pump.expected_ml},
      {kFieldAspiratedMl, body.has_aspirated_ml(), body.aspirated_ml(), limits.volume_max_ml,
       "aspirated_ml", "mL", &pump.aspirated_ml},
      {kFieldFilledMl, body.has_filled_ml(), body.filled_ml(), limits.volume_max_ml, "filled_ml",
       "mL", &pump.filled_ml},
      {kFieldConcentration, body.has_concentration_ug_per_ml(), body.concentration_ug_per_ml(),
       limits.concentration_max_ug_per_ml, "concentration_ug_per_ml", "µg/mL",
       &pump.concentration_ug_per_ml},
      {kFieldDailyDoseUg, body.has_daily_dose_ug(), body.daily_dose_ug(), limits.daily_dose_ug_max,
       "daily_dose_ug", "µg/d", &pump.daily_dose_ug},
      {kFieldDoseUg, body.has_dose_ug(), body.dose_ug(), limits.dose_ug_max, "dose_ug", "µg",
       &pump.dose_ug},
  }};
  for (const Field& field : fields) {
    const bool needed = (type.required & field.bit) != 0;
    if (!field.present && needed) {
      return Refuse(RejectionCode::kMalformed, type.name + " says nothing without " + field.name,
                    field.name);
    }
    if (field.present && (type.allowed & field.bit) == 0) {
      RefuseValue(RejectionCode::kMalformedValue, -1, field.name,
                  type.name + " has no " + field.name + "; the number is left out");
      continue;
    }
    const bool good = field.bit == kFieldConcentration
                          ? ReadConcentration(field.present, field.value, needed, field.to)
                          : ReadPumpNumber(field.present, field.value, field.max, needed,
                                           field.name, field.unit, field.to);
    if (!good) return false;
  }
  return true;
}

void Normaliser::Impl::AddFault(PumpEventId fault) {
  std::vector<PumpEventId>& faults = out->pump.faults;
  if (std::find(faults.begin(), faults.end(), fault) == faults.end()) faults.push_back(fault);
}

void Normaliser::Impl::ReadFault(const std::string& name) {
  if (const PumpEventId fault = mapping.ResolvePumpEvent(name)) {
    AddFault(fault);
    return;
  }
  CountUnknown(&counts.unknown_codes, "fault " + name.substr(0, 64));
  RefuseValue(RejectionCode::kUnknownCode, -1, "fault " + name.substr(0, 64),
              "no pump event is named " + Shown(name) +
                  "; the interrogation is kept as not normal; add the name to pump_events in "
                  "config/signals.yaml");
}

bool Normaliser::Impl::ReadPumpStatus(const v1::PumpStatus& body) {
  out->kind = EventKind::kPump;
  NormalPump& pump = out->pump;
  std::vector<PumpEventId> faults = std::move(pump.faults);
  faults.clear();
  pump = NormalPump{};
  pump.faults = std::move(faults);
  pump.kind = mapping.Find(NameSpace::kPumpEvent, "interrogation");
  pump.is_status = true;
  if (body.faults_size() > kMaxListed) {
    return Refuse(RejectionCode::kMalformed, "the interrogation lists more than 256 faults");
  }
  for (const std::string& fault : body.faults()) ReadFault(fault);
  pump.therapy_state = static_cast<std::uint32_t>(body.therapy_state());
  const char* stopped = nullptr;
  if (body.therapy_state() == v1::THERAPY_STATE_STOPPED) stopped = "stopped";
  if (body.therapy_state() == v1::THERAPY_STATE_MINIMUM_RATE) stopped = "minimum_rate";
  if (body.therapy_state() == v1::THERAPY_STATE_TELEMETRY) stopped = "telemetry_mode";
  if (stopped != nullptr) {
    if (const PumpEventId fault = mapping.Find(NameSpace::kPumpEvent, stopped)) AddFault(fault);
  }
  // Unknown faults are faults: a pump is normal only where it says so and lists nothing.
  pump.normal = body.normal() && body.faults().empty() && pump.faults.empty();
  pump.drug = body.has_drug() ? ReadDrug(body.drug()) : 0;
  pump.model = body.model();
  pump.serial = body.serial();
  const PumpLimits& limits = mapping.Pump();
  ReadConcentration(body.has_concentration_ug_per_ml(), body.concentration_ug_per_ml(), false,
                    &pump.concentration_ug_per_ml);
  ReadPumpNumber(body.has_programmed_daily_dose_ug(), body.programmed_daily_dose_ug(),
                 limits.daily_dose_ug_max, false, "programmed_daily_dose_ug", "µg/d",
                 &pump.daily_dose_ug);
  ReadPumpNumber(body.has_programmed_rate_ml_per_day(), body.programmed_rate_ml_per_day(),
                 kMaxRateMlPerDay, false, "programmed_rate_ml_per_day", "mL/d",
                 &pump.rate_ml_per_day);
  ReadPumpNumber(body.has_computed_reservoir_ml(), body.computed_reservoir_ml(),
                 limits.volume_max_ml, false, "computed_reservoir_ml", "mL",
                 &pump.computed_reservoir_ml);
  ReadPumpNumber(body.has_low_reservoir_alarm_ml(), body.low_reservoir_alarm_ml(),
                 limits.volume_max_ml, false, "low_reservoir_alarm_ml", "mL",
                 &pump.low_reservoir_alarm_ml);
  ReadPumpNumber(body.has_reservoir_capacity_ml(), body.reservoir_capacity_ml(),
                 limits.volume_max_ml, false, "reservoir_capacity_ml", "mL",
                 &pump.reservoir_capacity_ml);
  ReadPumpNumber(body.has_months_to_eri(), body.months_to_eri(), kMaxMonths, false, "months_to_eri",
                 "months", &pump.months_to_eri);
  ReadPumpNumber(body.has_dead_space_ml(), body.dead_space_ml(), limits.volume_max_ml, false,
                 "dead_space_ml", "mL", &pump.dead_space_ml);
  ReadPast(body.has_implanted_ns(), body.implanted_ns(), "implanted_ns", &pump.implanted_ns);
  return true;
}

DrugId Normaliser::Impl::ReadDrug(const v1::Coding& drug) {
  if (drug.code().empty()) return 0;
  const DrugId id = mapping.ResolveDrug(drug.system(), drug.code());
  if (id == 0) CountUnknown(&counts.unknown_drugs, drug.code().substr(0, 64));
  return id;
}

bool Normaliser::Impl::ReadDoses(const Doses& doses, std::optional<double>* mg,
                                 std::optional<double>* ug) {
  mg->reset();
  ug->reset();
  if ((doses.has_mg && (!std::isfinite(doses.mg) || doses.mg < 0)) ||
      (doses.has_ug && (!std::isfinite(doses.ug) || doses.ug < 0))) {
    return RefuseField(doses.needed, RejectionCode::kMalformedValue, "dose",
                       "the dose is negative or not a finite number");
  }
  if (doses.has_mg && doses.has_ug && std::fabs(doses.mg * kUgPerMg - doses.ug) > 0.01 * doses.ug) {
    return RefuseField(doses.needed, RejectionCode::kImplausible, "dose",
                       "dose_mg " + Shown(doses.mg) + " and dose_ug " + Shown(doses.ug) +
                           " are not the same dose; send one of them");
  }
  if (doses.drug != 0) {
    for (const DoseLimit& limit : mapping.DrugOf(doses.drug).limits) {
      if (std::find(limit.routes.begin(), limit.routes.end(), doses.route) == limit.routes.end()) {
        continue;
      }
      if (limit.mg_only && doses.has_ug && !doses.has_mg) {
        return RefuseField(doses.needed, RejectionCode::kImplausible, "dose_ug",
                           "a dose of " + Shown(doses.ug) +
                               " µg by this route is a confusion of mg and µg, a factor of 1000; "
                               "send dose_mg");
      }
      const double one_ug = doses.has_ug ? doses.ug : doses.mg * kUgPerMg;
      if (limit.dose_mg_max && doses.has_mg && doses.mg > *limit.dose_mg_max) {
        return RefuseField(doses.needed, RejectionCode::kImplausible, "dose_mg",
                           "a dose of " + Shown(doses.mg) + " mg by this route (" +
                               Shown(doses.mg * kUgPerMg) +
                               " µg) is a confusion of mg and µg, a factor of 1000; send dose_ug");
      }
      const double daily = doses.interval_ns > 0
                               ? one_ug * kDayNsAsDouble / static_cast<double>(doses.interval_ns)
                               : one_ug;
      if (limit.daily_dose_ug_max && daily > *limit.daily_dose_ug_max) {
        return RefuseField(doses.needed, RejectionCode::kImplausible, "dose_ug",
                           "a dose of " + Shown(daily) + " µg a day by this route lies above " +
                               Shown(*limit.daily_dose_ug_max) +
                               " µg; check the decimal point, and mg against µg");
      }
    }
  }
  if (doses.route == v1::ROUTE_INTRATHECAL) {
    if (doses.has_ug || doses.has_mg) *ug = doses.has_ug ? doses.ug : doses.mg * kUgPerMg;
  } else if (doses.has_mg || doses.has_ug) {
    *mg = doses.has_mg ? doses.mg : doses.ug / kUgPerMg;
  }
  return true;
}

bool Normaliser::Impl::ReadOrder(const v1::Order& body) {
  out->kind = EventKind::kOrder;
  NormalOrder& order = out->order = NormalOrder{};
  if (body.action() == v1::ORDER_ACTION_UNSPECIFIED || !v1::OrderAction_IsValid(body.action())) {
    return Refuse(RejectionCode::kMalformed,
                  "the order has no action; say start, change, stop, hold or resume");
  }
  order.action = static_cast<std::uint32_t>(body.action());
  order.drug_name = body.drug().code();
  order.drug = ReadDrug(body.drug());
  if (order.drug_name.empty() && !body.has_rass_target()) {
    return Refuse(RejectionCode::kMalformed, "the order names no drug");
  }
  order.route = v1::Route_IsValid(body.route()) ? static_cast<std::uint32_t>(body.route())
                                                : static_cast<std::uint32_t>(v1::ROUTE_OTHER);
  order.planned = body.planned();
  order.as_needed = body.as_needed();
  order.order_id = body.order_id();
  order.reason = body.reason();
  if (body.interval_ns() > kMaxIntervalNs) {
    return Refuse(RejectionCode::kMalformed, "interval_ns is longer than a year", "interval_ns");
  }
  order.interval_ns = static_cast<std::int64_t>(body.interval_ns());
  ReadPast(body.has_since_ns(), body.since_ns(), "since_ns", &order.since_ns);
  ReadNumber(body.has_rass_target(), body.rass_target(), -5, 4, "rass_target", &order.rass_target);
  Doses doses;
  doses.has_mg = body.has_dose_mg();
  doses.has_ug = body.has_dose_ug();
  doses.mg = body.dose_mg();
  doses.ug = body.dose_ug();
  doses.interval_ns = order.interval_ns;
  doses.route = order.route;
  doses.drug = order.drug;
  // A stop is a stop, whatever dose it repeats.
  doses.needed = body.action() != v1::ORDER_ACTION_STOP && body.action() != v1::ORDER_ACTION_HOLD;
  return ReadDoses(doses, &order.dose_mg, &order.dose_ug);
}

bool Normaliser::Impl::ReadAdministration(const v1::Administration& body) {
  out->kind = EventKind::kAdministration;
  NormalAdministration& dose = out->administration = NormalAdministration{};
  if (body.status() == v1::ADMINISTRATION_STATUS_UNSPECIFIED ||
      !v1::AdministrationStatus_IsValid(body.status())) {
    return Refuse(RejectionCode::kMalformed,
                  "the administration has no status; say given, missed, held or refused");
  }
  dose.status = static_cast<std::uint32_t>(body.status());
  dose.drug_name = body.drug().code();
  if (dose.drug_name.empty()) {
    return Refuse(RejectionCode::kMalformed, "the administration names no drug");
  }
  dose.drug = ReadDrug(body.drug());
  dose.route = v1::Route_IsValid(body.route()) ? static_cast<std::uint32_t>(body.route())
                                               : static_cast<std::uint32_t>(v1::ROUTE_OTHER);
  dose.order_id = body.order_id();
  dose.reason = body.reason();
  ReadNumber(body.has_rate_mg_per_h(), body.rate_mg_per_h(), 0, 1e6, "rate_mg_per_h",
             &dose.rate_mg_per_h);
  Doses doses;
  doses.has_mg = body.has_dose_mg();
  doses.has_ug = body.has_dose_ug();
  doses.mg = body.dose_mg();
  doses.ug = body.dose_ug();
  doses.route = dose.route;
  doses.drug = dose.drug;
  doses.needed = body.status() == v1::ADMINISTRATION_STATUS_GIVEN;
  return ReadDoses(doses, &dose.dose_mg, &dose.dose_ug);
}

bool Normaliser::Impl::ReadProcedure(const v1::Procedure& body) {
  out->kind = EventKind::kProcedure;
  NormalProcedure& procedure = out->procedure = NormalProcedure{};
  procedure.kind = mapping.ResolveProcedure(body.kind());
  if (procedure.kind == 0) {
    CountUnknown(&counts.unknown_codes, "procedure " + body.kind().substr(0, 64));
    return Refuse(RejectionCode::kUnknownCode,
                  "no procedure is named " + Shown(body.kind()) +
                      "; add it to procedures in config/signals.yaml",
                  "procedure " + body.kind().substr(0, 64));
  }
  procedure.planned = body.planned();
  procedure.reason = body.reason();
  procedure.result = body.result();
  if (IsOneOf(body.phase(), "start", "end")) {
    procedure.phase = body.phase();
  } else {
    // Taken for neither a start nor an end, it would read as the whole of the procedure.
    return Refuse(RejectionCode::kMalformedValue,
                  "phase " + Shown(body.phase()) + " is neither start nor end", "phase");
  }
  if (IsOneOf(body.response(), "improved", "none")) {
    procedure.response = body.response();
  } else {
    RefuseValue(RejectionCode::kMalformedValue, -1, "response",
                "response " + Shown(body.response()) + " is neither improved nor none");
  }
  ReadNumber(body.has_dose_ug(), body.dose_ug(), 0, mapping.Pump().dose_ug_max, "dose_ug",
             &procedure.dose_ug);
  return true;
}

bool Normaliser::Impl::ReadEncounter(const v1::Encounter& body, std::string_view topic_unit_part) {
  out->kind = EventKind::kEncounter;
  NormalEncounter& encounter = out->encounter = NormalEncounter{};
  if (body.action() == v1::ENCOUNTER_ACTION_UNSPECIFIED ||
      !v1::EncounterAction_IsValid(body.action())) {
    return Refuse(RejectionCode::kMalformed,
                  "the encounter has no action; say admit, transfer, discharge or merge");
  }
  encounter.action = static_cast<std::uint32_t>(body.action());
  encounter.unit = body.unit();
  encounter.bed = body.bed();
  encounter.merged_id = body.merged_id();
  if (encounter.unit.empty() && body.action() != v1::ENCOUNTER_ACTION_MERGE) {
    topic_unit = UnitName(topic_unit_part);
    encounter.unit = topic_unit;
  }
  if (encounter.unit.size() > 64 || encounter.bed.size() > 64) {
    return Refuse(RejectionCode::kMalformed, "unit and bed may have 64 bytes each");
  }
  if (encounter.merged_id.size() > 64) {
    return Refuse(RejectionCode::kMalformed, "merged_id may have 64 bytes");
  }
  if (body.action() == v1::ENCOUNTER_ACTION_MERGE &&
      (encounter.merged_id.empty() || encounter.merged_id == out->patient)) {
    return Refuse(RejectionCode::kMalformed,
                  "a merge names the identifier that is retired in merged_id, another than "
                  "patient_id");
  }
  return true;
}

void Normaliser::Impl::ReadNumber(bool present, double value, double low, double high,
                                  const char* field, std::optional<double>* to) {
  to->reset();
  if (!present) return;
  if (!std::isfinite(value)) {
    RefuseValue(RejectionCode::kMalformedValue, -1, field,
                std::string(field) + " is not a finite number");
  } else if (value < low || value > high) {
    RefuseValue(RejectionCode::kImplausible, -1, field,
                std::string(field) + " " + Shown(value) + " lies outside " + Shown(low) + " to " +
                    Shown(high));
  } else {
    *to = value;
  }
}

void Normaliser::Impl::ReadPast(bool present, std::int64_t ns, const char* field,
                                std::optional<std::int64_t>* to) {
  to->reset();
  if (!present) return;
  std::int64_t age_ns = 0;
  if (__builtin_sub_overflow(out->recorded_ns, ns, &age_ns) || age_ns < -future_ns) {
    RefuseValue(RejectionCode::kFuture, -1, field,
                std::string(field) + " " + FormatTime(ns) + " lies after the event was recorded");
    return;
  }
  *to = ns;
}

bool Normaliser::Impl::ReadPatient(const v1::PatientSnapshot& body) {
  out->kind = EventKind::kPatient;
  NormalPatient& patient = out->patient_snapshot;
  patient.sci_level = {};
  patient.diagnoses.clear();
  patient.implants.clear();
  if (body.diagnoses_size() > kMaxListed || body.implants_size() > kMaxListed) {
    return Refuse(RejectionCode::kMalformed, "more than 256 diagnoses or implants");
  }
  ReadNumber(body.has_age_years(), body.age_years(), 0, kMaxAgeYears, "age_years",
             &patient.age_years);
  ReadNumber(body.has_weight_kg(), body.weight_kg(), 0.2, kMaxWeightKg, "weight_kg",
             &patient.weight_kg);
  patient.spo2_scale_2 = body.spo2_scale_2();
  patient.sci_level = SpinalLevel(body.sci_level(), &spinal_level);
  if (!body.sci_level().empty() && patient.sci_level.empty()) {
    RefuseValue(RejectionCode::kMalformedValue, -1, "sci_level",
                "sci_level " + Shown(body.sci_level()) + " names no level; write C1 to S5");
  }
  for (const std::string& diagnosis : body.diagnoses()) patient.diagnoses.push_back(diagnosis);
  const PumpLimits& limits = mapping.Pump();
  for (const v1::Implant& implant : body.implants()) {
    NormalImplant& to = patient.implants.emplace_back();
    to.kind = implant.kind();
    to.model = implant.model();
    to.drug = implant.has_drug() ? ReadDrug(implant.drug()) : 0;
    ReadPast(implant.has_implanted_ns(), implant.implanted_ns(), "implanted_ns", &to.implanted_ns);
    ReadPumpNumber(implant.has_reservoir_capacity_ml(), implant.reservoir_capacity_ml(),
                   limits.volume_max_ml, false, "reservoir_capacity_ml", "mL",
                   &to.reservoir_capacity_ml);
    ReadPumpNumber(implant.has_low_reservoir_alarm_ml(), implant.low_reservoir_alarm_ml(),
                   limits.volume_max_ml, false, "low_reservoir_alarm_ml", "mL",
                   &to.low_reservoir_alarm_ml);
    ReadConcentration(implant.has_concentration_ug_per_ml(), implant.concentration_ug_per_ml(),
                      false, &to.concentration_ug_per_ml);
    ReadPumpNumber(implant.has_programmed_daily_dose_ug(), implant.programmed_daily_dose_ug(),
                   limits.daily_dose_ug_max, false, "programmed_daily_dose_ug", "µg/d",
                   &to.daily_dose_ug);
  }
  return true;
}

bool Normaliser::Impl::ReadAction(const v1::Action& body) {
  out->kind = EventKind::kAction;
  NormalAction& action = out->action = NormalAction{};
  if (body.kind() == v1::ACTION_KIND_UNSPECIFIED || !v1::ActionKind_IsValid(body.kind())) {
    return Refuse(RejectionCode::kMalformed,
                  "the action has no kind; say acknowledge, snooze, dismiss or comment");
  }
  action.kind = static_cast<std::uint32_t>(body.kind());
  action.condition = body.condition();
  action.alert_id = body.alert_id();
  action.by = body.by();
  action.reason = body.reason();
  action.note = body.note();
  action.alert_sequence = body.alert_sequence();
  if (body.has_until_ns()) action.until_ns = body.until_ns();
  if (body.condition().empty() && body.alert_id().empty()) {
    return Refuse(RejectionCode::kMalformed, "the action names neither a condition nor an alert");
  }
  if (std::max({body.condition().size(), body.alert_id().size(), body.by().size()}) >
      kMaxActionName) {
    return Refuse(RejectionCode::kMalformed, "condition, alert_id and by may have 128 bytes each");
  }
  if (body.by().empty()) {
    return Refuse(RejectionCode::kMalformed, "the action does not say who acts; set by");
  }
  if (body.kind() == v1::ACTION_KIND_SNOOZE && !body.has_until_ns()) {
    return Refuse(RejectionCode::kMalformed, "a snooze needs an end; set until_ns");
  }
  return true;
}

}  // namespace tonus::core
