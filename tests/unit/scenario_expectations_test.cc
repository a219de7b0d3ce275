#include <gtest/gtest.h>

#include "base/text.h"
#include "scenario/expectations.h"
#include "scenario/reader.h"

namespace tonus::scenario {
namespace {

constexpr LogTimeNs kStartNs = 1709280000LL * kSecondNs;
constexpr std::int64_t kH = kHourNs;

/// A story of alert versions, written by hand.
class Story {
 public:
  Story& Says(const char* condition, std::int64_t at_ns, v1::AlertState state,
              v1::Priority priority, v1::AlertChange change = v1::ALERT_CHANGE_UPDATED) {
    v1::Alert& alert = said_.alerts.emplace_back();
    alert.set_id("id");
    alert.set_condition(condition);
    alert.set_sequence(said_.alerts.size());
    alert.set_time_ns(kStartNs + at_ns);
    alert.set_state(state);
    alert.set_priority(priority);
    alert.set_change(change);
    return *this;
  }
  Story& Active(std::int64_t at_ns, v1::Priority priority) {
    return Says("withdrawal", at_ns, v1::ALERT_STATE_ACTIVE, priority);
  }
  Story& Ended(std::int64_t at_ns, v1::AlertState state = v1::ALERT_STATE_LATCHED) {
    return Says("withdrawal", at_ns, state, v1::PRIORITY_LOW);
  }
  Story& Tech(const char* kind, std::int64_t at_ns, v1::TechState state) {
    v1::TechAlert& tech = said_.tech.emplace_back();
    tech.set_kind(kind);
    tech.set_subject("monitor-p1");
    tech.set_time_ns(kStartNs + at_ns);
    tech.set_state(state);
    return *this;
  }
  v1::Alert* Last() { return &said_.alerts.back(); }

  Verdict Judged(const std::string& line) const {
    const ReadOutcome outcome =
        ReadScenarioText("scenario: s\nstart: 2024-03-01T08:00:00Z\nexpect:\n  - {" + line + "}\n",
                         "f.yaml", Vocabulary::Standard());
    for (const Error& error : outcome.errors) ADD_FAILURE() << error.Message();
    return Judge(outcome.scenario.expectations.at(0), said_, kStartNs);
  }
  bool Holds(const std::string& line) const { return Judged(line).passed; }

