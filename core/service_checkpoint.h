#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/record.h"
#include "base/result.h"
#include "client/follower.h"
#include "core/checkpoint/store.h"
#include "core/checkpoint/writer.h"
#include "core/engine.h"
#include "core/service_names.h"
#include "core/service_takeover.h"

namespace tonus::core {

/// Where checkpoints go and how often one is made.
struct CheckpointOptions {
  std::string folder;  ///< A folder in it for each log. Empty: none are made or used.
  /// A cut is made once so much log time or so many records have gone by since the last. What the
  /// core reads while it catches up counts by records alone.
  std::int64_t every_ns = 300'000'000'000;
  std::uint64_t every_records = 1'000'000;
  bool at_once = false;  ///< Written in the service's thread: for simulations, which have one.
};

/// What a checkpoint holds beside the patients: where in the log it is, and what the service has
/// said up to there.
struct CheckpointMeta {
  std::string log_id, config_digest, producer;
  Offset begins_after = 0;
  Offset offset = 0;      ///< Of the last record that it accounts for, …
  LogTimeNs time_ns = 0;  ///< … its recorded time, and its name and digest below.
  std::string record_producer;
  std::uint64_t record_sequence = 0, record_digest = 0;
  std::uint64_t next_sequence = 1;      ///< Of the next output.
  std::vector<std::uint64_t> expected;  ///< Digests of outputs that had not come by in the log.
  Takeover takeover;
  std::string head;  ///< The engine's.

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.log_id, self.config_digest, self.producer, self.begins_after, self.offset,
            self.time_ns, self.record_producer, self.record_sequence, self.record_digest,
            self.next_sequence, self.expected, self.takeover, self.head);
  }
  bool Valid() const { return expected.size() < next_sequence; }
};

/// Makes checkpoints of a service and finds the last one again.
///
/// A cut is finished, that is written into the manifest, only when every patient of it is staged
/// and the broker has acknowledged every output that it accounts for. Until then the checkpoint
/// before it stands.
///
/// Owned by the service; its thread. Open, then Restore at most once, then Start.
class CheckpointKeeper {
 public:
  /// Opens the file. kUnreachable where that cannot be done; nothing that is in it is an error.
  static Result<std::unique_ptr<CheckpointKeeper>> Open(const CheckpointOptions& options);

  /// The last finished checkpoint; null: Reason() says why there is none.
  const CheckpointMeta* Found() const { return found_ ? &*found_ : nullptr; }
  const std::string& Reason() const { return reason_; }

  /// Why Found() cannot be used with this log and configuration; empty: it can. Reads one record of
  /// the log: the checkpoint's last has to be there as it was. Fails with kUnreachable.
  Result<std::string> WhyUseless(const RemoteLog& log, const std::string& config_digest,
                                 const ReplaySide& replay) const;

  /// Fills an engine that has processed nothing from Found(). A patient who cannot be restored is
  /// appended to `unreadable`. Fails where the checkpoint as a whole is of no use; so is the engine
  /// then.
  Result<void> Restore(Engine* engine, std::vector<UnreadablePatient>* unreadable);

  /// From here on checkpoints are made. `goes_on`: they build on the one that was restored, but for
  /// these patients; otherwise on nothing.
  void Start(bool goes_on, std::vector<std::string> without);

  /// Whether it is time for a cut at this place of the log.
  bool Due(Offset offset, LogTimeNs now, bool caught_up) const;
  /// Begins a cut of the engine as it stands; `meta.head` is filled in.
  void Begin(Engine* engine, CheckpointMeta meta);
  /// Moves the cut that is under way on by a little; `acknowledged` is the last sequence that the
  /// broker has on disk. Fails with kIo where a write failed: the process has to end.
  Result<void> Step(Engine* engine, std::uint64_t acknowledged);

  /// Whether patients of a cut are waiting to be saved.
  bool Saving() const { return phase_ == Phase::kSaving; }

  /// The log from here on is all that a restart needs; 0: it needs everything.
  Offset NeededFrom() const { return finished_offset_ == 0 ? 0 : finished_offset_ + 1; }

 private:
  explicit CheckpointKeeper(const CheckpointOptions& options) : options_(options) {}
  void Look();
  void GiveUp(Engine* engine, const std::string& why);

  enum class Phase : std::uint8_t { kIdle, kSaving, kWaiting, kFinishing };

  CheckpointOptions options_;
  std::unique_ptr<CheckpointStore> store_;  ///< Until Start.
  std::optional<Manifest> manifest_;
  std::optional<CheckpointMeta> found_;
  std::string reason_;
  std::unique_ptr<CheckpointWriter> writer_;  ///< From Start on.
  Phase phase_ = Phase::kIdle;
  std::uint64_t cut_ = 0;   ///< The one under way, or the last.
  CheckpointMeta pending_;  ///< Of the cut under way.
  Offset last_offset_ = 0;  ///< Of the last cut that was begun, and its time.
  LogTimeNs last_time_ = 0;
  Offset finished_offset_ = 0;
};

}  // namespace tonus::core
