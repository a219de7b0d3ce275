#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <utility>
#include <vector>

#include "core/host/patient.h"
#include "tonus/plugin.h"

namespace tonus::core {

/// What one call of a detector asked for; taken over only where the call succeeded.
struct Wishes {
  std::vector<std::pair<ConditionId, Finding>> findings;
  std::vector<std::pair<std::uint32_t, LogTimeNs>> timers;  ///< id, deadline; −1: cancelled.

  void Clear() {
    findings.clear();
    timers.clear();
  }
};

inline constexpr LogTimeNs kCancelled = -1;
inline constexpr std::uint32_t kTimersOfDetector = 64;

}  // namespace tonus::core

/// A call of a detector: its patient, time, fuel, scratch memory and what it asks for.
///
/// Owned by the shard's DetectorHost and used again for every call; arrays that the record tables
/// hand out live in `arena` until the next call begins.
struct tonus_ctx {
  const tonus::core::Catalogue* catalogue = nullptr;
  tonus::core::Patient* patient = nullptr;  ///< Null in open.
  std::size_t detector = 0;
  tonus::LogTimeNs now = 0;
  std::uint32_t fuel = 0;
  bool out_of_fuel = false;
  bool misused = false;  ///< A report that breaks the header's rules; `words` says which.
  tonus_rc failed = 0;
  std::string words;
  tonus::core::Wishes wishes;
  std::array<std::byte, 1 << 16> first_block;
  std::pmr::monotonic_buffer_resource arena{first_block.data(), first_block.size()};

  /// Takes fuel; false, and the call is over its bound, where there is not enough.
  bool Charge(std::size_t units) {
    if (units <= fuel) {
      fuel -= static_cast<std::uint32_t>(units);
      return true;
    }
    fuel = 0;
    out_of_fuel = true;
    return false;
  }
  /// Scratch for n elements, zeroed.
  template <class T>
  T* Array(std::size_t n) {
    T* out = static_cast<T*>(arena.allocate(sizeof(T) * (n == 0 ? 1 : n), alignof(T)));
    for (std::size_t i = 0; i < n; ++i) out[i] = T{};
    return out;
  }
};
