// kill −9 of the broker under load, again and again: what was acknowledged is there, once, in
// order. Several producers publish and a follower reads all the while. (kill −9 is not power loss:
// what was written and not synced survives it.)
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <random>
#include <thread>

#include "broker/log/log.h"
#include "client/follower.h"
#include "client/publisher.h"
#include "tests/contract/temp_dir.h"
#include "tests/fault/child_broker.h"

namespace tonus {
namespace {

constexpr int kProducers = 4;
constexpr int kKills = 6;
constexpr std::int64_t kPatience = 60000;

std::string NameOf(int producer) { return "device-" + std::to_string(producer); }

/// Publishes until told to stop, then flushes. What was acknowledged is written to `acked`.
void PublishUntil(const std::atomic<bool>& stop, const std::string& endpoint, int number,
                  std::atomic<std::uint64_t>& acked) {
  PublisherOptions options;
  options.endpoint = endpoint;
  options.producer = NameOf(number);
  options.batch_records = 50;
  options.connect_timeout_ms = kPatience;
  options.answer_timeout_ms = kPatience;
  const auto publisher = Publisher::Open(options);
  ASSERT_TRUE(publisher) << publisher.error().Message();
  const std::string topic = "vitals.icu.p" + std::to_string(number) + ".";
  while (!stop) {
    const std::string payload = NameOf(number) + "-" + std::to_string((*publisher)->NextSequence());
    PublishRecord record;
    record.topic = topic;
    record.payload = payload;
    const auto sequence = (*publisher)->Publish(record);
    ASSERT_TRUE(sequence) << sequence.error().Message();
    acked = (*publisher)->AckedSequence();
    if ((*publisher)->Pending() > 2000) {
      ASSERT_TRUE((*publisher)->Poll(10));
    }
  }
  const auto flushed = (*publisher)->Flush(kPatience);
  ASSERT_TRUE(flushed) << flushed.error().Message();
  acked = (*publisher)->AckedSequence();
}

/// Checks that offsets are dense and each producer's sequences complete, with their payloads.
class Ledger {
 public:
  void Add(const Record& record) {
    ASSERT_EQ(record.offset, ++last_offset_);
    ASSERT_EQ(record.sequence, ++sequences_[record.producer]) << record.producer;
    ASSERT_GE(record.recorded_ns, last_recorded_ns_);
    last_recorded_ns_ = record.recorded_ns;
    if (record.producer.starts_with("device")) {
      ASSERT_EQ(record.payload, record.producer + "-" + std::to_string(record.sequence));
    }
  }
  Offset LastOffset() const { return last_offset_; }
  std::uint64_t Sequence(const std::string& producer) { return sequences_[producer]; }

 private:
  Offset last_offset_ = 0;
  LogTimeNs last_recorded_ns_ = 0;
  std::map<std::string, std::uint64_t> sequences_;
};

TEST(BrokerKill, NothingAcknowledgedIsLostAndNothingIsThereTwice) {
  const std::uint64_t seed = static_cast<std::uint64_t>(getpid());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const TempDir dir;
  ChildBroker broker;
  broker.Start(dir.Path("log"));
  ASSERT_FALSE(HasFatalFailure());

  FollowerOptions follow;
  follow.endpoint = broker.replay;
  const auto follower = Follower::Open(follow);
  ASSERT_TRUE(follower);
  Ledger followed;
  const auto read = [&](std::int64_t timeout_ms) {
    const auto batch = (*follower)->Next(10000, timeout_ms);
    ASSERT_TRUE(batch) << batch.error().Message();
    for (const Record& record : batch->records) followed.Add(record);
  };

  std::atomic<bool> stop{false};
  std::array<std::atomic<std::uint64_t>, kProducers> acked = {};
  std::vector<std::thread> threads;
  const std::string endpoint = broker.ingest;
  for (int i = 0; i < kProducers; ++i) {
    threads.emplace_back(
        [&, i] { PublishUntil(stop, broker.ingest, i, acked[static_cast<std::size_t>(i)]); });
  }
  const auto total = [&] {
    std::uint64_t sum = 0;
    for (const auto& one : acked) sum += one;
    return sum;
  };
  for (int i = 0; i < kKills && !HasFatalFailure(); ++i) {
    // Each kill waits for fresh acknowledgements, then falls at a random moment.
    const std::uint64_t wanted = total() + 2000;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
    while (total() < wanted && std::chrono::steady_clock::now() < deadline) read(5);
    const auto moment =
        std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 200000);
    while (std::chrono::steady_clock::now() < moment) read(1);
    EXPECT_GE(total(), wanted);
    std::array<std::uint64_t, kProducers> before = {};
    for (std::size_t p = 0; p < kProducers; ++p) before[p] = acked[p];
    broker.Kill();
    {
      const auto log = Log::OpenReadOnly(dir.Path("log"));
      ASSERT_TRUE(log) << log.error().Message();
      auto producers = (*log)->Producers();
      ASSERT_TRUE(producers);
      for (std::size_t p = 0; p < kProducers; ++p) {
        EXPECT_GE((*producers)[NameOf(static_cast<int>(p))], before[p]);
      }
    }
    broker.Start(dir.Path("log"));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const auto log = Log::OpenReadOnly(dir.Path("log"));
  ASSERT_TRUE(log) << log.error().Message();
  Ledger stored;
  ReadRequest request;
  while (!HasFatalFailure()) {
    const auto slice = (*log)->Read(request);
    ASSERT_TRUE(slice) << slice.error().Message();
    for (const Record& record : slice->records) stored.Add(record);
    request.from = slice->next_offset;
    if (slice->at_end) break;
  }
  for (int i = 0; i < kProducers; ++i) {
    EXPECT_EQ(stored.Sequence(NameOf(i)), acked[static_cast<std::size_t>(i)]);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
  while (followed.LastOffset() < stored.LastOffset() && !HasFatalFailure() &&
         std::chrono::steady_clock::now() < deadline) {
    read(50);
  }
  EXPECT_GE(followed.LastOffset(), stored.LastOffset());
  std::printf("%llu records over %d kills\n", static_cast<unsigned long long>(stored.LastOffset()),
              kKills);
}

}  // namespace
}  // namespace tonus
