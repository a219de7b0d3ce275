// `tonus replay` on the recordings, with the detectors of this build.

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "scenario/import/replay_command.h"
#include "tests/import/import_fixture.h"

namespace tonus::importing {
namespace {

class Replay : public ImportFixture {
 protected:
  ReplayOptions From(const std::string& folder) const {
    ReplayOptions options;
    options.from = {folder};
    options.engine.signals_path = TONUS_SOURCE_DIR "/config/signals.yaml";
    options.engine.drugs_path = TONUS_SOURCE_DIR "/config/drugs.yaml";
    for (const char* name : {"withdrawal", "malfunction", "paradox", "infection"}) {
      const std::string path = std::string(TONUS_BINARY_DIR "/plugins/") + name + ".so";
      if (std::filesystem::exists(path)) options.engine.plugins.push_back({path, {}, {}});
    }
    options.json = true;
    return options;
  }

  std::string Alerts(const std::string& folder, unsigned shards, std::size_t batch) {
    ReplayOptions options = From(folder);
    options.engine.shards = shards;
    options.batch = batch;
    options.alerts = Path("alerts");
    options.dead = Path("dead");
    const auto code = RunReplayCommand(options);
    EXPECT_TRUE(code) << (code ? "" : code.error().Message());
    return ReadText("alerts") + ReadText("dead");
  }
};

TEST_F(Replay, ARealWardGivesTheSameBytesHoweverItIsCut) {
  const std::string data = SharedData("mimic3-demo");
  if (data.empty()) GTEST_SKIP() << "needs ../shared/data (set TONUS_SHARED)";
  ASSERT_TRUE(RunImportCommand(Options("mimic3-demo", {data})));
  const std::string once = Alerts(Path("log"), 1, 4096);
  EXPECT_FALSE(once.empty());
  EXPECT_EQ(once, Alerts(Path("log"), 1, 1));
  EXPECT_EQ(once, Alerts(Path("log"), 2, 64));
  EXPECT_EQ(once, Alerts(Path("log"), 4, 4096));
}

TEST_F(Replay, ALogAndTheJsonLinesThatItCameFromGiveTheSame) {
  std::string lines;
  for (int i = 0; i < 60; ++i) {
    lines +=
        R"({"topic":"vitals.icu.p1.","event":{"patientId":"p1","sourceId":"m","effectiveNs":")" +
        std::to_string((1709280000LL + i * 60) * 1000000000LL) +
        R"(","observations":{"items":[{"code":{"code":"HR"},"unit":"furlong","quantity":81}]}}})"
        "\n";
  }
  const std::string file = Write("a.jsonl", lines);
  ASSERT_TRUE(RunImportCommand(Options("jsonl", {file})));
  const std::string from_file = Alerts(file, 1, 4096);
  EXPECT_NE(from_file.find("unknown_unit"), std::string::npos);
  EXPECT_EQ(from_file, Alerts(Path("log"), 1, 4096));
}

// A pump that was read with 1 mL left at 0.2 mL/day is empty after five days; the hour at which it
// became so must not move on with each look at it.
TEST_F(Replay, AReservoirThatIsEmptyByCalculationIsSaidOnceNotEachQuarterOfAnHour) {
  constexpr std::int64_t kBegin = 1709280000;
  const auto line = [](const char* kind, std::int64_t at_s, const std::string& body) {
    return std::string(R"({"topic":")") + kind +
           R"(.icu.p1.","event":{"patientId":"p1","sourceId":")" + kind + R"(","effectiveNs":")" +
           std::to_string(at_s) + "000000000\"," + body + "}}\n";
  };
  std::string lines =
      line("patient", kBegin,
           R"("patient":{"implants":[{"kind":"intrathecal_pump","drug":{"code":"baclofen"},)"
           R"("concentrationUgPerMl":2000,"programmedDailyDoseUg":400}]})");
  lines +=
      line("pump", kBegin,
           R"("pumpStatus":{"normal":true,"drug":{"code":"baclofen"},)"
           R"("concentrationUgPerMl":2000,"programmedDailyDoseUg":400,"computedReservoirMl":1})");
  for (int hour = 0; hour < 20 * 24; ++hour) {
    lines += line("vitals", kBegin + hour * 3600,
                  R"("observations":{"items":[{"code":{"code":"HR"},"quantity":75}]})");
  }
  const std::string said = Alerts(Write("a.jsonl", lines), 1, 4096);
  EXPECT_THAT(said, ::testing::HasSubstr("reservoir empty by calculation"));
  EXPECT_LT(std::count(said.begin(), said.end(), '\n'), 60);
}

TEST_F(Replay, NothingToReplayIsNamed) {
  const auto none = RunReplayCommand({});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUsage);
  const auto missing = RunReplayCommand(From(Path("nowhere")));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kUnreachable);
}

}  // namespace
}  // namespace tonus::importing
