// PhysioNet/CinC Challenge 2019: a file of `|`-separated values for each patient, a row for each
// hour in intensive care. There is no date: hour n is n hours after 2019-01-01T00:00:00Z for
// everybody, plus a minute of the hour that follows from the patient's name, so that all patients
// lie side by side as on one large ward and no minute holds all of them.

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/digest.h"
#include "base/text.h"
#include "scenario/import/csv_reader.h"
#include "scenario/import/importers.h"
#include "scenario/import/progress_bar.h"

namespace tonus::importing {
namespace {

constexpr std::int64_t kBeginNs = 1546300800LL * kSecondNs;  // 2019-01-01T00:00:00Z

struct ColumnMeaning {
  const char* column;
  const char* loinc;
  const char* unit;  // UCUM, from the challenge's description of its columns.
  bool lab;
};

// Units: physionet.org/content/challenge-2019, "Data Description", but for two that cannot be as it
// says: lactate (it says mg/dL, the median is that of mmol/L) and magnesium (mmol/dL for mg/dL).
constexpr ColumnMeaning kColumns[] = {
    {"HR", "8867-4", "/min", false},
    {"O2Sat", "59408-5", "%", false},
    {"Temp", "8310-5", "Cel", false},
    {"SBP", "8480-6", "mm[Hg]", false},
    {"MAP", "8478-0", "mm[Hg]", false},
    {"DBP", "8462-4", "mm[Hg]", false},
    {"Resp", "9279-1", "/min", false},
    {"EtCO2", "19891-1", "mm[Hg]", false},
    {"BaseExcess", "11555-0", "mmol/L", true},
    {"HCO3", "1963-8", "mmol/L", true},
    {"FiO2", "3150-6", "1", true},
    {"pH", "2744-1", "[pH]", true},
    {"PaCO2", "2019-8", "mm[Hg]", true},
    {"SaO2", "2708-6", "%", true},
    {"AST", "1920-8", "U/L", true},
    {"BUN", "3094-0", "mg/dL", true},
    {"Alkalinephos", "6768-6", "U/L", true},
    {"Calcium", "17861-6", "mg/dL", true},
    {"Chloride", "2075-0", "mmol/L", true},
    {"Creatinine", "2160-0", "mg/dL", true},
    {"Bilirubin_direct", "1968-7", "mg/dL", true},
    {"Glucose", "2345-7", "mg/dL", true},
    {"Lactate", "2524-7", "mmol/L", true},
    {"Magnesium", "19123-9", "mg/dL", true},
    {"Phosphate", "2777-1", "mg/dL", true},
    {"Potassium", "2823-3", "mmol/L", true},
    {"Bilirubin_total", "1975-2", "mg/dL", true},
    {"TroponinI", "10839-9", "ng/mL", true},
    {"Hct", "4544-3", "%", true},
    {"Hgb", "718-7", "g/dL", true},
    {"PTT", "14979-9", "s", true},
    {"WBC", "6690-2", "10*3/uL", true},
    {"Fibrinogen", "3255-7", "mg/dL", true},
    {"Platelets", "777-3", "10*3/uL", true},
};

// Columns about the patient and the stay, read by position behind those above.
const char* const kOthers[] = {"Age", "Unit1", "Unit2", "ICULOS", "SepsisLabel"};
enum Other : std::size_t { kAge, kUnit1, kUnit2, kHour, kLabel };

class PatientFile {
 public:
  PatientFile(CsvTable* table, std::string patient, Recording* recording, std::FILE* labels)
      : table_(table), patient_(std::move(patient)), recording_(recording), labels_(labels) {
    minute_ns_ = static_cast<std::int64_t>(Digest64(patient_) % 60) * kMinuteNs;
  }

  Result<void> Read() {
    std::vector<std::string> names;
    for (const auto& column : kColumns) names.emplace_back(column.column);
    for (const char* column : kOthers) names.emplace_back(column);
    auto columns = table_->Columns(names);
    if (!columns) return tl::unexpected(columns.error());
    columns_ = std::move(*columns);
    CsvRow row;
    while (true) {
      const auto more = table_->Next(&row);
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      ++recording_->Summary().rows;
      ReadRow(row);
    }
    if (admitted_) AddEncounter(last_ns_ + kHourNs, v1::ENCOUNTER_ACTION_DISCHARGE);
    return {};
  }

 private:
  std::string Where(const CsvRow& row) const {
    return table_->Path() + ":" + std::to_string(row.line);
  }
  const std::string& Field(const CsvRow& row, Other other) const {
    return row.fields[columns_[std::size(kColumns) + other]];
  }

