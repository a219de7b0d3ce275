// A log of several files: rotation, carrying forward, removal.
#include "broker/log/verify.h"
#include "tests/contract/log_fixture.h"

namespace tonus {
namespace {

TEST(LogSegments, ARowOfSegmentsReadsAsOneLog) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path(), SmallSegments());
  const auto early = log->NewReader();
  ASSERT_TRUE(early);
  PutSeveralSegments(*log, 40);
  EXPECT_GT(CountSegments(dir), 5U);
  for (LogReader* reader : {early->get(), MustRead(dir.Path()).release()}) {
    const auto records = ReadAll(*reader);
    ASSERT_EQ(records.size(), 4000U);
    std::map<std::string, Offset> last_of_kind;
    for (std::size_t i = 0; i < records.size(); ++i) {
      ASSERT_EQ(records[i].offset, i + 1);
      ASSERT_EQ(records[i].previous_offset, last_of_kind[records[i].topic.substr(0, 3)]);
      last_of_kind[records[i].topic.substr(0, 3)] = i + 1;
    }
    EXPECT_EQ(ReadAll(*reader, {"lab.icu.p1."}).size(), 2000U);
    EXPECT_EQ(reader->Read(From(1990, 2010))->next_offset, 2011U)
        << "or the end of a segment in between";
    EXPECT_EQ(reader->Identity()->first_offset, 1U);
    EXPECT_EQ(reader->Identity()->last_offset, 4000U);
    EXPECT_EQ(reader->Producers()->at("b"), 2000U);
    EXPECT_EQ(*reader->FindByTime(0), 1U);
    EXPECT_EQ(*reader->FindByTime(100000), 4001U);
    const Offset found = *reader->FindByTime(15000);
    EXPECT_EQ(records[found - 1].recorded_ns, 15000);
    EXPECT_LT(records[found - 2].recorded_ns, 15000);
    if (reader != early->get()) delete reader;
  }
}

TEST(LogSegments, ReopeningARowOfSegmentsGoesOn) {
  const TempDir dir;
  for (int i = 0; i < 5; ++i) {
    const auto log = MustOpen(dir.Path(), SmallSegments());
    EXPECT_EQ(log->LastOffset(), static_cast<Offset>(i) * 1000);
    PutSeveralSegments(*log, 10);
  }
  const auto records = ReadAll(*MustRead(dir.Path()));
  ASSERT_EQ(records.size(), 5000U);
  for (std::size_t i = 100; i < records.size(); ++i) {
    ASSERT_EQ(records[i].previous_offset, i % 50 == 0 ? i + 1 - 51 : i);
  }
}

TEST(LogSegments, ARepeatOfASealedSegmentIsKnownByItsDigest) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path(), SmallSegments());
  PutSeveralSegments(*log, 20);
  const Offset before = log->LastOffset();
  ASSERT_TRUE(Put(*log, "b", 10, 20, "lab.icu.p1."));
  EXPECT_EQ(log->LastOffset(), before);
  const AppendRecord repeat = One("b", 60, "b-60", "lab.icu.p1.");
  EXPECT_EQ((*log->Append({&repeat, 1}))[0].offset, 160U);
  const AppendRecord other = One("b", 10, "something else", "lab.icu.p1.");
  EXPECT_EQ(log->Append({&other, 1}).error().code, ErrorCode::kDiverged);
  EXPECT_EQ(log->Find("b", 10)->payload, "b-10");
  EXPECT_EQ(log->Find("b", 1000)->payload, "b-1000");
}

TEST(LogSegments, ANewSegmentCarriesOpenAlertsSoThatOldOnesCanBeRemoved) {
  const TempDir dir;
  {
    const auto log = MustOpen(dir.Path(), SmallSegments());
    ASSERT_TRUE(Put(*log, "core", 1, 1, "alert.icu.p1.withdrawal.", true));
    ASSERT_TRUE(Put(*log, "core", 2, 1, "alert.icu.p2.infection.", true));
    PutSeveralSegments(*log, 10);
    ASSERT_TRUE(Put(*log, "core", 3, 1, "alert.icu.p2.infection.", false));
    PutSeveralSegments(*log, 10);
    const auto open = (*log->NewReader())->ReadOpenAlerts({});
    ASSERT_EQ(open->records.size(), 1U);
    EXPECT_EQ(open->records[0].offset, 1U);
  }
  std::filesystem::remove(SegmentOf(dir));
  const auto log = MustOpen(dir.Path(), SmallSegments());
  EXPECT_EQ(log->LastSequence("core"), 3U);
  const auto reader = MustRead(dir.Path());
  EXPECT_EQ(reader->ReadOpenAlerts({})->records.at(0).payload, "core-1");
  const Offset first = reader->Identity()->first_offset;
  EXPECT_GT(first, 1U);
  EXPECT_EQ(log->Identity().first_offset, first);
  const auto gone = reader->Read(From(1));
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().Message().find("begins at " + std::to_string(first)), std::string::npos);
  EXPECT_TRUE(reader->Read(From(first)));
  const AppendRecord repeat = One("core", 1, "core-1", "alert.icu.p1.withdrawal.");
  EXPECT_TRUE((*log->Append({&repeat, 1}))[0].repeat);
}

