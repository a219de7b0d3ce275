// The property that everything rests on: what is said depends on the log alone. A log is played in
// every way that must not matter, each in a process of its own, and the digests of all outputs are
// compared. In the normal run the ways are a set that covers every pair of choices; with
// TONUS_LONG=1 they are all of them, over longer logs, and in the other builds that
// TONUS_OTHER_BUILDS names (folders divided by colons).

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "broker/log/log.h"
#include "core/engine.h"
#include "scenario/command.h"
#include "scenario/events.h"
#include "scenario/import/import_command.h"
#include "scenario/reader.h"
#include "scenario/ward.h"
#include "tests/contract/temp_dir.h"

namespace tonus {
namespace {

bool Long() {
  const char* value = std::getenv("TONUS_LONG");
  return value != nullptr && std::string_view(value) == "1";
}

std::uint64_t Seed() {
  const char* given = std::getenv("TONUS_SEED");
  return given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
}

/// One way to play a log.
struct Way {
  unsigned shards = 1;
  std::size_t batch = 64;
  bool restore = false;  ///< Checkpointed, killed and restored at random points.
  bool abroad = false;   ///< Another TZ and LANG.
};

constexpr std::array<unsigned, 4> kShards = {1, 2, 4, 7};
constexpr std::array<std::size_t, 3> kBatches = {1, 64, 4096};

std::vector<Way> AllWays() {
  std::vector<Way> ways;
  for (const unsigned shards : kShards) {
    for (const std::size_t batch : kBatches) {
      for (const bool restore : {false, true}) {
        for (const bool abroad : {false, true}) ways.push_back({shards, batch, restore, abroad});
      }
    }
  }
  return ways;
}

/// Every pair of shards and batch once; the other two choices alternate so that every pair of any
/// two choices is there.
std::vector<Way> PairwiseWays() {
  std::vector<Way> ways;
  for (std::size_t i = 0; i < kShards.size(); ++i) {
    for (std::size_t j = 0; j < kBatches.size(); ++j) {
      ways.push_back({kShards[i], kBatches[j], (i + j) % 2 == 1, (i / 2 + j) % 2 == 1});
    }
  }
  return ways;
}

std::set<std::string> PairsOf(const std::vector<Way>& ways) {
  std::set<std::string> pairs;
  for (const Way& way : ways) {
    const std::array<std::string, 4> choices = {
        "shards " + std::to_string(way.shards), "batch " + std::to_string(way.batch),
        way.restore ? "restore" : "straight", way.abroad ? "abroad" : "home"};
    for (std::size_t i = 0; i < choices.size(); ++i) {
      for (std::size_t j = i + 1; j < choices.size(); ++j) {
        pairs.insert(choices[i] + ", " + choices[j]);
      }
    }
  }
  return pairs;
}

TEST(Ways, TheNormalRunCoversEveryPairOfChoices) {
  EXPECT_EQ(PairsOf(PairwiseWays()), PairsOf(AllWays()));
}

class Determinism : public ::testing::Test {
 protected:
  void SetUp() override { MakeLocale(); }

  /// A log of these records, which need not be in order.
  void Write(const std::string& log_name, std::vector<scenario::TimedRecord> records) {
    std::stable_sort(records.begin(), records.end(),
                     [](const auto& a, const auto& b) { return a.recorded_ns < b.recorded_ns; });
    LogOptions options;
    options.clock = LogClock::kGiven;
    options.fsync = false;
    const auto log = Log::Open(dir_.Path(log_name), options);
    ASSERT_TRUE(log) << log.error().Message();
    std::vector<AppendRecord> batch;
    for (std::size_t i = 0; i < records.size(); ++i) {
      AppendRecord& record = batch.emplace_back();
      record.producer = "ward";
      record.sequence = i + 1;
      record.topic = records[i].topic;
      record.payload = records[i].payload;
      record.recorded_ns = records[i].recorded_ns;
      if (batch.size() < 4096 && i + 1 < records.size()) continue;
      ASSERT_TRUE((*log)->Append(batch));
      ASSERT_TRUE((*log)->Commit());
      batch.clear();
    }
  }

  /// Plays it in all ways and in all builds; fails where one says anything else.
  void ExpectTheSameInEveryWay(const std::string& log_name) {
    const std::string reference = DigestOf(TONUS_BINARY_DIR, log_name, {1, 512, false, false}, 0);
    ASSERT_FALSE(HasFatalFailure());
    std::printf("%s: %s\n", log_name.c_str(), reference.c_str());
    const std::string digest = reference.substr(0, 64);
    EXPECT_EQ(DigestOf(TONUS_BINARY_DIR, log_name, {1, 512, false, false}, 0), reference);
    Compare(TONUS_BINARY_DIR, log_name, Long() ? AllWays() : PairwiseWays(), digest);
    const char* builds = std::getenv("TONUS_OTHER_BUILDS");
    if (builds == nullptr) return;
    std::string rest = builds;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(':'), rest.size());
      Compare(rest.substr(0, end), log_name, PairwiseWays(), digest);
      rest.erase(0, end + 1);
    }
  }

  TempDir dir_;

 private:
  void Compare(const std::string& build, const std::string& log_name, const std::vector<Way>& ways,
               const std::string& digest) {
    std::uint64_t seed = Seed();
    int restores = 0;
    for (const Way& way : ways) {
      const std::uint64_t restore_seed = way.restore ? seed++ : 0;
      const std::string line = DigestOf(build, log_name, way, restore_seed);
      ASSERT_FALSE(HasFatalFailure());
      EXPECT_EQ(line.substr(0, 64), digest)
          << build << ": " << way.shards << " shards, batch " << way.batch << ", restore seed "
          << restore_seed << (way.abroad ? ", abroad" : "") << ": " << line;
      if (way.abroad) {
        EXPECT_THAT(line, testing::HasSubstr("zone+1245"));
        EXPECT_THAT(line, testing::HasSubstr(locales_.empty() ? "decimal." : "decimal,"));
      }
      const std::size_t at = line.find(" records ");
      if (at != std::string::npos) restores += std::atoi(line.c_str() + at + 9);
    }
    EXPECT_GT(restores, 0) << "no engine was restored: choose another TONUS_SEED";
  }

