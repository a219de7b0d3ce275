#include "core/service_checkpoint.h"

#include "base/log.h"
#include "core/checkpoint/codec.h"

namespace tonus::core {
namespace {

constexpr std::uint32_t kMetaFormat = 1;
/// In each shard between two batches: less than a millisecond's work.
constexpr std::size_t kSweepBytes = 64U << 10U;
/// Blobs on their way to the disk; beyond the first nobody is saved who need not be, beyond the
/// second the cut is given up.
constexpr std::size_t kWaitingSoft = 32U << 20U;
constexpr std::size_t kWaitingHard = 512U << 20U;

}  // namespace

Result<std::unique_ptr<CheckpointKeeper>> CheckpointKeeper::Open(const CheckpointOptions& options) {
  std::unique_ptr<CheckpointKeeper> keeper(new CheckpointKeeper(options));
  std::string aside;
  auto store = CheckpointStore::Open(options.folder, &aside);
  if (!store) return tl::unexpected<Error>(store.error());
  keeper->store_ = std::move(*store);
  keeper->Look();
  if (!aside.empty()) keeper->reason_ = "what was there cannot be read and is now " + aside;
  return keeper;
}

void CheckpointKeeper::Look() {
  auto manifest = store_->ReadManifest();
  if (!manifest) {
    reason_ = manifest.error().Message();
    return;
  }
  if (!*manifest) {
    reason_ = "none has been made yet";
    return;
  }
  StateReader reader((*manifest)->meta);
  std::uint32_t format = 0;
  reader(format);
  if (!reader.Good() || format != kMetaFormat) {
    reason_ = "it is of a format that this program does not read";
    return;
  }
  CheckpointMeta meta;
  reader(meta);
  if (const auto good = reader.Finish(); !good) {
    reason_ = good.error().Message();
    return;
  }
  manifest_ = std::move(**manifest);
  found_ = std::move(meta);
}

Result<std::string> CheckpointKeeper::WhyUseless(const RemoteLog& log,
                                                 const std::string& config_digest,
                                                 const ReplaySide& replay) const {
  if (!found_) return reason_;
  const CheckpointMeta& meta = *found_;
  if (meta.log_id != log.log_id) return std::string("it is of another log");
  if (meta.config_digest != config_digest) return std::string("it is of another configuration");
  if (meta.offset > log.last_offset) return std::string("it knows more records than the log has");
  if (meta.offset + 1 < log.first_offset) {
    return "it ends at offset " + std::to_string(meta.offset) + ", before the log begins";
  }
  if (meta.offset < log.first_offset) return std::string();
  FollowerOptions options;
  options.endpoint = replay.endpoint;
  options.environment = replay.environment;
  options.log_id = log.log_id;
  options.offset = options.to_offset = meta.offset;
  options.follow = false;
  auto follower = Follower::Open(options);
  if (!follower) return tl::unexpected<Error>(follower.error());
  auto batch = (*follower)->Next(1, replay.timeout_ms);
  if (!batch) return tl::unexpected<Error>(batch.error());
  if (batch->records.empty()) {
    return Fail(ErrorCode::kUnreachable, "the broker stopped answering", replay.endpoint);
  }
  const Record& record = batch->records[0];
  const bool same = record.producer == meta.record_producer &&
                    record.sequence == meta.record_sequence &&
                    record.digest == meta.record_digest && record.recorded_ns == meta.time_ns;
  return same ? std::string() : std::string("the log has gone another way since");
}

Result<void> CheckpointKeeper::Restore(Engine* engine, std::vector<UnreadablePatient>* unreadable) {
  if (auto good = engine->BeginRestore(found_->head); !good) return good;
  auto good = store_->ReadBlobs(
      *manifest_,
      [&](std::span<const PatientBlob> blobs) {
        engine->RestorePatients(blobs, false, unreadable);
      },
      unreadable);
  if (!good) return good;
  return engine->EndRestore();
}

void CheckpointKeeper::Start(bool goes_on, std::vector<std::string> without) {
  if (goes_on) {
    store_->GoOn(*manifest_, std::move(without));
    last_offset_ = finished_offset_ = found_->offset;
    last_time_ = found_->time_ns;
  }
  cut_ = store_->FirstCut() - 1;
  writer_ = std::make_unique<CheckpointWriter>(std::move(store_), options_.at_once);
}

bool CheckpointKeeper::Due(Offset offset, LogTimeNs now, bool caught_up) const {
  if (phase_ != Phase::kIdle || offset <= last_offset_) return false;
  if (offset - last_offset_ >= options_.every_records) return true;
  return caught_up && now - last_time_ >= options_.every_ns;
}

void CheckpointKeeper::Begin(Engine* engine, CheckpointMeta meta) {
  pending_ = std::move(meta);
  pending_.head = engine->BeginCut();
  last_offset_ = pending_.offset;
  last_time_ = pending_.time_ns;
  phase_ = Phase::kSaving;
  ++cut_;
}

void CheckpointKeeper::GiveUp(Engine* engine, const std::string& why) {
  log::Warn("a checkpoint was given up; the one before it stands",
            {{"offset", std::to_string(pending_.offset)}, {"why", why}});
  engine->AbandonCut();
  writer_->Discard(cut_);
  phase_ = Phase::kIdle;
}

Result<void> CheckpointKeeper::Step(Engine* engine, std::uint64_t acknowledged) {
  if (const auto failure = writer_->Failure()) return tl::unexpected<Error>(*failure);
  if (const auto setback = writer_->TakeSetback(); setback && phase_ != Phase::kIdle) {
    GiveUp(engine, setback->Message());
  }
  if (phase_ == Phase::kSaving) {
    const std::size_t waiting = writer_->Waiting();
    std::vector<PatientBlob> blobs;
    const bool more = engine->SweepCut(waiting < kWaitingSoft ? kSweepBytes : 0, &blobs);
    if (!blobs.empty()) writer_->Stage(cut_, pending_.offset, std::move(blobs));
    if (!more) phase_ = Phase::kWaiting;
    if (more && waiting > kWaitingHard) GiveUp(engine, "the disk does not keep up");
  }
  // Never before the broker has every output that these blobs account for: a core that is killed
  // now has to derive what is missing from the checkpoint before.
  if (phase_ == Phase::kWaiting && acknowledged + 1 >= pending_.next_sequence) {
    StateWriter meta;
    meta(kMetaFormat, pending_);
    writer_->Finish(cut_, std::move(meta.Bytes()));
    phase_ = Phase::kFinishing;
  }
  if (phase_ == Phase::kFinishing && writer_->Finished() == cut_) {
    finished_offset_ = pending_.offset;
    phase_ = Phase::kIdle;
  }
  return {};
}

}  // namespace tonus::core
