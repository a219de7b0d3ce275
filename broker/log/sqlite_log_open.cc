// Opening a log: the lock first, then the newest segment, then what the writer keeps in memory:
// names, highest sequences, the last offset of each stream.
#include <sodium.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/digest.h"
#include "base/text.h"
#include "broker/log/durable_start.h"
#include "broker/log/schema.h"
#include "broker/log/sqlite_log.h"

namespace tonus {
namespace {

constexpr char kInsert[] =
    "INSERT INTO records(recorded_ns, topic, producer, sequence, previous, digest, open, checksum, "
    "payload) VALUES(?,?,?,?,?,?,?,?,?)";
/// The offset comes last, so that the other columns have the same places.
constexpr char kInsertFirst[] =
    "INSERT INTO records(recorded_ns, topic, producer, sequence, previous, digest, open, checksum, "
    "payload, offset) VALUES(?,?,?,?,?,?,?,?,?,?)";
constexpr char kInsertMore[] = ",(?,?,?,?,?,?,?,?,?)";

std::string RandomId() {
  std::array<unsigned char, 16> bytes = {};
  randombytes_buf(bytes.data(), bytes.size());
  std::array<char, 33> text = {};
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  return text.data();
}

Result<void> MakeDirectory(const std::string& dir, bool create) {
  struct stat info = {};
  if (stat(dir.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return {};
    return Fail(ErrorCode::kUnreachable, "is not a folder", dir, "name the folder of a log");
  }
  if (!create) {
    return Fail(ErrorCode::kUnreachable, std::string("no such folder: ") + std::strerror(errno),
                dir, "name the folder of a log");
  }
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) {
    return Fail(ErrorCode::kUnreachable, "cannot be made: " + error.message(), dir,
                "name a folder that this user may make");
  }
  return {};
}

/// Records at the end whose checksums are looked at before anything is appended behind them.
constexpr Offset kVerifiedTail = 1024;

/// Whether a file is there and not empty.
bool HasContent(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 && info.st_size > 0;
}

bool HasNoTables(sqlite::Database& database) {
  Result<sqlite::Statement> any = database.Prepare("SELECT 1 FROM sqlite_master LIMIT 1");
  if (!any) return false;
  const Result<bool> found = any->Step();
  return found && !*found;
}

Error NoLog(const std::string& dir) {
  return Error{ErrorCode::kUnreachable, "there is no log in this folder", dir,
               "name the folder of a log, or let `tonus broker` or `tonus import` make one"};
}

}  // namespace

Result<std::unique_ptr<Log>> Log::Open(const std::string& dir, const LogOptions& options) {
  Result<std::unique_ptr<SqliteLog>> log = SqliteLog::Open(dir, options);
  if (!log) return tl::unexpected<Error>(log.error());
  return std::unique_ptr<Log>(std::move(*log));
}

Result<std::unique_ptr<LogReader>> Log::OpenReadOnly(const std::string& dir, bool despite_damage) {
  const Result<void> folder = MakeDirectory(dir, false);
  if (!folder) return tl::unexpected<Error>(folder.error());
  if (ListSegments(dir).empty()) return tl::unexpected<Error>(NoLog(dir));
  // The head is read first: a writer may move on in between, but never backwards.
  const OffsetFile::Content head = OffsetFile::Read(HeadPath(dir));
  Result<std::unique_ptr<SegmentsReader>> reader = SegmentsReader::Open(dir, head, despite_damage);
  if (!reader) return tl::unexpected<Error>(reader.error());
  return std::unique_ptr<LogReader>(std::move(*reader));
}

SqliteLog::SqliteLog(const std::string& dir, const LogOptions& options)
    : dir_(dir), options_(options), clock_(options.clock_source) {
  if (clock_ == nullptr) clock_ = MakeSlewedClock();
}

Result<std::unique_ptr<SqliteLog>> SqliteLog::Open(const std::string& dir,
                                                   const LogOptions& options) {
  const Result<void> folder = MakeDirectory(dir, options.create);
  if (!folder) return tl::unexpected<Error>(folder.error());
  std::unique_ptr<SqliteLog> log(new SqliteLog(dir, options));
  if (!options.create && ListSegments(dir).empty()) return tl::unexpected<Error>(NoLog(dir));
  Result<LogLock> lock = LogLock::Take(dir);
  if (!lock) return tl::unexpected<Error>(lock.error());
  log->lock_.emplace(std::move(*lock));
  const Result<void> opened = log->OpenNewest()
                                  .and_then([&] { return log->Prepare(); })
                                  .and_then([&] { return log->LoadMeta(); })
                                  .and_then([&] { return log->LoadCarried(); })
                                  .and_then([&] { return log->LoadNames(); })
                                  .and_then([&] { return log->LoadTail(); })
                                  .and_then([&] { return log->LoadStreams(); })
                                  .and_then([&] { return log->VerifyTail(); })
                                  .and_then([&] { return log->LoadHead(); })
                                  .and_then([&] { return log->CheckClock(); });
  if (!opened) return tl::unexpected<Error>(opened.error());
  return log;
}

Result<sqlite::Database> SqliteLog::OpenSegment(const std::string& path, bool exists) const {
  Result<sqlite::Database> database =
      sqlite::Database::Open(path, exists ? sqlite::OpenMode::kWrite : sqlite::OpenMode::kCreate);
  if (!database) return database;
  if (exists) {
    const Result<void> length = database->CheckLength();
    if (!length) return tl::unexpected<Error>(length.error());
  }
  const char* synchronous = options_.fsync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF";
  const Result<void> settings =
      database->Run("PRAGMA page_size=4096")
          .and_then([&] { return database->Run("PRAGMA journal_mode=WAL"); })
          .and_then([&] { return database->Run(synchronous); })
          .and_then([&] { return database->Run("PRAGMA cache_size=-32768"); });
  if (!settings) return tl::unexpected<Error>(settings.error());
  if (exists && options_.fsync) {
    const Result<void> durable = MakeFoundDurable(*database);
    if (!durable) return tl::unexpected<Error>(durable.error());
  }
  return database;
}

Result<void> SqliteLog::OpenNewest() {
  const Offset head_offset = OffsetFile::Read(HeadPath(dir_)).offset;
  std::vector<Offset> firsts = ListSegments(dir_);
  // A writer that was killed while it made a new segment leaves an unfinished one: no commit has
  // gone to it, and the one before it is whole. One that merely cannot be opened now is none, and
  // the head, which is not synced, may know nothing of what was committed to it. So only what is no
  // log is put aside, and nothing is removed.
  if (firsts.size() > 1) {
    const std::string newest = SegmentPath(dir_, firsts.back());
    const Result<std::unique_ptr<SegmentReader>> whole = SegmentReader::Open(newest);
    const bool no_log = !whole && whole.error().code == ErrorCode::kCorrupt;
    if (!whole && (!no_log || head_offset >= firsts.back())) {
      return tl::unexpected<Error>(LostOr(whole.error(), newest, firsts.back(), head_offset));
    }
    if (no_log) {
      notes_.push_back(newest + " was not finished when the log was stopped; it is put aside");
      for (const char* suffix : {"-shm", "-wal", ""}) {
        static_cast<void>(
            rename((newest + suffix).c_str(), (newest + ".unfinished" + suffix).c_str()));
      }
      firsts.pop_back();
    }
  }
  if (firsts.empty() && head_offset > 0) {
    return Fail(ErrorCode::kCorrupt,
                "is missing, but offset " + std::to_string(head_offset) + " has been committed",
                SegmentPath(dir_, 1), "restore it from a backup, or name an empty folder");
  }
  const bool exists = !firsts.empty();
  first_offset_ = exists ? firsts.back() : 1;
  first_kept_ = exists ? firsts.front() : 1;
  if (exists) sealed_.assign(firsts.begin(), firsts.end() - 1);
  path_ = SegmentPath(dir_, first_offset_);
  Result<sqlite::Database> database = OpenSegment(path_, exists);
  if (!database) return tl::unexpected<Error>(database.error());
  database_ = std::move(*database);
  // Replaces SQLite's own hook, which would checkpoint inside a commit.
  sqlite3_wal_hook(database_.Handle(), &SqliteLog::OnWal, this);
  // A writer that was killed while it made the log leaves an empty database: nothing was in it.
  const bool empty = exists && firsts.size() == 1 && head_offset == 0 && first_offset_ == 1 &&
                     HasNoTables(database_);
  const Result<void> made = exists && !empty ? Result<void>() : CreateTables(database_, 1);
  if (!made) return made;
  // What was not sealed when the log was closed, or could not be because it was being read.
  for (std::size_t i = 0; i + 1 < firsts.size(); ++i) {
    const std::string path = SegmentPath(dir_, firsts[i]);
    if (!HasContent(path + "-wal")) continue;
    Result<sqlite::Database> older = OpenSegment(path, true);
    if (!older) return tl::unexpected<Error>(older.error());
    sealer_.Seal(std::move(*older));
  }
  return {};
}

Result<void> SqliteLog::CreateTables(sqlite::Database& database, Offset first) const {
  const std::string id = identity_.log_id.empty() ? RandomId() : identity_.log_id;
  const std::string clock = options_.clock == LogClock::kGiven ? "1" : "0";
  std::string meta = "INSERT INTO meta VALUES('format'," + std::to_string(kFormat) +
                     "),('log_id',CAST('" + id + "' AS BLOB)),('clock'," + clock +
                     "),('streams_as_of'," + std::to_string(first - 1) + ")";
  if (first > 1) {
    meta += ",('first_offset'," + std::to_string(first) + "),('time_before_first'," +
            std::to_string(last_recorded_ns_) + ")";
  }
  return database.Run("BEGIN IMMEDIATE")
      .and_then([&] { return database.Run(kSchema); })
      .and_then([&] { return database.Run(kSchemaCarried); })
      .and_then([&] { return database.Run(meta.c_str()); })
      .and_then([&] { return first > 1 ? Result<void>() : database.Run("COMMIT"); });
}

Result<void> SqliteLog::LoadCarried() {
  // A segment of an earlier version has no such tables yet.
  const Result<void> made = database_.Run(kSchemaCarried);
  if (!made) return made;
  Result<sqlite::Statement> before =
      database_.Prepare("SELECT value FROM meta WHERE key = 'time_before_first'");
  if (!before) return tl::unexpected<Error>(before.error());
  const Result<bool> found = before->Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (*found) last_recorded_ns_ = time_before_segment_ = before->Int(0);
  last_offset_ = first_offset_ - 1;
  return {};
}

Result<void> SqliteLog::Prepare() {
  // A statement with several rows spares most of what SQLite does for each statement.
  std::string many = kInsert;
  for (int i = 1; i < kRowsTogether; ++i) many += kInsertMore;
  const std::pair<sqlite::Statement*, const char*> wanted[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&insert_, kInsert},
      {&insert_first_, kInsertFirst},
      {&insert_many_, many.c_str()},
      {&insert_topic_, "INSERT INTO topics VALUES(?1,?2,?3)"},
      {&insert_producer_, "INSERT INTO producers VALUES(?1,?2)"},
      {&insert_stream_, "INSERT INTO streams VALUES(?1,?2,?3)"},
      {&save_run_, "INSERT OR REPLACE INTO runs VALUES(?1,?2,?3,?4)"},
      {&save_stream_, "UPDATE streams SET last_offset = ?2 WHERE id = ?1"},
      {&save_as_of_, "UPDATE meta SET value = ?1 WHERE key = 'streams_as_of'"},
      {&open_alert_, "INSERT OR REPLACE INTO open_alerts VALUES(?1,?2)"},
      {&close_alert_, "DELETE FROM open_alerts WHERE alert = ?1"},
      {&digest_at_, "SELECT digest FROM records WHERE offset = ?1"},
      {&find_run_,
       "SELECT first_sequence, first_offset, count FROM runs WHERE producer = ?1 AND "
       "first_sequence <= ?2 ORDER BY first_sequence DESC LIMIT 1"},
      {&find_record_,
       "SELECT r.recorded_ns, t.topic, r.previous, r.digest, r.open, r.payload FROM records r "
       "JOIN topics t ON t.id = r.topic WHERE r.offset = ?1"},
  };
  for (const auto& [statement, sql] : wanted) {
    Result<sqlite::Statement> prepared = database_.Prepare(sql);
    if (!prepared) {
      Error error = prepared.error();
      if (error.what.find("no such table") != std::string::npos) {
        error.code = ErrorCode::kCorrupt;
        error.what = "is no log of tonus: " + error.what;
        error.hint = "name the folder of a log, or an empty one";
      }
      return tl::unexpected<Error>(
          LostOr(std::move(error), path_, first_offset_, OffsetFile::Read(HeadPath(dir_)).offset));
    }
    *statement = std::move(*prepared);
  }
  return {};
}

