#include "plugins/clinical/pace.h"

#include <algorithm>

namespace tonus::clinical {
namespace {

bool OnlyDense(const Event& event, const Vocabulary& names) {
  for (const tonus_sample& sample : event.samples()) {
    const std::uint32_t id = sample.signal;
    if (id != names.hr.id() && id != names.rr.id() && id != names.spo2.id() &&
        id != names.sbp.id() && id != names.temp.id()) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool Due(const Event& event, const Vocabulary& names, bool everyone, Pace* pace,
         tonus::Patient* patient) {
  pace->heard = patient->now();
  if (event.kind() == TONUS_EV_OBSERVATIONS) {
    if (!pace->therapy && !everyone) return false;
    const Time now = patient->now();
    if (now - pace->looked < kVitalsPace && OnlyDense(event, names)) {
      patient->set_timer(kLookTimer, pace->looked + kVitalsPace);
      return false;
    }
    return true;
  }
  pace->therapy = HasTherapy(names, *patient);
  return pace->therapy || everyone;
}

void LookAgain(Time boundary, Pace* pace, tonus::Patient* patient) {
  const Time now = patient->now();
  pace->looked = now;
  const Time quiet = now - pace->heard;
  const Time idle = quiet > 14 * kDay ? kIdleAfterFortnight : quiet > kDay ? kIdleAfterDay : kIdle;
  Time next = now + idle;
  if (boundary > now) next = std::min(next, boundary);
  patient->set_timer(kLookTimer, next);
}

}  // namespace tonus::clinical
