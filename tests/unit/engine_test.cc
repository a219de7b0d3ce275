#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "base/topic.h"
#include "core/alerts/canonical.h"
#include "tests/unit/engine_fixture.h"

namespace tonus::core {
namespace {

TEST(Engine, SaysOnceWhatADetectorFinds) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 80);
  log.Observe(kStart + kMinuteNs, "p1", "HR", 110);
  log.Observe(kStart + 2 * kMinuteNs, "p1", "HR", 111);
  const auto engine = EngineWith({"rise"});
  const auto alerts = AlertsIn(Play(engine.get(), log.records));
  ASSERT_EQ(alerts.size(), 1U);
  const v1::Alert& alert = alerts[0];
  EXPECT_EQ(alert.condition(), "zoo.rise");
  EXPECT_EQ(alert.sequence(), 1U);
  EXPECT_EQ(alert.priority(), v1::PRIORITY_MEDIUM);
  EXPECT_EQ(alert.state(), v1::ALERT_STATE_ACTIVE);
  EXPECT_EQ(alert.change(), v1::ALERT_CHANGE_RAISED);
  EXPECT_EQ(alert.tier(), "watch");
  EXPECT_EQ(alert.unit(), "icu");
  ASSERT_EQ(alert.evidence_size(), 1);
  EXPECT_THAT(alert.evidence(0).text(), testing::HasSubstr("110"));
  ASSERT_EQ(alert.evidence(0).records_size(), 1);
  EXPECT_EQ(alert.evidence(0).records(0).sequence(), 2U);
  EXPECT_EQ(alert.evidence(0).setting(), "limit_per_min");
  ASSERT_EQ(alert.missing_size(), 1);
  EXPECT_EQ(alert.missing(0).name(), "TEMP");
  ASSERT_EQ(alert.competing_size(), 1);
  EXPECT_EQ(alert.competing(0).condition(), "infection");
  EXPECT_THAT(alert.limits(), testing::HasSubstr("Not a diagnosis"));
}

TEST(Engine, ATimerFiresBeforeTheFirstRecordLaterThanItsDeadline) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 80);
  log.Tick(kStart + 2 * kHourNs);  // not later than the deadline
  log.Tick(kStart + 5 * kHourNs);
  const auto engine = EngineWith({"rise"});
  const auto outputs = Play(engine.get(), log.records, 1);
  ASSERT_EQ(outputs.size(), 3U);
  EXPECT_EQ(outputs[0].topic, "progress.");
  EXPECT_EQ(outputs[1].topic, "alert.icu.p1.zoo%2Erise_quiet.");
  EXPECT_EQ(outputs[1].time_ns, kStart + 2 * kHourNs);
  EXPECT_EQ(outputs[2].topic, "progress.");
  v1::Progress progress;
  ASSERT_TRUE(progress.ParseFromString(outputs[2].payload));
  EXPECT_EQ(progress.processed_offset(), 3U);
  ASSERT_EQ(progress.units_size(), 1);
  EXPECT_EQ(progress.units(0).alerts(), 1U);
}

TEST(Engine, AdvancingFiresWhatIsDueAtThatTime) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 80);
  const auto engine = EngineWith({"rise"});
  auto outputs = Play(engine.get(), log.records);
  engine->AdvanceTo(kStart + 2 * kHourNs - 1, &outputs);
  EXPECT_TRUE(outputs.empty());
  engine->AdvanceTo(kStart + 2 * kHourNs, &outputs);
  EXPECT_EQ(outputs.size(), 1U);
}

TEST(Engine, PassesOverItsOwnOutputsAndWhatItHasSeen) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  const auto engine = EngineWith({"rise"});
  auto outputs = Play(engine.get(), log.records);
  ASSERT_EQ(outputs.size(), 1U);
  Record own;
  own.offset = 2;
  own.recorded_ns = kStart + 10 * kHourNs;
  own.topic = outputs[0].topic;
  own.payload = outputs[0].payload;
  outputs.clear();
  engine->Process({&own, 1}, &outputs);
  engine->Process(log.records, &outputs);
  EXPECT_TRUE(outputs.empty());
}