Result<void> SqliteLog::LoadMeta() {
  Result<sqlite::Statement> select = database_.Prepare(
      "SELECT max(CASE key WHEN 'format' THEN value END), max(CASE key WHEN 'log_id' THEN value "
      "END), max(CASE key WHEN 'clock' THEN value END), max(CASE key WHEN 'streams_as_of' THEN "
      "value END) FROM meta");
  if (!select) return tl::unexpected<Error>(select.error());
  const Result<bool> found = select->Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found || select->Int(0) != kFormat) {
    return Fail(ErrorCode::kCorrupt, "is a log of another format", path_,
                "open it with the version of tonus that wrote it");
  }
  identity_.log_id = std::string(select->Blob(1));
  identity_.clock = select->Int(2) == 1 ? LogClock::kGiven : LogClock::kWall;
  streams_as_of_ = select->Unsigned(3);
  if (identity_.clock != options_.clock) {
    const bool given = identity_.clock == LogClock::kGiven;
    return Fail(ErrorCode::kRefused,
                given ? "this log takes its times from its writers, not from the wall clock"
                      : "this log takes its times from the wall clock, not from its writers",
                dir_, "keep simulated and recorded data apart from live data: name another folder");
  }
  return {};
}

Result<void> SqliteLog::LoadNames() {
  Result<sqlite::Statement> streams =
      database_.Prepare("SELECT id, last_offset, name FROM streams ORDER BY id");
  if (!streams) return tl::unexpected<Error>(streams.error());
  while (true) {
    const Result<bool> found = streams->Step();
    if (!found) return tl::unexpected<Error>(found.error());
    if (!*found) break;
    stream_of_[std::string(streams->Blob(2))] = streams_.size();
    streams_.push_back(
        Stream{.id = streams->Int(0), .last_offset = streams->Unsigned(1), .dirty = false});
  }
  Result<sqlite::Statement> topics =
      database_.Prepare("SELECT id, stream, topic FROM topics ORDER BY id");
  if (!topics) return tl::unexpected<Error>(topics.error());
  while (true) {
    const Result<bool> found = topics->Step();
    if (!found) return tl::unexpected<Error>(found.error());
    if (!*found) break;
    const std::string name(topics->Blob(2));
    const auto stream = static_cast<std::size_t>(topics->Int(1)) - 1;
    if (stream >= streams_.size()) {
      return Fail(ErrorCode::kCorrupt, "topic '" + name + "' has no stream", path_,
                  "restore the log from a backup");
    }
    topics_[name] = MakeTopic(name, topics->Int(0), stream);
  }
  Result<sqlite::Statement> producers = database_.Prepare(
      "SELECT p.id, p.name, s.last_sequence FROM producers p LEFT JOIN carried_sequences s ON "
      "s.producer = p.id");
  if (!producers) return tl::unexpected<Error>(producers.error());
  while (true) {
    const Result<bool> found = producers->Step();
    if (!found) return tl::unexpected<Error>(found.error());
    if (!*found) return {};
    Producer producer;
    producer.id = producers->Int(0);
    producer.carried_sequence = producer.last_sequence = producers->Unsigned(2);
    const Result<void> loaded = LoadProducer(std::string(producers->Blob(1)), producer);
    if (!loaded) return loaded;
  }
}

