#include "scenario/import/replay_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "base/text.h"
#include "cli/config.h"
#include "cli/engine_options.h"
#include "cli/program.h"

namespace tonus::cli {
namespace {

struct Options {
  importing::ReplayOptions replay;
  unsigned shards = 0;
  std::string until;
};

int RunReplay(const Globals& globals, Options options) {
  auto config = LoadConfig(globals.config);
  if (!config) return Report(config.error());
  options.replay.engine = ToEngineOptions(*config);
  if (options.shards != 0) options.replay.engine.shards = options.shards;
  options.replay.json = globals.json;
  if (!options.until.empty()) {
    auto until = ParseTime(options.until);
    if (!until) {
      return Report({ErrorCode::kUsage, until.error().what, "--until", until.error().hint});
    }
    options.replay.until_ns = *until;
  }
  if (options.replay.from.empty()) options.replay.from = {LogFolder(globals, false)};
  auto code = importing::RunReplayCommand(options.replay);
  return code ? *code : Report(code.error());
}

}  // namespace

void AddReplay(CLI::App& app, Program& program) {
  CLI::App* replay = app.add_subcommand("replay", "runs the detectors over recorded data");
  auto options = std::make_shared<Options>();
  replay->add_option("SOURCE,--from", options->replay.from,
                     "log folders or files of JSON lines; default: live/log in --data");
  replay->add_option("--alerts", options->replay.alerts, "file for the alerts, as JSON lines")
      ->type_name("FILE");
  replay->add_option("--dead", options->replay.dead, "file for rejected input, as JSON lines")
      ->type_name("FILE");
  replay
      ->add_option("--technical", options->replay.technical,
                   "file for technical alerts, as JSON lines")
      ->type_name("FILE");
  replay->add_option("--shards", options->shards, "threads; never changes an alert");
  replay->add_option("--batch", options->replay.batch, "records at once; never changes an alert")
      ->capture_default_str();
  replay->add_option("--until", options->until, "leave out what is later, RFC 3339")
      ->type_name("TIME");
  replay->add_flag("--strict", options->replay.strict,
                   "refuse where plugins or settings differ from those of the log");
  replay->callback([&program, options] {
    program.run = [&program, options] { return RunReplay(program.globals, *options); };
  });
}

}  // namespace tonus::cli
