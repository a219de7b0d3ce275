#include "scenario/import/replay_command.h"

#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>

#include "base/health.h"
#include "base/text.h"
#include "base/topic.h"
#include "core/config_record.h"
#include "core/history.h"
#include "scenario/import/alert_tally.h"
#include "scenario/import/progress_bar.h"
#include "scenario/import/record_source.h"
#include "scenario/import/watch_time.h"
#include "tonus/v1/alert.pb.h"
#include "tonus/v1/system.pb.h"

namespace tonus::importing {
namespace {

constexpr const char* kPriorities[] = {"info", "low", "medium", "high"};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

using File = std::unique_ptr<std::FILE, CloseFile>;

// One reason for rejected input, with a sentence as an example.
struct Rejected {
  std::uint64_t count = 0;
  std::string example;
};

struct Outcome {
  core::EngineStats stats;  // Summed over all sources.
  WatchTime watch;
  AlertTally derived;
  AlertTally recorded;  // `alert.*` records that the log already holds.
  std::map<std::string, Rejected> rejected;
  std::map<std::string, std::uint64_t> technical;  // By kind.
  std::vector<std::string> differences;            // Of plugins and settings, then and now.
  std::vector<std::string> problems;
  std::uint64_t problem_count = 0;
  double seconds = 0;
};

/// The past of what is replayed, read again from its beginning.
class SourceHistory : public core::History {
 public:
  explicit SourceHistory(std::string path) : path_(std::move(path)) {}

  Result<void> Read(LogTimeNs from, Offset before, const See& see) override {
    if (path_ == "-") {
      return Fail(ErrorCode::kRefused, "what was said of both cannot be read again from a pipe");
    }
    auto source = RecordSource::Open(path_);
    if (!source) return tl::unexpected(source.error());
    for (std::vector<Record> records;;) {
      records.clear();
      const auto more = (*source)->Next(&records);
      if (!more) return tl::unexpected(more.error());
      for (const Record& record : records) {
        if (record.offset >= before) return {};
        if (record.recorded_ns >= from) see(record);
      }
      if (!*more) return {};
    }
  }

 private:
  std::string path_;
};

class Replay {
 public:
  Replay(const ReplayOptions* options, Outcome* outcome, std::FILE* dead, std::FILE* technical)
      : options_(options), outcome_(outcome), dead_(dead), technical_(technical) {}

  Result<void> Play(const std::string& path) {
    auto source = RecordSource::Open(path);
    if (!source) return tl::unexpected(source.error());
    SourceHistory history(path);
    core::EngineOptions engine_options = options_->engine;
    engine_options.history = &history;
    std::vector<v1::ConfigRecord> then;
    if (auto read = ReadConfigs(source->get(), &then, &engine_options); !read) return read;
    auto engine = core::Engine::Create(engine_options);
    if (!engine) return tl::unexpected(engine.error());
    Compare(path, then, core::ConfigOf(**engine));
    if (options_->strict && !outcome_->differences.empty()) return {};
    ProgressBar bar("replaying", "records", (*source)->Total());
    const auto begun = std::chrono::steady_clock::now();
    auto played = PlayAll(source->get(), engine->get(), &bar);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    outcome_->seconds += took.count();
    for (std::string& problem : (*source)->Problems()) {
      outcome_->problems.push_back(std::move(problem));
    }
    outcome_->problem_count += (*source)->ProblemCount();
    AddStats((*engine)->Stats());
    return played;
  }

 private:
  static Result<void> ReadConfigs(RecordSource* source, std::vector<v1::ConfigRecord>* then,
                                  core::EngineOptions* options) {
    auto records = source->Configs();
    if (!records) return tl::unexpected(records.error());
    for (const Record& record : *records) {
      v1::ConfigRecord config;
      if (!config.ParseFromString(record.payload)) continue;
      if (auto measured = core::MeasuredQuarantine(config)) {
        options->quarantines.push_back(std::move(*measured));
      } else if (!config.has_quarantine()) {
        config.set_producer(record.producer + " from offset " + std::to_string(record.offset));
        then->push_back(std::move(config));
      }
    }
    return {};
  }