Result<void> SqliteLog::LoadProducer(std::string name, Producer producer) {
  const sqlite::ResetAtEnd reset(find_run_);
  find_run_.Bind(1, producer.id);
  find_run_.Bind(2, INT64_MAX);
  const Result<bool> found = find_run_.Step();
  if (!found) return tl::unexpected<Error>(found.error());
  producer.digest = Digest64(name);
  if (*found) {
    producer.run = Run{.producer = producer.id,
                       .first_sequence = find_run_.Unsigned(0),
                       .first_offset = find_run_.Unsigned(1),
                       .count = find_run_.Unsigned(2)};
    producer.last_sequence = producer.run.first_sequence + producer.run.count - 1;
  }
  producers_[std::move(name)] = producer;
  return {};
}

Result<void> SqliteLog::LoadTail() {
  Result<sqlite::Statement> last =
      database_.Prepare("SELECT offset, recorded_ns FROM records ORDER BY offset DESC LIMIT 1");
  if (!last) return tl::unexpected<Error>(last.error());
  Result<bool> found = last->Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (*found) {
    last_offset_ = last->Unsigned(0);
    last_recorded_ns_ = last->Int(1);
  }
  const Offset head = OffsetFile::Read(HeadPath(dir_)).offset;
  if (last_offset_ < head) return tl::unexpected<Error>(LostTail(path_, last_offset_, head));
  Result<sqlite::Statement> first =
      database_.Prepare("SELECT recorded_ns FROM records ORDER BY offset LIMIT 1");
  if (!first) return tl::unexpected<Error>(first.error());
  found = first->Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (*found) segment_begin_ns_ = first->Int(0);
  Result<sqlite::Statement> pages = database_.Prepare("SELECT page_count FROM pragma_page_count()");
  if (!pages) return tl::unexpected<Error>(pages.error());
  found = pages->Step();
  if (!found) return tl::unexpected<Error>(found.error());
  segment_content_bytes_ = pages->Unsigned(0) * 4096;
  identity_.last_offset = last_offset_;
  identity_.last_recorded_ns = last_recorded_ns_;
  identity_.first_offset = last_offset_ == 0 ? 0 : first_kept_;
  return {};
}

