// The `replay` and `live` sockets, and the clients that read them.
#include <fstream>
#include <iterator>
#include <thread>

#include "broker/wire.h"
#include "client/live.h"
#include "tests/contract/bus_fixture.h"
#include "tonus/v1/system.pb.h"

namespace tonus {
namespace {

constexpr std::size_t kMetaBytes = 24;

std::uint64_t LittleEndian64(const std::string& bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  }
  return value;
}

class BusReplay : public BusTest {
 protected:
  /// A plain subscriber. Subscribing takes a moment, so it waits until a first message is there.
  std::vector<std::string> ReceiveParts(Socket& socket) {
    std::vector<std::string> parts;
    Eventually([&] {
      PollItem item;
      item.socket = &socket;
      if (PollSockets({&item, 1}, 100) == 0) return false;
      bool more = true;
      while (more) {
        SocketMessage message;
        if (socket.Receive(message, &more) != SocketOutcome::kDone) return false;
        parts.emplace_back(message.View());
      }
      return true;
    });
    return parts;
  }

  static void ExpectDense(const std::vector<Record>& records, Offset first) {
    for (std::size_t i = 0; i < records.size(); ++i) ASSERT_EQ(records[i].offset, first + i);
  }

  /// A chunk of replay `id`, heartbeats left out.
  static v1::ReplayChunk NextChunk(RawPeer& peer) {
    while (true) {
      const v1::ReplayReply reply = peer.ReplayAnswer();
      if (!reply.has_chunk()) {
        ADD_FAILURE() << reply.ShortDebugString();
        return {};
      }
      return reply.chunk();
    }
  }
};

v1::ReplayRequest StartAt(std::uint64_t id, Offset offset, std::uint64_t credit = 1U << 30U) {
  v1::ReplayRequest request;
  request.set_id(id);
  request.mutable_start()->set_offset(offset);
  request.mutable_start()->set_credit_bytes(credit);
  return request;
}

TEST_F(BusReplay, ALiveMessageIsTopicPayloadAndMeta) {
  Start();
  const auto publisher = MustPublish("a");
  SocketContext context;
  Socket live = *Socket::Make(context, SocketKind::kSub, SocketOptions());
  ASSERT_TRUE(live.Subscribe("vitals.icu.p1."));
  ASSERT_TRUE(live.Connect(options_.live_endpoint));
  std::uint64_t next = 1;
  ASSERT_TRUE(Eventually([&] {
    PublishMany(*publisher, "a", next++, 1, "vitals.icu.p1.");
    return broker_->Stats().live_sent > 0;
  }));
  PublishMany(*publisher, "a", next++, 1, "vitals.icu.p10.");
  PublishMany(*publisher, "a", next++, 1, "vitals.icu.p1.");
  const std::string last = "a-" + std::to_string(next - 1);
  std::vector<std::string> second;
  ASSERT_TRUE(Eventually([&] {
    second = ReceiveParts(live);
    return second.size() > 1 && second[1] == last;
  }));
  ASSERT_EQ(second.size(), 3U);
  EXPECT_EQ(second[0], "vitals.icu.p1.");
  ASSERT_EQ(second[2].size(), kMetaBytes);
  EXPECT_EQ(LittleEndian64(second[2], 0), next - 1);
  EXPECT_EQ(LittleEndian64(second[2], 8), next - 2) << "p10 is of the same stream";
  EXPECT_EQ(LittleEndian64(second[2], 16), (next - 1) * 1000);
}

TEST_F(BusReplay, NothingIsSentWhereNobodySubscribes) {
  Start();
  PublishMany(*MustPublish("a"), "a", 1, 100);
  EXPECT_EQ(broker_->Stats().live_sent, 0U);
}

TEST_F(BusReplay, ARangeIsReadByOffsetTimePrefixAndEnd) {
  Start();
  const auto publisher = MustPublish("a");
  for (std::uint64_t i = 1; i <= 50; ++i) {
    PublishMany(*publisher, "a", i, 1, i % 2 == 0 ? "lab.icu.p1." : "vitals.icu.p1.");
  }
  FollowerOptions options;
  options.follow = false;
  auto records = ReadSome(*MustFollow(options), 1000);
  ASSERT_EQ(records.size(), 50U);
  ExpectDense(records, 1);
  EXPECT_EQ(records[4].payload, "a-5");
  EXPECT_EQ(records[4].previous_offset, 3U);
  EXPECT_EQ(records[4].sequence, 5U);
  options.offset = 10;
  options.to_offset = 19;
  records = ReadSome(*MustFollow(options), 1000);
  ASSERT_EQ(records.size(), 10U);
  ExpectDense(records, 10);
  options.prefixes = {"lab.icu.", "order."};
  EXPECT_EQ(ReadSome(*MustFollow(options), 1000).size(), 5U);
  FollowerOptions by_time;
  by_time.follow = false;
  by_time.from = FollowFrom::kRecordedTime;
  by_time.recorded_ns = 40500;
  records = ReadSome(*MustFollow(by_time), 1000);
  ASSERT_EQ(records.size(), 10U);
  EXPECT_EQ(records[0].offset, 41U);
  FollowerOptions from_end;
  from_end.from = FollowFrom::kEnd;
  const auto follower = MustFollow(from_end);
  ASSERT_TRUE(Eventually([&] { return follower->Next(10, 100)->at_end; }));
  EXPECT_EQ(follower->NextOffset(), 51U);
  PublishMany(*publisher, "a", 51, 1);
  records = ReadSome(*follower, 1);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].offset, 51U);
}

