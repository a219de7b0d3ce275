#pragma once

#include <string>

namespace tonus::v1 {
class Alert;
}

namespace tonus::core {

/// The canonical form of an alert: one line of JSON with a fixed order of keys, every key present,
/// numbers in shortest form. This is what is hashed for deduplication, compared between runs, and
/// written by
/// `--alerts FILE`; serialized protobuf is not canonical across builds.
std::string CanonicalJson(const v1::Alert& alert);

}  // namespace tonus::core