Result<void> SqliteLog::LoadStreams() {
  Result<sqlite::Statement> tail = database_.Prepare(
      "SELECT r.offset, t.stream FROM records r JOIN topics t ON t.id = r.topic "
      "WHERE r.offset > ?1 ORDER BY r.offset");
  if (!tail) return tl::unexpected<Error>(tail.error());
  tail->Bind(1, streams_as_of_);
  while (true) {
    const Result<bool> found = tail->Step();
    if (!found) return tl::unexpected<Error>(found.error());
    if (!*found) return {};
    Stream& stream = streams_[static_cast<std::size_t>(tail->Int(1)) - 1];
    stream.last_offset = tail->Unsigned(0);
    stream.dirty = true;
  }
}

Result<void> SqliteLog::VerifyTail() {
  if (last_offset_ < first_offset_) return {};
  Result<std::unique_ptr<SegmentReader>> reader = SegmentReader::Open(path_);
  if (!reader) return tl::unexpected<Error>(reader.error());
  ReadRequest request;
  request.to = last_offset_;
  request.skip_damaged = true;
  request.from = std::max(first_offset_, last_offset_ - std::min(last_offset_, kVerifiedTail));
  while (true) {
    const Result<ReadSlice> slice = (*reader)->Read(request);
    if (!slice) return tl::unexpected<Error>(slice.error());
    // What was damaged stays so; what is appended behind it is as good as ever, and patients are
    // better watched by a log with a hole than by none.
    for (const LogGap& gap : slice->gaps) {
      notes_.push_back("offsets " + std::to_string(gap.from) + " to " + std::to_string(gap.to) +
                       " cannot be read: " + gap.what);
    }
    if (slice->at_end) return {};
    request.from = slice->next_offset;
  }
}

