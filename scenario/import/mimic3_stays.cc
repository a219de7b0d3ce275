// MIMIC-III demo: who was where and when, and the order in which its tables are read.

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string>

#include "base/text.h"
#include "scenario/import/importers.h"
#include "scenario/import/mimic3.h"
#include "scenario/import/progress_bar.h"

namespace tonus::importing {
namespace mimic3 {
namespace {

// Patients over 89 years are dated some 300 years back, so that their age does not show (MIMIC-III
// documentation, table patients); they count as 90.
constexpr double kHiddenAgeYears = 200;
constexpr double kOldestAgeYears = 90;

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// "LUNG CANCER;SHORTNESS OF BREATH" → its parts.
void AddDiagnoses(const std::string& text, v1::PatientSnapshot* snapshot) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(';', begin), text.size());
    if (end > begin) snapshot->add_diagnoses(ToUtf8(Lower(text.substr(begin, end - begin))));
    begin = end + 1;
  }
}

// Age in whole years of the calendar: a birth date 300 years back may lie outside of int64 ns.
double AgeYears(const std::string& born, const std::string& admitted) {
  double born_year = 0;
  double year = 0;
  if (!ParseNumber(born.substr(0, 4), &born_year) || !ParseNumber(admitted.substr(0, 4), &year)) {
    return -1;
  }
  const bool birthday_passed = admitted.substr(4, 6) >= born.substr(4, 6);
  return year - born_year - (birthday_passed ? 0 : 1);
}

class StayReader {
 public:
  StayReader(Stays* stays, Recording* recording) : stays_(stays), recording_(recording) {}

  void Take(const NamedRow& row) {
    const auto in = ParseLocalTime(row["intime"]);
    const auto out = ParseLocalTime(row["outtime"]);
    const auto admit = ParseLocalTime(row["admittime"]);
    const auto discharge = ParseLocalTime(row["dischtime"]);
    if (!in || !out || !admit || !discharge || *out < *in) {
      recording_->Reject("no time", row.Where(), "the stay has no times, or ends before it begins");
      return;
    }
    Stay stay{row["icustay_id"],
              row["hadm_id"],
              "mimic3-" + row["subject_id"],
              Lower(row["first_careunit"]),
              *in,
              *out};
    const auto [placed, fresh] = stays_->by_icustay.emplace(stay.icustay, stay);
    if (!fresh) {
      recording_->Reject("stay twice", row.Where(), "icustay_id " + stay.icustay);
      return;
    }
    Admission& admission = stays_->by_hadm[stay.hadm];
    if (admission.stays.empty()) {
      admission.patient = stay.patient;
      admission.admit_ns = std::min(*admit, *in);
      admission.end_ns = *discharge;
      double age = AgeYears(row["dob"], row["admittime"]);
      if (age >= kHiddenAgeYears) age = kOldestAgeYears;
      if (age >= 0) admission.snapshot.set_age_years(age);
      AddDiagnoses(row["diagnosis"], &admission.snapshot);
    }
    admission.stays.push_back(&placed->second);
    if (const auto death = ParseLocalTime(row["deathtime"])) {
      admission.end_ns = *death;
    } else {
      admission.end_ns = std::max(admission.end_ns, *out);
    }
  }

 private:
  Stays* stays_;
  Recording* recording_;
};

void AddEncounter(const Admission& admission, std::int64_t time_ns, v1::EncounterAction action,
                  const std::string& unit, Recording* recording) {
  v1::Event event = MakeEvent(admission.patient, "adt", time_ns);
  event.mutable_encounter()->set_action(action);
  event.mutable_encounter()->set_unit(unit);
  recording->Add({"encounter", unit, time_ns}, event);
}

