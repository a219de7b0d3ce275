#pragma once

// The workload that benchmarks of the core are measured with; docs/performance.md publishes it.

#include <cstdint>
#include <string>

#include "base/record.h"

namespace tonus::bench {

/// A unit of `patients`, each with a bedside monitor that speaks once a second. The n-th event is a
/// function of n and the arguments alone.
///
/// Of 1000 events 980 are one second of a monitor (HR, SpO2, RR, MAP), 10 an assessment (MAS, two
/// sites), 6 laboratory values (CK, creatinine) and 4 doses of oral baclofen, or laboratory values
/// again where the patient has no therapy. 20 of the monitor's come late, by 1 to 20 minutes. Of
/// `therapy_every` patients one has an intrathecal pump and gets oral doses, and so is somebody
/// whom the detectors look at (0: nobody); each of these has a motor stall once in 2000 of his
/// events, and the alerts that follow. His first event is his snapshot.
class Workload {
 public:
  explicit Workload(std::uint64_t patients, std::uint64_t therapy_every = 10)
      : patients_(patients), therapy_every_(therapy_every) {}

  /// The record with offset n + 1; name, topic, payload and time are set.
  Record Make(std::uint64_t n) const;
  std::uint64_t TherapyEvery() const { return therapy_every_; }

 private:
  std::uint64_t patients_, therapy_every_;
};

}  // namespace tonus::bench
