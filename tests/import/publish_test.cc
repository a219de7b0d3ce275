// `tonus publish` against a real broker on a free TCP port.

#include <gmock/gmock.h>

#include <chrono>

#include "base/text.h"
#include "broker/broker.h"
#include "scenario/import/publish_command.h"
#include "tests/import/import_fixture.h"

namespace tonus::importing {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kFirstNs = 1709280000LL * kSecondNs;  // 2024-03-01T08:00:00Z

class Publish : public ImportFixture {
 protected:
  void StartBroker(LogClock clock) {
    BrokerOptions options;
    options.ingest_endpoint = "tcp://127.0.0.1:*";
    options.intake_endpoint = options.live_endpoint = options.replay_endpoint = "";
    options.data_dir = Path("broker");
    options.log.clock = clock;
    options.log.fsync = false;
    options.tick_interval_ns = 0;
    options.min_free_bytes = 0;
    auto broker = Broker::Start(options);
    ASSERT_TRUE(broker) << broker.error().Message();
    broker_ = std::move(*broker);
  }

  // Heart rates 60, 61, …, a minute apart.
  static std::string Lines(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
      const std::int64_t at = kFirstNs + i * kMinuteNs;
      text += R"({"topic":"vitals.icu.p1.","recorded":")" + FormatTime(at) +
              R"(","event":{"patientId":"p1","sourceId":"m","effectiveNs":")" + std::to_string(at) +
              R"(","observations":{"items":[{"code":{"code":"HR"},)" + R"("quantity":)" +
              std::to_string(60 + i) + "}]}}}\n";
    }
    return text;
  }

  PublishOptions To(const std::string& from) const {
    PublishOptions options;
    options.from = from;
    options.endpoint = broker_->Endpoints().ingest;
    options.producer = "recording";
    options.json = true;
    return options;
  }

  std::unique_ptr<Broker> broker_;
};

TEST_F(Publish, AGivenLogKeepsRecordedTimesAndSequences) {
  StartBroker(LogClock::kGiven);
  const auto code = RunPublishCommand(To(Write("a.jsonl", Lines(300))));
  ASSERT_TRUE(code) << code.error().Message();
  EXPECT_EQ(*code, 0);
  const auto records = ReadLog("broker");
  ASSERT_EQ(records.size(), 300U);
  EXPECT_EQ(records[299].producer, "recording");
  EXPECT_EQ(records[299].sequence, 300U);
  EXPECT_EQ(records[299].recorded_ns, kFirstNs + 299 * kMinuteNs);
  EXPECT_EQ(EventOf(records[299]).observations().items(0).quantity(), 359);
}

TEST_F(Publish, ASecondRunGoesOnWhereTheFirstEnded) {
  StartBroker(LogClock::kGiven);
  ASSERT_TRUE(RunPublishCommand(To(Write("a.jsonl", Lines(100)))));
  const auto code = RunPublishCommand(To(Write("a.jsonl", Lines(250))));
  ASSERT_TRUE(code) << code.error().Message();
  ASSERT_TRUE(RunPublishCommand(To(Write("a.jsonl", Lines(250)))));
  const auto records = ReadLog("broker");
  ASSERT_EQ(records.size(), 250U);
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].sequence, i + 1);
    EXPECT_EQ(EventOf(records[i]).observations().items(0).quantity(), 60 + static_cast<double>(i));
  }
}

TEST_F(Publish, AnImportedLogArrivesUnderItsNames) {
  ASSERT_TRUE(RunImportCommand(Options("jsonl", {Write("a.jsonl", Lines(50))})));
  StartBroker(LogClock::kGiven);
  PublishOptions options = To(Path("log"));
  options.producer = "import-jsonl";
  const auto code = RunPublishCommand(options);
  ASSERT_TRUE(code) << code.error().Message();
  const auto imported = ReadLog();
  const auto published = ReadLog("broker");
  ASSERT_EQ(published.size(), imported.size());
  for (std::size_t i = 0; i < published.size(); ++i) {
    EXPECT_EQ(published[i].topic, imported[i].topic);
    EXPECT_EQ(published[i].payload, imported[i].payload);
    EXPECT_EQ(published[i].producer, imported[i].producer);
    EXPECT_EQ(published[i].sequence, imported[i].sequence);
    EXPECT_EQ(published[i].recorded_ns, imported[i].recorded_ns);
  }
}

TEST_F(Publish, AWallBrokerRefusesAnOldRecordingInWords) {
  StartBroker(LogClock::kWall);
  const auto code = RunPublishCommand(To(Write("a.jsonl", Lines(3))));
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, ErrorCode::kRefused);
  EXPECT_THAT(code.error().Message(), HasSubstr("--shift-to-now"));
  EXPECT_TRUE(ReadLog("broker").empty());
}

TEST_F(Publish, ShiftedToNowTheNewestRecordIsNowAndDistancesStay) {
  StartBroker(LogClock::kWall);
  PublishOptions options = To(Write("a.jsonl", Lines(3)));
  options.shift_to_now = true;
  const auto code = RunPublishCommand(options);
  ASSERT_TRUE(code) << code.error().Message();
  const auto records = ReadLog("broker");
  ASSERT_EQ(records.size(), 3U);
  const auto newest = EventOf(records[2]).effective_ns();
  EXPECT_NEAR(static_cast<double>(newest), static_cast<double>(records[2].recorded_ns), 60e9);
  EXPECT_EQ(newest - EventOf(records[0]).effective_ns(), 2 * kMinuteNs);
}

TEST_F(Publish, AtASpeedRecordsWaitUntilTheyAreDue) {
  StartBroker(LogClock::kGiven);
  PublishOptions options = To(Write("a.jsonl", Lines(4)));
  options.speed = 900;  // Three minutes in a fifth of a second.
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(RunPublishCommand(options));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(200));
  EXPECT_EQ(ReadLog("broker").size(), 4U);
}

TEST_F(Publish, LinesThatAreNoEventTakeNoSequence) {
  StartBroker(LogClock::kGiven);
  const auto code = RunPublishCommand(To(Write("a.jsonl", "nonsense\n" + Lines(2))));
  ASSERT_TRUE(code) << code.error().Message();
  EXPECT_EQ(*code, 1);  // A script must see that not all of it went.
  const auto records = ReadLog("broker");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].sequence, 1U);
}

TEST_F(Publish, ARecordThatIsTooLargeIsCountedAndTheRestGoesOn) {
  StartBroker(LogClock::kGiven);
  const std::string huge =
      R"({"topic":"custom.icu.p1.","recorded":"2024-03-01T08:00:00Z","event":{"patientId":"p1",)"
      R"("custom":{"typeUrl":")" +
      std::string(1200000, 'x') + "\"}}}\n";
  const PublishOptions options = To(Write("a.jsonl", huge + Lines(2)));
  for (int run = 0; run < 2; ++run) {
    const auto code = RunPublishCommand(options);
    ASSERT_TRUE(code) << code.error().Message();
    EXPECT_EQ(*code, 1);
  }
  const auto records = ReadLog("broker");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].sequence, 1U);
}

TEST_F(Publish, NobodyAtTheEndpointIsUnreachable) {
  PublishOptions options;
  options.from = Write("a.jsonl", Lines(1));
  options.endpoint = "ipc://" + Path("nobody");
  const auto code = RunPublishCommand(options);
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, ErrorCode::kUnreachable);
}

TEST_F(Publish, TheEndOfStandardInputCannotBeMovedToNow) {
  PublishOptions options;
  options.from = "-";
  options.shift_to_now = true;
  const auto code = RunPublishCommand(options);
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace tonus::importing
