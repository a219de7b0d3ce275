// Appending, reading, times and locks: what every storage engine behind broker/log/log.h has to
// keep.
#include "tests/contract/log_fixture.h"

namespace tonus {
namespace {

TEST(LogAppend, OffsetsAreDenseFromOneAndStreamsAreChained) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  ASSERT_TRUE(Put(*log, "a", 1, 2, "vitals.icu.p1."));
  ASSERT_TRUE(Put(*log, "b", 1, 1, "vitals.icu.p2."));
  ASSERT_TRUE(Put(*log, "a", 3, 1, "lab.icu.p1."));
  const auto records = ReadAll(*MustRead(dir.Path()));
  ASSERT_EQ(records.size(), 4U);
  for (std::size_t i = 0; i < records.size(); ++i) EXPECT_EQ(records[i].offset, i + 1);
  EXPECT_EQ(records[0].previous_offset, 0U);
  EXPECT_EQ(records[1].previous_offset, 1U);
  EXPECT_EQ(records[2].previous_offset, 2U);
  EXPECT_EQ(records[3].previous_offset, 0U);
  EXPECT_EQ(records[2].payload, "b-1");
  EXPECT_EQ(records[2].producer, "b");
  EXPECT_EQ(records[3].sequence, 3U);
  EXPECT_EQ(records[3].recorded_ns, 30);
  EXPECT_EQ(records[3].digest, ContentDigest("lab.icu.p1.", "a-3"));
}

TEST(LogAppend, CommittedRecordsAreReadableFromASecondProcess) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  for (std::uint64_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(Put(*log, "a", i * 5 + 1, 5));
    const auto [code, output] = RunChild("read", dir.Path());
    ASSERT_EQ(code, 0) << output;
    ASSERT_EQ(output, std::to_string((i + 1) * 5) + "\n");
  }
}

TEST(LogAppend, StagedRecordsAreNotSeenBeforeCommit) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  const AppendRecord record = One("a", 1, "x");
  ASSERT_TRUE(log->Append({&record, 1}));
  const auto reader = log->NewReader();
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->Identity()->last_offset, 0U);
  ASSERT_TRUE(log->Commit());
  EXPECT_EQ((*reader)->Identity()->last_offset, 1U);
}

TEST(LogAppend, WhatWasNotCommittedIsGoneAfterReopening) {
  const TempDir dir;
  {
    const auto log = MustOpen(dir.Path());
    ASSERT_TRUE(Put(*log, "a", 1, 3));
    const AppendRecord record = One("a", 4, "x");
    ASSERT_TRUE(log->Append({&record, 1}));
  }
  const auto log = MustOpen(dir.Path());
  EXPECT_EQ(log->LastOffset(), 3U);
  EXPECT_EQ(log->LastSequence("a"), 3U);
}

TEST(LogAppend, ReopeningGoesOnWithOffsetsSequencesAndStreams) {
  const TempDir dir;
  std::string id;
  {
    const auto log = MustOpen(dir.Path());
    id = log->Identity().log_id;
    ASSERT_TRUE(Put(*log, "a", 1, 3));
    ASSERT_TRUE(Put(*log, "b", 1, 2, "lab.icu.p1."));
    ASSERT_TRUE(Put(*log, "a", 4, 1));
  }
  const auto log = MustOpen(dir.Path());
  EXPECT_EQ(log->Identity().log_id, id);
  EXPECT_EQ(id.size(), 32U);
  EXPECT_EQ(log->LastSequence("a"), 4U);
  EXPECT_EQ(log->LastSequence("b"), 2U);
  EXPECT_EQ(log->LastSequence("c"), 0U);
  const AppendRecord next = One("b", 3, "x");
  const auto placed = log->Append({&next, 1});
  ASSERT_TRUE(placed) << placed.error().Message();
  EXPECT_EQ((*placed)[0].offset, 7U);
  EXPECT_EQ((*placed)[0].previous_offset, 6U);
  ASSERT_TRUE(log->Commit());
  EXPECT_EQ((*MustRead(dir.Path())->Producers()),
            (std::map<std::string, std::uint64_t>{{"a", 4}, {"b", 3}}));
}

