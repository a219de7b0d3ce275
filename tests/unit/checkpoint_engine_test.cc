// Cuts and restores of an engine, one thing at a time; tests/scenario/checkpoint_run_test.cc does
// it at random over wards and scenarios.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/engine_fixture.h"

namespace tonus::core {
namespace {

using Blobs = std::map<std::string, std::string>;

void FinishCut(Engine* engine, Blobs* blobs) {
  std::vector<PatientBlob> saved;
  while (engine->SweepCut(1, &saved)) {
  }
  for (PatientBlob& blob : saved) (*blobs)[blob.patient] = std::move(blob.bytes);
}

std::vector<UnreadablePatient> Restore(Engine* engine, const std::string& head,
                                       const Blobs& blobs) {
  std::vector<UnreadablePatient> unreadable;
  EXPECT_TRUE(engine->BeginRestore(head));
  for (const auto& [patient, bytes] : blobs) {
    engine->RestorePatients(std::vector<PatientBlob>{{patient, bytes}}, false, &unreadable);
  }
  EXPECT_TRUE(engine->EndRestore());
  return unreadable;
}

std::vector<Output> PlayOn(Engine* engine, const LogByHand& log) {
  std::vector<Output> out;
  engine->Process(log.records, &out);
  return out;
}

TEST(Cut, HoldsEachPatientAsHeWasThoughTimersFireBeforeHeIsSaved) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 80);
  log.Observe(kStart, "p2", "HR", 80);
  const auto engine = EngineWith({"rise"});
  PlayOn(engine.get(), log);
  const std::string head = engine->BeginCut();
  log.Tick(kStart + 5 * kHourNs);
  const auto expected = PlayOn(engine.get(), log);
  ASSERT_EQ(AlertsIn(expected).size(), 2U);
  Blobs blobs;
  FinishCut(engine.get(), &blobs);
  EXPECT_EQ(blobs.size(), 2U);

  const auto restored = EngineWith({"rise"}, 2);
  EXPECT_TRUE(Restore(restored.get(), head, blobs).empty());
  const auto again = PlayOn(restored.get(), log);
  ASSERT_EQ(again.size(), expected.size());
  for (std::size_t i = 0; i < again.size(); ++i) EXPECT_EQ(again[i].payload, expected[i].payload);
}

TEST(Cut, APatientWhomOnlyATimerTouchedIsSavedByTheNext) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 80);
  log.Observe(kStart, "p2", "HR", 80);
  const auto engine = EngineWith({"rise"});
  PlayOn(engine.get(), log);
  Blobs blobs;
  static_cast<void>(engine->BeginCut());
  FinishCut(engine.get(), &blobs);
  log.Tick(kStart + 5 * kHourNs);
  ASSERT_EQ(AlertsIn(PlayOn(engine.get(), log)).size(), 2U);
  const std::string head = engine->BeginCut();
  FinishCut(engine.get(), &blobs);

  const auto restored = EngineWith({"rise"});
  EXPECT_TRUE(Restore(restored.get(), head, blobs).empty());
  log.Tick(kStart + 6 * kHourNs);
  EXPECT_TRUE(AlertsIn(PlayOn(restored.get(), log)).empty()) << "it was said before the cut";
}

TEST(Cut, WhoIsNotTouchedIsNotSavedAgain) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 80);
  log.Observe(kStart, "p2", "HR", 80);
  const auto engine = EngineWith({"rise"});
  PlayOn(engine.get(), log);
  Blobs blobs;
  static_cast<void>(engine->BeginCut());
  FinishCut(engine.get(), &blobs);
  EXPECT_EQ(blobs.size(), 2U);
  log.Observe(kStart + kMinuteNs, "p2", "HR", 81);
  PlayOn(engine.get(), log);
  static_cast<void>(engine->BeginCut());
  Blobs second;
  FinishCut(engine.get(), &second);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second.count("p2"), 1U);
}

TEST(Cut, WhatWasGivenUpBelongsToTheNext) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 80);
  log.Observe(kStart, "p2", "HR", 80);
  const auto engine = EngineWith({"rise"});
  PlayOn(engine.get(), log);
  static_cast<void>(engine->BeginCut());
  std::vector<PatientBlob> lost;
  EXPECT_TRUE(engine->SweepCut(1, &lost));
  EXPECT_EQ(lost.size(), 1U);
  engine->AbandonCut();
  static_cast<void>(engine->BeginCut());
  Blobs blobs;
  FinishCut(engine.get(), &blobs);
  EXPECT_EQ(blobs.size(), 2U);
}

TEST(Restore, LeavesOutWhoCannotBeReadAndSaysWhy) {
  LogByHand log;
  for (const char* patient : {"p1", "p2", "p3", "p4"}) log.Observe(kStart, patient, "HR", 120);
  const auto engine = EngineWith({"rise"});
  PlayOn(engine.get(), log);
  const std::string head = engine->BeginCut();
  Blobs blobs;
  FinishCut(engine.get(), &blobs);
  blobs["p2"].resize(blobs["p2"].size() / 2);
  blobs["p3"] = blobs["p1"];
  blobs["p4"][0] = 99;

  const auto restored = EngineWith({"rise"});
  const auto unreadable = Restore(restored.get(), head, blobs);
  ASSERT_EQ(unreadable.size(), 3U);
  EXPECT_EQ(unreadable[0].patient, "p2");
  EXPECT_THAT(unreadable[0].words, testing::HasSubstr("cut short"));
  EXPECT_THAT(unreadable[1].words, testing::HasSubstr("another patient's"));
  EXPECT_THAT(unreadable[2].words, testing::HasSubstr("format 99"));
  EXPECT_EQ(restored->Stats().patients, 1U);
  EXPECT_EQ(restored->LastAlerts().size(), 1U);
}

TEST(Restore, ADetectorThatDoesNotTakeItsStateIsNamed) {
  for (const char* zoo : {"load_fails", "save_fails", "saves_too_much"}) {
    LogByHand log;
    log.Observe(kStart, "p1", "HR", 120);
    const auto engine = EngineWith({zoo});
    PlayOn(engine.get(), log);
    const std::string head = engine->BeginCut();
    Blobs blobs;
    FinishCut(engine.get(), &blobs);
    ASSERT_EQ(blobs.size(), 1U) << zoo;
    const auto restored = EngineWith({zoo});
    const auto unreadable = Restore(restored.get(), head, blobs);
    ASSERT_EQ(unreadable.size(), 1U) << zoo;
    EXPECT_THAT(unreadable[0].words, testing::HasSubstr("detector 'rise'")) << zoo;
  }
}

TEST(Restore, AForeignHeadIsRefused) {
  EXPECT_FALSE(EngineWith({"rise"})->BeginRestore("no head at all"));
  EXPECT_FALSE(EngineWith({"rise"})->BeginRestore(""));
}

}  // namespace
}  // namespace tonus::core
