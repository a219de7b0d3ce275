#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/socket.h"
#include "broker/broker.h"
#include "client/follower.h"
#include "client/publisher.h"
#include "tests/contract/temp_dir.h"
#include "tonus/v1/bus.pb.h"

namespace tonus {

inline constexpr std::int64_t kPatience = 20000;  ///< ms; generous, only reached by a failure.

/// Calls `step` until it says true. False after a generous time.
inline bool Eventually(const std::function<bool()>& step) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
  while (std::chrono::steady_clock::now() < deadline) {
    if (step()) return true;
  }
  return false;
}

/// A DEALER that speaks the protocol by hand, to say what a Publisher never would.
class RawPeer {
 public:
  explicit RawPeer(const std::string& endpoint)
      : socket_(*Socket::Make(context_, SocketKind::kDealer, SocketOptions())) {
    EXPECT_TRUE(socket_.Connect(endpoint));
  }

  void Send(std::string_view bytes, bool more = false) {
    EXPECT_EQ(socket_.Send(bytes, more), SocketOutcome::kDone);
  }

  std::optional<std::string> Receive(std::int64_t timeout_ms = kPatience) {
    PollItem item;
    item.socket = &socket_;
    if (PollSockets({&item, 1}, timeout_ms) == 0) return std::nullopt;
    SocketMessage message;
    bool more = false;
    if (socket_.Receive(message, &more) != SocketOutcome::kDone) return std::nullopt;
    return std::string(message.View());
  }

  v1::IngestReply Ingest(const v1::IngestRequest& request) {
    Send(request.SerializeAsString());
    return IngestAnswer();
  }

  v1::IngestReply IngestAnswer() {
    v1::IngestReply reply;
    const auto bytes = Receive();
    if (!bytes) {
      ADD_FAILURE() << "no answer";
    } else {
      EXPECT_TRUE(reply.ParseFromString(*bytes));
    }
    return reply;
  }

  v1::ReplayReply Replay(const v1::ReplayRequest& request) {
    Send(request.SerializeAsString());
    return ReplayAnswer();
  }

  v1::ReplayReply ReplayAnswer() {
    v1::ReplayReply reply;
    const auto bytes = Receive();
    if (!bytes) {
      ADD_FAILURE() << "no answer";
    } else {
      EXPECT_TRUE(reply.ParseFromString(*bytes));
    }
    return reply;
  }

  v1::Welcome Hello(const std::string& producer) {
    v1::IngestRequest request;
    request.mutable_hello()->set_producer(producer);
    request.mutable_hello()->set_version(1);
    const v1::IngestReply reply = Ingest(request);
    EXPECT_TRUE(reply.has_welcome()) << reply.ShortDebugString();
    return reply.welcome();
  }

 private:
  SocketContext context_;
  Socket socket_;
};

/// A batch of `count` records, payload "<first + i>".
inline v1::IngestRequest BatchOf(std::uint64_t epoch, std::uint64_t first, std::uint64_t count,
                                 const std::string& topic = "vitals.icu.p1.") {
  v1::IngestRequest request;
  request.mutable_batch()->set_epoch(epoch);
  request.mutable_batch()->set_first_sequence(first);
  for (std::uint64_t i = 0; i < count; ++i) {
    v1::BatchRecord& record = *request.mutable_batch()->add_records();
    record.set_topic(topic);
    record.set_payload(std::to_string(first + i));
    record.set_recorded_ns(static_cast<std::int64_t>((first + i) * 1000));
  }
  return request;
}

/// A broker with a log of its own, on free ports. Given clock, so no ticks, unless told otherwise.
class BusTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.ingest_endpoint = options_.intake_endpoint = options_.live_endpoint =
        options_.replay_endpoint = "tcp://127.0.0.1:*";
    options_.data_dir = dir_.Path("log");
    options_.log.clock = LogClock::kGiven;
    options_.min_free_bytes = 0;
  }

  void TearDown() override { broker_.reset(); }

  void Start() {
    auto broker = Broker::Start(options_);
    ASSERT_TRUE(broker) << broker.error().Message();
    broker_ = std::move(*broker);
    // A restarted broker comes back on the same ports.
    options_.ingest_endpoint = broker_->Endpoints().ingest;
    options_.intake_endpoint = broker_->Endpoints().intake;
    options_.live_endpoint = broker_->Endpoints().live;
    options_.replay_endpoint = broker_->Endpoints().replay;
  }

  void Stop() { broker_.reset(); }

  std::unique_ptr<Publisher> MustPublish(const std::string& producer,
                                         std::uint64_t first_sequence = 0) {
    PublisherOptions options;
    options.endpoint = broker_->Endpoints().ingest;
    options.producer = producer;
    options.first_sequence = first_sequence;
    options.connect_timeout_ms = kPatience;
    auto publisher = Publisher::Open(options);
    if (!publisher) throw std::runtime_error(publisher.error().Message());
    return std::move(*publisher);
  }

  /// Publishes "<producer>-<i>" for i in [first, first + count) and waits for the acks.
  void PublishMany(Publisher& publisher, const std::string& producer, std::uint64_t first,
                   std::uint64_t count, const std::string& topic = "vitals.icu.p1.") {
    for (std::uint64_t i = first; i < first + count; ++i) {
      const std::string payload = producer + "-" + std::to_string(i);
      PublishRecord record;
      record.topic = topic;
      record.payload = payload;
      record.recorded_ns = static_cast<LogTimeNs>(i * 1000);
      const auto sequence = publisher.Publish(record);
      ASSERT_TRUE(sequence) << sequence.error().Message();
    }
    const auto flushed = publisher.Flush(kPatience);
    ASSERT_TRUE(flushed) << flushed.error().Message();
  }

  std::unique_ptr<Follower> MustFollow(FollowerOptions options = {}) {
    options.endpoint = broker_->Endpoints().replay;
    auto follower = Follower::Open(options);
    if (!follower) throw std::runtime_error(follower.error().Message());
    return std::move(*follower);
  }

  /// Reads until `count` records are there or patience ends.
  std::vector<Record> ReadSome(Follower& follower, std::size_t count) {
    std::vector<Record> all;
    Eventually([&] {
      auto batch = follower.Next(count - all.size(), 200);
      if (!batch) {
        ADD_FAILURE() << batch.error().Message();
        return true;
      }
      for (Record& record : batch->records) all.push_back(std::move(record));
      return all.size() >= count || batch->complete;
    });
    return all;
  }

  TempDir dir_;
  BrokerOptions options_;
  std::unique_ptr<Broker> broker_;
};

}  // namespace tonus
