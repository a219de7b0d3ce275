#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/config.h"
#include "cli/engine_options.h"
#include "cli/plugin.h"
#include "cli/plugin_probe.h"
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

Result<Subject> FindSubject(const Globals& globals, const std::string& path) {
  namespace fs = std::filesystem;
  auto config = LoadConfig(globals.config);
  if (!config) return tl::unexpected<Error>(config.error());
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    return Fail(ErrorCode::kUnreachable, "there is no such file", path, "build the plugin first");
  }
  Subject subject;
  subject.config_folder = fs::path(config->path).parent_path().string();
  subject.engine = ToEngineOptions(*config);
  subject.engine.shards = 1;
  core::PluginSpec found{path, {}, {}};
  const fs::path name = fs::path(path).filename();
  for (const core::PluginSpec& spec : subject.engine.plugins) {
    const bool same = fs::equivalent(spec.path, path, error);
    if (!same && fs::path(spec.path).filename() != name) continue;
    found = {path, spec.settings, spec.settings_where};
    if (same) break;
  }
  subject.engine.plugins = {found};
  return subject;
}

void AddPlugin(CLI::App& app, Program& program) {
  CLI::App* plugin = app.add_subcommand("plugin", "the detectors");
  plugin->require_subcommand(1);
  CLI::App* list =
      plugin->add_subcommand("list", "loads the detectors and shows them with their settings");
  list->callback([&program] { program.run = [&program] { return List(program.globals); }; });
  AddPluginDoc(*plugin, program);
  AddPluginNew(*plugin, program);
  AddPluginCheck(*plugin, program);
  AddPluginBench(*plugin, program);
  AddPluginProbe(*plugin, program);
}

}  // namespace tonus::cli
