// Going on in a new segment. The new file takes over everything that the writer and its readers
// need to know of the past (names with their numbers, highest sequences, the last offset of each
// stream, the records of open alerts), so that old files can be removed:
//
//   segment-…001.db  [1 ……… 900]   sealed: checkpointed behind the writer's back, never written
//   again segment-…901.db  [901 ……   ]   open; carries what was true at 900
//
// The new file is complete and synced before the first record goes to it. A kill in between leaves
// an unfinished file, which the next start puts aside.
#include <sqlite3.h>

#include <utility>

#include "broker/log/log_files.h"
#include "broker/log/sqlite_log.h"

namespace tonus {

Result<void> SqliteLog::Rotate() {
  const Offset first = last_offset_ + 1;
  const std::string path = SegmentPath(dir_, first);
  Result<sqlite::Database> next = OpenSegment(path, false);
  if (!next) return tl::unexpected<Error>(next.error());
  const Result<void> made = CreateTables(*next, first)
                                .and_then([&] { return Carry(*next); })
                                .and_then([&] { return CarryAlerts(*next); })
                                .and_then([&] { return next->Run("COMMIT"); })
                                .and_then([&] { return SyncDirectory(dir_); });
  if (!made) return made;
  sqlite3_wal_hook(database_.Handle(), nullptr, nullptr);
  sqlite::Database old = std::exchange(database_, std::move(*next));
  sealed_.push_back(first_offset_);
  path_ = path;
  first_offset_ = first;
  time_before_segment_ = last_recorded_ns_;
  streams_as_of_ = last_offset_;
  segment_content_bytes_ = 0;
  wal_frames_ = 0;
  wal_checkpointed_ = 0;
  sqlite3_wal_hook(database_.Handle(), &SqliteLog::OnWal, this);
  // Preparing on the new connection finalizes the old one's statements.
  const Result<void> prepared = Prepare();
  if (!prepared) return prepared;
  for (auto& [name, producer] : producers_) {
    producer.carried_sequence = producer.last_sequence;
    producer.run = Run();
  }
  for (Stream& stream : streams_) stream.dirty = false;
  sealer_.Seal(std::move(old));
  return {};
}

Result<void> SqliteLog::Carry(sqlite::Database& next) {
  Result<sqlite::Statement> topic = next.Prepare("INSERT INTO topics VALUES(?,?,?)");
  if (!topic) return tl::unexpected<Error>(topic.error());
  for (const auto& [name, known] : topics_) {
    topic->Bind(1, known.id);
    topic->Bind(2, static_cast<std::int64_t>(known.stream) + 1);
    topic->BindBlob(3, name);
    const Result<void> done = topic->Run();
    if (!done) return done;
  }
  Result<sqlite::Statement> stream = next.Prepare("INSERT INTO streams VALUES(?,?,?)");
  if (!stream) return tl::unexpected<Error>(stream.error());
  for (const auto& [name, index] : stream_of_) {
    stream->Bind(1, streams_[index].id);
    stream->Bind(2, streams_[index].last_offset);
    stream->BindBlob(3, name);
    const Result<void> done = stream->Run();
    if (!done) return done;
  }
  Result<sqlite::Statement> producer = next.Prepare("INSERT INTO producers VALUES(?,?)");
  Result<sqlite::Statement> sequence = next.Prepare("INSERT INTO carried_sequences VALUES(?,?)");
  if (!producer) return tl::unexpected<Error>(producer.error());
  if (!sequence) return tl::unexpected<Error>(sequence.error());
  for (const auto& [name, known] : producers_) {
    producer->Bind(1, known.id);
    producer->BindBlob(2, name);
    sequence->Bind(1, known.id);
    sequence->Bind(2, known.last_sequence);
    const Result<void> done = producer->Run().and_then([&] { return sequence->Run(); });
    if (!done) return done;
  }
  return {};
}

Result<void> SqliteLog::CarryAlerts(sqlite::Database& next) {
  Result<sqlite::Statement> from = database_.Prepare(
      "SELECT a.alert, r.* FROM open_alerts a JOIN records r ON r.offset = a.offset UNION ALL "
      "SELECT a.alert, c.* FROM open_alerts a JOIN carried c ON c.offset = a.offset");
  Result<sqlite::Statement> record =
      next.Prepare("INSERT INTO carried VALUES(?,?,?,?,?,?,?,?,?,?)");
  Result<sqlite::Statement> alert = next.Prepare("INSERT INTO open_alerts VALUES(?,?)");
  if (!from) return tl::unexpected<Error>(from.error());
  if (!record) return tl::unexpected<Error>(record.error());
  if (!alert) return tl::unexpected<Error>(alert.error());
  while (true) {
    const Result<bool> found = from->Step();
    if (!found) return tl::unexpected<Error>(found.error());
    if (!*found) return {};
    alert->BindBlob(1, from->Blob(0));
    alert->Bind(2, from->Int(1));
    for (int column = 1; column <= 9; ++column) record->Bind(column, from->Int(column));
    record->BindBlob(10, from->Blob(10));
    const Result<void> done = record->Run().and_then([&] { return alert->Run(); });
    if (!done) return done;
  }
}

Result<FoundName> SqliteLog::FindInOlder(const Producer& producer, std::uint64_t sequence) {
  if (older_ == nullptr) {
    Result<std::unique_ptr<SegmentsReader>> opened =
        SegmentsReader::Open(dir_, OffsetFile::Content());
    if (!opened) return tl::unexpected<Error>(opened.error());
    older_ = std::move(*opened);
    older_->DropBefore(first_kept_);
  }
  const Result<std::optional<FoundName>> found = older_->Find(producer.id, sequence);
  if (!found) return tl::unexpected<Error>(found.error());
  return found->value_or(FoundName());
}

}  // namespace tonus
