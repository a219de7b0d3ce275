#pragma once

#include <string>
#include <vector>

#include "base/record.h"
#include "core/host/declaration.h"
#include "core/normalise/mapping.h"

namespace tonus::cli {

/// What `plugin check` and `plugin bench` play to a detector.
struct WorkloadOptions {
  unsigned ward_patients = 3;   ///< Of the simulated ward, with their stories.
  std::int64_t ward_hours = 8;  ///< Besides its ten days of past, which are thinned.
  bool rubbish = true;          ///< With late, repeated, impossible and unreadable input.
};

/// Patients of the workload beside the ward, each with every input that the detectors declare.
inline constexpr const char* kSweptPatients[] = {"check-a", "check-b", "check-c"};

/// Records for the detectors of a plugin, by recorded time with dense offsets: the simulated ward;
/// three patients who are shown every declared input, over each signal's plausible range and out of
/// phase with each other; for one of them also input that is late, repeated, out of range or
/// unreadable; at the end three days of silence. A function of its arguments alone.
std::vector<Record> MakeWorkload(const std::vector<core::DetectorDecl>& detectors,
                                 const core::Mapping& mapping, const WorkloadOptions& options);

/// The workload without the records of one topic kind, as if nothing sent them.
std::vector<Record> Without(const std::vector<Record>& records, const std::string& kind);

/// The records of one patient, and all ticks.
std::vector<Record> OfPatient(const std::vector<Record>& records, const std::string& patient);

/// The patient of a topic `<kind>.<unit>.<patient>.`; empty for others.
std::string PatientOfTopic(const std::string& topic);

}  // namespace tonus::cli