TEST(LogAppend, SnapshotHoldsTheNewestOpenRecordOfEachAlert) {
  const TempDir dir;
  {
    const auto log = MustOpen(dir.Path());
    ASSERT_TRUE(Put(*log, "core", 1, 1, "alert.icu.p2.withdrawal.", true));
    ASSERT_TRUE(Put(*log, "core", 2, 1, "alert.icu.p1.withdrawal.", true));
    ASSERT_TRUE(Put(*log, "core", 3, 1, "alert.icu.p1.infection.", true));
    ASSERT_TRUE(Put(*log, "core", 4, 1, "alert.icu.p1.withdrawal.", true));
    ASSERT_TRUE(Put(*log, "core", 5, 1, "alert.icu.p1.infection.", false));
    ASSERT_TRUE(Put(*log, "core", 6, 1, "alert.ward.p3.infection.", true));
  }
  const auto reader = MustRead(dir.Path());
  const auto all = reader->ReadOpenAlerts({});
  ASSERT_TRUE(all);
  ASSERT_EQ(all->records.size(), 3U);
  EXPECT_EQ(all->as_of, 6U);
  EXPECT_EQ(all->records[0].sequence, 4U);
  EXPECT_EQ(all->records[1].sequence, 1U);
  EXPECT_TRUE(all->records[0].open);
  EXPECT_EQ(reader->ReadOpenAlerts({"alert.ward."})->records.size(), 1U);
}

TEST(LogAppend, AnAlertThatMovesToAnotherUnitStaysOneAlert) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  ASSERT_TRUE(Put(*log, "core", 1, 1, "alert.icu.p1.withdrawal.", true));
  ASSERT_TRUE(Put(*log, "core", 2, 1, "alert.ward.p1.withdrawal.", true));
  const auto open = MustRead(dir.Path())->ReadOpenAlerts({});
  ASSERT_EQ(open->records.size(), 1U);
  EXPECT_EQ(open->records[0].topic, "alert.ward.p1.withdrawal.");
}

TEST(LogAppend, ReadKeepsToRangePrefixAndBounds) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  for (std::uint64_t i = 1; i <= 50; ++i) {
    ASSERT_TRUE(Put(*log, "a", i, 1, i % 2 == 0 ? "lab.icu.p1." : "vitals.icu.p10."));
  }
  const auto reader = MustRead(dir.Path());
  auto slice = reader->Read(From(10, 20));
  EXPECT_EQ(slice->records.size(), 11U);
  EXPECT_TRUE(slice->at_end);
  EXPECT_EQ(slice->next_offset, 21U);
  ReadRequest bounded = From(1);
  bounded.max_records = 7;
  slice = reader->Read(bounded);
  EXPECT_EQ(slice->records.size(), 7U);
  EXPECT_FALSE(slice->at_end);
  bounded = From(1);
  bounded.max_bytes = 8;
  EXPECT_EQ(reader->Read(bounded)->records.size(), 3U) << "of three bytes each, passed by one";
  bounded = From(1, 0, {"lab."});
  bounded.max_scanned = 10;
  slice = reader->Read(bounded);
  EXPECT_EQ(slice->records.size(), 5U);
  EXPECT_EQ(slice->next_offset, 11U);
  EXPECT_EQ(ReadAll(*reader, {"lab.icu.p1."}).size(), 25U);
  EXPECT_EQ(ReadAll(*reader, {"vitals.icu.p1."}).size(), 0U) << "p1 is not p10";
  slice = reader->Read(From(90));
  EXPECT_TRUE(slice->at_end);
  EXPECT_TRUE(slice->records.empty());
}

TEST(LogAppend, FindsTheFirstRecordNotBeforeATime) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  const auto of_empty = log->NewReader();
  EXPECT_EQ(*(*of_empty)->FindByTime(5), 1U);
  ASSERT_TRUE(Put(*log, "a", 1, 100)) << "recorded at 10, 20, …, 1000";
  const auto reader = MustRead(dir.Path());
  EXPECT_EQ(*reader->FindByTime(0), 1U);
  EXPECT_EQ(*reader->FindByTime(10), 1U);
  EXPECT_EQ(*reader->FindByTime(11), 2U);
  EXPECT_EQ(*reader->FindByTime(500), 50U);
  EXPECT_EQ(*reader->FindByTime(1001), 101U);
}

TEST(LogAppend, GivenTimesNeverGoBack) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  std::array<AppendRecord, 3> records = {One("a", 1, "x"), One("a", 2, "x"), One("a", 3, "x")};
  records[0].recorded_ns = 100;
  records[1].recorded_ns = 50;
  records[2].recorded_ns = 101;
  const auto placed = log->Append(records);
  ASSERT_TRUE(placed);
  EXPECT_EQ((*placed)[0].recorded_ns, 100);
  EXPECT_EQ((*placed)[1].recorded_ns, 100);
  EXPECT_EQ((*placed)[2].recorded_ns, 101);
}