  void Compare(const std::string& path, const std::vector<v1::ConfigRecord>& then,
               const v1::ConfigRecord& now) {
    for (const v1::ConfigRecord& config : then) {
      for (const std::string& difference : core::ConfigDifferences(config, now)) {
        outcome_->differences.push_back(path + ": " + config.producer() + ": " + difference);
        std::fprintf(stderr, "%s\n", outcome_->differences.back().c_str());
      }
    }
  }

  Result<void> PlayAll(RecordSource* source, core::Engine* engine, ProgressBar* bar) {
    std::vector<Record> records;
    std::uint64_t done = 0;
    bool stop = false;
    while (!stop) {
      records.clear();
      const auto more = source->Next(&records);
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      stop = CutAtUntil(&records);
      if (auto taken = Note(records); !taken) return taken;
      std::span<const Record> rest(records);
      while (!rest.empty()) {
        const auto batch = rest.first(std::min(options_->batch, rest.size()));
        engine->Process(batch, &outputs_);
        if (auto taken = TakeOutputs(); !taken) return taken;
        rest = rest.subspan(batch.size());
        bar->Set(done += batch.size());
      }
    }
    if (options_->until_ns) engine->AdvanceTo(*options_->until_ns, &outputs_);
    return TakeOutputs();
  }

  // Drops what is recorded after --until; true where something was.
  bool CutAtUntil(std::vector<Record>* records) const {
    if (!options_->until_ns) return false;
    for (std::size_t i = 0; i < records->size(); ++i) {
      if ((*records)[i].recorded_ns <= *options_->until_ns) continue;
      records->resize(i);
      return true;
    }
    return false;
  }

  Result<void> Note(const std::vector<Record>& records) {
    for (const Record& record : records) {
      outcome_->watch.Add(record);
      if (record.topic.starts_with("health.")) NoteHealth(record);
      if (!record.topic.starts_with("alert.")) continue;
      if (auto added = outcome_->recorded.Add(record.payload); !added) return added;
    }
    return {};
  }

  // What a process measured is in the log as its health; its technical alerts follow from that.
  void NoteHealth(const Record& record) {
    v1::Health health;
    const bool known = record.producer == "broker.health" || record.producer == "core.health";
    if (!known || !health.ParseFromString(record.payload)) return;
    for (const v1::TechAlert& alert : health_.Take(health, record.recorded_ns)) {
      CountTechnical(alert);
    }
  }

  Result<void> TakeOutputs() {
    for (const core::Output& output : outputs_) {
      if (output.topic.starts_with("alert.")) {
        if (auto added = outcome_->derived.Add(output.payload); !added) return added;
      } else if (output.topic.starts_with("dead.")) {
        TakeDead(output);
      } else if (output.topic.starts_with("tech.")) {
        TakeTechnical(output);
      }
    }
    outputs_.clear();
    return {};
  }

  void TakeTechnical(const core::Output& output) {
    v1::TechAlert alert;
    if (alert.ParseFromString(output.payload)) CountTechnical(alert);
  }

  void CountTechnical(const v1::TechAlert& alert) {
    const bool active = alert.state() == v1::TECH_STATE_ACTIVE;
    if (active) ++outcome_->technical[alert.kind()];
    if (technical_ == nullptr) return;
    auto patients = nlohmann::ordered_json::array();
    for (const std::string& patient : alert.patients()) patients.push_back(patient);
    const nlohmann::ordered_json line = {{"time", FormatTime(alert.time_ns())},
                                         {"kind", alert.kind()},
                                         {"subject", alert.subject()},
                                         {"state", active ? "active" : "resolved"},
                                         {"since", FormatTime(alert.since_ns())},
                                         {"text", alert.text()},
                                         {"patients", patients}};
    const auto text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    std::fprintf(technical_, "%s\n", text.c_str());
  }

