// What every storage engine behind broker/log/log.h has to keep.
#include "broker/log/log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "base/digest.h"
#include "base/text.h"
#include "tests/contract/temp_dir.h"

namespace tonus {
namespace {

constexpr char kVitals[] = "vitals.icu.p1.";

class ManualClock final : public Clock {
 public:
  LogTimeNs NowNs() override { return now_ns; }
  LogTimeNs now_ns = 1000 * kSecondNs;
};

LogOptions Given() {
  LogOptions options;
  options.clock = LogClock::kGiven;
  return options;
}

std::unique_ptr<Log> MustOpen(const std::string& dir, const LogOptions& options = Given()) {
  auto log = Log::Open(dir, options);
  if (!log) throw std::runtime_error(log.error().Message());
  return std::move(*log);
}

std::unique_ptr<LogReader> MustRead(const std::string& dir) {
  auto reader = Log::OpenReadOnly(dir);
  if (!reader) throw std::runtime_error(reader.error().Message());
  return std::move(*reader);
}

AppendRecord One(std::string_view producer, std::uint64_t sequence, std::string_view payload,
                 std::string_view topic = kVitals) {
  AppendRecord record;
  record.producer = producer;
  record.sequence = sequence;
  record.topic = topic;
  record.payload = payload;
  return record;
}

/// Appends and commits `count` records of `producer` from `first` on, recorded at sequence × 10,
/// payload "<producer>-<sequence>".
Result<Offset> Put(Log& log, const std::string& producer, std::uint64_t first, std::uint64_t count,
                   const std::string& topic = kVitals, bool open = false) {
  std::vector<std::string> payloads;
  std::vector<AppendRecord> records;
  for (std::uint64_t i = first; i < first + count; ++i) {
    payloads.push_back(producer + "-" + std::to_string(i));
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    AppendRecord record = One(producer, first + i, payloads[i], topic);
    record.recorded_ns = static_cast<LogTimeNs>(record.sequence * 10);
    record.open = open;
    records.push_back(record);
  }
  const auto placed = log.Append(records);
  if (!placed) return tl::unexpected<Error>(placed.error());
  return log.Commit();
}

ReadRequest From(Offset from, Offset to = 0, std::vector<std::string> prefixes = {}) {
  ReadRequest request;
  request.from = from;
  request.to = to;
  request.prefixes = std::move(prefixes);
  return request;
}

std::vector<Record> ReadAll(LogReader& reader, const std::vector<std::string>& prefixes = {}) {
  std::vector<Record> all;
  ReadRequest request = From(1, 0, prefixes);
  while (true) {
    auto slice = reader.Read(request);
    if (!slice) throw std::runtime_error(slice.error().Message());
    std::move(slice->records.begin(), slice->records.end(), std::back_inserter(all));
    request.from = slice->next_offset;
    if (slice->at_end) return all;
  }
}

/// Runs log_child; its exit code, and what it prints, stderr included.
std::pair<int, std::string> RunChild(const std::string& what, const std::string& dir) {
  const std::string command = TONUS_BINARY_DIR "/bin/log_child " + what + " " + dir + " 2>&1";
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 512> buffer = {};
  while (fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr) {
    output += buffer.data();
  }
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

std::string SegmentOf(const TempDir& dir) { return dir.Path("segment-00000000000000000001.db"); }

std::string Bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void SetBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(LogContract, OffsetsAreDenseFromOneAndStreamsAreChained) {
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

TEST(LogContract, CommittedRecordsAreReadableFromASecondProcess) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  for (std::uint64_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(Put(*log, "a", i * 5 + 1, 5));
    const auto [code, output] = RunChild("read", dir.Path());
    ASSERT_EQ(code, 0) << output;
    ASSERT_EQ(output, std::to_string((i + 1) * 5) + "\n");
  }
}

TEST(LogContract, StagedRecordsAreNotSeenBeforeCommit) {
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

TEST(LogContract, WhatWasNotCommittedIsGoneAfterReopening) {
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

TEST(LogContract, ReopeningGoesOnWithOffsetsSequencesAndStreams) {
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

TEST(LogContract, ARepeatIsDroppedAndSaysWhereItStands) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  ASSERT_TRUE(Put(*log, "b", 1, 3));
  ASSERT_TRUE(Put(*log, "a", 1, 5));
  ASSERT_TRUE(Put(*log, "b", 4, 1));
  ASSERT_TRUE(Put(*log, "a", 6, 2));
  ASSERT_TRUE(Put(*log, "a", 3, 7)) << "3 to 7 are repeats, 8 and 9 are new";
  EXPECT_EQ(log->LastOffset(), 13U);
  const AppendRecord repeat = One("a", 6, "a-6");
  const auto placed = log->Append({&repeat, 1});
  ASSERT_TRUE(placed);
  EXPECT_TRUE((*placed)[0].repeat);
  EXPECT_EQ((*placed)[0].offset, 10U);
  EXPECT_EQ(ReadAll(*MustRead(dir.Path())).size(), 13U);
}

TEST(LogContract, ARepeatWithOtherContentIsRefusedAndNothingIsStored) {
  const TempDir dir;
  { ASSERT_TRUE(Put(*MustOpen(dir.Path()), "a", 1, 5)); }
  const auto log = MustOpen(dir.Path());
  const std::array<AppendRecord, 2> records = {One("a", 5, "other"), One("a", 6, "new")};
  const auto placed = log->Append(records);
  ASSERT_FALSE(placed);
  EXPECT_EQ(placed.error().code, ErrorCode::kDiverged);
  EXPECT_NE(placed.error().Message().find("record 5 of producer 'a'"), std::string::npos);
  EXPECT_EQ(log->LastSequence("a"), 5U);
  ASSERT_TRUE(Put(*log, "a", 6, 1)) << "a refusal leaves the log alive";
}

TEST(LogContract, TheProducersOwnDigestDecidesWhatIsARepeat) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  AppendRecord record = One("a", 1, "one");
  record.digest = 7;
  ASSERT_TRUE(log->Append({&record, 1}));
  record.payload = "the same in other bytes";
  const auto same = log->Append({&record, 1});
  ASSERT_TRUE(same);
  EXPECT_TRUE((*same)[0].repeat);
  record.digest = 8;
  EXPECT_EQ(log->Append({&record, 1}).error().code, ErrorCode::kDiverged);
}

TEST(LogContract, AGapInSequencesIsRefused) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  ASSERT_TRUE(Put(*log, "a", 1, 5));
  const auto gap = Put(*log, "a", 7, 1);
  ASSERT_FALSE(gap);
  EXPECT_EQ(gap.error().code, ErrorCode::kMalformed);
  EXPECT_NE(gap.error().Message().find("go on with 6"), std::string::npos);
  EXPECT_FALSE(Put(*log, "a", 0, 1));
  EXPECT_TRUE(Put(*log, "a", 6, 1));
}

TEST(LogContract, SnapshotHoldsTheNewestOpenRecordOfEachAlert) {
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

TEST(LogContract, AnAlertThatMovesToAnotherUnitStaysOneAlert) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  ASSERT_TRUE(Put(*log, "core", 1, 1, "alert.icu.p1.withdrawal.", true));
  ASSERT_TRUE(Put(*log, "core", 2, 1, "alert.ward.p1.withdrawal.", true));
  const auto open = MustRead(dir.Path())->ReadOpenAlerts({});
  ASSERT_EQ(open->records.size(), 1U);
  EXPECT_EQ(open->records[0].topic, "alert.ward.p1.withdrawal.");
}

TEST(LogContract, ReadKeepsToRangePrefixAndBounds) {
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

TEST(LogContract, FindsTheFirstRecordNotBeforeATime) {
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

TEST(LogContract, GivenTimesNeverGoBack) {
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

TEST(LogContract, WallTimesComeFromTheClockAndNeverGoBack) {
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

TEST(LogContract, AWallClockThatJumpedBackIsRefusedUntilConfirmed) {
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

TEST(LogContract, ALogOfTheOtherClockIsRefused) {
  const TempDir dir;
  MustOpen(dir.Path());
  const auto wall = Log::Open(dir.Path(), LogOptions());
  ASSERT_FALSE(wall);
  EXPECT_EQ(wall.error().code, ErrorCode::kRefused);
}

TEST(LogContract, ASecondWriterIsRefused) {
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

TEST(LogContract, TooManyTopicsAreRefused) {
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

TEST(LogContract, AMissingFolderAndAnEmptyFolderAreNamed) {
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

TEST(LogContract, AFileThatIsNoLogIsRefused) {
  const TempDir dir;
  SetBytes(SegmentOf(dir), "this is a letter, not a log\n" + std::string(9000, 'x'));
  const auto log = Log::Open(dir.Path(), Given());
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kCorrupt) << log.error().Message();
  EXPECT_EQ(Log::OpenReadOnly(dir.Path()).error().code, ErrorCode::kCorrupt);
}

TEST(LogContract, ATruncatedFileIsRefused) {
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

TEST(LogContract, AShortenedTailIsNoticed) {
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

TEST(LogContract, AChangedByteIsNamedByItsOffsetAndWhatStandsBeforeItIsRead) {
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

TEST(LogContract, ARuinedPageIsReportedAndWhatStandsBeforeItIsRead) {
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

TEST(LogContract, AReaderIsNotDisturbedByCheckpoints) {
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

TEST(LogContract, AnEmptyPayloadAndALargeOneComeBackAsTheyWere) {
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

TEST(LogContract, FindReturnsTheRecordOfAName) {
  const TempDir dir;
  const auto log = MustOpen(dir.Path());
  ASSERT_TRUE(Put(*log, "a", 1, 3));
  ASSERT_TRUE(Put(*log, "b", 1, 3, "lab.icu.p1."));
  const auto found = log->Find("b", 2);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->offset, 5U);
  EXPECT_EQ(found->payload, "b-2");
  EXPECT_EQ(found->topic, "lab.icu.p1.");
  EXPECT_FALSE(log->Find("b", 4));
  EXPECT_FALSE(log->Find("c", 1));
}

/// A log of small segments: rotates about every `kSmall` bytes of content.
LogOptions SmallSegments() {
  LogOptions options = Given();
  options.segment_bytes = 20000;
  return options;
}

/// Puts records of two producers and an alert until there are several segments.
void PutSeveralSegments(Log& log, std::uint64_t rounds) {
  for (std::uint64_t i = log.LastSequence("a") / 50; rounds > 0; ++i, --rounds) {
    ASSERT_TRUE(Put(log, "a", i * 50 + 1, 50, "vitals.icu.p" + std::to_string(i % 7) + "."));
    ASSERT_TRUE(Put(log, "b", i * 50 + 1, 50, "lab.icu.p1."));
    if (log.WantsCheckpoint(false)) {
      ASSERT_TRUE(log.Checkpoint());
    }
  }
}

std::size_t CountSegments(const TempDir& dir) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.Path())) {
    if (entry.path().extension() == ".db") ++count;
  }
  return count;
}

TEST(LogContract, ARowOfSegmentsReadsAsOneLog) {
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

TEST(LogContract, ReopeningARowOfSegmentsGoesOn) {
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

TEST(LogContract, ARepeatOfASealedSegmentIsKnownByItsDigest) {
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

TEST(LogContract, ANewSegmentCarriesOpenAlertsSoThatOldOnesCanBeRemoved) {
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

TEST(LogContract, ASegmentThatCannotBeOpenedNowIsNotTakenForUnfinished) {
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

TEST(LogContract, AnUnfinishedNewSegmentIsRemovedAtTheNextStart) {
  const TempDir dir;
  { ASSERT_TRUE(Put(*MustOpen(dir.Path()), "a", 1, 10)); }
  SetBytes(dir.Path("segment-00000000000000000011.db"), "half of a header");
  EXPECT_EQ(ReadAll(*MustRead(dir.Path())).size(), 10U);
  const auto log = MustOpen(dir.Path());
  ASSERT_TRUE(Put(*log, "a", 11, 10));
  EXPECT_EQ(CountSegments(dir), 1U);
  EXPECT_EQ(ReadAll(*MustRead(dir.Path())).size(), 20U);
}

TEST(LogContract, AClosedLogInAFolderWithoutWriteRightCanBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const TempDir dir;
  { ASSERT_TRUE(Put(*MustOpen(dir.Path()), "a", 1, 3)); }
  ASSERT_EQ(chmod(dir.Path().c_str(), 0555), 0);
  EXPECT_EQ(ReadAll(*MustRead(dir.Path())).size(), 3U);
  EXPECT_EQ(Log::Open(dir.Path(), Given()).error().code, ErrorCode::kUnreachable);
  chmod(dir.Path().c_str(), 0755);
}

}  // namespace
}  // namespace tonus
