// The `ingest` and `intake` sockets: what is taken, what is refused, and how that is said.
#include <algorithm>
#include <thread>

#include "tests/contract/bus_fixture.h"
#include "tonus/v1/alert.pb.h"
#include "tonus/v1/system.pb.h"

namespace tonus {
namespace {

class BusIngest : public BusTest {};

v1::Dead DeadOf(const Record& record) {
  v1::Dead dead;
  EXPECT_TRUE(dead.ParseFromString(record.payload));
  return dead;
}

TEST_F(BusIngest, AnAckCoversRecordsThatAReaderFindsInTheLog) {
  Start();
  const auto publisher = MustPublish("monitor-1");
  EXPECT_EQ(publisher->ResumedAfter(), 0U);
  EXPECT_TRUE(publisher->GivenClock());
  for (std::uint64_t i = 0; i < 10; ++i) {
    PublishMany(*publisher, "monitor-1", i * 100 + 1, 100);
    EXPECT_EQ(publisher->AckedSequence(), (i + 1) * 100);
    const auto reader = Log::OpenReadOnly(options_.data_dir);
    ASSERT_TRUE(reader) << reader.error().Message();
    EXPECT_EQ((*reader)->Identity()->last_offset, (i + 1) * 100);
  }
  EXPECT_EQ(publisher->Pending(), 0U);
  EXPECT_EQ(broker_->Stats().records, 1000U);
}

TEST_F(BusIngest, AProducerResumesAfterItsLastSequence) {
  Start();
  PublishMany(*MustPublish("a"), "a", 1, 10);
  const auto again = MustPublish("a");
  EXPECT_EQ(again->ResumedAfter(), 10U);
  EXPECT_EQ(again->NextSequence(), 11U);
  PublishMany(*again, "a", 11, 5);
  EXPECT_EQ(again->Repeats(), 0U);
  EXPECT_EQ(again->AckedSequence(), 15U);
}

TEST_F(BusIngest, ADerivedRecordThatTheLogHasIsDroppedAsARepeat) {
  Start();
  PublishMany(*MustPublish("core"), "core", 1, 10, "alert.icu.p1.withdrawal.");
  const auto again = MustPublish("core", 1);
  PublishMany(*again, "core", 1, 12, "alert.icu.p1.withdrawal.");
  EXPECT_EQ(again->Repeats(), 10U);
  EXPECT_EQ(again->AckedSequence(), 12U);
  EXPECT_EQ(broker_->Stats().last_offset, 12U);
}

TEST_F(BusIngest, ADerivedRecordThatDiffersIsRefusedAsDiverged) {
  Start();
  PublishMany(*MustPublish("core"), "core", 1, 10, "alert.icu.p1.withdrawal.");
  const auto again = MustPublish("core", 5);
  PublishRecord record;
  record.topic = "alert.icu.p1.withdrawal.";
  record.payload = "something else";
  ASSERT_TRUE(again->Publish(record));
  const auto flushed = again->Flush(kPatience);
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, ErrorCode::kDiverged);
  EXPECT_NE(flushed.error().Message().find("record 5 of producer 'core'"), std::string::npos);
  EXPECT_EQ(broker_->Stats().diverged, 1U);
  EXPECT_EQ(broker_->Stats().last_offset, 10U);
  EXPECT_FALSE(again->Publish(record)) << "a fatal error stays";
}

TEST_F(BusIngest, BeginningBeyondTheLogsLastSequenceIsRefused) {
  Start();
  PublisherOptions options;
  options.endpoint = broker_->Endpoints().ingest;
  options.producer = "core";
  options.first_sequence = 5;
  const auto publisher = Publisher::Open(options);
  ASSERT_FALSE(publisher);
  EXPECT_EQ(publisher.error().code, ErrorCode::kRefused);
}

TEST_F(BusIngest, TheNewerOfTwoConnectionsFencesTheOlder) {
  Start();
  const auto older = MustPublish("a");
  PublishMany(*older, "a", 1, 3);
  const auto newer = MustPublish("a");
  EXPECT_EQ(newer->ResumedAfter(), 3U);
  PublishRecord record;
  record.topic = "vitals.icu.p1.";
  ASSERT_TRUE(older->Publish(record));
  const auto flushed = older->Flush(kPatience);
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, ErrorCode::kFenced);
  PublishMany(*newer, "a", 4, 3);
  EXPECT_EQ(broker_->Stats().last_offset, 6U);
  EXPECT_EQ(broker_->Stats().fenced, 1U);
}

