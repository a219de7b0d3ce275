#include "scenario/event_bodies.h"

#include "base/text.h"

namespace tonus::scenario {
namespace {

void SetDrug(const std::string& name, v1::Coding* coding) {
  coding->set_system("local");
  coding->set_code(name);
}

v1::TherapyState TherapyOf(const PumpStep& step) {
  const std::string& said = step.therapy_state;
  if (said == "simple_continuous") return v1::THERAPY_STATE_SIMPLE_CONTINUOUS;
  if (said == "flex") return v1::THERAPY_STATE_FLEX;
  if (said == "bolus") return v1::THERAPY_STATE_BOLUS;
  if (said == "minimum_rate") return v1::THERAPY_STATE_MINIMUM_RATE;
  if (said == "stopped") return v1::THERAPY_STATE_STOPPED;
  if (said == "telemetry") return v1::THERAPY_STATE_TELEMETRY;
  if (Contains(step.faults, "stopped")) return v1::THERAPY_STATE_STOPPED;
  if (Contains(step.faults, "minimum_rate")) return v1::THERAPY_STATE_MINIMUM_RATE;
  if (Contains(step.faults, "telemetry_mode")) return v1::THERAPY_STATE_TELEMETRY;
  return step.normal ? v1::THERAPY_STATE_SIMPLE_CONTINUOUS : v1::THERAPY_STATE_UNSPECIFIED;
}

}  // namespace

v1::Route ToRoute(DrugRoute route) {
  switch (route) {
    case DrugRoute::kEnteral:
      return v1::ROUTE_ENTERAL;
    case DrugRoute::kIv:
      return v1::ROUTE_INTRAVENOUS;
    case DrugRoute::kIntrathecal:
      return v1::ROUTE_INTRATHECAL;
    default:
      return v1::ROUTE_ORAL;
  }
}

void PumpProgramme::Follow(const PumpStep& step) {
  for (const auto& [key, number] : step.numbers) {
    if (key == "daily_dose_ug") pump.daily_dose_ug = number;
    if (key == "concentration_ug_per_ml") pump.concentration_ug_per_ml = number;
  }
}

v1::Observation ToObservation(const SignalName& signal, const Value& value) {
  v1::Observation out;
  out.mutable_code()->set_system("local");
  out.mutable_code()->set_code(signal.name);
  out.set_body_site(signal.site);
  if (const auto* number = std::get_if<double>(&value)) {
    out.set_quantity(*number);
    out.set_unit(std::string(CanonicalUnit(signal.name)));
  }
  if (const auto* flag = std::get_if<bool>(&value)) out.set_flag(*flag);
  if (const auto* text = std::get_if<std::string>(&value)) out.set_text(*text);
  out.set_quality(v1::QUALITY_GOOD);
  return out;
}

v1::PumpStatus ToStatus(const PumpStep& step, const PumpProgramme& programme) {
  const Intrathecal& pump = programme.pump;
  v1::PumpStatus out;
  out.set_model(pump.model);
  SetDrug(pump.drug, out.mutable_drug());
  out.set_therapy_state(TherapyOf(step));
  if (pump.concentration_ug_per_ml) out.set_concentration_ug_per_ml(*pump.concentration_ug_per_ml);
  if (pump.daily_dose_ug) out.set_programmed_daily_dose_ug(*pump.daily_dose_ug);
  if (pump.reservoir_ml) out.set_reservoir_capacity_ml(*pump.reservoir_ml);
  out.set_low_reservoir_alarm_ml(pump.low_reservoir_alarm_ml);
  if (pump.implanted_ns) out.set_implanted_ns(programme.start_ns + *pump.implanted_ns);
  bool rate_said = false;
  for (const auto& [key, number] : step.numbers) {
    if (key == "computed_reservoir_ml") out.set_computed_reservoir_ml(number);
    if (key == "low_reservoir_alarm_ml") out.set_low_reservoir_alarm_ml(number);
    if (key == "reservoir_ml") out.set_reservoir_capacity_ml(number);
    if (key == "months_to_eri") out.set_months_to_eri(number);
    if (key == "rate_ml_per_day") {
      out.set_programmed_rate_ml_per_day(number);
      rate_said = true;
    }
  }
  if (!rate_said && pump.daily_dose_ug && pump.concentration_ug_per_ml) {
    out.set_programmed_rate_ml_per_day(*pump.daily_dose_ug / *pump.concentration_ug_per_ml);
  }
  for (const std::string& fault : step.faults) out.add_faults(fault);
  out.set_normal(step.normal);
  return out;
}

v1::PumpEvent ToPumpEvent(const PumpStep& step) {
  v1::PumpEvent out;
  out.set_kind(step.event);
  out.set_reason(step.reason);
  out.set_planned(step.planned);
  for (const auto& [key, number] : step.numbers) {
    if (key == "expected_ml") out.set_expected_ml(number);
    if (key == "aspirated_ml") out.set_aspirated_ml(number);
    if (key == "filled_ml") out.set_filled_ml(number);
    if (key == "concentration_ug_per_ml") out.set_concentration_ug_per_ml(number);
    if (key == "daily_dose_ug") out.set_daily_dose_ug(number);
    if (key == "dose_ug") out.set_dose_ug(number);
  }
  return out;
}

v1::Procedure ToProcedure(const ProcedureStep& step) {
  v1::Procedure out;
  out.set_kind(step.kind);
  out.set_phase(step.phase);
  out.set_result(step.result);
  if (step.dose_ug) out.set_dose_ug(*step.dose_ug);
  out.set_response(step.response);
  out.set_reason(step.reason);
  out.set_planned(step.planned);
  return out;
}

v1::Order ToOrder(const OrderStep& step) {
  v1::Order out;
  if (step.action == "start") out.set_action(v1::ORDER_ACTION_START);
  if (step.action == "change") out.set_action(v1::ORDER_ACTION_CHANGE);
  if (step.action == "stop") out.set_action(v1::ORDER_ACTION_STOP);
  if (step.action == "hold") out.set_action(v1::ORDER_ACTION_HOLD);
  if (step.action == "resume") out.set_action(v1::ORDER_ACTION_RESUME);
  SetDrug(step.drug, out.mutable_drug());
  out.set_route(ToRoute(step.route));
  if (step.dose_mg) out.set_dose_mg(*step.dose_mg);
  if (step.dose_ug) out.set_dose_ug(*step.dose_ug);
  if (step.every_ns) out.set_interval_ns(static_cast<std::uint64_t>(*step.every_ns));
  out.set_reason(step.reason);
  out.set_planned(step.planned);
  if (step.rass_target) out.set_rass_target(*step.rass_target);
  return out;
}

v1::Administration ToAdministration(const DueDose& dose) {
  v1::Administration out;
  SetDrug(dose.drug, out.mutable_drug());
  out.set_route(ToRoute(dose.route));
  out.set_status(dose.missed ? v1::ADMINISTRATION_STATUS_MISSED : v1::ADMINISTRATION_STATUS_GIVEN);
  if (dose.dose_mg) out.set_dose_mg(*dose.dose_mg);
  if (dose.dose_ug) out.set_dose_ug(*dose.dose_ug);
  out.set_reason(dose.reason);
  return out;
}

v1::Encounter ToEncounter(const EncounterStep& step) {
  v1::Encounter out;
  out.set_action(step.event == "discharge"  ? v1::ENCOUNTER_ACTION_DISCHARGE
                 : step.event == "transfer" ? v1::ENCOUNTER_ACTION_TRANSFER
                                            : v1::ENCOUNTER_ACTION_ADMIT);
  out.set_unit(step.unit);
  out.set_bed(step.bed);
  return out;
}

v1::Action ToAction(const ActionStep& step, LogTimeNs at_ns) {
  v1::Action out;
  out.set_kind(step.kind == "acknowledge" ? v1::ACTION_KIND_ACKNOWLEDGE
               : step.kind == "snooze"    ? v1::ACTION_KIND_SNOOZE
               : step.kind == "dismiss"   ? v1::ACTION_KIND_DISMISS
                                          : v1::ACTION_KIND_COMMENT);
  out.set_condition(step.condition);
  out.set_by(step.by);
  if (step.for_ns) out.set_until_ns(at_ns + *step.for_ns);
  out.set_reason(step.reason);
  out.set_note(step.note);
  return out;
}

v1::PatientSnapshot ToSnapshot(const Patient& patient, LogTimeNs start_ns) {
  v1::PatientSnapshot out;
  if (patient.age_years) out.set_age_years(*patient.age_years);
  if (patient.weight_kg) out.set_weight_kg(*patient.weight_kg);
  for (const std::string& diagnosis : patient.diagnoses) out.add_diagnoses(diagnosis);
  out.set_sci_level(patient.sci_level);
  if (!patient.intrathecal) return out;
  const Intrathecal& pump = *patient.intrathecal;
  v1::Implant* implant = out.add_implants();
  implant->set_kind("intrathecal_pump");
  implant->set_model(pump.model);
  SetDrug(pump.drug, implant->mutable_drug());
  if (pump.implanted_ns) implant->set_implanted_ns(start_ns + *pump.implanted_ns);
  if (pump.reservoir_ml) implant->set_reservoir_capacity_ml(*pump.reservoir_ml);
  if (pump.concentration_ug_per_ml) {
    implant->set_concentration_ug_per_ml(*pump.concentration_ug_per_ml);
  }
  if (pump.daily_dose_ug) implant->set_programmed_daily_dose_ug(*pump.daily_dose_ug);
  implant->set_low_reservoir_alarm_ml(pump.low_reservoir_alarm_ml);
  return out;
}

}  // namespace tonus::scenario
