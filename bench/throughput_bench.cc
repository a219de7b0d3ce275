// Everything in one process, as fast as it goes: producer → broker → log → core → alert →
// subscriber, over the workload of bench/workload.h. `throughput_bench [EVENTS]`.
//
// Measured is the time from the first publish until the core has processed the last event and the
// subscriber has heard so, with every alert before it. CPU time of the whole process is printed
// beside it: two cores can do no more than two seconds of it in a second.

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench_support.h"
#include "bench/workload.h"
#include "broker/broker.h"
#include "client/follower.h"
#include "client/publisher.h"
#include "tonus/v1/system.pb.h"

namespace tonus::bench {
namespace {

constexpr std::uint64_t kPatients = 200;
constexpr std::int64_t kPatienceMs = 120'000;

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::vector<Record> MakeRecords(std::uint64_t count) {
  const Workload workload(kPatients);
  std::vector<Record> records;
  records.reserve(count);
  for (std::uint64_t n = 0; n < count; ++n) records.push_back(workload.Make(n));
  return records;
}

void PublishAll(const std::string& endpoint, const std::vector<Record>& records) {
  PublisherOptions options;
  options.endpoint = endpoint;
  options.producer = "bench";
  options.batch_records = 256;
  options.buffer_bytes = 16U << 20U;
  const auto publisher = Must(Publisher::Open(options));
  const auto send = [&](const PublishRecord& record) { Must(publisher->Publish(record)); };
  PublishRecord out;
  for (const Record& record : records) {
    out.topic = record.topic;
    out.payload = record.payload;
    out.digest = record.digest;
    out.recorded_ns = record.recorded_ns;
    send(out);
  }
  // The tick that the core answers once it has processed all of this.
  v1::Tick tick;
  const std::string payload = tick.SerializeAsString();
  out = {};
  out.topic = "tick.";
  out.payload = payload;
  out.recorded_ns = records.back().recorded_ns + 1;
  send(out);
  Must(publisher->Flush(kPatienceMs));
}

int Run(std::uint64_t count) {
  const std::string dir = ScratchDir();
  const std::vector<Record> records = MakeRecords(count);
  BrokerOptions options;
  options.ingest_endpoint = options.live_endpoint = options.replay_endpoint = "tcp://127.0.0.1:*";
  options.intake_endpoint.clear();
  options.data_dir = dir + "/log";
  options.log.clock = LogClock::kGiven;
  auto broker = Must(Broker::Start(options));
  std::uint64_t alerts = 0;
  double took = 0;
  double cpu = 0;
  {
    const RunningCore core(BundledEngine(), broker->Endpoints());
    FollowerOptions follow;
    follow.endpoint = broker->Endpoints().replay;
    follow.prefixes = {"alert.", "progress."};
    const auto subscriber = Must(Follower::Open(follow));
    const double cpu_begin = CpuSeconds();
    const double begin = Seconds();
    std::thread producer([&] { PublishAll(broker->Endpoints().ingest, records); });
    for (bool done = false; !done;) {
      for (const Record& record : Must(subscriber->Next(4096, 1000)).records) {
        v1::Progress progress;
        if (record.topic.rfind("alert.", 0) == 0) {
          ++alerts;
        } else if (progress.ParseFromString(record.payload)) {
          done = progress.processed_offset() >= count;
        }
      }
    }
    took = Seconds() - begin;
    cpu = CpuSeconds() - cpu_begin;
    producer.join();
  }
  const auto events = static_cast<double>(count);
  std::printf(
      "producer → log → core → alert → subscriber, %llu events, %u cores\n"
      "  %9.0f events/s by the clock; %.2f us of CPU an event: two cores can do %.0f\n"
      "  %llu alerts; %.2f commits per 1000 events\n",
      static_cast<unsigned long long>(count), std::thread::hardware_concurrency(), events / took,
      cpu / events * 1e6, 2 * events / cpu, static_cast<unsigned long long>(alerts),
      static_cast<double>(broker->Stats().commits) / events * 1000);
  broker.reset();
  std::filesystem::remove_all(dir);
  return 0;
}

}  // namespace
}  // namespace tonus::bench

int main(int argc, char** argv) {
  return tonus::bench::Run(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2'000'000);
}
