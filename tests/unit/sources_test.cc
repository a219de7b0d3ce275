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
      number_ = sources_.Hear(number_, "monitor-p1", {0, 1, false, Refusal::kNone, now_, 1}, &out);
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

}  // namespace
}  // namespace tonus::core
