#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tonus {

/// Largest topic, bytes, escapes included.
inline constexpr std::size_t kMaxTopicBytes = 255;

/// A topic taken apart. Views into the topic that was parsed; parts are still escaped.
struct TopicParts {
  std::string_view kind;
  std::string_view unit;       ///< Empty for `tick.`, `progress.` and the like.
  std::string_view patient;    ///< Empty where the grammar has none.
  std::string_view condition;  ///< Only of `alert.*`.
};

/// Checks a topic against the grammar of docs/wire-protocol.md and takes it apart. The error's code
/// is kMalformed and its text says what is wrong and what the grammar allows.
Result<TopicParts> ParseTopic(std::string_view topic);

/// `<kind>.<unit>` of a topic, the stream whose previous offset travels in `meta`; a topic without
/// unit is a stream of its own.
std::string_view StreamOf(std::string_view topic);

/// Escapes a name so that it can be a part of a topic: letters, digits, `-` and `_` stand for
/// themselves, any other byte is `%XX`. An empty name becomes `_`, and a name `_` becomes `%5F`.
std::string EscapeTopicPart(std::string_view name);

/// Reverses EscapeTopicPart. Malformed escapes are kept as they stand.
std::string UnescapeTopicPart(std::string_view part);

/// Joins already escaped parts to a topic: {"alert","icu","p1","withdrawal"} →
/// `alert.icu.p1.withdrawal.`.
std::string JoinTopic(const std::vector<std::string_view>& parts);

/// Whether `kind` is an input kind, which devices and gateways may publish and the core reads.
bool IsInputKind(std::string_view kind);

}  // namespace tonus
