#include "scenario/import/publish_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/config.h"
#include "cli/program.h"

namespace tonus::cli {
namespace {

int RunPublish(const Globals& globals, importing::PublishOptions options) {
  auto config = LoadConfig(globals.config);
  if (!config) return Report(config.error());
  options.endpoint = ClientEndpoint(config->broker.ingest);
  options.json = globals.json;
  auto code = importing::RunPublishCommand(options);
  return code ? *code : Report(code.error());
}

}  // namespace

void AddPublish(CLI::App& app, Program& program) {
  CLI::App* publish = app.add_subcommand("publish", "sends recorded events to a broker, durably");
  auto options = std::make_shared<importing::PublishOptions>();
  publish
      ->add_option("SOURCE", options->from,
                   "a file of JSON lines, a log folder, or - for standard input")
      ->required();
  publish
      ->add_option("--speed", options->speed,
                   "seconds of the recording in one second; 0, the default: as fast as it goes")
      ->check(CLI::NonNegativeNumber);
  publish->add_flag("--shift-to-now", options->shift_to_now,
                    "moves all times, so that a recording can go to a live broker");
  publish->add_option(
      "--producer", options->producer,
      "name to publish under; under the same name a second run goes on where the first ended");
  publish->callback([&program, options] {
    program.run = [&program, options] { return RunPublish(program.globals, *options); };
  });
}

}  // namespace tonus::cli
