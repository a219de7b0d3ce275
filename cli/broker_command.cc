#include <CLI/CLI.hpp>
#include <memory>
#include <thread>

#include "base/log.h"
#include "broker/broker.h"
#include "cli/config.h"
#include "cli/http.h"
#include "cli/machine.h"
#include "cli/program.h"
#include "cli/stop_signal.h"

namespace tonus::cli {
namespace {

struct Options {
  std::string log_folder;
  bool given = false;
  bool ward = false;
  bool confirm_clock_jump = false;
};

BrokerOptions ToBrokerOptions(const Config& config, const Globals& globals,
                              const Options& options) {
  const BrokerConfig& from = config.broker;
  BrokerOptions to;
  to.ingest_endpoint = from.ingest;
  to.intake_endpoint = from.intake;
  to.live_endpoint = from.live;
  to.replay_endpoint = from.replay;
  to.data_dir = options.log_folder.empty() ? LogFolder(globals, options.ward) : options.log_folder;
  to.log.clock = options.given || options.ward ? LogClock::kGiven : LogClock::kWall;
  to.log.confirm_clock_jump = options.confirm_clock_jump;
  to.log.segment_bytes = from.segment_bytes;
  to.log.max_topics = from.topics;
  to.retention.max_age_ns = from.keep_age_ns;
  to.retention.max_bytes = from.keep_bytes;
  to.retention.core_silent_ns = from.core_silent_ns;
  to.max_payload_bytes = from.payload_bytes;
  to.max_message_bytes = from.message_bytes;
  to.max_batch_records = from.batch_records;
  to.credit_records = from.credit_records;
  to.credit_bytes = from.credit_bytes;
  to.queue_bytes = from.queue_bytes;
  to.recent_bytes = from.recent_bytes;
  to.max_replays = from.replays;
  to.min_free_bytes = from.free_bytes;
  to.live_queue_messages = static_cast<std::int32_t>(from.live_backlog);
  to.tick_interval_ns = from.tick_ns;
  return to;
}

std::vector<Metric> Metrics(const BrokerStats& stats) {
  const auto count = [](const char* name, const char* help, double value) {
    return Metric{name, help, true, value, {}};
  };
  const auto gauge = [](const char* name, const char* help, double value) {
    return Metric{name, help, false, value, {}};
  };
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  return {
      count("tonus_broker_records_total", "Records on disk", number(stats.records)),
      count("tonus_broker_payload_bytes_total", "Their payload", number(stats.payload_bytes)),
      count("tonus_broker_commits_total", "Commits, each with its fsync", number(stats.commits)),
      count("tonus_broker_commit_seconds_total", "Time in them", number(stats.commit_ns) * 1e-9),
      gauge("tonus_broker_commit_seconds_max", "The longest one",
            number(stats.commit_max_ns) * 1e-9),
      count("tonus_broker_checkpoints_total", "Checkpoints of the log", number(stats.checkpoints)),
      count("tonus_broker_repeats_total", "Records dropped because the log had them",
            number(stats.repeats)),
      count("tonus_broker_diverged_total", "Repeats refused for other content",
            number(stats.diverged)),
      count("tonus_broker_dead_total", "Records refused into dead", number(stats.dead)),
      count("tonus_broker_refusals_total", "Requests refused whole", number(stats.refusals)),
      count("tonus_broker_fenced_total", "Connections fenced by a newer one", number(stats.fenced)),
      count("tonus_broker_intake_records_total", "Records of plain PUB devices, best effort",
            number(stats.intake_records)),
      count("tonus_broker_intake_dropped_total", "Of these refused for want of disk",
            number(stats.intake_dropped)),
      count("tonus_broker_live_sent_total", "Messages given to live subscribers",
            number(stats.live_sent)),
      count("tonus_broker_ticks_total", "Ticks written", number(stats.ticks)),
      count("tonus_broker_clock_jumps_total", "Times that recorded time was held back",
            number(stats.clock_jumps)),
      gauge("tonus_broker_last_offset", "Offset of the newest record", number(stats.last_offset)),
      gauge("tonus_broker_producers", "Producers connected", number(stats.connections)),
      gauge("tonus_broker_replays", "Replays running", number(stats.replays)),
      gauge("tonus_broker_queue_bytes", "Waiting for the disk", number(stats.queue_bytes)),
      gauge("tonus_broker_disk_free_bytes", "Free on the log's disk", number(stats.free_bytes)),
      gauge("tonus_broker_disk_low", "1 while new input is refused for want of disk",
            stats.disk_low ? 1 : 0),
      count("tonus_broker_removed_files_total", "Files of the log removed by retention",
            number(stats.removed_files)),
      count("tonus_broker_removed_bytes_total", "Bytes in them", number(stats.removed_bytes)),
      count("tonus_broker_retention_failures_total", "Times that old files could not be removed",
            number(stats.retention_failures)),
      gauge("tonus_broker_first_offset", "Offset of the oldest record that is kept",
            number(stats.first_offset)),
      gauge("tonus_broker_retention_held_back",
            "1 while the core's checkpoint keeps files that would be removed",
            stats.retention_held_back ? 1 : 0),
      gauge("tonus_broker_core_unpinned", "1 while a silent core no longer keeps files",
            stats.core_unpinned ? 1 : 0),
  };
}

// Says when input begins and ceases to be refused for want of disk. Returns whether it is now.
bool TellOfDisk(const BrokerStats& stats, bool before) {
  if (stats.disk_low == before) return before;
  const std::string free = std::to_string(stats.free_bytes >> 20U) + " MiB";
  if (stats.disk_low) {
    log::Warn("the disk is nearly full: new input is refused, alerts and reading go on; make room",
              {{"free", free}});
  } else {
    log::Info("there is room on the disk again: input is taken", {{"free", free}});
  }
  return stats.disk_low;
}

// Says what retention does and when it cannot.
void TellOfRetention(const BrokerStats& stats, BrokerStats& before) {
  if (stats.removed_files > before.removed_files) {
    log::Info("old files of the log are removed",
              {{"files", std::to_string(stats.removed_files - before.removed_files)},
               {"first_offset", std::to_string(stats.first_offset)}});
  }
  if (stats.retention_failures > 0 && before.retention_failures == 0) {
    log::Error(
        "old files of the log cannot be removed: the disk will fill; look at the rights on "
        "the log's folder");
  }
  if (stats.core_unpinned && !before.core_unpinned) {
    log::Error(
        "the core has been silent for too long: retention no longer keeps what its "
        "checkpoint needs; a core that comes back may have to begin anew");
  }
  if (stats.retention_held_back && !before.retention_held_back) {
    log::Warn("old files of the log are kept because the core's checkpoint needs them");
  }
  before = stats;
}

int RunBroker(const Globals& globals, const Options& options) {
  StopSignal::Install();
  if (auto log = SetUpLog(globals, "broker"); !log) return Report(log.error());
  auto config = LoadConfig(globals.config);
  if (!config) return Report(config.error());
  const BrokerOptions broker_options = ToBrokerOptions(*config, globals, options);
  for (const std::string& endpoint :
       {config->broker.ingest, config->broker.intake, config->broker.live, config->broker.replay}) {
    if (!endpoint.starts_with("ipc://")) continue;
    if (auto free = TryBind(endpoint); !free) return Report(free.error());
  }
  auto started = Broker::Start(broker_options);
  if (!started) return Report(started.error());
  Broker& broker = **started;

  std::unique_ptr<StatusServer> status;
  if (!config->broker.http.empty()) {
    auto server = StatusServer::Start(
        config->broker.http,
        {[&broker] {
           return broker.Stats().disk_low ? std::string("disk low: new input is refused") : "";
         },
         [&broker] { return Metrics(broker.Stats()); }});
    if (!server) return Report(server.error());
    status = std::move(*server);
  }
  for (const std::string& note : broker.Notes()) log::Warn(note);
  const BrokerEndpoints& at = broker.Endpoints();
  log::Info("listening", {{"ingest", at.ingest},
                          {"intake", at.intake},
                          {"live", at.live},
                          {"replay", at.replay},
                          {"http", status ? "http://" + status->Address() : "off"},
                          {"log", broker_options.data_dir}});
  std::jthread watcher([&broker](const std::stop_token& ended) {
    bool low = false;
    BrokerStats before;
    while (!ended.stop_requested()) {
      if (StopSignal::Wait(100)) return broker.Stop();
      const BrokerStats stats = broker.Stats();
      low = TellOfDisk(stats, low);
      TellOfRetention(stats, before);
    }
  });
  auto ended = broker.Run();
  status.reset();
  if (!ended) return Report(ended.error());
  log::Info("stopped");
  return 0;
}

}  // namespace

void AddBroker(CLI::App& app, Program& program) {
  CLI::App* broker =
      app.add_subcommand("broker", "takes records, writes them to disk, passes them on");
  auto options = std::make_shared<Options>();
  broker->add_option("--log", options->log_folder, "folder of the log; default: live/log in --data")
      ->type_name("DIR");
  broker->add_flag(
      "--given", options->given,
      "recorded times come from the writers (simulations, recordings), not from the clock");
  broker->add_flag("--ward", options->ward,
                   "the simulated ward's log: ward/log in --data, --given");
  broker->add_flag("--confirm-clock-jump", options->confirm_clock_jump,
                   "accept a clock that stands behind the newest record");
  broker->callback([&program, options] {
    program.run = [&program, options] { return RunBroker(program.globals, *options); };
  });
}

}  // namespace tonus::cli
