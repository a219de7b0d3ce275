// simulation_processes [--seed N | --seeds COUNT]
//
// The oracle of the simulation over real processes, threads, disk and ZeroMQ: broker_child and
// core_child are killed, the links between them, two publishers and a follower are cut and held up.
// A seed fixes the schedule of the faults only; what the machine makes of it differs each time.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "broker/log/log.h"
#include "client/follower.h"
#include "client/publisher.h"
#include "tests/simulation/alerts.h"
#include "tests/simulation/link_proxy.h"
#include "tests/simulation/oracle.h"
#include "tonus/v1/event.pb.h"
#include "tonus/v1/system.pb.h"

extern char** environ;

namespace tonus::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFaultTime{1500};
constexpr milliseconds kSettleTime{120'000};
constexpr std::size_t kRecords = 1500;  ///< Of each device.

/// A child process, to be killed.
class Child {
 public:
  ~Child() { Kill(); }

  /// Starts it; `words` takes what it prints first, two words.
  void Start(std::vector<std::string> arguments, std::array<std::string, 2>* words) {
    std::array<int, 2> ends = {-1, -1};
    if (pipe(ends.data()) != 0) std::abort();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    if (posix_spawn(&pid_, raw[0], &actions, nullptr, raw.data(), environ) != 0) std::abort();
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (words != nullptr) {
      FILE* output = fdopen(ends[0], "r");
      std::array<char, 300> first = {};
      std::array<char, 300> second = {};
      if (fscanf(output, "%299s %299s", first.data(), second.data()) == 2) {
        *words = {first.data(), second.data()};
      }
      fclose(output);
    } else {
      close(ends[0]);
    }
  }

  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  bool Running() {
    if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
    return pid_ > 0;
  }

 private:
  pid_t pid_ = 0;
};

class Play {
 public:
  Play(std::uint64_t seed, const std::string& dir)
      : world_(seed, false), oracle_(&world_), dir_(dir) {}

  std::optional<std::string> Run();

 private:
  struct Device {
    Script script;
    std::unique_ptr<Publisher> publisher;
    std::size_t sent = 0;
  };

  void StartBroker() {
    broker_.Start({TONUS_BINARY_DIR "/bin/broker_child", dir_, bound_[0], bound_[1]}, &bound_);
  }
  void StartCore() {
    const core::EngineOptions options = CoreOptions();
    core_.Start({TONUS_BINARY_DIR "/bin/core_child", replay_->Endpoint(), ingest_->Endpoint(),
                 options.signals_path, options.drugs_path, options.plugins[0].path},
                nullptr);
  }
  void MakeDevice(int number);
  bool Step(Device* device);
  bool ReadOn();
  void MakeFault();
  bool Settled() const;
  void Compare();

  World world_;  ///< For chance and for what is violated; its time stands still.
  Oracle oracle_;
  const std::string dir_;
  std::array<std::string, 2> bound_ = {"tcp://127.0.0.1:*", "tcp://127.0.0.1:*"};
  Child broker_;
  Child core_;
  std::unique_ptr<LinkProxy> ingest_;
  std::unique_ptr<LinkProxy> replay_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::unique_ptr<Follower> follower_;
  Reading reading_;
  Offset processed_ = 0;    ///< By the core, as its newest progress says.
  Offset last_device_ = 0;  ///< The newest record of a device that the follower has seen.
  std::size_t device_records_ = 0;
};

void Play::MakeDevice(int number) {
  Device* device = devices_.emplace_back(std::make_unique<Device>()).get();
  Script& script = device->script;
  script.producer = "device" + std::to_string(number);
  const std::int64_t begin = std::chrono::duration_cast<std::chrono::nanoseconds>(
                                 std::chrono::system_clock::now().time_since_epoch())
                                 .count();
  for (std::size_t i = 0; i < kRecords; ++i) {
    const std::string patient = "p" + std::to_string(10 * number + world_.random.Between(0, 4));
    v1::Event event;
    event.set_patient_id(patient);
    event.set_source_id(script.producer);
    event.set_source_sequence(i + 1);
    event.set_effective_ns(begin + static_cast<std::int64_t>(i) * kMilli);
    v1::Observation* item = event.mutable_observations()->add_items();
    item->mutable_code()->set_code("HR");
    item->set_quantity(static_cast<double>(world_.random.Between(60, 160)));
    script.topics.push_back("vitals.icu." + patient + ".");
    script.payloads.push_back(event.SerializeAsString());
    script.times.push_back(event.effective_ns());
  }
  oracle_.Expect(script);
  PublisherOptions options;
  options.endpoint = ingest_->Endpoint();
  options.producer = script.producer;
  options.batch_records = static_cast<std::uint32_t>(world_.random.Between(1, 64));
  options.connect_timeout_ms = kSettleTime.count();
  auto publisher = Publisher::Open(options);
  if (publisher) {
    device->publisher = std::move(*publisher);
  } else {
    world_.Violate(script.producer + ": " + publisher.error().Message());
  }
}

bool Play::Step(Device* device) {
  Publisher& publisher = *device->publisher;
  const auto fails = [&](const Error& error) {
    if (error.code == ErrorCode::kTimeout) return false;
    world_.Violate(device->script.producer + ": " + error.Message());
    return true;
  };
  for (int i = 0; i < 8 && device->sent < kRecords; ++i) {
    PublishRecord record;
    record.topic = device->script.topics[device->sent];
    record.payload = device->script.payloads[device->sent];
    const auto taken = publisher.Publish(record);
    if (!taken) return !fails(taken.error());
    ++device->sent;
  }
  const auto polled = publisher.Poll(2);
  if (!polled && fails(polled.error())) return false;
  oracle_.Acknowledged(device->script.producer, publisher.AckedSequence());
  return true;
}

bool Play::ReadOn() {
  const auto batch = follower_->Next(4096, 2);
  if (!batch) {
    world_.Violate("the follower: " + batch.error().Message());
    return false;
  }
  for (const Record& record : batch->records) {
    oracle_.Delivered(reading_, record);
    if (record.producer.starts_with("device")) {
      last_device_ = record.offset;
      ++device_records_;
    }
    if (record.topic == "progress.") {
      v1::Progress progress;
      if (progress.ParseFromString(record.payload)) processed_ = progress.processed_offset();
    }
  }
  reading_.next = batch->next_offset;
  return true;
}

void Play::MakeFault() {
  LinkProxy& link = world_.random.Chance(500000) ? *ingest_ : *replay_;
  switch (world_.random.Below(5)) {
    case 0:
      broker_.Kill();
      StartBroker();
      break;
    case 1:
      core_.Kill();
      break;
    case 2:
      link.Hold(milliseconds(world_.random.Between(10, 400)));
      break;
    default:
      link.Cut();
      break;
  }
}

bool Play::Settled() const {
  for (const auto& device : devices_) {
    if (device->publisher->AckedSequence() < kRecords) return false;
  }
  return device_records_ == devices_.size() * kRecords && processed_ >= last_device_;
}

std::optional<std::string> Play::Run() {
  StartBroker();
  ingest_ = std::make_unique<LinkProxy>(bound_[0]);
  replay_ = std::make_unique<LinkProxy>(bound_[1]);
  for (int i = 0; i < 2; ++i) MakeDevice(i);
  FollowerOptions options;
  options.endpoint = replay_->Endpoint();
  auto follower = Follower::Open(options);
  if (!follower) world_.Violate(follower.error().Message());
  if (world_.Violation()) return world_.Violation();
  follower_ = std::move(*follower);
  reading_.reader = "the follower";
  oracle_.Begin(&reading_);
  const auto begin = steady_clock::now();
  auto next_fault = begin + milliseconds(world_.random.Between(50, 400));
  while (!world_.Violation()) {
    const auto now = steady_clock::now();
    if (now - begin < kFaultTime && now >= next_fault) {
      MakeFault();
      next_fault = now + milliseconds(world_.random.Between(20, 400));
    }
    if (!core_.Running()) StartCore();
    for (const auto& device : devices_) {
      if (!Step(device.get())) break;
    }
    if (!ReadOn()) break;
    if (now - begin >= kFaultTime && Settled()) break;
    if (now - begin >= kSettleTime) world_.Violate("it does not come to rest");
  }
  core_.Kill();
  broker_.Kill();
  if (!world_.Violation()) Compare();
  return world_.Violation();
}

void Play::Compare() {
  std::vector<Record> log;
  auto reader = Log::OpenReadOnly(dir_);
  if (!reader) {
    world_.Violate("the log cannot be opened: " + reader.error().Message());
    return;
  }
  ReadRequest request;
  std::string core;
  for (bool at_end = false; !at_end;) {
    auto slice = (*reader)->Read(request);
    if (!slice) {
      world_.Violate("the log cannot be read: " + slice.error().Message());
      return;
    }
    for (Record& record : slice->records) {
      if (record.producer.starts_with("core.")) core = record.producer;
      log.push_back(std::move(record));
    }
    request.from = slice->next_offset;
    at_end = slice->at_end;
  }
  oracle_.CheckLog(log, true);
  CheckAlerts(&world_, log, core, processed_);
}

}  // namespace
}  // namespace tonus::simulation

