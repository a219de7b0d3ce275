// The `tonus` program: one file a subcommand, and here what is common to all: global options, help,
// and a useful answer to a command line that does not exist.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "cli/program.h"
#include "core/host/crash.h"

namespace tonus::cli {

int Report(const Error& error) {
  std::fprintf(stderr, "tonus: %s\n", error.Message().c_str());
  return ExitCode(error);
}

Result<std::int64_t> DurationOption(const char* option, const std::string& text) {
  const auto parsed = ParseDuration(text);
  if (parsed && *parsed > 0) return *parsed;
  return Fail(ErrorCode::kUsage, "'" + text + "' is no time to wait", option,
              "write a number and one of s, m, h, d, such as 30s or 6h");
}

std::string WhyNoSpeed(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec == std::errc() && parsed.ptr == end && value > 0 && value <= 1e6) return {};
  return "'" + text + "' is no speed; write a number above 0 and at most 1000000";
}

Result<void> SetUpLog(const Globals& globals, const std::string& process) {
  return log::Setup({process, globals.log_level, isatty(STDERR_FILENO) == 0});
}

std::string LogFolder(const Globals& globals, bool ward) {
  return globals.data + (ward ? "/ward/log" : "/live/log");
}

namespace {

// The innermost subcommand that was named.
CLI::App* Innermost(CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

std::vector<std::string> OptionNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::vector<std::string> CommandNames(CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app->get_subcommands({})) names.push_back(sub->get_name());
  return names;
}

std::string CommandLine(const CLI::App* app) {
  if (app->get_parent() == nullptr) return "tonus";
  return CommandLine(app->get_parent()) + " " + app->get_name();
}

// CLI11 names the bounds of a positive number in three hundred digits.
void ShortenRange(std::string* text) {
  const auto value = text->find(": Value ");
  const auto range = text->find(" not in range ");
  if (value == std::string::npos || range == std::string::npos || text->size() < range + 100)
    return;
  const std::string given = text->substr(value + 8, range - value - 8);
  *text = text->substr(0, value) + " is '" + given + "'; it must be a positive number";
}

Error Explain(CLI::App* root, const CLI::ParseError& error) {
  CLI::App* app = Innermost(root);
  const std::string help = "see `" + CommandLine(app) + " --help`";
  Error answer{ErrorCode::kUsage, error.what(), {}, help};
  if (const auto line_break = answer.what.find('\n'); line_break != std::string::npos) {
    answer.what.resize(line_break);
  }
  ShortenRange(&answer.what);
  const bool needs_command = !app->get_subcommands({}).empty();
  auto extras = app->remaining();
  if (extras.empty()) extras = root->remaining(true);
  if (extras.empty()) {
    if (needs_command) answer.what = "`" + CommandLine(app) + "` needs a subcommand";
    return answer;
  }
  const std::string& word = extras.front();
  const bool option = word.starts_with("-");
  if (!option && !needs_command) {
    answer.what = "'" + word + "' is one argument too many";
    return answer;
  }
  const std::string stem = word.substr(0, word.find('='));
  answer.what = (option ? "there is no option '" : "there is no subcommand '") + stem + "'";
  if (app != root) answer.what += " of `" + CommandLine(app) + "`";
  const auto nearest = NearestName(stem, option ? OptionNames(app) : CommandNames(app));
  if (nearest) answer.hint = "did you mean '" + *nearest + "'? " + help;
  return answer;
}

void AddGlobals(CLI::App& app, Globals* globals) {
  app.add_option("--config", globals->config, "tonus.yaml to read")->type_name("FILE");
  app.add_option("--data", globals->data, "where logs are kept")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_flag("--json", globals->json, "answers for programs: JSON");
  app.add_option("--log-level", globals->log_level, "debug, info, warn, error or off")
      ->type_name("LEVEL")
      ->capture_default_str();
}

void TellOfGlobals(CLI::App& app) {
  for (CLI::App* sub : app.get_subcommands({})) {
    sub->footer(
        "Everywhere: --config FILE, --data DIR, --json, --log-level LEVEL; see `tonus --help`.");
    TellOfGlobals(*sub);
  }
}

int Main(int argc, char** argv) {
  core::NameDetectorsInCrashes();
  CLI::App app{
      "tonus watches patients on baclofen: devices' data in, alerts out, over ZeroMQ.\n"
      "It is an information system beside the devices' own alarms, and no diagnosis.",
      "tonus"};
  Program program;
  AddGlobals(app, &program.globals);
  app.set_version_flag("--version", "tonus " TONUS_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  AddUp(app, program);
  AddBroker(app, program);
  AddCore(app, program);
  AddSimulate(app, program);
  AddTail(app, program);
  AddPublish(app, program);
  AddScenario(app, program);
  AddImport(app, program);
  AddReplay(app, program);
  AddDead(app, program);
  AddLog(app, program);
  AddPlugin(app, program);
  AddConfig(app, program);
  AddDoctor(app, program);
  TellOfGlobals(app);
  app.footer(
      "Exit codes: 0 good, 1 the answer is no, 2 usage or configuration, 3 cannot reach or open.\n"
      "`tonus SUBCOMMAND --help` tells more. Begin with `tonus up`, and `tonus tail` beside it.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    return Report(Explain(&app, error));
  }
  const int code = program.run ? program.run() : 2;
  // An answer that nobody got is none.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    return Report({ErrorCode::kIo, std::string("cannot be written: ") + std::strerror(errno),
                   "standard output", "make room, or send it elsewhere"});
  }
  return code;
}

}  // namespace
}  // namespace tonus::cli

int main(int argc, char** argv) { return tonus::cli::Main(argc, argv); }