TEST_F(BusIngest, WhatAnotherWroteUnderTheNameIsNeverTakenForOnesOwn) {
  Start();
  auto publisher = MustPublish("a");
  ASSERT_TRUE(publisher->Publish({.topic = "vitals.icu.p1.", .payload = "one"}));
  ASSERT_TRUE(publisher->Flush(kPatience));
  Stop();
  ASSERT_TRUE(publisher->Publish({.topic = "vitals.icu.p1.", .payload = "mine"}));
  Start();
  RawPeer other(options_.ingest_endpoint);
  const auto epoch = other.Hello("a").epoch();
  ASSERT_TRUE(other.Ingest(BatchOf(epoch, 2, 1)).has_ack());
  const auto flushed = publisher->Flush(kPatience);
  ASSERT_FALSE(flushed) << "a record that is nowhere counts as written";
  EXPECT_EQ(flushed.error().code, ErrorCode::kDiverged);
}

TEST_F(BusIngest, ALateHelloOfAGivenUpConnectionDoesNotFenceTheNewOne) {
  Start();
  RawPeer given_up(options_.ingest_endpoint);
  RawPeer current(options_.ingest_endpoint);
  v1::IngestRequest hello;
  hello.mutable_hello()->set_producer("a");
  hello.mutable_hello()->set_version(1);
  hello.mutable_hello()->set_instance(77);
  hello.mutable_hello()->set_attempt(2);
  const auto epoch = current.Ingest(hello).welcome().epoch();
  hello.mutable_hello()->set_attempt(1);
  EXPECT_EQ(given_up.Ingest(hello).refusal().code(), "fenced");
  EXPECT_TRUE(current.Ingest(BatchOf(epoch, 1, 1)).has_ack());
  hello.mutable_hello()->set_instance(78);
  EXPECT_TRUE(given_up.Ingest(hello).has_welcome()) << "another instance is a newer connection";
  EXPECT_EQ(current.Ingest(BatchOf(epoch, 2, 1)).refusal().code(), "fenced");
}

TEST_F(BusIngest, ABatchWithoutHelloIsRefused) {
  Start();
  RawPeer peer(options_.ingest_endpoint);
  const auto reply = peer.Ingest(BatchOf(1, 1, 1));
  EXPECT_EQ(reply.refusal().code(), "no_hello");
  EXPECT_TRUE(reply.refusal().retry());
}

TEST_F(BusIngest, ABatchOfAnOlderEpochMayBeSentAgain) {
  Start();
  RawPeer peer(options_.ingest_endpoint);
  const auto epoch = peer.Hello("a").epoch();
  peer.Hello("a");
  // A producer that asked twice, for the broker was slow, and went on with the first Welcome.
  const auto reply = peer.Ingest(BatchOf(epoch, 1, 1));
  EXPECT_EQ(reply.refusal().code(), "old_epoch");
  EXPECT_TRUE(reply.refusal().retry());
  EXPECT_TRUE(peer.Ingest(BatchOf(epoch + 1, 1, 1)).has_ack());
}

TEST_F(BusIngest, AGapInSequencesIsRefusedAndNamesTheNextOne) {
  Start();
  RawPeer peer(options_.ingest_endpoint);
  const auto epoch = peer.Hello("a").epoch();
  EXPECT_EQ(peer.Ingest(BatchOf(epoch, 1, 2)).ack().last_sequence(), 2U);
  const auto reply = peer.Ingest(BatchOf(epoch, 4, 1));
  EXPECT_EQ(reply.refusal().code(), "sequence_gap");
  EXPECT_EQ(reply.refusal().last_sequence(), 2U);
  EXPECT_NE(reply.refusal().sentence().find("go on with 3"), std::string::npos);
  EXPECT_EQ(peer.Ingest(BatchOf(epoch, 3, 1)).ack().last_offset(), 3U);
}

