#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/text.h"
#include "broker/log/log.h"
#include "cli/program.h"
#include "cli/show.h"

namespace tonus::cli {
namespace {

// The folder that was named, else the live log, else the ward's, whichever is there.
std::string ChooseFolder(const Globals& globals, const std::string& named) {
  if (!named.empty()) return named;
  std::error_code ignored;
  const std::string live = LogFolder(globals, false);
  const std::string ward = LogFolder(globals, true);
  return !std::filesystem::exists(live, ignored) && std::filesystem::exists(ward, ignored) ? ward
                                                                                           : live;
}

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

int Stat(const Globals& globals, const std::string& named) {
  const std::string folder = ChooseFolder(globals, named);
  auto reader = Log::OpenReadOnly(folder);
  if (!reader) return Report(reader.error());
  auto identity = (*reader)->Identity();
  if (!identity) return Report(identity.error());
  auto producers = (*reader)->Producers();
  if (!producers) return Report(producers.error());
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> kinds;
  auto read = ForEach(**reader, {}, [&kinds](const Record& record) {
    auto& [records, bytes] = kinds[record.topic.substr(0, record.topic.find('.'))];
    ++records;
    bytes += record.payload.size();
  });
  if (!read) return Report(read.error());
  const bool given = identity->clock == LogClock::kGiven;
  if (globals.json) {
    nlohmann::ordered_json answer = {{"folder", folder},
                                     {"log_id", identity->log_id},
                                     {"clock", given ? "given" : "wall"},
                                     {"first_offset", identity->first_offset},
                                     {"last_offset", identity->last_offset},
                                     {"last_recorded", FormatTime(identity->last_recorded_ns)},
                                     {"producers", *producers}};
    for (const auto& [kind, count] : kinds) answer["kinds"][kind] = count.first;
    std::printf("%s\n", answer.dump(2).c_str());
    return 0;
  }
  std::printf("%s: log %s, %s clock, offsets %llu to %llu, last recorded %s\n\n", folder.c_str(),
              identity->log_id.c_str(), given ? "given" : "wall",
              static_cast<unsigned long long>(identity->first_offset),
              static_cast<unsigned long long>(identity->last_offset),
              FormatTime(identity->last_recorded_ns).c_str());
  std::vector<std::vector<std::string>> rows = {{"KIND", "RECORDS", "PAYLOAD BYTES"}};
  for (const auto& [kind, count] : kinds) {
    rows.push_back({kind, std::to_string(count.first), std::to_string(count.second)});
  }
  std::vector<std::vector<std::string>> names = {{"PRODUCER", "LAST SEQUENCE"}};
  for (const auto& [name, sequence] : *producers) names.push_back({name, std::to_string(sequence)});
  std::printf("%s\n%s", Table(rows).c_str(), Table(names).c_str());
  return 0;
}

int Verify(const Globals& globals, const std::string& named) {
  const std::string folder = ChooseFolder(globals, named);
  auto reader = Log::OpenReadOnly(folder);
  if (!reader) return Report(reader.error());
  std::uint64_t records = 0;
  std::uint64_t expected = 0;
  std::uint64_t holes = 0;
  LogTimeNs newest = 0;
  std::uint64_t backwards = 0;
  auto read = ForEach(**reader, {}, [&](const Record& record) {
    if (expected != 0 && record.offset != expected) ++holes;
    if (record.recorded_ns < newest) ++backwards;
    newest = std::max(newest, record.recorded_ns);
    expected = record.offset + 1;
    ++records;
  });
  if (!read) return Report(read.error());
  if (holes + backwards > 0) {
    return Report({ErrorCode::kCorrupt,
                   std::to_string(holes) + " holes in the offsets and " +
                       std::to_string(backwards) + " recorded times that go back",
                   folder, "restore it from a backup"});
  }
  if (globals.json) {
    std::printf("{\"good\": true, \"records\": %llu}\n", static_cast<unsigned long long>(records));
  } else {
    std::printf("%s: %llu records, every checksum right, no hole\n", folder.c_str(),
                static_cast<unsigned long long>(records));
  }
  return 0;
}

struct ShowOptions {
  std::string folder;
  std::vector<std::string> prefixes;
  bool full = false;
};

int Show(const Globals& globals, const ShowOptions& options) {
  auto reader = Log::OpenReadOnly(ChooseFolder(globals, options.folder));
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
  auto reader = Log::OpenReadOnly(ChooseFolder(globals, options.folder));
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

}  // namespace

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
  CLI::App* verify = log->add_subcommand("verify", "reads every record and checks its checksum");
  verify->add_option("DIR", *folder, what);
  verify->callback([&program, folder] {
    program.run = [&program, folder] { return Verify(program.globals, *folder); };
  });
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
