// A core with checkpoints: stopped at any point, its file damaged, its log shortened. Each service
// here is dropped without a farewell, which to the broker is a kill.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/service.h"
#include "tests/contract/bus_fixture.h"
#include "tests/unit/engine_fixture.h"

namespace tonus::core {
namespace {

class CoreCheckpoint : public BusTest {
 protected:
  void SetUp() override {
    BusTest::SetUp();
    // Small, so that a log can lose its first file.
    options_.log.segment_bytes = 256U << 10U;
    Start();
    devices_ = MustPublish("devices");
  }

  ServiceOptions Options() const {
    ServiceOptions options;
    options.engine = OptionsWith({zoo_});
    options.engine.plugins[0].settings["limit_per_min"] = limit_;
    options.engine.shards = shards_;
    options.replay_endpoint = broker_->Endpoints().replay;
    options.ingest_endpoint = broker_->Endpoints().ingest;
    options.batch = 7;
    options.checkpoint.folder = dir_.Path("core");
    options.checkpoint.every_records = every_;
    return options;
  }

  std::unique_ptr<Service> MustServe() {
    auto service = Service::Open(Options());
    if (!service) throw std::runtime_error(service.error().Message());
    return std::move(*service);
  }

  void Send(const std::vector<Record>& records) {
    for (const Record& from : records) {
      PublishRecord record;
      record.topic = from.topic;
      record.payload = from.payload;
      record.recorded_ns = from.recorded_ns;
      ASSERT_TRUE(devices_->Publish(record));
    }
    ASSERT_TRUE(devices_->Flush(kPatience));
  }

  static Result<void> Settle(Service* service) {
    Result<void> last;
    EXPECT_TRUE(Eventually([&] {
      last = service->Step(5);
      if (!last) return true;
      const ServiceStatus status = service->Status();
      return status.caught_up && status.processed_offset >= status.log_end &&
             service->Flush(0).has_value();
    }));
    return last;
  }

  /// Steps until a checkpoint covers everything up to an offset.
  static void Save(Service* service, Offset offset) {
    EXPECT_TRUE(Eventually([&] {
      const auto good = service->Step(5);
      EXPECT_TRUE(good) << good.error().Message();
      return !good || service->Status().needed_from > offset;
    }));
  }

  std::vector<Record> WholeLog(Offset from = 1) {
    FollowerOptions options;
    options.follow = false;
    options.offset = from;
    return ReadSome(*MustFollow(options), 1U << 20U);
  }

  std::vector<std::string> AlertsOnDisk(Offset from = 1) {
    std::vector<std::string> alerts;
    for (const Record& record : WholeLog(from)) {
      if (record.topic.rfind("alert.", 0) == 0) alerts.push_back(record.payload);
    }
    return alerts;
  }

  std::string File() const {
    const auto log = AskLog(broker_->Endpoints().replay, kPatience);
    return dir_.Path("core/") + (log ? log->log_id : "") + "/checkpoint.db";
  }

