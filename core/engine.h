#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/record.h"
#include "base/result.h"

struct tonus_detector;

namespace tonus::core {

/// A detector to load.
struct PluginSpec {
  std::string path;                             ///< The shared object.
  std::map<std::string, std::string> settings;  ///< key → value as written in tonus.yaml.
  std::string settings_where;                   ///< file:line of the settings, for errors.
  /// Null, or what may put functions of its own before those of the object's detectors, given by
  /// their place in it: for tools that look at calls (`plugin check`). Called once for each.
  void (*watch)(std::size_t place, tonus_detector* calls) = nullptr;
};

class History;

/// A quarantine that does not follow from the log, such as a crash or a time that ran out, and has
/// to be repeated as it was recorded; fields as in v1::Quarantine.
struct RecordedQuarantine {
  std::string detector, patient, cause;
  std::uint32_t call = 0;
  std::string reason;
};

/// What an Engine is made of. Everything that can change an alert is in here or in the log.
struct EngineOptions {
  std::string signals_path;  ///< config/signals.yaml
  std::string drugs_path;    ///< config/drugs.yaml
  std::vector<PluginSpec> plugins;
  unsigned shards = 1;                          ///< Threads; never changes one byte of the output.
  std::vector<RecordedQuarantine> quarantines;  ///< Measured ones in the log that will be read.
  bool trace = false;  ///< Keeps every finding as it changes for TakeTrace().
  /// The log that is read, to merge patients; borrowed for the engine's life. Null: a merge is
  /// refused in words.
  History* history = nullptr;
};

/// One record that the core derives and that somebody has to publish or write down.
struct Output {
  std::string topic;
  std::string payload;
  std::uint64_t digest =
      0;              ///< Of the canonical form (core/alerts/canonical.h), not of the payload.
  bool open = false;  ///< Envelope flag of `alert.*`.
  LogTimeNs time_ns =
      0;  ///< Log time at which it was derived: of the record or of the timer's deadline.
  Offset cause =
      0;  ///< The input record being processed; for a timer, the record that let it fire.
};

/// One patient as of a cut, for a checkpoint.
struct PatientBlob {
  std::string patient;
  std::string bytes;
};

/// A patient whose blob could not be restored, and why.
struct UnreadablePatient {
  std::string patient;
  std::string words;
};

/// Counts since the engine was made; for metrics and summaries, never for decisions.
struct EngineStats {
  std::uint64_t records = 0;       ///< Records seen, of any kind.
  std::uint64_t events = 0;        ///< Input events accepted.
  std::uint64_t observations = 0;  ///< Observed values that entered a patient's record.
  std::uint64_t dropped =
      0;  ///< Observed values dropped quietly by rule: sentinels, invalid, duplicates.
  std::map<std::string, std::uint64_t> rejected;  ///< Events or values sent to `dead`, by code.
  std::uint64_t alerts = 0;                       ///< Alert versions derived.
  std::uint64_t detector_calls = 0;
  std::uint64_t patients = 0;
};

/// One loaded detector, for `plugin list`, /status and the `config` record.
struct DetectorInfo {
  std::string id;
  std::string version;
  std::string path;
  std::string digest;  ///< SHA-256 of the file, hexadecimal.
  std::vector<std::string> conditions;
  std::vector<std::string> settings;  ///< key=value in force, sorted.
};

/// The core: a pure function from log records to output records.
///
/// Owns the shards and their threads, the patients' records and the loaded detectors; lives as long
/// as its run. Call it from one thread. Invariants:
/// 1. The concatenation of all outputs depends on the records and the options alone: not on how the
/// records
///    are cut into calls of Process, nor on `shards`.
/// 2. Outputs come in the order (log time, records before timers, offset or (patient, detector,
/// timer)), so
///    the n-th output has the same content in every run.
/// 3. Records of output kinds, and records at or below the last offset, are passed over.
class Engine {
 public:
  /// Loads configuration and plugins. Errors: kConfig with file:line:column for a wrong file or
  /// setting, kRefused for a plugin that cannot be loaded, in words.
  static Result<std::unique_ptr<Engine>> Create(const EngineOptions& options);
  ~Engine();

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Takes records in offset order and appends what follows from them to `out`. Timers whose
  /// deadline lies before a record's recorded time fire first. `tick.` records only move log time
  /// (and yield `progress.`).
  void Process(std::span<const Record> records, std::vector<Output>* out);

  /// Lets every timer with a deadline up to and including `until_ns` fire, as a tick at that time
  /// would.
  void AdvanceTo(LogTimeNs until_ns, std::vector<Output>* out);

  /// Checkpoints. A cut is the state between two calls of Process: BeginCut fixes it and returns
  /// what is not a patient's; the patients touched since the cut before follow from SweepCut, each
  /// as it was at the cut, while Process goes on: a patient that a record or timer is about to
  /// touch is saved first. So nothing waits, and the patients of a blob for each cut and the one
  /// before make one state. One cut at a time.
  std::string BeginCut();
  /// Saves about `bytes_of_shard` in each shard and appends what has been saved; false: that was
  /// the last of this cut. Where a cut has none, the first call says so.
  bool SweepCut(std::size_t bytes_of_shard, std::vector<PatientBlob>* out);
  /// Gives the cut up: its patients belong to the next one.
  void AbandonCut();

  /// Restores an engine that has not processed anything, of any number of shards: first what
  /// BeginCut returned, then the patients in any order, then EndRestore. kCorrupt or kRefused in a
  /// sentence where the state is not one of this program; then the engine is of no use. A patient
  /// who cannot be read is appended to `unreadable` and left out. `save_again`: these belong to the
  /// next cut, for the checkpoint has no blob of them.
  Result<void> BeginRestore(std::string_view head);
  void RestorePatients(std::span<const PatientBlob> blobs, bool save_again,
                       std::vector<UnreadablePatient>* unreadable);
  Result<void> EndRestore();

  /// The last record that was processed, or that was so in the cut restored.
  Offset LastOffset() const;
  LogTimeNs LastTime() const;

  /// The last version of every alert there ever was, as it would be published, by patient and
  /// condition.
  std::vector<Output> LastAlerts() const;

  EngineStats Stats() const;
  const std::vector<DetectorInfo>& Detectors() const;

  /// Names that configuration declares, sorted; for scenario files and their error messages.
  std::vector<std::string> SignalNames() const;
  std::vector<std::string> PumpEventNames() const;
  std::vector<std::string> ProcedureNames() const;
  std::vector<std::string> DrugNames() const;
  std::vector<std::string> ConditionNames() const;

  /// BLAKE2b-256 of everything that can change an alert: mapping files, detector digests and
  /// settings.
  std::string ConfigDigest() const;

  /// SHA-256 of the mapping files alone, hexadecimal.
  std::string MappingDigest() const;

  /// Lines of findings as they changed since the last call; only with EngineOptions::trace.
  std::vector<std::string> TakeTrace();

 private:
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tonus::core
