#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/log/log.h"
#include "broker/log/sqlite.h"

namespace tonus {

/// LogReader over one read-only connection to a segment. See LogReader for lifetime and thread.
class SqliteReader final : public LogReader {
 public:
  /// `head` is the offset that the log must have reached; less is a shortened tail, kCorrupt.
  static Result<std::unique_ptr<SqliteReader>> Open(const std::string& path, Offset head);

  Result<ReadSlice> Read(const ReadRequest& request) override;
  Result<Offset> FindByTime(LogTimeNs recorded_ns) override;
  Result<LogIdentity> Identity() override;
  Result<std::map<std::string, std::uint64_t>> Producers() override;
  Result<OpenAlerts> ReadOpenAlerts(const std::vector<std::string>& prefixes) override;

 private:
  struct Name {
    std::string text;
    std::uint64_t digest = 0;
  };
  using Names = std::unordered_map<std::int64_t, Name>;

  SqliteReader() = default;
  Result<void> Prepare();
  Result<void> ReadMeta();
  Result<const Name*> NameOf(std::int64_t id, Names& names, sqlite::Statement& select,
                             const char* what);
  Result<Offset> LastOffset();
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
  sqlite::Statement begin_;
  sqlite::Statement end_;
  Names topics_;
  Names names_;
  LogIdentity identity_;
};

}  // namespace tonus