TEST(LogAppend, WallTimesComeFromTheClockAndNeverGoBack) {
  const TempDir dir;
  const auto clock = std::make_shared<ManualClock>();
  LogOptions options;
  options.clock_source = clock;
  const auto log = MustOpen(dir.Path(), options);
  AppendRecord record = One("a", 1, "x");
  record.recorded_ns = 5;
  EXPECT_EQ((*log->Append({&record, 1}))[0].recorded_ns, 1000 * kSecondNs);
  clock->now_ns = 900 * kSecondNs;
  record.sequence = 2;
  EXPECT_EQ((*log->Append({&record, 1}))[0].recorded_ns, 1000 * kSecondNs);
  clock->now_ns = 1001 * kSecondNs;
  record.sequence = 3;
  EXPECT_EQ((*log->Append({&record, 1}))[0].recorded_ns, 1001 * kSecondNs);
}

TEST(LogAppend, AWallClockThatJumpedBackIsRefusedUntilConfirmed) {
  const TempDir dir;
  const auto clock = std::make_shared<ManualClock>();
  clock->now_ns = 10 * kDayNs;
  LogOptions options;
  options.clock_source = clock;
  { ASSERT_TRUE(Put(*MustOpen(dir.Path(), options), "a", 1, 1)); }
  clock->now_ns = 9 * kDayNs;
  const auto refused = Log::Open(dir.Path(), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  EXPECT_NE(refused.error().Message().find("1 d"), std::string::npos) << refused.error().Message();
  options.confirm_clock_jump = true;
  EXPECT_TRUE(Log::Open(dir.Path(), options));
}

TEST(LogAppend, ALogOfTheOtherClockIsRefused) {
  const TempDir dir;
  MustOpen(dir.Path());
  const auto wall = Log::Open(dir.Path(), LogOptions());
  ASSERT_FALSE(wall);
  EXPECT_EQ(wall.error().code, ErrorCode::kRefused);
}

TEST(LogAppend, ASecondWriterIsRefused) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  const auto second = Log::Open(dir.Path(), Given());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnreachable);
  const auto [code, output] = RunChild("hold", dir.Path());
  EXPECT_EQ(code, 3);
  EXPECT_NE(output.find("another process is writing this log"), std::string::npos) << output;
  EXPECT_NE(output.find(std::to_string(getpid())), std::string::npos) << output;
  ASSERT_TRUE(Put(*log, "a", 1, 1));
}

TEST(LogAppend, TooManyTopicsAreRefused) {
  const TempDir dir;
  LogOptions options = Given();
  options.max_topics = 2;
  const auto log = MustOpen(dir.Path(), options);
  ASSERT_TRUE(Put(*log, "a", 1, 1, "vitals.icu.p1."));
  ASSERT_TRUE(Put(*log, "a", 2, 1, "vitals.icu.p2."));
  const auto third = Put(*log, "a", 3, 1, "vitals.icu.p3.");
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::kRefused);
  EXPECT_TRUE(Put(*log, "a", 3, 1, "vitals.icu.p1."));
}

TEST(LogAppend, AReaderIsNotDisturbedByCheckpoints) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  const auto reader = log->NewReader();
  ASSERT_TRUE(reader);
  for (std::uint64_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(Put(*log, "a", i * 50 + 1, 50));
    if (i % 7 == 0) {
      ASSERT_TRUE(log->Checkpoint());
    }
    const auto slice = (*reader)->Read(From(i * 50 + 1));
    ASSERT_TRUE(slice);
    ASSERT_EQ(slice->records.size(), 50U);
  }
}

TEST(LogAppend, AnEmptyPayloadAndALargeOneComeBackAsTheyWere) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  const std::string large(1U << 20U, '\x01');
  const std::array<AppendRecord, 2> records = {One("a", 1, {}), One("a", 2, large)};
  ASSERT_TRUE(log->Append(records));
  ASSERT_TRUE(log->Commit());
  const auto all = ReadAll(*MustRead(dir.Path()));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].payload, "");
  EXPECT_EQ(all[1].payload, large);
}

}  // namespace
}  // namespace tonus
