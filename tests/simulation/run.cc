#include "tests/simulation/run.h"

#include <filesystem>
#include <utility>

#include "base/text.h"
#include "tests/simulation/alerts.h"
#include "tests/simulation/play.h"
#include "tonus/v1/event.pb.h"

namespace tonus::simulation {

void Run::DrawPlan() {
  Random& random = world_.random;
  plan_.clock = random.Chance(600000) ? LogClock::kWall : LogClock::kGiven;
  plan_.devices = static_cast<int>(random.Between(1, 4));
  plan_.readers = static_cast<int>(random.Between(1, 3));
  const auto weight = [&random](std::uint64_t most) {
    return random.Chance(400000) ? 0 : 1 + random.Below(most);
  };
  plan_.kill_broker = weight(10);
  plan_.lose_power = weight(6);
  plan_.kill_client = weight(10);
  plan_.break_link = weight(10);
  plan_.cut = weight(6);
  plan_.ill_disk = weight(5);
  plan_.low_disk = weight(2);
  plan_.lose_core_power = weight(5);
  if (random.Chance(700000)) {
    plan_.checkpoint_records = static_cast<std::uint64_t>(random.Spread(5, 500));
  }
  plan_.fault_every = random.Spread(30 * kMilli, 5 * kSecond);
  if (random.Chance(500000)) {
    network_.faults.drop_ingest = static_cast<std::uint64_t>(random.Spread(0, 50000));
    network_.faults.duplicate_ingest = static_cast<std::uint64_t>(random.Spread(0, 50000));
  }
  network_.faults.drop_live = static_cast<std::uint64_t>(random.Spread(0, 50000));
  network_.faults.slow_ns = random.Spread(kMilli, 3 * kSecond);
  disk_.faults.slow_sync_ns = random.Spread(kMilli, 300 * kMilli);

  BrokerOptions& broker = plan_.broker;
  broker.ingest_endpoint = "ingest";
  broker.intake_endpoint.clear();
  broker.live_endpoint = "live";
  broker.replay_endpoint = "replay";
  broker.data_dir = options_.dir;
  broker.environment = &network_;
  broker.credit_records = static_cast<std::uint32_t>(random.Spread(8, 4096));
  broker.max_batch_records = std::min(broker.max_batch_records, broker.credit_records);
  broker.recent_bytes = static_cast<std::uint64_t>(random.Spread(0, 1 << 20));
  broker.queue_bytes = static_cast<std::uint64_t>(random.Spread(1000, 1 << 22));
  broker.tick_interval_ns = random.Spread(50 * kMilli, 2 * kSecond);
  broker.log.clock = plan_.clock;
  broker.log.clock_source = wall_;
  broker.log.checkpoint_bytes = static_cast<std::uint64_t>(random.Spread(300000, 4 << 20));
  broker.log.confirm_clock_jump = true;
  broker.log.seal_at_once = true;
  broker.free_bytes = [this] { return disk_low_ ? 0 : UINT64_MAX; };
}

void Run::MakeScript(Device* device, int number) {
  Random& random = world_.random;
  Script& script = device->script;
  script.producer = "device" + std::to_string(number);
  const auto count = static_cast<std::size_t>(random.Spread(20, 600));
  device->period = (kFaultTime * 9 / 10) / static_cast<TimeNs>(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string patient =
        "p" + std::to_string(random.Below(3) + 10U * static_cast<unsigned>(number));
    const LogTimeNs at = kStart + static_cast<TimeNs>(i) * device->period;
    v1::Event event;
    event.set_patient_id(patient);
    event.set_source_id(script.producer);
    event.set_source_sequence(i + 1);
    event.set_effective_ns(at);
    v1::Observation* item = event.mutable_observations()->add_items();
    item->mutable_code()->set_code("HR");
    item->set_quantity(static_cast<double>(random.Between(60, 160)));
    if (random.Chance(20000)) {
      item->set_text(std::string(static_cast<std::size_t>(random.Spread(100, 9000)), 'x'));
    }
    script.topics.push_back("vitals.icu." + patient + ".");
    script.payloads.push_back(event.SerializeAsString());
    script.times.push_back(at);
  }
  device->batch = static_cast<std::uint32_t>(random.Spread(1, 64));
  device->linger_ns = random.Chance(300000) ? 0 : random.Spread(kMilli, 300 * kMilli);
  oracle_.Expect(script);
}

void Run::MakeProcesses() {
  broker_.name = "broker";
  broker_.body = [this] { BrokerBody(); };
  Supervise(&broker_, 5 * kMilli);
  for (int i = 0; i < plan_.devices; ++i) {
    Device* device = devices_.emplace_back(std::make_unique<Device>()).get();
    MakeScript(device, i);
    device->process.name = device->script.producer;
    device->process.body = [this, device] { DeviceBody(device); };
    Supervise(&device->process, 5 * kMilli);
  }
  for (int i = 0; i < plan_.readers; ++i) {
    Reader* reader = readers_.emplace_back(std::make_unique<Reader>()).get();
    reader->process.name = "reader" + std::to_string(i);
    if (world_.random.Chance(400000)) reader->prefixes = {"vitals.icu.p1", "tick."};
    reader->from_start = world_.random.Chance(300000);
    reader->credit = static_cast<std::uint64_t>(world_.random.Spread(200, 1 << 20));
    reader->process.body = [this, reader] { ReaderBody(reader); };
    Supervise(&reader->process, 5 * kMilli);
  }
  subscriber_.process.name = "subscriber";
  subscriber_.process.body = [this] { SubscriberBody(); };
  Supervise(&subscriber_.process, 5 * kMilli);
  core_.name = "core";
  core_.body = [this] { CoreBody(); };
  Supervise(&core_, 5 * kMilli);
}

std::vector<Process*> Run::Clients() {
  std::vector<Process*> clients;
  for (const auto& device : devices_) clients.push_back(&device->process);
  for (const auto& reader : readers_) clients.push_back(&reader->process);
  clients.push_back(&subscriber_.process);
  clients.push_back(&core_);
  return clients;
}

void Run::Supervise(Process* process, TimeNs soonest) {
  const auto start_later = [this, process, soonest] {
    TimeNs delay = soonest + world_.random.Spread(0, 2 * kSecond);
    if (process == &broker_ || process == &core_)
      delay = std::max(delay, disk_ill_until_ - world_.Now());
    world_.After(delay, [this, process] {
      if (!process->running) world_.Start(process);
    });
  };
  process->when_over = [this, process, start_later](bool) {
    if (process == &broker_ && std::exchange(power_loss_, false)) {
      world_.Note("the broker's machine loses power");
      disk_.LosePower(options_.dir);
    }
    if (process == &core_ && std::exchange(core_power_loss_, false)) {
      world_.Note("the core's machine loses power");
      disk_.LosePower(CoreDir());
    }
    start_later();
  };
  start_later();
}

void Run::ScheduleFault() {
  world_.After(world_.random.Spread(0, 2 * plan_.fault_every), [this] {
    if (faults_over_) return;
    MakeFault();
    ScheduleFault();
  });
}

void Run::KillSome(Process* process) {
  if (!process->running || process->dead) return;
  if (world_.random.Chance(300000)) {
    world_.Kill(process);
  } else {
    process->steps_to_death = world_.random.Spread(0, 3000);
  }
}

void Run::MakeFault() {
  Random& random = world_.random;
  const std::uint64_t weights[] = {
      plan_.kill_broker, plan_.lose_power, plan_.kill_client, plan_.break_link,
      plan_.cut,         plan_.ill_disk,   plan_.low_disk,    plan_.lose_core_power};
  std::uint64_t all = 0;
  for (const std::uint64_t weight : weights) all += weight;
  if (all == 0) return;
  std::uint64_t drawn = random.Below(all);
  int kind = 0;
  while (drawn >= weights[kind]) drawn -= weights[kind++];
  ++faults_;
  const std::vector<Process*> clients = Clients();
  Process* client = clients[random.Below(clients.size())];
  switch (kind) {
    case 0:
      KillSome(&broker_);
      break;
    case 1:
      power_loss_ = true;
      if (broker_.running && !broker_.dead) {
        world_.Kill(&broker_);
      } else if (!broker_.running) {
        power_loss_ = false;
        world_.Note("the broker's machine loses power while the broker is down");
        disk_.LosePower(options_.dir);
      }
      break;
    case 2:
      KillSome(client);
      break;
    case 3:
      network_.BreakSome(random.Chance(500000) ? client : nullptr);
      break;
    case 4: {
      const TimeNs until = world_.Now() + random.Spread(kMilli, 9 * kSecond);
      if (random.Chance(700000)) client->cut_up_until = until;
      if (random.Chance(700000)) client->cut_down_until = until;
      world_.Note(client->name + " is cut off");
      break;
    }
    case 5: {
      const bool write = random.Chance(500000);
      (write ? disk_.faults.fail_write : disk_.faults.fail_sync) = true;
      disk_ill_ = true;
      const TimeNs time = random.Spread(kMilli, 2 * kSecond);
      disk_ill_until_ = world_.Now() + time;
      world_.Note(write ? "the disk is full" : "the disk fails to sync");
      world_.After(time, [this] {
        if (world_.Now() < disk_ill_until_) return;
        disk_.faults.fail_write = disk_.faults.fail_sync = false;
      });
      break;
    }
    case 7:
      core_power_loss_ = core_.running && !core_.dead;
      world_.Kill(&core_);
      break;
    default:
      disk_low_ = true;
      world_.Note("the disk is nearly full");
      world_.After(random.Spread(kMilli, 2 * kSecond), [this] { disk_low_ = false; });
      break;
  }
}

void Run::Heal() {
  world_.Note("the faults are over");
  faults_over_ = true;
  network_.faults = NetworkFaults();
  disk_.faults = DiskFaults();
  disk_low_ = false;
}

bool Run::Settled() {
  for (const auto& device : devices_) {
    if (!device->done) return false;
  }
  if (done_at_ == 0) done_at_ = log_end_;
  for (const auto& reader : readers_) {
    // Ticks go on for ever: a reader is through when it has seen what the scripts ended with.
    if (!reader->process.running || reader->reading == nullptr) return false;
    if (plan_.clock == LogClock::kGiven && reader->reading->next <= log_end_) return false;
    if (plan_.clock == LogClock::kWall && reader->reading->next + 50 <= log_end_) return false;
  }
  return core_settled_ >= done_at_;
}

std::string Run::Unsettled() const {
  std::string who;
  for (const auto& device : devices_) {
    if (!device->done) {
      who += " " + device->process.name + " (acknowledged " +
             std::to_string(oracle_.AcknowledgedOf(device->script.producer)) + " of " +
             std::to_string(device->script.payloads.size()) + ")";
    }
  }
  for (const auto& reader : readers_) {
    who += " " + reader->process.name + " (next " +
           std::to_string(reader->reading == nullptr ? 0 : reader->reading->next) + " of " +
           std::to_string(log_end_) + ")";
  }
  who +=
      " core (settled " + std::to_string(core_settled_) + " of " + std::to_string(done_at_) + ")";
  return who;
}

std::vector<Record> Run::ReadLog() {
  std::vector<Record> records;
  auto reader = Log::OpenReadOnly(options_.dir);
  if (!reader) {
    world_.Violate("the log cannot be opened: " + reader.error().Message());
    return records;
  }
  ReadRequest request;
  while (true) {
    auto slice = (*reader)->Read(request);
    if (!slice) {
      world_.Violate("the log cannot be read: " + slice.error().Message());
      return records;
    }
    for (Record& record : slice->records) records.push_back(std::move(record));
    request.from = slice->next_offset;
    if (slice->at_end) return records;
  }
}

RunResult Run::Play() {
  DrawPlan();
  MakeProcesses();
  ScheduleFault();
  world_.RunUntil([] { return false; }, kFaultTime);
  if (!world_.Violation()) {
    Heal();
    const TimeNs deadline = world_.Now() + kSettleTime;
    if (!world_.RunUntil([this] { return Settled(); }, deadline)) {
      world_.Violate("it does not come to rest:" + Unsettled());
    }
  }
  // Down goes everything, with or without the power, and what is left is compared.
  std::vector<Process*> everybody = Clients();
  everybody.push_back(&broker_);
  for (Process* process : everybody) process->when_over = nullptr;
  for (Process* process : everybody) world_.Kill(process);
  if (!world_.Violation()) {
    if (world_.random.Chance(500000)) disk_.LosePower(options_.dir);
    const std::vector<Record> log = ReadLog();
    world_.Note("the log has " + std::to_string(log.size()) + " records");
    oracle_.CheckLog(log, true);
    CheckAlerts(&world_, log, core_name_, core_settled_);
  }
  RunResult result;
  result.violation = world_.Violation();
  result.digest = world_.Digest();
  const Network::Counts& frames = network_.Count();
  const Disk::Counts& disk = disk_.Count();
  result.summary = std::to_string(broker_.incarnation) + " brokers, " + std::to_string(faults_) +
                   " faults, " + std::to_string(frames.messages) + " messages, " +
                   std::to_string(frames.dropped + frames.duplicated) + " lost or doubled, " +
                   std::to_string(disk.syncs) + " syncs, " + std::to_string(disk.failures) +
                   " failed operations, " + std::to_string(restored_) +
                   " cores from a checkpoint, " +
                   FormatRounded(static_cast<double>(world_.Now()) / 1e9, 1) + " s";
  return result;
}

RunResult PlaySeed(const RunOptions& options) {
  std::filesystem::remove_all(options.dir);
  std::filesystem::remove_all(options.dir + "-core");
  std::filesystem::create_directories(options.dir);
  std::filesystem::create_directories(options.dir + "-core");
  Run run(options);
  return run.Play();
}

}  // namespace tonus::simulation
