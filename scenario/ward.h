#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/record.h"
#include "scenario/events.h"

namespace tonus::scenario {

struct WardOptions {
  unsigned patients = 12;
  std::uint64_t seed = 1;
  LogTimeNs start_ns = 0;  ///< When the ward opens, since 1970; a whole second.
};

/// A simulated ward: monitors, pumps, doses, assessments and, for some patients, stories that make
/// alerts: a stalled motor, a catheter that leaks, an infection, a tone that rises after a dose
/// step, missed doses, a monitor that falls silent. The first come within minutes of start; every
/// 48 h other patients have theirs. All figures are synthetic, shaped by §6.4 of the clinical
/// reference.
///
/// Owned by its caller, used from one thread. Invariants: 1. what is published is a function of the
/// options and log time alone, so a ward that begins in the middle is the same ward; 2. recorded
/// times are unique and grow, so "after this time" is exact.
class Ward {
 public:
  explicit Ward(const WardOptions& options);
  ~Ward();
  Ward(const Ward&) = delete;
  Ward& operator=(const Ward&) = delete;

  /// The next record will be the first one after `recorded_ns`.
  void SeekAfter(LogTimeNs recorded_ns);

  /// Appends every record from where it is up to and including `until_ns`. At first that includes
  /// ten days before start: the patients' past.
  void Take(LogTimeNs until_ns, std::vector<TimedRecord>* out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tonus::scenario
