#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/record.h"
#include "core/shard.h"

namespace tonus::core {

/// What the engine does with a record, by its topic.
enum class Take : std::uint8_t { kPass, kTick, kRefused, kInput };

Take Classify(const Record& record);

/// The patient's part of a topic, still escaped; empty: the topic names none.
std::string_view PatientPart(std::string_view topic);

std::size_t ShardOfPatient(std::string_view patient, std::size_t shards);

/// Which shard a topic's patient lives on: by what the part means, so that two spellings of one
/// name meet.
unsigned ShardOf(std::string_view topic, std::size_t shards, const Aliases& aliases);

}  // namespace tonus::core
