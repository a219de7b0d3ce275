// What the loader and the host answer to plugins that break a rule: a full sentence, and harm to
// nobody else.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "core/config_record.h"
#include "tests/unit/engine_fixture.h"

namespace tonus::core {
namespace {

using testing::HasSubstr;

struct Refusal {
  const char* zoo;
  const char* sentence;
};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, SaysWhyInASentence) {
  const auto engine = Engine::Create(OptionsWith({GetParam().zoo}));
  ASSERT_FALSE(engine.has_value());
  EXPECT_EQ(engine.error().code, ErrorCode::kRefused);
  EXPECT_THAT(engine.error().Message(), HasSubstr(GetParam().sentence));
  EXPECT_THAT(engine.error().Message(), HasSubstr(ZooPath(GetParam().zoo)));
}

INSTANTIATE_TEST_SUITE_P(
    Abi, Refused,
    testing::Values(Refusal{"magic", "does not begin with TONUS_MAGIC"},
                    Refusal{"major", "speaks ABI 2.1, this core speaks 1.1"},
                    Refusal{"minor", "speaks ABI 1.9, this core speaks 1.1"},
                    Refusal{"size", "struct_size 8, too small"},
                    Refusal{"symbol", "exports no symbol tonus_plugin_v1"},
                    Refusal{"nothing", "tonus_plugin_v1 returned nothing"},
                    Refusal{"open_fails",
                            "detector 'rise' will not start: the moon is not in the right phase"},
                    Refusal{"bad_default", "has the default 500 outside its bounds 60 to 200"},
                    Refusal{"no_condition", "declares no condition"},
                    Refusal{"no_function", "has no function 'on_event'"},
                    Refusal{"needs", "needs the input 'NO_SUCH_SIGNAL'"}),
    [](const auto& each) { return std::string(each.param.zoo); });

TEST(Abi, WhatIsNoSharedObjectIsRefusedBeforeTheLoaderSeesIt) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tonus_abi_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto refuse = [&](const std::string& name, const std::string& bytes) {
    const std::string path = folder / name;
    std::ofstream(path, std::ios::binary) << bytes;
    EngineOptions options = OptionsWith({});
    options.plugins.push_back({path, {}, {}});
    const auto engine = Engine::Create(options);
    EXPECT_FALSE(engine.has_value());
    return engine ? std::string() : engine.error().Message();
  };
  EXPECT_THAT(refuse("empty.so", ""), HasSubstr("is not an ELF file"));
  EXPECT_THAT(refuse("text.so", std::string(4096, 'x')), HasSubstr("is not an ELF file"));
  std::ifstream good(ZooPath("rise"), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(good)), std::istreambuf_iterator<char>());
  std::string other = bytes;
  other[18] = 40;  // e_machine: ARM
  EXPECT_THAT(refuse("arm.so", other), HasSubstr("machine type 40"));
  EXPECT_THAT(refuse("cut.so", bytes.substr(0, 3000)), HasSubstr("is cut short"));
  EXPECT_THAT(refuse("header.so", bytes.substr(0, 70)), HasSubstr("is cut short"));
  EngineOptions options = OptionsWith({});
  options.plugins.push_back({folder / "absent.so", {}, {}});
  const auto engine = Engine::Create(options);
  ASSERT_FALSE(engine.has_value());
  EXPECT_EQ(engine.error().code, ErrorCode::kUnreachable);
  std::filesystem::remove_all(folder);
}

TEST(Abi, ACircleOfFindingsIsRefusedWithItsPath) {
  const auto engine = Engine::Create(OptionsWith({"circle_a", "circle_b"}));
  ASSERT_FALSE(engine.has_value());
  EXPECT_THAT(engine.error().Message(), HasSubstr("circle_a reads circle_b reads circle_a"));
}

TEST(Abi, OneDetectorAndOneOwnerOfACondition) {
  const auto twice = Engine::Create(OptionsWith({"rise", "rise"}));
  ASSERT_FALSE(twice.has_value());
  EXPECT_THAT(twice.error().Message(), HasSubstr("is loaded already"));
}

