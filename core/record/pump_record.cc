#include "core/record/pump_record.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "tonus/plugin.h"
#include "tonus/v1/event.pb.h"

namespace tonus::core {
namespace {

constexpr std::size_t kFacts = 256;
constexpr std::size_t kReasonBytes = 256;

// After these a pump's programme delivers no therapeutic dose until it is restarted or programmed.
constexpr std::array<std::string_view, 7> kStops = {
    "stopped",      "minimum_rate", "telemetry_mode", "reset_low_battery",
    "memory_error", "eos",          "empty_reservoir"};

bool Stops(std::string_view kind) {
  return std::find(kStops.begin(), kStops.end(), kind) != kStops.end();
}

template <class T>
void Set(const std::optional<T>& from, std::optional<T>* to) {
  if (from) *to = from;
}

void SetFlag(const std::optional<double>& from, std::uint32_t flag, double* to,
             std::uint32_t* flags) {
  if (!from) return;
  *to = *from;
  *flags |= flag;
}

}  // namespace

PumpRecord::PumpRecord(const Mapping& mapping)
    : mapping_(mapping), history_(kFacts), facts_(kFacts) {}

const PumpFact& PumpRecord::Add(const NormalPump& pump, std::int64_t effective, Ref ref) {
  PumpFact fact;
  fact.effective = effective;
  fact.ref = ref;
  fact.kind = pump.kind;
  SetFlag(pump.expected_ml, TONUS_PUMP_EXPECTED_ML, &fact.expected_ml, &fact.flags);
  SetFlag(pump.aspirated_ml, TONUS_PUMP_ASPIRATED_ML, &fact.aspirated_ml, &fact.flags);
  SetFlag(pump.filled_ml, TONUS_PUMP_FILLED_ML, &fact.filled_ml, &fact.flags);
  SetFlag(pump.concentration_ug_per_ml, TONUS_PUMP_CONCENTRATION, &fact.concentration_ug_per_ml,
          &fact.flags);
  SetFlag(pump.daily_dose_ug, TONUS_PUMP_DAILY_DOSE, &fact.daily_dose_ug, &fact.flags);
  SetFlag(pump.dose_ug, TONUS_PUMP_DOSE, &fact.dose_ug, &fact.flags);
  SetFlag(pump.computed_reservoir_ml, TONUS_PUMP_COMPUTED_ML, &fact.computed_reservoir_ml,
          &fact.flags);
  if (pump.planned) fact.flags |= TONUS_PUMP_EV_PLANNED;
  if (pump.is_status && pump.normal) fact.flags |= TONUS_PUMP_EV_NORMAL;
  fact.faults = pump.faults;
  fact.reason = CutText(pump.reason, kReasonBytes);
  newest_ = fact;
  facts_.Insert(std::move(fact));
  Step step;
  step.effective = effective;
  step.ref = ref;
  step.pump = pump;
  step.model = CutText(pump.model, kReasonBytes);
  Take(std::move(step));
  return newest_;
}

void PumpRecord::TakeSnapshot(const NormalImplant& implant, std::int64_t effective) {
  if (implant.kind != "intrathecal_pump") return;
  Step step;
  step.effective = effective;
  step.source = Source::kSnapshot;
  step.implant = implant;
  step.model = CutText(implant.model, kReasonBytes);
  Take(std::move(step));
}

void PumpRecord::TakeProcedure(std::string_view kind, std::int64_t effective) {
  if (kind != "implant" && kind != "pump_replacement" && kind != "explant") return;
  Step step;
  step.effective = effective;
  step.source = Source::kProcedure;
  step.procedure = std::string(kind);
  Take(std::move(step));
}

void PumpRecord::Take(Step step) {
  const bool late = !history_.empty() && step.effective < history_.back().effective;
  if (!late) ApplyTo(&now_, step);
  if (const auto out = history_.Insert(std::move(step))) ApplyTo(&base_, *out);
  if (!late) return;
  now_ = base_;
  for (std::size_t i = 0; i < history_.size(); ++i) ApplyTo(&now_, history_[i]);
}

void PumpRecord::Deliver(PumpState* state, std::int64_t until) {
  if (state->reservoir_ml && state->delivering && state->daily_dose_ug &&
      state->concentration_ug_per_ml && *state->concentration_ug_per_ml > 0 &&
      until > state->reservoir_at) {
    const double days =
        static_cast<double>(until - state->reservoir_at) / static_cast<double>(kDayNs);
    const double used = *state->daily_dose_ug / *state->concentration_ug_per_ml * days;
    state->reservoir_ml = std::max(0.0, *state->reservoir_ml - used);
  }
  state->reservoir_at = std::max(state->reservoir_at, until);
}

std::optional<double> PumpRecord::ReservoirAt(std::int64_t time) const {
  PumpState state = now_;
  Deliver(&state, time);
  return state.reservoir_ml;
}

void PumpRecord::ApplyTo(PumpState* state, const Step& step) const {
  Deliver(state, step.effective);
  if (step.source == Source::kProcedure) {
    const std::int64_t interrogated = state->last_interrogation;
    const Ref interrogated_ref = state->last_interrogation_ref;
    *state = PumpState{};
    state->last_interrogation = interrogated;
    state->last_interrogation_ref = interrogated_ref;
    state->present = step.procedure != "explant";
    if (state->present) state->implanted = step.effective;
    return;
  }
  state->present = true;
  if (!step.model.empty()) state->model = step.model;
  if (step.source == Source::kSnapshot) {
    const NormalImplant& implant = step.implant;
    if (implant.drug != 0) state->drug = implant.drug;
    Set(implant.implanted_ns, &state->implanted);
    Set(implant.reservoir_capacity_ml, &state->reservoir_capacity_ml);
    Set(implant.concentration_ug_per_ml, &state->concentration_ug_per_ml);
    Set(implant.daily_dose_ug, &state->daily_dose_ug);
    Set(implant.low_reservoir_alarm_ml, &state->low_reservoir_alarm_ml);
    return;
  }
  if (step.pump.drug != 0) state->drug = step.pump.drug;
  Set(step.pump.implanted_ns, &state->implanted);
  Set(step.pump.reservoir_capacity_ml, &state->reservoir_capacity_ml);
  Set(step.pump.low_reservoir_alarm_ml, &state->low_reservoir_alarm_ml);
  if (step.pump.is_status) {
    ApplyInterrogation(state, step);
  } else {
    ApplyEvent(state, step);
  }
}

void PumpRecord::ApplyInterrogation(PumpState* state, const Step& step) {
  Set(step.pump.concentration_ug_per_ml, &state->concentration_ug_per_ml);
  Set(step.pump.daily_dose_ug, &state->daily_dose_ug);
  Set(step.pump.computed_reservoir_ml, &state->reservoir_ml);
  state->last_interrogation = step.effective;
  state->last_interrogation_ref = step.ref;
  switch (step.pump.therapy_state) {
    case v1::THERAPY_STATE_UNSPECIFIED:
      break;
    case v1::THERAPY_STATE_MINIMUM_RATE:
    case v1::THERAPY_STATE_STOPPED:
    case v1::THERAPY_STATE_TELEMETRY:
      state->delivering = false;
      break;
    default:
      state->delivering = true;
  }
}

void PumpRecord::ApplyEvent(PumpState* state, const Step& step) const {
  const NormalPump& pump = step.pump;
  const std::string_view kind = mapping_.Name(NameSpace::kPumpEvent, pump.kind);
  if (Stops(kind)) state->delivering = false;
  if (kind == "restarted" || kind == "dose_change") state->delivering = true;
  if (kind == "bolus" && pump.dose_ug && state->reservoir_ml && state->concentration_ug_per_ml &&
      *state->concentration_ug_per_ml > 0) {
    const double used = *pump.dose_ug / *state->concentration_ug_per_ml;
    state->reservoir_ml = std::max(0.0, *state->reservoir_ml - used);
  }
  if (kind == "refill") {
    Set(pump.filled_ml, &state->reservoir_ml);
    state->last_refill = step.effective;
    state->last_refill_ref = step.ref;
    if (pump.filled_ml && *pump.filled_ml > 0) state->delivering = true;
  }
  if (kind == "refill" || kind == "concentration_change") {
    Set(pump.concentration_ug_per_ml, &state->concentration_ug_per_ml);
  }
  Set(pump.daily_dose_ug, &state->daily_dose_ug);
}

}  // namespace tonus::core
