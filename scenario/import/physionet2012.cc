// PhysioNet/CinC Challenge 2012: a file for each patient with rows `Time,Parameter,Value`, time as
// HH:MM since admission (hours run past 24). Admission is 2012-01-01T00:00:00Z plus a minute of the
// hour that follows from the patient's name; patients lie side by side.

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/text.h"
#include "scenario/import/csv_reader.h"
#include "scenario/import/importers.h"
#include "scenario/import/progress_bar.h"

namespace tonus::importing {
namespace {

constexpr std::int64_t kBeginNs = 1325376000LL * kSecondNs;  // 2012-01-01T00:00:00Z

struct ParameterMeaning {
  const char* loinc;
  const char* unit;    // UCUM, from the challenge's list of variables.
  const char* kind;    // Of the topic.
  const char* method;  // Empty: not said.
};

// Units: physionet.org/content/challenge-2012, "Time series", but for magnesium (it says mmol/L,
// the median of 1.9 is that of mg/dL).
const std::map<std::string, ParameterMeaning, std::less<>>& Parameters() {
  static const std::map<std::string, ParameterMeaning, std::less<>> parameters = {
      {"ALP", {"6768-6", "U/L", "lab", ""}},
      {"ALT", {"1742-6", "U/L", "lab", ""}},
      {"AST", {"1920-8", "U/L", "lab", ""}},
      {"Albumin", {"1751-7", "g/dL", "lab", ""}},
      {"BUN", {"3094-0", "mg/dL", "lab", ""}},
      {"Bilirubin", {"1975-2", "mg/dL", "lab", ""}},
      {"Cholesterol", {"2093-3", "mg/dL", "lab", ""}},
      {"Creatinine", {"2160-0", "mg/dL", "lab", ""}},
      {"DiasABP", {"8462-4", "mm[Hg]", "vitals", "arterial"}},
      {"FiO2", {"3150-6", "1", "lab", ""}},
      {"GCS", {"9269-2", "{score}", "assessment", ""}},
      {"Glucose", {"2345-7", "mg/dL", "lab", ""}},
      {"HCO3", {"1963-8", "mmol/L", "lab", ""}},
      {"HCT", {"4544-3", "%", "lab", ""}},
      {"HR", {"8867-4", "/min", "vitals", ""}},
      {"K", {"2823-3", "meq/L", "lab", ""}},
      {"Lactate", {"2524-7", "mmol/L", "lab", ""}},
      {"MAP", {"8478-0", "mm[Hg]", "vitals", "arterial"}},
      {"Mg", {"19123-9", "mg/dL", "lab", ""}},
      {"NIDiasABP", {"8462-4", "mm[Hg]", "vitals", "cuff"}},
      {"NIMAP", {"8478-0", "mm[Hg]", "vitals", "cuff"}},
      {"NISysABP", {"8480-6", "mm[Hg]", "vitals", "cuff"}},
      {"Na", {"2951-2", "meq/L", "lab", ""}},
      {"PaCO2", {"2019-8", "mm[Hg]", "lab", ""}},
      {"PaO2", {"2703-7", "mm[Hg]", "lab", ""}},
      {"Platelets", {"777-3", "10*3/uL", "lab", ""}},
      {"RespRate", {"9279-1", "/min", "vitals", ""}},
      {"SaO2", {"2708-6", "%", "lab", ""}},
      {"SysABP", {"8480-6", "mm[Hg]", "vitals", "arterial"}},
      {"Temp", {"8310-5", "Cel", "vitals", ""}},
      {"TroponinI", {"10839-9", "ug/L", "lab", ""}},
      {"TroponinT", {"6598-7", "ug/L", "lab", ""}},
      {"Urine", {"9187-6", "mL", "assessment", ""}},
      {"WBC", {"6690-2", "10*3/uL", "lab", ""}},
      {"pH", {"2744-1", "[pH]", "lab", ""}},
  };
  return parameters;
}

// "HH:MM" since admission.
bool ParseElapsed(const std::string& text, std::int64_t* elapsed_ns) {
  double hours = 0;
  double minutes = 0;
  const auto colon = text.find(':');
  if (colon == std::string::npos || !ParseNumber(text.substr(0, colon), &hours) ||
      !ParseNumber(text.substr(colon + 1), &minutes) || hours < 0 || hours > 1e5 || minutes < 0 ||
      minutes >= 60) {
    return false;
  }
  *elapsed_ns =
      static_cast<std::int64_t>(hours) * kHourNs + static_cast<std::int64_t>(minutes) * kMinuteNs;
  return true;
}

class PatientFile {
 public:
  PatientFile(CsvTable* table, std::string patient, Recording* recording)
      : table_(table), patient_(std::move(patient)), recording_(recording) {
    begin_ns_ = kBeginNs + static_cast<std::int64_t>(Digest64(patient_) % 60) * kMinuteNs;
    last_ns_ = begin_ns_;
  }

  Result<void> Read() {
    const auto columns = table_->Columns({"Time", "Parameter", "Value"});
    if (!columns) return tl::unexpected(columns.error());
    columns_ = *columns;
    CsvRow row;
    while (true) {
      const auto more = table_->Next(&row);
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      ++recording_->Summary().rows;
      ReadRow(row);
    }
    Write();
    return {};
  }

