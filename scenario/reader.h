#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "scenario/scenario.h"
#include "scenario/vocabulary.h"

namespace tonus::scenario {

/// What reading a file gave. `scenario` is complete only where `errors` is empty.
struct ReadOutcome {
  Scenario scenario;
  std::vector<Error> errors;          ///< In the order in which they were met; all of one file.
  std::vector<std::string> warnings;  ///< "file:line:column: text".
};

/// Reads a scenario file and checks every rule of docs/scenarios.md. Each error has the place
/// (file:line:column), the key, what is allowed, and the nearest name for a typo.
ReadOutcome ReadScenarioFile(const std::string& path, const Vocabulary& vocabulary);

/// The same of a text that is named `name` in errors.
ReadOutcome ReadScenarioText(std::string_view text, const std::string& name,
                             const Vocabulary& vocabulary);

}  // namespace tonus::scenario
