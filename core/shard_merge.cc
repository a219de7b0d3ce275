// Two patients who turn out to be one. A shard of its own, the mill, is shown the records of both
// in the order of the log, as if they had borne one name from the beginning:
//
//   log:   A1 B1 A2 B2 M(B is A)          mill:  A1 B1 A2 B2 ──► state of A
//
// The survivor keeps what his alerts have said, and they are compared with what is found now; the
// alerts of the other are closed. What comes under the former name later is the survivor's.

#include <algorithm>

#include "base/digest.h"
#include "core/checkpoint/patient_state.h"
#include "core/shard.h"
#include "tonus/v1/event.pb.h"

namespace tonus::core {
namespace {

/// What an event says, whoever it is about: so what was sent under both names counts once.
std::uint64_t DigestOfContent(const Record& record) {
  v1::Event event;
  if (!event.ParseFromString(record.payload)) return Digest64(record.payload);
  event.clear_patient_id();
  return Digest64(event.SerializeAsString());
}

}  // namespace

bool Merges(const Record& record) {
  if (record.topic.rfind("encounter.", 0) != 0) return false;
  v1::Event event;
  return event.ParseFromString(record.payload) &&
         event.encounter().action() == v1::ENCOUNTER_ACTION_MERGE;
}

std::string_view Shard::SurvivorOf(std::string_view id) const {
  if (aliases_ == nullptr || aliases_->empty()) return id;
  const auto found = aliases_->find(id);
  return found == aliases_->end() ? id : std::string_view(found->second);
}

bool Shard::HadBefore(const Record& record, Patient* patient) {
  const bool vitals = event_.topic_kind == "vitals";
  if (!mill_ && !patient->has_former) {
    return patient->record.Repeated(Digest64(record.payload), vitals);
  }
  const std::uint64_t digest = DigestOfContent(record);
  const bool among_last = patient->record.Repeated(digest, vitals);
  return mill_ ? !taken_.insert(digest).second : among_last;
}

Result<std::string> Shard::Yield(std::string_view survivor) {
  const auto found = patients_.find(survivor);
  if (found == patients_.end()) {
    return Fail(ErrorCode::kRefused, "the log has no record of either any more");
  }
  return SavePatient(found->second.get(), catalogue_, &host_, now_);
}

Result<std::unique_ptr<Patient>> Shard::Prepare(std::string_view survivor, std::string_view state) {
  auto fresh = std::make_unique<Patient>(mapping_, catalogue_, std::string(survivor));
  if (auto good = LoadPatient(state, catalogue_, &host_, now_, fresh.get()); !good) {
    return tl::unexpected<Error>(good.error());
  }
  fresh->has_former = true;
  // The alerts' timers are those of alerts that nobody was shown.
  std::erase_if(fresh->timers, [](const auto& timer) {
    return timer.first.rank == kHostRank && timer.first.id != kDischargeTimer;
  });
  return fresh;
}

void Shard::Replace(Patient* old, std::unique_ptr<Patient> fresh) {
  Touch(old);
  for (std::size_t i = 0; i < old->states.size(); ++i) {
    if ((old->begun >> i & 1U) != 0) host_.End(old, i);
  }
  Patient* now = fresh.get();
  now->number = old->number;
  now->dirty = old->dirty;
  by_number_[now->number] = now;
  std::replace(dirty_patients_.begin(), dirty_patients_.end(), old, now);
  std::replace(marked_.begin(), marked_.end(), old, now);
  std::vector<Queued> kept;
  for (; !queue_.empty(); queue_.pop()) {
    if (queue_.top().patient != old) kept.push_back(queue_.top());
  }
  for (auto& [key, timer] : now->timers) {
    timer.queued = timer.deadline;
    kept.push_back({timer.deadline, now, key});
  }
  queue_ = std::priority_queue<Queued, std::vector<Queued>, Later>(Later{}, std::move(kept));
  patients_.find(now->record.Id())->second = std::move(fresh);
}

void Shard::Retire(const MergeWish& wish, const Record& record) {
  key_ = {now_, false, record.offset, 1, {}, 0, 0};
  cause_ = record.offset;
  Patient& old = PatientNamed(wish.merged);
  old.alerts.CloseAll("closed, this is patient " + wish.survivor, now_, this);
  auto fresh = std::make_unique<Patient>(mapping_, catalogue_, wish.merged);
  fresh->alerts.TakeOver(&old.alerts);
  fresh->merged_into = wish.survivor;
  Replace(&old, std::move(fresh));
}

void Shard::Adopt(std::unique_ptr<Patient> fresh, const Record& record) {
  key_ = {now_, false, record.offset, 2, {}, 0, 0};
  cause_ = record.offset;
  cause_name_ = record.producer + ":" + std::to_string(record.sequence);
  Patient* now = fresh.get();
  Patient& old = PatientNamed(now->record.Id());
  const PatientFacts was = old.record.Facts();
  now->alerts.TakeOver(&old.alerts);
  Replace(&old, std::move(fresh));
  const PatientFacts& is = now->record.Facts();
  if (!was.unit.empty() && (was.unit != is.unit || was.bed != is.bed)) {
    now->alerts.Move(was.unit, now_, this);
  }
  for (const Condition& condition : catalogue_.Conditions()) dirty_.push_back(condition.id);
  EvaluateAlerts(now);
  RunImmediate(now);
  Hear(record, false, *now);
}

void Shard::RefuseMerge(const Record& record, std::string sentence) {
  key_ = {now_, false, record.offset, 1, {}, 0, 0};
  Rejection rejection;
  rejection.code = RejectionCode::kNotMerged;
  rejection.sentence = std::move(sentence);
  Reject(record, rejection, true);
}

std::optional<LogTimeNs> Shard::FirstSeen(std::string_view id) const {
  const auto found = patients_.find(id);
  if (found == patients_.end() || found->second->record.Facts().first_seen == 0) {
    return std::nullopt;
  }
  return found->second->record.Facts().first_seen;
}

void Shard::CollectAliases(Aliases* aliases) const {
  for (const Patient* patient : by_number_) {
    if (!patient->merged_into.empty()) (*aliases)[patient->record.Id()] = patient->merged_into;
  }
}

void Shard::MarkSurvivors(const Aliases& aliases) {
  for (const auto& [former, survivor] : aliases) {
    const auto found = patients_.find(survivor);
    if (found != patients_.end()) found->second->has_former = true;
  }
}

}  // namespace tonus::core
