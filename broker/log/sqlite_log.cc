#include "broker/log/sqlite_log.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "base/topic.h"
#include "broker/log/schema.h"

namespace tonus {
namespace {

/// After so many records the streams' last offsets are written down, so that opening reads no more
/// than this of the tail.
constexpr Offset kStreamsEvery = 65536;

/// Frames (pages) of write-ahead log that are worth a checkpoint when there is nothing else to do,
/// and how many are too many: a commit that comes meanwhile waits for all of them. More is left to
/// the sealer.
constexpr int kIdleFrames = 1024;
constexpr int kMostIdleFrames = 4096;
constexpr std::uint64_t kFrameBytes = 4096 + 24;

/// What a record takes in the file besides its payload, about.
constexpr std::uint64_t kRecordBytes = 48;

}  // namespace

SqliteLog::~SqliteLog() {
  if (database_.Handle() == nullptr) return;
  if (failure_) {
    // Closing would checkpoint, and so try again what has failed.
    sqlite3_db_config(database_.Handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    return;
  }
  // What is staged and not committed was never promised to anyone.
  if (in_transaction_) static_cast<void>(database_.Run("ROLLBACK"));
}

template <class T>
Result<T> SqliteLog::Die(const Error& error) {
  failure_ = error;
  return tl::unexpected<Error>(error);
}

int SqliteLog::OnWal(void* self, sqlite3* /*handle*/, const char* /*name*/, int frames) {
  auto* log = static_cast<SqliteLog*>(self);
  // Fewer frames than before: a commit has begun the file anew after a complete checkpoint.
  if (frames < log->wal_frames_) log->wal_checkpointed_ = 0;
  log->wal_frames_ = frames;
  return SQLITE_OK;
}

Result<std::unique_ptr<LogReader>> SqliteLog::NewReader() {
  Result<std::unique_ptr<SegmentsReader>> reader = SegmentsReader::Open(
      dir_, {.missing = false, .torn = false, .offset = identity_.last_offset});
  if (!reader) return tl::unexpected<Error>(reader.error());
  return std::unique_ptr<LogReader>(std::move(*reader));
}

LogTimeNs SqliteLog::Stamp(LogTimeNs given) {
  // The end of 2250: so that deadlines years ahead can still be counted in nanoseconds.
  constexpr LogTimeNs kLatest = 8'867'577'600'000'000'000;
  given = std::min(given, kLatest);
  if (given > last_recorded_ns_) last_recorded_ns_ = given;
  return last_recorded_ns_;
}

SqliteLog::Topic SqliteLog::MakeTopic(std::string_view name, std::int64_t id, std::size_t stream) {
  Topic topic;
  topic.id = id;
  topic.stream = stream;
  topic.digest = Digest64(name);
  const Result<TopicParts> parts = ParseTopic(name);
  if (parts && parts->kind == "alert") {
    topic.alert.append(parts->patient).append(".").append(parts->condition);
  }
  return topic;
}

Result<void> SqliteLog::Begin() {
  if (in_transaction_) return {};
  const Result<void> begun = begin_.Run();
  if (begun) in_transaction_ = true;
  return begun;
}

Result<SqliteLog::Producer*> SqliteLog::InternProducer(std::string_view name) {
  const auto known = producers_.find(name);
  if (known != producers_.end()) return &known->second;
  Producer producer;
  producer.id = static_cast<std::int64_t>(producers_.size()) + 1;
  producer.digest = Digest64(name);
  insert_producer_.Bind(1, producer.id);
  insert_producer_.BindBlob(2, name);
  const Result<void> inserted = insert_producer_.Run();
  if (!inserted) return tl::unexpected<Error>(inserted.error());
  return &producers_.emplace(std::string(name), producer).first->second;
}

Result<SqliteLog::Topic*> SqliteLog::InternTopic(std::string_view name) {
  const auto known = topics_.find(name);
  if (known != topics_.end()) return &known->second;
  const std::string_view stream_name = StreamOf(name);
  auto stream = stream_of_.find(stream_name);
  if (stream == stream_of_.end()) {
    const auto id = static_cast<std::int64_t>(streams_.size()) + 1;
    insert_stream_.Bind(1, id);
    insert_stream_.Bind(2, std::int64_t{0});
    insert_stream_.BindBlob(3, stream_name);
    const Result<void> inserted = insert_stream_.Run();
    if (!inserted) return tl::unexpected<Error>(inserted.error());
    stream = stream_of_.emplace(std::string(stream_name), streams_.size()).first;
    streams_.push_back(Stream{.id = id, .last_offset = 0, .dirty = false});
  }
  Topic topic = MakeTopic(name, static_cast<std::int64_t>(topics_.size()) + 1, stream->second);
  insert_topic_.Bind(1, topic.id);
  insert_topic_.Bind(2, static_cast<std::int64_t>(stream->second) + 1);
  insert_topic_.BindBlob(3, name);
  const Result<void> inserted = insert_topic_.Run();
  if (!inserted) return tl::unexpected<Error>(inserted.error());
  return &topics_.emplace(std::string(name), std::move(topic)).first->second;
}

Result<Offset> SqliteLog::OffsetOf(const Producer& producer, std::uint64_t sequence) {
  const auto in_run = [&](const Run& run) {
    return run.producer == producer.id && sequence >= run.first_sequence &&
           sequence < run.first_sequence + run.count;
  };
  const auto at = [&](const Run& run) { return run.first_offset + sequence - run.first_sequence; };
  if (in_run(producer.run)) return at(producer.run);
  for (const Run& run : closed_runs_) {
    if (in_run(run)) return at(run);
  }
  const sqlite::ResetAtEnd reset(find_run_);
  find_run_.Bind(1, producer.id);
  find_run_.Bind(2, sequence);
  const Result<bool> found = find_run_.Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (*found) {
    const Run run = {.producer = producer.id,
                     .first_sequence = find_run_.Unsigned(0),
                     .first_offset = find_run_.Unsigned(1),
                     .count = find_run_.Unsigned(2)};
    if (in_run(run)) return at(run);
  }
  return Fail(ErrorCode::kCorrupt,
              "the place of sequence " + std::to_string(sequence) + " is not known", path_,
              "restore the log from a backup");
}

Result<std::uint64_t> SqliteLog::DigestAt(Offset offset) {
  const sqlite::ResetAtEnd reset(digest_at_);
  digest_at_.Bind(1, offset);
  const Result<bool> found = digest_at_.Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) {
    return Fail(ErrorCode::kCorrupt, "offset " + std::to_string(offset) + " is missing", path_,
                "restore the log from a backup");
  }
  return digest_at_.Unsigned(0);
}

Result<FoundName> SqliteLog::FindName(const Producer& producer, std::uint64_t sequence) {
  if (sequence <= producer.carried_sequence) return FindInOlder(producer, sequence);
  const Result<Offset> offset = OffsetOf(producer, sequence);
  if (!offset) return tl::unexpected<Error>(offset.error());
  const Result<std::uint64_t> digest = DigestAt(*offset);
  if (!digest) return tl::unexpected<Error>(digest.error());
  return FoundName{.offset = *offset, .digest = *digest};
}

Result<void> SqliteLog::CheckRepeats(std::span<const AppendRecord> records,
                                     const Producer* producer, std::size_t repeats) {
  for (std::size_t i = 0; i < repeats; ++i) {
    const AppendRecord& record = records[i];
    const Result<FoundName> stored = FindName(*producer, record.sequence);
    if (!stored) return Die<void>(stored.error());
    const std::uint64_t digest =
        record.digest != 0 ? record.digest : ContentDigest(record.topic, record.payload);
    // Where the record's segment has been removed there is nothing left to compare.
    if (stored->offset != 0 && stored->digest != digest) {
      return Fail(ErrorCode::kDiverged,
                  "record " + std::to_string(record.sequence) + " of producer '" +
                      std::string(record.producer) + "' differs from the one at offset " +
                      std::to_string(stored->offset),
                  dir_, "whoever begins anew must do so under a new producer name");
    }
    placed_.push_back(Placed{.offset = stored->offset,
                             .previous_offset = 0,
                             .recorded_ns = 0,
                             .digest = digest,
                             .repeat = true});
  }
  return {};
}

Result<std::span<const Placed>> SqliteLog::Append(std::span<const AppendRecord> records) {
  placed_.clear();
  if (failure_) return tl::unexpected<Error>(*failure_);
  if (records.empty()) return std::span<const Placed>();
  const std::string_view name = records.front().producer;
  const auto known = producers_.find(name);
  const Producer* producer = known == producers_.end() ? nullptr : &known->second;
  const std::uint64_t last = producer == nullptr ? 0 : producer->last_sequence;
  const std::uint64_t first = records.front().sequence;
  if (first == 0 || first > last + 1) {
    return Fail(ErrorCode::kMalformed,
                "producer '" + std::string(name) + "' goes on with sequence " +
                    std::to_string(first) + " after " + std::to_string(last),
                dir_, "go on with " + std::to_string(last + 1));
  }
  std::size_t new_topics = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].sequence != first + i || records[i].producer != name) {
      return Fail(ErrorCode::kMalformed, "sequences within one call are not consecutive", dir_);
    }
    // Only near the bound is it worth a look-up which topics are new.
    if (topics_.size() + records.size() > options_.max_topics && !records[i].reserved &&
        topics_.find(records[i].topic) == topics_.end()) {
      ++new_topics;
    }
  }
  if (new_topics > 0 && topics_.size() + new_topics > options_.max_topics) {
    return Fail(ErrorCode::kRefused,
                "the log holds " + std::to_string(topics_.size()) + " topics, the most it may",
                dir_, "a topic names a patient, not a message; or raise the bound max_topics");
  }
  const auto repeats =
      static_cast<std::size_t>(std::min<std::uint64_t>(records.size(), last + 1 - first));
  const Result<void> checked = CheckRepeats(records, producer, repeats);
  if (!checked) return tl::unexpected<Error>(checked.error());
  if (repeats < records.size()) {
    const Result<void> begun = Begin();
    if (!begun) return Die<std::span<const Placed>>(begun.error());
    const Result<Producer*> interned = InternProducer(name);
    if (!interned) return Die<std::span<const Placed>>(interned.error());
    const Result<void> staged = Stage(records.subspan(repeats), **interned);
    if (!staged) return Die<std::span<const Placed>>(staged.error());
  }
  return std::span<const Placed>(placed_);
}

