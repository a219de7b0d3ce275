// The life of an alert, driven by the zoo's detector: HR from 100 is medium, from 130 high.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/alerts/canonical.h"
#include "tests/unit/engine_fixture.h"

namespace tonus::core {
namespace {

using testing::HasSubstr;

/// Plays a log and keeps the versions of `zoo.rise`.
std::vector<v1::Alert> Versions(const LogByHand& log, LogTimeNs until = 0) {
  const auto engine = EngineWith({"rise"});
  auto outputs = Play(engine.get(), log.records);
  if (until != 0) engine->AdvanceTo(until, &outputs);
  std::vector<v1::Alert> versions;
  for (v1::Alert& alert : AlertsIn(outputs)) {
    if (alert.condition() == "zoo.rise") versions.push_back(std::move(alert));
  }
  return versions;
}

TEST(Alert, EscalatesAtOnceAndReopensWhatWasAcknowledged) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 110);
  log.Act(kStart + kMinuteNs, "p1", "zoo.rise", v1::ACTION_KIND_ACKNOWLEDGE);
  log.Observe(kStart + 2 * kMinuteNs, "p1", "HR", 140);
  const auto versions = Versions(log);
  ASSERT_EQ(versions.size(), 3U);
  EXPECT_EQ(versions[1].state(), v1::ALERT_STATE_ACKNOWLEDGED);
  EXPECT_EQ(versions[1].change(), v1::ALERT_CHANGE_ACTED);
  EXPECT_EQ(versions[1].actions(0).by(), "nurse.a");
  EXPECT_EQ(versions[2].change(), v1::ALERT_CHANGE_ESCALATED);
  EXPECT_EQ(versions[2].state(), v1::ALERT_STATE_ACTIVE);
  EXPECT_EQ(versions[2].priority(), v1::PRIORITY_HIGH);
  EXPECT_EQ(versions[2].id(), versions[0].id());
  EXPECT_EQ(versions[2].sequence(), 3U);
}

TEST(Alert, AnActionOnAnOlderVersionDoesNotCoverALaterEscalation) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 110);
  log.Observe(kStart + kMinuteNs, "p1", "HR", 140);
  log.Act(kStart + 2 * kMinuteNs, "p1", "zoo.rise", v1::ACTION_KIND_ACKNOWLEDGE, 1);
  const auto versions = Versions(log);
  ASSERT_EQ(versions.size(), 3U);
  EXPECT_EQ(versions[2].state(), v1::ALERT_STATE_ACTIVE);
  EXPECT_EQ(versions[2].actions_size(), 1);
}

TEST(Alert, StepsDownOnlyAfterHalfAnHourOfBeingLower) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 140);
  log.Observe(kStart + 10 * kMinuteNs, "p1", "HR", 110);
  log.Observe(kStart + 20 * kMinuteNs, "p1", "HR", 140);
  log.Observe(kStart + 30 * kMinuteNs, "p1", "HR", 110);
  const auto before = Versions(log, kStart + kHourNs - 1);
  ASSERT_EQ(before.size(), 1U);
  const auto after = Versions(log, kStart + kHourNs);
  ASSERT_EQ(after.size(), 2U);
  EXPECT_EQ(after[1].change(), v1::ALERT_CHANGE_DEESCALATED);
  EXPECT_EQ(after[1].priority(), v1::PRIORITY_MEDIUM);
  EXPECT_EQ(after[1].time_ns(), kStart + kHourNs);
}

TEST(Alert, EndsLatchedUntilSomebodyHasSeenIt) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 110);
  log.Observe(kStart + kMinuteNs, "p1", "HR", 80);
  log.Act(kStart + kHourNs, "p1", "zoo.rise", v1::ACTION_KIND_ACKNOWLEDGE);
  const auto versions = Versions(log);
  ASSERT_EQ(versions.size(), 3U);
  EXPECT_EQ(versions[1].change(), v1::ALERT_CHANGE_ENDED);
  EXPECT_EQ(versions[1].state(), v1::ALERT_STATE_LATCHED);
  EXPECT_EQ(versions[1].time_ns(), kStart + 31 * kMinuteNs);
  EXPECT_EQ(versions[2].state(), v1::ALERT_STATE_RESOLVED);
}

