#include "broker/writer.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <utility>

#include "tonus/v1/bus.pb.h"
#include "tonus/v1/system.pb.h"

namespace tonus {
namespace {

using std::chrono::steady_clock;

/// Bytes of jobs in one transaction, so that a long queue still brings its first acks soon.
constexpr std::uint64_t kRoundBytes = 4U << 20U;
constexpr std::chrono::milliseconds kIdle{50};
constexpr char kTickProducer[] = "broker";
constexpr char kHealthProducer[] = "broker.health";
constexpr char kIntakeProducer[] = "intake";
/// Behind a health record stand at most as many alerts as there are kinds.
constexpr int kHealthLookBack = 16;

std::uint64_t FreeBytesOf(const std::string& dir) {
  struct statvfs info = {};
  if (statvfs(dir.c_str(), &info) != 0) return UINT64_MAX;
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

std::uint64_t NsOf(steady_clock::duration time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

void Raise(std::atomic<std::uint64_t>& counter, std::uint64_t value) {
  if (value > counter.load(std::memory_order_relaxed)) counter = value;
}

}  // namespace

Writer::Writer(std::unique_ptr<Log> log, const BrokerOptions& options, Exchange& exchange)
    : log_(std::move(log)),
      options_(options),
      exchange_(exchange),
      counters_(exchange.counters),
      admission_(options.max_payload_bytes, log_->Identity().clock == LogClock::kGiven),
      free_bytes_(options.free_bytes),
      health_(options.min_free_bytes, counters_),
      wall_(log_->Identity().clock == LogClock::kWall),
      next_tick_(Now()),
      next_retention_(Now()),
      core_heard_(Now()) {
  if (!free_bytes_) free_bytes_ = [dir = options_.data_dir] { return FreeBytesOf(dir); };
  counters_.last_offset = log_->LastOffset();
  counters_.first_offset = log_->Identity().first_offset;
  core_known_ = log_->Needed() > 0 || log_->LastSequenceUnder("core") > 0;
  RememberHealth();
  health_.LookAtDisk(free_bytes_());
}

void Writer::Run() {
  while (StepOnce(NextDeadline())) {
  }
}

bool Writer::StepOnce(TimePoint deadline) {
  if (exchange_.Stopped()) return false;
  exchange_.TakeJobs(deadline, kRoundBytes, jobs_);
  if (exchange_.Stopped()) return false;
  const Result<void> done = Round(jobs_);
  if (!done) exchange_.Fail(done.error());
  return done.has_value();
}

Writer::TimePoint Writer::NextDeadline() const {
  const TimePoint idle = Now() + kIdle;
  if (!wall_ || options_.tick_interval_ns <= 0) return idle;
  return std::min(idle, next_tick_);
}

Result<void> Writer::Round(std::vector<std::unique_ptr<Job>>& jobs) {
  health_.LookAtDisk(free_bytes_());
  const std::optional<v1::Health> health = health_.Due(Now());
  const bool ticks = wall_ && options_.tick_interval_ns > 0;
  tick_due_ = ticks && Now() >= next_tick_;
  if (jobs.empty() && !tick_due_ && !health) return TidyUp(true);
  group_ = std::make_shared<CommittedGroup>();
  group_->first = log_->LastOffset() + 1;
  Result<void> done;
  for (const std::unique_ptr<Job>& job : jobs) {
    if (job->core) {
      core_known_ = true;
      core_heard_ = Now();
    }
    if (job->kind == JobKind::kHello) {
      HandleHello(*job);
    } else if (job->kind == JobKind::kKeep) {
      HandleKeep(*job);
    } else {
      done = job->kind == JobKind::kBatch ? HandleBatch(*job) : HandleIntake(*job);
    }
    if (!done) return done;
  }
  if (tick_due_) done = AppendTick();
  if (done && health) done = AppendHealth(*health);
  if (!done) return done;
  return CommitAndHandOver(jobs);
}

Result<void> Writer::CommitAndHandOver(std::vector<std::unique_ptr<Job>>& jobs) {
  const TimePoint begin = steady_clock::now();
  const bool changed = !group_->records.empty();
  if (changed) {
    const Result<Offset> committed = log_->Commit();
    if (!committed) return tl::unexpected<Error>(committed.error());
    const std::uint64_t took = NsOf(Now() - begin);
    counters_.commits += 1;
    counters_.commit_ns += took;
    Raise(counters_.commit_max_ns, took);
    counters_.records += group_->records.size();
    counters_.last_offset = *committed;
  }
  FlushAcks();
  Outcome outcome;
  outcome.replies = std::exchange(replies_, {});
  if (changed) {
    group_->next = log_->LastOffset() + 1;
    outcome.group = std::exchange(group_, nullptr);
  }
  outcome.used = std::exchange(jobs, {});
  admission_.Clear();
  exchange_.PutOutcome(std::move(outcome));
  return TidyUp(false);
}

Offset Writer::NeededFrom() {
  const bool silent =
      Now() - core_heard_ >= std::chrono::nanoseconds(options_.retention.core_silent_ns);
  const bool unpinned = core_known_ && silent;
  if (unpinned != counters_.core_unpinned.load(std::memory_order_relaxed)) {
    counters_.core_unpinned = unpinned;
  }
  // A core that has not said what it needs may need everything: that is what Needed() 0 holds.
  return core_known_ && !unpinned ? log_->Needed() : UINT64_MAX;
}

void Writer::Retain() {
  const RetentionOptions& retention = options_.retention;
  if (retention.max_age_ns == 0 && retention.max_bytes == 0) return;
  if (Now() < next_retention_) return;
  next_retention_ = Now() + std::chrono::nanoseconds(retention.interval_ns);
  TrimRequest request;
  if (retention.max_age_ns > 0) {
    request.before_ns =
        std::max<LogTimeNs>(log_->Identity().last_recorded_ns - retention.max_age_ns, 0);
  }
  request.max_bytes = retention.max_bytes;
  request.needed_from = NeededFrom();
  const Result<Trimmed> trimmed = log_->Trim(request);
  if (!trimmed) {
    counters_.retention_failures += 1;
    return;
  }
  counters_.removed_files += trimmed->files;
  counters_.removed_bytes += trimmed->bytes;
  counters_.first_offset = trimmed->first_kept;
  counters_.retention_held_back = trimmed->held_back;
}

Result<void> Writer::TidyUp(bool idle) {
  Retain();
  if (!log_->WantsCheckpoint(idle)) return {};
  counters_.checkpoints += 1;
  return log_->Checkpoint();
}

std::uint32_t Writer::CreditFor(bool core) const {
  const bool low = counters_.disk_low.load(std::memory_order_relaxed);
  return low && !core ? 0 : options_.credit_records;
}

void Writer::HandleHello(const Job& job) {
  FlushAck(job.peer);
  v1::IngestReply reply;
  v1::Welcome& welcome = *reply.mutable_welcome();
  welcome.set_last_sequence(log_->LastSequence(job.producer));
  welcome.set_epoch(job.epoch);
  welcome.set_credit_records(CreditFor(job.core));
  welcome.set_credit_bytes(options_.credit_bytes);
  welcome.set_max_payload_bytes(options_.max_payload_bytes);
  welcome.set_max_batch_records(options_.max_batch_records);
  welcome.set_given_clock(!wall_);
  replies_.push_back({.peer = job.peer,
                      .bytes = reply.SerializeAsString(),
                      .credit_records = 0,
                      .credit_bytes = 0,
                      .refusal = false});
}

void Writer::HandleKeep(const Job& job) {
  // Where it cannot be written down, a restart begins with what was said before: that is as safe.
  static_cast<void>(log_->SetNeeded(job.keep_from));
  v1::IngestReply reply;
  reply.mutable_kept()->set_from_offset(job.keep_from);
  reply.mutable_kept()->set_first_offset(std::max<Offset>(log_->Identity().first_offset, 1));
  replies_.push_back({.peer = job.peer,
                      .bytes = reply.SerializeAsString(),
                      .credit_records = 0,
                      .credit_bytes = 0,
                      .refusal = false});
}

bool Writer::IsReserved(const Job& job) const {
  // The last quarter of the reserve is for the core and the ticks alone.
  if (counters_.free_bytes.load(std::memory_order_relaxed) < options_.min_free_bytes / 4) {
    return false;
  }
  return std::all_of(job.records.begin(), job.records.end(), [](const AppendRecord& record) {
    return record.topic.starts_with("action.") || record.topic == "tick.";
  });
}

Result<void> Writer::HandleBatch(Job& job) {
  if (counters_.disk_low.load(std::memory_order_relaxed) && !job.core && !IsReserved(job)) {
    Refuse(job, "disk_full",
           "the broker's disk has " + std::to_string(counters_.free_bytes.load() >> 20U) +
               " MiB left, below its floor of " + std::to_string(options_.min_free_bytes >> 20U) +
               " MiB; make room there, this input is taken again as soon as there is some",
           true);
    return {};
  }
  for (AppendRecord& record : job.records) record.reserved = job.core;
  const std::span<const Verdict> refused = admission_.Check(job.records, job.core);
  const auto placed = log_->Append(job.records);
  if (!placed) {
    const Error& error = placed.error();
    switch (error.code) {
      case ErrorCode::kMalformed:
        Refuse(job, "sequence_gap", error.what + "; " + error.hint, true);
        return {};
      case ErrorCode::kDiverged:
        counters_.diverged += 1;
        Refuse(job, "diverged", error.what + "; " + error.hint, false);
        return {};
      case ErrorCode::kRefused:
        Refuse(job, "too_many_topics", error.what + "; " + error.hint, false);
        return {};
      default:
        return tl::unexpected<Error>(error);
    }
  }
  Collect(job.records, *placed);
  PendingAck& ack = acks_[job.peer];
  ack.last_sequence = job.records.back().sequence;
  ack.last_offset = placed->back().offset;
  ack.core = job.core;
  ack.records += job.records.size();
  ack.bytes += job.bytes;
  const auto repeats = static_cast<std::uint64_t>(
      std::count_if(placed->begin(), placed->end(), [](const Placed& p) { return p.repeat; }));
  ack.repeats += repeats;
  counters_.repeats += repeats;
  for (const Verdict& verdict : refused) {
    if (!(*placed)[verdict.index].repeat) counters_.dead += 1;
    ack.refused.emplace_back(job.records[verdict.index].sequence, verdict);
  }
  return {};
}

Result<void> Writer::HandleIntake(Job& job) {
  if (counters_.disk_low.load(std::memory_order_relaxed)) {
    counters_.intake_dropped += job.records.size();
    return {};
  }
  std::uint64_t sequence = log_->LastSequence(kIntakeProducer);
  for (AppendRecord& record : job.records) {
    record.producer = kIntakeProducer;
    record.sequence = ++sequence;
  }
  counters_.dead += admission_.Check(job.records, false).size();
  const auto placed = log_->Append(job.records);
  if (placed) {
    counters_.intake_records += job.records.size();
    Collect(job.records, *placed);
    return {};
  }
  if (placed.error().code != ErrorCode::kRefused) return tl::unexpected<Error>(placed.error());
  // Devices share this job: one whose topic is too many costs the others nothing.
  for (AppendRecord& record : job.records) {
    record.sequence = log_->LastSequence(kIntakeProducer) + 1;
    const auto one = log_->Append({&record, 1});
    if (one) {
      counters_.intake_records += 1;
      Collect({&record, 1}, *one);
    } else if (one.error().code == ErrorCode::kRefused) {
      counters_.intake_dropped += 1;
    } else {
      return tl::unexpected<Error>(one.error());
    }
  }
  return {};
}

Result<Placed> Writer::AppendOwn(std::string_view producer, std::string_view topic,
                                 std::string_view payload) {
  AppendRecord record;
  record.producer = producer;
  record.sequence = log_->LastSequence(producer) + 1;
  record.topic = topic;
  record.payload = payload;
  record.reserved = true;
  const auto placed = log_->Append({&record, 1});
  if (!placed) return tl::unexpected<Error>(placed.error());
  Collect({&record, 1}, *placed);
  return placed->front();
}

Result<void> Writer::AppendTick() {
  v1::Tick tick;
  tick.set_number(log_->LastSequence(kTickProducer) + 1);
  const auto done = AppendOwn(kTickProducer, "tick.", tick.SerializeAsString());
  if (!done) return tl::unexpected<Error>(done.error());
  counters_.ticks += 1;
  // A late tick is followed by the next one in its own time, not by a burst.
  next_tick_ = std::max(next_tick_ + std::chrono::nanoseconds(options_.tick_interval_ns), Now());
  return {};
}

Result<void> Writer::AppendHealth(const v1::Health& health) {
  auto placed = AppendOwn(kHealthProducer, "health.broker.", health.SerializeAsString());
  if (!placed) return tl::unexpected<Error>(placed.error());
  const LogTimeNs recorded = placed->recorded_ns;
  for (const v1::TechAlert& alert : health_.Alerts(health, recorded)) {
    placed = AppendOwn(kHealthProducer, "tech.broker.", alert.SerializeAsString());
    if (!placed) return tl::unexpected<Error>(placed.error());
  }
  return {};
}

void Writer::RememberHealth() {
  std::uint64_t sequence = log_->LastSequence(kHealthProducer);
  for (int left = kHealthLookBack; left > 0 && sequence > 0; --left, --sequence) {
    const auto record = log_->Find(kHealthProducer, sequence);
    if (!record) return;
    v1::Health health;
    if (record->topic != "health.broker." || !health.ParseFromString(record->payload)) continue;
    health_.Remember(health, record->recorded_ns);
    return;
  }
}

void Writer::Collect(std::span<const AppendRecord> records, std::span<const Placed> placed) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (placed[i].repeat) continue;
    const AppendRecord& record = records[i];
    const RecordView view = {.offset = placed[i].offset,
                             .recorded_ns = placed[i].recorded_ns,
                             .topic = record.topic,
                             .payload = record.payload,
                             .producer = record.producer,
                             .sequence = record.sequence,
                             .previous_offset = placed[i].previous_offset,
                             .digest = placed[i].digest,
                             .open = record.open};
    group_->records.push_back(EncodeRecord(view, group_->bytes));
    counters_.payload_bytes += record.payload.size();
  }
}

void Writer::Refuse(const Job& job, std::string_view code, const std::string& sentence,
                    bool retry) {
  // What was acknowledged before must be said before.
  FlushAck(job.peer);
  v1::IngestReply reply;
  v1::Refusal& refusal = *reply.mutable_refusal();
  refusal.set_code(std::string(code));
  refusal.set_sentence(sentence);
  refusal.set_last_sequence(log_->LastSequence(job.producer));
  refusal.set_retry(retry);
  replies_.push_back({.peer = job.peer,
                      .bytes = reply.SerializeAsString(),
                      .credit_records = job.records.size(),
                      .credit_bytes = job.bytes,
                      .refusal = true});
  counters_.refusals += 1;
}

void Writer::FlushAck(const std::string& peer) {
  const auto found = acks_.find(peer);
  if (found == acks_.end()) return;
  const PendingAck& pending = found->second;
  v1::IngestReply reply;
  v1::Ack& ack = *reply.mutable_ack();
  ack.set_last_sequence(pending.last_sequence);
  ack.set_last_offset(pending.last_offset);
  ack.set_repeats(static_cast<std::uint32_t>(pending.repeats));
  ack.set_credit_records(CreditFor(pending.core));
  for (const auto& [sequence, verdict] : pending.refused) {
    v1::RefusedRecord& refused = *ack.add_refused();
    refused.set_sequence(sequence);
    refused.set_code(verdict.code);
    refused.set_sentence(verdict.sentence);
  }
  replies_.push_back({.peer = peer,
                      .bytes = reply.SerializeAsString(),
                      .credit_records = pending.records,
                      .credit_bytes = pending.bytes,
                      .refusal = false});
  acks_.erase(found);
}

void Writer::FlushAcks() {
  while (!acks_.empty()) FlushAck(std::string(acks_.begin()->first));
}

}  // namespace tonus
