#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "broker/log/clock.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/network.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/run.h"
#include "tests/simulation/world.h"

namespace tonus::simulation {

/// 2024-03-01T08:00:00Z.
inline constexpr LogTimeNs kStart = 1709280000000000000;
inline constexpr TimeNs kFaultTime = 15 * kSecond;
inline constexpr TimeNs kSettleTime = 300 * kSecond;

/// The wall clock of the simulated machine; may be stepped.
class WallClock final : public Clock {
 public:
  explicit WallClock(World* world) : world_(*world) {}
  LogTimeNs NowNs() override { return kStart + world_.Now() + ahead_ns; }
  LogTimeNs ahead_ns = 0;

 private:
  World& world_;
};

/// What the seed has drawn.
struct Plan {
  LogClock clock = LogClock::kWall;
  int devices = 1;
  int readers = 1;
  BrokerOptions broker;
  std::uint64_t kill_broker = 0;  ///< Weights of the faults.
  std::uint64_t lose_power = 0;
  std::uint64_t kill_client = 0;
  std::uint64_t break_link = 0;
  std::uint64_t cut = 0;
  std::uint64_t ill_disk = 0;
  std::uint64_t low_disk = 0;
  std::uint64_t lose_core_power = 0;
  std::uint64_t checkpoint_records = 0;  ///< 0: the core makes no checkpoints.
  TimeNs fault_every = kSecond;
};

/// A seed being played. run.cc draws it and makes its faults; bodies.cc is what its processes do.
class Run {
 public:
  explicit Run(const RunOptions& options)
      : options_(options),
        world_(options.seed, options.trace),
        network_(&world_),
        disk_(Disk::Install()),
        oracle_(&world_),
        wall_(std::make_shared<WallClock>(&world_)) {
    disk_.Attach(&world_);
  }
  ~Run() { disk_.Detach(); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  RunResult Play();

 private:
  struct Device {
    Script script;
    Process process;
    TimeNs period = 0;
    std::uint32_t batch = 1;
    std::int64_t linger_ns = 0;
    bool done = false;
  };
  struct Reader {
    Process process;
    std::vector<std::string> prefixes;
    std::uint64_t credit = 0;
    bool from_start = false;  ///< Begins anew in each life.
    Offset position = 1;
    bool at_end = false;
    Reading* reading = nullptr;
  };

  struct Subscriber {
    Process process;
    std::uint64_t gaps = 0;
    std::uint64_t filled = 0;
  };

  void DrawPlan();
  void MakeScript(Device* device, int number);
  void MakeProcesses();
  void Supervise(Process* process, TimeNs soonest);
  void BrokerBody();
  void ServeBroker(std::unique_ptr<Log> log);
  void DeviceBody(Device* device);
  Result<void> Publish(Device* device);
  void ReaderBody(Reader* reader);
  void SubscriberBody();
  void CoreBody();
  std::vector<Process*> Clients();
  void Exit(Process* process, const Error& error);
  void ScheduleFault();
  void MakeFault();
  std::string CoreDir() const { return options_.dir + "-core"; }
  void KillSome(Process* process);
  void Heal();
  bool Settled();
  std::vector<Record> ReadLog();
  std::string Unsettled() const;

  const RunOptions options_;
  World world_;
  Network network_;
  Disk& disk_;
  Oracle oracle_;
  std::shared_ptr<WallClock> wall_;
  Plan plan_;
  Process broker_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<std::unique_ptr<Reader>> readers_;
  std::vector<std::unique_ptr<Reading>> readings_;
  Subscriber subscriber_;
  Process core_;
  std::string core_name_;
  Offset core_settled_ = 0;
  std::uint64_t restored_ = 0;  ///< Lives of the core that began from a checkpoint.
  bool faults_over_ = false;
  bool power_loss_ = false;
  bool core_power_loss_ = false;
  bool disk_low_ = false;
  bool disk_ill_ = false;
  TimeNs disk_ill_until_ = 0;
  std::uint64_t faults_ = 0;
  Offset log_end_ = 0;
  Offset done_at_ = 0;  ///< Everything that devices have to say is on the log before it.
};

}  // namespace tonus::simulation
