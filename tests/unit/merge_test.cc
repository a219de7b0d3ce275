// Two identifiers that turn out to be one patient.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/alerts/canonical.h"
#include "core/history.h"
#include "tests/unit/engine_fixture.h"

namespace tonus::core {
namespace {

using testing::HasSubstr;

/// The log of a test.
struct LogInMemory : History {
  explicit LogInMemory(const LogByHand& log_in) : log(log_in) {}
  Result<void> Read(LogTimeNs from, Offset before, const See& see) override {
    if (gone) return Fail(ErrorCode::kRefused, "the log begins later");
    for (const Record& record : log.records) {
      if (record.offset < before && record.recorded_ns >= from) see(record);
    }
    return {};
  }
  const LogByHand& log;
  bool gone = false;
};

void Merge(LogByHand* log, std::int64_t at, const std::string& survivor,
           const std::string& merged) {
  v1::Event event = log->EventOf(at, survivor, "adt");
  event.mutable_encounter()->set_action(v1::ENCOUNTER_ACTION_MERGE);
  event.mutable_encounter()->set_merged_id(merged);
  log->Add(at, "encounter.icu." + survivor + ".", event.SerializeAsString());
}

std::unique_ptr<Engine> EngineOn(History* history, unsigned shards = 1) {
  EngineOptions options = OptionsWith({"rise"});
  options.history = history;
  options.shards = shards;
  auto engine = Engine::Create(options);
  EXPECT_TRUE(engine.has_value());
  return std::move(*engine);
}

std::vector<v1::Dead> DeadIn(const std::vector<Output>& outputs) {
  std::vector<v1::Dead> dead;
  for (const Output& output : outputs) {
    if (output.topic.rfind("dead.", 0) == 0) dead.emplace_back().ParseFromString(output.payload);
  }
  return dead;
}

std::vector<std::string> Lines(const std::vector<Output>& outputs) {
  std::vector<std::string> lines;
  for (const Output& output : outputs) {
    std::string line = std::to_string(output.time_ns) + " " + output.topic + " ";
    v1::Alert alert;
    const bool parsed =
        output.topic.rfind("alert.", 0) == 0 && alert.ParseFromString(output.payload);
    lines.push_back(line + (parsed ? CanonicalJson(alert) : output.payload));
  }
  return lines;
}

/// p2 has an open alert; p1 is quiet; then p2 turns out to be p1.
LogByHand TwoWhoAreOne() {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 80);
  log.Observe(kStart + kMinuteNs, "p2", "HR", 110);
  log.Observe(kStart + 2 * kMinuteNs, "p3", "HR", 120);
  Merge(&log, kStart + 3 * kMinuteNs, "p1", "p2");
  return log;
}

TEST(Merging, ClosesTheAlertsOfOneAndSaysOnTheOtherWhatBothTogetherMean) {
  const LogByHand log = TwoWhoAreOne();
  LogInMemory history(log);
  const auto outputs = Play(EngineOn(&history).get(), log.records);
  EXPECT_TRUE(DeadIn(outputs).empty());
  const auto gone = AlertsIn(outputs, "alert.icu.p2.");
  ASSERT_EQ(gone.size(), 2U);
  EXPECT_EQ(gone[1].state(), v1::ALERT_STATE_RESOLVED);
  EXPECT_THAT(gone[1].headline(), HasSubstr("this is patient p1"));
  const auto kept = AlertsIn(outputs, "alert.icu.p1.");
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].state(), v1::ALERT_STATE_ACTIVE);
  EXPECT_EQ(kept[0].sequence(), 1U);
  ASSERT_EQ(kept[0].evidence_size(), 1);
  ASSERT_EQ(kept[0].evidence(0).records_size(), 1);
  EXPECT_EQ(kept[0].evidence(0).records(0).sequence(), 2U);  // what was said of p2
}

TEST(Merging, WhatComesUnderTheFormerNameIsTheSurvivors) {
  LogByHand log = TwoWhoAreOne();
  log.Observe(kStart + 4 * kMinuteNs, "p2", "HR", 140);
  LogInMemory history(log);
  const auto outputs = Play(EngineOn(&history).get(), log.records);
  const auto alerts = AlertsIn(outputs, "alert.icu.p1.");
  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_EQ(alerts[1].change(), v1::ALERT_CHANGE_ESCALATED);
  EXPECT_EQ(AlertsIn(outputs, "alert.icu.p2.").size(), 2U);
}

TEST(Merging, ADischargeUnderTheFormerNameEndsNoWatch) {
  LogByHand log = TwoWhoAreOne();
  log.Move(kStart + 4 * kMinuteNs, "p2", "icu", v1::ENCOUNTER_ACTION_DISCHARGE);
  log.Tick(kStart + 5 * kHourNs);
  LogInMemory history(log);
  const auto alerts =
      AlertsIn(Play(EngineOn(&history).get(), log.records), "alert.icu.p1.zoo%2Erise.");
  ASSERT_FALSE(alerts.empty());
  EXPECT_EQ(alerts.back().state(), v1::ALERT_STATE_ACTIVE);
}

