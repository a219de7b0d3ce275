// The live core against a broker: killed and started again, its records forged, its configuration
// changed. Each service here is dropped without a farewell, which to the broker is a kill.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/service.h"
#include "tests/contract/bus_fixture.h"
#include "tests/unit/engine_fixture.h"

namespace tonus::core {
namespace {

class CoreService : public BusTest {
 protected:
  void SetUp() override {
    BusTest::SetUp();
    Start();
    devices_ = MustPublish("devices");
  }

  std::unique_ptr<Service> MustServe(const std::string& limit = "100",
                                     const std::string& zoo = "rise") {
    ServiceOptions options;
    options.engine = OptionsWith({zoo});
    options.engine.plugins[0].settings["limit_per_min"] = limit;
    options.replay_endpoint = broker_->Endpoints().replay;
    options.ingest_endpoint = broker_->Endpoints().ingest;
    options.batch = 7;
    auto service = Service::Open(options);
    if (!service) throw std::runtime_error(service.error().Message());
    return std::move(*service);
  }

  void Send(const LogByHand& log) {
    for (const Record& from : log.records) {
      PublishRecord record;
      record.topic = from.topic;
      record.payload = from.payload;
      record.recorded_ns = from.recorded_ns;
      ASSERT_TRUE(devices_->Publish(record));
    }
    ASSERT_TRUE(devices_->Flush(kPatience));
  }

  /// Steps until everything is taken and acknowledged, or the service is over.
  static Result<void> Settle(Service* service) {
    Result<void> last;
    EXPECT_TRUE(Eventually([&] {
      last = service->Step(5);
      if (!last) return true;
      const ServiceStatus status = service->Status();
      return status.caught_up && status.processed_offset >= status.log_end &&
             status.acknowledged >= status.derived && service->Flush(0).has_value();
    }));
    return last;
  }

  std::vector<Record> WholeLog() {
    FollowerOptions options;
    options.follow = false;
    return ReadSome(*MustFollow(options), 1U << 20U);
  }

  std::vector<v1::Alert> AlertsOnDisk() {
    std::vector<v1::Alert> alerts;
    for (const Record& record : WholeLog()) {
      if (record.topic.rfind("alert.", 0) == 0) {
        alerts.emplace_back().ParseFromString(record.payload);
      }
    }
    return alerts;
  }

  std::unique_ptr<Publisher> devices_;
};

TEST_F(CoreService, BeginsWithAConfigRecordAndPublishesAlerts) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  Send(log);
  const auto service = MustServe();
  ASSERT_TRUE(Settle(service.get()));
  const auto records = WholeLog();
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[1].topic, "config.");
  EXPECT_EQ(records[2].topic, "alert.icu.p1.zoo%2Erise.");
  EXPECT_TRUE(records[2].open);
  EXPECT_EQ(records[2].producer, service->Status().producer);
  EXPECT_EQ(records[2].sequence, 2U);
}

TEST_F(CoreService, KilledAtAnyPointItSaysEverythingOnce) {
  const LogByHand ward = [] {
    LogByHand log;
    for (int i = 0; i < 400; ++i) {
      const std::string patient = "p" + std::to_string(i % 9);
      log.Observe(kStart + i * kMinuteNs, patient, "HR", (i * 37) % 100 + 60);
    }
    return log;
  }();
  const auto engine = EngineWith({"rise"});
  std::vector<Record> input = ward.records;
  for (Record& record : input) record.producer = "devices";
  const auto expected = AlertsIn(Play(engine.get(), input));
  ASSERT_GT(expected.size(), 20U);

  std::size_t sent = 0;
  for (int round = 0; round < 12; ++round) {
    LogByHand part;
    for (std::size_t i = 0; i < 34 && sent < ward.records.size(); ++i) {
      part.records.push_back(ward.records[sent++]);
    }
    Send(part);
    const auto service = MustServe();
    for (int steps = 0; steps < 3 + round; ++steps) ASSERT_TRUE(service->Step(1));
  }
  const auto service = MustServe();
  ASSERT_TRUE(Settle(service.get()));

  const auto alerts = AlertsOnDisk();
  ASSERT_EQ(alerts.size(), expected.size());
  for (std::size_t i = 0; i < alerts.size(); ++i) {
    EXPECT_EQ(alerts[i].SerializeAsString(), expected[i].SerializeAsString());
  }
}

TEST_F(CoreService, AForgedRecordUnderItsNameStopsItLoudly) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  Send(log);
  std::string producer;
  {
    const auto service = MustServe();
    ASSERT_TRUE(Settle(service.get()));
    producer = service->Status().producer;
  }
  auto forger = MustPublish(producer);
  PublishRecord record;
  record.topic = "alert.icu.p1.zoo%2Erise.";
  record.payload = "forged";
  record.recorded_ns = kStart;
  ASSERT_TRUE(forger->Publish(record));
  ASSERT_TRUE(forger->Flush(kPatience));

  const auto service = MustServe();
  const auto end = Settle(service.get());
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::kDiverged);
  EXPECT_FALSE(service->Step(1));
  v1::TechAlert alarm;
  const Record last = WholeLog().back();
  EXPECT_EQ(last.topic, "tech.core.");
  ASSERT_TRUE(alarm.ParseFromString(last.payload));
  EXPECT_EQ(alarm.kind(), "diverged");
}

