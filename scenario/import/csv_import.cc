// `tonus import csv --map MAP.yaml`: any table with a patient, a time and values.

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "base/text.h"
#include "scenario/import/csv_map.h"
#include "scenario/import/csv_reader.h"
#include "scenario/import/importers.h"
#include "scenario/import/progress_bar.h"

namespace tonus::importing {
namespace {

constexpr std::size_t kMaxPatientBytes = 64;

class TableReader {
 public:
  TableReader(const CsvMap* map, CsvTable* table, Recording* recording,
              std::set<std::string>* patients)
      : map_(map), table_(table), recording_(recording), patients_(patients) {}

  Result<void> Read() {
    if (auto found = FindColumns(); !found) return found;
    ProgressBar bar("reading " + table_->Path(), "rows", 0);
    CsvRow row;
    while (true) {
      const auto more = table_->Next(&row);
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      bar.Set(++recording_->Summary().rows);
      ReadRow(row);
    }
    // Each is let go as it is taken: decoded events are the larger form.
    while (!events_.empty()) {
      const auto taken = events_.extract(events_.begin());
      const auto& [recorded_ns, patient, effective_ns, kind, unit] = taken.key();
      recording_->Add({kind, unit, recorded_ns}, taken.mapped());
    }
    return {};
  }

 private:
  // Row and time of what is being read.
  struct Place {
    std::string where;
    std::string patient;
    std::int64_t effective_ns = 0;
    std::int64_t recorded_ns = 0;
    std::string unit;
  };
  using Key = std::tuple<std::int64_t, std::string, std::int64_t, std::string, std::string>;

  Result<std::size_t> Find(const MapName& name) {
    const auto& header = table_->Header();
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (header[i] == name.text) return i;
    }
    const auto nearest = NearestName(name.text, header);
    return Fail(ErrorCode::kConfig, "there is no column '" + name.text + "' in " + table_->Path(),
                name.where,
                nearest ? "did you mean '" + *nearest + "'?" : "its columns are in line 1");
  }

  Result<void> FindInto(const MapName& name, std::size_t* position) {
    const auto found = Find(name);
    if (!found) return tl::unexpected(found.error());
    *position = *found;
    return {};
  }

  Result<void> FindColumns() {
    if (auto done = FindInto(map_->patient_column, &patient_); !done) return done;
    if (auto done = FindInto(map_->time.column, &time_); !done) return done;
    if (map_->recorded) {
      if (auto done = FindInto(map_->recorded->column, &recorded_); !done) return done;
    }
    if (map_->unit_column) {
      if (auto done = FindInto(*map_->unit_column, &unit_); !done) return done;
    }
    if (!map_->wide) {
      if (auto done = FindInto(map_->signal_column, &signal_); !done) return done;
      if (auto done = FindInto(map_->value_column, &value_); !done) return done;
      if (!map_->value_unit_column) return {};
      return FindInto(*map_->value_unit_column, &value_unit_);
    }
    for (const auto& [name, meaning] : map_->columns) {
      std::size_t position = 0;
      if (auto done = FindInto(name, &position); !done) return done;
      wide_.push_back(position);
    }
    return {};
  }

  void ReadRow(const CsvRow& row) {
    Place place;
    place.where = table_->Path() + ":" + std::to_string(row.line);
    if (const auto problem = table_->WidthProblem(row); !problem.empty()) {
      return recording_->Reject("wrong number of fields", place.where, problem);
    }
    const std::string& patient = row.fields[patient_];
    place.patient = map_->patient_prefix + patient;
    if (patient.empty() || place.patient.size() > kMaxPatientBytes) {
      return recording_->Reject("no patient", place.where,
                                patient.empty() ? "the field is empty" : "longer than 64 bytes");
    }
    const auto effective = ParseTimeAs(map_->time, row.fields[time_]);
    if (!effective) return recording_->Reject("no time", place.where, effective.error().what);
    place.effective_ns = place.recorded_ns = *effective;
    if (map_->recorded) {
      const auto recorded = ParseTimeAs(*map_->recorded, row.fields[recorded_]);
      if (!recorded) return recording_->Reject("no time", place.where, recorded.error().what);
      place.recorded_ns = *recorded;
    }
    place.unit = map_->unit_column ? row.fields[unit_] : map_->unit;
    if (map_->wide) {
      ReadWide(row, place);
    } else {
      ReadLong(row, place);
    }
  }

