#include "broker/log/segment_reader.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "base/topic.h"
#include "broker/log/schema.h"

namespace tonus {
namespace {

constexpr char kRange[] =
    "SELECT offset, recorded_ns, topic, producer, sequence, previous, digest, open, checksum, "
    "payload FROM records WHERE offset >= ?1 AND offset <= ?2 ORDER BY offset";

/// Open alerts, from this segment or carried into it. The columns are those of kRange.
constexpr char kAlerts[] =
    "SELECT r.offset, r.recorded_ns, r.topic, r.producer, r.sequence, r.previous, r.digest, "
    "r.open, "
    "r.checksum, r.payload FROM open_alerts a JOIN records r ON r.offset = a.offset";
constexpr char kAlertsCarried[] =
    " UNION ALL SELECT c.offset, c.recorded_ns, c.topic, c.producer, c.sequence, c.previous, "
    "c.digest, c.open, c.checksum, c.payload FROM open_alerts a JOIN carried c ON c.offset = "
    "a.offset";

constexpr char kProducers[] =
    "SELECT p.name, coalesce((SELECT r.first_sequence + r.count - 1 FROM runs r WHERE r.producer = "
    "p.id ORDER BY r.first_sequence DESC LIMIT 1), ";
constexpr char kLastCarried[] =
    "(SELECT s.last_sequence FROM carried_sequences s WHERE s.producer = p.id), ";

bool Matches(std::string_view topic, const std::vector<std::string>& prefixes) {
  if (prefixes.empty()) return true;
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [topic](const std::string& prefix) { return topic.starts_with(prefix); });
}

/// Ends a read transaction at the end of a scope.
class ReadTransaction {
 public:
  ReadTransaction(sqlite::Statement& begin, sqlite::Statement& end) : end_(end) {
    begun_ = begin.Run().has_value();
  }
  ~ReadTransaction() {
    if (begun_) static_cast<void>(end_.Run());
  }
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
  sqlite::Statement& end_;
  bool begun_ = false;
};

}  // namespace

Result<std::unique_ptr<SegmentReader>> SegmentReader::Open(const std::string& path) {
  std::unique_ptr<SegmentReader> reader(new SegmentReader);
  for (const sqlite::OpenMode mode : {sqlite::OpenMode::kRead, sqlite::OpenMode::kReadImmutable}) {
    Result<sqlite::Database> database = sqlite::Database::Open(path, mode);
    if (!database) return tl::unexpected<Error>(database.error());
    reader->database_ = std::move(*database);
    // A reader that is the last to close must not checkpoint: one connection alone writes the file.
    sqlite3_db_config(reader->database_.Handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    const Result<void> length = reader->database_.CheckLength();
    if (!length) return tl::unexpected<Error>(length.error());
    const Result<void> prepared = reader->Prepare();
    if (prepared) break;
    // A log in a folder that cannot be written has no shared memory file; without a write-ahead
    // file beside it nobody writes it, and it can be read as it stands.
    const bool quiet = access((path + "-wal").c_str(), F_OK) != 0;
    const bool again = prepared.error().code == ErrorCode::kUnreachable && quiet &&
                       mode == sqlite::OpenMode::kRead;
    if (!again) return tl::unexpected<Error>(prepared.error());
    reader.reset(new SegmentReader);
  }
  const Result<void> meta = reader->ReadMeta();
  if (!meta) return tl::unexpected<Error>(meta.error());
  return reader;
}

Result<bool> SegmentReader::HasCarried() {
  Result<sqlite::Statement> select =
      database_.Prepare("SELECT 1 FROM sqlite_master WHERE name = 'carried_sequences'");
  if (!select) return tl::unexpected<Error>(select.error());
  return select->Step();
}

Result<void> SegmentReader::Prepare() {
  const Result<bool> carried = HasCarried();
  if (!carried) return tl::unexpected<Error>(carried.error());
  const std::string alerts = std::string(kAlerts) + (*carried ? kAlertsCarried : "");
  const std::string producers = std::string(kProducers) + (*carried ? kLastCarried : "") +
                                "0) FROM producers p ORDER BY p.name";
  const std::pair<sqlite::Statement*, const char*> wanted[] = {
      {&range_, kRange},
      {&last_, "SELECT offset, recorded_ns FROM records ORDER BY offset DESC LIMIT 1"},
      {&time_of_, "SELECT recorded_ns FROM records WHERE offset = ?1"},
      {&topic_, "SELECT topic FROM topics WHERE id = ?1"},
      {&producer_, "SELECT name FROM producers WHERE id = ?1"},
      {&producers_, producers.c_str()},
      {&alerts_, alerts.c_str()},
      {&find_,
       "SELECT r.offset, r.digest FROM runs n JOIN records r ON r.offset = n.first_offset + ?2 - "
       "n.first_sequence WHERE n.producer = ?1 AND n.first_sequence <= ?2 AND n.first_sequence + "
       "n.count > ?2 ORDER BY n.first_sequence DESC LIMIT 1"},
      {&producer_id_, "SELECT id FROM producers WHERE name = ?1"},
      {&begin_, "BEGIN"},
      {&end_, "COMMIT"},
  };
  for (const auto& [statement, sql] : wanted) {
    Result<sqlite::Statement> prepared = database_.Prepare(sql);
    if (!prepared) {
      Error error = prepared.error();
      // "no such table": a database, but not a log.
      if (error.code == ErrorCode::kIo && error.what.find("no such table") != std::string::npos) {
        error.code = ErrorCode::kCorrupt;
        error.what = "is no log of tonus: " + error.what;
        error.hint = "name the folder of a log";
      }
      return tl::unexpected<Error>(std::move(error));
    }
    *statement = std::move(*prepared);
  }
  return {};
}

Result<void> SegmentReader::ReadMeta() {
  Result<sqlite::Statement> select =
      database_.Prepare("SELECT value FROM meta WHERE key = CAST(?1 AS TEXT)");
  if (!select) return tl::unexpected<Error>(select.error());
  const auto read = [&](std::string_view key) -> Result<bool> {
    select->Reset();
    select->BindBlob(1, key);
    return select->Step();
  };
  Result<bool> found = read("format");
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found || select->Int(0) != kFormat) {
    return Fail(ErrorCode::kCorrupt, "is a log of another format", database_.Path(),
                "open it with the version of tonus that wrote it");
  }
  found = read("log_id");
  if (!found) return tl::unexpected<Error>(found.error());
  identity_.log_id = std::string(select->Blob(0));
  found = read("clock");
  if (!found) return tl::unexpected<Error>(found.error());
  identity_.clock = select->Int(0) == 1 ? LogClock::kGiven : LogClock::kWall;
  found = read("first_offset");
  if (!found) return tl::unexpected<Error>(found.error());
  if (*found) first_offset_ = select->Unsigned(0);
  found = read("time_before_first");
  if (!found) return tl::unexpected<Error>(found.error());
  if (*found) time_before_first_ = select->Int(0);
  return {};
}

