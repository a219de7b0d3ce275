#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/record.h"
#include "scenario/scenario.h"
#include "tonus/v1/alert.pb.h"
#include "tonus/v1/system.pb.h"

namespace tonus::scenario {

/// What was said about the patient of a scenario, in log order.
struct Said {
  std::vector<v1::Alert> alerts;  ///< Every version.
  std::vector<v1::TechAlert> tech;
};

/// Whether an expectation holds.
struct Verdict {
  bool passed = false;
  std::string why;       ///< One sentence, with the alert and the time that decided.
  std::string alert_id;  ///< Of the alert that decided; empty where none did.
  std::uint64_t alert_sequence = 0;
  std::optional<std::int64_t> at_ns;  ///< When it was decided, from start.
};

/// Judges one expectation by the rules of docs/scenarios.md, "Expectations".
Verdict Judge(const Expectation& expectation, const Said& said, LogTimeNs start_ns);

/// "at 2 h 40 min", "at start", "3 d before start".
std::string MomentText(std::int64_t from_start_ns);

}  // namespace tonus::scenario
