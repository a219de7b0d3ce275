#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tonus::v1 {
class Alert;
}

namespace tonus::importing {

/// What the detectors said, gathered from the payloads of `alert.*` records.
class AlertTally {
 public:
  /// Numbers of alerts of one condition, by the highest priority that each reached: info, low,
  /// medium, high.
  using ByPriority = std::array<std::uint64_t, 4>;

  /// Takes one version of one alert. Fails with kMalformed where the payload is no tonus.v1.Alert.
  Result<void> Add(const std::string& payload);

  std::uint64_t Versions() const { return lines_.size(); }
  std::map<std::string, ByPriority> ByCondition() const;
  /// Each version as a line of CanonicalJson, sorted by patient and sequence; where two
  /// conditions share a sequence, in the order in which they were derived.
  std::vector<std::string> Lines() const;
  /// Where the two differ first: the line of this or of the other, whichever comes first; empty
  /// where both say the same.
  std::string FirstDifference(const AlertTally& other) const;

 private:
  using Key = std::pair<std::string, std::uint64_t>;
  struct Reached {
    std::string condition;
    std::size_t priority = 0;
  };
  std::multimap<Key, std::string> lines_;
  std::map<std::string, Reached> alerts_;  // By alert id.
};

}  // namespace tonus::importing