Error SegmentReader::Corrupt(Offset offset, std::string what) const {
  return Error{ErrorCode::kCorrupt, "offset " + std::to_string(offset) + " " + std::move(what),
               database_.Path(),
               "what stands before it can be read; restore the rest from a backup"};
}

Result<const SegmentReader::Name*> SegmentReader::NameOf(std::int64_t id, Names& names,
                                                         sqlite::Statement& select,
                                                         const char* what) {
  const auto known = names.find(id);
  if (known != names.end()) return &known->second;
  const sqlite::ResetAtEnd reset(select);
  select.Bind(1, id);
  const Result<bool> found = select.Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) {
    return Fail(ErrorCode::kCorrupt, std::string("has no ") + what + " " + std::to_string(id),
                database_.Path(), "restore the log from a backup");
  }
  Name name;
  name.text = std::string(select.Blob(0));
  name.digest = Digest64(name.text);
  return &names.emplace(id, std::move(name)).first->second;
}

Result<Record> SegmentReader::Decode(const sqlite::Statement& row, const Name& topic) {
  const Result<const Name*> producer = NameOf(row.Int(3), names_, producer_, "producer");
  if (!producer) return tl::unexpected<Error>(producer.error());
  Record record;
  record.offset = row.Unsigned(0);
  record.recorded_ns = row.Int(1);
  record.sequence = row.Unsigned(4);
  record.previous_offset = row.Unsigned(5);
  record.digest = row.Unsigned(6);
  record.open = row.Int(7) != 0;
  const std::string_view payload = row.Blob(9);
  const ChecksumFields fields = {.offset = record.offset,
                                 .recorded_ns = record.recorded_ns,
                                 .topic_digest = topic.digest,
                                 .producer_digest = (*producer)->digest,
                                 .sequence = record.sequence,
                                 .previous = record.previous_offset,
                                 .digest = record.digest,
                                 .open = record.open ? 1U : 0U};
  if (RecordChecksum(fields, payload) != row.Unsigned(8)) {
    return tl::unexpected<Error>(Corrupt(record.offset, "is not what was written (checksum)"));
  }
  record.topic = topic.text;
  record.producer = (*producer)->text;
  record.payload.assign(payload);
  return record;
}

