#include "core/checkpoint/patient_state.h"

#include <algorithm>
#include <vector>

#include "core/checkpoint/codec.h"

namespace tonus::core {
namespace {

/// Raised when the bytes mean something else than before.
constexpr std::uint32_t kFormat = 2;

enum class Watch : std::uint8_t { kNot, kBegun, kQuarantined };

/// One detector's part of a blob.
struct DetectorPart {
  std::string id;
  Watch watch = Watch::kNot;
  std::uint32_t version = 0;
  bool saved = false;
  std::string state;  ///< Or, where it could not be saved, the detector's words.

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.id, self.watch, self.version, self.saved, self.state);
  }
  bool Valid() const { return watch <= Watch::kQuarantined; }
};

/// A timer by the name of whoever set it: a detector's id; a condition, of the alerts; nothing, of
/// the end of a stay.
struct TimerPart {
  std::string owner;
  bool of_host = false;
  std::uint32_t id = 0;
  LogTimeNs deadline = 0;

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.owner, self.of_host, self.id, self.deadline);
  }
};

struct FindingPart {
  std::string condition;
  Finding finding;

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.condition, self.finding);
  }
};

const Detector* FindDetector(const Catalogue& catalogue, const std::string& id) {
  for (const Detector& detector : catalogue.Detectors()) {
    if (detector.decl.id == id) return &detector;
  }
  return nullptr;
}

std::vector<TimerPart> TimersOf(const Patient& patient, const Catalogue& catalogue) {
  std::vector<TimerPart> timers;
  for (const auto& [key, timer] : patient.timers) {
    if (!timer.set) continue;
    TimerPart& part = timers.emplace_back();
    part.deadline = timer.deadline;
    part.of_host = key.rank == kHostRank;
    if (part.of_host) {
      if (key.id != kDischargeTimer) part.owner = catalogue.ConditionOf(key.id).decl->name;
      continue;
    }
    part.id = key.id;
    for (const Detector& detector : catalogue.Detectors()) {
      if (detector.rank == key.rank) part.owner = detector.decl.id;
    }
  }
  return timers;
}

Result<void> LoadTimers(const std::vector<TimerPart>& timers, const Catalogue& catalogue,
                        Patient* patient) {
  for (const TimerPart& part : timers) {
    TimerKey key{kHostRank, kDischargeTimer};
    bool known = true;
    if (part.of_host) {
      if (!part.owner.empty()) key.id = catalogue.FindCondition(part.owner);
      known = part.owner.empty() || key.id != 0;
    } else {
      const Detector* detector = FindDetector(catalogue, part.owner);
      known = detector != nullptr && part.id < kTimersOfDetector;
      if (known) key = {detector->rank, part.id};
    }
    if (!known || part.deadline < 0) {
      return Fail(ErrorCode::kCorrupt,
                  "it has a timer of '" + part.owner + "', which there is not");
    }
    patient->timers[key] = {part.deadline, 0, true};
  }
  return {};
}

Result<void> LoadFindings(std::vector<FindingPart>* findings, const Catalogue& catalogue,
                          Patient* patient) {
  for (FindingPart& part : *findings) {
    const ConditionId id = catalogue.FindCondition(part.condition);
    if (id == 0 || part.finding.tier >= catalogue.ConditionOf(id).decl->tiers.size() ||
        part.finding.priority > TONUS_HIGH) {
      return Fail(ErrorCode::kCorrupt,
                  "it has a finding of '" + part.condition + "' that nobody can have stated");
    }
    patient->findings[id] = std::move(part.finding);
  }
  return {};
}