void SqliteLog::BindRow(sqlite::Statement& insert, int row, const AppendRecord& record,
                        const Producer& producer, const Topic& topic, const Placed& placed) {
  const ChecksumFields fields = {.offset = placed.offset,
                                 .recorded_ns = placed.recorded_ns,
                                 .topic_digest = topic.digest,
                                 .producer_digest = producer.digest,
                                 .sequence = record.sequence,
                                 .previous = placed.previous_offset,
                                 .digest = placed.digest,
                                 .open = record.open ? 1U : 0U};
  int index = row * 9;
  insert.Bind(++index, placed.recorded_ns);
  insert.Bind(++index, topic.id);
  insert.Bind(++index, producer.id);
  insert.Bind(++index, record.sequence);
  insert.Bind(++index, placed.previous_offset);
  insert.Bind(++index, placed.digest);
  insert.Bind(++index, std::int64_t{record.open ? 1 : 0});
  insert.Bind(++index, RecordChecksum(fields, record.payload));
  insert.BindBlob(++index, record.payload);
}

void SqliteLog::ExtendRun(Producer& producer, std::uint64_t sequence, Offset offset) {
  Run& run = producer.run;
  if (run.count > 0 && run.first_offset + run.count == offset) {
    ++run.count;
  } else {
    if (producer.dirty) closed_runs_.push_back(run);
    run = Run{
        .producer = producer.id, .first_sequence = sequence, .first_offset = offset, .count = 1};
  }
  if (!producer.dirty) {
    producer.dirty = true;
    dirty_producers_.push_back(&producer);
  }
  producer.last_sequence = sequence;
}

