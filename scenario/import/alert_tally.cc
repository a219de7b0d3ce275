#include "scenario/import/alert_tally.h"

#include <algorithm>

#include "core/alerts/canonical.h"
#include "tonus/v1/alert.pb.h"

namespace tonus::importing {

Result<void> AlertTally::Add(const std::string& payload) {
  v1::Alert alert;
  if (!alert.ParseFromString(payload)) {
    return Fail(ErrorCode::kMalformed, "an alert is no tonus.v1.Alert");
  }
  const int priority = static_cast<int>(alert.priority()) - static_cast<int>(v1::PRIORITY_INFO);
  Reached& reached = alerts_[alert.id()];
  reached.condition = alert.condition();
  reached.priority =
      std::max(reached.priority, static_cast<std::size_t>(std::clamp(priority, 0, 3)));
  lines_.emplace(Key(alert.patient_id(), alert.sequence()), core::CanonicalJson(alert));
  return {};
}

std::map<std::string, AlertTally::ByPriority> AlertTally::ByCondition() const {
  std::map<std::string, ByPriority> counts;
  for (const auto& [id, reached] : alerts_) ++counts[reached.condition][reached.priority];
  return counts;
}

std::vector<std::string> AlertTally::Lines() const {
  std::vector<std::string> lines;
  for (const auto& [key, line] : lines_) lines.push_back(line);
  return lines;
}

std::string AlertTally::FirstDifference(const AlertTally& other) const {
  auto mine = lines_.begin();
  auto its = other.lines_.begin();
  while (mine != lines_.end() && its != other.lines_.end() && *mine == *its) {
    ++mine;
    ++its;
  }
  if (mine == lines_.end()) return its == other.lines_.end() ? std::string() : its->second;
  if (its == other.lines_.end() || mine->first <= its->first) return mine->second;
  return its->second;
}

}  // namespace tonus::importing
