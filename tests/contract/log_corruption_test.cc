// What is not as it was written: told, placed, and passed over where asked.
#include <gmock/gmock.h>

#include "broker/log/sqlite.h"
#include "broker/log/verify.h"
#include "tests/contract/log_fixture.h"

namespace tonus {
namespace {

TEST(LogCorruption, AMissingFolderAndAnEmptyFolderAreNamed) {
  const TempDir dir;
  auto reader = Log::OpenReadOnly(dir.Path("none"));
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, ErrorCode::kUnreachable);
  EXPECT_NE(reader.error().Message().find(dir.Path("none")), std::string::npos);
  reader = Log::OpenReadOnly(dir.Path());
  ASSERT_FALSE(reader);
  EXPECT_NE(reader.error().Message().find("no log in this folder"), std::string::npos);
  LogOptions options = Given();
  options.create = false;
  EXPECT_EQ(Log::Open(dir.Path(), options).error().code, ErrorCode::kUnreachable);
}

TEST(LogCorruption, AFileThatIsNoLogIsRefused) {
  const TempDir dir;
  SetBytes(SegmentOf(dir), "this is a letter, not a log\n" + std::string(9000, 'x'));
  const auto log = Log::Open(dir.Path(), Given());
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kCorrupt) << log.error().Message();
  EXPECT_EQ(Log::OpenReadOnly(dir.Path()).error().code, ErrorCode::kCorrupt);
}

TEST(LogCorruption, ATruncatedFileIsRefused) {
  const TempDir dir;
  {
    const auto log = MustOpen(dir.Path());
    for (std::uint64_t i = 0; i < 50; ++i) ASSERT_TRUE(Put(*log, "a", i * 100 + 1, 100));
  }
  const auto whole = static_cast<off_t>(Bytes(SegmentOf(dir)).size());
  for (const off_t size : {whole / 2, off_t{4096}, off_t{100}, off_t{50}}) {
    ASSERT_EQ(truncate(SegmentOf(dir).c_str(), size), 0);
    const auto log = Log::Open(dir.Path(), Given());
    ASSERT_FALSE(log) << size;
    EXPECT_EQ(log.error().code, ErrorCode::kCorrupt) << log.error().Message();
    EXPECT_EQ(Log::OpenReadOnly(dir.Path()).error().code, ErrorCode::kCorrupt);
  }
  ASSERT_EQ(truncate(SegmentOf(dir).c_str(), 0), 0);
  EXPECT_EQ(Log::Open(dir.Path(), Given()).error().code, ErrorCode::kCorrupt);
}

TEST(LogCorruption, AShortenedTailIsNoticed) {
  const TempDir dir;
  { ASSERT_TRUE(Put(*MustOpen(dir.Path()), "a", 1, 10)); }
  const std::string old = Bytes(SegmentOf(dir));
  { ASSERT_TRUE(Put(*MustOpen(dir.Path()), "a", 11, 10)); }
  SetBytes(SegmentOf(dir), old);
  const auto log = Log::Open(dir.Path(), Given());
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(log.error().Message().find("ends at offset 10, but offset 20"), std::string::npos);
  EXPECT_EQ(Log::OpenReadOnly(dir.Path()).error().code, ErrorCode::kCorrupt);
}

