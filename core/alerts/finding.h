#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/record.h"
#include "core/record/record_names.h"

namespace tonus::core {

/// One reason of a finding, copied out of a plugin and checked.
struct Reason {
  std::uint32_t role = 0;      ///< TONUS_FOR, …
  std::uint32_t relation = 0;  ///< TONUS_REL_…
  std::uint32_t known = 0;     ///< TONUS_EVI_…
  std::string name, text, unit;
  double value = 0, baseline = 0, threshold = 0, weight = 0;
  std::string setting;  ///< Key of the setting that holds the threshold; empty: none.
  std::int64_t at = 0;
  std::vector<Ref> refs;
  std::vector<RecordName> records;  ///< What the refs stand for, as far as still known.

  friend bool operator==(const Reason&, const Reason&) = default;
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.role, self.relation, self.known, self.name, self.text, self.unit, self.value,
            self.baseline, self.threshold, self.weight, self.setting, self.at, self.refs,
            self.records);
  }
};

/// A detector's present opinion on one condition of one patient.
struct Finding {
  bool holds = false;  ///< Not cleared.
  bool hold = false;   ///< Must not end or step down by the host's own rules.
  std::uint32_t tier = 0;
  std::uint32_t priority = 0;  ///< TONUS_INFO … TONUS_HIGH.
  std::string text;
  std::vector<Reason> reasons;
  LogTimeNs since = 0;       ///< Open since.
  LogTimeNs tier_since = 0;  ///< At this tier since.

  friend bool operator==(const Finding&, const Finding&) = default;
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.holds, self.hold, self.tier, self.priority, self.text, self.reasons, self.since,
            self.tier_since);
  }
};

}  // namespace tonus::core