  std::string DigestOf(const std::string& build, const std::string& log_name, const Way& way,
                       std::uint64_t restore_seed) {
    std::string command = "env -u LC_ALL ";
    // Chatham is three quarters of an hour off everybody; German numbers have decimal commas.
    if (way.abroad) command += "TZ=Pacific/Chatham LOCPATH='" + locales_ + "' LANG=de_DE.UTF-8 ";
    command += "'" + build + "/bin/engine_digest' '" + dir_.Path(log_name) + "' " +
               std::to_string(way.shards) + " " + std::to_string(way.batch) + " " +
               std::to_string(restore_seed) + " 2>&1";
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) {
      ADD_FAILURE() << command;
      return {};
    }
    std::string text;
    std::array<char, 512> buffer = {};
    while (fgets(buffer.data(), buffer.size(), pipe) != nullptr) text += buffer.data();
    const int status = pclose(pipe);
    [&] {
      ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << command << "\n" << text;
    }();
    return text.substr(0, text.find('\n'));
  }

  /// Debian has no locale with a decimal comma compiled; where its sources are there, one is made.
  void MakeLocale() {
    const std::string folder = dir_.Path("locales");
    std::filesystem::create_directories(folder);
    const std::string command =
        "localedef -i de_DE -f UTF-8 '" + folder + "/de_DE.UTF-8' >/dev/null 2>&1";
    if (std::system(command.c_str()) == 0) locales_ = folder;
  }

  std::string locales_;
};

TEST_F(Determinism, AWardWeekSaysTheSameInEveryWay) {
  // A monitor speaks every two seconds; of these one in five minutes is kept, or one a minute.
  const LogTimeNs start = 1709280000LL * kSecondNs;
  const LogTimeNs keep_every_ns = (Long() ? 1 : 5) * kMinuteNs;
  scenario::Ward ward({Long() ? 12U : 6U, Seed(), start});
  std::vector<scenario::TimedRecord> week;
  for (int hour = 1; hour <= 7 * 24; ++hour) {
    std::vector<scenario::TimedRecord> made;
    ward.Take(start + hour * kHourNs, &made);
    for (scenario::TimedRecord& record : made) {
      const bool monitor = record.topic.rfind("vitals.", 0) == 0;
      if (monitor && record.recorded_ns % keep_every_ns >= 2 * kSecondNs) continue;
      week.push_back(std::move(record));
    }
  }
  Write("ward-week", std::move(week));
  ExpectTheSameInEveryWay("ward-week");
}

TEST_F(Determinism, ScenariosInOneLogSayTheSameInEveryWay) {
  core::EngineOptions options;
  options.signals_path = TONUS_SOURCE_DIR "/config/signals.yaml";
  options.drugs_path = TONUS_SOURCE_DIR "/config/drugs.yaml";
  for (const auto& entry : std::filesystem::directory_iterator(TONUS_BINARY_DIR "/plugins")) {
    if (entry.path().extension() == ".so") options.plugins.push_back({entry.path(), {}, ""});
  }
  const auto engine = core::Engine::Create(options);
  ASSERT_TRUE(engine) << engine.error().Message();
  std::set<std::string> files;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(TONUS_SOURCE_DIR "/scenarios")) {
    if (entry.path().extension() == ".yaml") files.insert(entry.path().string());
  }
  std::vector<scenario::TimedRecord> all;
  int scenarios = 0;
  for (const std::string& file : files) {
    const auto outcome = scenario::ReadScenarioFile(file, scenario::NamesOf(**engine));
    ASSERT_TRUE(outcome.errors.empty()) << file;
    auto made = scenario::BuildRecords(outcome.scenario);
    ASSERT_TRUE(made) << made.error().Message();
    // All start on one day, so one that goes on for months has timers of all of them to fire.
    const LogTimeNs length_ns = made->back().recorded_ns - outcome.scenario.start_ns;
    if (!Long() && length_ns > 2 * kDayNs) continue;
    ++scenarios;
    std::move(made->begin(), made->end(), std::back_inserter(all));
  }
  EXPECT_GE(scenarios, 8);
  Write("scenarios", std::move(all));
  ExpectTheSameInEveryWay("scenarios");
}

TEST_F(Determinism, RecordingsSayTheSameInEveryWay) {
  const char* shared = std::getenv("TONUS_SHARED");
  const std::string data =
      (shared != nullptr ? std::string(shared) : TONUS_SOURCE_DIR "/../shared") + "/data/";
  std::vector<std::string> sets = {"mimic3-demo"};
  if (Long()) sets.insert(sets.end(), {"physionet2012", "physionet2019"});
  for (const std::string& set : sets) {
    if (!std::filesystem::is_directory(data + set)) {
      GTEST_SKIP() << "needs the recordings in " << data << " (set TONUS_SHARED)";
    }
    importing::ImportOptions options;
    options.set = set;
    options.paths = {data + set};
    options.out = dir_.Path(set);
    options.rejects = dir_.Path("rejects");
    options.synthetic_pump = set != "mimic3-demo";
    options.json = true;
    const auto code = importing::RunImportCommand(options);
    ASSERT_TRUE(code) << code.error().Message();
    ExpectTheSameInEveryWay(set);
  }
}

}  // namespace
}  // namespace tonus
