#pragma once

#include <string>
#include <string_view>

#include "tonus/v1/alert.pb.h"

namespace tonus::core {

/// The canonical form of an alert: one line of JSON with a fixed order of keys, every key present,
/// numbers in shortest form. This is what is hashed for deduplication, compared between runs, and
/// written by
/// `--alerts FILE`; serialized protobuf is not canonical across builds.
std::string CanonicalJson(const v1::Alert& alert);

/// `info`, `low`, `medium`, `high`; else `unspecified`.
std::string_view PriorityName(v1::Priority priority);
/// `active`, `acknowledged`, `latched`, `resolved`; else `unspecified`.
std::string_view StateName(v1::AlertState state);

}  // namespace tonus::core
