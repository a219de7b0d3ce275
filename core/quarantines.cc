#include "core/quarantines.h"

#include <algorithm>
#include <bit>

#include "tonus/v1/system.pb.h"

namespace tonus::core {
namespace {

constexpr std::size_t kEachUpTo = 8;
constexpr int kMostNamed = 64;

}  // namespace

bool Quarantines::Note(v1::TechAlert* alert) {
  std::map<std::string, LogTimeNs>& patients = since_[alert->subject()];
  const bool begins = alert->state() == v1::TECH_STATE_ACTIVE;
  const std::string patient = alert->patients(0);
  LogTimeNs since = alert->since_ns();
  if (begins) {
    patients.emplace(patient, since);
  } else if (const auto known = patients.find(patient); known != patients.end()) {
    since = known->second;
    patients.erase(known);
  }
  const std::size_t n = patients.size();
  if (n > kEachUpTo && !(begins && std::has_single_bit(n))) return false;
  for (const auto& [name, began] : patients) since = std::min(since, began);
  alert->set_since_ns(since);
  if (n == 0) {
    since_.erase(alert->subject());
    return true;
  }
  alert->set_state(v1::TECH_STATE_ACTIVE);
  alert->clear_patients();
  for (const auto& [name, began] : patients) {
    if (alert->patients_size() == kMostNamed) break;
    alert->add_patients(name);
  }
  if (n > 1) {
    alert->set_text(alert->text() + " (" + std::to_string(n) + " patients are watched without it)");
  }
  return true;
}

}  // namespace tonus::core