TEST_F(BusIngest, BadNamesVersionsAndBatchesAreRefusedInWords) {
  options_.max_batch_records = 10;
  options_.credit_records = 12;
  Start();
  RawPeer peer(options_.ingest_endpoint);
  v1::IngestRequest hello;
  hello.mutable_hello()->set_version(1);
  for (const std::string& name :
       {std::string(), std::string("with space"), std::string(65, 'x'), std::string("intake"),
        std::string("broker"), std::string("broker.x"), std::string("\xff\x01")}) {
    v1::IngestRequest request = hello;
    request.mutable_hello()->mutable_producer()->assign(name);
    const auto reply = peer.Ingest(request);
    EXPECT_EQ(reply.refusal().code(), "bad_producer") << name;
    EXPECT_FALSE(reply.refusal().sentence().empty());
  }
  hello.mutable_hello()->set_producer("a");
  hello.mutable_hello()->set_version(2);
  EXPECT_EQ(peer.Ingest(hello).refusal().code(), "bad_request");
  const auto epoch = peer.Hello("a").epoch();
  EXPECT_EQ(peer.Ingest(BatchOf(epoch, 1, 0)).refusal().code(), "bad_request");
  EXPECT_EQ(peer.Ingest(BatchOf(epoch, 1, 11)).refusal().code(), "too_large");
  EXPECT_EQ(peer.Ingest(v1::IngestRequest()).refusal().code(), "bad_request");
  v1::IngestRequest ping;
  ping.mutable_ping();
  EXPECT_TRUE(peer.Ingest(ping).has_pong());
  EXPECT_TRUE(peer.Ingest(BatchOf(epoch, 1, 10)).has_ack());
}

TEST_F(BusIngest, WhoSendsMoreThanTheCreditIsRefused) {
  options_.credit_bytes = 20000;
  Start();
  RawPeer peer(options_.ingest_endpoint);
  const auto welcome = peer.Hello("a");
  EXPECT_EQ(welcome.credit_bytes(), 20000U);
  v1::IngestRequest large = BatchOf(welcome.epoch(), 1, 1);
  large.mutable_batch()->mutable_records(0)->set_payload(std::string(30000, 'x'));
  const auto reply = peer.Ingest(large);
  EXPECT_EQ(reply.refusal().code(), "over_credit");
  EXPECT_TRUE(reply.refusal().retry());
  EXPECT_TRUE(peer.Ingest(BatchOf(welcome.epoch(), 1, 1)).has_ack());
}

TEST_F(BusIngest, ABadRecordGoesToDeadUnderItsNameAndTheRestIsTaken) {
  options_.max_payload_bytes = 6000;
  Start();
  RawPeer peer(options_.ingest_endpoint);
  const auto epoch = peer.Hello("monitor").epoch();
  v1::IngestRequest batch = BatchOf(epoch, 1, 5);
  batch.mutable_batch()->mutable_records(1)->set_topic(std::string("\x00\xff bin", 6));
  batch.mutable_batch()->mutable_records(2)->set_topic("alert.icu.p1.withdrawal.");
  batch.mutable_batch()->mutable_records(3)->set_payload(std::string(6001, 'x'));
  const auto ack = peer.Ingest(batch).ack();
  EXPECT_EQ(ack.last_sequence(), 5U);
  EXPECT_EQ(ack.last_offset(), 5U);
  ASSERT_EQ(ack.refused_size(), 3);
  EXPECT_EQ(ack.refused(0).sequence(), 2U);
  EXPECT_EQ(ack.refused(0).code(), "bad_topic");
  EXPECT_EQ(ack.refused(1).code(), "forbidden_topic");
  EXPECT_EQ(ack.refused(2).code(), "payload_too_large");
  EXPECT_NE(ack.refused(2).sentence().find("6001 bytes"), std::string::npos);
  const auto records = ReadSome(*MustFollow(), 5);
  ASSERT_EQ(records.size(), 5U);
  EXPECT_EQ(records[1].topic, "dead._._.");
  EXPECT_EQ(records[2].topic, "dead.icu.p1.");
  EXPECT_EQ(records[3].topic, "dead.icu.p1.");
  EXPECT_EQ(records[1].producer, "monitor");
  EXPECT_EQ(records[1].sequence, 2U);
  EXPECT_EQ(DeadOf(records[1]).topic(), std::string("\x00\xff bin", 6));
  EXPECT_EQ(DeadOf(records[2]).code(), "forbidden_topic");
  EXPECT_EQ(DeadOf(records[3]).payload().size(), 4096U);
  EXPECT_EQ(DeadOf(records[3]).payload_bytes(), 6001U);
  EXPECT_EQ(DeadOf(records[3]).record().sequence(), 4U);
  EXPECT_EQ(broker_->Stats().dead, 3U);

  // The same again is a repeat, and its refusals are said again.
  const auto repeated = peer.Ingest(batch).ack();
  EXPECT_EQ(repeated.repeats(), 5U);
  EXPECT_EQ(repeated.refused_size(), 3);
  EXPECT_EQ(broker_->Stats().last_offset, 5U);
}

