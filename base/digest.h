#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tonus {

/// SipHash-2-4 under the all-zero key: a fixed function of the bytes, the same on every machine.
/// Guards against accidents, not against an attacker.
std::uint64_t Digest64(std::string_view bytes);

/// Digest64 of topic, a zero byte and payload: what the broker takes where a producer sends no
/// digest.
std::uint64_t ContentDigest(std::string_view topic, std::string_view payload);

/// SHA-256 of a file, hexadecimal. Fails with kUnreachable where it cannot be read.
Result<std::string> Sha256OfFile(const std::string& path);

/// SHA-256 of bytes, hexadecimal.
std::string Sha256(std::string_view bytes);

}  // namespace tonus
