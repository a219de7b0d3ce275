// When a reader says that it is blind, why, and when it says that this is over.

#include "cli/watch.h"

#include <gtest/gtest.h>

#include "tonus/v1/system.pb.h"

namespace tonus::cli {
namespace {

using std::chrono::seconds;

class WatchStory {
 public:
  void Tick(int at) {
    Record record;
    record.offset = ++offset_;
    record.topic = "tick.";
    watch_.See(record, At(at));
  }
  /// The core answers all ticks but the last `behind`.
  void Progress(int at, Offset behind = 0) {
    v1::Progress progress;
    progress.set_processed_offset(offset_ - behind);
    Record record;
    record.topic = "progress.";
    record.payload = progress.SerializeAsString();
    watch_.See(record, At(at));
  }
  std::string Said(int at) { return watch_.Change(At(at), "ipc://b").value_or(""); }
  bool Blind() const { return watch_.Blind(); }

 private:
  static Watch::Time At(int at) { return Watch::Time(seconds(at)); }
  Offset offset_ = 0;
  Watch watch_{At(0)};
};

TEST(Watch, TicksThatAreAnsweredMeanThatItWatches) {
  WatchStory story;
  for (int at = 1; at < 20; ++at) {
    story.Tick(at);
    story.Progress(at);
    EXPECT_EQ(story.Said(at), "");
  }
  EXPECT_FALSE(story.Blind());
}

TEST(Watch, NoTickIsTheBrokerOrTheLink) {
  WatchStory story;
  story.Tick(1);
  story.Progress(1);
  EXPECT_EQ(story.Said(6), "");
  EXPECT_NE(story.Said(7).find("BLIND: no tick for 5 s: the broker at ipc://b"), std::string::npos);
  EXPECT_EQ(story.Said(8), "") << "said once";
  story.Tick(20);
  story.Progress(20);
  EXPECT_NE(story.Said(20).find("watching again"), std::string::npos);
}

TEST(Watch, TicksWithoutAnyAnswerAreACoreThatIsDown) {
  WatchStory story;
  for (int at = 1; at <= 6; ++at) story.Tick(at);
  EXPECT_EQ(story.Said(6), "");
  story.Tick(7);
  EXPECT_NE(story.Said(7).find("BLIND: the core has not answered a tick for 5 s: it is down"),
            std::string::npos);
}

TEST(Watch, AnswersToOldTicksAreACoreThatIsLate) {
  WatchStory story;
  for (int at = 1; at <= 10; ++at) {
    story.Tick(at);
    if (at > 7) story.Progress(at, 7);
  }
  EXPECT_NE(story.Said(10).find("BLIND: the core is late"), std::string::npos);
  EXPECT_TRUE(story.Blind());
  story.Progress(11);
  EXPECT_NE(story.Said(11).find("watching again"), std::string::npos);
}

}  // namespace
}  // namespace tonus::cli