TEST_F(BusIngest, TheCoreMayPublishWhatOthersMayNot) {
  Start();
  RawPeer peer(options_.ingest_endpoint);
  const std::vector<std::string> topics = {"alert.icu.p1.withdrawal.",
                                           "tech.monitor.",
                                           "progress.",
                                           "config.",
                                           "dead.icu.p1.",
                                           "health.core."};
  for (const std::string& name :
       {std::string("core"), std::string("core.2"), std::string("corex")}) {
    const auto epoch = peer.Hello(name).epoch();
    v1::IngestRequest batch = BatchOf(epoch, 1, topics.size());
    for (std::size_t i = 0; i < topics.size(); ++i) {
      batch.mutable_batch()->mutable_records(static_cast<int>(i))->set_topic(topics[i]);
    }
    EXPECT_EQ(peer.Ingest(batch).ack().refused_size(), name == "corex" ? 5 : 0) << name;
  }
  const auto epoch = peer.Hello("core").epoch();
  EXPECT_EQ(peer.Ingest(BatchOf(epoch, 7, 1, "tick.")).ack().refused_size(), 0)
      << "who gives a log its times also ticks";
}

TEST_F(BusIngest, TicksOfAWallLogAreTheBrokersAlone) {
  options_.log.clock = LogClock::kWall;
  Start();
  RawPeer peer(options_.ingest_endpoint);
  const auto epoch = peer.Hello("core").epoch();
  const auto ack = peer.Ingest(BatchOf(epoch, 1, 1, "tick.")).ack();
  ASSERT_EQ(ack.refused_size(), 1);
  EXPECT_EQ(ack.refused(0).code(), "forbidden_topic");
}

TEST_F(BusIngest, GarbageOnEverySocketHurtsNobodyElse) {
  Start();
  const auto publisher = MustPublish("good");
  const std::vector<std::string> rubbish = {"",
                                            "\xff\xff\xff\xff",
                                            std::string(100000, '\0'),
                                            "\x12\x05hello",
                                            "\x0a\x02\x0a\x50",
                                            std::string(3, '\x12')};
  RawPeer ingest(options_.ingest_endpoint);
  RawPeer replay(options_.replay_endpoint);
  for (const std::string& bytes : rubbish) {
    ingest.Send(bytes);
    EXPECT_EQ(ingest.IngestAnswer().refusal().code(), "bad_request");
    replay.Send(bytes);
    EXPECT_EQ(replay.ReplayAnswer().refusal().code(), "bad_request");
    ingest.Send(bytes, true);
    ingest.Send(bytes);
    EXPECT_EQ(ingest.IngestAnswer().refusal().code(), "bad_request");
  }
  SocketContext context;
  Socket live = *Socket::Make(context, SocketKind::kSub, SocketOptions());
  ASSERT_TRUE(live.Subscribe("\xff\xff"));
  ASSERT_TRUE(live.Connect(options_.live_endpoint));
  PublishMany(*publisher, "good", 1, 100);
  EXPECT_EQ(broker_->Stats().last_offset, 100U);
}