Result<void> LoadDetectors(const std::vector<DetectorPart>& parts, const Catalogue& catalogue,
                           DetectorHost* host, LogTimeNs now, Patient* patient) {
  if (parts.size() != catalogue.Detectors().size()) {
    return Fail(ErrorCode::kCorrupt, "it is of other detectors");
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const DetectorPart& part = parts[i];
    const DetectorDecl& decl = catalogue.Detectors()[i].decl;
    if (part.id != decl.id) return Fail(ErrorCode::kCorrupt, "it is of other detectors");
    const DetectorMask bit = DetectorMask{1} << i;
    if (part.watch == Watch::kQuarantined) patient->quarantined |= bit;
    if (part.watch != Watch::kBegun) continue;
    if (!part.saved) {
      return Fail(ErrorCode::kRefused,
                  "detector '" + decl.name + "' could not save its state: it " + part.state);
    }
    if (part.version < decl.state_oldest || part.version > decl.state_version) {
      return Fail(ErrorCode::kRefused, "detector '" + decl.name + "' saved a state of version " +
                                           std::to_string(part.version) + " and reads " +
                                           std::to_string(decl.state_oldest) + " to " +
                                           std::to_string(decl.state_version));
    }
    if (!host->Load(patient, i, now, part.version, part.state)) {
      return Fail(ErrorCode::kRefused, "detector '" + decl.name +
                                           "' does not take the state that it saved: it " +
                                           host->Words());
    }
    patient->begun |= bit;
  }
  return {};
}

}  // namespace

std::string SavePatient(Patient* patient, const Catalogue& catalogue, DetectorHost* host,
                        LogTimeNs now) {
  std::vector<DetectorPart> detectors;
  for (std::size_t i = 0; i < catalogue.Detectors().size(); ++i) {
    DetectorPart& part = detectors.emplace_back();
    part.id = catalogue.Detectors()[i].decl.id;
    const DetectorMask bit = DetectorMask{1} << i;
    if ((patient->quarantined & bit) != 0) part.watch = Watch::kQuarantined;
    if ((patient->begun & bit) == 0) continue;
    part.watch = Watch::kBegun;
    part.version = catalogue.Detectors()[i].decl.state_version;
    part.saved = host->Save(patient, i, now, &part.state);
    if (!part.saved) part.state = host->Words();
  }
  std::vector<FindingPart> findings;
  for (const Condition& condition : catalogue.Conditions()) {
    const Finding& finding = patient->findings[condition.id];
    if (finding == Finding()) continue;
    findings.push_back({condition.decl->name, finding});
  }
  StateWriter writer;
  writer(kFormat, patient->record.Id(), patient->merged_into, patient->record, findings);
  patient->alerts.Save(&writer);
  writer(TimersOf(*patient, catalogue), detectors);
  return std::move(writer.Bytes());
}

Result<void> LoadPatient(std::string_view bytes, const Catalogue& catalogue, DetectorHost* host,
                         LogTimeNs now, Patient* patient) {
  StateReader reader(bytes);
  std::uint32_t format = 0;
  std::string id;
  reader(format);
  if (reader.Good() && format != kFormat) {
    return Fail(ErrorCode::kRefused, "it is of format " + std::to_string(format) +
                                         ", and this program reads " + std::to_string(kFormat));
  }
  std::vector<FindingPart> findings;
  std::vector<TimerPart> timers;
  std::vector<DetectorPart> detectors;
  reader(id, patient->merged_into, patient->record, findings);
  if (reader.Good() && id != patient->record.Id()) reader.Refuse("it is another patient's");
  patient->alerts.Load(&reader);
  reader(timers, detectors);
  if (auto good = reader.Finish(); !good) return good;
  if (auto good = LoadFindings(&findings, catalogue, patient); !good) return good;
  if (auto good = LoadTimers(timers, catalogue, patient); !good) return good;
  // Last, so that no state is loaded for a patient who is refused for something else.
  auto good = LoadDetectors(detectors, catalogue, host, now, patient);
  if (good) return good;
  for (std::size_t i = 0; i < patient->states.size(); ++i) {
    if ((patient->begun >> i & 1U) != 0) host->End(patient, i);
  }
  patient->begun = 0;
  return good;
}

}  // namespace tonus::core
