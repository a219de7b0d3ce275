// kill −9 under load, round after round, of the broker and of the core in turn: nothing that was
// acknowledged is lost, nothing is there twice, and the alerts are those of an engine that read the
// same log undisturbed. Ten rounds; a hundred with TONUS_LONG=1.
//
// A producer publishes all the while and a subscriber reads alerts all the while. Each kill falls
// at a random moment after the core has said something new.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "base/text.h"
#include "broker/log/log.h"
#include "broker/log/log_files.h"
#include "client/follower.h"
#include "client/publisher.h"
#include "tests/contract/temp_dir.h"
#include "tests/fault/child_broker.h"
#include "tests/unit/engine_fixture.h"

namespace tonus::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::int64_t kPatienceMs = 60000;
constexpr int kPatients = 25;
constexpr int kNewPatientEvery = 20;  ///< Each of whom makes an alert at once.

int Rounds() {
  const char* value = std::getenv("TONUS_LONG");
  return value != nullptr && std::string_view(value) == "1" ? 100 : 10;
}

/// core_child as a process.
class ChildCore {
 public:
  ~ChildCore() { Kill(); }

  void Start(const ChildBroker& broker, std::string checkpoints) {
    const EngineOptions options = OptionsWith({"rise"});
    std::vector<std::string> words = {std::string(TONUS_BINARY_DIR) + "/bin/core_child",
                                      broker.replay,
                                      broker.ingest,
                                      options.signals_path,
                                      options.drugs_path,
                                      options.plugins[0].path,
                                      std::move(checkpoints)};
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ASSERT_EQ(posix_spawn(&pid_, arguments[0], nullptr, nullptr, arguments.data(), environ), 0);
  }

  /// Whether it was still running, as it should have been.
  bool Kill() {
    if (pid_ <= 0) return true;
    kill(pid_, SIGKILL);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

 private:
  pid_t pid_ = 0;
};

/// The load: monitors of some patients, and now and then a new patient with a fast heart.
class Devices {
 public:
  explicit Devices(const std::string& ingest) : thread_([this, ingest] { Run(ingest); }) {}
  ~Devices() { Stop(); }
  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;

  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::uint64_t Acked() const { return acked_; }
  std::uint64_t Published() const { return published_; }
  bool Failed() const { return failed_; }

  static std::string PayloadOf(std::uint64_t sequence, std::int64_t effective_ns,
                               std::string* topic) {
    const bool fresh = sequence % kNewPatientEvery == 0;
    const std::string patient =
        fresh ? "new" + std::to_string(sequence) : "p" + std::to_string(sequence % kPatients);
    v1::Event event;
    event.set_patient_id(patient);
    event.set_source_id("monitor-" + patient);
    event.set_source_sequence(sequence);
    event.set_effective_ns(effective_ns);
    v1::Observation* item = event.mutable_observations()->add_items();
    item->mutable_code()->set_code("HR");
    item->set_quantity(fresh ? 120 : 60 + static_cast<double>(sequence % 30));
    *topic = "vitals.icu." + patient + ".";
    return event.SerializeAsString();
  }

 private:
  void Run(const std::string& ingest) {
    PublisherOptions options;
    options.endpoint = ingest;
    options.producer = "devices";
    options.batch_records = 16;
    options.connect_timeout_ms = options.answer_timeout_ms = kPatienceMs;
    const auto publisher = Publisher::Open(options);
    failed_ = !publisher;
    while (!stop_ && !failed_) {
      const auto now = std::chrono::system_clock::now().time_since_epoch();
      std::string topic;
      const std::string payload =
          PayloadOf((*publisher)->NextSequence(), std::chrono::nanoseconds(now).count(), &topic);
      PublishRecord record;
      record.topic = topic;
      record.payload = payload;
      failed_ = !(*publisher)->Publish(record);
      ++published_;
      // About a thousand a second, and no more than a few thousand that wait for a dead broker.
      failed_ = failed_ || !(*publisher)->Poll((*publisher)->Pending() > 2000 ? 20 : 1);
      acked_ = (*publisher)->AckedSequence();
    }
    if (failed_) return;
    failed_ = !(*publisher)->Flush(kPatienceMs);
    acked_ = (*publisher)->AckedSequence();
  }

  std::atomic<bool> stop_{false}, failed_{false};
  std::atomic<std::uint64_t> acked_{0}, published_{0};
  std::thread thread_;
};

class KillRounds : public ::testing::Test {
 protected:
  void SetUp() override {
    broker_.Start(dir_.Path("log"));
    ASSERT_FALSE(HasFatalFailure());
    core_.Start(broker_, dir_.Path("core"));
    devices_ = std::make_unique<Devices>(broker_.ingest);
    FollowerOptions follow;
    follow.endpoint = broker_.replay;
    follow.prefixes = {"alert.", "progress."};
    auto follower = Follower::Open(follow);
    ASSERT_TRUE(follower) << follower.error().Message();
    follower_ = std::move(*follower);
  }

  void Read(std::int64_t timeout_ms) {
    auto batch = follower_->Next(4096, timeout_ms);
    ASSERT_TRUE(batch) << batch.error().Message();
    for (Record& record : batch->records) {
      v1::Progress progress;
      if (record.topic.starts_with("alert.")) {
        alerts_.push_back(std::move(record.payload));
      } else if (progress.ParseFromString(record.payload)) {
        processed_ = progress.processed_offset();
      }
    }
  }

  template <class Done>
  bool ReadUntil(Done done) {
    const auto deadline = steady_clock::now() + milliseconds(kPatienceMs);
    while (!done() && steady_clock::now() < deadline && !HasFatalFailure()) Read(20);
    return done();
  }