TEST_F(BusReplay, AnEmptyRangeCompletesAtOnce) {
  Start();
  FollowerOptions options;
  options.follow = false;
  const auto follower = MustFollow(options);
  EXPECT_TRUE(Eventually([&] { return follower->Next(10, 100)->complete; }));
}

TEST_F(BusReplay, ChunksJoinAndKeepToTheCredit) {
  options_.recent_bytes = 1;  // Nearly everything is read from disk.
  Start();
  const auto publisher = MustPublish("a");
  for (std::uint64_t i = 0; i < 30; ++i) PublishMany(*publisher, "a", i * 1000 + 1, 1000);
  RawPeer peer(options_.replay_endpoint);
  peer.Send(StartAt(7, 1, 1000).SerializeAsString());
  v1::ReplayChunk chunk = NextChunk(peer);
  EXPECT_EQ(chunk.first_offset(), 1U);
  EXPECT_GT(chunk.records_size(), 1000) << "many records in one chunk";
  EXPECT_FALSE(peer.Receive(200)) << "the credit is used up";
  Offset next = chunk.next_offset();
  while (!chunk.last()) {
    v1::ReplayRequest more;
    more.set_id(7);
    more.mutable_credit()->set_bytes(1000);
    peer.Send(more.SerializeAsString());
    chunk = NextChunk(peer);
    ASSERT_EQ(chunk.first_offset(), next);
    ASSERT_EQ(chunk.records(0).offset(), next);
    next = chunk.next_offset();
  }
  EXPECT_EQ(next, 30001U);
}

TEST_F(BusReplay, AFollowHearsFromTheBrokerEachSecond) {
  Start();
  RawPeer peer(options_.replay_endpoint);
  v1::ReplayRequest start = StartAt(1, 1);
  start.mutable_start()->set_follow(true);
  peer.Send(start.SerializeAsString());
  for (int i = 0; i < 3; ++i) {
    const v1::ReplayChunk chunk = NextChunk(peer);
    EXPECT_TRUE(chunk.at_end());
    EXPECT_EQ(chunk.first_offset(), 1U);
    EXPECT_EQ(chunk.next_offset(), 1U);
  }
  v1::ReplayRequest stop;
  stop.set_id(1);
  stop.mutable_stop();
  peer.Send(stop.SerializeAsString());
  ASSERT_TRUE(Eventually([&] { return broker_->Stats().replays == 0; }));
}

TEST_F(BusReplay, AReaderThatIsGoneIsForgotten) {
  Start();
  {
    RawPeer peer(options_.replay_endpoint);
    v1::ReplayRequest start = StartAt(1, 1);
    start.mutable_start()->set_follow(true);
    peer.Send(start.SerializeAsString());
    NextChunk(peer);
    EXPECT_EQ(broker_->Stats().replays, 1U);
  }
  EXPECT_TRUE(Eventually([&] { return broker_->Stats().replays == 0; }));
}

TEST_F(BusReplay, TooManyReplaysAreRefusedForNow) {
  options_.max_replays = 1;
  Start();
  RawPeer peer(options_.replay_endpoint);
  v1::ReplayRequest start = StartAt(1, 1);
  start.mutable_start()->set_follow(true);
  peer.Send(start.SerializeAsString());
  NextChunk(peer);
  start.set_id(2);
  v1::ReplayReply reply = peer.Replay(start);
  while (reply.has_chunk()) reply = peer.ReplayAnswer();
  EXPECT_EQ(reply.refusal().code(), "too_many_replays");
  EXPECT_TRUE(reply.refusal().retry());
}

