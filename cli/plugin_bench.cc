// `tonus plugin bench FILE.so`: what a detector costs, on the simulated ward and on patients who
// are shown every input that it declares.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/config.h"
#include "cli/plugin.h"
#include "cli/plugin_probe.h"

namespace tonus::cli {
namespace {

struct Options {
  std::string plugin;
  unsigned patients = 12;
  unsigned hours = 48;
  std::int64_t limit_s = 600;
};

Result<ProbeAnswer> Ask(const std::string& config, const Options& options, const char* mode) {
  ProbeRequest request;
  request.plugin = options.plugin;
  request.config = config;
  request.mode = mode;
  request.limit_ms = options.limit_s * 1000;
  request.ward_patients = options.patients;
  request.ward_hours = options.hours;
  auto answer = RunProbe(request);
  if (answer && !answer->finished) {
    return Fail(ErrorCode::kRefused, answer->ended, options.plugin,
                "`tonus plugin check` tells more");
  }
  return answer;
}

int RunBench(const Globals& globals, const Options& options) {
  const auto subject = FindSubject(globals, options.plugin);
  if (!subject) return Report(subject.error());
  const auto config = FindConfig(globals.config);
  if (!config) return Report(config.error());
  auto bench = Ask(*config, options, "bench");
  if (!bench) return Report(bench.error());
  auto state = Ask(*config, options, "state");
  if (!state) return Report(state.error());
  auto& n = bench->numbers;
  const double calls = n["on_event"] + n["on_timer"];
  const double events = std::max(1.0, n["events"]);
  n["calls_per_event"] = calls / events;
  n["wakes_per_event"] = n["on_event"] / events;
  n["calls_per_s"] = n["call_ns_sum"] > 0 ? calls / n["call_ns_sum"] * 1e9 : 0;
  n["ns_per_event"] = n["call_ns_sum"] / events;
  n["events_per_s"] = n["play_ns"] > 0 ? events / n["play_ns"] * 1e9 : 0;
  n["state_bytes_mean"] = state->numbers["state_bytes_mean"];
  n["state_bytes_most"] = state->numbers["state_bytes_most"];
  n["most_memory_mib"] = static_cast<double>(bench->most_memory_kib) / 1024;
  if (globals.json) {
    std::printf("%s\n", nlohmann::ordered_json(n).dump(2).c_str());
    return 0;
  }
  const auto show = [](double value, int decimals) { return FormatRounded(value, decimals); };
  std::printf("workload   %s events of %s patients, %s timers\n", show(n["events"], 0).c_str(),
              show(n["patients"], 0).c_str(), show(n["on_timer"], 0).c_str());
  std::printf("call       %s ns (half), %s ns (99 %%), %s ns (longest), clock reads included\n",
              show(n["call_ns_median"], 0).c_str(), show(n["call_ns_p99"], 0).c_str(),
              show(n["call_ns_most"], 0).c_str());
  std::printf("detector   %s calls/s, %s ns for each event\n", show(n["calls_per_s"], 0).c_str(),
              show(n["ns_per_event"], 0).c_str());
  std::printf("core       %s events/s with this detector alone, one record at a time\n",
              show(n["events_per_s"], 0).c_str());
  std::printf("wakes      %s for each event\n", show(n["wakes_per_event"], 3).c_str());
  std::printf("state      %s bytes for each patient (mean), %s at most\n",
              show(n["state_bytes_mean"], 0).c_str(), show(n["state_bytes_most"], 0).c_str());
  std::printf("alerts     %s versions\n", show(n["alerts"], 0).c_str());
  return 0;
}

}  // namespace

void AddPluginBench(CLI::App& plugin, Program& program) {
  CLI::App* bench = plugin.add_subcommand("bench", "what a detector costs on a generated workload");
  auto options = std::make_shared<Options>();
  bench->add_option("FILE", options->plugin, "the plugin, a .so")->required();
  bench->add_option("--patients", options->patients, "of the simulated ward")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  bench->add_option("--hours", options->hours, "of the simulated ward")
      ->check(CLI::Range(1U, 10000U))
      ->capture_default_str();
  bench->add_option("--limit", options->limit_s, "seconds that it may take")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  bench->callback([&program, options] {
    program.run = [&program, options] { return RunBench(program.globals, *options); };
  });
}

}  // namespace tonus::cli
