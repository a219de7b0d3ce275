#include "plugins/clinical/facts.h"

#include <algorithm>
#include <array>

#include "plugins/clinical/reading.h"

namespace tonus::clinical {
namespace {

constexpr Time kHistory = 400 * kDay;  ///< A refill interval and the one before.

struct PumpName {
  PumpKind kind;
  const char* name;
  const char* words;
};
constexpr std::array<PumpName, 18> kPumpNames{{
    {PumpKind::kInterrogation, "interrogation", "pump interrogated"},
    {PumpKind::kMotorStall, "motor_stall", "pump motor stalled"},
    {PumpKind::kMotorStallRecovered, "motor_stall_recovered", "motor stall recovered"},
    {PumpKind::kStopped, "stopped", "pump stopped"},
    {PumpKind::kRestarted, "restarted", "pump restarted"},
    {PumpKind::kMinimumRate, "minimum_rate", "pump at minimum rate"},
    {PumpKind::kTelemetryMode, "telemetry_mode", "pump in telemetry mode"},
    {PumpKind::kResetLowBattery, "reset_low_battery", "pump reset for low battery"},
    {PumpKind::kMemoryError, "memory_error", "pump memory error"},
    {PumpKind::kLowReservoir, "low_reservoir", "low reservoir alarm"},
    {PumpKind::kEmptyReservoir, "empty_reservoir", "pump reservoir empty"},
    {PumpKind::kEri, "eri", "pump replacement indicator on"},
    {PumpKind::kEos, "eos", "pump at end of service"},
    {PumpKind::kAlarmHeard, "alarm_heard", "pump alarm heard"},
    {PumpKind::kRefill, "refill", "pump refilled"},
    {PumpKind::kDoseChange, "dose_change", "dose changed"},
    {PumpKind::kBolus, "bolus", "bolus given"},
    {PumpKind::kConcentrationChange, "concentration_change", "concentration changed"},
}};

struct ProcedureName {
  ProcedureType type;
  const char* name;
  const char* words;
};
constexpr std::array<ProcedureName, 12> kProcedureNames{{
    {ProcedureType::kMri, "mri", "MRI"},
    {ProcedureType::kImplant, "implant", "pump implanted"},
    {ProcedureType::kReplacement, "pump_replacement", "pump replaced"},
    {ProcedureType::kCatheterRevision, "catheter_revision", "catheter revised"},
    {ProcedureType::kExplant, "explant", "pump removed"},
    {ProcedureType::kSurgery, "surgery", "surgery"},
    {ProcedureType::kXray, "xray", "X-ray"},
    {ProcedureType::kSidePort, "side_port_aspiration", "side-port aspiration"},
    {ProcedureType::kDyeStudy, "dye_study", "dye study"},
    {ProcedureType::kRotorStudy, "rotor_study", "rotor study"},
    {ProcedureType::kHyperbaricOxygen, "hyperbaric_oxygen", "hyperbaric oxygen"},
    {ProcedureType::kTestBolus, "test_bolus", "test bolus"},
}};

PumpKind KindOf(std::string_view name) {
  for (const PumpName& row : kPumpNames) {
    if (name == row.name) return row.kind;
  }
  return PumpKind::kOther;
}

ProcedureType TypeOf(std::string_view name) {
  for (const ProcedureName& row : kProcedureNames) {
    if (name == row.name) return row.type;
  }
  return ProcedureType::kOther;
}

/* Each site's newest grade that is not stale. */
void ReadTone(const Vocabulary& names, const tonus::Patient& patient, Bedside* out) {
  const auto newest = patient.latest(names.mas);
  out->tone_newest = newest.effective;
  if (!newest.known) return;
  const auto rows = patient.window(names.mas, out->now - 2 * kDay, newest.effective + 1);
  std::vector<std::string> sites;
  for (const tonus_sample& row : rows) {
    const std::string site(View(row.site));
    if (std::find(sites.begin(), sites.end(), site) == sites.end()) sites.push_back(site);
  }
  std::sort(sites.begin(), sites.end());
  for (const std::string& site : sites) {
    /* `latest` with an empty site means any site: for the whole body the rows are asked. */
    SiteTone tone;
    tone.site = site;
    bool stale = false;
    for (const tonus_sample& row : rows) {
      if (View(row.site) != site) continue;
      tone.grade = row.value;
      tone.at = row.effective;
      tone.ref = row.ref;
      stale = out->now - row.effective > kDay; /* two rounds of assessment */
    }
    if (!site.empty()) stale = stale || patient.latest(names.mas, site).stale;
    if (stale) continue;
    const auto own = patient.baseline(names.mas, site);
    if (own.known()) tone.own = own.median.value();
    out->tone.push_back(std::move(tone));
  }
}

std::optional<double> If(bool known, double value) {
  return known ? std::optional<double>(value) : std::nullopt;
}

void ReadPump(const tonus::Patient& patient, const Vocabulary& names, Therapy* out) {
  const tonus_pump pump = patient.pump();
  const bool has = (pump.flags & TONUS_PUMP_HAS) != 0;
  out->pump_present = has;
  out->intrathecal = has && (pump.drug == 0 || names.baclofen.is(pump.drug));
  out->model = View(pump.model);
  out->concentration_ug_per_ml =
      If((pump.flags & TONUS_PUMP_KNOWN_CONCENTRATION) != 0, pump.concentration_ug_per_ml);
  out->daily_dose_ug = If((pump.flags & TONUS_PUMP_KNOWN_DAILY_DOSE) != 0, pump.daily_dose_ug);
  out->alarm_ml = If((pump.flags & TONUS_PUMP_KNOWN_LOW_ALARM) != 0, pump.low_reservoir_alarm_ml);
  out->capacity_ml = If((pump.flags & TONUS_PUMP_KNOWN_CAPACITY) != 0, pump.reservoir_capacity_ml);
  out->reservoir_ml = If((pump.flags & TONUS_PUMP_KNOWN_RESERVOIR) != 0, pump.reservoir_ml);
  if ((pump.flags & TONUS_PUMP_KNOWN_IMPLANTED) != 0) out->implanted = pump.implanted;
  out->last_refill = pump.last_refill;
  out->last_refill_ref = pump.last_refill_ref;
  out->last_interrogation = pump.last_interrogation;
  out->last_interrogation_ref = pump.last_interrogation_ref;
}

void ReadPumpEvents(const tonus::Patient& patient, Therapy* out) {
  const Time now = out->now;
  for (const tonus_pump_event& row : patient.pump_events(now - kHistory, now + kHour)) {
    PumpEvent event;
    event.at = row.effective;
    event.ref = row.ref;
    event.kind = KindOf(patient.name(TONUS_NAME_PUMP_EVENT, row.kind));
    event.normal = (row.flags & TONUS_PUMP_EV_NORMAL) != 0;
    event.planned = (row.flags & TONUS_PUMP_EV_PLANNED) != 0;
    event.has_reason = row.reason.n > 0;
    event.expected_ml = If((row.flags & TONUS_PUMP_EXPECTED_ML) != 0, row.expected_ml);
    event.aspirated_ml = If((row.flags & TONUS_PUMP_ASPIRATED_ML) != 0, row.aspirated_ml);
    event.filled_ml = If((row.flags & TONUS_PUMP_FILLED_ML) != 0, row.filled_ml);
    event.concentration_ug_per_ml =
        If((row.flags & TONUS_PUMP_CONCENTRATION) != 0, row.concentration_ug_per_ml);
    event.daily_dose_ug = If((row.flags & TONUS_PUMP_DAILY_DOSE) != 0, row.daily_dose_ug);
    event.dose_ug = If((row.flags & TONUS_PUMP_DOSE) != 0, row.dose_ug);
    event.computed_ml = If((row.flags & TONUS_PUMP_COMPUTED_ML) != 0, row.computed_reservoir_ml);
    for (const std::uint32_t fault : Rows<std::uint32_t>(row.faults)) {
      event.faults.push_back(KindOf(patient.name(TONUS_NAME_PUMP_EVENT, fault)));
    }
    out->events.push_back(std::move(event));
  }
}

void ReadProcedures(const tonus::Patient& patient, Therapy* out) {
  const Time now = out->now;
  for (const tonus_procedure& row : patient.procedures(now - kHistory, now + kHour)) {
    Procedure p;
    p.at = row.effective;
    p.ref = row.ref;
    p.type = TypeOf(patient.name(TONUS_NAME_PROCEDURE, row.kind));
    p.start = View(row.phase) == "start";
    p.planned = (row.flags & TONUS_PROC_PLANNED) != 0;
    p.has_reason = row.reason.n > 0;
    p.normal = View(row.result) == "normal";
    p.abnormal = row.result.n > 0 && !p.normal;
    p.improved = View(row.response) == "improved";
    out->procedures.push_back(p);
  }
}

bool ByMouth(std::uint32_t route) {
  return route == TONUS_ROUTE_ORAL || route == TONUS_ROUTE_ENTERAL || route == TONUS_ROUTE_UNKNOWN;
}

void ReadOral(const Vocabulary& names, const tonus::Patient& patient, Therapy* out) {
  for (const tonus_order& row : patient.orders(names.baclofen)) {
    if (!ByMouth(row.route)) continue;
    out->oral = true;
    if ((row.flags & TONUS_AS_NEEDED) != 0) continue;
    OralOrder order;
    order.since = row.since;
    order.changed_at = row.changed_at;
    order.ref = row.ref;
    order.active = row.status == TONUS_ORDER_ACTIVE;
    order.planned = (row.flags & TONUS_PLANNED) != 0;
    order.interval = row.interval;
    if ((row.flags & TONUS_HAS_DOSE_MG) != 0 && row.interval > 0) {
      order.daily_mg = row.dose_mg * static_cast<double>(kDay) / static_cast<double>(row.interval);
    }
    order.previous_daily_mg = row.previous_daily_mg;
    out->oral_orders.push_back(order);
  }
  for (const tonus_dose& row : patient.doses(names.baclofen, out->now - 30 * kDay, out->now + 1)) {
    if (!ByMouth(row.route)) continue;
    out->oral = true;
    out->oral_doses.push_back({row.effective, row.ref, row.status == TONUS_DOSE_GIVEN,
                               (row.flags & TONUS_HAS_DOSE_MG) != 0 ? row.dose_mg : 0});
  }
}

/* An order of these classes that runs, or ran in the last three days (DSM-5 for NMS: 72 h). */
void ReadOrders(const Vocabulary& names, const tonus::Patient& patient, Bedside* out) {
  for (const tonus_order& row : patient.orders()) {
    const bool lately = row.status == TONUS_ORDER_ACTIVE || out->now - row.changed_at <= 72 * kHour;
    if (!lately || row.drug == 0) continue;
    const bool active = row.status == TONUS_ORDER_ACTIVE;
    if (patient.in_class(row.drug, names.dopamine_antagonist)) out->dopamine_antagonist = true;
    if (patient.in_class(row.drug, names.serotonergic)) out->serotonergic = true;
    if (active && patient.in_class(row.drug, names.vasopressor)) out->vasopressor = true;
    if (active && patient.in_class(row.drug, names.antibiotic)) out->antibiotic = true;
  }
}

}  // namespace

const char* Name(PumpKind kind) {
  for (const PumpName& row : kPumpNames) {
    if (kind == row.kind) return row.name;
  }
  return "pump_event";
}
const char* Words(PumpKind kind) {
  for (const PumpName& row : kPumpNames) {
    if (kind == row.kind) return row.words;
  }
  return "pump event";
}
const char* Name(ProcedureType type) {
  for (const ProcedureName& row : kProcedureNames) {
    if (type == row.type) return row.name;
  }
  return "procedure";
}
const char* Words(ProcedureType type) {
  for (const ProcedureName& row : kProcedureNames) {
    if (type == row.type) return row.words;
  }
  return "procedure";
}

bool BareWords(std::string_view text) {
  for (const PumpName& row : kPumpNames) {
    if (text == row.words) return true;
  }
  for (const ProcedureName& row : kProcedureNames) {
    if (text == row.words) return true;
  }
  return false;
}

int SpinalLevel(std::string_view text) {
  if (text.size() < 2 || text[1] < '1' || text[1] > '9') return 0;
  int number = text[1] - '0';
  if (text.size() > 2 && text[2] >= '0' && text[2] <= '9') number = 10 * number + (text[2] - '0');
  switch (text[0]) {
    case 'C':
    case 'c':
      return number - 9;
    case 'T':
    case 't':
      return number;
    case 'L':
    case 'l':
      return 12 + number;
    default:
      return 0;
  }
}

bool HasTherapy(const Vocabulary& names, const tonus::Patient& patient) {
  if ((patient.pump().flags & TONUS_PUMP_HAS) != 0) return true;
  if (!patient.orders(names.baclofen).empty()) return true;
  const Time now = patient.now();
  if (!patient.doses(names.baclofen, now - 30 * kDay, now + 1).empty()) return true;
  /* A pump that was taken out leaves its removal behind. */
  return !patient.procedures(names.explant, now - kHistory, now + 1).empty();
}

Therapy ReadTherapy(const Vocabulary& names, const tonus::Patient& patient) {
  Therapy out;
  out.now = patient.now();
  ReadPump(patient, names, &out);
  ReadPumpEvents(patient, &out);
  ReadProcedures(patient, &out);
  ReadOral(names, patient, &out);
  out.fall = ReadSign(names.fall, patient);
  if (!out.pump_present && !out.intrathecal) {
    /* An explanted pump's patient is still one who had intrathecal baclofen. */
    for (const Procedure& p : out.procedures) {
      if (p.type == ProcedureType::kExplant) out.intrathecal = true;
    }
  }
  return out;
}

Bedside ReadBedside(const Vocabulary& names, const tonus::Patient& patient) {
  Bedside out;
  out.now = patient.now();
  const tonus_patient info = patient.info();
  if ((info.flags & TONUS_PATIENT_HAS_AGE) != 0) out.age_years = info.age_years;
  out.spo2_scale_2 = (info.flags & TONUS_PATIENT_SPO2_SCALE_2) != 0;
  out.sci_thoracic = SpinalLevel(View(info.sci_level));
  out.hr = ReadVital(names.hr, patient);
  out.rr = ReadVital(names.rr, patient);
  out.spo2 = ReadVital(names.spo2, patient);
  out.sbp = ReadVital(names.sbp, patient);
  out.temp = ReadVital(names.temp, patient);
  out.rass = ReadVital(names.rass, patient);
  out.gcs = ReadVital(names.gcs, patient);
  out.penn = ReadVital(names.penn, patient);
  if (out.sbp.known) {
    const tonus_stats stats = patient.stats(names.sbp, out.now - 2 * kHour, out.now + 1);
    if (stats.n >= 3) out.sbp_range_2h = stats.max - stats.min;
  }
  ReadTone(names, patient, &out);
  out.pruritus = ReadSign(names.pruritus, patient);
  out.rash = ReadSign(names.rash, patient);
  out.paresthesia = ReadSign(names.paresthesia, patient);
  out.hallucination = ReadSign(names.hallucination, patient);
  out.agitation = ReadSign(names.agitation, patient);
  out.confusion = ReadSign(names.confusion, patient);
  out.seizure = ReadSign(names.seizure, patient);
  out.meningism = ReadSign(names.meningism, patient);
  out.focal_deficit = ReadSign(names.focal_deficit, patient);
  out.involuntary_movement = ReadSign(names.involuntary_movement, patient);
  out.pocket_swelling = ReadSign(names.pocket_swelling, patient);
  out.pocket_erythema = ReadSign(names.pocket_erythema, patient);
  out.wound_drainage = ReadSign(names.wound_drainage, patient);
  out.csf_leak = ReadSign(names.csf_leak, patient);
  out.ventilated = ReadSign(names.ventilated, patient);
  out.oxygen = ReadSign(names.oxygen, patient);
  out.urine_culture = ReadSign(names.urine_culture, patient);
  out.blood_culture = ReadSign(names.blood_culture, patient);
  out.csf_culture = ReadSign(names.csf_culture, patient);
  out.ck = ReadLab(names.ck, patient);
  out.wbc = ReadLab(names.wbc, patient);
  out.crp = ReadLab(names.crp, patient);
  out.pct = ReadLab(names.pct, patient);
  out.lactate = ReadLab(names.lactate, patient);
  out.platelets = ReadLab(names.platelets, patient);
  out.inr = ReadLab(names.inr, patient);
  ReadOrders(names, patient, &out);
  return out;
}

}  // namespace tonus::clinical
