#pragma once

#include <string>
#include <vector>

#include "base/record.h"
#include "base/result.h"
#include "scenario/scenario.h"

namespace tonus::scenario {

/// A record to be, before a log has given it an offset.
struct TimedRecord {
  LogTimeNs recorded_ns = 0;
  std::string topic;
  std::string payload;  ///< A serialized v1::Event; of `tick.` a v1::Tick.
};

/// Most records that one scenario may become.
inline constexpr std::size_t kMaxScenarioRecords = 2'000'000;

/// Most doses of one standing order that are published for the time before start; of an older order
/// only the newest are.
inline constexpr std::int64_t kMaxDosesBeforeStart = 20'000;

/// Everything that a scenario publishes, by recorded time; equal times as docs/scenarios.md orders
/// them, the same bytes each time. Fails with kConfig where it would be more than
/// kMaxScenarioRecords.
Result<std::vector<TimedRecord>> BuildRecords(const Scenario& scenario);

}  // namespace tonus::scenario
