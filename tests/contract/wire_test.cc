// broker/wire.h, which reads and writes by hand, held against protobuf.
#include "broker/wire.h"

#include <gtest/gtest.h>

#include <random>

#include "tonus/v1/bus.pb.h"

namespace tonus {
namespace {

std::string RandomBytes(std::mt19937_64& random, std::size_t most) {
  std::string bytes(random() % (most + 1), '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

TEST(Wire, ABatchReadsAsProtobufReadsIt) {
  const std::uint64_t seed = 20261124;
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::vector<AppendRecord> records;
  for (int round = 0; round < 500; ++round) {
    v1::IngestRequest request;
    v1::Batch& batch = *request.mutable_batch();
    batch.set_first_sequence(random() >> (random() % 64));
    batch.set_epoch(random() >> (random() % 64));
    for (std::uint64_t i = random() % 5; i > 0; --i) {
      v1::BatchRecord& record = *batch.add_records();
      record.set_topic(RandomBytes(random, 40));
      record.set_payload(RandomBytes(random, 300));
      record.set_digest(random() % 2 == 0 ? 0 : random());
      record.set_recorded_ns(random() % 2 == 0 ? 0 : static_cast<std::int64_t>(random()));
      record.set_open(random() % 2 == 0);
    }
    const std::string bytes = request.SerializeAsString();
    const IngestView view = ReadIngest(bytes, records);
    ASSERT_EQ(view.kind, IngestKind::kBatch);
    ASSERT_EQ(view.first_sequence, batch.first_sequence());
    ASSERT_EQ(view.epoch, batch.epoch());
    ASSERT_EQ(records.size(), static_cast<std::size_t>(batch.records_size()));
    for (int i = 0; i < batch.records_size(); ++i) {
      const AppendRecord& record = records[static_cast<std::size_t>(i)];
      ASSERT_EQ(record.topic, batch.records(i).topic());
      ASSERT_EQ(record.payload, batch.records(i).payload());
      ASSERT_EQ(record.digest, batch.records(i).digest());
      ASSERT_EQ(record.recorded_ns, batch.records(i).recorded_ns());
      ASSERT_EQ(record.open, batch.records(i).open());
    }
  }
}

TEST(Wire, DamagedRequestsNeverReadBeyondTheirEndAndNeverReadAsMoreThanProtobufDoes) {
  const std::uint64_t seed = 20261125;
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  v1::IngestRequest request;
  v1::Batch& batch = *request.mutable_batch();
  batch.set_first_sequence(300);
  for (int i = 0; i < 3; ++i) {
    batch.add_records()->set_topic("vitals.icu.p1.");
    batch.mutable_records(i)->set_payload("payload");
    batch.mutable_records(i)->set_digest(7);
  }
  const std::string whole = request.SerializeAsString();
  std::vector<AppendRecord> records;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = whole.substr(0, random() % (whole.size() + 1));
    for (std::uint64_t i = random() % 4; i > 0 && !bytes.empty(); --i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    // A heap copy of exact size: a sanitizer sees one byte too far.
    const std::vector<char> exact(bytes.begin(), bytes.end());
    const IngestView view = ReadIngest({exact.data(), exact.size()}, records);
    if (view.kind != IngestKind::kBatch) continue;
    v1::IngestRequest read;
    if (read.ParseFromString(bytes)) {
      ASSERT_TRUE(read.has_batch());
      ASSERT_EQ(static_cast<std::size_t>(read.batch().records_size()), records.size());
    }
  }
}

TEST(Wire, ARequestWithTwoQuestionsIsBad) {
  v1::IngestRequest hello;
  hello.mutable_hello()->set_producer("a");
  v1::IngestRequest ping;
  ping.mutable_ping();
  std::vector<AppendRecord> records;
  EXPECT_EQ(ReadIngest(hello.SerializeAsString(), records).kind, IngestKind::kHello);
  EXPECT_EQ(ReadIngest(ping.SerializeAsString(), records).kind, IngestKind::kPing);
  EXPECT_EQ(ReadIngest(hello.SerializeAsString() + ping.SerializeAsString(), records).kind,
            IngestKind::kBad);
  EXPECT_EQ(ReadIngest("", records).kind, IngestKind::kBad);
}

TEST(Wire, ABatchOfMillionsOfEmptyRecordsTakesNoMoreMemoryThanOneThatIsAllowed) {
  v1::IngestRequest request;
  for (int i = 0; i < 1'000'000; ++i) request.mutable_batch()->add_records();
  std::vector<AppendRecord> records;
  EXPECT_EQ(ReadIngest(request.SerializeAsString(), records, 4096).kind, IngestKind::kBatch);
  EXPECT_EQ(records.size(), 4097U);
  EXPECT_LE(records.capacity(), 16384U);
}

TEST(Wire, AChunkReadsBackThroughProtobuf) {
  const std::uint64_t seed = 20261126;
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<Record> records(random() % 4);
    std::string bytes;
    std::vector<EncodedRecord> encoded;
    for (Record& record : records) {
      record.offset = random() >> (random() % 64);
      record.recorded_ns = static_cast<std::int64_t>(random());
      record.topic = RandomBytes(random, 30);
      record.payload = RandomBytes(random, 300);
      record.producer = "monitor";
      record.sequence = random() >> (random() % 64);
      record.previous_offset = random() % 2 == 0 ? 0 : random();
      record.digest = random() % 2 == 0 ? 0 : random();
      record.open = random() % 2 == 0;
      encoded.push_back(EncodeRecord(ViewOf(record), bytes));
    }
    const ChunkHead head = {.id = random() >> (random() % 64),
                            .first_offset = random() % 3,
                            .next_offset = random(),
                            .last = random() % 2 == 0,
                            .at_end = random() % 2 == 0};
    v1::ReplayReply reply;
    ASSERT_TRUE(reply.ParseFromString(EncodeChunk(head, bytes)));
    ASSERT_EQ(reply.id(), head.id);
    ASSERT_EQ(reply.chunk().first_offset(), head.first_offset);
    ASSERT_EQ(reply.chunk().next_offset(), head.next_offset);
    ASSERT_EQ(reply.chunk().last(), head.last);
    ASSERT_EQ(reply.chunk().at_end(), head.at_end);
    ASSERT_EQ(static_cast<std::size_t>(reply.chunk().records_size()), records.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
      const v1::LogRecord& read = reply.chunk().records(static_cast<int>(i));
      ASSERT_EQ(read.offset(), records[i].offset);
      ASSERT_EQ(read.recorded_ns(), records[i].recorded_ns);
      ASSERT_EQ(read.topic(), records[i].topic);
      ASSERT_EQ(read.payload(), records[i].payload);
      ASSERT_EQ(read.producer(), records[i].producer);
      ASSERT_EQ(read.sequence(), records[i].sequence);
      ASSERT_EQ(read.previous_offset(), records[i].previous_offset);
      ASSERT_EQ(read.digest(), records[i].digest);
      ASSERT_EQ(read.open(), records[i].open);
      ASSERT_EQ(bytes.substr(encoded[i].topic_begin, encoded[i].topic_size), records[i].topic);
      ASSERT_EQ(bytes.substr(encoded[i].payload_begin, encoded[i].payload_size),
                records[i].payload);
    }
  }
}

}  // namespace
}  // namespace tonus