  void ReadRow(const CsvRow& row) {
    if (const auto problem = table_->WidthProblem(row); !problem.empty()) {
      recording_->Reject("wrong number of fields", Where(row), problem);
      return;
    }
    double hour = 0;
    if (!ParseNumber(Field(row, kHour), &hour) || hour < 0 || hour > 1e5) {
      recording_->Reject("no time", Where(row), "ICULOS is '" + Field(row, kHour) + "'");
      return;
    }
    const auto now_ns = kBeginNs + minute_ns_ + std::llround(hour * 3600.0) * kSecondNs;
    if (admitted_ && now_ns <= last_ns_) {
      recording_->Reject("time does not rise", Where(row), "ICULOS is " + Field(row, kHour));
      return;
    }
    if (!admitted_) Admit(row, now_ns);
    last_ns_ = now_ns;
    AddValues(row, now_ns, false);
    AddValues(row, now_ns, true);
    if (labels_ != nullptr) {
      std::fprintf(labels_, "%s,%s,%s,%s\n", patient_.c_str(), Field(row, kHour).c_str(),
                   FormatTime(now_ns).c_str(), Field(row, kLabel).c_str());
    }
  }

  void Admit(const CsvRow& row, std::int64_t now_ns) {
    admitted_ = true;
    ++recording_->Summary().patients;
    unit_ = Field(row, kUnit1) == "1" ? "micu" : Field(row, kUnit2) == "1" ? "sicu" : "icu";
    AddEncounter(now_ns, v1::ENCOUNTER_ACTION_ADMIT);
    v1::Event event = MakeEvent(patient_, "adt", now_ns);
    double age = 0;
    if (ParseNumber(Field(row, kAge), &age)) event.mutable_patient()->set_age_years(age);
    event.mutable_patient();
    recording_->Add({"patient", unit_, now_ns}, event);
  }

  void AddEncounter(std::int64_t now_ns, v1::EncounterAction action) {
    v1::Event event = MakeEvent(patient_, "adt", now_ns);
    event.mutable_encounter()->set_action(action);
    event.mutable_encounter()->set_unit(unit_);
    recording_->Add({"encounter", unit_, now_ns}, event);
  }

  void AddValues(const CsvRow& row, std::int64_t now_ns, bool lab) {
    v1::Event event = MakeEvent(patient_, lab ? "lab" : "monitor-" + patient_, now_ns);
    for (std::size_t i = 0; i < std::size(kColumns); ++i) {
      if (kColumns[i].lab != lab) continue;
      const std::string& text = row.fields[columns_[i]];
      double value = 0;
      if (text == "NaN" || text.empty()) {
        recording_->SkipValue("NaN");
      } else if (!ParseNumber(text, &value)) {
        recording_->SkipValue("not a number");
      } else {
        AddQuantity(&event, {"loinc", kColumns[i].loinc}, value, kColumns[i].unit);
      }
    }
    if (event.has_observations()) {
      recording_->Add({lab ? "lab" : "vitals", unit_, now_ns}, event);
    }
  }

  CsvTable* table_;
  std::string patient_;
  Recording* recording_;
  std::FILE* labels_;
  std::vector<std::size_t> columns_;
  std::int64_t minute_ns_ = 0;
  std::int64_t last_ns_ = 0;
  bool admitted_ = false;
  std::string unit_;
};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

Result<void> ImportPhysionet2019(const ImportOptions& options, Recording* recording) {
  const auto files = FindFiles(options.paths, ".psv");
  if (!files) return tl::unexpected(files.error());
  std::unique_ptr<std::FILE, CloseFile> labels;
  if (!options.labels.empty()) {
    labels.reset(std::fopen(options.labels.c_str(), "wb"));
    if (!labels) return Fail(ErrorCode::kUnreachable, "cannot be written", options.labels);
    std::fputs("patient,iculos_h,time,sepsis_label\n", labels.get());
  }
  // By name of the patient, so that the result does not depend on the folders.
  std::map<std::string, std::string> by_patient;
  for (const std::string& path : *files) {
    const std::string patient = std::filesystem::path(path).stem().string();
    const auto [other, fresh] = by_patient.emplace(patient, path);
    if (fresh) continue;
    return Fail(ErrorCode::kMalformed, "patient '" + patient + "' has a second file", path,
                "the first is " + other->second);
  }
  ProgressBar bar("reading", "files", by_patient.size());
  for (const auto& [patient, path] : by_patient) {
    auto table = CsvTable::Open(path, '|');
    if (!table) return tl::unexpected(table.error());
    ++recording->Summary().files;
    PatientFile file(&*table, "physionet2019-" + patient, recording, labels.get());
    if (auto read = file.Read(); !read) return read;
    bar.Set(recording->Summary().files);
  }
  return {};
}

}  // namespace tonus::importing