TEST(Engine, ARepeatedInputIsDroppedAndCounted) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 80);
  log.Add(kStart + kSecondNs, log.records[0].topic, log.records[0].payload);
  const auto engine = EngineWith({"rise"});
  Play(engine.get(), log.records);
  EXPECT_EQ(engine->Stats().events, 1U);
  EXPECT_EQ(engine->Stats().dropped, 1U);
}

TEST(Engine, RejectedInputIsAnsweredInDead) {
  LogByHand log;
  log.Observe(kStart, "p1", "NO_SUCH_SIGNAL", 80);
  log.Add(kStart, "vitals.icu.p1.", "rubbish");
  const auto engine = EngineWith({"rise"});
  const auto outputs = Play(engine.get(), log.records);
  ASSERT_EQ(outputs.size(), 2U);
  v1::Dead dead;
  EXPECT_EQ(outputs[0].topic, "dead.icu.p1.");
  ASSERT_TRUE(dead.ParseFromString(outputs[0].payload));
  EXPECT_EQ(dead.code(), "unknown_code");
  EXPECT_EQ(dead.record().sequence(), 1U);
  ASSERT_TRUE(dead.ParseFromString(outputs[1].payload));
  EXPECT_EQ(dead.code(), "malformed");
  EXPECT_EQ(engine->Stats().rejected.at("malformed"), 1U);
}

TEST(Engine, ThePayloadOfARefusedMessageStandsInDeadOnce) {
  LogByHand log;
  v1::Event event = log.EventOf(kStart, "p1", "monitor");
  for (const char* name : {"NO_SUCH_SIGNAL", "NOR_THIS"}) {
    v1::Observation* item = event.mutable_observations()->add_items();
    item->mutable_code()->set_code(name);
    item->set_quantity(80);
  }
  log.Add(kStart, "vitals.icu.p1.", event.SerializeAsString());
  const auto engine = EngineWith({"rise"});
  const auto outputs = Play(engine.get(), log.records);
  ASSERT_EQ(outputs.size(), 2U);
  v1::Dead dead;
  ASSERT_TRUE(dead.ParseFromString(outputs[0].payload));
  EXPECT_EQ(dead.payload(), log.records[0].payload);
  ASSERT_TRUE(dead.ParseFromString(outputs[1].payload));
  EXPECT_EQ(dead.payload(), "");
  EXPECT_EQ(dead.payload_bytes(), log.records[0].payload.size());
}

TEST(Engine, AFindingThatIsHeldAfterItClearedDoesNotEnd) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  log.Observe(kStart + kMinuteNs, "p1", "HR", 80);
  log.Observe(kStart + 2 * kMinuteNs, "p1", "HR", 50);
  log.Tick(kStart + kHourNs);
  const auto engine = EngineWith({"holds"});
  const auto alerts = AlertsIn(Play(engine.get(), log.records));
  ASSERT_FALSE(alerts.empty());
  EXPECT_EQ(alerts.back().state(), v1::ALERT_STATE_ACTIVE);
}

TEST(Engine, ASilentSourceIsNamedWithItsPatientsAndClears) {
  LogByHand log;
  std::int64_t at = kStart;
  for (int i = 0; i < 10; ++i, at += kMinuteNs) log.Observe(at, "p1", "TEMP", 36.8, "bed 7");
  const std::int64_t last = at - kMinuteNs;
  log.Tick(last + 15 * kMinuteNs);
  log.Tick(last + 15 * kMinuteNs + 1);
  log.Observe(last + kHourNs, "p1", "TEMP", 36.9, "bed 7");
  const auto engine = EngineWith({"rise"});
  const auto tech = TechIn(Play(engine.get(), log.records, 3));
  ASSERT_EQ(tech.size(), 2U);
  EXPECT_EQ(tech[0].kind(), "source_silent");
  EXPECT_EQ(tech[0].subject(), "bed 7");
  EXPECT_EQ(tech[0].time_ns(), last + 15 * kMinuteNs);
  ASSERT_EQ(tech[0].patients_size(), 1);
  EXPECT_EQ(tech[0].patients(0), "p1");
  EXPECT_EQ(tech[1].state(), v1::TECH_STATE_RESOLVED);
}

