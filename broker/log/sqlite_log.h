#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/log/log.h"
#include "broker/log/log_files.h"
#include "broker/log/sealer.h"
#include "broker/log/segments.h"
#include "broker/log/sqlite.h"
#include "broker/log/text_hash.h"

namespace tonus {

/// Log over a row of SQLite files, segments, each named by its first offset. The newest one is in
/// WAL mode and has one writing connection, which alone checkpoints: in SQLite 3.7.0–3.51.2 a
/// commit on one connection beside a checkpoint on another can be lost. Checkpoints never run
/// inside a commit: a small one waits for an idle moment, and under load a new segment is begun and
/// the old one is checkpointed by the Sealer, where nobody commits any more. See Log for lifetime,
/// thread and invariants.
class SqliteLog final : public Log {
 public:
  static Result<std::unique_ptr<SqliteLog>> Open(const std::string& dir, const LogOptions& options);
  ~SqliteLog() override;

  Result<std::unique_ptr<LogReader>> NewReader() override;
  Result<std::span<const Placed>> Append(std::span<const AppendRecord> records) override;
  Result<Offset> Commit() override;
  Result<void> Checkpoint() override;
  bool WantsCheckpoint(bool idle) const override;
  std::uint64_t LastSequence(std::string_view producer) const override;
  std::uint64_t LastSequenceUnder(std::string_view name) const override;
  Offset LastOffset() const override { return last_offset_; }
  LogIdentity Identity() const override { return identity_; }
  Result<Record> Find(std::string_view producer, std::uint64_t sequence) override;
  Result<Trimmed> Trim(const TrimRequest& request) override;
  std::vector<std::string> Notes() const override { return notes_; }
  Result<void> SetNeeded(Offset offset) override;
  Offset Needed() const override { return needed_from_; }

 private:
  struct Topic {
    std::int64_t id = 0;
    std::size_t stream = 0;
    std::uint64_t digest = 0;
    std::string alert;  ///< `<patient>.<condition>` of an alert topic.
  };
  struct Stream {
    std::int64_t id = 0;
    Offset last_offset = 0;
    bool dirty = false;
  };
  /// `count` records of one producer that stand side by side.
  struct Run {
    std::int64_t producer = 0;
    std::uint64_t first_sequence = 0;
    Offset first_offset = 0;
    std::uint64_t count = 0;
  };
  struct Producer {
    std::int64_t id = 0;
    std::uint64_t digest = 0;
    std::uint64_t last_sequence = 0;
    std::uint64_t carried_sequence = 0;  ///< Said before the newest segment.
    Run run;                             ///< The newest one of this segment.
    bool dirty = false;
  };
  explicit SqliteLog(const std::string& dir, const LogOptions& options);

  // Opening.
  Result<void> OpenNewest();
  Result<sqlite::Database> OpenSegment(const std::string& path, bool exists) const;
  Result<void> CreateTables(sqlite::Database& database, Offset first) const;
  Result<void> LoadCarried();
  Result<void> Prepare();
  Result<void> LoadMeta();
  Result<void> LoadNames();
  Result<void> LoadProducer(std::string name, Producer producer);
  Result<void> LoadTail();
  Result<void> LoadStreams();
  Result<void> VerifyTail();
  Result<void> LoadHead();
  Result<void> CheckClock();
  static Topic MakeTopic(std::string_view name, std::int64_t id, std::size_t stream);

