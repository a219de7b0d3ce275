// What the core costs, and how long an alert takes: `./dev bench`.
//
// 1. Core alone: a given-clock log of monitor messages is replayed through the engine with the
// bundled
//    detectors, as fast as it goes.
// 2. Publish to alert, open loop: monitor messages at a fixed rate through broker, core and back,
// with a probe
//    mixed in 100 times a second: a pump event (motor stall) of a new patient, which the
//    malfunction detector answers at once with an alert. Latency runs from the time at which the
//    probe was *due* to be sent, so that a stalled sender cannot hide a stall (coordinated
//    omission).
//
// All parts share this process and machine; figures are ratios of what is measured in the same run,
// or come with the machine's own fdatasync beside them.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/text.h"
#include "bench/bench_support.h"
#include "broker/broker.h"
#include "broker/log/log.h"
#include "client/live.h"
#include "client/publisher.h"
#include "core/engine.h"
#include "core/service.h"
#include "tonus/v1/alert.pb.h"
#include "tonus/v1/event.pb.h"

namespace tonus::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::int64_t SteadyNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(SteadyClock::now().time_since_epoch())
      .count();
}

std::int64_t WallNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// One second of a bedside monitor: HR, SpO2, RR and MAP of one patient.
std::string MonitorMessage(const std::string& patient, std::uint64_t n, LogTimeNs effective_ns) {
  v1::Event event;
  event.set_patient_id(patient);
  event.set_source_id("monitor-" + patient);
  event.set_source_sequence(n + 1);
  event.set_effective_ns(effective_ns);
  const auto add = [&event](const char* name, double value) {
    v1::Observation* item = event.mutable_observations()->add_items();
    item->mutable_code()->set_code(name);
    item->set_quantity(value);
  };
  add("HR", 70.0 + static_cast<double>(n % 7));
  add("SPO2", 97.0);
  add("RR", 14.0 + static_cast<double>(n % 3));
  add("MAP", 85.0 + static_cast<double>(n % 5));
  return event.SerializeAsString();
}

std::string ProbeMessage(const std::string& patient, LogTimeNs effective_ns) {
  v1::Event event;
  event.set_patient_id(patient);
  event.set_source_id("pump-" + patient);
  event.set_effective_ns(effective_ns);
  event.mutable_pump_event()->set_kind("motor_stall");
  return event.SerializeAsString();
}

std::string PatientName(std::uint64_t n) { return "b" + std::to_string(n); }

std::string VitalsTopic(std::uint64_t n) { return "vitals.icu." + PatientName(n) + "."; }

double Percentile(std::vector<double>* values, double share) {
  if (values->empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values->size() - 1));
  std::nth_element(values->begin(), values->begin() + static_cast<std::ptrdiff_t>(at),
                   values->end());
  return (*values)[at];
}

/// p50 and p99 of fdatasync on the disk that the log is on, milliseconds.
std::pair<double, double> DiskSync(const std::string& dir) {
  const std::string path = dir + "/sync-probe";
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY, 0600);
  if (fd < 0) return {0, 0};
  const std::string block(16384, 'x');
  std::vector<double> ms;
  for (int i = 0; i < 200; ++i) {
    const std::int64_t begin = SteadyNs();
    if (::write(fd, block.data(), block.size()) < 0 || ::fdatasync(fd) != 0) break;
    ms.push_back(static_cast<double>(SteadyNs() - begin) / 1e6);
  }
  ::close(fd);
  std::filesystem::remove(path);
  const double p50 = Percentile(&ms, 0.5);
  return {p50, Percentile(&ms, 0.99)};
}

void BenchCore(const std::string& dir, std::uint64_t events, std::uint64_t patients) {
  LogOptions log_options;
  log_options.clock = LogClock::kGiven;
  log_options.fsync = false;
  auto log = Must(Log::Open(dir + "/core-log", log_options));
  const LogTimeNs start = 1'700'000'000 * kSecondNs;
  for (std::uint64_t n = 0; n < events;) {
    std::vector<std::string> topics;
    std::vector<std::string> payloads;
    std::vector<AppendRecord> batch;
    const std::uint64_t first = n;
    for (; n < events && n < first + 4096; ++n) {
      topics.push_back(VitalsTopic(n % patients));
      payloads.push_back(MonitorMessage(PatientName(n % patients), n / patients,
                                        start + static_cast<LogTimeNs>(n / patients) * kSecondNs));
    }
    for (std::size_t i = 0; i < topics.size(); ++i) {
      AppendRecord record;
      record.producer = "bench";
      record.sequence = first + i + 1;
      record.topic = topics[i];
      record.payload = payloads[i];
      record.recorded_ns = start + static_cast<LogTimeNs>((first + i) / patients) * kSecondNs;
      batch.push_back(record);
    }
    Must(log->Append(batch));
    Must(log->Commit());
  }
  auto reader = Must(log->NewReader());
  for (const unsigned shards : {1U, 2U}) {
    core::EngineOptions options = BundledEngine();
    options.shards = shards;
    auto engine = Must(core::Engine::Create(options));
    std::vector<core::Output> outputs;
    ReadRequest request;
    double read_s = 0;
    const std::int64_t begin = SteadyNs();
    for (;;) {
      const std::int64_t before = SteadyNs();
      const ReadSlice slice = Must(reader->Read(request));
      read_s += static_cast<double>(SteadyNs() - before) / 1e9;
      outputs.clear();
      engine->Process(slice.records, &outputs);
      request.from = slice.next_offset;
      if (slice.at_end) break;
    }
    const double seconds = static_cast<double>(SteadyNs() - begin) / 1e9;
    const core::EngineStats stats = engine->Stats();
    std::printf(
        "core from the log, %u shard%s   %9.0f events/s  %10.0f values/s  (%.0f %% of it reading), "
        "%llu detector calls, %llu alerts\n",
        shards, shards == 1 ? " " : "s", static_cast<double>(events) / seconds,
        static_cast<double>(stats.observations) / seconds, 100.0 * read_s / seconds,
        static_cast<unsigned long long>(stats.detector_calls),
        static_cast<unsigned long long>(stats.alerts));
  }
}

