#pragma once

#include <map>
#include <string>

#include "base/record.h"

namespace tonus::v1 {
class TechAlert;
}

namespace tonus::core {

/// The patients whom each detector no longer watches, over all shards: many of them make one
/// technical alert and no flood. Each change is said up to eight patients, then when their number
/// has doubled, and the end when none is left; the `config` records name every one of them.
///
/// Owned by the engine, its thread. Fed in the order of outputs, so it does not depend on shards.
class Quarantines {
 public:
  /// Takes a patient's `detector_quarantined`, begun or resolved, and makes of it what is to be
  /// said of all; false: nothing is.
  bool Note(v1::TechAlert* alert);

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.since_);
  }

 private:
  std::map<std::string, std::map<std::string, LogTimeNs>> since_;  ///< By detector, patient.
};

}  // namespace tonus::core