TEST(Merging, IsRefusedInWordsWhereTheRecordsAreGone) {
  LogByHand log = TwoWhoAreOne();
  LogInMemory history(log);
  history.gone = true;
  for (History* each : {static_cast<History*>(nullptr), static_cast<History*>(&history)}) {
    const auto outputs = Play(EngineOn(each).get(), log.records);
    const auto dead = DeadIn(outputs);
    ASSERT_EQ(dead.size(), 1U);
    EXPECT_EQ(dead[0].code(), "not_merged");
    EXPECT_THAT(dead[0].sentence(), HasSubstr("publish under one identifier from now on"));
    EXPECT_EQ(AlertsIn(outputs, "alert.icu.p2.").size(), 1U);  // it stays open
  }
}

TEST(Merging, RefusesAMergeWithWhomIsSomebodyElseAlready) {
  LogByHand log = TwoWhoAreOne();
  Merge(&log, kStart + 4 * kMinuteNs, "p2", "p3");
  Merge(&log, kStart + 5 * kMinuteNs, "p3", "p2");
  LogInMemory history(log);
  const auto dead = DeadIn(Play(EngineOn(&history).get(), log.records));
  ASSERT_EQ(dead.size(), 2U);
  EXPECT_THAT(dead[0].sentence(), HasSubstr("'p2' is itself 'p1'"));
  EXPECT_THAT(dead[1].sentence(), HasSubstr("'p2' is 'p1'"));
}

/// Events of five identifiers; three of them are one in the end, and most is sent under two names.
LogByHand Tangle() {
  LogByHand log;
  std::int64_t at = kStart;
  for (int i = 0; i < 400; ++i) {
    at += 37 * kSecondNs;
    const std::string name = "p" + std::to_string(i * i % 5);
    log.Observe(at, name, "HR", 70 + i * 13 % 75);
    if (i % 3 == 0) {  // the same message under another name
      v1::Event event;
      event.ParseFromString(log.records.back().payload);
      event.set_patient_id("p1");
      log.Add(at, "vitals.icu.p1.", event.SerializeAsString());
    }
    if (i == 150) Merge(&log, at, "p4", "p1");
    if (i == 290) Merge(&log, at, "p0", "p4");
  }
  log.Tick(at + 6 * kHourNs);
  return log;
}

TEST(Merging, GivesTheSameForAnyShardsAndBatches) {
  const LogByHand log = Tangle();
  LogInMemory history(log);
  const auto expected = Lines(Play(EngineOn(&history).get(), log.records, 1));
  EXPECT_TRUE(std::any_of(expected.begin(), expected.end(), [](const std::string& line) {
    return line.find("this is patient p0") != std::string::npos;
  }));
  for (const unsigned shards : {1U, 2U, 3U, 7U}) {
    for (const std::size_t batch : {1U, 5U, 64U, 4096U}) {
      EXPECT_EQ(Lines(Play(EngineOn(&history, shards).get(), log.records, batch)), expected)
          << shards << " shards, batch " << batch;
    }
  }
}

TEST(Merging, CountsNothingTwice) {
  LogByHand both;
  LogByHand one;
  for (int i = 0; i < 50; ++i) {
    const std::int64_t at = kStart + i * kMinuteNs;
    one.Observe(at, "p1", "HR", 80 + i % 5);
    both.Observe(at, "p1", "HR", 80 + i % 5);
    v1::Event event;
    event.ParseFromString(both.records.back().payload);
    event.set_patient_id("p2");
    both.Add(at, "vitals.icu.p2.", event.SerializeAsString());
  }
  Merge(&both, kStart + kHourNs, "p1", "p2");
  LogInMemory history(both);
  const auto engine = EngineOn(&history);
  Play(engine.get(), both.records);
  const auto alone = EngineOn(nullptr);
  Play(alone.get(), one.records);
  // The state of the survivor holds as many values as that of one who was named once.
  const auto size_of = [](Engine* each) {
    std::vector<PatientBlob> blobs;
    each->BeginCut();
    while (each->SweepCut(1 << 20, &blobs)) {
    }
    const auto found = std::find_if(blobs.begin(), blobs.end(),
                                    [](const PatientBlob& blob) { return blob.patient == "p1"; });
    return found == blobs.end() ? std::size_t{0} : found->bytes.size();
  };
  EXPECT_NEAR(static_cast<double>(size_of(engine.get())), static_cast<double>(size_of(alone.get())),
              40);
}

TEST(Merging, OutlivesACheckpoint) {
  const LogByHand log = Tangle();
  LogInMemory history(log);
  const auto expected = Lines(Play(EngineOn(&history).get(), log.records));
  for (const std::size_t cut : {250U, 480U, 530U}) {
    std::vector<Output> outputs;
    std::vector<PatientBlob> blobs;
    std::string head;
    {
      const auto engine = EngineOn(&history, 2);
      engine->Process({log.records.data(), cut}, &outputs);
      head = engine->BeginCut();
      while (engine->SweepCut(1 << 20, &blobs)) {
      }
    }
    const auto engine = EngineOn(&history, 3);
    ASSERT_TRUE(engine->BeginRestore(head).has_value());
    std::vector<UnreadablePatient> bad;
    engine->RestorePatients(blobs, true, &bad);
    ASSERT_TRUE(bad.empty()) << bad[0].words;
    ASSERT_TRUE(engine->EndRestore().has_value());
    engine->Process({log.records.data() + cut, log.records.size() - cut}, &outputs);
    EXPECT_EQ(Lines(outputs), expected) << cut;
  }
}

}  // namespace
}  // namespace tonus::core