  void ReadWide(const CsvRow& row, const Place& place) {
    std::size_t used = 0;
    std::string problem;
    for (std::size_t i = 0; i < wide_.size(); ++i) {
      const std::string& text = row.fields[wide_[i]];
      if (map_->missing.contains(text)) {
        recording_->SkipValue("missing");
      } else if (!AddValue(place, map_->columns[i].second, text, {})) {
        problem +=
            (problem.empty() ? "" : ", ") + map_->columns[i].first.text + " is '" + text + "'";
      } else {
        ++used;
      }
    }
    // A row of which a part could be used is used; what could not is still listed.
    if (!problem.empty()) {
      recording_->Reject(used == 0 ? "not a number" : "in part not a number", place.where, problem);
    } else if (used == 0) {
      recording_->Skip("no values");
    }
  }

  void ReadLong(const CsvRow& row, const Place& place) {
    const std::string& name = row.fields[signal_];
    const std::string& text = row.fields[value_];
    if (map_->missing.contains(text)) return recording_->Skip("no value");
    SignalMeaning meaning;
    meaning.code = name;
    meaning.kind = map_->kind;
    if (!map_->signals.empty()) {
      const auto found = map_->signals.find(name);
      if (found == map_->signals.end()) return recording_->Skip("signal '" + name + "' not mapped");
      meaning = found->second;
    } else if (name.empty()) {
      return recording_->Reject("no signal", place.where, "the field is empty");
    }
    const std::string unit = map_->value_unit_column ? row.fields[value_unit_] : std::string();
    if (!AddValue(place, meaning, text, unit)) {
      recording_->Reject("not a number", place.where, name + " is '" + text + "'");
    }
  }

  bool AddValue(const Place& place, const SignalMeaning& meaning, const std::string& text,
                const std::string& unit) {
    double number = 0;
    const bool is_number = meaning.type != ValueType::kText && ParseNumber(text, &number);
    if (meaning.type == ValueType::kNumber && !is_number) return false;
    patients_->insert(place.patient);
    v1::Event& event = events_[Key(place.recorded_ns, place.patient, place.effective_ns,
                                   meaning.kind, place.unit)];
    if (event.patient_id().empty()) {
      event = MakeEvent(ToUtf8(place.patient), map_->source, place.effective_ns);
    }
    const CodeName code{meaning.system, meaning.code};
    v1::Observation* item =
        is_number ? AddQuantity(&event, code, number, unit.empty() ? meaning.unit : unit)
                  : AddText(&event, code, text);
    item->set_method(meaning.method);
    item->set_body_site(meaning.body_site);
    return true;
  }

  const CsvMap* map_;
  CsvTable* table_;
  Recording* recording_;
  std::set<std::string>* patients_;
  std::size_t patient_ = 0;
  std::size_t time_ = 0;
  std::size_t recorded_ = 0;
  std::size_t unit_ = 0;
  std::size_t signal_ = 0;
  std::size_t value_ = 0;
  std::size_t value_unit_ = 0;
  std::vector<std::size_t> wide_;
  std::map<Key, v1::Event> events_;
};

}  // namespace

Result<void> ImportCsv(const ImportOptions& options, Recording* recording) {
  const auto map = ReadCsvMap(options.map);
  if (!map) return tl::unexpected(map.error());
  const auto files = FindFiles(options.paths, ".csv");
  if (!files) return tl::unexpected(files.error());
  std::set<std::string> patients;
  for (const std::string& path : *files) {
    auto table = CsvTable::Open(path, map->delimiter);
    if (!table) return tl::unexpected(table.error());
    ++recording->Summary().files;
    TableReader reader(&*map, &*table, recording, &patients);
    if (auto read = reader.Read(); !read) return read;
  }
  recording->Summary().patients = patients.size();
  return {};
}

}  // namespace tonus::importing
