// A disk that fails, fills up or loses power under the log and under the broker.
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "broker/broker.h"
#include "client/publisher.h"
#include "tests/contract/temp_dir.h"
#include "tests/fault/faulty_disk.h"

namespace tonus {
namespace {

constexpr std::int64_t kPatience = 20000;

class BrokerDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    disk_.fail_sync = false;
    disk_.fail_write = false;
  }

  std::unique_ptr<Broker> Start() {
    BrokerOptions options;
    options.ingest_endpoint = options.replay_endpoint = "tcp://127.0.0.1:*";
    options.intake_endpoint.clear();
    options.live_endpoint.clear();
    options.data_dir = dir_.Path("log");
    options.log.clock = LogClock::kGiven;
    options.min_free_bytes = 0;
    auto broker = Broker::Start(options);
    if (!broker) throw std::runtime_error(broker.error().Message());
    return std::move(*broker);
  }

  static std::unique_ptr<Publisher> Connect(const Broker& broker) {
    PublisherOptions options;
    options.endpoint = broker.Endpoints().ingest;
    options.producer = "a";
    options.connect_timeout_ms = kPatience;
    auto publisher = Publisher::Open(options);
    if (!publisher) throw std::runtime_error(publisher.error().Message());
    return std::move(*publisher);
  }

  static void Publish(Publisher& publisher) {
    PublishRecord record;
    record.topic = "vitals.icu.p1.";
    record.payload = "x";
    ASSERT_TRUE(publisher.Publish(record));
  }

  /// The broker acknowledges three records; then `fault` strikes. It must end with a reason,
  /// acknowledge nothing more, and after repair have the three.
  Error Strike(std::atomic<bool>& fault) {
    Error reason;
    {
      const auto broker = Start();
      const auto publisher = Connect(*broker);
      for (int i = 0; i < 3; ++i) Publish(*publisher);
      EXPECT_TRUE(publisher->Flush(kPatience));
      fault = true;
      Publish(*publisher);
      EXPECT_FALSE(publisher->Flush(500));
      EXPECT_EQ(publisher->AckedSequence(), 3U);
      const auto done = broker->Run();
      EXPECT_FALSE(done);
      if (!done) reason = done.error();
    }
    fault = false;
    EXPECT_GE(Connect(*Start())->ResumedAfter(), 3U);
    return reason;
  }

  FaultyDisk& disk_ = FaultyDisk::Install();
  TempDir dir_;
};

TEST_F(BrokerDisk, AFailedSyncStopsTheBrokerWithItsReasonAndIsNotRetried) {
  const Error reason = Strike(disk_.fail_sync);
  EXPECT_EQ(reason.code, ErrorCode::kIo);
  EXPECT_NE(reason.Message().find("segment-"), std::string::npos) << reason.Message();
}

TEST_F(BrokerDisk, AFullDiskStopsTheBrokerWithItsReason) {
  const Error reason = Strike(disk_.fail_write);
  EXPECT_EQ(reason.code, ErrorCode::kNoSpace) << reason.Message();
}

TEST_F(BrokerDisk, ALogThatFailedOnceStaysDead) {
  LogOptions options;
  options.clock = LogClock::kGiven;
  const auto log = Log::Open(dir_.Path("log"), options);
  ASSERT_TRUE(log);
  AppendRecord record;
  record.producer = "a";
  record.sequence = 1;
  record.topic = "vitals.icu.p1.";
  ASSERT_TRUE((*log)->Append({&record, 1}));
  disk_.fail_sync = true;
  EXPECT_FALSE((*log)->Commit());
  disk_.fail_sync = false;
  EXPECT_FALSE((*log)->Commit());
  record.sequence = 2;
  EXPECT_FALSE((*log)->Append({&record, 1}));
}

TEST_F(BrokerDisk, APowerLossKeepsWhatWasCommitted) {
  const auto seed = static_cast<std::uint64_t>(getpid());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  LogOptions options;
  options.clock = LogClock::kGiven;
  options.segment_bytes = 300000;  // New segments are begun on the way too.
  std::uint64_t committed = 0;
  for (int round = 0; round < 20; ++round) {
    {
      const auto log = Log::Open(dir_.Path("log"), options);
      ASSERT_TRUE(log) << log.error().Message();
      ASSERT_GE((*log)->LastSequence("a"), committed);
      ASSERT_EQ((*log)->LastOffset(), (*log)->LastSequence("a"));
      std::uint64_t next = (*log)->LastSequence("a");
      for (std::uint64_t i = random() % 20; i > 0; --i) {
        const std::string payload(random() % 3000, 'x');
        for (std::uint64_t k = random() % 20; k > 0; --k) {
          AppendRecord record;
          record.producer = "a";
          record.sequence = ++next;
          record.topic = "vitals.icu.p1.";
          record.payload = payload;
          ASSERT_TRUE((*log)->Append({&record, 1}));
        }
        ASSERT_TRUE((*log)->Commit());
        committed = next;
        if (random() % 4 == 0) {
          ASSERT_TRUE((*log)->Checkpoint());
        }
      }
      // The power goes while the log is open: what closing would tidy up must not count.
      disk_.fail_sync = true;
      disk_.fail_write = true;
    }
    disk_.fail_sync = false;
    disk_.fail_write = false;
    disk_.LosePower(dir_.Path("log"));
  }
  const auto reader = Log::OpenReadOnly(dir_.Path("log"));
  ASSERT_TRUE(reader) << reader.error().Message();
  ReadRequest request;
  while (true) {
    const auto slice = (*reader)->Read(request);
    ASSERT_TRUE(slice) << slice.error().Message();
    request.from = slice->next_offset;
    if (slice->at_end) break;
  }
  EXPECT_EQ(request.from - 1, committed);
}

}  // namespace
}  // namespace tonus
