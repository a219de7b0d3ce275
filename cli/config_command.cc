#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/config.h"
#include "cli/engine_options.h"
#include "cli/program.h"

namespace tonus::cli {
namespace {

int Check(const Globals& globals, const std::string& file) {
  auto config = LoadConfig(file.empty() ? globals.config : file);
  if (!config) return Report(config.error());
  // What the file names must be there, too: nothing starts with it otherwise.
  auto engine = core::Engine::Create(ToEngineOptions(*config));
  if (!engine) return Report(engine.error());
  const std::size_t detectors = (*engine)->Detectors().size();
  if (globals.json) {
    std::printf("{\"good\": true, \"detectors\": %zu}\n", detectors);
    return 0;
  }
  std::printf("%s: good; %zu detector%s\n", config->path.c_str(), detectors,
              detectors == 1 ? "" : "s");
  const BrokerConfig& broker = config->broker;
  for (const std::string& endpoint :
       {broker.ingest, broker.intake, broker.live, broker.replay, broker.http, config->core.http}) {
    if (!IsExposed(endpoint)) continue;
    std::printf(
        "%s: warning: %s can be reached from other machines; it neither encrypts nor asks who is "
        "there\n",
        config->path.c_str(), endpoint.c_str());
  }
  return 0;
}

}  // namespace

void AddConfig(CLI::App& app, Program& program) {
  CLI::App* config = app.add_subcommand("config", "the configuration file");
  config->require_subcommand(1);
  CLI::App* check =
      config->add_subcommand("check", "reads tonus.yaml and says what is wrong with it");
  auto file = std::make_shared<std::string>();
  check->add_option("FILE", *file, "the file; default: the one that the program would take");
  check->callback([&program, file] {
    program.run = [&program, file] { return Check(program.globals, *file); };
  });
}

}  // namespace tonus::cli
