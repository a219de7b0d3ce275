// A producer that outruns the core, over real sockets: nothing is lost, nobody waits for the core,
// its memory stays bounded, and it says that alerts are late for as long as they are.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/health.h"
#include "core/service.h"
#include "tests/contract/bus_fixture.h"
#include "tests/unit/engine_fixture.h"

namespace tonus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Resident memory of this process, MiB; 0 under AddressSanitizer, which keeps what has been freed.
std::size_t ResidentMiB() {
#if defined(__SANITIZE_ADDRESS__)
  return 0;
#else
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0;
  statm >> pages >> pages;
  return pages * 4096 >> 20U;
#endif
}

class CoreOverload : public BusTest {
 protected:
  void SetUp() override {
    BusTest::SetUp();
    options_.recent_bytes = 1U << 20U;
    options_.log.clock = LogClock::kWall;
    options_.tick_interval_ns = 100'000'000;
  }

  std::unique_ptr<Service> MustServe(std::int64_t late_after_ms) {
    ServiceOptions options;
    options.engine = OptionsWith({"rise"});
    options.replay_endpoint = broker_->Endpoints().replay;
    options.ingest_endpoint = broker_->Endpoints().ingest;
    options.late_after_ns = late_after_ms * 1'000'000;
    auto service = Service::Open(options);
    if (!service) throw std::runtime_error(service.error().Message());
    return std::move(*service);
  }

  void SendSome(Publisher* devices, int count) {
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    for (int i = 0; i < count; ++i, ++sent_) {
      LogByHand log;
      const std::string patient = "p" + std::to_string(sent_ % 50);
      log.Observe(now + sent_, patient, "HR", 60 + (sent_ * 37) % 100);
      PublishRecord record;
      record.topic = log.records[0].topic;
      record.payload = log.records[0].payload;
      ASSERT_TRUE(devices->Publish(record));
    }
  }

  std::vector<Record> RecordsOf(const std::vector<std::string>& prefixes) {
    FollowerOptions options;
    options.follow = false;
    options.prefixes = prefixes;
    return ReadSome(*MustFollow(options), 1U << 20U);
  }

  /// (kind, state) of the technical alerts on `tech.core.`.
  std::vector<std::pair<std::string, v1::TechState>> Technical() {
    std::vector<std::pair<std::string, v1::TechState>> all;
    for (const Record& record : RecordsOf({"tech.core."})) {
      v1::TechAlert alert;
      alert.ParseFromString(record.payload);
      all.emplace_back(alert.kind(), alert.state());
    }
    return all;
  }

  int sent_ = 0;
};

TEST_F(CoreOverload, AProducerThatOutrunsTheCoreIsNotHeldUpAndTheLatenessIsSaidOnce) {
  Start();
  const auto devices = MustPublish("devices");
  const auto service = MustServe(200);
  ASSERT_TRUE(Eventually([&] { return service->Step(5) && service->Status().caught_up; }));

  // The core stands still: what it does not take waits on disk, and the producer is acknowledged.
  const auto begin = steady_clock::now();
  while (sent_ < 60'000 || steady_clock::now() - begin < milliseconds(600)) {
    SendSome(devices.get(), 5000);
  }
  ASSERT_TRUE(devices->Flush(kPatience));
  EXPECT_EQ(devices->AckedSequence(), static_cast<std::uint64_t>(sent_));
  ASSERT_TRUE(Technical().empty());

  const std::size_t before = ResidentMiB();
  std::size_t most = before;
  bool was_late = false;
  std::int64_t oldest = 0;
  ASSERT_TRUE(Eventually([&] {
    if (!service->Step(5)) return true;
    const ServiceStatus status = service->Status();
    was_late = was_late || status.late;
    oldest = std::max(oldest, status.late_ns);
    most = std::max(most, ResidentMiB());
    return was_late && !status.late && status.caught_up;
  }));
  EXPECT_TRUE(was_late);
  EXPECT_GT(oldest, 200'000'000) << "the age of the input is measured";
  EXPECT_LT(most, before + 128) << "of " << sent_ << " events a bounded part is in memory";
  ASSERT_TRUE(service->Flush(kPatience));
  EXPECT_THAT(Technical(),
              testing::ElementsAre(std::pair("late_processing", v1::TECH_STATE_ACTIVE),
                                   std::pair("late_processing", v1::TECH_STATE_RESOLVED)));

  // Whoever replays the log makes the same alerts of the health records alone.
  HealthAlerts replayed;
  std::vector<std::string> again;
  std::vector<std::string> said;
  for (const Record& record : RecordsOf({"health.core.", "tech.core."})) {
    if (record.topic == "tech.core.") {
      v1::TechAlert alert;
      alert.ParseFromString(record.payload);
      said.push_back(alert.text());
      continue;
    }
    v1::Health health;
    health.ParseFromString(record.payload);
    for (const v1::TechAlert& alert : replayed.Take(health, record.recorded_ns)) {
      again.push_back(alert.text());
    }
  }
  EXPECT_EQ(again, said);
}

TEST_F(CoreOverload, ABrokerThatWasAwayIsSaidOnceItIsBack) {
  Start();
  const auto service = MustServe(60'000);
  ASSERT_TRUE(Eventually([&] { return service->Step(5) && service->Status().caught_up; }));
  broker_.reset();
  ASSERT_TRUE(Eventually([&] { return service->Step(50) && !service->Status().connected; }));
  Start();
  ASSERT_TRUE(Eventually(
      [&] { return service->Step(50) && service->Status().connected && Technical().size() >= 2; }));
  EXPECT_THAT(Technical(),
              testing::ElementsAre(std::pair("broker_unreachable", v1::TECH_STATE_ACTIVE),
                                   std::pair("broker_unreachable", v1::TECH_STATE_RESOLVED)));
}

}  // namespace
}  // namespace tonus::core