TEST(Abi, WhoReadsAFindingComesAfterWhoStatesIt) {
  const auto engine = EngineWith({"follower", "rise"});
  ASSERT_EQ(engine->Detectors().size(), 2U);
  EXPECT_EQ(engine->Detectors()[0].id, "org.tonus.test.rise");
  EXPECT_EQ(engine->Detectors()[1].id, "org.tonus.test.follower");
}

TEST(Abi, SettingsAreCheckedWhereTheyAreWritten) {
  EngineOptions options = OptionsWith({"rise"});
  options.plugins[0].settings_where = "tonus.yaml:12";
  const auto message = [&](const std::string& key, const std::string& value) {
    options.plugins[0].settings = {{key, value}};
    const auto engine = Engine::Create(options);
    EXPECT_FALSE(engine.has_value());
    if (engine) return std::string();
    EXPECT_EQ(engine.error().code, ErrorCode::kConfig);
    return engine.error().Message();
  };
  EXPECT_EQ(message("limit_per_mi", "100"),
            "tonus.yaml:12: detector 'rise' has no setting 'limit_per_mi'; did you mean "
            "'limit_per_min'?");
  EXPECT_THAT(message("limit_per_min", "fast"), HasSubstr("not a number"));
  EXPECT_THAT(message("limit_per_min", "20"), HasSubstr("60 to 200 /min is allowed"));
}

/// A broken detector beside a good one.
std::vector<Output> BesideAGoodOne(const std::string& zoo) {
  EngineOptions options = OptionsWith({"follower"});
  options.plugins.insert(options.plugins.begin(), PluginSpec{ZooPath(zoo), {}, {}});
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  log.Observe(kStart + kMinuteNs, "p1", "HR", 125);
  log.Observe(kStart + kMinuteNs, "p2", "HR", 80);
  auto engine = Engine::Create(options);
  EXPECT_TRUE(engine.has_value()) << (engine ? "" : engine.error().Message());
  return engine ? Play(engine->get(), log.records) : std::vector<Output>{};
}

class Quarantined : public testing::TestWithParam<Refusal> {};

TEST_P(Quarantined, ForThatPatientInWordsAndTheOthersGoOn) {
  const auto outputs = BesideAGoodOne(GetParam().zoo);
  const auto tech = TechIn(outputs);
  ASSERT_GE(tech.size(), 1U);
  EXPECT_EQ(tech[0].kind(), "detector_quarantined");
  EXPECT_EQ(tech[0].subject(), "rise");
  EXPECT_THAT(tech[0].text(), HasSubstr(GetParam().sentence));
  ASSERT_EQ(tech[0].patients_size(), 1);
  EXPECT_EQ(tech[0].patients(0), "p1");
  EXPECT_EQ(AlertsIn(outputs, "alert.icu.p1.zoo%2Eafter.").size(), 1U);
  EXPECT_TRUE(AlertsIn(outputs, "alert.icu.p1.zoo%2Erise.").empty());
}

TEST(Abi, AQuarantineIsARecordBeforeItTakesEffectAndEndsWithTheStay) {
  EngineOptions options = OptionsWith({"fails"});
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  log.Observe(kStart + kMinuteNs, "p2", "HR", 120);
  log.Move(kStart + 2 * kMinuteNs, "p1", "", v1::ENCOUNTER_ACTION_DISCHARGE);
  log.Move(kStart + 3 * kMinuteNs, "p2", "", v1::ENCOUNTER_ACTION_DISCHARGE);
  log.Tick(kStart + kDayNs);
  const auto engine = Engine::Create(options);
  ASSERT_TRUE(engine);
  std::vector<Output> outputs;
  for (Output& output : Play(engine->get(), log.records)) {
    if (output.topic != "progress.") outputs.push_back(std::move(output));
  }
  ASSERT_EQ(outputs.size(), 6U);
  v1::ConfigRecord config;
  ASSERT_EQ(outputs[0].topic, "config.");
  ASSERT_TRUE(config.ParseFromString(outputs[0].payload));
  EXPECT_EQ(config.quarantine().detector(), "rise");
  EXPECT_EQ(config.quarantine().patient_id(), "p1");
  EXPECT_EQ(config.quarantine().from_ref(), 1U);
  EXPECT_EQ(config.quarantine().cause(), "test:1");
  EXPECT_FALSE(config.quarantine().measured()) << "it follows from the log";
  const auto tech = TechIn(outputs);
  ASSERT_EQ(tech.size(), 4U);
  EXPECT_EQ(tech[0].patients_size(), 1);
  EXPECT_EQ(tech[1].patients_size(), 2) << "one alert for all its patients";
  EXPECT_EQ(tech[2].state(), v1::TECH_STATE_ACTIVE);
  EXPECT_EQ(tech[2].patients(0), "p2");
  EXPECT_EQ(tech[3].state(), v1::TECH_STATE_RESOLVED);
  EXPECT_EQ(tech[3].since_ns(), kStart + kMinuteNs);
}

