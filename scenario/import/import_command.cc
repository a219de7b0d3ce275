#include "scenario/import/import_command.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "scenario/import/importers.h"

namespace tonus::importing {
namespace {

constexpr std::size_t kShownRejects = 20;

using Importer = Result<void> (*)(const ImportOptions&, Recording*);

const std::map<std::string, Importer>& Importers() {
  static const std::map<std::string, Importer> importers = {
      {"csv", ImportCsv},
      {"jsonl", ImportJsonLines},
      {"mimic3-demo", ImportMimic3Demo},
      {"physionet2012", ImportPhysionet2012},
      {"physionet2019", ImportPhysionet2019},
  };
  return importers;
}

Result<Importer> Choose(const ImportOptions& options) {
  const auto found = Importers().find(options.set);
  if (found == Importers().end()) {
    const auto nearest = NearestName(options.set, ImportSets());
    return Fail(ErrorCode::kUsage, "there is no set '" + options.set + "' to import", {},
                nearest ? "did you mean '" + *nearest + "'?"
                        : "sets: csv, jsonl, mimic3-demo, physionet2012, physionet2019");
  }
  if (options.paths.empty()) {
    return Fail(ErrorCode::kUsage, "no file or folder was named", {},
                "tonus import " + options.set + " PATH… --out DIR");
  }
  if (options.out.empty()) {
    return Fail(ErrorCode::kUsage, "no folder was named for the log", {}, "add --out DIR");
  }
  if ((options.set == "csv") == options.map.empty()) {
    return Fail(ErrorCode::kUsage, "`--map` and `import csv` go together", {},
                "see docs/importing.md for MAP.yaml");
  }
  if (!options.labels.empty() && options.set != "physionet2019") {
    return Fail(ErrorCode::kUsage, "`--labels` belongs to physionet2019 alone");
  }
  if (options.synthetic_pump && (options.set == "csv" || options.set == "jsonl")) {
    return Fail(ErrorCode::kUsage, "`--synthetic-pump` needs a set with patient snapshots", {},
                "sets: mimic3-demo, physionet2012, physionet2019");
  }
  return found->second;
}

std::uint64_t Sum(const std::map<std::string, std::uint64_t>& counts) {
  std::uint64_t sum = 0;
  for (const auto& [name, count] : counts) sum += count;
  return sum;
}

void PrintCounts(const char* title, const std::map<std::string, std::uint64_t>& counts) {
  if (counts.empty()) return;
  std::printf("%-56s %12llu\n", title, static_cast<unsigned long long>(Sum(counts)));
  for (const auto& [name, count] : counts) {
    std::printf("  %-54s %12llu\n", name.c_str(), static_cast<unsigned long long>(count));
  }
}

void PrintTable(const ImportSummary& summary, const ImportOptions& options) {
  std::printf("%-56s %12llu\n", "files", static_cast<unsigned long long>(summary.files));
  std::printf("%-56s %12llu\n", "patients", static_cast<unsigned long long>(summary.patients));
  std::printf("%-56s %12llu\n", "rows read", static_cast<unsigned long long>(summary.rows));
  PrintCounts("rows left out by rule", summary.skipped_rows);
  PrintCounts("rows that could not be used", summary.rejected_rows);
  PrintCounts("values left out by rule", summary.skipped_values);
  PrintCounts("events written", summary.events);
  std::fflush(stdout);
  if (!options.rejects.empty()) return;
  const std::size_t shown = std::min(kShownRejects, summary.rejected.size());
  for (std::size_t i = 0; i < shown; ++i) {
    std::fprintf(stderr, "%s: %s\n", summary.rejected[i].where.c_str(),
                 summary.rejected[i].why.c_str());
  }
  if (shown < summary.rejected.size()) {
    std::fprintf(stderr, "and %zu more; --rejects FILE lists them all\n",
                 summary.rejected.size() - shown);
  }
}

void PrintJson(const ImportSummary& summary, const ImportOptions& options) {
  nlohmann::ordered_json json = {{"set", options.set},
                                 {"out", options.out},
                                 {"files", summary.files},
                                 {"patients", summary.patients},
                                 {"rows", summary.rows},
                                 {"skipped_rows", summary.skipped_rows},
                                 {"rejected_rows", summary.rejected_rows},
                                 {"skipped_values", summary.skipped_values},
                                 {"events", summary.events}};
  const auto text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

Result<void> WriteRejects(const ImportSummary& summary, const std::string& path) {
  if (path.empty()) return {};
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return Fail(ErrorCode::kUnreachable, "cannot be written", path);
  for (const RejectedRow& row : summary.rejected) {
    std::fprintf(file, "%s: %s\n", row.where.c_str(), row.why.c_str());
  }
  if (std::fclose(file) != 0) return Fail(ErrorCode::kIo, "was not written to the end", path);
  return {};
}

}  // namespace

const std::vector<std::string>& ImportSets() {
  static const std::vector<std::string> sets = [] {
    std::vector<std::string> names;
    for (const auto& [name, importer] : Importers()) names.push_back(name);
    return names;
  }();
  return sets;
}

Result<int> RunImportCommand(const ImportOptions& options) {
  const auto importer = Choose(options);
  if (!importer) return tl::unexpected(importer.error());
  Recording recording;
  if (auto read = (*importer)(options, &recording); !read) return tl::unexpected(read.error());
  if (options.synthetic_pump) recording.AddSyntheticPumps();
  const ImportSummary& summary = recording.Summary();
  if (auto written = WriteRejects(summary, options.rejects); !written) {
    return tl::unexpected(written.error());
  }
  if (!recording.Empty()) {
    if (auto written = recording.WriteLog(options.out, "import-" + options.set); !written) {
      return tl::unexpected(written.error());
    }
  }
  if (options.json) {
    PrintJson(summary, options);
  } else {
    PrintTable(summary, options);
  }
  return recording.Empty() ? 1 : 0;
}

}  // namespace tonus::importing