void AddEncounters(const Stays& stays, const Admission& admission, Recording* recording) {
  std::string unit = stays.UnitAt(admission, admission.admit_ns);
  AddEncounter(admission, admission.admit_ns, v1::ENCOUNTER_ACTION_ADMIT, unit, recording);
  v1::Event event = MakeEvent(admission.patient, "adt", admission.admit_ns);
  *event.mutable_patient() = admission.snapshot;
  recording->Add({"patient", unit, admission.admit_ns}, event);
  for (const Stay* stay : admission.stays) {
    for (const std::int64_t time_ns : {stay->in_ns, stay->out_ns}) {
      const std::string now = stays.UnitAt(admission, time_ns);
      if (time_ns >= admission.end_ns || now == unit) continue;
      unit = now;
      AddEncounter(admission, time_ns, v1::ENCOUNTER_ACTION_TRANSFER, unit, recording);
    }
  }
  AddEncounter(admission, admission.end_ns, v1::ENCOUNTER_ACTION_DISCHARGE, unit, recording);
}

}  // namespace

const std::string& NamedRow::operator[](std::string_view column) const {
  return row_->fields.at(columns_->find(column)->second);
}

Result<void> ForEachRow(const std::string& folder, const std::string& name,
                        const std::vector<std::string>& columns, Recording* recording,
                        const std::function<void(const NamedRow&)>& take) {
  auto table = CsvTable::Open((std::filesystem::path(folder) / name).string(), ',');
  if (!table) return tl::unexpected(table.error());
  const auto positions = table->Columns(columns);
  if (!positions) return tl::unexpected(positions.error());
  std::map<std::string, std::size_t, std::less<>> by_name;
  for (std::size_t i = 0; i < columns.size(); ++i) by_name[columns[i]] = (*positions)[i];
  ++recording->Summary().files;
  ProgressBar bar("reading " + name, "rows", 0);
  CsvRow row;
  std::uint64_t rows = 0;
  while (true) {
    const auto more = table->Next(&row);
    if (!more) return tl::unexpected(more.error());
    if (!*more) return {};
    ++recording->Summary().rows;
    bar.Set(++rows);
    const std::string where = table->Path() + ":" + std::to_string(row.line);
    if (const auto problem = table->WidthProblem(row); !problem.empty()) {
      recording->Reject("wrong number of fields", where, problem);
    } else {
      take(NamedRow(&row, &by_name, where));
    }
  }
}

std::string Stays::UnitAt(const Admission& admission, std::int64_t time_ns) const {
  for (const Stay* stay : admission.stays) {
    if (time_ns >= stay->in_ns && time_ns < stay->out_ns) return stay->unit;
  }
  return "ward";
}

Result<void> ReadStays(const std::string& folder, Stays* stays, Recording* recording) {
  StayReader reader(stays, recording);
  auto read = ForEachRow(folder, "stays.csv",
                         {"subject_id", "hadm_id", "icustay_id", "first_careunit", "intime",
                          "outtime", "dob", "admittime", "dischtime", "deathtime", "diagnosis"},
                         recording, [&](const NamedRow& row) { reader.Take(row); });
  if (!read) return read;
  std::set<std::string> patients;
  for (auto& [hadm, admission] : stays->by_hadm) {
    std::sort(admission.stays.begin(), admission.stays.end(),
              [](const Stay* a, const Stay* b) { return a->in_ns < b->in_ns; });
    admission.admit_ns = std::min(admission.admit_ns, admission.stays.front()->in_ns);
    AddEncounters(*stays, admission, recording);
    patients.insert(admission.patient);
  }
  recording->Summary().patients = patients.size();
  return {};
}

}  // namespace mimic3

Result<void> ImportMimic3Demo(const ImportOptions& options, Recording* recording) {
  if (options.paths.size() != 1) {
    return Fail(ErrorCode::kUsage, "mimic3-demo takes one folder", {},
                "name the folder that holds stays.csv, chart.csv, labs.csv and the others");
  }
  const std::string& folder = options.paths.front();
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return Fail(ErrorCode::kUnreachable, "there is no such folder", folder,
                "name the folder that holds stays.csv, chart.csv, labs.csv and the others");
  }
  mimic3::Stays stays;
  if (auto read = mimic3::ReadStays(folder, &stays, recording); !read) return read;
  if (auto read = mimic3::ReadPrescriptions(folder, stays, recording); !read) return read;
  if (auto read = mimic3::ReadChart(folder, stays, recording); !read) return read;
  if (auto read = mimic3::ReadLabs(folder, stays, recording); !read) return read;
  return mimic3::ReadInputs(folder, stays, recording);
}

}  // namespace tonus::importing
