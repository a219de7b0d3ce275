#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/record.h"

namespace tonus::v1 {
class Health;
class TechAlert;
}  // namespace tonus::v1

namespace tonus {

/// The technical alerts that processes measure of themselves. A process that notices a change
/// writes a `health.<process>.` record and, right behind it, what this class makes of it as
/// `tech.<process>.` records; whoever replays a log makes the same of the same health records. The
/// kinds and their texts stand in health.cc; docs/alerts.md lists them.
///
/// A value, one thread. Invariant: what it says is a function of the health records alone.
class HealthAlerts {
 public:
  /// What a health record begins and ends. Alerts that go on are not said again; `all`: the end of
  /// one that is not known to have begun is said too.
  std::vector<v1::TechAlert> Take(const v1::Health& health, LogTimeNs now, bool all = false);

 private:
  std::map<std::pair<std::string, std::string>, LogTimeNs> since_;  ///< By (process, kind).
};

}  // namespace tonus
