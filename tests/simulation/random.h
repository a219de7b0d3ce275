#pragma once

#include <cstdint>

namespace tonus::simulation {

/// SplitMix64 (Steele, Lea, Flood 2014: "Fast splittable pseudorandom number generators"): the same
/// numbers on every machine and with every standard library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  /// In [0, bound); 0 where bound is 0.
  std::uint64_t Below(std::uint64_t bound) { return bound == 0 ? 0 : Next() % bound; }
  /// In [low, high].
  std::int64_t Between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(Below(static_cast<std::uint64_t>(high - low) + 1));
  }
  /// True in `of_million` of a million cases.
  bool Chance(std::uint64_t of_million) { return Below(1000000) < of_million; }
  /// Between low and high, small ones as likely as large ones.
  std::int64_t Spread(std::int64_t low, std::int64_t high) {
    std::int64_t top = high;
    for (std::uint64_t halvings = Below(8); halvings > 0; --halvings) top = low + (top - low) / 2;
    return Between(low, top);
  }

 private:
  std::uint64_t state_;
};

}  // namespace tonus::simulation
