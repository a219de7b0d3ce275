#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/host/catalogue.h"
#include "core/host/detector_host.h"
#include "core/host/patient.h"
#include "core/normalise/normalise.h"
#include "core/outbox.h"
#include "core/sources/sources.h"
#include "tonus/v1/system.pb.h"

namespace tonus::core {

/// That a source has spoken; what the stage of sources needs of an event.
struct Heard {
  Offset offset = 0;
  LogTimeNs recorded_ns = 0;
  std::uint32_t source = 0;   ///< Number within the shard.
  std::uint32_t patient = 0;  ///< Number within the shard; kNoPatient: unknown.
  bool leaves = false;        ///< The event discharges the patient, or moves him to another unit.
  Refusal refusal = Refusal::kNone;
  LogTimeNs effective_ns = 0;  ///< Of a device's own message; 0: of another.
};
inline constexpr std::uint32_t kNoPatient = 0xFFFFFFFF;

/// Counts of a shard; see EngineStats.
struct ShardCounts {
  std::uint64_t events = 0, observations = 0, repeats = 0, alerts = 0;
  std::map<std::string, std::uint64_t> rejected;
};

/// Former identifiers and whose they are, himself never among the first.
using Aliases = std::map<std::string, std::string, std::less<>>;

/// That a record says that two patients are one.
struct MergeWish {
  std::string survivor, merged;
};

/// Whether a record may say so.
bool Merges(const Record& record);

/// Some of the patients and everything about them.
///
/// Owned by the engine; used by one thread at a time, and shares nothing that changes with another
/// shard. Every shard is shown every record, so that all of them move log time at the same places;
/// it acts on those of its own patients. Invariant: what it puts out about a patient depends on
/// that patient's records and on log time alone.
class Shard : private AlertSink {
 public:
  /// `quarantines` outlive the shard.
  Shard(const Mapping& mapping, const Catalogue& catalogue, bool trace,
        std::span<const RecordedQuarantine> quarantines);
  ~Shard() override;

  /// Opens the detectors.
  Result<void> Open() { return host_.Open(); }

  /// Moves log time to the record's, letting timers fire that are due before it.
  void MoveTo(const Record& record);
  /// Takes a record of one of this shard's patients, after MoveTo.
  void Take(const Record& record);
  /// Lets every timer with a deadline up to and including `until` fire.
  void AdvanceTo(LogTimeNs until, Offset cause);

  /// What has been put out and heard since they were last cleared, in order.
  Outbox& Out() { return out_; }
  std::vector<Heard>& HeardSources() { return heard_; }
  const std::string& SourceName(std::uint32_t number) const { return source_names_[number]; }
  const std::string& PatientName(std::uint32_t number) const {
    return by_number_[number]->record.Id();
  }

  /// Forgets how sources are numbered here, once nothing refers to that and there are many.
  bool ForgetManySources();

  /// Cuts, see Engine. Patients saved wait in CutBlobs().
  void BeginCut();
  void SweepCut(std::size_t bytes);
  void AbandonCut();
  bool Cutting() const { return marked_left_ > 0; }
  std::vector<PatientBlob>& CutBlobs() { return cut_blobs_; }
  /// Restores a patient, and log time, before anything else is done. `dirty`: to be saved by the
  /// next cut again.
  Result<void> Restore(const PatientBlob& blob, LogTimeNs now, bool dirty);
  void RestoreTime(LogTimeNs now) { now_ = now; }
  std::optional<std::uint32_t> FindPatient(std::string_view id) const;
  void ShowLastAlerts(std::vector<std::pair<std::string, Output>>* out);

  /// Former identifiers, for all shards; changed only while none of them works.
  void UseAliases(const Aliases* aliases) { aliases_ = aliases; }
  /// What the record just taken asked for.
  std::optional<MergeWish> TakeWish() { return std::exchange(wish_, std::nullopt); }

  // shard_merge.cc, called between records in this order: a shard of its own, the mill, is shown
  // the records of both and yields the state of one; that is made a patient of the survivor's
  // shard; the other's is told; the survivor takes the place of what he was.
  /// Makes this a mill: it takes every event once, whoever's name it bears.
  void BecomeMill() { mill_ = true; }
  Result<std::string> Yield(std::string_view survivor);
  Result<std::unique_ptr<Patient>> Prepare(std::string_view survivor, std::string_view state);
  void Retire(const MergeWish& wish, const Record& record);
  void Adopt(std::unique_ptr<Patient> fresh, const Record& record);
  void RefuseMerge(const Record& record, std::string sentence);
  /// Log time of the first record of a patient; nothing: never seen.
  std::optional<LogTimeNs> FirstSeen(std::string_view id) const;
  /// Adds what the patients here turned out to be, and marks those whom others turned out to be.
  void CollectAliases(Aliases* aliases) const;
  void MarkSurvivors(const Aliases& aliases);
  /// Forgets what has been put out and heard: of a mill.
  void Discard() {
    out_.clear();
    heard_.clear();
  }

