#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/engine_options.h"
#include "cli/http.h"
#include "cli/program.h"
#include "cli/stop_signal.h"
#include "core/service.h"

namespace tonus::cli {
namespace {

using std::chrono::steady_clock;

// What /healthz and /metrics tell. Written by the thread that steps the service, read by the
// server's threads; one mutex guards all of it.
class Snapshot {
 public:
  void Set(core::ServiceStatus status, core::EngineStats stats) {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    stats_ = std::move(stats);
    stepped_ = steady_clock::now();
  }

  std::string Unhealthy() const {
    const std::lock_guard lock(mutex_);
    if (steady_clock::now() - stepped_ > std::chrono::seconds(10)) {
      return "no step was finished for 10 s: a detector may hang";
    }
    if (!status_.connected) return "the broker is silent";
    if (!status_.caught_up) {
      return "catching up: record " + std::to_string(status_.processed_offset) + " of " +
             std::to_string(status_.log_end);
    }
    return {};
  }

  std::vector<Metric> Metrics() const {
    const std::lock_guard lock(mutex_);
    const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
    std::vector<Metric> metrics = {
        {"tonus_core_records_total",
         "Records taken from the log",
         true,
         number(stats_.records),
         {}},
        {"tonus_core_events_total", "Input events accepted", true, number(stats_.events), {}},
        {"tonus_core_observations_total",
         "Observed values that entered a record",
         true,
         number(stats_.observations),
         {}},
        {"tonus_core_dropped_total",
         "Values dropped by rule: sentinels, invalid, duplicates",
         true,
         number(stats_.dropped),
         {}},
        {"tonus_core_detector_calls_total",
         "Calls into detectors",
         true,
         number(stats_.detector_calls),
         {}},
        {"tonus_core_patients", "Patients watched", false, number(stats_.patients), {}},
        {"tonus_core_processed_offset",
         "Last record taken",
         false,
         number(status_.processed_offset),
         {}},
        {"tonus_core_lag_records",
         "Records on the broker's disk that are not taken yet",
         false,
         number(status_.log_end > status_.processed_offset
                    ? status_.log_end - status_.processed_offset
                    : 0),
         {}},
        {"tonus_core_late_seconds",
         "Age of the oldest record on disk that is not taken yet",
         false,
         static_cast<double>(status_.late_ns) / 1e9,
         {}},
        {"tonus_core_late",
         "1 while alerts are late (technical alert late_processing)",
         false,
         status_.late ? 1.0 : 0.0,
         {}},
        {"tonus_core_connected",
         "1 while the broker speaks",
         false,
         status_.connected ? 1.0 : 0.0,
         {}},
        {"tonus_core_derived_total", "Output records derived", true, number(status_.derived), {}},
        {"tonus_core_published_total",
         "Of them handed to the broker by this process",
         true,
         number(status_.published),
         {}},
        {"tonus_core_acknowledged_sequence",
         "Last sequence on the broker's disk",
         false,
         number(status_.acknowledged),
         {}},
        {"tonus_core_checkpoint_offset",
         "A restart reads the log from behind this record",
         false,
         number(status_.needed_from > 0 ? status_.needed_from - 1 : 0),
         {}},
        {"tonus_core_reconnects_total",
         "Connections made anew",
         true,
         number(status_.reconnects),
         {}}};
    for (const auto& [code, count] : stats_.rejected) {
      metrics.push_back({"tonus_core_rejected_total",
                         "Events or values sent to dead",
                         true,
                         number(count),
                         {{"code", code}}});
    }
    for (const auto& [kind, count] : status_.alerts) {
      metrics.push_back({"tonus_core_alerts_total",
                         "Alert versions derived",
                         true,
                         number(count),
                         {{"condition", kind.first}, {"priority", kind.second}}});
    }
    return metrics;
  }

 private:
  mutable std::mutex mutex_;
  core::ServiceStatus status_;
  core::EngineStats stats_;
  steady_clock::time_point stepped_ = steady_clock::now();
};

// Steps the service until a signal or a failure; says so when it has caught up or lost the broker.
Result<void> Loop(core::Service& service, Snapshot* snapshot) {
  bool caught_up = false;
  bool connected = true;
  auto next = steady_clock::now();
  while (!StopSignal::Requested()) {
    if (auto stepped = service.Step(100); !stepped) return stepped;
    const auto now = steady_clock::now();
    if (now < next) continue;
    next = now + std::chrono::milliseconds(250);
    const core::ServiceStatus status = service.Status();
    // First what /healthz says, then the line in the log: who reads the line may ask at once.
    snapshot->Set(status, service.GetEngine().Stats());
    if (status.caught_up && !caught_up) {
      log::Info("caught up", {{"offset", std::to_string(status.processed_offset)},
                              {"log_time", FormatTime(status.processed_ns)}});
    }
    if (status.connected != connected) {
      if (status.connected) {
        log::Info("the broker speaks again");
      } else {
        log::Warn("the broker is silent; waiting for it");
      }
    }
    caught_up = status.caught_up;
    connected = status.connected;
  }
  return service.Flush(2000);
}

int RunCore(const Globals& globals) {
  StopSignal::Install();
  if (auto log = SetUpLog(globals, "core"); !log) return Report(log.error());
  auto config = LoadConfig(globals.config);
  if (!config) return Report(config.error());
  core::ServiceOptions options;
  options.engine = ToEngineOptions(*config);
  options.replay_endpoint = ClientEndpoint(config->broker.replay);
  options.ingest_endpoint = ClientEndpoint(config->broker.ingest);
  options.batch = config->core.batch;
  if (!config->core.checkpoint_dir.empty()) {
    options.checkpoint.folder =
        (std::filesystem::path(globals.data) / config->core.checkpoint_dir).string();
  }
  options.checkpoint.every_ns = config->core.checkpoint_every_ns;
  options.checkpoint.every_records = config->core.checkpoint_records;
  options.late_after_ns = config->core.late_after_ns;
  // First what can fail without harm: to open the service takes the name from a core that runs.
  Snapshot snapshot;
  std::unique_ptr<StatusServer> status;
  if (!config->core.http.empty()) {
    auto server = StatusServer::Start(
        config->core.http,
        {[&snapshot] { return snapshot.Unhealthy(); }, [&snapshot] { return snapshot.Metrics(); }});
    if (!server) return Report(server.error());
    status = std::move(*server);
  }
  auto opened = core::Service::Open(options);
  if (!opened) return Report(opened.error());
  core::Service& service = **opened;
  const Offset restored = service.Status().restored_offset;
  log::Info("running",
            {{"producer", service.Status().producer},
             {"from", restored == 0 ? "the log's beginning"
                                    : "the checkpoint at offset " + std::to_string(restored)},
             {"detectors", std::to_string(service.GetEngine().Detectors().size())},
             {"http", status ? "http://" + status->Address() : "off"},
             {"replay", options.replay_endpoint}});
  auto ended = Loop(service, &snapshot);
  status.reset();
  if (!ended) return Report(ended.error());
  log::Info("stopped", {{"offset", std::to_string(service.Status().processed_offset)}});
  return 0;
}

}  // namespace

void AddCore(CLI::App& app, Program& program) {
  CLI::App* core = app.add_subcommand("core", "runs the detectors over what the broker takes");
  core->callback([&program] { program.run = [&program] { return RunCore(program.globals); }; });
}

}  // namespace tonus::cli