Offset SegmentReader::NextReadable(Offset from, Offset end) {
  // A ruined page of records is passed one by one; a ruined inner page, with thousands, in steps.
  constexpr Offset kOneByOne = 512;
  const auto readable = [this](Offset at) {
    range_.Reset();
    range_.Bind(1, at);
    range_.Bind(2, at);
    const Result<bool> found = range_.Step();
    return found && *found;
  };
  Offset unreadable = from - 1;
  Offset step = 1;
  Offset at = from;
  while (at <= end && !readable(at)) {
    unreadable = at;
    if (at - from >= kOneByOne) step *= 2;
    at += step;
  }
  at = std::min(at, end + 1);
  while (at - unreadable > 1) {
    const Offset middle = unreadable + (at - unreadable) / 2;
    if (readable(middle)) {
      at = middle;
    } else {
      unreadable = middle;
    }
  }
  range_.Reset();
  return at;
}

/// One pass over the rows of a range: takes those that are whole, and stops at or passes over
/// others.
class SegmentReader::Scan {
 public:
  Scan(SegmentReader& reader, const ReadRequest& request, Offset end)
      : reader_(reader), request_(request), end_(end) {}

  Result<ReadSlice> Run() {
    slice_.next_offset = std::max<Offset>(request_.from, reader_.first_offset_);
    const sqlite::ResetAtEnd reset(reader_.range_);
    Seek();
    while (slice_.next_offset <= end_ && slice_.records.size() < request_.max_records &&
           bytes_ < request_.max_bytes && scanned_ < request_.max_scanned) {
      std::optional<Error> bad = Take();
      ++scanned_;
      if (!bad) {
        ++slice_.next_offset;
        continue;
      }
      if (!request_.skip_damaged) {
        // A bad record ends the slice before it; asked for as the first, it is the error.
        if (scanned_ > 1) return std::move(slice_);
        return tl::unexpected<Error>(std::move(*bad));
      }
      PassOver(*bad);
    }
    slice_.at_end = slice_.next_offset > end_;
    return std::move(slice_);
  }

 private:
  void Seek() {
    reader_.range_.Reset();
    reader_.range_.Bind(1, slice_.next_offset);
    reader_.range_.Bind(2, end_);
  }

  /// Takes the row of next_offset; otherwise says why it cannot, and where one may go on.
  std::optional<Error> Take() {
    sqlite::Statement& row = reader_.range_;
    go_on_ = slice_.next_offset + 1;
    must_seek_ = false;
    const Result<bool> found = row.Step();
    if (!found) {
      Error error = found.error();
      error.what =
          "offset " + std::to_string(slice_.next_offset) + " cannot be read: " + error.what;
      must_seek_ = true;
      return error;
    }
    if (!*found || row.Unsigned(0) != slice_.next_offset) {
      go_on_ = *found ? std::max(go_on_, row.Unsigned(0)) : end_ + 1;
      must_seek_ = true;
      return reader_.Corrupt(slice_.next_offset, "is missing");
    }
    const Result<const Name*> topic =
        reader_.NameOf(row.Int(2), reader_.topics_, reader_.topic_, "topic");
    if (!topic) return topic.error();
    if (!Matches((*topic)->text, request_.prefixes)) return std::nullopt;
    Result<Record> record = reader_.Decode(row, **topic);
    if (!record) return record.error();
    bytes_ += record->payload.size();
    slice_.records.push_back(std::move(*record));
    return std::nullopt;
  }

  void PassOver(const Error& bad) {
    const bool unreadable = must_seek_ && go_on_ == slice_.next_offset + 1;
    const Offset next = unreadable ? reader_.NextReadable(go_on_, end_) : go_on_;
    std::vector<LogGap>& gaps = slice_.gaps;
    if (!gaps.empty() && gaps.back().to + 1 == slice_.next_offset) {
      gaps.back().to = next - 1;
    } else {
      gaps.push_back({slice_.next_offset, next - 1, bad.where + ": " + bad.what});
    }
    slice_.next_offset = next;
    if (must_seek_) Seek();
  }

  SegmentReader& reader_;
  const ReadRequest& request_;
  const Offset end_;
  ReadSlice slice_;
  std::size_t bytes_ = 0;
  std::size_t scanned_ = 0;
  Offset go_on_ = 0;
  bool must_seek_ = false;
};

Result<ReadSlice> SegmentReader::Read(const ReadRequest& request) {
  const ReadTransaction transaction(begin_, end_);
  const Result<Offset> last = LastOffset();
  // Where the end cannot be read, whoever skips what is damaged may know it.
  const bool told = request.skip_damaged && request.to != 0;
  if (!last && !told) return tl::unexpected<Error>(last.error());
  const Offset known = last ? *last : request.to;
  const Offset end = request.to == 0 ? known : std::min(request.to, known);
  return Scan(*this, request, end).Run();
}