TEST_F(BusReplay, AStalledFollowerCatchesUpWithoutLossFromDisk) {
  options_.recent_bytes = 10000;
  Start();
  const auto publisher = MustPublish("a");
  FollowerOptions options;
  options.credit_bytes = 5000;
  const auto follower = MustFollow(options);
  PublishMany(*publisher, "a", 1, 10);
  ASSERT_EQ(ReadSome(*follower, 5).size(), 5U);
  PublishMany(*publisher, "a", 11, 20000);  // While nobody reads.
  const auto records = ReadSome(*follower, 20005);
  ASSERT_EQ(records.size(), 20005U);
  ExpectDense(records, 6);
  EXPECT_EQ(follower->Reconnects(), 0U);
}

TEST_F(BusReplay, AWaitOfAMillisecondWaitsAndDoesNotSpin) {
  FollowerOptions options;
  options.endpoint = "ipc://" + TempDir().Path("nobody");
  const auto follower = Follower::Open(options);
  ASSERT_TRUE(follower);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE((*follower)->Next(1, 1));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(20));
}

TEST_F(BusReplay, ManyFollowersReadTheSame) {
  Start();
  const auto publisher = MustPublish("a");
  std::vector<std::unique_ptr<Follower>> followers;
  followers.reserve(20);
  for (int i = 0; i < 20; ++i) followers.push_back(MustFollow());
  PublishMany(*publisher, "a", 1, 5000);
  for (const auto& follower : followers) {
    const auto records = ReadSome(*follower, 5000);
    ASSERT_EQ(records.size(), 5000U);
    ExpectDense(records, 1);
  }
}

TEST_F(BusReplay, AFollowerGoesOnAfterTheBrokerWasRestarted) {
  Start();
  const auto publisher = MustPublish("a");
  const auto follower = MustFollow();
  PublishMany(*publisher, "a", 1, 100);
  ASSERT_EQ(ReadSome(*follower, 100).size(), 100U);
  for (std::uint64_t round = 1; round <= 3; ++round) {
    Stop();
    Start();
    PublishMany(*publisher, "a", round * 100 + 1, 100);
    const auto records = ReadSome(*follower, 100);
    ASSERT_EQ(records.size(), 100U);
    ExpectDense(records, round * 100 + 1);
  }
  EXPECT_EQ(broker_->Stats().last_offset, 400U);
}

TEST_F(BusReplay, AFollowerThatIsCutOffSaysSoAndComesBack) {
  Start();
  const auto publisher = MustPublish("a");
  FollowerOptions options;
  options.silence_timeout_ms = 2500;
  const auto follower = MustFollow(options);
  PublishMany(*publisher, "a", 1, 10);
  ASSERT_EQ(ReadSome(*follower, 10).size(), 10U);
  EXPECT_TRUE(follower->Connected());
  Stop();
  ASSERT_TRUE(Eventually([&] {
    EXPECT_TRUE(follower->Next(10, 100)) << "absence is no error";
    return !follower->Connected();
  }));
  Start();
  PublishMany(*publisher, "a", 11, 10);
  ExpectDense(ReadSome(*follower, 10), 11);
  EXPECT_TRUE(follower->Connected());
}

TEST_F(BusReplay, AnotherLogOrAShorterOneAtTheSameAddressIsAnError) {
  Start();
  PublishMany(*MustPublish("a"), "a", 1, 10);
  const auto follower = MustFollow();
  ASSERT_EQ(ReadSome(*follower, 10).size(), 10U);
  const std::string log_id = follower->LogId();
  EXPECT_EQ(log_id.size(), 32U);
  Stop();
  options_.data_dir = dir_.Path("other");
  Start();
  std::optional<Error> error;
  ASSERT_TRUE(Eventually([&] {
    const auto batch = follower->Next(10, 100);
    if (!batch) error = batch.error();
    return error.has_value();
  }));
  EXPECT_EQ(error->code, ErrorCode::kCorrupt);
  EXPECT_NE(error->Message().find(log_id), std::string::npos);
  EXPECT_FALSE(follower->Next(10, 0)) << "a fatal error stays";
}