TEST_F(BusIngest, APeerWithAHugeMessageIsDroppedAndTheOthersGoOn) {
  Start();
  const auto publisher = MustPublish("good");
  RawPeer peer(options_.ingest_endpoint);
  const auto epoch = peer.Hello("large").epoch();
  v1::IngestRequest batch = BatchOf(epoch, 1, 1);
  batch.mutable_batch()->mutable_records(0)->set_payload(std::string(64U << 20U, 'x'));
  peer.Send(batch.SerializeAsString());
  PublishMany(*publisher, "good", 1, 100);
  EXPECT_EQ(broker_->Stats().last_offset, 100U);
  EXPECT_FALSE(peer.Receive(200)) << "nothing was taken, so nothing is answered";
}

TEST_F(BusIngest, APayloadThatIsTooLargeIsRefusedByThePublisherItself) {
  options_.max_payload_bytes = 100;
  Start();
  const auto publisher = MustPublish("a");
  PublishRecord record;
  record.topic = "vitals.icu.p1.";
  const std::string payload(101, 'x');
  record.payload = payload;
  const auto refused = publisher->Publish(record);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kMalformed);
  PublishMany(*publisher, "a", 1, 3);
  EXPECT_EQ(publisher->AckedSequence(), 3U) << "no sequence was consumed";
}

TEST_F(BusIngest, BelowTheDiskFloorInputIsRefusedAndTheCoreGoesOn) {
  const auto free_bytes = std::make_shared<std::atomic<std::uint64_t>>(10000);
  options_.min_free_bytes = 5000;
  options_.free_bytes = [free_bytes] { return free_bytes->load(); };
  Start();
  const auto device = MustPublish("device");
  PublishMany(*device, "device", 1, 10);
  *free_bytes = 4000;
  ASSERT_TRUE(Eventually([&] { return broker_->Stats().disk_low; }));
  PublishRecord record;
  record.topic = "vitals.icu.p1.";
  record.payload = "device-11";
  ASSERT_TRUE(device->Publish(record));
  const auto full = device->Flush(1500);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kNoSpace);
  EXPECT_NE(full.error().Message().find("make room"), std::string::npos) << full.error().Message();

  RawPeer peer(options_.ingest_endpoint);
  const auto welcome = peer.Hello("other");
  EXPECT_EQ(welcome.credit_records(), 0U);
  const auto refusal = peer.Ingest(BatchOf(welcome.epoch(), 1, 1)).refusal();
  EXPECT_EQ(refusal.code(), "disk_full");
  EXPECT_TRUE(refusal.retry());
  const auto action = peer.Ingest(BatchOf(welcome.epoch(), 1, 1, "action.icu.p1."));
  EXPECT_EQ(action.ack().last_sequence(), 1U) << "what people do to alerts keeps its reserve";
  *free_bytes = 1000;
  const auto last = [&] { return peer.Ingest(BatchOf(welcome.epoch(), 2, 1, "action.icu.p1.")); };
  EXPECT_TRUE(Eventually([&] { return broker_->Stats().free_bytes == 1000; }));
  EXPECT_EQ(last().refusal().code(), "disk_full") << "the rest is the core's";

  PublishMany(*MustPublish("core"), "core", 1, 5, "alert.icu.p1.withdrawal.");
  FollowerOptions inputs;
  inputs.prefixes = {"vitals.", "action.", "alert."};
  EXPECT_EQ(ReadSome(*MustFollow(inputs), 16).size(), 16U) << "reads go on";

  *free_bytes = 10000;
  const auto flushed = device->Flush(kPatience);
  ASSERT_TRUE(flushed) << flushed.error().Message();
  EXPECT_EQ(ReadSome(*MustFollow(inputs), 17).size(), 17U);
}

