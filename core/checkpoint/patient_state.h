#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "core/host/detector_host.h"
#include "core/host/patient.h"

namespace tonus::core {

/// Everything that a shard holds of a patient, as bytes: record, findings, alerts, timers and the
/// states of the detectors. Detectors and conditions stand in it by name, signals and drugs by the
/// numbers that the mapping files give them.
///
/// A detector whose state cannot be saved is noted with its own words: such a blob is written, and
/// LoadPatient refuses it with them.
std::string SavePatient(Patient* patient, const Catalogue& catalogue, DetectorHost* host,
                        LogTimeNs now);

/// Fills a patient that was made and not used yet. kCorrupt in a sentence where the bytes are not
/// such a state, kRefused in the detector's words where it does not take its own: then the patient
/// is of no use, and holds no detector's state.
Result<void> LoadPatient(std::string_view bytes, const Catalogue& catalogue, DetectorHost* host,
                         LogTimeNs now, Patient* patient);

}  // namespace tonus::core