TEST(Engine, ASourceWhoseClockIsWrongIsNamedAndClears) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 80, "bed 7");
  for (int i = 1; i <= 6; ++i) {
    log.Observe(kStart + i * kMinuteNs, "p1", "HR", 80, "bed 7");
    log.records.back().recorded_ns -= 30 * kMinuteNs;
  }
  std::sort(log.records.begin(), log.records.end(),
            [](const Record& a, const Record& b) { return a.recorded_ns < b.recorded_ns; });
  for (std::size_t i = 0; i < log.records.size(); ++i) log.records[i].offset = i + 1;
  const std::int64_t right = log.records.back().recorded_ns;
  for (int i = 1; i <= 12; ++i) log.Observe(right + i * kMinuteNs, "p1", "HR", 80, "bed 7");
  const auto engine = EngineWith({"rise"});
  const auto tech = TechIn(Play(engine.get(), log.records, 2));
  ASSERT_EQ(tech.size(), 2U) << "said once, and once that it is over";
  EXPECT_EQ(tech[0].kind(), "clock_skew");
  EXPECT_EQ(tech[0].subject(), "bed 7");
  EXPECT_EQ(tech[1].kind(), "clock_skew");
  EXPECT_EQ(tech[1].state(), v1::TECH_STATE_RESOLVED);
}

TEST(Engine, WhatTheBrokerRefusesIsSaidOfItsProducerAndClears) {
  LogByHand log;
  std::int64_t at = kStart;
  for (int i = 0; i < 40; ++i, at += kMinuteNs) {
    log.Observe(at, "p1", "HR", 80, "bed 7");
    if (i < 24 && i % 2 == 0) log.Add(at, "dead._._.", v1::Dead().SerializeAsString());
  }
  for (const std::size_t batch : {1U, 7U, 64U}) {
    const auto tech = TechIn(Play(EngineWith({"rise"}).get(), log.records, batch));
    ASSERT_EQ(tech.size(), 2U) << "one event in three is refused: said once, not with each";
    EXPECT_EQ(tech[0].kind(), "events_rejected");
    EXPECT_EQ(tech[0].subject(), "test");
    EXPECT_EQ(tech[0].since_ns(), kStart);
    EXPECT_EQ(tech[1].state(), v1::TECH_STATE_RESOLVED);
  }
}

TEST(Engine, TheMonitorOfAUnitThatThePatientLeftIsNotWaitedFor) {
  LogByHand log;
  std::int64_t at = kStart;
  for (int i = 0; i < 10; ++i, at += kMinuteNs) log.Observe(at, "p1", "TEMP", 36.8, "bed 7");
  log.Move(at, "p1", "ward");
  for (int i = 0; i < 10; ++i, at += kMinuteNs) log.Observe(at, "p1", "TEMP", 36.8, "bed 21");
  log.Tick(at + kDayNs);
  const auto tech = TechIn(Play(EngineWith({"rise"}).get(), log.records));
  ASSERT_EQ(tech.size(), 1U);
  EXPECT_EQ(tech[0].subject(), "bed 21") << "he is still there, and his new monitor is missed";
}

TEST(Engine, ADischargedPatientsMonitorIsNotWaitedFor) {
  LogByHand log;
  std::int64_t at = kStart;
  for (int i = 0; i < 10; ++i, at += kMinuteNs) log.Observe(at, "p1", "HR", 120);
  log.Move(at, "p1", "", v1::ENCOUNTER_ACTION_DISCHARGE);
  log.Tick(at + kDayNs);
  const auto engine = EngineWith({"rise"});
  const auto outputs = Play(engine.get(), log.records);
  EXPECT_TRUE(TechIn(outputs).empty());
  const auto alerts = AlertsIn(outputs);
  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_EQ(alerts[1].state(), v1::ALERT_STATE_RESOLVED);
  EXPECT_EQ(alerts[1].time_ns(), at + kHourNs);
}

