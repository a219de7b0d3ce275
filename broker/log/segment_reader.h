#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/log/log.h"
#include "broker/log/sqlite.h"

namespace tonus {

/// What a record's name leads to.
struct FoundName {
  Offset offset = 0;
  std::uint64_t digest = 0;
};

/// Reads one segment over a read-only connection. One thread at a time; never checkpoints. The
/// functions of LogReader's names do for this segment what those do for the log.
class SegmentReader {
 public:
  static Result<std::unique_ptr<SegmentReader>> Open(const std::string& path);

  Result<ReadSlice> Read(const ReadRequest& request);
  Result<Offset> FindByTime(LogTimeNs recorded_ns);
  Result<LogIdentity> Identity();
  Result<std::map<std::string, std::uint64_t>> Producers();
  Result<OpenAlerts> ReadOpenAlerts(const std::vector<std::string>& prefixes);
  /// Recorded time of the first record; nothing where the segment is empty.
  Result<std::optional<LogTimeNs>> FirstTime();
  /// Recorded time of the record before the segment; 0: there is none.
  LogTimeNs TimeBeforeFirst() const { return time_before_first_; }
  /// The number of a producer in this segment; nothing where it is not known.
  Result<std::optional<std::int64_t>> ProducerId(const std::string& name);
  /// Where the producer with this number said this; nothing where this segment does not know.
  Result<std::optional<FoundName>> Find(std::int64_t producer, std::uint64_t sequence);

 private:
  struct Name {
    std::string text;
    std::uint64_t digest = 0;
  };
  using Names = std::unordered_map<std::int64_t, Name>;
  class Scan;

  SegmentReader() = default;
  Result<void> Prepare();
  Result<void> ReadMeta();
  Result<bool> HasCarried();
  Result<const Name*> NameOf(std::int64_t id, Names& names, sqlite::Statement& select,
                             const char* what);
  Result<Offset> LastOffset();
  /// The first offset in [from, end] that can be read; end + 1: none.
  Offset NextReadable(Offset from, Offset end);
  /// Builds the record of the row that `row` stands on.
  Result<Record> Decode(const sqlite::Statement& row, const Name& topic);
  Error Corrupt(Offset offset, std::string what) const;

  sqlite::Database database_;
  sqlite::Statement range_;
  sqlite::Statement last_;
  sqlite::Statement time_of_;
  sqlite::Statement topic_;
  sqlite::Statement producer_;
  sqlite::Statement producers_;
  sqlite::Statement alerts_;
  sqlite::Statement find_;
  sqlite::Statement producer_id_;
  sqlite::Statement begin_;
  sqlite::Statement end_;
  Names topics_;
  Names names_;
  std::unordered_map<std::string, std::int64_t> producer_ids_;
  LogIdentity identity_;
  Offset first_offset_ = 1;          ///< Of the segment, also where it is empty.
  LogTimeNs time_before_first_ = 0;  ///< Recorded time of the record before the segment.
};

}  // namespace tonus
