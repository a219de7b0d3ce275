// One pass: detectors in their order, each woken by the event, by findings of those before it, or
// by a timer; then alerts from what has changed; then timers that were set to now or earlier.

#include <algorithm>
#include <bit>

#include "base/digest.h"
#include "base/text.h"
#include "base/topic.h"
#include "core/alerts/canonical.h"
#include "core/host/views.h"
#include "core/shard.h"
#include "tonus/v1/alert.pb.h"
#include "tonus/v1/system.pb.h"

namespace tonus::core {
namespace {

// A detector that sets a timer to now from within that timer, again and again, never ends.
constexpr int kMostRounds = 64;

std::string PriorityWord(std::uint32_t priority) {
  constexpr const char* kWords[] = {"none", "info", "low", "medium", "high"};
  return priority < std::size(kWords) ? kWords[priority] : "?";
}

bool SameNames(const Finding& a, const Finding& b) {
  return std::equal(a.reasons.begin(), a.reasons.end(), b.reasons.begin(), b.reasons.end(),
                    [](const Reason& one, const Reason& other) {
                      return one.role == other.role && one.name == other.name;
                    });
}

}  // namespace

void Shard::BeginDetectors(Patient* patient) {
  for (std::size_t i = 0; i < catalogue_.Detectors().size(); ++i) {
    if (!MayCall(patient, i)) continue;
    const bool good = host_.Begin(patient, i, now_);
    if (good) patient->begun |= DetectorMask{1} << i;
    Deliver(patient, i, good);
  }
}

DetectorMask Shard::WokenBy(const NormalEvent& event) const {
  const Wakes& wakes = catalogue_.WhoWakes();
  DetectorMask woken = 0;
  switch (event.kind) {
    case EventKind::kObservations:
      for (const NormalSample& sample : event.samples) woken |= wakes.signals[sample.signal];
      return woken;
    case EventKind::kPump:
      return wakes.pump;
    case EventKind::kOrder:
      return wakes.drugs_ordered[event.order.drug];
    case EventKind::kAdministration:
      return wakes.drugs_given[event.administration.drug];
    case EventKind::kProcedure:
      return wakes.procedures[event.procedure.kind];
    case EventKind::kEncounter:
      return wakes.encounter;
    case EventKind::kPatient:
      return wakes.patient;
    case EventKind::kCustom:
      return wakes.custom;
    case EventKind::kAction:
      break;
  }
  return 0;
}

const tonus_event* Shard::ShowEvent(const Patient& patient) {
  shown_ = {};
  shown_.struct_size = sizeof shown_;
  shown_.kind = static_cast<std::uint32_t>(event_.kind);
  shown_.ref = amended_.ref;
  shown_.recorded = now_;
  shown_.effective = event_.effective_ns;
  if (amended_.late) shown_.flags |= TONUS_LATE;
  samples_.clear();
  for (std::size_t i = 0; i < amended_.samples.size(); ++i) {
    samples_.push_back(ViewOf(amended_.samples[i], amended_.signals[i], patient.record));
  }
  shown_.samples = ArrayOf(samples_.data(), samples_.size());
  if (amended_.pump != nullptr) shown_.body = &(shown_pump_ = ViewOf(*amended_.pump));
  if (amended_.order != nullptr) shown_.body = &(shown_order_ = ViewOf(*amended_.order));
  if (amended_.dose != nullptr) shown_.body = &(shown_dose_ = ViewOf(*amended_.dose));
  if (amended_.procedure != nullptr) {
    shown_.body = &(shown_procedure_ = ViewOf(*amended_.procedure));
  }
  if (event_.kind == EventKind::kPatient) {
    shown_patient_ = ViewOf(patient.record.Facts());
    shown_diagnoses_.clear();
    for (const std::string& diagnosis : patient.record.Facts().diagnoses) {
      shown_diagnoses_.push_back(StrOf(diagnosis));
    }
    shown_patient_.diagnoses = ArrayOf(shown_diagnoses_.data(), shown_diagnoses_.size());
    shown_.body = &shown_patient_;
  }
  return &shown_;
}

void Shard::RunPass(Patient* patient, DetectorMask woken, const tonus_event* event) {
  for (std::size_t i = 0; i < catalogue_.Detectors().size(); ++i) {
    const DetectorMask bit = DetectorMask{1} << i;
    if ((woken & bit) != 0 && (patient->begun & bit) != 0 && MayCall(patient, i)) {
      Deliver(patient, i, host_.OnEvent(patient, i, now_, *event));
    }
    TellPeers(patient, i);
  }
}

void Shard::RunTimer(Patient* patient, std::size_t detector, std::uint32_t timer) {
  if ((patient->begun >> detector & 1U) == 0 || !MayCall(patient, detector)) return;
  Deliver(patient, detector, host_.OnTimer(patient, detector, now_, timer));
  for (std::size_t i = detector + 1; i < catalogue_.Detectors().size(); ++i) TellPeers(patient, i);
}

/// Tells a detector of the findings that changed before its turn.
void Shard::TellPeers(Patient* patient, std::size_t detector) {
  std::vector<ConditionId> letters;
  letters.swap(letters_[detector]);
  for (const ConditionId condition : letters) {
    if ((patient->begun >> detector & 1U) == 0 || !MayCall(patient, detector)) return;
    const Finding& finding = patient->findings[condition];
    tonus_peer_finding body = ViewOf(finding);
    tonus_event event = {};
    event.struct_size = sizeof event;
    event.kind = TONUS_EV_FINDING;
    event.recorded = event.effective = now_;
    event.name_id = condition;
    event.body = finding.holds ? &body : nullptr;
    Deliver(patient, detector, host_.OnEvent(patient, detector, now_, event));
  }
}

void Shard::Deliver(Patient* patient, std::size_t detector, bool good) {
  if (!good) {
    Quarantine(patient, detector, host_.Words(), host_.Measured());
    return;
  }
  const std::uint32_t rank = catalogue_.Detectors()[detector].rank;
  for (const auto& [id, deadline] : host_.Asked().timers) SetTimer(patient, {rank, id}, deadline);
  for (auto& [condition, finding] : host_.Asked().findings) {
    TakeFinding(patient, detector, condition, std::move(finding));
  }
}

void Shard::TakeFinding(Patient* patient, std::size_t detector, ConditionId condition,
                        Finding finding) {
  Finding& before = patient->findings[condition];
  if (!before.holds && !finding.holds && !before.hold && !finding.hold) return;
  const bool same_tier = before.holds == finding.holds && before.tier == finding.tier;
  const bool changed = !same_tier || before.priority != finding.priority;
  finding.since = before.holds && finding.holds ? before.since : now_;
  finding.tier_since = same_tier ? before.tier_since : now_;
  const bool told = !changed && SameNames(before, finding);
  before = std::move(finding);
  dirty_.push_back(condition);
  if (trace_ && !told) Trace(*patient, detector, condition);
  if (!changed) return;
  for (const ConditionId other : patient->alerts.OpenCompetitorsOf(condition)) {
    dirty_.push_back(other);
  }
  DetectorMask readers = catalogue_.WhoWakes().findings[condition];
  while (readers != 0) {
    const auto reader = static_cast<std::size_t>(std::countr_zero(readers));
    readers &= readers - 1;
    if (reader > detector) letters_[reader].push_back(condition);
  }
}

/// Counts a call that is about to be made; false, and the detector is in quarantine, where this is
/// the one that a measured quarantine was recorded for.
bool Shard::MayCall(Patient* patient, std::size_t detector) {
  const std::uint32_t call = ++calls_of_step_[detector];
  if (recorded_.empty()) return true;
  const auto found = recorded_.find(patient->record.Id());
  if (found == recorded_.end()) return true;
  for (const RecordedQuarantine* one : found->second) {
    if (one->detector != catalogue_.Detectors()[detector].decl.name || one->call != call ||
        one->cause != cause_name_) {
      continue;
    }
    Quarantine(patient, detector, one->reason, true);
    return false;
  }
  return true;
}

void Shard::Quarantine(Patient* patient, std::size_t detector, const std::string& words,
                       bool measured) {
  const DetectorMask bit = DetectorMask{1} << detector;
  if ((patient->quarantined & bit) != 0) return;
  patient->quarantined |= bit;
  if ((patient->begun & bit) != 0) host_.End(patient, detector);
  patient->begun &= ~bit;
  const std::string& name = catalogue_.Detectors()[detector].decl.name;
  // A decision is a record, and stands before whatever follows from it.
  v1::ConfigRecord config;
  v1::Quarantine& quarantine = *config.mutable_quarantine();
  quarantine.set_detector(name);
  quarantine.set_patient_id(patient->record.Id());
  quarantine.set_from_ref(patient->record.LastRef());
  quarantine.set_cause(cause_name_);
  quarantine.set_call(calls_of_step_[detector]);
  quarantine.set_time_ns(now_);
  quarantine.set_reason(words);
  quarantine.set_measured(measured);
  Emit(KeyedOutput::Kind::kRecord, "config.", config.SerializeAsString(), 0);
  SayQuarantine(*patient, detector, v1::TECH_STATE_ACTIVE,
                "detector '" + name + "' no longer watches a patient, for it " + words +
                    "; its open alerts stay as they are; have it corrected, or take it out of "
                    "`plugins` in tonus.yaml");
}

void Shard::SayQuarantine(const Patient& patient, std::size_t detector, v1::TechState state,
                          const std::string& text) {
  const std::string& name = catalogue_.Detectors()[detector].decl.name;
  v1::TechAlert alert;
  alert.set_kind("detector_quarantined");
  alert.set_subject(name);
  alert.set_state(state);
  alert.set_since_ns(now_);
  alert.set_time_ns(now_);
  alert.set_text(text);
  alert.add_patients(patient.record.Id());
  Emit(KeyedOutput::Kind::kQuarantine, JoinTopic({"tech", EscapeTopicPart(name)}),
       alert.SerializeAsString(), 1);
}

void Shard::EvaluateAlerts(Patient* patient) {
  if (dirty_.empty()) return;
  std::sort(dirty_.begin(), dirty_.end());
  dirty_.erase(std::unique(dirty_.begin(), dirty_.end()), dirty_.end());
  const Cause cause{cause_name_};
  for (const ConditionId condition : dirty_) {
    const auto next =
        patient->alerts.Evaluate(condition, patient->findings[condition], now_, cause, this);
    SetTimer(patient, {kHostRank, condition}, next.value_or(kCancelled));
  }
  dirty_.clear();
  const bool unlike_himself = std::any_of(
      patient->findings.begin(), patient->findings.end(),
      [](const Finding& finding) { return finding.holds && finding.priority >= TONUS_MEDIUM; });
  patient->record.SetFrozen(unlike_himself, now_);
}

void Shard::RunImmediate(Patient* patient) {
  for (int round = 0; !immediate_.empty(); ++round) {
    std::vector<std::pair<LogTimeNs, TimerKey>> due;
    due.swap(immediate_);
    std::sort(due.begin(), due.end());
    due.erase(std::unique(due.begin(), due.end()), due.end());
    for (const auto& [deadline, key] : due) {
      for (std::size_t i = 0; i < catalogue_.Detectors().size(); ++i) {
        if (catalogue_.Detectors()[i].rank != key.rank) continue;
        if (round == kMostRounds) {
          Quarantine(patient, i, "sets timers to now without end", false);
        } else {
          RunTimer(patient, i, key.id);
        }
      }
      if (key.rank != kHostRank || key.id == kDischargeTimer) continue;
      // What the alerts ask for again and again without end is asked again a minute later.
      if (round >= kMostRounds) {
        SetTimer(patient, key, now_ + kMinuteNs);
      } else {
        dirty_.push_back(key.id);
      }
    }
    EvaluateAlerts(patient);
  }
}

void Shard::EndWatch(Patient* patient) {
  patient->alerts.CloseAll("closed, the patient was discharged", now_, this);
  for (std::size_t i = 0; i < patient->states.size(); ++i) {
    if ((patient->begun >> i & 1U) != 0) host_.End(patient, i);
  }
  for (std::size_t i = 0; i < patient->states.size(); ++i) {
    if ((patient->quarantined >> i & 1U) == 0) continue;
    SayQuarantine(*patient, i, v1::TECH_STATE_RESOLVED,
                  "a patient whom detector '" + catalogue_.Detectors()[i].decl.name +
                      "' no longer watched was discharged");
  }
  patient->begun = patient->quarantined = 0;
  for (Finding& finding : patient->findings) finding = {};
  for (auto& [key, timer] : patient->timers) timer.set = false;
  patient->record.SetFrozen(false, now_);
}

void Shard::Trace(const Patient& patient, std::size_t detector, ConditionId condition) {
  const Finding& finding = patient.findings[condition];
  const ConditionDecl& decl = *catalogue_.ConditionOf(condition).decl;
  std::string line = FormatTime(now_) + " " + patient.record.Id() + " " +
                     catalogue_.Detectors()[detector].decl.name + " " + decl.name;
  line += finding.holds ? " " + decl.tiers[finding.tier] + " " + PriorityWord(finding.priority)
                        : std::string(" clear");
  if (finding.hold) line += " hold";
  for (const Reason& reason : finding.reasons) {
    constexpr const char* kMarks[] = {"?", "+", "-", "missing ", "or ", "suppressed ", "do "};
    line += std::string(" | ") + kMarks[reason.role] + reason.name;
    if ((reason.known & TONUS_EVI_VALUE) != 0) line += "=" + FormatRounded(reason.value, 2);
    if ((reason.known & TONUS_EVI_WEIGHT) != 0) line += " w" + FormatRounded(reason.weight, 2);
  }
  KeyedOutput keyed;
  keyed.key = key_;
  keyed.kind = KeyedOutput::Kind::kTrace;
  keyed.output.payload = std::move(line);
  out_.push_back(std::move(keyed));
}

Output Shard::OutputOf(const AlertVersion& version) {
  const v1::Alert& alert = *version.alert;
  const std::string unit = EscapeTopicPart(version.unit);
  const std::uint64_t digest = Digest64(CanonicalJson(alert));
  const std::string patient = EscapeTopicPart(alert.patient_id());
  const std::string condition = EscapeTopicPart(alert.condition());
  std::string topic = JoinTopic({"alert", unit, patient, condition});
  // A topic that is too long is refused: better a unit that nobody subscribes to than no alert.
  if (topic.size() > kMaxTopicBytes) topic = JoinTopic({"alert", "_", patient, condition});
  Output output;
  output.topic = std::move(topic);
  output.payload = alert.SerializeAsString();
  output.digest = digest == 0 ? 1 : digest;
  output.open = version.open;
  return output;
}

void Shard::Take(const AlertVersion& version) {
  ++counts_.alerts;
  Output output = OutputOf(version);
  Emit(KeyedOutput::Kind::kRecord, std::move(output.topic), std::move(output.payload),
       output.digest);
  out_.back().output.open = version.open;
  out_.back().unit = version.unit;
}

}  // namespace tonus::core