  const ShardCounts& Counts() const { return counts_; }
  const NormaliserCounts& Normalised() const { return normaliser_.Counts(); }
  std::uint64_t Calls() const { return host_.Calls(); }
  std::uint64_t Patients() const { return by_number_.size(); }

 private:
  struct Hasher {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const;
  };
  struct Queued {
    LogTimeNs deadline;
    Patient* patient;
    TimerKey key;
  };
  struct Later {
    bool operator()(const Queued& a, const Queued& b) const;
  };

  // shard.cc: records and time
  Patient& PatientNamed(std::string_view id);
  void Hear(const Record& record, bool former, const Patient& patient);
  void HearRefused(const Record& record, RejectionCode code);
  std::optional<std::uint32_t> SourceNumber(std::string_view name);
  void Reject(const Record& record, const Rejection& rejection, bool with_payload);
  void TakeAction(const Record& record, Patient* patient);
  void TakeEncounter(const Record& record, bool former, Patient* patient);
  void FireUntil(LogTimeNs until, bool inclusive);
  void Fire(Patient* patient, TimerKey key);
  void SetTimer(Patient* patient, TimerKey key, LogTimeNs deadline);
  void Emit(KeyedOutput::Kind kind, std::string topic, std::string payload, std::uint64_t digest);

  std::string_view SurvivorOf(std::string_view id) const;
  void Replace(Patient* old, std::unique_ptr<Patient> fresh);
  bool HadBefore(const Record& record, Patient* patient);

  // shard_cut.cc: checkpoints
  void Touch(Patient* patient);
  void SaveMarked(Patient* patient);

  // shard_pass.cc: detectors and alerts
  void BeginDetectors(Patient* patient);
  DetectorMask WokenBy(const NormalEvent& event) const;
  void RunPass(Patient* patient, DetectorMask woken, const tonus_event* event);
  void RunTimer(Patient* patient, std::size_t detector, std::uint32_t timer);
  void Deliver(Patient* patient, std::size_t detector, bool good);
  void TakeFinding(Patient* patient, std::size_t detector, ConditionId condition, Finding finding);
  void TellPeers(Patient* patient, std::size_t detector);
  bool MayCall(Patient* patient, std::size_t detector);
  void Quarantine(Patient* patient, std::size_t detector, const std::string& words, bool measured);
  void SayQuarantine(const Patient& patient, std::size_t detector, v1::TechState state,
                     const std::string& text);
  void EvaluateAlerts(Patient* patient);
  void RunImmediate(Patient* patient);
  void EndWatch(Patient* patient);
  const tonus_event* ShowEvent(const Patient& patient);
  void Trace(const Patient& patient, std::size_t detector, ConditionId condition);
  void Take(const AlertVersion& version) override;
  static Output OutputOf(const AlertVersion& version);

  const Mapping& mapping_;
  const Catalogue& catalogue_;
  const bool trace_;
  std::map<std::string, std::vector<const RecordedQuarantine*>, std::less<>> recorded_;
  Normaliser normaliser_;
  DetectorHost host_;
  std::unordered_map<std::string, std::unique_ptr<Patient>, Hasher, std::equal_to<>> patients_;
  std::vector<Patient*> by_number_;
  std::unordered_map<std::string, std::uint32_t, Hasher, std::equal_to<>> sources_;
  std::vector<std::string> source_names_;
  std::priority_queue<Queued, std::vector<Queued>, Later> queue_;

  // Of the record or timer that is being worked on.
  LogTimeNs now_ = 0;
  Offset cause_ = 0;
  OutputKey key_;
  std::string cause_name_;
  std::vector<ConditionId> dirty_;
  std::vector<std::uint32_t> calls_of_step_;       ///< By detector.
  std::vector<std::vector<ConditionId>> letters_;  ///< Findings to tell, by detector.
  std::vector<std::pair<LogTimeNs, TimerKey>> immediate_;

  // Buffers that are used again.
  NormalEvent event_;
  std::vector<Rejection> rejections_;
  Amended amended_;
  std::vector<tonus_sample> samples_;
  tonus_event shown_ = {};
  tonus_pump_event shown_pump_ = {};
  tonus_order shown_order_ = {};
  tonus_dose shown_dose_ = {};
  tonus_procedure shown_procedure_ = {};
  tonus_patient shown_patient_ = {};
  std::vector<tonus_str> shown_diagnoses_;
  std::uint32_t last_source_ = 0;

  const Aliases* aliases_ = nullptr;
  std::optional<MergeWish> wish_;
  bool mill_ = false;
  std::unordered_set<std::uint64_t> taken_;  ///< Digests of what a mill has taken.

  std::vector<Patient*> dirty_patients_;  ///< Since the last cut.
  std::vector<Patient*> marked_;          ///< Of the cut under way, saved ones too.
  std::size_t marked_left_ = 0, sweep_at_ = 0;
  std::vector<PatientBlob> cut_blobs_;

  Outbox out_;
  std::vector<Heard> heard_;
  ShardCounts counts_;
};

}  // namespace tonus::core
