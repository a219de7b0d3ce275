#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/record.h"
#include "base/result.h"
#include "broker/log/clock.h"

namespace tonus {

/// Where recorded times come from; fixed when a log is created.
enum class LogClock {
  kWall,   ///< Stamped by the log from its Clock at append.
  kGiven,  ///< Supplied by the writer of each record; kept from going back.
};

struct LogOptions {
  LogClock clock = LogClock::kWall;  ///< Opening a log of the other kind is refused.
  bool fsync = true;   ///< Off for scenarios and for imports that can be repeated: a commit then
                       ///< survives kill −9 of the process, not power loss.
  bool create = true;  ///< Makes directory and log where there is none.
  bool confirm_clock_jump = false;     ///< Accepts a wall clock that is more than an hour behind
                                       ///< the last record; new records then carry its time.
  std::uint64_t max_topics = 1000000;  ///< Distinct topics that one log holds.
  std::uint64_t segment_bytes = 1ULL << 30U;  ///< A file of the log that has grown so large is
                                              ///< sealed, and the log goes on in a new one.
  LogTimeNs segment_age_ns = 0;  ///< So is one whose records span so much time, so that retention
                                 ///< by age can remove it; 0: of any age.
  std::uint64_t checkpoint_bytes = 256ULL << 20U;  ///< Write-ahead bytes from which Checkpoint() is
                                                   ///< wanted even when there is no idle moment.
  std::shared_ptr<Clock> clock_source;  ///< Of a wall log; shared with the test that moves it.
                                        ///< Empty: MakeSlewedClock().
  bool seal_at_once = false;  ///< Seals a file where that comes up, in the writing thread, not in
                              ///< one behind its back: for simulations, which have one thread.
};

/// One record to append; views, borrowed for the call.
struct AppendRecord {
  std::string_view producer;
  std::uint64_t sequence = 0;  ///< The producer's next one, or one that the log has.
  std::string_view topic;      ///< Must have passed ParseTopic.
  std::string_view payload;
  std::uint64_t digest = 0;   ///< 0: ContentDigest(topic, payload).
  LogTimeNs recorded_ns = 0;  ///< Used on given logs only.
  bool open = false;          ///< Of `alert.*` topics.
  bool reserved = false;      ///< Its topic is taken beyond max_topics too: of the core and the
                              ///< broker, so that a flood of topics never silences an alert.
};

/// Where a record is in the log.
struct Placed {
  Offset offset = 0;
  Offset previous_offset = 0;  ///< In the same stream.
  LogTimeNs recorded_ns = 0;
  std::uint64_t digest = 0;
  bool repeat = false;  ///< It was there before and has been dropped. Of a repeat only offset and
                        ///< digest are filled.
};

/// What to read: offsets [from, to], filtered. Stops at whichever bound comes first.
struct ReadRequest {
  Offset from = 0;                    ///< 0: the first that is kept.
  Offset to = 0;                      ///< Inclusive; 0: the end.
  std::vector<std::string> prefixes;  ///< Topic prefixes; none: everything.
  std::size_t max_records = 4096;     ///< Records returned.
  std::size_t max_bytes = 1U << 20U;  ///< Payload bytes returned, passed by at most one record.
  std::size_t max_scanned = 65536;    ///< Records looked at, matching or not.
  bool skip_damaged = false;          ///< Goes on after what cannot be read, and names it.
};

/// Offsets [from, to] that cannot be read.
struct LogGap {
  Offset from = 0;
  Offset to = 0;
  std::string what;  ///< Names file and reason.
};

/// Records in order of offset.
struct ReadSlice {
  std::vector<Record> records;
  Offset next_offset = 1;    ///< First offset that was not looked at.
  bool at_end = false;       ///< next_offset is beyond the last committed offset, or beyond `to`.
  std::vector<LogGap> gaps;  ///< With skip_damaged: what was passed over, in order.
};

/// What may be removed of a log. Only whole files are removed, the oldest first, never the newest.
struct TrimRequest {
  Offset before = 0;                ///< Files that hold only offsets below this; 0: none for it.
  LogTimeNs before_ns = 0;          ///< Files that hold only records recorded before this; 0: none.
  std::uint64_t max_bytes = 0;      ///< Files until the rest takes no more than this; 0: none.
  Offset needed_from = UINT64_MAX;  ///< A file that holds this offset or a later one stays.
};

/// What was removed.
struct Trimmed {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  Offset first_kept = 0;   ///< The first offset that can still be read.
  bool held_back = false;  ///< More would have gone but for needed_from.
};

/// Identity and bounds of a log.
struct LogIdentity {
  std::string log_id;  ///< Random, made with the log.
  LogClock clock = LogClock::kWall;
  Offset first_offset = 0;  ///< First that can be read; 0: empty.
  Offset last_offset = 0;   ///< Last committed; 0: empty.
  LogTimeNs last_recorded_ns = 0;
};

/// Open alerts, and the offset up to which they were true.
struct OpenAlerts {
  std::vector<Record> records;  ///< In order of patient, then condition.
  Offset as_of = 0;
};

/// Reads what is committed. Owned by whoever opened it; used by one thread at a time; lives on its
/// own, also beyond the Log it came from. Never writes and never checkpoints.
///
/// Invariants: 1. only committed records are seen; 2. each returned record's checksum has been
/// verified: a record that is not what was written ends the slice before it, and is kCorrupt,
/// naming offset and file, where it is the first one asked for; with skip_damaged it is left out
/// and named. What has been removed by Trim() is kMalformed where it is asked for, and not skipped.
class LogReader {
 public:
  virtual ~LogReader() = default;

