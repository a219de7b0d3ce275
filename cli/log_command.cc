#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/text.h"
#include "broker/log/log.h"
#include "broker/log/log_files.h"
#include "cli/log_commands.h"
#include "cli/program.h"
#include "cli/show.h"
#include "scenario/import/progress_bar.h"

namespace tonus::cli {
namespace {

// Calls `each` with every record of the log, in order.
template <class Each>
Result<void> ForEach(LogReader& reader, const std::vector<std::string>& prefixes, Each each) {
  ReadRequest request;
  request.prefixes = prefixes;
  while (true) {
    auto slice = reader.Read(request);
    if (!slice) return tl::unexpected(slice.error());
    for (const Record& record : slice->records) each(record);
    if (slice->at_end) return {};
    request.from = slice->next_offset;
  }
}

struct Files {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

Files CountFiles(const std::string& folder) {
  Files files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("segment-") || !entry.is_regular_file(ignored)) continue;
    if (name.ends_with(".db")) ++files.count;
    if (!name.ends_with("-shm")) files.bytes += entry.file_size(ignored);
  }
  return files;
}

int Stat(const Globals& globals, const std::string& named) {
  const std::string folder = ChooseLogFolder(globals, named);
  auto reader = Log::OpenReadOnly(folder);
  if (!reader) return Report(reader.error());
  auto identity = (*reader)->Identity();
  if (!identity) return Report(identity.error());
  auto producers = (*reader)->Producers();
  if (!producers) return Report(producers.error());
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> kinds;
  importing::ProgressBar bar("counting", "records", identity->last_offset);
  auto read = ForEach(**reader, {}, [&kinds, &bar](const Record& record) {
    if (record.offset % 4096 == 0) bar.Set(record.offset);
    auto& [records, bytes] = kinds[record.topic.substr(0, record.topic.find('.'))];
    ++records;
    bytes += record.payload.size();
  });
  if (!read) return Report(read.error());
  const bool given = identity->clock == LogClock::kGiven;
  const Files files = CountFiles(folder);
  const Offset needed = OffsetFile::Read(NeededPath(folder)).offset;
  for (const std::string& note : (*reader)->Notes()) {
    std::fprintf(stderr, "tonus: %s\n", Printable(note).c_str());
  }
  if (globals.json) {
    nlohmann::ordered_json answer = {{"folder", folder},
                                     {"log_id", identity->log_id},
                                     {"clock", given ? "given" : "wall"},
                                     {"first_offset", identity->first_offset},
                                     {"last_offset", identity->last_offset},
                                     {"last_recorded", FormatTime(identity->last_recorded_ns)},
                                     {"files", files.count},
                                     {"bytes", files.bytes},
                                     {"needed_from", needed},
                                     {"notes", (*reader)->Notes()},
                                     {"producers", *producers}};
    for (const auto& [kind, count] : kinds) answer["kinds"][kind] = count.first;
    std::printf("%s\n", answer.dump(2).c_str());
    return 0;
  }
  std::printf("%s: log %s, %s clock, offsets %llu to %llu, last recorded %s\n", folder.c_str(),
              identity->log_id.c_str(), given ? "given" : "wall",
              static_cast<unsigned long long>(identity->first_offset),
              static_cast<unsigned long long>(identity->last_offset),
              FormatTime(identity->last_recorded_ns).c_str());
  std::printf("%llu files, %llu MiB; %s\n\n", static_cast<unsigned long long>(files.count),
              static_cast<unsigned long long>(files.bytes >> 20U),
              needed == 0 ? "no core has said what it needs"
                          : ("the core needs it from offset " + std::to_string(needed)).c_str());
  std::vector<std::vector<std::string>> rows = {{"KIND", "RECORDS", "PAYLOAD BYTES"}};
  for (const auto& [kind, count] : kinds) {
    rows.push_back({kind, std::to_string(count.first), std::to_string(count.second)});
  }
  std::vector<std::vector<std::string>> names = {{"PRODUCER", "LAST SEQUENCE"}};
  for (const auto& [name, sequence] : *producers) names.push_back({name, std::to_string(sequence)});
  std::printf("%s\n%s", Table(rows).c_str(), Table(names).c_str());
  return 0;
}

struct ShowOptions {
  std::string folder;
  std::vector<std::string> prefixes;
  bool full = false;
};

int Show(const Globals& globals, const ShowOptions& options) {
  auto reader = Log::OpenReadOnly(ChooseLogFolder(globals, options.folder));
  if (!reader) return Report(reader.error());
  auto read = ForEach(**reader, options.prefixes, [&](const Record& record) {
    const std::string line = globals.json ? RecordJson(record) : ShowRecord(record, false);
    std::printf("%s\n", line.c_str());
    if (options.full && !globals.json) std::printf("%s", ShowAlertInFull(record).c_str());
  });
  return read ? 0 : Report(read.error());
}

struct DeadOptions {
  std::string folder;
  std::size_t limit = 20;
};

int Dead(const Globals& globals, const DeadOptions& options) {
  // Kept: the newest `limit`. A ring would save nothing that matters at these sizes.
  std::vector<Record> newest;
  std::uint64_t count = 0;
  const auto keep = [&](const Record& record) {
    ++count;
    newest.push_back(record);
    if (newest.size() > 2 * options.limit) {
      newest.erase(newest.begin(), newest.end() - static_cast<std::ptrdiff_t>(options.limit));
    }
  };
  auto reader = Log::OpenReadOnly(ChooseLogFolder(globals, options.folder));
  if (!reader) return Report(reader.error());
  auto read = ForEach(**reader, {"dead."}, keep);
  if (!read) return Report(read.error());
  const std::size_t first = newest.size() > options.limit ? newest.size() - options.limit : 0;
  for (std::size_t i = first; i < newest.size(); ++i) {
    const std::string line = globals.json ? RecordJson(newest[i]) : ShowRecord(newest[i], false);
    std::printf("%s\n", line.c_str());
  }
  std::fprintf(stderr, "%llu records were rejected%s\n", static_cast<unsigned long long>(count),
               first > 0 || count > newest.size() ? "; --limit N shows more" : "");
  return 0;
}

void AddExport(CLI::App& log, Program& program, const char* what) {
  CLI::App* app = log.add_subcommand(
      "export", "writes records as JSON lines, as `publish` and `import jsonl` read them");
  auto options = std::make_shared<ExportOptions>();
  app->add_option("DIR", options->folder, what);
  app->add_option("--prefix", options->prefixes,
                  "topic prefixes, such as vitals.icu. ; default: every kind that devices publish");
  app->add_option("--from", options->from, "first offset, or a time; default: the first kept")
      ->type_name("OFFSET|TIME");
  app->add_option("--to", options->to, "last offset, or a time; default: the end")
      ->type_name("OFFSET|TIME");
  app->add_option("--out", options->out, "a file; default: standard output")->type_name("FILE");
  app->add_flag("--skip-damaged", options->skip_damaged,
                "go on after what cannot be read, and name it (exit code 1)");
  app->callback([&program, options] {
    program.run = [&program, options] { return ExportLogCommand(program.globals, *options); };
  });
}

void AddTruncate(CLI::App& log, Program& program, const char* what) {
  CLI::App* app = log.add_subcommand(
      "truncate", "removes the files that hold only records before a place; no broker may run");
  auto options = std::make_shared<TruncateOptions>();
  app->add_option("DIR", options->folder, what);
  app->add_option("--before", options->before, "an offset, or a time")
      ->required()
      ->type_name("OFFSET|TIME");
  app->add_flag("--force", options->force, "also what the core's checkpoint needs");
  app->callback([&program, options] {
    program.run = [&program, options] { return TruncateLogCommand(program.globals, *options); };
  });
}

}  // namespace

