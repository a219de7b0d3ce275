// What a log finds at its start that nobody finished: commits that were never synced, a file that
// was only begun. The simulation found both.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>

#include "broker/log/log.h"
#include "tests/contract/temp_dir.h"
#include "tests/fault/faulty_disk.h"

namespace tonus {
namespace {

std::unique_ptr<Log> MustOpen(const std::string& dir) {
  LogOptions options;
  options.clock = LogClock::kGiven;
  auto log = Log::Open(dir, options);
  if (!log) throw std::runtime_error(log.error().Message());
  return std::move(*log);
}

TEST(LogStart, MakesDurableWhatAFailedSyncLeftUnsynced) {
  const TempDir dir;
  FaultyDisk& disk = FaultyDisk::Install();
  AppendRecord record;
  record.producer = "a";
  record.sequence = 1;
  record.topic = "vitals.icu.p1.";
  record.payload = "x";
  {
    const auto log = MustOpen(dir.Path("log"));
    disk.fail_sync = true;
    ASSERT_TRUE(log->Append({&record, 1}));
    EXPECT_FALSE(log->Commit());
    disk.fail_sync = false;
  }
  const std::string ahead = dir.Path("log/segment-00000000000000000001.db-wal");
  ASSERT_FALSE(disk.IsSynced(ahead));
  const auto log = MustOpen(dir.Path("log"));
  // The repeat of a record that is found here is acknowledged without another commit.
  EXPECT_EQ(log->LastSequence("a"), 1U);
  EXPECT_TRUE(disk.IsSynced(ahead));
}

TEST(LogStart, GoesOnWhereAWriterWasKilledBeforeItHadMadeTheTables) {
  const TempDir dir;
  ASSERT_TRUE(std::filesystem::create_directories(dir.Path("log")));
  sqlite3* begun = nullptr;
  sqlite3_open(dir.Path("log/segment-00000000000000000001.db").c_str(), &begun);
  ASSERT_EQ(sqlite3_exec(begun, "PRAGMA journal_mode=WAL", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(begun);
  const auto log = MustOpen(dir.Path("log"));
  EXPECT_EQ(log->LastOffset(), 0U);
}

}  // namespace
}  // namespace tonus
