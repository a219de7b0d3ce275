#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/program.h"
#include "core/engine.h"

namespace tonus::cli {

/// The detector that a `plugin` subcommand was pointed at, with what configuration says of it.
struct Subject {
  core::EngineOptions engine;  ///< One plugin: the subject, with its settings.
  std::string config_folder;   ///< Where signals.yaml lies.
};

/// Finds the subject in configuration: settings are those of the entry of `plugins` that is this
/// file, or, where there is none, has its file name; else none. Fails as LoadConfig, and with
/// kUnreachable where there is no such file.
Result<Subject> FindSubject(const Globals& globals, const std::string& path);

// Each adds its subcommand to `plugin`; one file each.
void AddPluginDoc(CLI::App& plugin, Program& program);
void AddPluginNew(CLI::App& plugin, Program& program);
void AddPluginCheck(CLI::App& plugin, Program& program);
void AddPluginBench(CLI::App& plugin, Program& program);

}  // namespace tonus::cli
