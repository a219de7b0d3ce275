#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/config.h"
#include "cli/engine_options.h"
#include "cli/program.h"
#include "scenario/command.h"

namespace tonus::cli {
namespace {

int RunScenario(const Globals& globals, scenario::ScenarioCommandOptions options) {
  auto config = LoadConfig(globals.config);
  if (!config) return Report(config.error());
  options.signals_path = config->core.signals_path;
  options.drugs_path = config->core.drugs_path;
  options.plugins = ToEngineOptions(*config).plugins;
  options.json = globals.json;
  return scenario::RunScenarioCommand(options, std::cout, std::cerr);
}

}  // namespace

void AddScenario(CLI::App& app, Program& program) {
  CLI::App* scenario =
      app.add_subcommand("scenario", "patients' stories and what must be said of them");
  scenario->require_subcommand(1);
  CLI::App* run = scenario->add_subcommand("run", "plays scenario files and prints what held");
  auto options = std::make_shared<scenario::ScenarioCommandOptions>();
  run->add_option("FILE", options->files, "scenario files")->required();
  run->add_option("--detectors", options->detectors, "only these, separated by commas")
      ->delimiter(',');
  run->add_option("--shards", options->shards, "threads; never changes an alert")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  run->add_option("--batch", options->batch, "records at once; never changes an alert")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  run->add_flag("--trace", options->trace, "every finding as it changes");
  run->add_option("--alerts", options->alerts_path, "file for the alerts, as JSON lines")
      ->type_name("FILE");
  run->callback([&program, options] {
    program.run = [&program, options] { return RunScenario(program.globals, *options); };
  });
}

}  // namespace tonus::cli
