#pragma once

#include <algorithm>
#include <vector>

#include "plugins/clinical/facts.h"

namespace tonus::clinical {

/// How one signal of the record becomes a fact; what every detector reads in the same way, of the
/// shared vocabulary or of its own signals.

inline constexpr Time kTogether = 15 * kMinute;  ///< Readings this close are of one moment [E].
inline constexpr Time kPair = 4 * kHour;  ///< An older reading does not confirm a newer one [E].
inline constexpr Time kSignCounts = 24 * kHour;  ///< Reading R14.

inline double Median(std::vector<double>* values) {
  std::sort(values->begin(), values->end());
  const std::size_t n = values->size();
  const double upper = (*values)[n / 2];
  return n % 2 == 1 ? upper : ((*values)[n / 2 - 1] + upper) / 2;
}

template <class Unit>
Vital ReadVital(const Signal<Unit>& signal, const tonus::Patient& patient) {
  Vital vital;
  const auto newest = patient.latest(signal);
  vital.newest = newest.effective;
  vital.ref = newest.ref;
  if (!newest.known) return vital;
  const auto own = patient.baseline(signal);
  if (own.known()) vital.own = own.median.value();
  if (newest.stale) return vital;
  vital.known = true;
  vital.now = vital.at_least = vital.at_most = newest.value.value();
  const auto rows = patient.window(signal, newest.effective - kTogether, newest.effective + 1);
  std::vector<double> together;
  constexpr std::size_t kMost = 64; /* enough of a dense signal for a median */
  for (std::size_t i = rows.size() > kMost ? rows.size() - kMost : 0; i < rows.size(); ++i) {
    together.push_back(rows[i].value);
  }
  if (together.size() >= 2) {
    vital.twice = true;
    vital.now = Median(&together);
    const bool pair = together.size() == 2;
    vital.at_least = pair ? together.front() : vital.now;
    vital.at_most = pair ? together.back() : vital.now;
    return vital;
  }
  const auto earlier = patient.window(signal, newest.effective - kPair, newest.effective);
  if (!earlier.empty()) {
    const double before = earlier.back().value;
    vital.twice = true;
    vital.at_least = std::min(vital.now, before);
    vital.at_most = std::max(vital.now, before);
  }
  return vital;
}

inline Sign ReadSign(const Signal<YesNo>& signal, const tonus::Patient& patient) {
  Sign sign;
  const auto newest = patient.latest(signal);
  if (!newest.known) return sign;
  sign.known = true;
  sign.yes = newest.value.value() > 0.5;
  sign.at = newest.effective;
  sign.ref = newest.ref;
  sign.counts = sign.yes && patient.now() - sign.at <= kSignCounts;
  return sign;
}

template <class Unit>
Lab ReadLab(const Signal<Unit>& signal, const tonus::Patient& patient) {
  Lab lab;
  const auto newest = patient.latest(signal);
  if (!newest.known) return lab;
  lab.known = !newest.stale;
  lab.value = newest.value.value();
  lab.at = newest.effective;
  lab.ref = newest.ref;
  const auto own = patient.baseline(signal);
  if (own.known()) lab.own = own.median.value();
  const tonus_stats before = patient.stats(signal, newest.effective - 12 * kHour, newest.effective);
  if (before.n > 0) lab.lowest_12h = before.min;
  return lab;
}

}  // namespace tonus::clinical