Result<void> SqliteLog::LoadHead() {
  const OffsetFile::Content before = OffsetFile::Read(HeadPath(dir_));
  const std::string note = NoteOnHead(before, dir_, last_offset_);
  if (!note.empty()) notes_.push_back(note);
  Result<OffsetFile> head = OffsetFile::Open(HeadPath(dir_), last_offset_);
  if (!head) return tl::unexpected<Error>(head.error());
  head_.emplace(std::move(*head));
  const OffsetFile::Content needed = OffsetFile::Read(NeededPath(dir_));
  needed_from_ = needed.offset;
  if (needed.torn) {
    notes_.push_back(NeededPath(dir_) +
                     " is damaged: until the core says what it needs, nothing is removed");
  }
  return SyncDirectory(dir_);
}

Result<void> SqliteLog::CheckClock() {
  if (identity_.clock == LogClock::kGiven || options_.confirm_clock_jump) return {};
  const LogTimeNs now = clock_->NowNs();
  if (now >= last_recorded_ns_ - kHourNs) return {};
  return Fail(ErrorCode::kRefused,
              "the clock says " + FormatTime(now) + ", " + FormatDuration(last_recorded_ns_ - now) +
                  " before the last record of the log",
              dir_,
              "set the machine's clock; or confirm the jump: new records then carry the last "
              "record's time until the clock has passed it");
}

}  // namespace tonus