int main(int argc, char** argv) {
  std::uint64_t from = 1;
  std::uint64_t count = 20;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--seed") {
      from = value;
      count = 1;
    } else if (name == "--seeds") {
      count = value;
    } else {
      std::fprintf(stderr, "usage: simulation_processes [--seed N | --seeds COUNT]\n");
      return 2;
    }
  }
  static_cast<void>(tonus::log::Setup({.process = "simulation", .level = "off", .json = false}));
  std::string folder =
      (std::filesystem::temp_directory_path() / "tonus-simulation-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 2;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  int bad = 0;
  for (std::uint64_t seed = from; seed < from + count; ++seed) {
    const std::string dir = folder + "/" + std::to_string(seed);
    const auto violation = tonus::simulation::Play(seed, dir).Run();
    if (violation) {
      ++bad;
      std::printf("seed %llu: %s\nagain: build/bin/simulation_processes --seed %llu\n",
                  static_cast<unsigned long long>(seed), violation->c_str(),
                  static_cast<unsigned long long>(seed));
    }
    std::filesystem::remove_all(dir);
  }
  std::filesystem::remove_all(folder);
  std::printf("%llu seeds over processes, %d bad\n", static_cast<unsigned long long>(count), bad);
  return bad == 0 ? 0 : 1;
}
