#pragma once

#include "plugins/clinical/facts.h"

namespace tonus::clinical {

/// When a detector looks. Dense vital signs are looked at once a minute of log time; whatever else
/// happens is looked at when it happens; and time itself at least every `idle`. Where nothing at
/// all has come for a day, time alone can change little, and it is looked at less often. A state's
/// field.
struct Pace {
  tonus_ns looked = 0;
  bool therapy = false;  ///< Something about baclofen is on record.
  tonus_ns heard = 0;    ///< The newest event of the patient.
  TONUS_STATE(looked, therapy, heard)
};

inline constexpr std::uint32_t kLookTimer = 0;
inline constexpr Time kVitalsPace = kMinute;
inline constexpr Time kIdle = 15 * kMinute;
inline constexpr Time kIdleAfterDay = 4 * kHour;
inline constexpr Time kIdleAfterFortnight = kDay;

/// Whether to look now. Sets the timer where it is only a little too early. Patients without
/// baclofen cost one comparison per call, unless `everyone` is watched.
bool Due(const Event& event, const Vocabulary& names, bool everyone, Pace* pace,
         tonus::Patient* patient);

/// What a detector does at an event: looks where that is due, and takes back what it said once
/// nothing about baclofen is on record any more.
template <class Look, class Clear>
void WakeAt(const Event& event, const Vocabulary& names, bool everyone, Pace* pace,
            tonus::Patient* patient, Look&& look, Clear&& clear) {
  const bool had = pace->therapy;
  if (Due(event, names, everyone, pace, patient)) {
    look();
  } else if (had && !pace->therapy) {
    clear();
  }
}

/// After a look: when to look next, at the latest. `boundary`: a time at which something is known
/// to change; 0: none.
void LookAgain(Time boundary, Pace* pace, tonus::Patient* patient);

}  // namespace tonus::clinical