TEST(Alert, EndsResolvedWhereItWasAcknowledged) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 110);
  log.Act(kStart + kMinuteNs, "p1", "zoo.rise", v1::ACTION_KIND_ACKNOWLEDGE);
  log.Observe(kStart + 2 * kMinuteNs, "p1", "HR", 80);
  const auto versions = Versions(log, kStart + kHourNs);
  ASSERT_EQ(versions.size(), 3U);
  EXPECT_EQ(versions[2].state(), v1::ALERT_STATE_RESOLVED);
}

TEST(Alert, ASecondEpisodeIsAnotherAlertWithTheNextSequence) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 110);
  log.Observe(kStart + kMinuteNs, "p1", "HR", 80);
  log.Act(kStart + kHourNs, "p1", "zoo.rise", v1::ACTION_KIND_ACKNOWLEDGE);
  log.Observe(kStart + 2 * kHourNs, "p1", "HR", 110);
  const auto versions = Versions(log);
  ASSERT_EQ(versions.size(), 4U);
  EXPECT_EQ(versions[3].change(), v1::ALERT_CHANGE_RAISED);
  EXPECT_NE(versions[3].id(), versions[0].id());
  EXPECT_EQ(versions[3].sequence(), 4U);
}

TEST(Alert, WhatReturnsWhileNobodyHasSeenItsEndIsTheSameAlert) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 110);
  log.Observe(kStart + kMinuteNs, "p1", "HR", 80);
  log.Observe(kStart + kHourNs, "p1", "HR", 110);
  const auto versions = Versions(log);
  ASSERT_EQ(versions.size(), 3U);
  ASSERT_EQ(versions[1].state(), v1::ALERT_STATE_LATCHED);
  EXPECT_EQ(versions[2].change(), v1::ALERT_CHANGE_RAISED);
  EXPECT_EQ(versions[2].state(), v1::ALERT_STATE_ACTIVE);
  EXPECT_EQ(versions[2].id(), versions[0].id());
  EXPECT_EQ(versions[2].first_seen_ns(), versions[0].first_seen_ns());
  EXPECT_EQ(versions[2].sequence(), 3U);
}

TEST(Alert, DoesNotRepeatItselfForEveryValue) {
  LogByHand log;
  for (int i = 0; i < 600; ++i) log.Observe(kStart + i * kSecondNs, "p1", "HR", 105 + i % 20);
  EXPECT_EQ(Versions(log, kStart + 10 * kMinuteNs).size(), 1U);
}

TEST(Alert, AValueThatMovedIsToldAtMostEveryQuarterOfAnHour) {
  LogByHand log;
  for (int i = 0; i <= 60; ++i) {
    log.Observe(kStart + i * kMinuteNs, "p1", "HR", i % 2 == 0 ? 101 : 128);
  }
  const auto versions = Versions(log);
  EXPECT_GE(versions.size(), 3U);
  for (std::size_t i = 1; i < versions.size(); ++i) {
    EXPECT_EQ(versions[i].change(), v1::ALERT_CHANGE_UPDATED);
    EXPECT_GE(versions[i].time_ns() - versions[i - 1].time_ns(), 15 * kMinuteNs);
  }
}

TEST(Alert, ADismissedOneComesBackOnlyWhenItRises) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 110);
  log.Act(kStart + kMinuteNs, "p1", "zoo.rise", v1::ACTION_KIND_DISMISS);
  log.Observe(kStart + kHourNs, "p1", "HR", 112);
  log.Observe(kStart + 2 * kHourNs, "p1", "HR", 140);
  const auto versions = Versions(log);
  ASSERT_EQ(versions.size(), 3U);
  EXPECT_EQ(versions[1].state(), v1::ALERT_STATE_RESOLVED);
  EXPECT_EQ(versions[1].actions(0).text(), "known");
  EXPECT_EQ(versions[2].change(), v1::ALERT_CHANGE_RAISED);
  EXPECT_EQ(versions[2].time_ns(), kStart + 2 * kHourNs);
}