TEST_F(BusReplay, ACorruptRecordEndsTheReplayWithItsPlaceAndWhatIsBeforeItIsRead) {
  Start();
  const auto publisher = MustPublish("a");
  for (std::uint64_t i = 0; i < 10; ++i) PublishMany(*publisher, "a", i * 100 + 1, 100);
  Stop();
  const std::string file = dir_.Path("log") + "/segment-00000000000000000001.db";
  std::string bytes;
  {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::size_t place = bytes.find("a-777");
  ASSERT_NE(place, std::string::npos);
  bytes[place] = 'z';
  std::ofstream(file, std::ios::binary) << bytes;
  Start();
  const auto follower = MustFollow();
  ASSERT_EQ(ReadSome(*follower, 776).size(), 776U);
  std::optional<Error> error;
  ASSERT_TRUE(Eventually([&] {
    const auto batch = follower->Next(10, 100);
    if (!batch) error = batch.error();
    return error.has_value();
  }));
  EXPECT_EQ(error->code, ErrorCode::kCorrupt);
  EXPECT_NE(error->Message().find("ends before offset 777"), std::string::npos) << error->Message();
}

TEST_F(BusReplay, TheLogAndItsOpenAlertsCanBeAskedFor) {
  Start();
  const auto core = MustPublish("core");
  PublishRecord record;
  record.topic = "alert.icu.p1.withdrawal.";
  record.payload = "open";
  record.open = true;
  ASSERT_TRUE(core->Publish(record));
  record.topic = "alert.ward.p2.infection.";
  ASSERT_TRUE(core->Publish(record));
  record.topic = "alert.icu.p1.withdrawal.";
  record.payload = "worse";
  ASSERT_TRUE(core->Publish(record));
  ASSERT_TRUE(core->Flush(kPatience));
  const auto log = AskLog(options_.replay_endpoint, kPatience);
  ASSERT_TRUE(log) << log.error().Message();
  EXPECT_EQ(log->last_offset, 3U);
  EXPECT_EQ(log->first_offset, 1U);
  EXPECT_TRUE(log->given_clock);
  EXPECT_EQ(log->producers.at("core"), 3U);
  auto alerts = AskOpenAlerts(options_.replay_endpoint, {}, kPatience);
  ASSERT_TRUE(alerts);
  ASSERT_EQ(alerts->records.size(), 2U);
  EXPECT_EQ(alerts->records[0].payload, "worse");
  EXPECT_TRUE(alerts->records[0].open);
  EXPECT_EQ(alerts->next_offset, 4U);
  EXPECT_EQ(AskOpenAlerts(options_.replay_endpoint, {"alert.ward."}, kPatience)->records.size(),
            1U);
  EXPECT_EQ(AskLog("ipc://" + dir_.Path("nobody"), 100).error().code, ErrorCode::kUnreachable);
}

TEST_F(BusReplay, ALiveReaderFillsWhatASlowSubscriberLost) {
  options_.live_queue_messages = 10;
  Start();
  const auto publisher = MustPublish("a");
  LiveOptions options;
  options.live_endpoint = options_.live_endpoint;
  options.replay_endpoint = options_.replay_endpoint;
  options.prefixes = {"vitals.icu."};
  const auto reader = LiveReader::Open(options);
  ASSERT_TRUE(reader);
  std::uint64_t next = 1;
  std::vector<Record> records;
  const auto read = [&](std::int64_t timeout_ms) {
    const auto batch = (*reader)->Next(timeout_ms);
    ASSERT_TRUE(batch);
    records.insert(records.end(), batch->begin(), batch->end());
  };
  ASSERT_TRUE(Eventually([&] {
    PublishMany(*publisher, "a", next++, 1);
    read(20);
    return !records.empty();
  }));
  // Large enough that the sockets' buffers cannot hold it all while nobody reads.
  const std::string large(100000, 'x');
  for (std::uint64_t i = 0; i < 300; ++i, ++next) {
    PublishRecord record;
    record.topic = "vitals.icu.p1.";
    record.payload = large;
    ASSERT_TRUE(publisher->Publish(record));
  }
  ASSERT_TRUE(publisher->Flush(kPatience));
  ASSERT_TRUE(Eventually([&] {
    PublishMany(*publisher, "a", next++, 1);
    read(100);
    return (*reader)->Gaps() > 0 && records.back().offset >= next - 1;
  }));
  ExpectDense(records, records.front().offset);
  EXPECT_GT((*reader)->Filled(), 0U);
  EXPECT_EQ((*reader)->Unfilled(), 0U);
}

class LossyLive : public BusReplay {
 protected:
  /// Publishes records on `topics`, gives a subscriber of `prefixes` those that `kept` lists by
  /// their offsets, and returns the offsets in the order in which it delivered `count` of them.
  std::vector<Offset> Deliver(const std::vector<std::string>& topics,
                              const std::vector<std::string>& prefixes,
                              const std::vector<Offset>& kept, std::size_t count) {
    Start();
    const auto publisher = MustPublish("a");
    for (const std::string& topic : topics) {
      EXPECT_TRUE(publisher->Publish({.topic = topic, .payload = "x"}));
    }
    EXPECT_TRUE(publisher->Flush(kPatience));
    const std::vector<Record> records = ReadSome(*MustFollow(), topics.size());
    SocketContext context;
    Socket live = *Socket::Make(context, SocketKind::kXPub, SocketOptions());
    LiveOptions options;
    options.live_endpoint = *live.Bind("tcp://127.0.0.1:*");
    options.replay_endpoint = options_.replay_endpoint;
    options.prefixes = prefixes;
    const auto reader = LiveReader::Open(options);
    EXPECT_TRUE(reader);
    SocketMessage subscription;
    for (int i = 0; i < 3;) {
      PollItem item;
      item.socket = &live;
      EXPECT_GT(PollSockets({&item, 1}, kPatience), 0);
      if (live.Receive(subscription, nullptr) == SocketOutcome::kDone) ++i;
    }
    for (const Offset offset : kept) {
      const Record& record = records[offset - 1];
      char meta[kMetaBytes];
      EncodeMeta(record.offset, record.previous_offset, record.recorded_ns, meta);
      live.Send(record.topic, true);
      live.Send(record.payload, true);
      live.Send({meta, sizeof meta});
    }
    std::vector<Offset> seen;
    EXPECT_TRUE(Eventually([&] {
      const auto batch = (*reader)->Next(500);
      for (const Record& record : *batch) seen.push_back(record.offset);
      return seen.size() >= count;
    }));
    EXPECT_EQ((*reader)->Unfilled(), 0U);
    return seen;
  }
};

TEST_F(LossyLive, ALossThatATickShowsIsFilledBelowANewerRecordToo) {
  const auto seen = Deliver({"tick.", "vitals.icu.p1.", "tick.", "vitals.icu.p1.", "tick."},
                            {"vitals.icu.p1."}, {1, 4, 5}, 2);
  EXPECT_EQ(seen, (std::vector<Offset>{4, 2}));
}

TEST_F(LossyLive, AStreamThatBeginsAfterATickHasLostNothing) {
  const auto seen = Deliver({"tick.", "vitals.icu.p1.", "vitals.icu.p1."}, {""}, {1, 3}, 3);
  EXPECT_EQ(seen, (std::vector<Offset>{1, 2, 3}));
}

TEST_F(LossyLive, WhatIsBroughtBackShowsWhatItsStreamHadLostBefore) {
  const auto seen = Deliver(
      {"tick.", "vitals.icu.p1.", "vitals.icu.p1.", "tick.", "tick.", "vitals.icu.p1.", "tick."},
      {""}, {1, 2, 4, 7}, 7);
  EXPECT_EQ(seen, (std::vector<Offset>{1, 2, 4, 5, 3, 6, 7}));
}

TEST_F(BusReplay, LivenessTellsALateCoreAndAMissingBroker) {
  options_.log.clock = LogClock::kWall;
  options_.tick_interval_ns = 20000000;
  Start();
  LiveOptions options;
  options.live_endpoint = options_.live_endpoint;
  options.replay_endpoint = options_.replay_endpoint;
  options.prefixes = {"alert."};
  options.stale_after_ms = 400;
  const auto reader = LiveReader::Open(options);
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->State(), Liveness::kBlind);
  const auto core = MustPublish("core");
  const auto wait_for = [&](Liveness state, bool answer) {
    return Eventually([&] {
      EXPECT_TRUE((*reader)->Next(20));
      if (answer) {
        v1::Progress progress;
        progress.set_processed_offset(broker_->Stats().last_offset);
        const std::string payload = progress.SerializeAsString();
        PublishRecord record;
        record.topic = "progress.";
        record.payload = payload;
        EXPECT_TRUE(core->Publish(record));
        EXPECT_TRUE(core->Flush(kPatience));
      }
      return (*reader)->State() == state;
    });
  };
  EXPECT_TRUE(wait_for(Liveness::kLive, true));
  EXPECT_TRUE(wait_for(Liveness::kCoreLate, false));
  EXPECT_TRUE(wait_for(Liveness::kLive, true));
  Stop();
  EXPECT_TRUE(wait_for(Liveness::kBlind, false));
}

}  // namespace
}  // namespace tonus
