#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/engine_options.h"
#include "cli/program.h"
#include "cli/stop_signal.h"
#include "scenario/simulate.h"

namespace tonus::cli {
namespace {

struct Options {
  unsigned patients = 0;  // 0: as configured.
  double speed = 0;
  std::uint64_t seed = 0;
  bool seed_given = false;
  std::string duration;
  std::vector<std::string> scenarios;
};

int RunSimulate(const Globals& globals, const Options& options) {
  StopSignal::Install();
  if (auto log = SetUpLog(globals, "simulate"); !log) return Report(log.error());
  auto config = LoadConfig(globals.config);
  if (!config) return Report(config.error());
  scenario::SimulateOptions simulate;
  simulate.ingest_endpoint = ClientEndpoint(config->broker.ingest);
  simulate.replay_endpoint = ClientEndpoint(config->broker.replay);
  simulate.patients = options.patients > 0 ? options.patients : config->ward.patients;
  simulate.speed = options.speed > 0 ? options.speed : config->ward.speed;
  simulate.seed = options.seed_given ? options.seed : config->ward.seed;
  simulate.scenario_files = options.scenarios;
  simulate.signals_path = config->core.signals_path;
  simulate.drugs_path = config->core.drugs_path;
  simulate.plugins = ToEngineOptions(*config).plugins;
  if (!options.duration.empty()) {
    auto duration = DurationOption("--for", options.duration);
    if (!duration) return Report(duration.error());
    simulate.for_ns = *duration;
  }
  std::atomic<bool> stop{false};
  std::jthread watcher([&stop](const std::stop_token& ended) {
    while (!ended.stop_requested() && !StopSignal::Wait(100)) {
    }
    stop.store(true);
  });
  const bool terminal = isatty(STDERR_FILENO) == 1;
  auto done = scenario::Simulate(simulate, stop, [terminal](const scenario::SimulateProgress& at) {
    if (!terminal) return;
    std::fprintf(stderr, "\r\033[K%llu records, log time %s",
                 static_cast<unsigned long long>(at.records), FormatTime(at.log_ns).c_str());
  });
  if (terminal) std::fprintf(stderr, "\n");
  if (!done) return Report(done.error());
  log::Info("finished",
            {{"records", std::to_string(done->records)}, {"log_time", FormatTime(done->log_ns)}});
  return 0;
}

}  // namespace

void AddSimulate(CLI::App& app, Program& program) {
  CLI::App* simulate = app.add_subcommand(
      "simulate", "a ward that publishes to a broker whose log has a given clock");
  auto options = std::make_shared<Options>();
  simulate->add_option("--patients", options->patients, "default: tonus.yaml")
      ->check(CLI::Range(1U, kMostPatients));
  simulate
      ->add_option("--speed", options->speed,
                   "seconds of log time in one second; default: tonus.yaml")
      ->check(WhyNoSpeed);
  CLI::Option* seed = simulate->add_option("--seed", options->seed,
                                           "the same seed is the same ward; default: tonus.yaml");
  simulate->add_option("--for", options->duration, "end after so much log time, such as 6h")
      ->type_name("TIME");
  simulate
      ->add_option("--scenario", options->scenarios,
                   "play these scenario files in place of the ward")
      ->type_name("FILE");
  simulate->callback([&program, options, seed] {
    options->seed_given = seed->count() > 0;
    program.run = [&program, options] { return RunSimulate(program.globals, *options); };
  });
}

}  // namespace tonus::cli
