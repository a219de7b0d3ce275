#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/engine.h"
#include "scenario/expectations.h"
#include "scenario/scenario.h"

namespace tonus::scenario {

/// How a scenario is played.
struct RunOptions {
  core::EngineOptions engine;
  std::size_t batch = 512;  ///< Records in one call of the engine; never changes the alerts.
};

/// What came of one scenario.
struct RunResult {
  bool passed = false;
  std::vector<Verdict> verdicts;         ///< One for each expectation, in order.
  Said said;                             ///< In log order.
  std::vector<std::string> alert_lines;  ///< CanonicalJson of said.alerts.
  std::vector<std::string> rejected;     ///< "code: sentence" of input that went to `dead`.
  std::vector<std::string> trace;        ///< With EngineOptions::trace.
  std::size_t records = 0;               ///< Played, ticks included.
};

/// Plays one scenario: its records go through a given-clock log in a temporary folder, are read
/// back and processed by an engine of their own; then every expectation is judged. Errors: those of
/// the engine (plugins, configuration), of the log, and of BuildRecords.
Result<RunResult> RunScenario(const Scenario& scenario, const RunOptions& options);

}  // namespace tonus::scenario
