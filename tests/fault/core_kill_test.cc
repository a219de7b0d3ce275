// kill -9 of the core under load: nothing is lost, nothing is said twice, and what is said is what
// a core that never died would have said.

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/contract/bus_fixture.h"
#include "tests/unit/engine_fixture.h"

extern char** environ;

namespace tonus::core {
namespace {

class Child {
 public:
  explicit Child(std::vector<std::string> arguments) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, argv[0], nullptr, nullptr, argv.data(), environ), 0);
  }
  ~Child() { Kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

class CoreKill : public BusTest {
 protected:
  void SetUp() override {
    BusTest::SetUp();
    Start();
  }

  /// With checkpoints after so many records; 0: without.
  Child StartCore(std::uint64_t checkpoint_every) {
    const EngineOptions options = OptionsWith({"rise"});
    std::vector<std::string> arguments = {std::string(TONUS_BINARY_DIR) + "/bin/core_child",
                                          broker_->Endpoints().replay,
                                          broker_->Endpoints().ingest,
                                          options.signals_path,
                                          options.drugs_path,
                                          options.plugins[0].path};
    if (checkpoint_every > 0) {
      arguments.push_back(dir_.Path("core"));
      arguments.push_back(std::to_string(checkpoint_every));
    }
    return Child(std::move(arguments));
  }

  void KillUnderLoad(std::uint64_t checkpoint_every);
};

void CoreKill::KillUnderLoad(std::uint64_t checkpoint_every) {
  const char* given = std::getenv("TONUS_SEED");
  const std::uint64_t seed = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  SCOPED_TRACE("TONUS_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);

  LogByHand ward;
  for (int i = 0; i < 8000; ++i) {
    ward.Observe(kStart + i * 20 * kSecondNs, "p" + std::to_string(i % 23), "HR",
                 60 + static_cast<double>(random() % 100));
  }
  std::vector<Record> input = ward.records;
  for (Record& record : input) record.producer = "devices";
  const auto engine = EngineWith({"rise"});
  std::vector<std::string> expected;
  for (const Output& output : Play(engine.get(), input)) expected.push_back(output.payload);
  ASSERT_GT(expected.size(), 500U);

  const auto devices = MustPublish("devices");
  FollowerOptions follow;
  follow.prefixes = {"alert.", "tech."};
  const auto follower = MustFollow(follow);
  std::vector<std::string> said;
  const auto read = [&](std::size_t at_least) {
    return Eventually([&] {
      auto batch = follower->Next(4096, 50);
      if (!batch) return true;
      for (Record& record : batch->records) said.push_back(std::move(record.payload));
      return said.size() >= at_least;
    });
  };

  std::size_t sent = 0;
  int kills = 0;
  while (sent < ward.records.size()) {
    const Child core = StartCore(checkpoint_every);
    const std::size_t more = 500 + random() % 500;
    for (std::size_t i = 0; i < more && sent < ward.records.size(); ++i, ++sent) {
      PublishRecord record;
      record.topic = ward.records[sent].topic;
      record.payload = ward.records[sent].payload;
      record.recorded_ns = ward.records[sent].recorded_ns;
      ASSERT_TRUE(devices->Publish(record));
    }
    ASSERT_TRUE(devices->Flush(kPatience));
    // The core has begun to answer this part, and is killed in the middle of it.
    ASSERT_TRUE(read(said.size() + 1 + random() % 20));
    ++kills;
  }
  EXPECT_GT(kills, 5);
  const Child core = StartCore(checkpoint_every);
  ASSERT_TRUE(read(expected.size()));
  follow.follow = false;
  EXPECT_EQ(ReadSome(*MustFollow(follow), 1U << 20U).size(), expected.size());
  ASSERT_EQ(said.size(), expected.size());
  for (std::size_t i = 0; i < said.size(); ++i) ASSERT_TRUE(said[i] == expected[i]) << i;
}

TEST_F(CoreKill, UnderLoadLosesNothingAndSaysNothingTwice) { KillUnderLoad(0); }

TEST_F(CoreKill, NorWithCheckpointsAllTheTime) {
  KillUnderLoad(1);
  std::error_code failed;
  std::size_t files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(dir_.Path("core"), failed)) {
    files += entry.path().filename() == "checkpoint.db" ? 1 : 0;
  }
  EXPECT_EQ(files, 1U);
}

}  // namespace
}  // namespace tonus::core
