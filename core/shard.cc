#include "core/shard.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "base/digest.h"
#include "base/text.h"
#include "base/topic.h"
#include "core/host/views.h"
#include "tonus/v1/alert.pb.h"
#include "tonus/v1/event.pb.h"

namespace tonus::core {
namespace {

// Unvalidated: late results of a stay still reach its alerts.
constexpr std::int64_t kDischargeGrace = kHourNs;
constexpr std::size_t kDeadPayload = 4096;
constexpr std::size_t kDeadSentence = 1024;
constexpr std::size_t kSourceBytes = 64;
constexpr std::size_t kManySources = 65536;

}  // namespace

std::size_t Shard::Hasher::operator()(std::string_view text) const {
  // FNV-1a; the order of buckets is never walked.
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

bool Shard::Later::operator()(const Queued& a, const Queued& b) const {
  if (a.deadline != b.deadline) return a.deadline > b.deadline;
  if (a.patient != b.patient) {
    return a.patient->record.Id() > b.patient->record.Id();
  }
  return a.key > b.key;
}

Shard::Shard(const Mapping& mapping, const Catalogue& catalogue, bool trace,
             std::span<const RecordedQuarantine> quarantines)
    : mapping_(mapping),
      catalogue_(catalogue),
      trace_(trace),
      normaliser_(mapping),
      host_(catalogue, mapping),
      calls_of_step_(catalogue.Detectors().size(), 0),
      letters_(catalogue.Detectors().size()) {
  for (const RecordedQuarantine& one : quarantines) recorded_[one.patient].push_back(&one);
}

Shard::~Shard() {
  for (Patient* patient : by_number_) {
    for (std::size_t i = 0; i < patient->states.size(); ++i) {
      if ((patient->begun >> i & 1U) != 0) host_.End(patient, i);
    }
  }
}

void Shard::MoveTo(const Record& record) {
  cause_ = record.offset;
  if (record.recorded_ns <= now_) return;
  FireUntil(record.recorded_ns, false);
  now_ = record.recorded_ns;
}

void Shard::AdvanceTo(LogTimeNs until, Offset cause) {
  cause_ = cause;
  if (until < now_) return;
  FireUntil(until, true);
  now_ = until;
}

void Shard::FireUntil(LogTimeNs until, bool inclusive) {
  while (!queue_.empty() &&
         (queue_.top().deadline < until || (inclusive && queue_.top().deadline == until))) {
    const Queued next = queue_.top();
    queue_.pop();
    TimerState& timer = next.patient->timers[next.key];
    if (timer.queued != next.deadline) continue;
    timer.queued = 0;
    if (!timer.set) continue;
    if (timer.deadline > next.deadline) {
      timer.queued = timer.deadline;
      queue_.push({timer.deadline, next.patient, next.key});
      continue;
    }
    Touch(next.patient);
    timer.set = false;
    now_ = next.deadline;
    key_ = {now_, true, 0, 1, next.patient->record.Id(), next.key.rank, next.key.id};
    Fire(next.patient, next.key);
  }
}

void Shard::Fire(Patient* patient, TimerKey key) {
  cause_name_.clear();
  std::fill(calls_of_step_.begin(), calls_of_step_.end(), 0);
  if (key.rank != kHostRank) {
    for (std::size_t i = 0; i < catalogue_.Detectors().size(); ++i) {
      const Detector& detector = catalogue_.Detectors()[i];
      if (detector.rank != key.rank) continue;
      cause_name_ =
          "timer:" + std::to_string(now_) + ":" + detector.decl.name + ":" + std::to_string(key.id);
      RunTimer(patient, i, key.id);
    }
  } else if (key.id == kDischargeTimer) {
    EndWatch(patient);
    return;
  } else {
    const std::string& name = catalogue_.ConditionOf(key.id).decl->name;
    cause_name_ = "timer:" + std::to_string(now_) + ":alerts:" + name;
    dirty_.push_back(key.id);
  }
  EvaluateAlerts(patient);
  RunImmediate(patient);
}

void Shard::SetTimer(Patient* patient, TimerKey key, LogTimeNs deadline) {
  TimerState& timer = patient->timers[key];
  std::erase_if(immediate_, [&](const auto& due) { return due.second == key; });
  timer.set = deadline != kCancelled;
  if (!timer.set) return;
  if (deadline <= now_) {
    timer.set = false;
    immediate_.emplace_back(deadline, key);
    return;
  }
  timer.deadline = deadline;
  if (timer.queued != 0 && timer.queued <= deadline) return;
  timer.queued = deadline;
  queue_.push({deadline, patient, key});
}

Patient& Shard::PatientNamed(std::string_view id) {
  const auto found = patients_.find(id);
  if (found != patients_.end()) return *found->second;
  auto patient = std::make_unique<Patient>(mapping_, catalogue_, std::string(id));
  patient->number = static_cast<std::uint32_t>(by_number_.size());
  if (aliases_ != nullptr) {
    patient->has_former = std::any_of(aliases_->begin(), aliases_->end(),
                                      [&](const auto& alias) { return alias.second == id; });
  }
  by_number_.push_back(patient.get());
  return *patients_.emplace(std::string(id), std::move(patient)).first->second;
}

std::optional<std::uint32_t> Shard::SourceNumber(std::string_view name) {
  if (name.empty()) return std::nullopt;
  if (!source_names_.empty() && source_names_[last_source_] == name) return last_source_;
  auto found = sources_.find(name);
  if (found == sources_.end()) {
    const auto number = static_cast<std::uint32_t>(source_names_.size());
    source_names_.emplace_back(name);
    found = sources_.emplace(source_names_.back(), number).first;
  }
  last_source_ = found->second;
  return last_source_;
}

bool Shard::ForgetManySources() {
  if (source_names_.size() < kManySources) return false;
  sources_.clear();
  source_names_.clear();
  last_source_ = 0;
  return true;
}

void Shard::Hear(const Record& record, bool former, const Patient& patient) {
  const auto source = SourceNumber(event_.source);
  if (!source) return;
  const std::string& unit = patient.record.Facts().unit;
  const bool comes = event_.encounter.action == v1::ENCOUNTER_ACTION_ADMIT ||
                     event_.encounter.action == v1::ENCOUNTER_ACTION_TRANSFER;
  const bool leaves = !former && event_.kind == EventKind::kEncounter &&
                      (event_.encounter.action == v1::ENCOUNTER_ACTION_DISCHARGE ||
                       (comes && !unit.empty() && unit != event_.encounter.unit));
  heard_.push_back({record.offset, now_, *source, patient.number, leaves, Refusal::kNone,
                    event_.topic_kind == "vitals" ? event_.effective_ns : 0});
}

/// A refused event says that its source speaks, and not of what; who cannot be named by its event
/// is named by its producer.
void Shard::HearRefused(const Record& record, RejectionCode code) {
  v1::Event event;
  const bool parsed = event.ParseFromString(record.payload) && !event.source_id().empty();
  const auto source =
      SourceNumber(parsed ? CutText(event.source_id(), kSourceBytes) : record.producer);
  if (!source) return;
  const auto parts = ParseTopic(record.topic);
  const auto patient = parts ? patients_.find(UnescapeTopicPart(parts->patient)) : patients_.end();
  const bool clock = code == RejectionCode::kFuture || code == RejectionCode::kTooOld;
  heard_.push_back({record.offset, now_, *source,
                    patient == patients_.end() ? kNoPatient : patient->second->number, false,
                    clock ? Refusal::kClock : Refusal::kOther, 0});
}

void Shard::Emit(KeyedOutput::Kind kind, std::string topic, std::string payload,
                 std::uint64_t digest) {
  KeyedOutput keyed;
  keyed.key = key_;
  keyed.kind = kind;
  keyed.output.topic = std::move(topic);
  keyed.output.payload = std::move(payload);
  keyed.output.digest =
      digest == 0 ? ContentDigest(keyed.output.topic, keyed.output.payload) : digest;
  keyed.output.time_ns = now_;
  keyed.output.cause = cause_;
  out_.push_back(std::move(keyed));
}

void Shard::Reject(const Record& record, const Rejection& rejection, bool with_payload) {
  const std::string code(RejectionName(rejection.code));
  ++counts_.rejected[code];
  v1::Dead dead;
  dead.mutable_record()->set_producer(record.producer);
  dead.mutable_record()->set_sequence(record.sequence);
  dead.set_topic(record.topic.substr(0, kMaxTopicBytes));
  dead.set_code(code);
  dead.set_sentence(CutText(rejection.sentence, kDeadSentence));
  if (with_payload) dead.set_payload(record.payload.substr(0, kDeadPayload));
  dead.set_payload_bytes(record.payload.size());
  const auto parts = ParseTopic(record.topic);
  const bool placed = parts && !parts->patient.empty();
  std::string topic = placed ? JoinTopic({"dead", parts->unit, parts->patient}) : "dead._._.";
  Emit(KeyedOutput::Kind::kRecord, std::move(topic), dead.SerializeAsString(), 0);
}

void Shard::TakeAction(const Record& record, Patient* patient) {
  std::optional<ConditionId> condition;
  const auto done = patient->alerts.Act(event_.action, now_, this, &condition);
  if (!done) {
    Rejection rejection;
    rejection.code = RejectionCode::kMalformed;
    rejection.sentence = done.error().Message();
    Reject(record, rejection, true);
    return;
  }
  dirty_.push_back(*condition);
  EvaluateAlerts(patient);
}

void Shard::TakeEncounter(const Record& record, bool former, Patient* patient) {
  const std::string unit = patient->record.Facts().unit;
  const std::string bed = patient->record.Facts().bed;
  const bool leaves = event_.encounter.action == v1::ENCOUNTER_ACTION_DISCHARGE;
  // Under a former identifier nobody is discharged, nor moved against what is said under his own.
  const bool void_of_effect = former && (leaves || patient->record.Facts().placed);
  if (void_of_effect) event_.encounter.action = v1::ENCOUNTER_ACTION_UNSPECIFIED;
  patient->record.Amend(record, event_, &amended_);
  if (void_of_effect) return;
  if (unit != patient->record.Facts().unit || bed != patient->record.Facts().bed) {
    patient->alerts.Move(unit, now_, this);
  }
  SetTimer(patient, {kHostRank, kDischargeTimer}, leaves ? now_ + kDischargeGrace : kCancelled);
}

void Shard::Take(const Record& record) {
  key_ = {now_, false, record.offset, 1, {}, 0, 0};
  rejections_.clear();
  const bool good = normaliser_.Normalise(record, &event_, &rejections_);
  // The payload once, however many of its values are refused: one message makes no flood of bytes.
  bool first = true;
  for (const Rejection& rejection : rejections_) {
    Reject(record, rejection, first);
    first = false;
  }
  if (!good) {
    for (const Rejection& rejection : rejections_) {
      if (rejection.whole_event) HearRefused(record, rejection.code);
    }
    return;
  }
  if (event_.kind == EventKind::kEncounter &&
      event_.encounter.action == v1::ENCOUNTER_ACTION_MERGE) {
    if (!mill_) {
      wish_ = {std::string(event_.patient), std::string(event_.encounter.merged_id)};
    }
    return;
  }
  const std::string_view id = SurvivorOf(event_.patient);
  const bool former = id != event_.patient;
  Patient& patient = PatientNamed(id);
  Touch(&patient);
  Hear(record, former, patient);
  if (HadBefore(record, &patient)) {
    ++counts_.repeats;
    return;
  }
  ++counts_.events;
  if (event_.kind == EventKind::kEncounter) {
    TakeEncounter(record, former, &patient);
  } else {
    patient.record.Amend(record, event_, &amended_);
  }
  counts_.observations += amended_.samples.size();
  const bool begins = patient.begun == 0 && patient.quarantined == 0;
  const DetectorMask woken = WokenBy(event_);
  if (!begins && woken == 0 && event_.kind != EventKind::kAction) return;
  cause_name_ = record.producer + ":" + std::to_string(record.sequence);
  std::fill(calls_of_step_.begin(), calls_of_step_.end(), 0);
  if (event_.kind == EventKind::kAction) {
    TakeAction(record, &patient);
    return;
  }
  if (begins) BeginDetectors(&patient);
  RunPass(&patient, woken, ShowEvent(patient));
  EvaluateAlerts(&patient);
  RunImmediate(&patient);
}

}  // namespace tonus::core
