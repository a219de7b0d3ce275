#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "base/digest.h"
#include "base/text.h"
#include "core/alerts/canonical.h"
#include "core/engine.h"
#include "scenario/command.h"
#include "scenario/reader.h"
#include "scenario/runner.h"
#include "scenario/ward.h"
#include "tonus/v1/alert.pb.h"

namespace tonus::scenario {
namespace {

const std::string kSource = TONUS_SOURCE_DIR;

std::vector<std::string> FilesIn(const std::string& folder, const std::string& extension) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == extension) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// The tree's own scenarios and those of each detector.
std::vector<std::string> ScenarioFiles() {
  std::vector<std::string> files = FilesIn(kSource + "/scenarios", ".yaml");
  for (const auto& entry : std::filesystem::directory_iterator(kSource + "/plugins")) {
    const std::filesystem::path folder = entry.path() / "scenarios";
    if (!std::filesystem::is_directory(folder)) continue;
    for (std::string& file : FilesIn(folder.string(), ".yaml")) files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end());
  return files;
}

core::EngineOptions Engine(unsigned shards) {
  core::EngineOptions options;
  options.signals_path = kSource + "/config/signals.yaml";
  options.drugs_path = kSource + "/config/drugs.yaml";
  options.shards = shards;
  for (const char* name : {"withdrawal", "malfunction", "paradox", "infection", "sedation",
                           "tolerance", "neuro", "dysreflexia"}) {
    const std::string path = std::string(TONUS_BINARY_DIR) + "/plugins/" + name + ".so";
    options.plugins.push_back({path, {}, ""});
  }
  return options;
}

Scenario Read(const std::string& file) {
  const auto engine = core::Engine::Create(Engine(1));
  if (!engine) throw std::runtime_error(engine.error().Message());
  const ReadOutcome outcome = ReadScenarioFile(file, NamesOf(**engine));
  for (const Error& error : outcome.errors) ADD_FAILURE() << error.Message();
  EXPECT_TRUE(outcome.warnings.empty()) << outcome.warnings.front();
  return outcome.scenario;
}

RunResult PlayScenario(const Scenario& scenario, unsigned shards, std::size_t batch) {
  auto result = RunScenario(scenario, {Engine(shards), batch});
  EXPECT_TRUE(result.has_value()) << result.error().Message();
  return result ? std::move(*result) : RunResult();
}

class ScenarioFile : public testing::TestWithParam<std::string> {};

TEST_P(ScenarioFile, HoldsAndNothingOfItIsRejected) {
  const Scenario scenario = Read(GetParam());
  const RunResult result = PlayScenario(scenario, 1, 512);
  ASSERT_EQ(result.verdicts.size(), scenario.expectations.size());
  for (std::size_t i = 0; i < result.verdicts.size(); ++i) {
    EXPECT_TRUE(result.verdicts[i].passed)
        << scenario.expectations[i].text << "\n  " << result.verdicts[i].why;
  }
  for (const std::string& rejected : result.rejected) ADD_FAILURE() << "rejected: " << rejected;
}

TEST_P(ScenarioFile, GivesTheSameAlertBytesForAnyShardsAndBatch) {
  const Scenario scenario = Read(GetParam());
  const std::vector<std::string> expected = PlayScenario(scenario, 1, 512).alert_lines;
  // The whole square for the file that uses most of the format, its diagonal for the others.
  const bool whole = scenario.name == "stall-after-mri";
  const std::vector<unsigned> shards = {1, 2, 4};
  const std::vector<std::size_t> batches = {1, 64, 4096};
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (std::size_t j = 0; j < batches.size(); ++j) {
      if (i != j && !whole) continue;
      EXPECT_EQ(PlayScenario(scenario, shards[i], batches[j]).alert_lines, expected)
          << shards[i] << " shards, batch " << batches[j];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Scenarios, ScenarioFile, testing::ValuesIn(ScenarioFiles()),
                         [](const testing::TestParamInfo<std::string>& file) {
                           std::string name = std::filesystem::path(file.param).stem().string();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

/// All outputs of an engine over a ward, in their order.
std::string WardOutputs(const std::vector<Record>& records, unsigned shards, std::size_t batch,
                        std::size_t* alerts) {
  auto engine = core::Engine::Create(Engine(shards));
  if (!engine) throw std::runtime_error(engine.error().Message());
  std::vector<core::Output> outputs;
  const std::span<const Record> all(records);
  for (std::size_t at = 0; at < all.size(); at += batch) {
    (*engine)->Process(all.subspan(at, std::min(batch, all.size() - at)), &outputs);
  }
  std::string bytes;
  *alerts = 0;
  for (const core::Output& output : outputs) {
    bytes += output.topic + " " + std::to_string(output.time_ns) + " " +
             std::to_string(output.cause) + " " + std::to_string(output.digest) + "\n";
    if (output.topic.rfind("alert.", 0) != 0) continue;
    ++*alerts;
    v1::Alert alert;
    EXPECT_TRUE(alert.ParseFromString(output.payload));
    bytes += core::CanonicalJson(alert) + "\n";
  }
  return bytes;
}

TEST(ScenarioWardRun, GivesTheSameOutputsForAnyShardsAndBatch) {
  Ward ward({12, 1, 1709280000LL * kSecondNs});
  std::vector<TimedRecord> made;
  ward.Take(1709280000LL * kSecondNs + 3 * kHourNs, &made);
  std::vector<Record> records;
  for (const TimedRecord& one : made) {
    Record record;
    record.offset = records.size() + 1;
    record.sequence = records.size() + 1;
    record.producer = "ward";
    record.recorded_ns = one.recorded_ns;
    record.topic = one.topic;
    record.payload = one.payload;
    record.digest = ContentDigest(one.topic, one.payload);
    records.push_back(std::move(record));
  }
  std::size_t alerts = 0;
  const std::string expected = WardOutputs(records, 1, 512, &alerts);
  EXPECT_GE(alerts, 3U) << "the ward's stories make alerts in its first hours";
  for (const unsigned shards : {1U, 2U, 4U}) {
    for (const std::size_t batch : {std::size_t{1}, std::size_t{64}, std::size_t{4096}}) {
      EXPECT_TRUE(WardOutputs(records, shards, batch, &alerts) == expected)
          << shards << " shards, batch " << batch;
    }
  }
}

/// `scenario run` as the program calls it.
struct CommandOutcome {
  int code = 0;
  std::string out;
  std::string err;
};

CommandOutcome Command(ScenarioCommandOptions options) {
  const core::EngineOptions engine = Engine(1);
  options.signals_path = engine.signals_path;
  options.drugs_path = engine.drugs_path;
  options.plugins = engine.plugins;
  std::ostringstream out;
  std::ostringstream err;
  const int code = RunScenarioCommand(options, out, err);
  return {code, out.str(), err.str()};
}

class ScenarioCommand : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  void SetUp() override {
    folder_ = testing::TempDir() + "scenario_command_" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

constexpr const char* kStop =
    "scenario: s\nstart: 2024-03-01T08:00:00Z\npatient:\n"
    "  intrathecal: {concentration_ug_per_ml: 2000, daily_dose_ug: 400, last_refill: {at: -30d, "
    "volume_ml: 20}, last_interrogation: -1d}\n  baseline: {HR: 76, MAS: 1}\n"
    "steps:\n  - {at: 0h, pump: {event: stopped}}\n";

TEST_F(ScenarioCommand, ExitsZeroWhereAllHoldAndOneWhereOneFails) {
  ScenarioCommandOptions options;
  options.files = {
      Write("a.yaml", std::string(kStop) + "expect:\n  - {alert: withdrawal, by: 3h}\n")};
  const CommandOutcome good = Command(options);
  EXPECT_EQ(good.code, 0) << good.out << good.err;
  EXPECT_NE(good.out.find("PASS  s  1 of 1"), std::string::npos) << good.out;
  EXPECT_NE(good.out.find("alert: withdrawal, by: 3h"), std::string::npos) << good.out;
  options.files = {Write("b.yaml", std::string(kStop) + "expect:\n  - {never: withdrawal}\n")};
  const CommandOutcome bad = Command(options);
  EXPECT_EQ(bad.code, 1) << bad.out << bad.err;
  EXPECT_NE(bad.out.find("FAIL"), std::string::npos);
}

TEST_F(ScenarioCommand, ExitsTwoForAWrongFileAndPlaysNothing) {
  ScenarioCommandOptions options;
  options.files = {Write("a.yaml", std::string(kStop) + "expect:\n  - {never: paradox}\n"),
                   Write("b.yaml", "scenario: t\nstart: 2024-03-01T08:00:00Z\nstep: 3\n")};
  const CommandOutcome outcome = Command(options);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, options.files[1] +
                             ":3:1: unknown key 'step'; did you mean 'steps'? allowed: scenario, "
                             "about, source, start, patient, steps, expect\n");
}

TEST_F(ScenarioCommand, RefusesANameThatTwoFilesHave) {
  ScenarioCommandOptions options;
  options.files = {Write("a.yaml", kStop), Write("b.yaml", kStop)};
  const CommandOutcome outcome = Command(options);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err, options.files[1] + ": the scenario 's' is already in " + options.files[0] +
                             "; give one of them another name\n");
}

TEST_F(ScenarioCommand, SaysWhichDetectorsThereAre) {
  ScenarioCommandOptions options;
  options.files = {Write("a.yaml", kStop)};
  options.detectors = {"withdrawl"};
  const CommandOutcome outcome = Command(options);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("no detector is named 'withdrawl'; did you mean 'withdrawal'?"),
            std::string::npos)
      << outcome.err;
}

TEST_F(ScenarioCommand, ExitsThreeWhereAFileCannotBeOpened) {
  ScenarioCommandOptions options;
  options.files = {folder_ + "/none.yaml"};
  EXPECT_EQ(Command(options).code, 3);
}

TEST_F(ScenarioCommand, LimitsTheDetectors) {
  ScenarioCommandOptions options;
  options.files = {Write("a.yaml", std::string(kStop) + "expect:\n  - {never: malfunction}\n  - "
                                                        "{alert: withdrawal, by: 3h}\n")};
  options.detectors = {"withdrawal"};
  const CommandOutcome outcome = Command(options);
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
}

TEST_F(ScenarioCommand, WritesJsonAndSortedAlertLines) {
  ScenarioCommandOptions options;
  options.files = {
      Write("a.yaml", std::string(kStop) + "expect:\n  - {alert: withdrawal, by: 3h}\n")};
  options.json = true;
  options.alerts_path = folder_ + "/alerts.jsonl";
  const CommandOutcome outcome = Command(options);
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.out.rfind("{\"scenario\":\"s\",", 0), 0U) << outcome.out;
  EXPECT_NE(outcome.out.find("\"passed\":true,\"expectations\":[{\"text\":\"alert: withdrawal, by: "
                             "3h\",\"passed\":true,\"why\":\""),
            std::string::npos)
      << outcome.out;
  std::ifstream file(options.alerts_path);
  std::string line;
  std::size_t lines = 0;
  while (std::getline(file, line)) {
    ++lines;
    EXPECT_NE(line.find("\"patient\":\"s\""), std::string::npos) << line;
    EXPECT_NE(line.find("\"sequence\":"), std::string::npos) << line;
    EXPECT_NE(line.find("\"condition\":"), std::string::npos) << line;
  }
  EXPECT_GE(lines, 2U);
}

TEST_F(ScenarioCommand, TraceShowsFindings) {
  ScenarioCommandOptions options;
  options.files = {
      Write("a.yaml", std::string(kStop) + "expect:\n  - {alert: withdrawal, by: 3h}\n")};
  options.trace = true;
  EXPECT_NE(Command(options).out.find("  trace  "), std::string::npos);
}

}  // namespace
}  // namespace tonus::scenario
