#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tonus {

/// Hash of short names for tables in memory; its values are stored nowhere. One multiplication for
/// eight bytes, several times faster than Digest64. Tables keyed by outsiders' names are bounded.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15U;
    std::uint64_t hash = text.size() * kMultiplier;
    const char* at = text.data();
    std::size_t left = text.size();
    for (; left >= 8; at += 8, left -= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at, 8);
      hash = (hash ^ word) * kMultiplier;
      hash ^= hash >> 29U;
    }
    std::uint64_t word = 0;
    if (left > 0) std::memcpy(&word, at, left);
    hash = (hash ^ word) * kMultiplier;
    return hash ^ (hash >> 32U);
  }
};

/// A table by name that can be asked with a view.
template <class T>
using ByText = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

}  // namespace tonus
