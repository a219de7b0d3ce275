// Names: what is a repeat, what is a gap, what has diverged.
#include "tests/contract/log_fixture.h"

namespace tonus {
namespace {

TEST(LogDedupe, ARepeatIsDroppedAndSaysWhereItStands) {
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

TEST(LogDedupe, ARepeatWithOtherContentIsRefusedAndNothingIsStored) {
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

TEST(LogDedupe, TheProducersOwnDigestDecidesWhatIsARepeat) {
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

TEST(LogDedupe, AGapInSequencesIsRefused) {
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

TEST(LogDedupe, FindReturnsTheRecordOfAName) {
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

}  // namespace
}  // namespace tonus