TEST_F(CoreService, ANewConfigurationTakesOpenAlertsOverOrClosesThem) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  log.Observe(kStart + kMinuteNs, "p2", "HR", 105);
  Send(log);
  {
    const auto service = MustServe("100");
    ASSERT_TRUE(Settle(service.get()));
  }
  const auto before = AlertsOnDisk();
  ASSERT_EQ(before.size(), 2U);
  {
    // 105 is no finding any more; 120 still is.
    const auto service = MustServe("110");
    ASSERT_TRUE(Settle(service.get()));
  }
  const auto after = AlertsOnDisk();
  ASSERT_EQ(after.size(), 4U);
  EXPECT_EQ(after[2].patient_id(), "p2");
  EXPECT_EQ(after[2].id(), before[1].id());
  EXPECT_EQ(after[2].sequence(), 2U);
  EXPECT_EQ(after[2].state(), v1::ALERT_STATE_RESOLVED);
  EXPECT_EQ(after[3].patient_id(), "p1");
  EXPECT_EQ(after[3].id(), before[0].id());
  EXPECT_EQ(after[3].sequence(), 2U);
  EXPECT_EQ(after[3].state(), v1::ALERT_STATE_ACTIVE);

  // Started again it derives the same, and the story goes on above what was said.
  LogByHand more;
  more.Observe(kStart + kHourNs, "p1", "HR", 150);
  Send(more);
  const auto service = MustServe("110");
  ASSERT_TRUE(Settle(service.get()));
  const auto last = AlertsOnDisk();
  ASSERT_EQ(last.size(), 5U);
  EXPECT_EQ(last[4].id(), before[0].id());
  EXPECT_EQ(last[4].sequence(), 3U);
  EXPECT_EQ(last[4].change(), v1::ALERT_CHANGE_ESCALATED);
}

TEST_F(CoreService, AConfigurationThatComesBackSaysNothingTwice) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  Send(log);
  ASSERT_TRUE(Settle(MustServe("100").get()));
  LogByHand meanwhile;
  meanwhile.Observe(kStart + kMinuteNs, "p1", "HR", 150);
  meanwhile.Observe(kStart + kMinuteNs, "p2", "HR", 150);
  {
    const auto other = MustServe("110");
    ASSERT_TRUE(Settle(other.get()));
    Send(meanwhile);
    ASSERT_TRUE(Settle(other.get()));
  }
  LogByHand after;
  after.Observe(kStart + 2 * kMinuteNs, "p3", "HR", 120);
  for (int round = 0; round < 2; ++round) {
    const auto again = MustServe("100");
    ASSERT_TRUE(Settle(again.get()));
    if (round == 0) Send(after);
    ASSERT_TRUE(Settle(again.get()));
  }
  std::map<std::string, std::uint64_t> last;
  std::map<std::string, int> raised;
  for (const v1::Alert& alert : AlertsOnDisk()) {
    EXPECT_EQ(alert.sequence(), ++last[alert.patient_id()]) << alert.patient_id();
    raised[alert.patient_id()] += alert.change() == v1::ALERT_CHANGE_RAISED ? 1 : 0;
  }
  EXPECT_EQ(last.size(), 3U);
  EXPECT_EQ(raised["p3"], 1);
}

TEST_F(CoreService, ItFindsItsBeginningFarDownTheLog) {
  Stop();
  options_.data_dir = dir_.Path("long");
  options_.log.fsync = false;
  options_.recent_bytes = 0;
  Start();
  devices_ = MustPublish("devices");
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  Send(log);
  PublishRecord repeat;
  repeat.topic = log.records[0].topic;
  repeat.payload = log.records[0].payload;
  repeat.recorded_ns = kStart;
  for (int i = 0; i < 400'000; ++i) ASSERT_TRUE(devices_->Publish(repeat));
  ASSERT_TRUE(devices_->Flush(kPatience));
  for (int round = 0; round < 2; ++round) {
    const auto service = MustServe();
    ASSERT_TRUE(Settle(service.get()));
  }
}

TEST_F(CoreService, ANewerCoreFencesTheOlderOne) {
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  const auto older = MustServe("100");
  ASSERT_TRUE(Settle(older.get()));
  const auto newer = MustServe("110");
  ASSERT_TRUE(Settle(newer.get()));
  Send(log);
  Result<void> end;
  ASSERT_TRUE(Eventually([&] {
    end = older->Step(5);
    return !end.has_value();
  }));
  EXPECT_EQ(end.error().code, ErrorCode::kFenced);
}

TEST_F(CoreService, ABrokerThatGoesAwayAndComesBackIsNoError) {
  const auto service = MustServe();
  ASSERT_TRUE(Settle(service.get()));
  Stop();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(service->Step(5));
  Start();
  LogByHand log;
  log.Observe(kStart, "p1", "HR", 120);
  Send(log);
  ASSERT_TRUE(Eventually([&] {
    const auto good = service->Step(5);
    return !good || service->Status().derived == 2;
  }));
  ASSERT_TRUE(Settle(service.get()));
  EXPECT_EQ(AlertsOnDisk().size(), 1U);
}

}  // namespace
}  // namespace tonus::core