 private:
  Said said_;
};

TEST(ScenarioExpectations, AlertHoldsUpToAndIncludingItsTime) {
  const Story story = Story().Active(3 * kH, v1::PRIORITY_MEDIUM);
  EXPECT_TRUE(story.Holds("alert: withdrawal, by: 3h"));
  EXPECT_TRUE(story.Holds("alert: withdrawal, priority: medium, by: 3h, not_before: 3h"));
  EXPECT_TRUE(story.Holds("alert: withdrawal"));
  EXPECT_FALSE(story.Holds("alert: withdrawal, by: 179m"));
  EXPECT_FALSE(story.Holds("alert: withdrawal, priority: high, by: 4h"));
  EXPECT_FALSE(story.Holds("alert: infection, by: 4h"));
}

TEST(ScenarioExpectations, AlertTooEarlyFails) {
  const Story story =
      Story().Active(-2 * kH, v1::PRIORITY_MEDIUM).Active(3 * kH, v1::PRIORITY_HIGH);
  EXPECT_TRUE(story.Holds("alert: withdrawal, by: 1h")) << "before start counts";
  EXPECT_FALSE(story.Holds("alert: withdrawal, by: 9h, not_before: 1h"));
  EXPECT_TRUE(story.Holds("alert: withdrawal, priority: high, by: 9h, not_before: 1h"));
  EXPECT_FALSE(story.Holds("alert: withdrawal, priority: high, by: 9h, not_before: 4h"));
}

TEST(ScenarioExpectations, AnUpdateAtTheSamePriorityIsNoRise) {
  const Story story =
      Story().Active(1 * kH, v1::PRIORITY_MEDIUM).Active(5 * kH, v1::PRIORITY_MEDIUM);
  EXPECT_FALSE(story.Holds("alert: withdrawal, priority: medium, by: 9h, not_before: 4h"));
  const Verdict verdict =
      story.Judged("alert: withdrawal, priority: medium, by: 9h, not_before: 4h");
  EXPECT_EQ(verdict.why, "too early: withdrawal medium (active) at 1 h");
}

TEST(ScenarioExpectations, ARiseAfterAnEndCounts) {
  const Story story =
      Story().Active(1 * kH, v1::PRIORITY_HIGH).Ended(3 * kH).Active(6 * kH, v1::PRIORITY_HIGH);
  EXPECT_TRUE(story.Holds("alert: withdrawal, priority: high, by: 2h"));
  EXPECT_FALSE(story.Holds("alert: withdrawal, priority: high, by: 7h, not_before: 5h"))
      << "it happened earlier, too";
}

TEST(ScenarioExpectations, SaysWhichAlertDecidedAndWhen) {
  const Verdict verdict = Story()
                              .Active(1 * kH, v1::PRIORITY_LOW)
                              .Active(2 * kH, v1::PRIORITY_HIGH)
                              .Judged("alert: withdrawal, priority: high, by: 3h");
  EXPECT_TRUE(verdict.passed);
  EXPECT_EQ(verdict.why, "withdrawal high (active) at 2 h");
  EXPECT_EQ(verdict.alert_id, "id");
  EXPECT_EQ(verdict.alert_sequence, 2U);
  EXPECT_EQ(verdict.at_ns, 2 * kH);
}

TEST(ScenarioExpectations, OpenLooksAtStateAndPriorityAtThatTime) {
  const Story story = Story()
                          .Active(1 * kH, v1::PRIORITY_HIGH)
                          .Says("withdrawal", 2 * kH, v1::ALERT_STATE_ACKNOWLEDGED,
                                v1::PRIORITY_HIGH, v1::ALERT_CHANGE_ACTED)
                          .Active(4 * kH, v1::PRIORITY_MEDIUM)
                          .Ended(6 * kH);
  EXPECT_FALSE(story.Holds("open: withdrawal, at: 30m"));
  EXPECT_TRUE(story.Holds("open: withdrawal, at: 1h"));
  EXPECT_TRUE(story.Holds("open: withdrawal, at: 3h, priority: high")) << "acknowledged is open";
  EXPECT_FALSE(story.Holds("open: withdrawal, at: 4h, priority: high"));
  EXPECT_TRUE(story.Holds("open: withdrawal, at: 5h, priority: medium"));
  EXPECT_FALSE(story.Holds("open: withdrawal, at: 6h")) << "latched is not open";
}

TEST(ScenarioExpectations, ClearedNeedsARaiseAndAnEnd) {
  EXPECT_FALSE(Story().Holds("cleared: withdrawal, by: 30h"));
  const Story story = Story().Active(1 * kH, v1::PRIORITY_HIGH).Ended(6 * kH);
  EXPECT_FALSE(story.Holds("cleared: withdrawal, by: 5h"));
  EXPECT_TRUE(story.Holds("cleared: withdrawal, by: 6h"));
  EXPECT_TRUE(Story()
                  .Active(1 * kH, v1::PRIORITY_HIGH)
                  .Ended(2 * kH, v1::ALERT_STATE_RESOLVED)
                  .Holds("cleared: withdrawal, by: 30h"));
}

TEST(ScenarioExpectations, NeverCoversTheTimeBeforeStart) {
  const Story story = Story().Active(-10 * kH, v1::PRIORITY_INFO).Ended(-9 * kH);
  EXPECT_FALSE(story.Holds("never: withdrawal"));
  EXPECT_TRUE(story.Holds("never: withdrawal, priority: medium"));
  EXPECT_TRUE(story.Holds("never: paradox"));
}

TEST(ScenarioExpectations, MentionsLooksIntoTheNamedListOfAnyVersion) {
  Story story;
  story.Active(1 * kH, v1::PRIORITY_HIGH);
  story.Last()->add_competing()->set_condition("infection");
  story.Active(2 * kH, v1::PRIORITY_HIGH);
  story.Last()->add_missing()->set_name("CK");
  story.Last()->add_work_up("Check pump programming, reservoir, catheter");
  story.Last()->add_evidence()->set_name("PRURITUS");
  story.Last()->add_suppressed()->set_name("MRI");
  EXPECT_TRUE(story.Holds("mentions: infection, in: withdrawal, as: competing, by: 1h"));
  EXPECT_TRUE(story.Holds("mentions: INFECT, in: withdrawal, as: competing"));
  EXPECT_FALSE(story.Holds("mentions: infection, in: withdrawal, as: missing"));
  EXPECT_FALSE(story.Holds("mentions: infection, in: malfunction"));
  EXPECT_TRUE(story.Holds("mentions: ck, in: withdrawal, as: missing"));
  EXPECT_FALSE(story.Holds("mentions: ck, in: withdrawal, as: missing, by: 1h"));
  EXPECT_TRUE(story.Holds("mentions: catheter, in: withdrawal, as: work_up"));
  EXPECT_TRUE(story.Holds("mentions: pruritus, in: withdrawal, as: evidence"));
  EXPECT_TRUE(story.Holds("mentions: mri, in: withdrawal, as: suppressed"));
  EXPECT_TRUE(story.Holds("mentions: mri, in: withdrawal"));
}

TEST(ScenarioExpectations, AMoveToAnotherUnitIsNoNewAlert) {
  const Story story = Story()
                          .Active(1 * kH, v1::PRIORITY_HIGH)
                          .Says("withdrawal", 2 * kH, v1::ALERT_STATE_RESOLVED, v1::PRIORITY_HIGH,
                                v1::ALERT_CHANGE_MOVED)
                          .Active(2 * kH, v1::PRIORITY_HIGH);
  EXPECT_TRUE(story.Holds("open: withdrawal, at: 2h"));
  EXPECT_FALSE(story.Holds("cleared: withdrawal, by: 3h"));
}

TEST(ScenarioExpectations, TechAlertsCountFromStart) {
  const Story story = Story()
                          .Tech("source_silent", -9 * kH, v1::TECH_STATE_ACTIVE)
                          .Tech("source_silent", -8 * kH, v1::TECH_STATE_RESOLVED)
                          .Tech("clock_skew", -1 * kH, v1::TECH_STATE_ACTIVE);
  EXPECT_FALSE(story.Holds("tech: source_silent, by: 2h"));
  EXPECT_TRUE(story.Holds("tech: clock_skew, by: 2h")) << "still there at start";
  EXPECT_TRUE(Story()
                  .Tech("source_silent", 2 * kH, v1::TECH_STATE_ACTIVE)
                  .Holds("tech: source_silent, by: 2h"));
  EXPECT_FALSE(Story()
                   .Tech("source_silent", 3 * kH, v1::TECH_STATE_ACTIVE)
                   .Holds("tech: source_silent, by: 2h"));
}

}  // namespace
}  // namespace tonus::scenario
