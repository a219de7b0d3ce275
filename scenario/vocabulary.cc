#include "scenario/vocabulary.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tonus::scenario {
namespace {

void AddNames(const std::vector<std::string>& from, std::vector<std::string>* to) {
  for (const std::string& name : from) {
    if (!Contains(*to, name)) to->push_back(name);
  }
}

}  // namespace

std::string_view CanonicalUnit(std::string_view signal) {
  using Entry = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Entry, 19> kUnits = {{{"HR", "/min"},
                                                    {"RR", "/min"},
                                                    {"SPO2", "%"},
                                                    {"ETCO2", "mm[Hg]"},
                                                    {"SBP", "mm[Hg]"},
                                                    {"DBP", "mm[Hg]"},
                                                    {"MAP", "mm[Hg]"},
                                                    {"TEMP", "Cel"},
                                                    {"CK", "U/L"},
                                                    {"WBC", "10*9/L"},
                                                    {"CRP", "mg/L"},
                                                    {"PCT", "ng/mL"},
                                                    {"LACTATE", "mmol/L"},
                                                    {"CREATININE", "mg/dL"},
                                                    {"EGFR", "mL/min/{1.73_m2}"},
                                                    {"PLATELETS", "10*9/L"},
                                                    {"INR", "{INR}"},
                                                    {"POTASSIUM", "mmol/L"},
                                                    {"GLUCOSE", "mmol/L"}}};
  for (const Entry& entry : kUnits) {
    if (entry.first == signal) return entry.second;
  }
  return {};
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Vocabulary Vocabulary::Standard() {
  Vocabulary v;
  for (const char* name : {"HR", "RR", "SPO2", "ETCO2", "SBP", "DBP", "MAP", "TEMP"}) {
    v.signals.push_back({name, SignalGroup::kVital, ValueForm::kNumber, {}, {}});
  }
  const auto scale = [&v](const char* name, double min, double max) {
    v.signals.push_back({name, SignalGroup::kAssessment, ValueForm::kNumber, min, max});
  };
  scale("MAS", 0, 4);
  scale("PENN", 0, 4);
  scale("RASS", -5, 4);
  scale("GCS", 3, 15);
  scale("PAIN", 0, 10);
  for (const char* name : {"PRURITUS",
                           "RASH",
                           "PARESTHESIA",
                           "HALLUCINATION",
                           "AGITATION",
                           "CONFUSION",
                           "SEIZURE",
                           "CLONUS",
                           "RIGIDITY",
                           "INVOLUNTARY_MOVEMENT",
                           "DIAPHORESIS",
                           "FLUSHING",
                           "FOCAL_DEFICIT",
                           "APHASIA",
                           "MENINGISM",
                           "HEADACHE",
                           "PUPIL_ASYMMETRY",
                           "POCKET_SWELLING",
                           "POCKET_ERYTHEMA",
                           "WOUND_DRAINAGE",
                           "CSF_LEAK",
                           "BLADDER_DISTENSION",
                           "FALL",
                           "VENTILATED",
                           "OXYGEN"}) {
    v.signals.push_back({name, SignalGroup::kFinding, ValueForm::kFlag, {}, {}});
  }
  for (const char* name : {"CK", "WBC", "CRP", "PCT", "LACTATE", "CREATININE", "EGFR", "PLATELETS",
                           "INR", "POTASSIUM", "GLUCOSE"}) {
    v.signals.push_back({name, SignalGroup::kLab, ValueForm::kNumber, {}, {}});
  }
  for (const char* name : {"URINE_CULTURE", "BLOOD_CULTURE", "CSF_CULTURE"}) {
    v.signals.push_back({name, SignalGroup::kLab, ValueForm::kCulture, {}, {}});
  }
  v.pump_events = {"interrogation",
                   "motor_stall",
                   "motor_stall_recovered",
                   "stopped",
                   "restarted",
                   "minimum_rate",
                   "telemetry_mode",
                   "reset_low_battery",
                   "memory_error",
                   "low_reservoir",
                   "empty_reservoir",
                   "eri",
                   "eos",
                   "alarm_heard",
                   "refill",
                   "dose_change",
                   "bolus",
                   "concentration_change"};
  v.procedures = {"mri",
                  "implant",
                  "pump_replacement",
                  "catheter_revision",
                  "explant",
                  "surgery",
                  "xray",
                  "side_port_aspiration",
                  "dye_study",
                  "rotor_study",
                  "lumbar_puncture",
                  "csf_drainage",
                  "hyperbaric_oxygen",
                  "test_bolus"};
  v.conditions = {"withdrawal", "malfunction", "paradox",     "infection",  "tolerance",
                  "overdose",   "interaction", "neuro_event", "dysreflexia"};
  return v;
}

void Vocabulary::Add(const std::vector<std::string>& signal_names,
                     const std::vector<std::string>& pump_event_names,
                     const std::vector<std::string>& procedure_names,
                     const std::vector<std::string>& drug_names,
                     const std::vector<std::string>& condition_names) {
  for (const std::string& name : signal_names) {
    if (FindSignal(name) == nullptr) {
      signals.push_back({name, SignalGroup::kVital, ValueForm::kAny, {}, {}});
    }
  }
  AddNames(pump_event_names, &pump_events);
  AddNames(procedure_names, &procedures);
  AddNames(drug_names, &drugs);
  AddNames(condition_names, &conditions);
}

const SignalInfo* Vocabulary::FindSignal(std::string_view name) const {
  for (const SignalInfo& signal : signals) {
    if (signal.name == name) return &signal;
  }
  return nullptr;
}

std::vector<std::string> Vocabulary::SignalNames() const {
  std::vector<std::string> names;
  for (const SignalInfo& signal : signals) names.push_back(signal.name);
  return names;
}

}  // namespace tonus::scenario