std::string ChooseLogFolder(const Globals& globals, const std::string& named) {
  if (!named.empty()) return named;
  std::error_code ignored;
  const std::string live = LogFolder(globals, false);
  const std::string ward = LogFolder(globals, true);
  return !std::filesystem::exists(live, ignored) && std::filesystem::exists(ward, ignored) ? ward
                                                                                           : live;
}

void AddLog(CLI::App& app, Program& program) {
  CLI::App* log = app.add_subcommand("log", "what a log folder holds");
  log->require_subcommand(1);
  auto folder = std::make_shared<std::string>();
  const char* what =
      "the log's folder; default: live/log in --data, or ward/log if only that is there";
  CLI::App* stat = log->add_subcommand("stat", "bounds, kinds and producers");
  stat->add_option("DIR", *folder, what);
  stat->callback([&program, folder] {
    program.run = [&program, folder] { return Stat(program.globals, *folder); };
  });
  CLI::App* verify = log->add_subcommand(
      "verify",
      "reads every record and checks checksums, order, and what is kept for dropping repeats");
  verify->add_option("DIR", *folder, what);
  verify->callback([&program, folder] {
    program.run = [&program, folder] { return VerifyLogCommand(program.globals, *folder); };
  });
  AddExport(*log, program, what);
  AddTruncate(*log, program, what);
  CLI::App* show = log->add_subcommand("show", "prints records, a line each");
  auto options = std::make_shared<ShowOptions>();
  show->add_option("DIR", options->folder, what);
  show->add_option("--prefix", options->prefixes,
                   "topic prefixes, such as alert.icu. ; default: all");
  show->add_flag("--full", options->full, "alerts with all that they say");
  show->callback([&program, options] {
    program.run = [&program, options] { return Show(program.globals, *options); };
  });
}

void AddDead(CLI::App& app, Program& program) {
  CLI::App* dead = app.add_subcommand("dead", "input that was rejected, and why");
  auto options = std::make_shared<DeadOptions>();
  dead->add_option(
      "DIR", options->folder,
      "the log's folder; default: live/log in --data, or ward/log if only that is there");
  dead->add_option("--limit", options->limit, "how many of the newest")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  dead->callback([&program, options] {
    program.run = [&program, options] { return Dead(program.globals, *options); };
  });
}

}  // namespace tonus::cli