  void KillBroker() {
    const std::uint64_t acked = devices_->Acked();
    broker_.Kill();
    {
      const auto log = Log::OpenReadOnly(dir_.Path("log"));
      ASSERT_TRUE(log) << log.error().Message();
      const auto producers = (*log)->Producers();
      ASSERT_TRUE(producers) << producers.error().Message();
      const auto there = producers->find("devices");
      ASSERT_GE(there == producers->end() ? 0 : there->second, acked);
    }
    broker_.Start(dir_.Path("log"));
  }

  void KillCore() {
    ASSERT_TRUE(core_.Kill()) << "the core had ended by itself";
    core_.Start(broker_, dir_.Path("core"));
  }

  std::vector<Record> ReadLog() {
    std::vector<Record> records;
    const auto log = Log::OpenReadOnly(dir_.Path("log"));
    EXPECT_TRUE(log) << log.error().Message();
    ReadRequest request;
    for (bool more = log.has_value(); more;) {
      auto slice = (*log)->Read(request);
      EXPECT_TRUE(slice) << slice.error().Message();
      if (!slice) break;
      for (Record& record : slice->records) records.push_back(std::move(record));
      request.from = slice->next_offset;
      more = !slice->at_end;
    }
    return records;
  }

  /// Every name once and in order, and each device's record as it was published. Returns the
  /// sequences of the producers.
  std::map<std::string, std::uint64_t> CheckNames(const std::vector<Record>& records) {
    std::map<std::string, std::uint64_t> sequences;
    Offset offset = 0;
    for (const Record& record : records) {
      EXPECT_EQ(record.offset, ++offset);
      EXPECT_EQ(record.sequence, ++sequences[record.producer]) << record.producer;
      if (record.producer != "devices") continue;
      v1::Event event;
      EXPECT_TRUE(event.ParseFromString(record.payload));
      std::string topic;
      EXPECT_EQ(record.payload, Devices::PayloadOf(record.sequence, event.effective_ns(), &topic));
      EXPECT_EQ(record.topic, topic);
      if (HasFailure()) break;
    }
    return sequences;
  }

  TempDir dir_;
  ChildBroker broker_;
  ChildCore core_;
  std::unique_ptr<Devices> devices_;
  std::unique_ptr<Follower> follower_;
  std::vector<std::string> alerts_;  ///< As a subscriber read them.
  Offset processed_ = 0;             ///< By the core, as it says.
};

/// The core's n-th output has sequence n + 1, after its `config.` record, and is what an engine
/// derives that reads the log undisturbed.
void ExpectDerivedFrom(const std::vector<Record>& records, Offset complete_up_to) {
  const auto engine = EngineWith({"rise"});
  const std::vector<Output> due = Play(engine.get(), records);
  std::size_t said = 0;
  for (const Record& record : records) {
    if (!record.producer.starts_with("core.")) continue;
    if (record.sequence == 1) continue;
    ASSERT_LT(said, due.size()) << record.topic;
    ASSERT_EQ(record.sequence, said + 2);
    ASSERT_EQ(record.topic, due[said].topic);
    ASSERT_TRUE(record.payload == due[said].payload) << record.topic;
    ++said;
  }
  while (said < due.size() && due[said].cause > complete_up_to) ++said;
  ASSERT_EQ(said, due.size()) << due[said].topic << " of " << due[said].cause << " was never said";
}

TEST_F(KillRounds, BrokerAndCoreInTurnLoseNothingAndSayWhatAnUndisturbedRunSays) {
  const char* given = std::getenv("TONUS_SEED");
  const std::uint64_t seed =
      given == nullptr ? static_cast<std::uint64_t>(getpid()) : std::strtoull(given, nullptr, 10);
  std::printf("TONUS_SEED=%llu\n", static_cast<unsigned long long>(seed));
  SCOPED_TRACE("TONUS_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < Rounds(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const std::size_t wanted = alerts_.size() + 1 + random() % 20;
    ASSERT_TRUE(ReadUntil([&] { return alerts_.size() >= wanted; })) << "the core fell silent";
    const auto moment = steady_clock::now() + std::chrono::microseconds(random() % 50'000);
    while (steady_clock::now() < moment && !HasFatalFailure()) Read(1);
    ASSERT_FALSE(devices_->Failed());
    round % 2 == 0 ? KillBroker() : KillCore();
    ASSERT_FALSE(HasFatalFailure());
  }
  devices_->Stop();
  ASSERT_FALSE(devices_->Failed());
  ASSERT_EQ(devices_->Acked(), devices_->Published());
  const auto end = AskLog(broker_.replay, kPatienceMs);
  ASSERT_TRUE(end) << end.error().Message();
  ASSERT_TRUE(ReadUntil([&] { return processed_ >= end->last_offset; }));
  ASSERT_TRUE(core_.Kill()) << "the core had ended by itself";
  broker_.Kill();

  const std::vector<Record> records = ReadLog();
  std::map<std::string, std::uint64_t> sequences = CheckNames(records);
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(sequences["devices"], devices_->Published());
  EXPECT_GT(OffsetFile::Read(NeededPath(dir_.Path("log"))).offset, 1U)
      << "no checkpoint was ever finished";
  ExpectDerivedFrom(records, end->last_offset);
  std::vector<std::string> stored;
  for (const Record& record : records) {
    if (record.topic.starts_with("alert.")) stored.push_back(record.payload);
  }
  // What came after the last read is in the log alone.
  ASSERT_LE(alerts_.size(), stored.size());
  stored.resize(alerts_.size());
  EXPECT_TRUE(alerts_ == stored) << "a subscriber read something else";
  std::printf("%d rounds: %zu records, %zu alerts\n", Rounds(), records.size(), stored.size());
}

}  // namespace
}  // namespace tonus::core