TEST(LogCorruption, AChangedByteIsNamedByItsOffsetAndWhatStandsBeforeItIsRead) {
  const TempDir dir;
  {
    const auto log = MustOpen(dir.Path());
    for (std::uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(Put(*log, "a", i * 100 + 1, 100));
  }
  std::string bytes = Bytes(SegmentOf(dir));
  const std::size_t place = bytes.find("a-1234");
  ASSERT_NE(place, std::string::npos);
  bytes[place] = 'b';
  SetBytes(SegmentOf(dir), bytes);
  const auto reader = MustRead(dir.Path());
  const auto before = reader->Read(From(1));
  ASSERT_TRUE(before);
  EXPECT_EQ(before->next_offset, 1234U);
  const auto bad = reader->Read(From(1234));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(bad.error().Message().find("offset 1234"), std::string::npos);
  EXPECT_NE(bad.error().Message().find("segment-"), std::string::npos);
  EXPECT_TRUE(reader->Read(From(1235)));
}

TEST(LogCorruption, ARuinedPageIsReportedAndWhatStandsBeforeItIsRead) {
  const TempDir dir;
  {
    const auto log = MustOpen(dir.Path());
    for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(Put(*log, "a", i * 100 + 1, 100));
  }
  std::string bytes = Bytes(SegmentOf(dir));
  const std::size_t page = bytes.find("a-5000") / 4096 * 4096;
  for (std::size_t i = 0; i < 4096; ++i) bytes[page + i] = static_cast<char>(i * 7);
  SetBytes(SegmentOf(dir), bytes);
  const auto reader = MustRead(dir.Path());
  ReadRequest request = From(1);
  while (true) {
    const auto slice = reader->Read(request);
    if (!slice) {
      EXPECT_EQ(slice.error().code, ErrorCode::kCorrupt) << slice.error().Message();
      break;
    }
    ASSERT_FALSE(slice->at_end);
    request.from = slice->next_offset;
  }
  EXPECT_GT(request.from, 4000U);
  EXPECT_LE(request.from, 5000U);
}

TEST(LogCorruption, AClosedLogInAFolderWithoutWriteRightCanBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const TempDir dir;
  { ASSERT_TRUE(Put(*MustOpen(dir.Path()), "a", 1, 3)); }
  ASSERT_EQ(chmod(dir.Path().c_str(), 0555), 0);
  EXPECT_EQ(ReadAll(*MustRead(dir.Path())).size(), 3U);
  EXPECT_EQ(Log::Open(dir.Path(), Given()).error().code, ErrorCode::kUnreachable);
  chmod(dir.Path().c_str(), 0755);
}

/// A log of 10,000 records with one byte of each offset in `damaged` changed.
void MakeDamaged(const TempDir& dir, const std::vector<Offset>& damaged) {
  {
    const auto log = MustOpen(dir.Path());
    for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(Put(*log, "a", i * 100 + 1, 100));
  }
  std::string bytes = Bytes(SegmentOf(dir));
  for (const Offset offset : damaged) {
    const std::size_t place = bytes.find("a-" + std::to_string(offset));
    ASSERT_NE(place, std::string::npos);
    bytes[place] = 'b';
  }
  SetBytes(SegmentOf(dir), bytes);
}

struct SkippedRead {
  std::vector<Record> records;
  std::vector<LogGap> gaps;
};

SkippedRead ReadDespiteDamage(LogReader& reader, Offset to = 0) {
  SkippedRead all;
  ReadRequest request;
  request.to = to;
  request.skip_damaged = true;
  while (true) {
    auto slice = reader.Read(request);
    if (!slice) throw std::runtime_error(slice.error().Message());
    std::move(slice->records.begin(), slice->records.end(), std::back_inserter(all.records));
    std::move(slice->gaps.begin(), slice->gaps.end(), std::back_inserter(all.gaps));
    request.from = slice->next_offset;
    if (slice->at_end) return all;
  }
}

TEST(LogCorruption, ReadingGoesOnAfterAChangedRecordWhereAskedAndNamesTheGap) {
  const TempDir dir;
  MakeDamaged(dir, {1234, 1235, 5678});
  const SkippedRead all = ReadDespiteDamage(*MustRead(dir.Path()));
  EXPECT_EQ(all.records.size(), 9997U);
  ASSERT_EQ(all.gaps.size(), 2U);
  EXPECT_EQ(all.gaps[0].from, 1234U);
  EXPECT_EQ(all.gaps[0].to, 1235U);
  EXPECT_EQ(all.gaps[1].from, 5678U);
  EXPECT_NE(all.gaps[1].what.find("segment-"), std::string::npos);
}

TEST(LogCorruption, ReadingGoesOnAfterARuinedPageWhereAsked) {
  const TempDir dir;
  MakeDamaged(dir, {});
  std::string bytes = Bytes(SegmentOf(dir));
  const std::size_t page = bytes.find("a-5000") / 4096 * 4096;
  for (std::size_t i = 0; i < 4096; ++i) bytes[page + i] = static_cast<char>(i * 7);
  SetBytes(SegmentOf(dir), bytes);
  const SkippedRead all = ReadDespiteDamage(*MustRead(dir.Path()));
  ASSERT_FALSE(all.gaps.empty());
  std::uint64_t missing = 0;
  for (const LogGap& gap : all.gaps) missing += gap.to - gap.from + 1;
  EXPECT_EQ(all.records.size() + missing, 10000U);
  EXPECT_LT(missing, 200U);
  EXPECT_EQ(all.records.back().offset, 10000U);
}

TEST(LogCorruption, AnOldFileThatIsNoLogAnyMoreIsOneGap) {
  const TempDir dir;
  {
    const auto log = MustOpen(dir.Path(), SmallSegments());
    PutSeveralSegments(*log, 20);
  }
  SetBytes(SegmentOf(dir), std::string(9000, 'x'));
  const auto reader = MustRead(dir.Path());
  EXPECT_EQ(reader->Read(From(1)).error().code, ErrorCode::kCorrupt);
  const SkippedRead all = ReadDespiteDamage(*reader);
  ASSERT_EQ(all.gaps.size(), 1U);
  EXPECT_EQ(all.gaps[0].from, 1U);
  EXPECT_EQ(all.records.front().offset, all.gaps[0].to + 1);
  EXPECT_EQ(all.records.back().offset, 2000U);
}

TEST(LogCorruption, AMissingOrTornHeadIsToldAndMadeAgain) {
  const TempDir dir;
  { ASSERT_TRUE(Put(*MustOpen(dir.Path()), "a", 1, 10)); }
  std::filesystem::remove(dir.Path("head"));
  EXPECT_THAT(MustRead(dir.Path())->Notes(),
              ::testing::ElementsAre(
                  ::testing::HasSubstr("head is missing: whether records behind offset 10")));
  EXPECT_EQ(MustOpen(dir.Path())->Notes().size(), 1U);
  EXPECT_EQ(MustOpen(dir.Path())->Notes().size(), 0U);
  SetBytes(dir.Path("head"), "sixteen bytes!!!");
  EXPECT_THAT(MustOpen(dir.Path())->Notes(),
              ::testing::ElementsAre(::testing::HasSubstr("head is damaged")));
  EXPECT_EQ(MustOpen(dir.Path())->Notes().size(), 0U);
}

TEST(LogCorruption, ALogWithoutItsWriteAheadFileHasLostItsTailAndIsNotCalledNoLog) {
  const TempDir dir;
  {
    // As after a kill: what was committed is in the write-ahead file alone.
    const auto log = MustOpen(dir.Path());
    ASSERT_TRUE(Put(*log, "a", 1, 10));
    std::filesystem::copy(dir.Path(), dir.Path() + "-killed");
  }
  const std::string killed = dir.Path() + "-killed";
  std::filesystem::remove(killed + "/segment-00000000000000000001.db-wal");
  std::filesystem::remove(killed + "/segment-00000000000000000001.db-shm");
  for (const Error& error :
       {Log::Open(killed, Given()).error(), Log::OpenReadOnly(killed).error()}) {
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    EXPECT_NE(error.Message().find("ends at offset 0, but offset 10 has been committed"),
              std::string::npos)
        << error.Message();
  }
  std::filesystem::remove_all(killed);
}

TEST(LogCorruption, AShortenedTailCanBeReadDespiteIt) {
  const TempDir dir;
  { ASSERT_TRUE(Put(*MustOpen(dir.Path()), "a", 1, 10)); }
  const std::string old = Bytes(SegmentOf(dir));
  { ASSERT_TRUE(Put(*MustOpen(dir.Path()), "a", 11, 10)); }
  SetBytes(SegmentOf(dir), old);
  const auto reader = Log::OpenReadOnly(dir.Path(), true);
  ASSERT_TRUE(reader) << reader.error().Message();
  EXPECT_EQ(ReadAll(**reader).size(), 10U);
  ASSERT_EQ((*reader)->Notes().size(), 1U);
  EXPECT_NE((*reader)->Notes()[0].find("offset 20 has been committed"), std::string::npos);
}

TEST(LogCorruption, ADamagedRecordNearTheEndIsToldWhenTheLogIsOpened) {
  const TempDir dir;
  MakeDamaged(dir, {9990});
  const auto log = MustOpen(dir.Path());
  ASSERT_EQ(log->Notes().size(), 1U);
  EXPECT_NE(log->Notes()[0].find("offsets 9990 to 9990"), std::string::npos) << log->Notes()[0];
  EXPECT_TRUE(Put(*log, "a", 10001, 1)) << "what comes behind it is as good as ever";
}

TEST(LogCorruption, VerifyFindsEachKindOfFault) {
  const TempDir dir;
  MakeDamaged(dir, {});
  auto verdict = VerifyLog(dir.Path(), {});
  ASSERT_TRUE(verdict) << verdict.error().Message();
  EXPECT_EQ(verdict->fault_count, 0U) << verdict->faults.at(0).what;
  EXPECT_EQ(verdict->records, 10000U);
  const std::string good = Bytes(SegmentOf(dir));
  std::string bytes = good;
  bytes[bytes.find("a-1234")] = 'b';
  SetBytes(SegmentOf(dir), bytes);
  verdict = VerifyLog(dir.Path(), {});
  ASSERT_EQ(verdict->fault_count, 1U);
  EXPECT_EQ(verdict->faults[0].from, 1234U);
  SetBytes(SegmentOf(dir), good);
  {
    auto database = sqlite::Database::Open(SegmentOf(dir), sqlite::OpenMode::kWrite);
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->Run("UPDATE runs SET count = count - 1"));
  }
  verdict = VerifyLog(dir.Path(), {});
  ASSERT_TRUE(verdict) << verdict.error().Message();
  EXPECT_GE(verdict->fault_count, 1U) << "a repeat of the last record would be taken for new";
}

}  // namespace
}  // namespace tonus
