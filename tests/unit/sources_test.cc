#include "core/sources/sources.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "core/outbox.h"
#include "tonus/v1/system.pb.h"

namespace tonus::core {
namespace {

/// A monitor of one patient, and what is said about it.
class SourceStory {
 public:
  void SpeakUntil(LogTimeNs until, std::int64_t every) {
    for (; now_ <= until; now_ += every) {
      Outbox out;
      sources_.MoveTo(now_, false, 1, &out);
      number_ =
          sources_.Hear(number_, "monitor-p1", {0, 1, false, Refusal::kNone, now_, 1, 0}, &out);
      said_ += out.size();
    }
  }
  /// How many technical alerts silence brings up to a time.
  std::size_t SilentUntil(LogTimeNs until) {
    Outbox out;
    sources_.MoveTo(until, true, 1, &out);
    return out.size();
  }
  std::size_t Said() const { return said_; }

 private:
  std::string name_ = "p1";
  Sources sources_{[this](Sources::PatientKey) -> const std::string& { return name_; }};
  std::uint32_t number_ = Sources::kNew;
  LogTimeNs now_ = 0;
  std::size_t said_ = 0;
};

TEST(Sources, SilenceIsSaidAfterFifteenMinutes) {
  SourceStory story;
  story.SpeakUntil(kHourNs, 10 * kSecondNs);
  EXPECT_EQ(story.Said(), 0U);
  EXPECT_EQ(story.SilentUntil(kHourNs + 14 * kMinuteNs), 0U);
  EXPECT_EQ(story.SilentUntil(kHourNs + 16 * kMinuteNs), 1U);
}

TEST(Sources, ASourceThatHasBecomeFasterIsMissedByItsNewRhythm) {
  SourceStory story;
  story.SpeakUntil(24 * kHourNs, kHourNs);
  story.SpeakUntil(25 * kHourNs + 5 * kMinuteNs, 2 * kSecondNs);
  EXPECT_EQ(story.Said(), 0U);
  EXPECT_EQ(story.SilentUntil(25 * kHourNs + 21 * kMinuteNs), 1U)
      << "not only after three of the hours that once were usual";
}

TEST(RefusalRate, ASourceThatIsRefusedByTurnsIsSaidOnce) {
  RefusalRate rate;
  int turns = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto refusal = i % 4 == 0 ? Refusal::kOther : Refusal::kNone;
    if (rate.Note(refusal, i * kSecondNs) != Turn::kNone) ++turns;
  }
  EXPECT_EQ(turns, 1);
  EXPECT_TRUE(rate.TooMuch());
}

TEST(RefusalRate, OneRefusedNowAndThenIsNothing) {
  RefusalRate rate;
  for (int i = 0; i < 1000; ++i) {
    const auto refusal = i % 8 == 0 ? Refusal::kOther : Refusal::kNone;
    EXPECT_EQ(rate.Note(refusal, i * kSecondNs), Turn::kNone);
  }
}

TEST(RefusalRate, EndsTenQuietMinutesAfterTheLastRefusal) {
  RefusalRate rate;
  for (int i = 0; i < 5; ++i) rate.Note(Refusal::kClock, i * kSecondNs);
  ASSERT_TRUE(rate.TooMuch());
  EXPECT_TRUE(rate.OfItsClock());
  LogTimeNs at = 4 * kSecondNs;
  for (int i = 1; i < 10; ++i) {
    EXPECT_EQ(rate.Note(Refusal::kNone, at + i * kMinuteNs), Turn::kNone);
  }
  EXPECT_EQ(rate.Note(Refusal::kNone, at + 10 * kMinuteNs), Turn::kEnds);
  EXPECT_TRUE(rate.Idle());
}

TEST(ClockOffset, AClockThatIsWrongIsWrongByTheSameAmount) {
  ClockOffset clock;
  LogTimeNs now = 0;
  Turn turn = Turn::kNone;
  for (int i = 0; i < 20; ++i, now += 2 * kSecondNs) turn = clock.Note(now - 3 * kMinuteNs, now);
  EXPECT_EQ(turn, Turn::kBegins);
  EXPECT_EQ(clock.BehindNs(), 3 * kMinuteNs);
  for (int i = 0; i < 20; ++i, now += 2 * kSecondNs) turn = clock.Note(now - kSecondNs, now);
  EXPECT_EQ(turn, Turn::kEnds);
}

TEST(ClockOffset, AheadIsFoundSoonerThanBehind) {
  ClockOffset clock;
  LogTimeNs now = 0;
  for (int i = 0; i < 20; ++i, now += 2 * kSecondNs) clock.Note(now + 20 * kSecondNs, now);
  EXPECT_TRUE(clock.Off());
  EXPECT_LT(clock.BehindNs(), 0);
}

TEST(ClockOffset, EventsThatAreLateByChanceAreNoWrongClock) {
  ClockOffset clock;
  LogTimeNs now = 0;
  for (int i = 0; i < 200; ++i, now += kMinuteNs) {
    EXPECT_EQ(clock.Note(now - (3 + i % 7) * kMinuteNs, now), Turn::kNone);
  }
}

}  // namespace
}  // namespace tonus::core
