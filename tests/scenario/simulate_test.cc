#include "scenario/simulate.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <string>

#include "base/text.h"
#include "broker/broker.h"
#include "client/follower.h"
#include "scenario/ward.h"

namespace tonus::scenario {
namespace {

/// A broker with a log of its own on free ports, and the simulations that it gets.
class SimulateTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "simulate_test_" + std::to_string(getpid());
    std::filesystem::remove_all(folder_);
    Start(LogClock::kGiven);
  }
  void TearDown() override {
    broker_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Start(LogClock clock) {
    broker_.reset();
    BrokerOptions options;
    options.ingest_endpoint = options.replay_endpoint = "tcp://127.0.0.1:*";
    options.intake_endpoint = options.live_endpoint = "";
    options.data_dir = folder_ + (clock == LogClock::kGiven ? "/given" : "/wall");
    options.log.clock = clock;
    options.log.fsync = false;
    options.min_free_bytes = 0;
    std::filesystem::create_directories(folder_);
    auto broker = Broker::Start(options);
    ASSERT_TRUE(broker.has_value()) << broker.error().Message();
    broker_ = std::move(*broker);
  }

  Result<SimulateProgress> Run(std::int64_t for_ns, std::vector<std::string> files = {}) {
    SimulateOptions options;
    options.ingest_endpoint = broker_->Endpoints().ingest;
    options.replay_endpoint = broker_->Endpoints().replay;
    options.patients = 4;
    options.seed = 3;
    options.speed = 3600;
    options.for_ns = for_ns;
    options.scenario_files = std::move(files);
    options.signals_path = std::string(TONUS_SOURCE_DIR) + "/config/signals.yaml";
    options.drugs_path = std::string(TONUS_SOURCE_DIR) + "/config/drugs.yaml";
    return Simulate(options, stop_, {});
  }

  /// Topic and recorded time of everything in the log but ticks.
  std::vector<std::string> Logged() {
    FollowerOptions options;
    options.endpoint = broker_->Endpoints().replay;
    options.follow = false;
    auto follower = Follower::Open(options);
    EXPECT_TRUE(follower.has_value());
    std::vector<std::string> lines;
    for (bool complete = false; !complete;) {
      const auto batch = (*follower)->Next(4096, 5000);
      EXPECT_TRUE(batch.has_value()) << batch.error().Message();
      if (!batch) break;
      for (const Record& record : batch->records) {
        if (record.topic == "tick.") {
          ++ticks_;
        } else {
          lines.push_back(std::to_string(record.recorded_ns) + " " + record.topic);
        }
      }
      complete = batch->complete;
    }
    return lines;
  }

  std::string folder_;
  std::unique_ptr<Broker> broker_;
  std::atomic<bool> stop_{false};
  std::size_t ticks_ = 0;
};

std::vector<std::string> Expected(std::int64_t until_ns) {
  constexpr LogTimeNs kStartNs = 1709280000LL * kSecondNs;
  Ward ward({4, 3, kStartNs});
  std::vector<TimedRecord> records;
  ward.Take(kStartNs + until_ns, &records);
  std::vector<std::string> lines;
  for (const TimedRecord& one : records) {
    lines.push_back(std::to_string(one.recorded_ns) + " " + one.topic);
  }
  return lines;
}

TEST_F(SimulateTest, PublishesTheWardAndItsTicksAndGoesOnWhereItStopped) {
  const auto first = Run(20 * kMinuteNs);
  ASSERT_TRUE(first.has_value()) << first.error().Message();
  EXPECT_FALSE(first->resumed);
  EXPECT_EQ(first->refused, 0U) << first->refusal;
  EXPECT_EQ(Logged(), Expected(20 * kMinuteNs));
  EXPECT_GE(ticks_, 1U);
  const auto second = Run(10 * kMinuteNs);
  ASSERT_TRUE(second.has_value()) << second.error().Message();
  EXPECT_TRUE(second->resumed);
  EXPECT_EQ(Logged(), Expected(30 * kMinuteNs)) << "nothing twice, nothing left out";
}

TEST_F(SimulateTest, StopsWhenAsked) {
  stop_ = true;
  const auto stopped = Run(0);
  ASSERT_TRUE(stopped.has_value()) << stopped.error().Message();
}

TEST_F(SimulateTest, RefusesALogWithAWallClock) {
  Start(LogClock::kWall);
  const auto refused = Run(kMinuteNs);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
}

TEST_F(SimulateTest, PlaysScenarioFilesInPlaceOfTheWard) {
  const std::string file =
      std::string(TONUS_SOURCE_DIR) + "/scenarios/n01-mri-stall-that-recovers.yaml";
  const auto played = Run(kHourNs, {file});
  ASSERT_TRUE(played.has_value()) << played.error().Message();
  std::set<std::string> topics;
  for (const std::string& line : Logged()) topics.insert(line.substr(line.find(' ') + 1));
  EXPECT_EQ(topics.count("pump.icu.n01-mri-stall-that-recovers."), 1U);
}

TEST_F(SimulateTest, SaysWhatIsWrongWithAScenarioFile) {
  const auto wrong =
      Run(kHourNs, {std::string(TONUS_SOURCE_DIR) + "/tests/scenario/bad/unknown-signal.yaml"});
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().code, ErrorCode::kConfig);
}

}  // namespace
}  // namespace tonus::scenario