TEST(Abi, AMeasuredQuarantineIsRepeatedWhereItWasRecorded) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  log.Observe(kStart + kMinuteNs, "p1", "HR", 80);
  log.Observe(kStart + 2 * kHourNs, "p1", "HR", 120);
  log.Observe(kStart + 2 * kHourNs, "p2", "HR", 120);
  EngineOptions options = OptionsWith({"rise"});
  options.quarantines.push_back(
      {.detector = "rise", .patient = "p1", .cause = "test:2", .call = 1, .reason = "crashed"});
  std::string first;
  for (const unsigned shards : {1U, 3U}) {
    options.shards = shards;
    const auto engine = Engine::Create(options);
    ASSERT_TRUE(engine);
    const auto outputs = Play(engine->get(), log.records);
    std::string bytes;
    for (const Output& output : outputs) bytes += output.topic + output.payload;
    if (first.empty()) first = bytes;
    EXPECT_EQ(bytes, first);
    const auto of_p1 = AlertsIn(outputs, "alert.icu.p1.");
    ASSERT_EQ(of_p1.size(), 1U) << "what it said before stays, it says nothing more";
    EXPECT_EQ(AlertsIn(outputs, "alert.icu.p2.").size(), 1U);
    const auto config = std::find_if(outputs.begin(), outputs.end(), [](const Output& output) {
      return output.topic == "config.";
    });
    ASSERT_NE(config, outputs.end());
    v1::ConfigRecord record;
    ASSERT_TRUE(record.ParseFromString(config->payload));
    EXPECT_TRUE(record.quarantine().measured());
    EXPECT_EQ(record.quarantine().reason(), "crashed");
    const auto again = MeasuredQuarantine(record);
    ASSERT_TRUE(again) << "a replay finds the same in the log";
    EXPECT_EQ(again->cause, "test:2");
    EXPECT_EQ(again->call, 1U);
  }
}

INSTANTIATE_TEST_SUITE_P(Abi, Quarantined,
                         testing::Values(Refusal{"fails", "lost its way"},
                                         Refusal{"nan", "a number that is not finite"},
                                         Refusal{"bad_text", "a text that is not UTF-8"},
                                         Refusal{"bad_tier", "at tier 7 of 2"},
                                         Refusal{"bad_condition", "on condition 9 of 2"},
                                         Refusal{"burns", "used up the 10000 units"}),
                         [](const auto& each) { return std::string(each.param.zoo); });

TEST(Abi, ATimerThatIsSetToNowForEverIsStopped) {
  const auto tech = TechIn(BesideAGoodOne("now"));
  ASSERT_EQ(tech.size(), 2U);
  EXPECT_THAT(tech[0].text(), HasSubstr("sets timers to now without end"));
}

TEST(Abi, AFastMathPluginDoesNotChangeHowTheHostComputes) {
  volatile double small = std::numeric_limits<double>::denorm_min() * 4;
  const auto engine = EngineWith({"fast_math"});
  ASSERT_NE(engine, nullptr);
  EXPECT_NE(small / 2, 0.0);
}

}  // namespace
}  // namespace tonus::core