Result<Offset> SegmentReader::LastOffset() {
  const sqlite::ResetAtEnd reset(last_);
  const Result<bool> found = last_.Step();
  if (!found) return tl::unexpected<Error>(found.error());
  identity_.last_offset = *found ? last_.Unsigned(0) : first_offset_ - 1;
  identity_.last_recorded_ns = *found ? last_.Int(1) : time_before_first_;
  identity_.first_offset = first_offset_;
  return identity_.last_offset;
}

Result<Offset> SegmentReader::FindByTime(LogTimeNs recorded_ns) {
  const ReadTransaction transaction(begin_, end_);
  const Result<Offset> last = LastOffset();
  if (!last) return tl::unexpected<Error>(last.error());
  // Recorded times never go back, so offsets are in their order.
  Offset low = first_offset_;
  Offset high = *last + 1;
  while (low < high) {
    const Offset middle = low + (high - low) / 2;
    const sqlite::ResetAtEnd reset(time_of_);
    time_of_.Bind(1, middle);
    const Result<bool> found = time_of_.Step();
    if (!found) return tl::unexpected<Error>(found.error());
    if (!*found) return tl::unexpected<Error>(Corrupt(middle, "is missing"));
    if (time_of_.Int(0) < recorded_ns) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

Result<LogIdentity> SegmentReader::Identity() {
  const Result<Offset> last = LastOffset();
  if (!last) return tl::unexpected<Error>(last.error());
  return identity_;
}

Result<std::map<std::string, std::uint64_t>> SegmentReader::Producers() {
  std::map<std::string, std::uint64_t> result;
  const sqlite::ResetAtEnd reset(producers_);
  while (true) {
    const Result<bool> found = producers_.Step();
    if (!found) return tl::unexpected<Error>(found.error());
    if (!*found) return result;
    result[std::string(producers_.Blob(0))] = producers_.Unsigned(1);
  }
}

Result<OpenAlerts> SegmentReader::ReadOpenAlerts(const std::vector<std::string>& prefixes) {
  const ReadTransaction transaction(begin_, end_);
  const Result<Offset> last = LastOffset();
  if (!last) return tl::unexpected<Error>(last.error());
  OpenAlerts result;
  result.as_of = *last;
  const sqlite::ResetAtEnd reset(alerts_);
  while (true) {
    const Result<bool> found = alerts_.Step();
    if (!found) return tl::unexpected<Error>(found.error());
    if (!*found) break;
    const Result<const Name*> topic = NameOf(alerts_.Int(2), topics_, topic_, "topic");
    if (!topic) return tl::unexpected<Error>(topic.error());
    if (!Matches((*topic)->text, prefixes)) continue;
    Result<Record> record = Decode(alerts_, **topic);
    if (!record) return tl::unexpected<Error>(record.error());
    result.records.push_back(std::move(*record));
  }
  const auto key = [](const Record& record) {
    const Result<TopicParts> parts = ParseTopic(record.topic);
    if (!parts) return std::pair<std::string_view, std::string_view>();
    return std::pair(parts->patient, parts->condition);
  };
  std::sort(result.records.begin(), result.records.end(),
            [&key](const Record& a, const Record& b) { return key(a) < key(b); });
  return result;
}

Result<std::optional<LogTimeNs>> SegmentReader::FirstTime() {
  const sqlite::ResetAtEnd reset(time_of_);
  time_of_.Bind(1, first_offset_);
  const Result<bool> found = time_of_.Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) return std::optional<LogTimeNs>();
  return std::optional<LogTimeNs>(time_of_.Int(0));
}

Result<std::optional<std::int64_t>> SegmentReader::ProducerId(const std::string& name) {
  const auto known = producer_ids_.find(name);
  if (known != producer_ids_.end()) return std::optional<std::int64_t>(known->second);
  const sqlite::ResetAtEnd reset(producer_id_);
  producer_id_.BindBlob(1, name);
  const Result<bool> found = producer_id_.Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) return std::optional<std::int64_t>();
  producer_ids_[name] = producer_id_.Int(0);
  return std::optional<std::int64_t>(producer_id_.Int(0));
}

Result<std::optional<FoundName>> SegmentReader::Find(std::int64_t producer,
                                                     std::uint64_t sequence) {
  const sqlite::ResetAtEnd reset(find_);
  find_.Bind(1, producer);
  find_.Bind(2, sequence);
  const Result<bool> found = find_.Step();
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) return std::optional<FoundName>();
  return std::optional<FoundName>(FoundName{find_.Unsigned(0), find_.Unsigned(1)});
}

}  // namespace tonus