TEST(LogSegments, ASegmentThatCannotBeOpenedNowIsNotTakenForUnfinished) {
  const TempDir dir;
  Offset last = 0;
  {
    const auto log = MustOpen(dir.Path(), SmallSegments());
    PutSeveralSegments(*log, 10);
    last = log->LastOffset();
  }
  // As after a loss of power: the head, which is not synced, is not there yet.
  std::filesystem::remove(dir.Path("head"));
  const std::size_t segments = CountSegments(dir);
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator(dir.Path())) {
    const std::string path = entry.path().string();
    if (path.ends_with(".db")) newest = std::max(newest, path);
  }
  std::filesystem::create_directory(newest + "-journal");  // for want of a disk that fails
  std::filesystem::create_directory(newest + "-wal");
  EXPECT_FALSE(Log::Open(dir.Path(), SmallSegments()));
  EXPECT_EQ(CountSegments(dir), segments) << "acknowledged records are gone";
  std::filesystem::remove(newest + "-journal");
  std::filesystem::remove(newest + "-wal");
  EXPECT_EQ(MustOpen(dir.Path(), SmallSegments())->LastOffset(), last);
}

TEST(LogSegments, AnUnfinishedNewSegmentIsRemovedAtTheNextStart) {
  const TempDir dir;
  { ASSERT_TRUE(Put(*MustOpen(dir.Path()), "a", 1, 10)); }
  SetBytes(dir.Path("segment-00000000000000000011.db"), "half of a header");
  EXPECT_EQ(ReadAll(*MustRead(dir.Path())).size(), 10U);
  const auto log = MustOpen(dir.Path());
  ASSERT_TRUE(Put(*log, "a", 11, 10));
  EXPECT_EQ(CountSegments(dir), 1U);
  EXPECT_EQ(ReadAll(*MustRead(dir.Path())).size(), 20U);
}

std::vector<Offset> FirstOffsets(const TempDir& dir) {
  std::vector<Offset> firsts;
  for (const auto& entry : std::filesystem::directory_iterator(dir.Path())) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".db")) firsts.push_back(std::stoull(name.substr(8, 20)));
  }
  std::sort(firsts.begin(), firsts.end());
  return firsts;
}

TEST(LogSegments, TrimRemovesWholeOldFilesAndNeverTheNewest) {
  const TempDir dir;
  {
    const auto log = MustOpen(dir.Path(), SmallSegments());
    PutSeveralSegments(*log, 40);
  }
  const std::vector<Offset> before = FirstOffsets(dir);
  ASSERT_GT(before.size(), 5U);
  {
    const auto log = MustOpen(dir.Path(), SmallSegments());
    TrimRequest request;
    request.before = before[2] + 1;
    auto trimmed = log->Trim(request);
    ASSERT_TRUE(trimmed) << trimmed.error().Message();
    EXPECT_EQ(trimmed->files, 2U);
    EXPECT_EQ(trimmed->first_kept, before[2]);
    EXPECT_EQ(log->Identity().first_offset, before[2]);
    request.before = UINT64_MAX;
    request.needed_from = before[4] + 3;
    trimmed = log->Trim(request);
    EXPECT_TRUE(trimmed->held_back);
    EXPECT_EQ(trimmed->first_kept, before[4]) << "it holds what is needed";
    request.needed_from = UINT64_MAX;
    trimmed = log->Trim(request);
    EXPECT_FALSE(trimmed->held_back);
    EXPECT_EQ(trimmed->first_kept, before.back());
    ASSERT_TRUE(Put(*log, "a", log->LastSequence("a") + 1, 1));
  }
  EXPECT_EQ(FirstOffsets(dir), std::vector<Offset>{before.back()});
}

