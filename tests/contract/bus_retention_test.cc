// Retention: what a broker removes of its log, and what the core's word keeps.
#include <filesystem>

#include "tests/contract/bus_fixture.h"

namespace tonus {
namespace {

class BusRetention : public BusTest {
 protected:
  void SetUp() override {
    BusTest::SetUp();
    options_.recent_bytes = 0;  // What is removed from the disk must not come from memory.
    options_.log.segment_bytes = 100000;
    options_.retention.max_bytes = 300000;
    options_.retention.interval_ns = 1;
  }

  /// About five files' worth.
  void Fill(const std::string& producer) {
    const auto publisher = MustPublish(producer);
    const std::uint64_t next = publisher->NextSequence();
    for (std::uint64_t i = 0; i < 50; ++i) PublishMany(*publisher, producer, next + i * 200, 200);
  }

  bool Removed() {
    return Eventually([&] { return broker_->Stats().removed_files > 0; });
  }

  std::size_t Files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(options_.data_dir)) {
      if (entry.path().extension() == ".db") ++count;
    }
    return count;
  }
};

TEST_F(BusRetention, WithoutACoreTheOldestFilesGoAndWhatIsLeftReadsOn) {
  Start();
  Fill("a");
  ASSERT_TRUE(Removed());
  const Offset first = broker_->Stats().first_offset;
  EXPECT_GT(first, 1U);
  FollowerOptions from;
  from.offset = first;
  const auto follower = MustFollow(from);
  const auto records = ReadSome(*follower, 1000);
  ASSERT_EQ(records.size(), 1000U);
  EXPECT_EQ(records.front().offset, first);
  const auto again = MustPublish("a", 1);
  PublishMany(*again, "a", 1, 10);
  EXPECT_EQ(again->Repeats(), 10U) << "a repeat of what is gone is a repeat";
}

TEST_F(BusRetention, WhatIsGoneIsRefusedInWordsWithWhereTheLogBegins) {
  Start();
  Fill("a");
  ASSERT_TRUE(Removed());
  RawPeer peer(broker_->Endpoints().replay);
  v1::ReplayRequest request;
  request.set_id(1);
  request.mutable_start()->set_offset(1);
  request.mutable_start()->set_credit_bytes(1 << 20);
  v1::ReplayReply reply = peer.Replay(request);
  ASSERT_TRUE(reply.has_refusal());
  EXPECT_EQ(reply.refusal().code(), "not_kept");
  EXPECT_NE(reply.refusal().sentence().find("the log begins at"), std::string::npos);
  request.set_id(2);
  request.mutable_start()->set_offset(0);
  reply = peer.Replay(request);
  ASSERT_TRUE(reply.has_chunk());
  EXPECT_GT(reply.chunk().first_offset(), 1U) << "0 asks for whatever is kept";
}

TEST_F(BusRetention, NothingGoesUntilTheCoreHasSaidWhatItNeeds) {
  Start();
  const auto core = MustPublish("core");
  PublishMany(*core, "core", 1, 1, "progress.");
  Fill("a");
  EXPECT_TRUE(Eventually([&] { return broker_->Stats().retention_held_back; }));
  EXPECT_EQ(broker_->Stats().removed_files, 0U);
  const Offset needed = broker_->Stats().last_offset / 2;
  core->Keep(needed);
  ASSERT_TRUE(Eventually([&] {
    EXPECT_TRUE(core->Poll(10));
    return broker_->Stats().removed_files > 0 && core->FirstKept() > 0;
  }));
  EXPECT_LE(broker_->Stats().first_offset, needed);
  FollowerOptions from;
  from.offset = needed;
  EXPECT_EQ(ReadSome(*MustFollow(from), 1).at(0).offset, needed);
}

TEST_F(BusRetention, WhatTheCoreNeedsIsKnownAfterARestart) {
  Start();
  {
    const auto core = MustPublish("core");
    core->Keep(1);
    ASSERT_TRUE(Eventually([&] {
      EXPECT_TRUE(core->Poll(10));
      return core->FirstKept() == 1;
    }));
  }
  Stop();
  Start();
  Fill("a");
  EXPECT_TRUE(Eventually([&] { return broker_->Stats().retention_held_back; }));
  EXPECT_EQ(broker_->Stats().removed_files, 0U);
}

TEST_F(BusRetention, ACoreThatHasBeenSilentForTooLongKeepsNothing) {
  options_.retention.core_silent_ns = 1;
  Start();
  {
    const auto core = MustPublish("core");
    core->Keep(1);
    ASSERT_TRUE(core->Flush(kPatience));
  }
  Fill("a");
  ASSERT_TRUE(Removed());
  EXPECT_TRUE(broker_->Stats().core_unpinned);
}

TEST_F(BusRetention, OnlyTheCoreMaySayWhatIsNeeded) {
  Start();
  RawPeer peer(broker_->Endpoints().ingest);
  v1::IngestRequest keep;
  keep.mutable_keep()->set_from_offset(1);
  EXPECT_EQ(peer.Ingest(keep).refusal().code(), "no_hello");
  peer.Hello("a");
  EXPECT_EQ(peer.Ingest(keep).refusal().code(), "forbidden");
  RawPeer core(broker_->Endpoints().ingest);
  core.Hello("core.2");
  const v1::IngestReply reply = core.Ingest(keep);
  EXPECT_EQ(reply.kept().from_offset(), 1U);
  EXPECT_EQ(reply.kept().first_offset(), 1U);
}

TEST_F(BusRetention, FilesOlderThanTheAgeGoByLogTime) {
  options_.log.segment_bytes = 1U << 30U;
  options_.retention.max_bytes = 0;
  options_.retention.max_age_ns = 4'000'000;  // Records are a microsecond apart: 4000 of them.
  Start();
  Fill("a");
  ASSERT_TRUE(Eventually([&] { return broker_->Stats().first_offset > 4000; }));
  EXPECT_LE(broker_->Stats().first_offset, 6001U);
  EXPECT_GT(Files(), 1U) << "a file ends after an eighth of the age";
}

}  // namespace
}  // namespace tonus
