#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/alerts/alert_book.h"
#include "core/alerts/finding.h"
#include "core/host/catalogue.h"
#include "core/record/patient_record.h"

namespace tonus::core {

/// A timer of one patient: set by a detector (its rank and id), or by the host for a condition
/// (rank kHostRank and the ConditionId).
struct TimerKey {
  std::uint32_t rank = 0;
  std::uint32_t id = 0;
  friend auto operator<=>(const TimerKey&, const TimerKey&) = default;
};
inline constexpr std::uint32_t kHostRank = 1000;
/// Host timer that ends the watch over a patient who was discharged.
inline constexpr std::uint32_t kDischargeTimer = 0;

/// Where a timer stands. `queued` is the earliest entry of the shard's queue that is meant for it:
/// a timer that moves to later is found there too early and put back, so moving costs nothing.
struct TimerState {
  LogTimeNs deadline = 0;
  LogTimeNs queued = 0;  ///< 0: none.
  bool set = false;
};

/// Everything that a shard holds of one patient.
///
/// Owned by its shard. The order of members is the order of construction: alerts read the others.
struct Patient {
  Patient(const Mapping& mapping, const Catalogue& catalogue, std::string id)
      : record(mapping, std::move(id)),
        findings(catalogue.Conditions().size() + 1),
        alerts(catalogue, record, findings),
        states(catalogue.Detectors().size(), nullptr) {}

  PatientRecord record;
  std::vector<Finding> findings;  ///< By ConditionId.
  AlertBook alerts;
  std::vector<tonus_state*> states;  ///< By detector, in call order; null: not begun.
  DetectorMask begun = 0;
  DetectorMask quarantined = 0;
  std::map<TimerKey, TimerState> timers;
  std::uint32_t number = 0;  ///< Within its shard, from 0.
  std::string merged_into;   ///< Who this one turned out to be; empty: himself.
  bool has_former = false;   ///< Others turned out to be this one.
  bool dirty = false;        ///< Touched since the last cut, or never saved.
  bool marked = false;       ///< Belongs to the cut that is under way and is not saved yet.
};

}  // namespace tonus::core
