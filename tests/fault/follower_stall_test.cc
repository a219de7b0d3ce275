// A broker that hangs and goes on: nobody may lose or repeat anything, and a follower must say that
// it hears nothing.
#include <gtest/gtest.h>

#include <chrono>

#include "client/follower.h"
#include "client/publisher.h"
#include "tests/contract/temp_dir.h"
#include "tests/fault/child_broker.h"

namespace tonus {
namespace {

constexpr std::int64_t kPatience = 60000;

TEST(FollowerStall, ABrokerThatHangsAndGoesOnLosesAndRepeatsNothing) {
  const TempDir dir;
  ChildBroker broker;
  broker.Start(dir.Path("log"));
  ASSERT_FALSE(HasFatalFailure());
  FollowerOptions follow;
  follow.endpoint = broker.replay;
  follow.prefixes = {"vitals."};
  follow.silence_timeout_ms = 1200;
  const auto follower = Follower::Open(follow);
  ASSERT_TRUE(follower);
  PublisherOptions options;
  options.endpoint = broker.ingest;
  options.producer = "device";
  options.connect_timeout_ms = kPatience;
  options.answer_timeout_ms = 1200;  // So that it connects anew while the broker hangs.
  const auto publisher = Publisher::Open(options);
  ASSERT_TRUE(publisher) << publisher.error().Message();

  std::uint64_t seen = 0;
  Offset last = 0;
  const auto read = [&] {
    const auto batch = (*follower)->Next(10000, 20);
    ASSERT_TRUE(batch) << batch.error().Message();
    for (const Record& record : batch->records) {
      ASSERT_EQ(record.sequence, ++seen);
      ASSERT_EQ(record.payload, std::to_string(seen));
      ASSERT_GT(record.offset, last);
      last = record.offset;
    }
  };
  const auto publish = [&] {
    for (int i = 0; i < 100; ++i) {
      const std::string payload = std::to_string((*publisher)->NextSequence());
      PublishRecord record;
      record.topic = "vitals.icu.p1.";
      record.payload = payload;
      const auto sequence = (*publisher)->Publish(record);
      ASSERT_TRUE(sequence) << sequence.error().Message();
    }
    ASSERT_TRUE((*publisher)->Poll(1));
  };
  const auto until = [&](const auto& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
    while (!condition() && !HasFatalFailure() && std::chrono::steady_clock::now() < deadline) {
      if ((*publisher)->Pending() < 20000) publish();
      ASSERT_TRUE((*publisher)->Poll(1));
      read();
    }
    EXPECT_TRUE(condition());
  };
  until([&] { return seen > 1000; });
  for (std::uint64_t round = 1; round <= 3 && !HasFatalFailure(); ++round) {
    broker.Freeze();
    until([&] { return !(*follower)->Connected() && (*publisher)->Reconnects() >= round; });
    broker.Thaw();
    const std::uint64_t before = seen;
    until([&] { return (*follower)->Connected() && seen > before + 1000; });
  }
  ASSERT_TRUE((*publisher)->Flush(kPatience));
  const std::uint64_t all = (*publisher)->AckedSequence();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
  while (seen < all && !HasFatalFailure() && std::chrono::steady_clock::now() < deadline) read();
  EXPECT_EQ(seen, all);
  EXPECT_EQ(all, (*publisher)->NextSequence() - 1);
}

}  // namespace
}  // namespace tonus
