#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "core/engine.h"
#include "scenario/vocabulary.h"

namespace tonus::scenario {

/// What `tonus scenario run` was asked for.
struct ScenarioCommandOptions {
  std::vector<std::string> files;
  std::string signals_path;               ///< config/signals.yaml
  std::string drugs_path;                 ///< config/drugs.yaml
  std::vector<core::PluginSpec> plugins;  ///< All that configuration names.
  std::vector<std::string> detectors;     ///< `--detectors a,b`: ids, or file names without .so;
                                          ///< empty: all.
  unsigned shards = 1;                    ///< `--shards N`
  std::size_t batch = 512;                ///< `--batch N`: records a call of the engine.
  bool json = false;                      ///< `--json`: one object a scenario, one a line.
  bool trace = false;                     ///< `--trace`: every finding as it changes.
  std::string alerts_path;                ///< `--alerts FILE`; empty: none.
};

/// Reads all files, plays each through log and engine, and prints what held to `out`, errors and
/// warnings to `err`. Nothing is played where a file is wrong. Returns the exit code: 0 all hold,
/// 1 one fails, 2 a file, a setting or an option is wrong, 3 something cannot be opened.
int RunScenarioCommand(const ScenarioCommandOptions& options, std::ostream& out, std::ostream& err);

/// The names of scenarios.md and those that configuration and plugins of an engine declare.
Vocabulary NamesOf(const core::Engine& engine);

}  // namespace tonus::scenario