TEST_F(BusIngest, AFullDiskIsATechnicalAlertThatEndsAndSurvivesARestart) {
  const auto free_bytes = std::make_shared<std::atomic<std::uint64_t>>(100000);
  options_.min_free_bytes = 5000;
  options_.free_bytes = [free_bytes] { return free_bytes->load(); };
  using Told = std::vector<std::pair<std::string, v1::TechState>>;
  const auto told = [&] {
    FollowerOptions options;
    options.prefixes = {"tech.broker."};
    options.follow = false;
    Told all;
    for (const Record& record : ReadSome(*MustFollow(options), 100)) {
      v1::TechAlert alert;
      alert.ParseFromString(record.payload);
      all.emplace_back(alert.kind(), alert.state());
    }
    return all;
  };
  Start();
  *free_bytes = 9000;
  Told expected = {{"disk_nearly_full", v1::TECH_STATE_ACTIVE}};
  ASSERT_TRUE(Eventually([&] { return told() == expected; }));
  *free_bytes = 4999;
  expected.emplace_back("disk_low", v1::TECH_STATE_ACTIVE);
  ASSERT_TRUE(Eventually([&] { return told() == expected; }));
  for (std::uint64_t i = 0; i < 20; ++i) {
    *free_bytes = 4990 + i % 2 * 20;  // It wavers about the floor.
    ASSERT_EQ(told(), expected);
  }
  Stop();
  *free_bytes = 100000;
  Start();
  expected.emplace_back("disk_nearly_full", v1::TECH_STATE_RESOLVED);
  expected.emplace_back("disk_low", v1::TECH_STATE_RESOLVED);
  ASSERT_TRUE(Eventually([&] { return told() == expected; })) << told().size();
}

TEST_F(BusIngest, WhatPlainPublishersLoseIsATechnicalAlert) {
  options_.min_free_bytes = 5000;
  options_.free_bytes = [] { return std::uint64_t{4000}; };
  Start();
  SocketContext context;
  Socket device = *Socket::Make(context, SocketKind::kPub, SocketOptions());
  ASSERT_TRUE(device.Connect(options_.intake_endpoint));
  const auto told = [&] {
    static_cast<void>(device.Send("vitals.icu.p1.", true));
    static_cast<void>(device.Send("payload"));
    FollowerOptions options;
    options.prefixes = {"tech.broker."};
    options.follow = false;
    const auto records = ReadSome(*MustFollow(options), 100);
    return std::any_of(records.begin(), records.end(), [](const Record& record) {
      v1::TechAlert alert;
      return alert.ParseFromString(record.payload) && alert.kind() == "intake_dropped";
    });
  };
  EXPECT_TRUE(Eventually(told));
  EXPECT_GT(broker_->Stats().intake_dropped, 0U);
}

TEST_F(BusIngest, ALogFullOfTopicsStillTakesWhatIsKnownAndTheCore) {
  options_.log.max_topics = 2;
  auto free_bytes = std::make_shared<std::atomic<std::uint64_t>>(10000);
  options_.free_bytes = [free_bytes] { return free_bytes->load(); };
  options_.min_free_bytes = 5000;
  options_.log.clock = LogClock::kWall;
  options_.tick_interval_ns = 10000000;
  Start();
  ASSERT_TRUE(Eventually([&] { return broker_->Stats().ticks > 0; }));
  RawPeer device(options_.ingest_endpoint);
  const auto epoch = device.Hello("device").epoch();
  EXPECT_TRUE(device.Ingest(BatchOf(epoch, 1, 1)).has_ack());
  const auto refused = device.Ingest(BatchOf(epoch, 2, 1, "vitals.icu.p2."));
  EXPECT_EQ(refused.refusal().code(), "too_many_topics");
  RawPeer core(options_.ingest_endpoint);
  const auto core_epoch = core.Hello("core.1").epoch();
  EXPECT_TRUE(core.Ingest(BatchOf(core_epoch, 1, 1, "alert.icu.p1.withdrawal.")).has_ack());
  *free_bytes = 100;  // a health record of the broker's own, whose topic is new too
  ASSERT_TRUE(Eventually([&] { return broker_->Stats().disk_low; }));
  *free_bytes = 10000;
  ASSERT_TRUE(Eventually([&] { return !broker_->Stats().disk_low; }));
  EXPECT_TRUE(device.Ingest(BatchOf(epoch, 2, 1)).has_ack());
}