Result<void> SqliteLog::Stage(std::span<const AppendRecord> records, Producer& producer) {
  const bool wall = identity_.clock == LogClock::kWall;
  const LogTimeNs now = wall ? Stamp(clock_->NowNs()) : 0;
  int row = 0;
  int rows = 1;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const AppendRecord& record = records[i];
    const Result<Topic*> topic = InternTopic(record.topic);
    if (!topic) return tl::unexpected<Error>(topic.error());
    Stream& stream = streams_[(*topic)->stream];
    const Offset offset = last_offset_ + 1;
    Placed placed;
    placed.offset = offset;
    placed.previous_offset = stream.last_offset;
    placed.recorded_ns = wall ? now : Stamp(record.recorded_ns);
    placed.digest =
        record.digest != 0 ? record.digest : ContentDigest(record.topic, record.payload);
    // The first row of a segment says its number; the others follow by themselves.
    const bool first = offset == first_offset_;
    if (first) segment_begin_ns_ = placed.recorded_ns;
    if (row == 0) rows = !first && records.size() - i >= kRowsTogether ? kRowsTogether : 1;
    sqlite::Statement& insert = first ? insert_first_ : rows == 1 ? insert_ : insert_many_;
    BindRow(insert, row, record, producer, **topic, placed);
    if (first) insert.Bind(10, offset);
    if (++row == rows) {
      row = 0;
      const Result<void> inserted = insert.Run();
      if (!inserted) return inserted;
      // SQLite gives out the row numbers; that they are our offsets is what this log rests on.
      if (sqlite3_last_insert_rowid(database_.Handle()) != static_cast<sqlite3_int64>(offset)) {
        return Fail(ErrorCode::kCorrupt, "offset " + std::to_string(offset) + " is taken", path_,
                    "restore the log from a backup");
      }
    }
    if (!(*topic)->alert.empty()) {
      const Result<void> alert = StageAlert(**topic, record.open, offset);
      if (!alert) return alert;
    }
    stream.last_offset = offset;
    stream.dirty = true;
    last_offset_ = offset;
    segment_content_bytes_ += record.payload.size() + kRecordBytes;
    ExtendRun(producer, record.sequence, offset);
    placed_.push_back(placed);
  }
  return {};
}