  // Appending. What fails here kills the log.
  Result<void> CheckRepeats(std::span<const AppendRecord> records, const Producer* producer,
                            std::size_t repeats);
  Result<FoundName> FindName(const Producer& producer, std::uint64_t sequence);
  Result<std::uint64_t> DigestAt(Offset offset);
  Result<Offset> OffsetOf(const Producer& producer, std::uint64_t sequence);
  Result<Producer*> InternProducer(std::string_view name);
  Result<Topic*> InternTopic(std::string_view name);
  Result<void> Stage(std::span<const AppendRecord> records, Producer& producer);
  /// Binds one row of an insert statement; `row` counts from 0.
  void BindRow(sqlite::Statement& insert, int row, const AppendRecord& record,
               const Producer& producer, const Topic& topic, const Placed& placed);
  void ExtendRun(Producer& producer, std::uint64_t sequence, Offset offset);
  Result<void> StageAlert(const Topic& topic, bool open, Offset offset);
  Result<void> Begin();
  Result<void> SaveRun(const Run& run);
  Result<void> SaveStreams();
  LogTimeNs Stamp(LogTimeNs given);
  /// Begins a new segment and hands the old one to the sealer. Between transactions.
  Result<void> Rotate();
  /// Whether the newest segment has had its time.
  bool SegmentIsFull() const;
  /// The recorded time of the last record of the oldest segment.
  Result<LogTimeNs> EndOfOldest();
  Result<void> Carry(sqlite::Database& next);
  Result<void> CarryAlerts(sqlite::Database& next);
  /// Where an older segment holds the record; offset 0 where none that is kept does.
  Result<FoundName> FindInOlder(const Producer& producer, std::uint64_t sequence);
  static constexpr int kRowsTogether = 16;
  template <class T>
  Result<T> Die(const Error& error);

  static int OnWal(void* self, sqlite3* handle, const char* name, int frames);

  const std::string dir_;
  std::string path_;            ///< Of the newest segment.
  Offset first_offset_ = 1;     ///< Of the newest segment.
  Offset first_kept_ = 1;       ///< Of the oldest one.
  std::vector<Offset> sealed_;  ///< First offsets of the kept segments but the newest.
  const LogOptions options_;
  std::shared_ptr<Clock> clock_;
  std::optional<LogLock> lock_;
  std::optional<OffsetFile> head_;
  std::optional<OffsetFile> needed_;  ///< Made by the first SetNeeded.
  Offset needed_from_ = 0;
  std::vector<std::string> notes_;
  sqlite::Database database_;
  sqlite::Statement begin_;
  sqlite::Statement commit_;
  sqlite::Statement insert_;
  sqlite::Statement insert_first_;  ///< With the offset that a new segment begins at.
  sqlite::Statement insert_many_;   ///< kRowsTogether rows.
  sqlite::Statement insert_topic_;
  sqlite::Statement insert_producer_;
  sqlite::Statement insert_stream_;
  sqlite::Statement save_run_;
  sqlite::Statement save_stream_;
  sqlite::Statement save_as_of_;
  sqlite::Statement open_alert_;
  sqlite::Statement close_alert_;
  sqlite::Statement digest_at_;
  sqlite::Statement find_run_;
  sqlite::Statement find_record_;

  LogIdentity identity_;  ///< As of the last commit.
  Offset last_offset_ = 0;
  LogTimeNs last_recorded_ns_ = 0;
  LogTimeNs segment_begin_ns_ = 0;     ///< Of the newest segment's first record.
  LogTimeNs time_before_segment_ = 0;  ///< Of the record before the newest segment.
  std::optional<std::pair<Offset, LogTimeNs>> oldest_end_;  ///< EndOfOldest() of that segment.
  Offset streams_as_of_ = 0;
  ByText<Topic> topics_;
  ByText<std::size_t> stream_of_;
  std::vector<Stream> streams_;
  ByText<Producer> producers_;
  std::vector<Run> closed_runs_;  ///< Of this transaction.
  std::vector<Placed> placed_;
  std::vector<Producer*> dirty_producers_;  ///< With a run to save; elements of producers_.
  bool in_transaction_ = false;
  std::uint64_t segment_content_bytes_ = 0;  ///< Of the newest segment, about.
  int wal_frames_ = 0;
  int wal_checkpointed_ = 0;
  std::optional<Error> failure_;
  std::unique_ptr<SegmentsReader> older_;  ///< For names that stand in older segments.
  Sealer sealer_{options_.fsync, options_.seal_at_once};
};

}  // namespace tonus
