#include "plugins/clinical/pump_story.h"

#include <algorithm>

namespace tonus::clinical {

void Fault::Open(Time at, Ref at_ref, bool is_planned) {
  if (open()) return;
  since = at;
  restored = 0;
  ref = at_ref;
  planned = is_planned;
}

void Fault::Close(Time at) {
  if (open()) restored = at;
}

PumpStory::PumpStory(const Therapy& therapy) {
  prometra_ = therapy.model.find("Prometra") != std::string::npos;
  std::size_t i = 0, k = 0;
  const auto& events = therapy.events;
  const auto& procedures = therapy.procedures;
  while (i < events.size() || k < procedures.size()) {
    const bool event =
        k == procedures.size() || (i < events.size() && events[i].at <= procedures[k].at);
    if (event) {
      Take(events[i++]);
    } else {
      Take(procedures[k++]);
    }
  }
}

void PumpStory::Take(const PumpEvent& e) {
  switch (e.kind) {
    case PumpKind::kInterrogation:
      Interrogated(e);
      break;
    case PumpKind::kMotorStallRecovered:
      stall.Close(e.at);
      alarm.Close(e.at);
      interrogated = std::max(interrogated, e.at); /* a recovery is read out by interrogation */
      break;
    case PumpKind::kRestarted:
      valve.Close(e.at);
      for (Fault* f : {&stopped, &minimum_rate, &telemetry, &reset, &memory}) f->Close(e.at);
      break;
    case PumpKind::kDoseChange:
      if (e.daily_dose_ug && *e.daily_dose_ug > 0) {
        for (Fault* f : {&stopped, &minimum_rate, &telemetry, &reset, &memory}) f->Close(e.at);
      }
      break;
    case PumpKind::kRefill:
      emptied_ = e.filled_ml && *e.filled_ml <= 0 ? e.at : 0;
      low.Close(e.at);
      empty.Close(e.at);
      Risk(e.at, "the refill", e.ref);
      break;
    case PumpKind::kAlarmHeard:
      Risk(e.at, "the pump alarm", e.ref);
      OpenFault(e.kind, e);
      break;
    default:
      OpenFault(e.kind, e);
  }
}

void PumpStory::Interrogated(const PumpEvent& e) {
  interrogated = std::max(interrogated, e.at);
  alarm.Close(e.at);
  for (const PumpKind fault : e.faults) OpenFault(fault, e);
  if (!e.normal) return;
  for (Fault* f : {&stall, &telemetry, &reset, &memory}) f->Close(e.at);
}

void PumpStory::OpenFault(PumpKind kind, const PumpEvent& e) {
  for (Fault* f : {&stall, &stopped, &minimum_rate, &telemetry, &reset, &memory, &low, &empty, &eri,
                   &eos, &alarm}) {
    if (f->kind == kind) f->Open(e.at, e.ref, e.planned && e.has_reason);
  }
}

void PumpStory::Take(const Procedure& p) {
  switch (p.type) {
    case ProcedureType::kExplant:
      explant.Open(p.at, p.ref, p.planned && p.has_reason);
      break;
    case ProcedureType::kImplant:
    case ProcedureType::kReplacement:
      for (Fault* f : {&stall, &stopped, &minimum_rate, &telemetry, &reset, &memory, &low, &empty,
                       &eri, &eos, &alarm, &explant, &valve}) {
        f->Close(p.at);
      }
      Surgery(p);
      break;
    case ProcedureType::kCatheterRevision:
      Surgery(p);
      break;
    case ProcedureType::kMri:
      if (prometra_) valve.Open(p.at, p.ref, emptied_ != 0 && p.at - emptied_ <= 2 * kDay);
      break;
    case ProcedureType::kSurgery:
      Risk(p.at, "surgery", p.ref);
      break;
    default:
      break;
  }
}

void PumpStory::Surgery(const Procedure& p) {
  system_surgery = p.at;
  system_surgery_name = Name(p.type);
  system_surgery_words = Words(p.type);
  system_surgery_ref = p.ref;
  Risk(p.at, "surgery on the system", p.ref);
}

void PumpStory::Risk(Time at, const char* words, Ref ref) {
  risk = at;
  risk_words = words;
  risk_ref = ref;
}

}  // namespace tonus::clinical