  virtual Result<ReadSlice> Read(const ReadRequest& request) = 0;

  /// First offset whose recorded time is not before `recorded_ns`; last offset + 1 where all are.
  virtual Result<Offset> FindByTime(LogTimeNs recorded_ns) = 0;

  virtual Result<LogIdentity> Identity() = 0;

  /// Producers and their highest committed sequences.
  virtual Result<std::map<std::string, std::uint64_t>> Producers() = 0;

  /// The newest record of each (patient, condition) whose envelope says open, filtered by prefix.
  virtual Result<OpenAlerts> ReadOpenAlerts(const std::vector<std::string>& prefixes) = 0;

  /// What was noticed when it was opened and does not keep it from being read, in sentences.
  virtual std::vector<std::string> Notes() const = 0;
};

/// The log: dense offsets from 1, appended by one writer. The seam behind which a storage engine
/// stands: nothing outside broker/log knows which. Owned by the broker's writing thread, or by an
/// importer; every call from one thread.
///
/// Invariants: 1. what Commit returned for is on disk (with fsync) and seen by every reader;
/// 2. records, highest sequences and open alerts change in one transaction; 3. a record whose
/// (producer, sequence) the log has is never stored twice; 4. after a failed Append (other than a
/// refusal) or Commit the log is dead: every later call returns the same error, and its process
/// must end with that reason.
class Log {
 public:
  virtual ~Log() = default;

  /// Opens or creates the log in directory `dir` and takes its lock. Errors: kUnreachable (no such
  /// directory, no right to write, a second writer), kCorrupt (not a log, a shortened tail),
  /// kRefused (clock of the other kind, wall clock jumped back), kIo.
  static Result<std::unique_ptr<Log>> Open(const std::string& dir, const LogOptions& options);

  /// Opens the log in `dir` for reading, beside a writer in this or another process or without one.
  /// `despite_damage`: also one whose tail is lost or whose newest file is no log; what is missing
  /// is in Notes().
  static Result<std::unique_ptr<LogReader>> OpenReadOnly(const std::string& dir,
                                                         bool despite_damage = false);

  /// A reader with a connection of its own, for another thread of this process.
  virtual Result<std::unique_ptr<LogReader>> NewReader() = 0;

  /// Stages records of one producer with consecutive sequences in the open transaction, all or
  /// none. The answer has one element for each record and is valid until the next call. Refusals,
  /// which leave the log alive: kMalformed (a gap in sequences), kDiverged (a repeat with another
  /// digest), kRefused (too many topics).
  virtual Result<std::span<const Placed>> Append(std::span<const AppendRecord> records) = 0;

  /// Makes what is staged durable. Returns the last offset.
  virtual Result<Offset> Commit() = 0;

  /// Work that would disturb a commit: moves the write-ahead log into its file, or seals the file
  /// and goes on in a new one. Call when idle, and after a commit when WantsCheckpoint().
  virtual Result<void> Checkpoint() = 0;

  /// Whether there is something that Checkpoint() would tidy up; `idle` asks for small amounts too.
  virtual bool WantsCheckpoint(bool idle) const = 0;

  /// Highest sequence of a producer, staged records included; 0: none.
  virtual std::uint64_t LastSequence(std::string_view producer) const = 0;

  /// The highest sequence of any producer `name` or `name.*`; 0: none.
  virtual std::uint64_t LastSequenceUnder(std::string_view name) const = 0;

  /// Last offset, staged records included; 0: none.
  virtual Offset LastOffset() const = 0;

  /// Identity and bounds as of the last commit.
  virtual LogIdentity Identity() const = 0;

  /// Removes old files, unless an earlier Trim() could not. Between transactions. The files go a
  /// little later, behind the writer's back; nobody who has one open is disturbed.
  virtual Result<Trimmed> Trim(const TrimRequest& request) = 0;

  /// What was noticed when the log was opened and does not keep it from being written, in
  /// sentences.
  virtual std::vector<std::string> Notes() const = 0;

  /// Notes that everything from `offset` on is needed by whoever reads the log as its state, for
  /// whoever trims it. Kept beside the records, over restarts; may go back. Where that fails, which
  /// leaves the log alive, it holds until the log is closed, and then what was said before.
  virtual Result<void> SetNeeded(Offset offset) = 0;

  /// What SetNeeded said last; 0: nothing.
  virtual Offset Needed() const = 0;

  /// The committed or staged record of that name; kMalformed where there is none.
  virtual Result<Record> Find(std::string_view producer, std::uint64_t sequence) = 0;
};

}  // namespace tonus
