#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/engine.h"

namespace tonus::v1 {
class ConfigRecord;
}

namespace tonus::core {

/// Detectors, settings and mapping of an engine as a `config.` record holds them.
v1::ConfigRecord ConfigOf(const Engine& engine);

/// What differs between the plugins and settings of two records, a sentence each, detectors by
/// name. Empty: nothing that can change an alert, as far as plugins and settings can. A record of a
/// quarantine has none.
std::vector<std::string> ConfigDifferences(const v1::ConfigRecord& then,
                                           const v1::ConfigRecord& now);

/// The measured quarantine that a `config.` record holds, for EngineOptions::quarantines.
std::optional<RecordedQuarantine> MeasuredQuarantine(const v1::ConfigRecord& record);

}  // namespace tonus::core