TEST_F(BusIngest, PlainPublishersAreRecordedUnderIntake) {
  Start();
  SocketContext context;
  Socket device = *Socket::Make(context, SocketKind::kPub, SocketOptions());
  ASSERT_TRUE(device.Connect(options_.intake_endpoint));
  const auto follower = MustFollow();
  std::vector<Record> records;
  const auto read = [&](Follower& from) {
    const auto batch = from.Next(1000, 20);
    ASSERT_TRUE(batch);
    records.insert(records.end(), batch->records.begin(), batch->records.end());
  };
  // A PUB socket loses what it sends before the subscription has arrived.
  ASSERT_TRUE(Eventually([&] {
    device.Send("vitals.icu.p1.", true);
    device.Send("hello");
    read(*follower);
    return !records.empty();
  }));
  device.Send("no topic");
  device.Send("alert.icu.p1.withdrawal.", true);
  device.Send("a device says no alerts");
  device.Send("lab.icu.p1.", true);
  device.Send("last");
  ASSERT_TRUE(Eventually([&] {
    read(*follower);
    return records.back().payload == "last";
  }));
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].producer, "intake");
    EXPECT_EQ(records[i].sequence, i + 1);
  }
  ASSERT_GE(records.size(), 4U);
  EXPECT_EQ(records[records.size() - 3].topic, "dead._._.");
  EXPECT_EQ(records[records.size() - 2].topic, "dead.icu.p1.");
  const std::uint64_t before = records.size();
  Stop();
  Start();
  FollowerOptions rest;
  rest.offset = before + 1;
  const auto again = MustFollow(rest);
  ASSERT_TRUE(Eventually([&] {
    device.Send("vitals.icu.p1.", true);
    device.Send("again");
    read(*again);
    return records.size() > before;
  }));
  EXPECT_EQ(records[before].sequence, before + 1);
}

TEST_F(BusIngest, AWallLogGetsATickEachIntervalAndGoesOnCounting) {
  options_.log.clock = LogClock::kWall;
  options_.tick_interval_ns = 20000000;
  Start();
  FollowerOptions ticks;
  ticks.prefixes = {"tick."};
  auto records = ReadSome(*MustFollow(ticks), 5);
  ASSERT_EQ(records.size(), 5U);
  Stop();
  Start();
  records = ReadSome(*MustFollow(ticks), 200);
  ASSERT_EQ(records.size(), 200U);
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].sequence, i + 1);
    EXPECT_EQ(records[i].producer, "broker");
    EXPECT_GE(records[i].recorded_ns, records[i == 0 ? 0 : i - 1].recorded_ns);
  }
}

TEST_F(BusIngest, ADivergedRepeatIsSaidInAHealthRecordOfAWallLog) {
  options_.log.clock = LogClock::kWall;
  Start();
  RawPeer peer(options_.ingest_endpoint);
  const auto epoch = peer.Hello("a").epoch();
  EXPECT_TRUE(peer.Ingest(BatchOf(epoch, 1, 3)).has_ack());
  EXPECT_EQ(peer.Ingest(BatchOf(epoch, 1, 1, "lab.icu.p1.")).refusal().code(), "diverged");
  FollowerOptions options;
  options.prefixes = {"health.broker."};
  const auto records = ReadSome(*MustFollow(options), 1);
  ASSERT_EQ(records.size(), 1U);
  v1::Health health;
  ASSERT_TRUE(health.ParseFromString(records[0].payload));
  EXPECT_EQ(health.process(), "broker");
  EXPECT_EQ(health.values().at("diverged_batches"), 1);
}

TEST_F(BusIngest, AnEndpointInUseIsNamed) {
  Start();
  BrokerOptions second = options_;
  second.data_dir = dir_.Path("second");
  const auto broker = Broker::Start(second);
  ASSERT_FALSE(broker);
  EXPECT_EQ(broker.error().code, ErrorCode::kUnreachable);
  EXPECT_NE(broker.error().Message().find(options_.ingest_endpoint), std::string::npos);
  EXPECT_NE(broker.error().Message().find("another process"), std::string::npos);
}

TEST_F(BusIngest, RunReturnsWhenStopped) {
  Start();
  std::thread stopper([this] { broker_->Stop(); });
  EXPECT_TRUE(broker_->Run());
  stopper.join();
}

TEST_F(BusIngest, NobodyAtTheEndpointIsSaidInTime) {
  PublisherOptions options;
  options.endpoint = "ipc://" + dir_.Path("nobody");
  options.producer = "a";
  options.connect_timeout_ms = 200;
  const auto publisher = Publisher::Open(options);
  ASSERT_FALSE(publisher);
  EXPECT_EQ(publisher.error().code, ErrorCode::kUnreachable);
  EXPECT_NE(publisher.error().Message().find("is the broker running"), std::string::npos);
}

}  // namespace
}  // namespace tonus