TEST(Alert, ASnoozeEndsByItselfAndByEscalation) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 110);
  log.Act(kStart + kMinuteNs, "p1", "zoo.rise", v1::ACTION_KIND_SNOOZE);
  const auto versions = Versions(log, kStart + 2 * kHourNs);
  ASSERT_EQ(versions.size(), 3U);
  EXPECT_TRUE(versions[1].has_snoozed_until_ns());
  EXPECT_FALSE(versions[2].has_snoozed_until_ns());
  EXPECT_EQ(versions[2].time_ns(), kStart + kMinuteNs + kHourNs);
  log.Observe(kStart + 5 * kMinuteNs, "p1", "HR", 140);
  const auto risen = Versions(log);
  ASSERT_EQ(risen.size(), 3U);
  EXPECT_FALSE(risen[2].has_snoozed_until_ns());
}

TEST(Alert, AnActionOnNothingIsRejectedInWords) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 80);
  log.Act(kStart, "p1", "zoo.rise", v1::ACTION_KIND_ACKNOWLEDGE);
  const auto engine = EngineWith({"rise"});
  const auto outputs = Play(engine.get(), log.records);
  ASSERT_EQ(outputs.size(), 1U);
  v1::Dead dead;
  ASSERT_TRUE(dead.ParseFromString(outputs[0].payload));
  EXPECT_THAT(dead.sentence(), HasSubstr("no open alert 'zoo.rise'"));
}

TEST(Alert, MovesWithItsPatient) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 110);
  log.Move(kStart + kMinuteNs, "p1", "ward 3");
  const auto engine = EngineWith({"rise"});
  const auto outputs = Play(engine.get(), log.records);
  ASSERT_EQ(outputs.size(), 3U);
  const auto versions = AlertsIn(outputs);
  EXPECT_EQ(outputs[1].topic, "alert.icu.p1.zoo%2Erise.");
  EXPECT_FALSE(outputs[1].open);
  EXPECT_EQ(versions[1].change(), v1::ALERT_CHANGE_MOVED);
  EXPECT_EQ(outputs[2].topic, "alert.ward%203.p1.zoo%2Erise.");
  EXPECT_TRUE(outputs[2].open);
  EXPECT_EQ(versions[2].unit(), "ward 3");
  EXPECT_EQ(versions[2].sequence(), 3U);
}

TEST(Canonical, HasEveryKeyInOrderAndEscapesText) {
  v1::Alert alert;
  alert.set_patient_id("p\"1\\\n\x01");
  alert.set_priority(v1::PRIORITY_HIGH);
  alert.set_time_ns(kStart);
  alert.add_evidence()->set_value(0.1);
  const std::string json = CanonicalJson(alert);
  EXPECT_THAT(json, testing::StartsWith("{\"patient\":\"p\\\"1\\\\\\n\\u0001\",\"sequence\":0,"
                                        "\"time\":\"2024-03-01T08:00:00Z\",\"detector\":"));
  std::size_t at = 0;
  for (const char* key : {"patient", "sequence", "time", "detector", "condition", "priority",
                          "state", "evidence", "missing", "competing", "work_up", "suppressed"}) {
    const std::size_t found = json.find("\"" + std::string(key) + "\":");
    ASSERT_NE(found, std::string::npos) << key;
    EXPECT_GE(found, at) << key;
    at = found;
  }
  EXPECT_THAT(json, HasSubstr("\"value\":0.1,\"unit\":\"\",\"baseline\":null"));
}

}  // namespace
}  // namespace tonus::core
