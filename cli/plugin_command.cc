#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/config.h"
#include "cli/engine_options.h"
#include "cli/program.h"
#include "cli/show.h"

namespace tonus::cli {
namespace {

std::string Join(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

int List(const Globals& globals) {
  auto config = LoadConfig(globals.config);
  if (!config) return Report(config.error());
  auto engine = core::Engine::Create(ToEngineOptions(*config));
  if (!engine) return Report(engine.error());
  if (globals.json) {
    auto list = nlohmann::ordered_json::array();
    for (const core::DetectorInfo& detector : (*engine)->Detectors()) {
      list.push_back({{"id", detector.id},
                      {"version", detector.version},
                      {"path", detector.path},
                      {"digest", detector.digest},
                      {"conditions", detector.conditions},
                      {"settings", detector.settings}});
    }
    std::printf("%s\n", list.dump(2).c_str());
    return 0;
  }
  std::vector<std::vector<std::string>> rows = {
      {"DETECTOR", "VERSION", "CONDITIONS", "SHA-256", "FILE"}};
  for (const core::DetectorInfo& detector : (*engine)->Detectors()) {
    rows.push_back({detector.id, detector.version, Join(detector.conditions, ","),
                    detector.digest.substr(0, 12), detector.path});
  }
  std::printf("%s", Table(rows).c_str());
  for (const core::DetectorInfo& detector : (*engine)->Detectors()) {
    if (detector.settings.empty()) continue;
    std::printf("\n%s:\n", detector.id.c_str());
    for (const std::string& setting : detector.settings) std::printf("  %s\n", setting.c_str());
  }
  return 0;
}

}  // namespace

void AddPlugin(CLI::App& app, Program& program) {
  CLI::App* plugin = app.add_subcommand("plugin", "the detectors");
  plugin->require_subcommand(1);
  CLI::App* list =
      plugin->add_subcommand("list", "loads the detectors and shows them with their settings");
  list->callback([&program] { program.run = [&program] { return List(program.globals); }; });
}

}  // namespace tonus::cli
