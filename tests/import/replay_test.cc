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
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(TONUS_BINARY_DIR "/plugins")) {
      if (entry.path().extension() == ".so") paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) options.engine.plugins.push_back({path, {}, {}});
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