  void TakeDead(const core::Output& output) {
    v1::Dead dead;
    if (!dead.ParseFromString(output.payload)) return;
    Rejected& rejected = outcome_->rejected[dead.code()];
    if (rejected.count++ == 0) rejected.example = dead.sentence();
    if (dead_ == nullptr) return;
    const nlohmann::ordered_json line = {{"time", FormatTime(output.time_ns)},
                                         {"producer", dead.record().producer()},
                                         {"sequence", dead.record().sequence()},
                                         {"topic", dead.topic()},
                                         {"code", dead.code()},
                                         {"sentence", dead.sentence()}};
    const auto text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    std::fprintf(dead_, "%s\n", text.c_str());
  }

  void AddStats(const core::EngineStats& stats) {
    outcome_->stats.records += stats.records;
    outcome_->stats.events += stats.events;
    outcome_->stats.observations += stats.observations;
    outcome_->stats.dropped += stats.dropped;
    outcome_->stats.detector_calls += stats.detector_calls;
    for (const auto& [code, count] : stats.rejected) outcome_->stats.rejected[code] += count;
  }

  const ReplayOptions* options_;
  Outcome* outcome_;
  std::FILE* dead_;
  std::FILE* technical_;
  HealthAlerts health_;
  std::vector<core::Output> outputs_;
};

Result<void> WriteAlerts(const AlertTally& tally, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return Fail(ErrorCode::kUnreachable, "cannot be written", path);
  for (const std::string& line : tally.Lines()) std::fprintf(file, "%s\n", line.c_str());
  if (std::fclose(file) != 0) return Fail(ErrorCode::kIo, "was not written to the end", path);
  return {};
}

double Per(double count, double days) { return days > 0 ? count / days : 0; }

void PrintCount(const char* name, std::uint64_t count) {
  std::printf("%-36s %12llu\n", name, static_cast<unsigned long long>(count));
}

void PrintAlerts(const Outcome& outcome) {
  const double days = outcome.watch.PatientDays();
  std::printf("\n%-20s %7s %7s %7s %7s %12s %16s\n", "alerts raised", "info", "low", "medium",
              "high", "/patient-day", "/100 pat.-days");
  for (const auto& [condition, counts] : outcome.derived.ByCondition()) {
    std::uint64_t sum = 0;
    std::printf("%-20s", condition.c_str());
    for (const auto count : counts) {
      std::printf(" %7llu", static_cast<unsigned long long>(count));
      sum += count;
    }
    const double rate = Per(static_cast<double>(sum), days);
    std::printf(" %12s %16s\n", FormatRounded(rate, 3).c_str(),
                FormatRounded(100 * rate, 1).c_str());
  }
  std::printf("(by the highest priority that each reached; %llu versions)\n",
              static_cast<unsigned long long>(outcome.derived.Versions()));
}

void PrintTable(const Outcome& outcome) {
  PrintCount("records read", outcome.stats.records);
  PrintCount("events accepted", outcome.stats.events);
  PrintCount("values that entered a record", outcome.stats.observations);
  PrintCount("values dropped by rule", outcome.stats.dropped);
  PrintCount("lines that are no event", outcome.problem_count);
  for (const auto& [code, count] : outcome.stats.rejected) {
    PrintCount(("rejected: " + code).c_str(), count);
    const auto found = outcome.rejected.find(code);
    if (found != outcome.rejected.end()) {
      std::printf("    such as: %s\n", found->second.example.c_str());
    }
  }
  for (const auto& [kind, count] : outcome.technical) {
    PrintCount(("technical: " + kind).c_str(), count);
  }
  PrintCount("patients", outcome.watch.Patients());
  std::printf("%-36s %12s\n", "patient-days watched",
              FormatRounded(outcome.watch.PatientDays(), 1).c_str());
  const auto rate = Per(static_cast<double>(outcome.stats.records), outcome.seconds);
  std::printf("%-36s %12s\n", "records/s", FormatRounded(rate, 0).c_str());
  PrintAlerts(outcome);
  for (const std::string& problem : outcome.problems) {
    std::fprintf(stderr, "%s\n", problem.c_str());
  }
}

void PrintJson(const Outcome& outcome) {
  const double days = outcome.watch.PatientDays();
  nlohmann::ordered_json alerts = nlohmann::ordered_json::object();
  for (const auto& [condition, counts] : outcome.derived.ByCondition()) {
    std::uint64_t sum = 0;
    nlohmann::ordered_json& entry = alerts[condition];
    for (std::size_t i = 0; i < counts.size(); ++i) {
      entry[kPriorities[i]] = counts[i];
      sum += counts[i];
    }
    entry["per_patient_day"] = Per(static_cast<double>(sum), days);
    entry["per_100_patient_days"] = 100 * Per(static_cast<double>(sum), days);
  }
  nlohmann::ordered_json json = {
      {"records", outcome.stats.records},
      {"events", outcome.stats.events},
      {"observations", outcome.stats.observations},
      {"dropped", outcome.stats.dropped},
      {"rejected", outcome.stats.rejected},
      {"not_an_event", outcome.problem_count},
      {"technical", outcome.technical},
      {"patients", outcome.watch.Patients()},
      {"patient_days", days},
      {"alert_versions", outcome.derived.Versions()},
      {"alerts", alerts},
      {"differences", outcome.differences},
      {"alerts_in_log", outcome.recorded.Versions()},
      {"alerts_in_log_equal", outcome.recorded.FirstDifference(outcome.derived).empty()},
      {"seconds", outcome.seconds}};
  std::printf("%s\n", json.dump(2).c_str());
}

}  // namespace

Result<int> RunReplayCommand(const ReplayOptions& options) {
  if (options.from.empty()) {
    return Fail(ErrorCode::kUsage, "nothing to replay", {}, "name a log folder or a file");
  }
  if (options.batch == 0) return Fail(ErrorCode::kUsage, "a batch of 0 records never ends");
  File dead;
  File technical;
  for (const auto& [path, file] :
       {std::pair(options.dead, &dead), std::pair(options.technical, &technical)}) {
    if (path.empty()) continue;
    file->reset(std::fopen(path.c_str(), "wb"));
    if (!*file) return Fail(ErrorCode::kUnreachable, "cannot be written", path);
  }
  Outcome outcome;
  Replay replay(&options, &outcome, dead.get(), technical.get());
  for (const std::string& path : options.from) {
    if (auto played = replay.Play(path); !played) return tl::unexpected(played.error());
    if (options.strict && !outcome.differences.empty()) {
      std::fprintf(stderr, "%s: not replayed: plugins or settings are not those of the log\n",
                   path.c_str());
      return 1;
    }
  }
  if (!options.alerts.empty()) {
    if (auto written = WriteAlerts(outcome.derived, options.alerts); !written) {
      return tl::unexpected(written.error());
    }
  }
  // A log that a core has written to holds its alerts: this run must have derived the same.
  const std::string difference =
      outcome.recorded.Versions() == 0 ? "" : outcome.recorded.FirstDifference(outcome.derived);
  if (options.json) {
    PrintJson(outcome);
  } else {
    PrintTable(outcome);
    if (outcome.recorded.Versions() > 0) {
      std::printf("the log holds %llu alert versions: %s\n",
                  static_cast<unsigned long long>(outcome.recorded.Versions()),
                  difference.empty() ? "this run derived the same" : "this run derived others");
    }
  }
  std::fflush(stdout);
  if (!difference.empty()) {
    std::fprintf(stderr, "first difference to the log's own alerts: %s\n", difference.c_str());
  }
  return difference.empty() ? 0 : 1;
}

}  // namespace tonus::importing