/// Many patients, values that cross every limit, late samples, actions, transfers, gaps, ticks.
LogByHand RandomWard(std::uint64_t seed, int steps) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  LogByHand log;
  std::int64_t at = kStart;
  for (int i = 0; i < steps; ++i) {
    const std::string patient = "p" + std::to_string(below(23));
    at += static_cast<std::int64_t>(below(4)) * 20 * kSecondNs;
    if (below(200) == 0) at += 3 * kHourNs;
    switch (below(40)) {
      case 0:
        log.Act(at, patient, "zoo.rise", static_cast<v1::ActionKind>(1 + below(4)));
        break;
      case 1:
        log.Move(at, patient, "unit" + std::to_string(below(3)));
        break;
      case 2:
        log.Tick(at);
        break;
      case 3:
        log.Observe(at, patient, "NOTHING", 1);
        break;
      case 4:
        log.Move(at, patient, "", v1::ENCOUNTER_ACTION_DISCHARGE);
        break;
      default:
        log.Observe(at, patient, below(3) == 0 ? "TEMP" : "HR", 35 + static_cast<double>(below(7)),
                    "m" + std::to_string(below(9)));
        if (log.records.back().payload.find("HR") != std::string::npos) {
          log.records.pop_back();
          log.Observe(at, patient, "HR", 60 + static_cast<double>(below(100)),
                      "m" + std::to_string(below(9)));
        }
    }
  }
  return log;
}

std::string Bytes(const std::vector<Output>& outputs) {
  std::string text;
  for (const Output& output : outputs) {
    text += output.topic + " " + std::to_string(output.digest) + " " +
            std::to_string(output.time_ns) + " " + std::to_string(output.cause) + " " +
            (output.open ? "open " : "shut ") + output.payload + "\n";
  }
  return text;
}

TEST(Engine, ShardsAndBatchesChangeNotOneByte) {
  const char* given = std::getenv("TONUS_SEED");
  const std::uint64_t seed = given == nullptr ? 20240301 : std::strtoull(given, nullptr, 10);
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("TONUS_SEED=" + std::to_string(seed));
  const LogByHand log = RandomWard(seed, 6000);
  EngineOptions options = OptionsWith({"follower", "rise"});
  std::string expected;
  for (const unsigned shards : {1U, 2U, 4U, 7U}) {
    for (const std::size_t batch : {std::size_t{1}, std::size_t{64}, std::size_t{4096}}) {
      options.shards = shards;
      auto engine = Engine::Create(options);
      ASSERT_TRUE(engine.has_value()) << engine.error().Message();
      auto outputs = Play(engine->get(), log.records, batch);
      (*engine)->AdvanceTo(log.records.back().recorded_ns + kDayNs, &outputs);
      const std::string bytes = Bytes(outputs);
      if (expected.empty()) {
        expected = bytes;
        EXPECT_GT(AlertsIn(outputs).size(), 100U);
      }
      ASSERT_TRUE(bytes == expected) << shards << " shards, batches of " << batch;
    }
  }
}

TEST(Engine, TicksChangeNothingButProgress) {
  const LogByHand log = RandomWard(7, 3000);
  LogByHand dense;
  std::int64_t last = kStart;
  for (const Record& record : log.records) {
    for (std::int64_t at = last + 7 * kMinuteNs; at < record.recorded_ns; at += 7 * kMinuteNs) {
      dense.Tick(at);
    }
    last = record.recorded_ns;
    Record& copy = dense.Add(record.recorded_ns, record.topic, record.payload);
    copy.sequence = record.sequence;
  }
  const auto alerts = [](const LogByHand& of) {
    const auto engine = EngineWith({"follower", "rise"}, 2);
    std::string text;
    for (const v1::Alert& alert : AlertsIn(Play(engine.get(), of.records, 100))) {
      text += CanonicalJson(alert) + "\n";
    }
    return text;
  };
  EXPECT_TRUE(alerts(log) == alerts(dense));
}

/// Every output must pass the broker: its topic's length, its payload's, and whoever parses it.
void ExpectPublishable(const std::vector<Output>& outputs) {
  constexpr std::size_t kMostPayload = 256U << 10U;  // a quarter of what a broker takes
  for (const Output& output : outputs) {
    EXPECT_TRUE(ParseTopic(output.topic).has_value()) << output.topic;
    EXPECT_LT(output.payload.size(), kMostPayload) << output.topic.substr(0, 80);
    if (output.topic.rfind("alert.", 0) == 0) {
      EXPECT_TRUE(v1::Alert().ParseFromString(output.payload)) << output.topic;
    }
    if (output.topic.rfind("dead.", 0) == 0) {
      EXPECT_TRUE(v1::Dead().ParseFromString(output.payload)) << output.topic;
    }
  }
}

