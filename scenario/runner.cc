#include "scenario/runner.h"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>

#include "broker/log/log.h"
#include "core/alerts/canonical.h"
#include "scenario/events.h"
#include "scenario/log_history.h"

namespace tonus::scenario {
namespace {

constexpr std::size_t kAppendAtOnce = 4096;

/// A folder that is removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder() = default;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  Result<std::string> Make() {
    std::error_code failed;
    const auto base = std::filesystem::temp_directory_path(failed);
    std::string path = (failed ? std::filesystem::path("/tmp") : base) / "tonus-scenario-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      return Fail(ErrorCode::kUnreachable, "no temporary folder can be made", path,
                  "set TMPDIR to a folder that can be written");
    }
    path_ = path;
    return path_;
  }

 private:
  std::string path_;
};

/// Writes everything under the name of one producer.
Result<void> WriteLog(const std::vector<TimedRecord>& records, Log* log) {
  std::vector<AppendRecord> batch;
  std::uint64_t sequence = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    AppendRecord append;
    append.producer = "scenario";
    append.sequence = ++sequence;
    append.topic = records[i].topic;
    append.payload = records[i].payload;
    append.recorded_ns = records[i].recorded_ns;
    batch.push_back(append);
    if (batch.size() < kAppendAtOnce && i + 1 < records.size()) continue;
    if (const auto placed = log->Append(batch); !placed) {
      return tl::unexpected<Error>(placed.error());
    }
    batch.clear();
  }
  if (const auto committed = log->Commit(); !committed) {
    return tl::unexpected<Error>(committed.error());
  }
  return {};
}

/// Takes an output of the core apart.
void Hear(const core::Output& output, RunResult* result) {
  if (output.topic.rfind("alert.", 0) == 0) {
    v1::Alert alert;
    if (!alert.ParseFromString(output.payload)) return;
    result->alert_lines.push_back(core::CanonicalJson(alert));
    result->said.alerts.push_back(std::move(alert));
  } else if (output.topic.rfind("tech.", 0) == 0) {
    v1::TechAlert tech;
    if (tech.ParseFromString(output.payload)) result->said.tech.push_back(std::move(tech));
  } else if (output.topic.rfind("dead.", 0) == 0) {
    v1::Dead dead;
    if (dead.ParseFromString(output.payload)) {
      result->rejected.push_back(dead.code() + ": " + dead.sentence());
    }
  }
}

/// Reads the log from its beginning and lets the engine work through it in batches.
Result<void> Play(LogReader* reader, std::size_t batch, core::Engine* engine, RunResult* result) {
  std::vector<core::Output> outputs;
  ReadRequest request;
  request.max_records = kAppendAtOnce - kAppendAtOnce % std::min(batch, kAppendAtOnce);
  request.max_bytes = std::size_t{64} << 20U;
  if (batch > request.max_records) request.max_records = batch;
  for (bool more = true; more;) {
    const auto slice = reader->Read(request);
    if (!slice) return tl::unexpected<Error>(slice.error());
    const std::span<const Record> records(slice->records);
    for (std::size_t at = 0; at < records.size(); at += batch) {
      outputs.clear();
      engine->Process(records.subspan(at, std::min(batch, records.size() - at)), &outputs);
      for (const core::Output& output : outputs) Hear(output, result);
      for (std::string& line : engine->TakeTrace()) result->trace.push_back(std::move(line));
    }
    result->records += records.size();
    more = !slice->at_end;
    request.from = slice->next_offset;
  }
  return {};
}

}  // namespace

Result<RunResult> RunScenario(const Scenario& scenario, const RunOptions& options) {
  TemporaryFolder folder;
  const auto path = folder.Make();
  if (!path) return tl::unexpected<Error>(path.error());
  LogHistory history(*path + "/log");
  core::EngineOptions engine_options = options.engine;
  engine_options.history = &history;
  auto engine = core::Engine::Create(engine_options);
  if (!engine) return tl::unexpected<Error>(engine.error());
  const auto records = BuildRecords(scenario);
  if (!records) return tl::unexpected<Error>(records.error());
  LogOptions log_options;
  log_options.clock = LogClock::kGiven;
  log_options.fsync = false;
  auto log = Log::Open(*path + "/log", log_options);
  if (!log) return tl::unexpected<Error>(log.error());
  if (const auto written = WriteLog(*records, log->get()); !written) {
    return tl::unexpected<Error>(written.error());
  }
  auto reader = (*log)->NewReader();
  if (!reader) return tl::unexpected<Error>(reader.error());

  RunResult result;
  const std::size_t batch = std::max<std::size_t>(1, options.batch);
  if (const auto played = Play(reader->get(), batch, engine->get(), &result); !played) {
    return tl::unexpected<Error>(played.error());
  }
  result.passed = true;
  for (const Expectation& expectation : scenario.expectations) {
    result.verdicts.push_back(Judge(expectation, result.said, scenario.start_ns));
    result.passed = result.passed && result.verdicts.back().passed;
  }
  return result;
}

}  // namespace tonus::scenario
