// The examples of docs/wire-protocol.md: text and bytes agree, and a running broker speaks them.
#include <google/protobuf/text_format.h>

#include <fstream>
#include <sstream>

#include "broker/wire.h"
#include "tests/contract/bus_fixture.h"

namespace tonus {
namespace {

constexpr LogTimeNs kExampleTime = 1709280000'000'000'000;  // 2024-03-01T08:00:00Z.

class StandingClock final : public Clock {
 public:
  LogTimeNs NowNs() override { return kExampleTime; }
};

/// A fenced block of the page: "```textproto Type" or "```hex Type".
struct Block {
  std::string language;
  std::string type;
  std::string text;
};

std::vector<Block> Blocks() {
  std::ifstream file(TONUS_SOURCE_DIR "/docs/wire-protocol.md");
  std::vector<Block> blocks;
  std::string line;
  bool inside = false;
  while (std::getline(file, line)) {
    if (line.starts_with("```")) {
      inside = !inside;
      if (!inside) continue;
      Block block;
      std::istringstream(line.substr(3)) >> block.language >> block.type;
      blocks.push_back(block);
    } else if (inside) {
      blocks.back().text += line + "\n";
    }
  }
  return blocks;
}

std::string BytesOf(const Block& block) {
  std::string bytes;
  std::istringstream words(block.text);
  std::string word;
  while (words >> word) bytes.push_back(static_cast<char>(std::stoi(word, nullptr, 16)));
  return bytes;
}

/// The example bytes of a type, in the order of the page.
std::vector<std::string> Examples(const std::string& type) {
  std::vector<std::string> examples;
  for (const Block& block : Blocks()) {
    if (block.language == "hex" && block.type == type) examples.push_back(BytesOf(block));
  }
  return examples;
}

template <class Message>
void ExpectSame(const Block& text, const Block& hex) {
  Message message;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text.text, &message)) << text.text;
  EXPECT_EQ(message.SerializeAsString(), BytesOf(hex)) << text.text;
}

TEST(WireDoc, TextAndBytesOfEachExampleAgree) {
  const std::vector<Block> blocks = Blocks();
  int pairs = 0;
  for (std::size_t i = 0; i + 1 < blocks.size(); ++i) {
    if (blocks[i].language != "textproto") continue;
    const Block& hex = blocks[i + 1];
    ASSERT_EQ(hex.language, "hex");
    ASSERT_EQ(hex.type, blocks[i].type);
    if (hex.type == "IngestRequest") ExpectSame<v1::IngestRequest>(blocks[i], hex);
    if (hex.type == "IngestReply") ExpectSame<v1::IngestReply>(blocks[i], hex);
    if (hex.type == "ReplayRequest") ExpectSame<v1::ReplayRequest>(blocks[i], hex);
    if (hex.type == "ReplayReply") ExpectSame<v1::ReplayReply>(blocks[i], hex);
    ++pairs;
  }
  EXPECT_EQ(pairs, 6);
}

TEST(WireDoc, TheMetaFrameIsAsDocumented) {
  std::string meta(kMetaBytes, '\0');
  EncodeMeta(1234, 1200, kExampleTime, meta.data());
  EXPECT_EQ(Examples("meta").at(0), meta);
}

class WireDocBroker : public BusTest {};

TEST_F(WireDocBroker, ARunningBrokerSpeaksTheExamples) {
  options_.log.clock = LogClock::kWall;
  options_.log.clock_source = std::make_shared<StandingClock>();
  options_.tick_interval_ns = 0;
  Start();
  const auto requests = Examples("IngestRequest");
  const auto replies = Examples("IngestReply");
  ASSERT_EQ(requests.size(), replies.size());
  RawPeer producer(options_.ingest_endpoint);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    producer.Send(requests[i]);
    EXPECT_EQ(producer.Receive().value_or(""), replies[i]) << "example " << i;
  }
  RawPeer reader(options_.replay_endpoint);
  reader.Send(Examples("ReplayRequest").at(0));
  EXPECT_EQ(reader.Receive().value_or(""), Examples("ReplayReply").at(0));
}

}  // namespace
}  // namespace tonus