TEST(Engine, HugeTextsFromOutsideNeverMakeAnOutputThatABrokerRefuses) {
  const std::string huge(900U << 10U, 'x');
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  const auto act = [&](const std::string& condition, const std::string& by) {
    v1::Event event = log.EventOf(kStart + kMinuteNs, "p1", "console");
    event.mutable_action()->set_kind(v1::ACTION_KIND_COMMENT);
    event.mutable_action()->set_condition(condition);
    event.mutable_action()->set_by(by);
    event.mutable_action()->set_note("ä" + huge);
    log.Add(kStart + kMinuteNs, "action.icu.p1.", event.SerializeAsString());
  };
  act("zoo.rise", "nurse.a");
  act("zoo.rise", "nurse.b");
  act("zoo.rise", huge);
  act(huge, "nurse.a");
  v1::Event yes_no = log.EventOf(kStart + kMinuteNs, "p1", "chart");
  yes_no.mutable_observations()->add_items()->mutable_code()->set_code("PRURITUS");
  yes_no.mutable_observations()->mutable_items(0)->set_quantity(7);
  yes_no.mutable_observations()->mutable_items(0)->set_unit(huge);
  log.Add(kStart + kMinuteNs, "assessment.icu.p1.", yes_no.SerializeAsString());
  std::int64_t at = kStart + kHourNs;
  for (int i = 0; i < 10; ++i, at += kMinuteNs) {
    log.Observe(at, "p1", "TEMP", 36.8, "bed 7 " + huge);
    log.Observe(at, "p1", "TEMP", 36.8, std::string(60, '/') + "7");  // escaped: three times
  }
  log.Tick(at + kHourNs);
  const auto engine = EngineWith({"rise"});
  const auto outputs = Play(engine.get(), log.records);
  ExpectPublishable(outputs);
  const auto alerts = AlertsIn(outputs);
  ASSERT_GE(alerts.size(), 3U);
  EXPECT_EQ(alerts[2].actions_size(), 2);
  EXPECT_GE(TechIn(outputs).size(), 1U);
}

TEST(Engine, UnitsOfAnyBytesAndLengthStillGetTheirAlerts) {
  LogByHand log;
  const auto observe = [&](const std::string& unit, const std::string& patient) {
    v1::Event event = log.EventOf(kStart, UnescapeTopicPart(patient), "monitor");
    event.mutable_observations()->add_items()->mutable_code()->set_code("HR");
    event.mutable_observations()->mutable_items(0)->set_quantity(120);
    log.Add(kStart, "vitals." + unit + "." + patient + ".", event.SerializeAsString());
  };
  observe("S%FCd", "p1");  // Latin-1
  observe(std::string(208, 'u'), std::string(36, 'p'));
  std::string letters;
  for (int i = 0; i < 32; ++i) letters += "%D0%96";
  observe(letters, "p3");
  observe("icu", letters);
  const auto engine = EngineWith({"rise"});
  const auto outputs = Play(engine.get(), log.records);
  ExpectPublishable(outputs);
  EXPECT_EQ(AlertsIn(outputs).size(), 4U);
}

TEST(Engine, ConfigDigestFollowsSettings) {
  EngineOptions options = OptionsWith({"rise"});
  const auto one = Engine::Create(options);
  options.plugins[0].settings["limit_per_min"] = "120";
  const auto other = Engine::Create(options);
  options.plugins[0].settings["limit_per_min"] = "100";
  const auto same = Engine::Create(options);
  ASSERT_TRUE(one && other && same);
  EXPECT_NE((*one)->ConfigDigest(), (*other)->ConfigDigest());
  EXPECT_EQ((*one)->ConfigDigest(), (*same)->ConfigDigest());
  EXPECT_EQ((*one)->ConfigDigest().size(), 64U);
}

}  // namespace
}  // namespace tonus::core