Result<void> SqliteLog::StageAlert(const Topic& topic, bool open, Offset offset) {
  if (open) {
    open_alert_.BindBlob(1, topic.alert);
    open_alert_.Bind(2, offset);
    return open_alert_.Run();
  }
  close_alert_.BindBlob(1, topic.alert);
  return close_alert_.Run();
}

Result<void> SqliteLog::SaveRun(const Run& run) {
  save_run_.Bind(1, run.producer);
  save_run_.Bind(2, run.first_sequence);
  save_run_.Bind(3, run.first_offset);
  save_run_.Bind(4, run.count);
  return save_run_.Run();
}

Result<void> SqliteLog::SaveStreams() {
  for (Stream& stream : streams_) {
    if (!stream.dirty) continue;
    save_stream_.Bind(1, stream.id);
    save_stream_.Bind(2, stream.last_offset);
    const Result<void> saved = save_stream_.Run();
    if (!saved) return saved;
    stream.dirty = false;
  }
  save_as_of_.Bind(1, last_offset_);
  streams_as_of_ = last_offset_;
  return save_as_of_.Run();
}

Result<Offset> SqliteLog::Commit() {
  if (failure_) return tl::unexpected<Error>(*failure_);
  if (!in_transaction_) return last_offset_;
  for (const Run& run : closed_runs_) {
    const Result<void> saved = SaveRun(run);
    if (!saved) return Die<Offset>(saved.error());
  }
  closed_runs_.clear();
  for (Producer* producer : dirty_producers_) {
    const Result<void> saved = SaveRun(producer->run);
    if (!saved) return Die<Offset>(saved.error());
    producer->dirty = false;
  }
  dirty_producers_.clear();
  if (last_offset_ - streams_as_of_ >= kStreamsEvery) {
    const Result<void> saved = SaveStreams();
    if (!saved) return Die<Offset>(saved.error());
  }
  const Result<void> committed = commit_.Run();
  if (!committed) return Die<Offset>(committed.error());
  in_transaction_ = false;
  const Result<void> head = head_->Write(last_offset_);
  if (!head) return Die<Offset>(head.error());
  identity_.last_offset = last_offset_;
  identity_.last_recorded_ns = last_recorded_ns_;
  identity_.first_offset = last_offset_ == 0 ? 0 : first_kept_;
  return last_offset_;
}