/// Runs the live path at `rate` events/s for `seconds`; prints the latency of its probes.
void BenchLatency(const std::string& dir, std::uint64_t rate, int seconds) {
  BrokerOptions broker_options;
  broker_options.ingest_endpoint = "tcp://127.0.0.1:*";
  broker_options.intake_endpoint.clear();
  broker_options.live_endpoint = "tcp://127.0.0.1:*";
  broker_options.replay_endpoint = "tcp://127.0.0.1:*";
  broker_options.data_dir = dir + "/live-" + std::to_string(rate);
  auto broker = Must(Broker::Start(broker_options));
  RunningCore core(BundledEngine(), broker->Endpoints());

  LiveOptions live_options;
  live_options.live_endpoint = broker->Endpoints().live;
  live_options.replay_endpoint = broker->Endpoints().replay;
  live_options.prefixes = {"alert.icu.", "tick.", "progress."};
  auto live = Must(LiveReader::Open(live_options));
  for (int i = 0; i < 100 && live->State() != Liveness::kLive; ++i) Must(live->Next(200));

  PublisherOptions publisher_options;
  publisher_options.endpoint = broker->Endpoints().ingest;
  publisher_options.producer = "bench";
  auto publisher = Must(Publisher::Open(publisher_options));

  const std::uint64_t total = rate * static_cast<std::uint64_t>(seconds);
  const std::uint64_t probe_every = std::max<std::uint64_t>(1, rate / 100);
  std::vector<std::int64_t> due(total / probe_every + 1);
  std::atomic<bool> sent{false};
  std::atomic<std::int64_t> late_ns{0};
  std::thread sender([&] {
    const std::int64_t begin = SteadyNs();
    const std::int64_t wall = WallNs();
    for (std::uint64_t n = 0; n < total; ++n) {
      const auto offset_ns =
          static_cast<std::int64_t>(static_cast<double>(n) * 1e9 / static_cast<double>(rate));
      std::int64_t now = SteadyNs();
      while (now < begin + offset_ns) {
        // Sends what is due each millisecond, as a gateway does, and leaves the CPU to the others.
        Must(publisher->Send());
        Must(publisher->Poll(1));
        now = SteadyNs();
      }
      late_ns = std::max(late_ns.load(), now - begin - offset_ns);
      PublishRecord record;
      std::string topic;
      std::string payload;
      if (n % probe_every == 0) {
        const std::string patient = "probe" + std::to_string(n / probe_every);
        due[n / probe_every] = begin + offset_ns;
        topic = "pump.icu." + patient + ".";
        payload = ProbeMessage(patient, wall + offset_ns);
      } else {
        topic = VitalsTopic(n % 200);
        payload = MonitorMessage(PatientName(n % 200), n / 200, wall + offset_ns);
      }
      record.topic = topic;
      record.payload = payload;
      Must(publisher->Publish(record));
    }
    Must(publisher->Flush(60000));
    sent = true;
  });

  std::vector<double> ms(due.size(), -1);
  std::size_t answered = 0;
  const std::size_t wanted = (total + probe_every - 1) / probe_every;
  const std::int64_t give_up = SteadyNs() + (seconds + 60) * kSecondNs;
  while (answered < wanted && SteadyNs() < give_up) {
    for (const Record& record : Must(live->Next(100))) {
      const std::size_t at = record.topic.find(".probe");
      if (record.topic.rfind("alert.", 0) != 0 || at == std::string::npos) continue;
      const std::size_t probe = std::strtoull(record.topic.c_str() + at + 6, nullptr, 10);
      if (probe >= ms.size() || ms[probe] >= 0) continue;
      ms[probe] = static_cast<double>(SteadyNs() - due[probe]) / 1e6;
      ++answered;
    }
  }
  sender.join();
  // The first second warms caches and connections up.
  std::vector<double> steady;
  for (std::size_t i = std::min<std::size_t>(100, wanted / 4); i < wanted; ++i) {
    if (ms[i] >= 0) steady.push_back(ms[i]);
  }
  const auto [sync50, sync99] = DiskSync(dir);
  std::printf(
      "publish → alert at %6llu events/s   p50 %7.2f ms  p99 %7.2f ms  p99.9 %7.2f ms   "
      "(%zu of %zu probes answered, sender late by at most %.1f ms; fdatasync p50 %.2f p99 %.2f "
      "ms)\n",
      static_cast<unsigned long long>(rate), Percentile(&steady, 0.5), Percentile(&steady, 0.99),
      Percentile(&steady, 0.999), answered, wanted, static_cast<double>(late_ns.load()) / 1e6,
      sync50, sync99);
}

int Run(bool quick) {
  const std::string dir = ScratchDir();
  BenchCore(dir, quick ? 200'000 : 1'000'000, 200);
  for (const std::uint64_t rate : {10'000U, 50'000U}) BenchLatency(dir, rate, quick ? 3 : 10);
  std::filesystem::remove_all(dir);
  return 0;
}

}  // namespace
}  // namespace tonus::bench

int main(int argc, char** argv) {
  return tonus::bench::Run(argc > 1 && std::string(argv[1]) == "--quick");
}