 private:
  void ReadRow(const CsvRow& row) {
    const std::string where = table_->Path() + ":" + std::to_string(row.line);
    if (const auto problem = table_->WidthProblem(row); !problem.empty()) {
      recording_->Reject("wrong number of fields", where, problem);
      return;
    }
    const std::string& parameter = row.fields[columns_[1]];
    std::int64_t elapsed_ns = 0;
    double value = 0;
    if (!ParseElapsed(row.fields[columns_[0]], &elapsed_ns)) {
      recording_->Reject("no time", where, "'" + row.fields[columns_[0]] + "' is not HH:MM");
    } else if (parameter.empty()) {
      recording_->Reject("no parameter name", where, "the second field is empty");
    } else if (!ParseNumber(row.fields[columns_[2]], &value)) {
      recording_->Reject("not a number", where, "'" + row.fields[columns_[2]] + "'");
    } else if (value == -1) {
      recording_->Skip("-1, which stands for unknown");
    } else {
      Take(parameter, begin_ns_ + elapsed_ns, value, where);
    }
  }

  void Take(const std::string& parameter, std::int64_t now_ns, double value,
            const std::string& where) {
    last_ns_ = std::max(last_ns_, now_ns);
    if (parameter == "RecordID" || parameter == "Gender" || parameter == "Height") {
      recording_->Skip("about the patient, no input of a detector");
    } else if (parameter == "Age") {
      snapshot_.set_age_years(value);
    } else if (parameter == "Weight") {
      // Weight is charted again each hour; only a new one is news.
      if (snapshot_.has_weight_kg()) {
        recording_->Skip("weight again");
      } else {
        snapshot_.set_weight_kg(value);
      }
    } else if (parameter == "ICUType") {
      const char* const units[] = {"ccu", "csru", "micu", "sicu"};
      if (value >= 1 && value <= 4) unit_ = units[static_cast<std::size_t>(value) - 1];
    } else if (parameter == "MechVent") {
      AddFlag(EventAt(now_ns, "assessment"), {"local", "VENTILATED"}, value == 1);
    } else if (const auto found = Parameters().find(parameter); found != Parameters().end()) {
      const ParameterMeaning& meaning = found->second;
      v1::Observation* item =
          AddQuantity(EventAt(now_ns, meaning.kind), {"loinc", meaning.loinc}, value, meaning.unit);
      item->set_method(meaning.method);
    } else {
      recording_->Reject("unknown parameter", where, "'" + parameter + "'");
    }
  }

  v1::Event* EventAt(std::int64_t now_ns, const std::string& kind) {
    v1::Event& event = events_[{now_ns, kind}];
    if (event.patient_id().empty()) {
      event = MakeEvent(patient_, kind == "vitals" ? "monitor-" + patient_ : kind, now_ns);
    }
    return &event;
  }

  void Write() {
    ++recording_->Summary().patients;
    AddEncounter(begin_ns_, v1::ENCOUNTER_ACTION_ADMIT);
    v1::Event event = MakeEvent(patient_, "adt", begin_ns_);
    *event.mutable_patient() = snapshot_;
    recording_->Add({"patient", unit_, begin_ns_}, event);
    for (const auto& [key, observed] : events_) {
      recording_->Add({key.second, unit_, key.first}, observed);
    }
    AddEncounter(last_ns_ + kHourNs, v1::ENCOUNTER_ACTION_DISCHARGE);
  }

  void AddEncounter(std::int64_t now_ns, v1::EncounterAction action) {
    v1::Event event = MakeEvent(patient_, "adt", now_ns);
    event.mutable_encounter()->set_action(action);
    event.mutable_encounter()->set_unit(unit_);
    recording_->Add({"encounter", unit_, now_ns}, event);
  }

  CsvTable* table_;
  std::string patient_;
  Recording* recording_;
  std::vector<std::size_t> columns_;
  std::int64_t begin_ns_ = 0;
  std::int64_t last_ns_ = 0;
  std::string unit_ = "icu";
  v1::PatientSnapshot snapshot_;
  std::map<std::pair<std::int64_t, std::string>, v1::Event> events_;
};

}  // namespace

Result<void> ImportPhysionet2012(const ImportOptions& options, Recording* recording) {
  auto files = FindFiles(options.paths, ".txt");
  if (!files) return tl::unexpected(files.error());
  std::map<std::string, std::string> by_patient;
  for (const std::string& path : *files) {
    const std::string name = std::filesystem::path(path).stem().string();
    // Licence and outcome files lie beside the patients'.
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto [other, fresh] = by_patient.emplace(name, path);
    if (fresh) continue;
    return Fail(ErrorCode::kMalformed, "patient '" + name + "' has a second file", path,
                "the first is " + other->second);
  }
  if (by_patient.empty()) {
    return Fail(ErrorCode::kUnreachable, "there is no file <number>.txt", options.paths.front(),
                "the set has a file for each patient, named by its RecordID");
  }
  ProgressBar bar("reading", "files", by_patient.size());
  for (const auto& [name, path] : by_patient) {
    auto table = CsvTable::Open(path, ',');
    if (!table) return tl::unexpected(table.error());
    ++recording->Summary().files;
    PatientFile file(&*table, "physionet2012-" + name, recording);
    if (auto read = file.Read(); !read) return read;
    bar.Set(recording->Summary().files);
  }
  return {};
}

}  // namespace tonus::importing