  void Damage(const std::string& sql) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(File().c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  /// Takes the log's first file away, as retention does.
  void LoseTheBeginning() {
    Stop();
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(options_.data_dir)) {
      if (entry.path().filename().string().rfind("segment-", 0) == 0 &&
          entry.path().extension() == ".db") {
        files.push_back(entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    ASSERT_GT(files.size(), 1U);
    std::filesystem::remove(files.front());
    Start();
    devices_ = MustPublish("devices");
  }

  Offset FirstOffset() const {
    const auto log = AskLog(broker_->Endpoints().replay, kPatience);
    return log ? log->first_offset : 0;
  }

  std::string limit_ = "100";
  std::string zoo_ = "rise";
  unsigned shards_ = 1;
  std::uint64_t every_ = 1;
  std::unique_ptr<Publisher> devices_;
};

std::vector<Record> Ward(int n, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  LogByHand log;
  for (int i = 0; i < n; ++i) {
    log.Observe(kStart + i * 20 * kSecondNs, "p" + std::to_string(i % 23), "HR",
                60 + static_cast<double>(random() % 100));
  }
  return log.records;
}

std::vector<std::string> Undisturbed(std::vector<Record> records) {
  for (Record& record : records) record.producer = "devices";
  std::vector<std::string> payloads;
  for (const Output& output : Play(EngineWith({"rise"}).get(), records)) {
    if (output.topic.rfind("alert.", 0) == 0) payloads.push_back(output.payload);
  }
  return payloads;
}

void ExpectSame(const std::vector<std::string>& got, const std::vector<std::string>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_TRUE(got[i] == expected[i]) << i;
}

TEST_F(CoreCheckpoint, KilledAtAnyPointItGoesOnFromTheLastOneAndSaysEverythingOnce) {
  const char* given = std::getenv("TONUS_SEED");
  const std::uint64_t seed = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  SCOPED_TRACE("TONUS_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::vector<Record> ward = Ward(3000, seed);
  std::size_t sent = 0;
  int restored = 0;
  while (sent < ward.size()) {
    const std::size_t n = std::min<std::size_t>(1 + random() % 250, ward.size() - sent);
    Send({ward.begin() + static_cast<std::ptrdiff_t>(sent),
          ward.begin() + static_cast<std::ptrdiff_t>(sent + n)});
    sent += n;
    shards_ = 1 + static_cast<unsigned>(random() % 3);
    every_ = 1 + random() % 60;
    const auto service = MustServe();
    restored += service->Status().restored_offset > 0 ? 1 : 0;
    for (std::uint64_t steps = random() % 60; steps > 0; --steps) ASSERT_TRUE(service->Step(1));
  }
  EXPECT_GT(restored, 5);
  const auto service = MustServe();
  ASSERT_TRUE(Settle(service.get()));
  ExpectSame(AlertsOnDisk(), Undisturbed(ward));
}

TEST_F(CoreCheckpoint, TellsTheBrokerHowFarItReachesSoThatOldFilesMayGo) {
  options_.retention.max_bytes = 1;
  options_.retention.interval_ns = kSecondNs / 100;
  Stop();
  Start();
  devices_ = MustPublish("devices");
  Send(Ward(3600));
  const auto service = MustServe();
  Save(service.get(), 3600);
  EXPECT_TRUE(Eventually([&] {
    EXPECT_TRUE(service->Step(5));
    return FirstOffset() > 1;
  }));
  EXPECT_LE(FirstOffset(), service->Status().needed_from);
}

TEST_F(CoreCheckpoint, ADamagedBlobIsDerivedAgainWhereTheLogIsWhole) {
  const std::vector<Record> ward = Ward(400);
  Send({ward.begin(), ward.begin() + 200});
  {
    const auto service = MustServe();
    Save(service.get(), 200);
  }
  Damage("UPDATE blobs SET bytes = X'00' WHERE patient = CAST('p7' AS BLOB)");
  Send({ward.begin() + 200, ward.end()});
  const auto service = MustServe();
  EXPECT_EQ(service->Status().restored_offset, 0U);
  ASSERT_TRUE(Settle(service.get()));
  ExpectSame(AlertsOnDisk(), Undisturbed(ward));
}

TEST_F(CoreCheckpoint, AFileThatIsNoneOrIsGoneMeansTheLogsBeginning) {
  const std::vector<Record> ward = Ward(300);
  Send(ward);
  {
    const auto service = MustServe();
    Save(service.get(), 300);
  }
  std::filesystem::resize_file(File(), 100);
  std::filesystem::remove(File() + "-wal");
  {
    const auto service = MustServe();
    EXPECT_EQ(service->Status().restored_offset, 0U);
    Save(service.get(), 300);
  }
  std::filesystem::remove_all(dir_.Path("core"));
  const auto service = MustServe();
  EXPECT_EQ(service->Status().restored_offset, 0U);
  ASSERT_TRUE(Settle(service.get()));
  ExpectSame(AlertsOnDisk(), Undisturbed(ward));
}

TEST_F(CoreCheckpoint, ALogThatWentAnotherWaySinceIsReadFromItsBeginning) {
  std::vector<Record> ward = Ward(100);
  Send(ward);
  Stop();
  std::filesystem::copy(options_.data_dir, dir_.Path("backup"));
  Start();
  devices_ = MustPublish("devices");
  Send(Ward(300));
  {
    const auto service = MustServe();
    Save(service.get(), 400);
  }
  // The backup comes back, and other records come to stand where the checkpoint's last one was.
  Stop();
  std::filesystem::remove_all(options_.data_dir);
  std::filesystem::rename(dir_.Path("backup"), options_.data_dir);
  Start();
  devices_ = MustPublish("devices");
  for (const std::size_t n : {50U, 2000U}) {
    std::vector<Record> other = Ward(static_cast<int>(n), 7);
    Send(other);
    for (Record& record : other)
      record.recorded_ns = std::max(record.recorded_ns, ward.back().recorded_ns);
    ward.insert(ward.end(), other.begin(), other.end());
    const auto service = MustServe();
    EXPECT_EQ(service->Status().restored_offset, 0U);
    ASSERT_TRUE(Settle(service.get()));
    if (n == 50U) std::filesystem::remove_all(dir_.Path("core"));
  }
}

TEST_F(CoreCheckpoint, AnotherConfigurationBeginsAtTheLogsBeginning) {
  Send(Ward(300));
  {
    const auto service = MustServe();
    Save(service.get(), 300);
  }
  limit_ = "110";
  {
    const auto service = MustServe();
    EXPECT_EQ(service->Status().restored_offset, 0U);
    ASSERT_TRUE(Settle(service.get()));
    Save(service.get(), 300);
  }
  const auto service = MustServe();
  EXPECT_GT(service->Status().restored_offset, 0U);
  ASSERT_TRUE(Settle(service.get()));
}

TEST_F(CoreCheckpoint, WithoutTheLogsBeginningItGoesOnFromTheCheckpoint) {
  const std::vector<Record> ward = Ward(4000);
  {
    const auto service = MustServe();
    for (int i = 0; i < 3600; i += 600) {
      Send({ward.begin() + i, ward.begin() + i + 600});
      ASSERT_TRUE(Settle(service.get()));
    }
    Save(service.get(), 3600);
  }
  LoseTheBeginning();
  Send({ward.begin() + 3600, ward.end()});
  const auto service = MustServe();
  EXPECT_GT(service->Status().restored_offset, 3600U);
  ASSERT_TRUE(Settle(service.get()));
  const std::vector<std::string> expected = Undisturbed(ward);
  const std::vector<std::string> got = AlertsOnDisk(FirstOffset());
  ASSERT_LT(got.size(), expected.size());
  ASSERT_GT(got.size(), 100U);
  ExpectSame(got, {expected.end() - static_cast<std::ptrdiff_t>(got.size()), expected.end()});
}

TEST_F(CoreCheckpoint, WithoutTheLogsBeginningAndACheckpointItRefuses) {
  Send(Ward(3600));
  {
    const auto service = MustServe();
    ASSERT_TRUE(Settle(service.get()));
  }
  LoseTheBeginning();
  std::filesystem::remove_all(dir_.Path("core"));
  const auto service = Service::Open(Options());
  ASSERT_FALSE(service);
  EXPECT_THAT(service.error().Message(), testing::HasSubstr("no checkpoint"));
}

TEST_F(CoreCheckpoint, OfAPatientWhoIsLostItSaysSoAndWatchesTheOthersOn) {
  const std::vector<Record> ward = Ward(4000);
  Send({ward.begin(), ward.begin() + 3600});
  std::string before;
  {
    const auto service = MustServe();
    ASSERT_TRUE(Settle(service.get()));
    Save(service.get(), 3600);
    before = service->Status().producer;
  }
  LoseTheBeginning();
  Damage("UPDATE blobs SET bytes = X'00' WHERE patient = CAST('p7' AS BLOB)");
  std::string named;
  Offset end = 0;
  for (int round = 0; round < 3; ++round) {
    if (round == 1) Send({ward.begin() + 3600, ward.end()});
    every_ = round == 0 ? 1'000'000 : 1;  // The first is stopped before it has a checkpoint.
    const auto service = MustServe();
    EXPECT_GT(service->Status().restored_offset, 3600U);
    EXPECT_NE(service->Status().producer, before);
    if (named.empty()) named = service->Status().producer;
    EXPECT_EQ(service->Status().producer, named);
    const auto good = Settle(service.get());
    ASSERT_TRUE(good) << good.error().Message();
    end = service->Status().processed_offset;
    if (round == 1) Save(service.get(), end);
  }
  int lost = 0;
  std::map<std::string, std::uint64_t> last;
  for (const Record& record : WholeLog(3601)) {
    if (record.topic == "tech.p7.") ++lost;
    v1::Alert alert;
    if (record.topic.rfind("alert.", 0) != 0 || !alert.ParseFromString(record.payload)) continue;
    if (alert.patient_id() == "p7") continue;
    auto& sequence = last[alert.patient_id() + alert.condition()];
    EXPECT_TRUE(sequence == 0 || alert.sequence() == sequence + 1) << alert.patient_id();
    sequence = alert.sequence();
  }
  EXPECT_EQ(lost, 1);
  EXPECT_GT(last.size(), 15U);
}

TEST_F(CoreCheckpoint, ADetectorThatDoesNotTakeItsStateBackIsNoReasonToBeSilent) {
  zoo_ = "load_fails";
  const std::vector<Record> ward = Ward(300);
  Send(ward);
  {
    const auto service = MustServe();
    Save(service.get(), 300);
  }
  const auto service = MustServe();
  EXPECT_EQ(service->Status().restored_offset, 0U);
  ASSERT_TRUE(Settle(service.get()));
  EXPECT_EQ(AlertsOnDisk().size(), Undisturbed(ward).size());
}

TEST_F(CoreCheckpoint, IsNotFinishedBeforeTheBrokerHasWhatItAccountsFor) {
  CheckpointOptions options;
  options.folder = dir_.Path("core");
  const auto engine = EngineWith({"rise"});
  std::vector<Output> outputs;
  engine->Process(Ward(50), &outputs);
  CheckpointMeta meta;
  meta.log_id = "log";
  meta.offset = 50;
  meta.next_sequence = outputs.size() + 1;
  {
    auto keeper = CheckpointKeeper::Open(options);
    ASSERT_TRUE(keeper);
    (*keeper)->Start(false, {});
    (*keeper)->Begin(engine.get(), meta);
    // Everything is staged, one output is not acknowledged, and the process is killed.
    for (int i = 0; i < 200; ++i) ASSERT_TRUE((*keeper)->Step(engine.get(), outputs.size() - 1));
    EXPECT_FALSE((*keeper)->Saving());
  }
  {
    auto keeper = CheckpointKeeper::Open(options);
    ASSERT_TRUE(keeper);
    EXPECT_EQ((*keeper)->Found(), nullptr);
    (*keeper)->Start(false, {});
    engine->AbandonCut();
    (*keeper)->Begin(engine.get(), meta);
    EXPECT_TRUE(Eventually([&] {
      EXPECT_TRUE((*keeper)->Step(engine.get(), outputs.size()));
      return (*keeper)->NeededFrom() == 51;
    }));
  }
  const auto keeper = CheckpointKeeper::Open(options);
  ASSERT_TRUE(keeper);
  ASSERT_NE((*keeper)->Found(), nullptr);
  EXPECT_EQ((*keeper)->Found()->offset, 50U);
}

}  // namespace
}  // namespace tonus::core