bool SqliteLog::SegmentIsFull() const {
  if (last_offset_ < first_offset_) return false;
  return segment_content_bytes_ >= options_.segment_bytes ||
         (options_.segment_age_ns > 0 &&
          last_recorded_ns_ - segment_begin_ns_ >= options_.segment_age_ns);
}

bool SqliteLog::WantsCheckpoint(bool idle) const {
  const int frames = wal_frames_ - wal_checkpointed_;
  if (idle) return frames >= kIdleFrames && (frames < kMostIdleFrames || !options_.fsync);
  return static_cast<std::uint64_t>(frames) * kFrameBytes >= options_.checkpoint_bytes ||
         SegmentIsFull();
}

Result<void> SqliteLog::Checkpoint() {
  if (failure_) return tl::unexpected<Error>(*failure_);
  const std::optional<Error> sealing = sealer_.Failure();
  if (sealing) return Die<void>(*sealing);
  if (in_transaction_) return {};
  // Under load a checkpoint here would stand between two commits for as long as the disk takes. A
  // log that is not synced has nobody waiting, and larger segments are better for it.
  const bool under_load = options_.fsync && WantsCheckpoint(false);
  if (SegmentIsFull() || (under_load && last_offset_ >= first_offset_)) {
    const Result<void> rotated = Rotate();
    return rotated ? rotated : Die<void>(rotated.error());
  }
  int frames = 0;
  int done = 0;
  const int code = sqlite3_wal_checkpoint_v2(database_.Handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                             &frames, &done);
  // Readers may hold part of it back; the rest is for the next time.
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) {
    return Die<void>(sqlite::ErrorOf(database_.Handle(), code));
  }
  wal_checkpointed_ = done;
  return {};
}

std::uint64_t SqliteLog::LastSequence(std::string_view producer) const {
  const auto known = producers_.find(producer);
  return known == producers_.end() ? 0 : known->second.last_sequence;
}

std::uint64_t SqliteLog::LastSequenceUnder(std::string_view name) const {
  std::uint64_t highest = 0;
  for (const auto& [producer, known] : producers_) {
    const bool under = producer.starts_with(name) &&
                       (producer.size() == name.size() || producer[name.size()] == '.');
    if (under) highest = std::max(highest, known.last_sequence);
  }
  return highest;
}

Result<Record> SqliteLog::Find(std::string_view producer, std::uint64_t sequence) {
  if (failure_) return tl::unexpected<Error>(*failure_);
  const auto known = producers_.find(producer);
  if (known == producers_.end() || sequence == 0 || sequence > known->second.last_sequence) {
    return Fail(
        ErrorCode::kMalformed,
        "producer '" + std::string(producer) + "' has no record " + std::to_string(sequence), dir_);
  }
  if (sequence <= known->second.carried_sequence) {
    const Result<FoundName> found = FindInOlder(known->second, sequence);
    if (!found) return tl::unexpected<Error>(found.error());
    ReadRequest request;
    request.from = request.to = found->offset;
    auto slice = found->offset == 0 ? Result<ReadSlice>(ReadSlice()) : older_->Read(request);
    if (!slice) return tl::unexpected<Error>(slice.error());
    if (!slice->records.empty()) return std::move(slice->records.front());
    return Fail(ErrorCode::kMalformed, "this record is no longer kept", dir_);
  }
  const Result<Offset> offset = OffsetOf(known->second, sequence);
  if (!offset) return tl::unexpected<Error>(offset.error());
  const sqlite::ResetAtEnd reset(find_record_);
  find_record_.Bind(1, *offset);
  const Result<bool> found = find_record_.Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) {
    return Fail(ErrorCode::kCorrupt, "offset " + std::to_string(*offset) + " is missing", path_);
  }
  Record record;
  record.offset = *offset;
  record.recorded_ns = find_record_.Int(0);
  record.topic = std::string(find_record_.Blob(1));
  record.payload = std::string(find_record_.Blob(5));
  record.producer = std::string(producer);
  record.sequence = sequence;
  record.previous_offset = find_record_.Unsigned(2);
  record.digest = find_record_.Unsigned(3);
  record.open = find_record_.Int(4) != 0;
  return record;
}

}  // namespace tonus