TEST(LogSegments, TrimByTimeAndBySizeTakesTheOldestFirst) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path(), SmallSegments());
  PutSeveralSegments(*log, 40);
  const LogTimeNs last = log->Identity().last_recorded_ns;
  TrimRequest by_time;
  by_time.before_ns = last / 2;
  // The files are sealed behind the writer's back; one that is not yet waits for the next call.
  Offset first = 1;
  for (int i = 0; i < 10000 && first == 1; ++i) first = log->Trim(by_time)->first_kept;
  ASSERT_GT(first, 1U);
  const auto at_first = MustRead(dir.Path())->Read(From(first, first));
  ASSERT_TRUE(at_first) << at_first.error().Message();
  EXPECT_LE(at_first->records.at(0).recorded_ns, last / 2 + 5000);
  TrimRequest by_size;
  by_size.max_bytes = 1;
  by_size.needed_from = log->LastOffset() - 10;
  EXPECT_TRUE(log->Trim(by_size));
}

TEST(LogSegments, ALogThatForgotItsPastKnowsRepeatsAlertsAndTopics) {
  const TempDir dir;
  {
    const auto log = MustOpen(dir.Path(), SmallSegments());
    ASSERT_TRUE(Put(*log, "core", 1, 1, "alert.icu.p1.withdrawal.", true));
    ASSERT_TRUE(Put(*log, "core", 2, 1, "alert.icu.p2.infection.", true));
    PutSeveralSegments(*log, 20);
    ASSERT_TRUE(Put(*log, "core", 3, 1, "alert.icu.p2.infection.", false));
    PutSeveralSegments(*log, 20);
  }
  {
    const auto log = MustOpen(dir.Path(), SmallSegments());
    TrimRequest request;
    request.before = UINT64_MAX;
    ASSERT_TRUE(log->Trim(request));
  }
  const auto log = MustOpen(dir.Path(), SmallSegments());
  EXPECT_GT(log->Identity().first_offset, 3000U);
  EXPECT_EQ(log->LastSequence("core"), 3U);
  const AppendRecord repeat = One("core", 1, "core-1", "alert.icu.p1.withdrawal.");
  EXPECT_TRUE((*log->Append({&repeat, 1}))[0].repeat);
  const auto open = MustRead(dir.Path())->ReadOpenAlerts({});
  ASSERT_EQ(open->records.size(), 1U);
  EXPECT_EQ(open->records[0].topic, "alert.icu.p1.withdrawal.");
  EXPECT_EQ(open->records[0].payload, "core-1");
  ASSERT_TRUE(Put(*log, "c", 1, 1, "vitals.icu.p3.")) << "a topic that only old files used";
  const auto verdict = VerifyLog(dir.Path(), {});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->fault_count, 0U) << verdict->faults.at(0).what;
}

TEST(LogSegments, AReaderOfAFileThatIsRemovedSaysSoAndReadsOn) {
  const TempDir dir;
  auto log = MustOpen(dir.Path(), SmallSegments());
  const auto early = log->NewReader();
  PutSeveralSegments(*log, 40);
  ASSERT_TRUE((*early)->Read(From(1)));
  log.reset();
  log = MustOpen(dir.Path(), SmallSegments());
  TrimRequest request;
  request.before = 2000;
  const Offset first = log->Trim(request)->first_kept;
  log.reset();
  EXPECT_EQ((*early)->Identity()->first_offset, first);
  const auto gone = (*early)->Read(From(1));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::kMalformed);
  EXPECT_EQ((*early)->Read(From(0))->records.at(0).offset, first);
}

TEST(LogSegments, WhatIsNeededIsKeptOverReopening) {
  const TempDir dir;
  { ASSERT_TRUE(MustOpen(dir.Path())->SetNeeded(1234)); }
  const auto log = MustOpen(dir.Path());
  EXPECT_EQ(log->Needed(), 1234U);
  ASSERT_TRUE(log->SetNeeded(1200)) << "it may go back";
  EXPECT_EQ(log->Needed(), 1200U);
}

TEST(LogSegments, AFileEndsAfterItsTimeToo) {
  const TempDir dir;
  LogOptions options = Given();
  options.segment_age_ns = 1000;
  const auto log = MustOpen(dir.Path(), options);
  ASSERT_TRUE(Put(*log, "a", 1, 50));
  EXPECT_FALSE(log->WantsCheckpoint(false));
  ASSERT_TRUE(Put(*log, "a", 51, 60));
  EXPECT_TRUE(log->WantsCheckpoint(false));
  ASSERT_TRUE(log->Checkpoint());
  EXPECT_EQ(CountSegments(dir), 2U);
}

}  // namespace
}  // namespace tonus
