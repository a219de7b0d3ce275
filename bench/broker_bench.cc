// Durable throughput of the broker over TCP, beside raw ZeroMQ and the raw disk in the same run,
// and the time from publish to a live subscriber at fixed rates. `broker_bench [SECONDS [DIR]]`:
// seconds for each measurement (default 4), folder for the data (default: the current one).
//
// Throughput: one Publisher, 62-byte events over 200 topics, sent as fast as credit allows; counted
// is what was acknowledged, that is, committed with an fsync. The raw disk writes the same payload
// bytes in groups as large as the broker's were, each with fdatasync. Raw ZeroMQ moves batches of
// the same size from PUSH to PULL.
//
// Latency is open loop: each event carries the time at which it was due, so a stall counts for
// every event that it delayed.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/socket.h"
#include "broker/broker.h"
#include "client/publisher.h"

namespace tonus {
namespace {

using std::chrono::duration;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::size_t kEventBytes = 62;
constexpr std::size_t kTopics = 200;

double SecondsSince(steady_clock::time_point begin) {
  return duration<double>(steady_clock::now() - begin).count();
}

std::int64_t NowNs() {
  return std::chrono::duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

[[noreturn]] void Die(const Error& error) {
  std::fprintf(stderr, "%s\n", error.Message().c_str());
  std::exit(3);
}

double CpuSeconds() {
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::vector<std::string> Topics() {
  std::vector<std::string> topics;
  for (std::size_t i = 0; i < kTopics; ++i) {
    topics.push_back("vitals.icu.p" + std::to_string(i) + ".");
  }
  return topics;
}

/// A folder that is removed at the end.
class Folder {
 public:
  explicit Folder(const std::string& parent)
      : path_(parent + "/broker-bench-" + std::to_string(getpid())) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string Path() const { return path_; }

 private:
  std::string path_;
};

std::unique_ptr<Broker> StartBroker(const std::string& dir) {
  BrokerOptions options;
  options.ingest_endpoint = options.live_endpoint = options.replay_endpoint = "tcp://127.0.0.1:*";
  options.intake_endpoint.clear();
  options.data_dir = dir;
  options.min_free_bytes = 0;
  auto broker = Broker::Start(options);
  if (!broker) Die(broker.error());
  return std::move(*broker);
}

std::unique_ptr<Publisher> Connect(const Broker& broker, std::uint32_t batch) {
  PublisherOptions options;
  options.endpoint = broker.Endpoints().ingest;
  options.producer = "bench";
  options.batch_records = batch;
  options.buffer_bytes = 16U << 20U;
  auto publisher = Publisher::Open(options);
  if (!publisher) Die(publisher.error());
  return std::move(*publisher);
}

struct Throughput {
  double events_per_second = 0;
  double group = 0;      ///< Mean records of a commit.
  double commit_ms = 0;  ///< Mean.
  double max_ms = 0;
  double cpu_us = 0;  ///< Of the whole process, producer included, for an event.
};

Throughput MeasureBroker(const std::string& parent, std::uint32_t batch, double seconds) {
  const Folder folder(parent);
  const auto broker = StartBroker(folder.Path());
  const auto publisher = Connect(*broker, batch);
  const std::vector<std::string> topics = Topics();
  const std::string payload(kEventBytes, 'e');
  std::size_t next = 0;
  const double cpu = CpuSeconds();
  const auto begin = steady_clock::now();
  while (SecondsSince(begin) < seconds) {
    for (int i = 0; i < 256; ++i) {
      PublishRecord record;
      record.topic = topics[next++ % kTopics];
      record.payload = payload;
      const auto sequence = publisher->Publish(record);
      if (!sequence) Die(sequence.error());
    }
  }
  const auto flushed = publisher->Flush(60000);
  if (!flushed) Die(flushed.error());
  const double took = SecondsSince(begin);
  const BrokerStats stats = broker->Stats();
  Throughput result;
  result.events_per_second = static_cast<double>(next) / took;
  result.group = static_cast<double>(stats.records) / static_cast<double>(stats.commits);
  result.commit_ms =
      static_cast<double>(stats.commit_ns) / static_cast<double>(stats.commits) / 1e6;
  result.cpu_us = (CpuSeconds() - cpu) / static_cast<double>(next) * 1e6;
  result.max_ms = static_cast<double>(stats.commit_max_ns) / 1e6;
  return result;
}

/// Events/s of a bare file, written in groups of `group` events with fdatasync after each.
double MeasureDisk(const std::string& parent, double group, double seconds) {
  const Folder folder(parent);
  const std::string path = folder.Path() + "/raw";
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const auto events = static_cast<std::size_t>(std::max(1.0, group));
  const std::string bytes(events * kEventBytes, 'e');
  std::size_t written = 0;
  const auto begin = steady_clock::now();
  while (SecondsSince(begin) < seconds) {
    if (write(file, bytes.data(), bytes.size()) < 0 || fdatasync(file) != 0) std::exit(3);
    written += events;
  }
  const double took = SecondsSince(begin);
  close(file);
  return static_cast<double>(written) / took;
}

/// Events/s from PUSH to PULL over TCP in messages of `batch` events.
double MeasureZeroMq(std::uint32_t batch, double seconds) {
  SocketContext context;
  SocketOptions options;
  options.linger_ms = 0;
  Socket pull = *Socket::Make(context, SocketKind::kPull, options);
  const std::string endpoint = *pull.Bind("tcp://127.0.0.1:*");
  std::atomic<bool> stop{false};
  std::thread pusher([&] {
    Socket push = *Socket::Make(context, SocketKind::kPush, options);
    static_cast<void>(push.Connect(endpoint));
    const std::string bytes(batch * kEventBytes, 'e');
    while (!stop) {
      if (push.Send(bytes) != SocketOutcome::kDone) std::this_thread::yield();
    }
  });
  std::size_t received = 0;
  SocketMessage message;
  const auto begin = steady_clock::now();
  while (SecondsSince(begin) < seconds) {
    PollItem item;
    item.socket = &pull;
    PollSockets({&item, 1}, 10);
    for (int i = 0; i < 1000 && pull.Receive(message, nullptr) == SocketOutcome::kDone; ++i) {
      received += batch;
    }
  }
  const double took = SecondsSince(begin);
  stop = true;
  pusher.join();
  return static_cast<double>(received) / took;
}

double Percentile(std::vector<std::int64_t>& sorted, double part) {
  if (sorted.empty()) return 0;
  const auto index = static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1));
  return static_cast<double>(sorted[index]) / 1e6;
}

/// Publishes `rate` events/s on schedule and prints how long they took to a live subscriber.
void MeasureLatency(const std::string& parent, std::int64_t rate, double seconds) {
  const Folder folder(parent);
  const auto broker = StartBroker(folder.Path());
  std::atomic<bool> stop{false};
  std::vector<std::int64_t> latencies;
  std::thread subscriber([&] {
    SocketContext context;
    SocketOptions options;
    options.receive_queue_messages = 0;
    Socket live = *Socket::Make(context, SocketKind::kSub, options);
    static_cast<void>(live.Subscribe("vitals."));
    static_cast<void>(live.Connect(broker->Endpoints().live));
    SocketMessage message;
    while (!stop) {
      PollItem item;
      item.socket = &live;
      if (PollSockets({&item, 1}, 20) == 0) continue;
      bool more = true;
      int part = 0;
      while (more && live.Receive(message, &more) == SocketOutcome::kDone) {
        std::int64_t due = 0;
        if (part++ != 1) continue;
        std::memcpy(&due, message.View().data(), sizeof due);
        if (due != 0) latencies.push_back(NowNs() - due);
      }
    }
  });
  const auto publisher = Connect(*broker, 256);
  const std::vector<std::string> topics = Topics();
  std::string payload(kEventBytes, 'e');
  std::size_t next = 0;
  const auto publish = [&](std::int64_t due) {
    std::memcpy(payload.data(), &due, sizeof due);
    PublishRecord record;
    record.topic = topics[next++ % kTopics];
    record.payload = payload;
    const auto sequence = publisher->Publish(record);
    if (!sequence) Die(sequence.error());
  };
  while (broker->Stats().live_sent == 0) {
    publish(0);
    static_cast<void>(publisher->Poll(5));
  }
  const std::int64_t begin = NowNs();
  const auto count = static_cast<std::int64_t>(static_cast<double>(rate) * seconds);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t due = begin + i * 1000000000 / rate;
    for (std::int64_t now = NowNs(); now < due; now = NowNs()) {
      // Handing over what has been published; then asleep, so that the cores are the broker's.
      const Result<void> polled = publisher->Poll(0);
      if (!polled) Die(polled.error());
      std::this_thread::sleep_for(nanoseconds(std::min<std::int64_t>(due - now, 200000)));
    }
    publish(due);
  }
  static_cast<void>(publisher->Flush(30000));
  const auto patience = steady_clock::now();
  while (latencies.size() < static_cast<std::size_t>(count) && SecondsSince(patience) < 2) {
    std::this_thread::yield();
  }
  stop = true;
  subscriber.join();
  std::sort(latencies.begin(), latencies.end());
  const BrokerStats stats = broker->Stats();
  std::printf(
      "%8lld events/s  p50 %6.2f ms  p99 %6.2f ms  p99.9 %6.2f ms  max %6.2f ms  "
      "(%zu of %lld arrived, %llu commits, %llu checkpoints)\n",
      static_cast<long long>(rate), Percentile(latencies, 0.5), Percentile(latencies, 0.99),
      Percentile(latencies, 0.999), Percentile(latencies, 1.0), latencies.size(),
      static_cast<long long>(count), static_cast<unsigned long long>(stats.commits),
      static_cast<unsigned long long>(stats.checkpoints));
}

}  // namespace
}  // namespace tonus

int main(int count, char** arguments) {
  using namespace tonus;
  char* end = nullptr;
  const double seconds = count > 1 ? std::strtod(arguments[1], &end) : 4;
  if (count > 3 || (count > 1 && (*end != '\0' || !(seconds > 0) || seconds > 3600))) {
    std::fprintf(stderr, "usage: broker_bench [SECONDS [DIR]], SECONDS above 0 and up to 3600\n");
    return 2;
  }
  const std::string folder = count > 2 ? arguments[2] : ".";
  std::printf("durable throughput, %zu-byte events over %zu topics, %u cores\n", kEventBytes,
              kTopics, std::thread::hardware_concurrency());
  for (const std::uint32_t batch : {1U, 64U, 256U}) {
    const Throughput broker = MeasureBroker(folder, batch, seconds);
    const double disk = MeasureDisk(folder, broker.group, seconds / 2);
    const double zeromq = MeasureZeroMq(batch, seconds / 2);
    std::printf(
        "batch %4u  broker %9.0f events/s  raw disk %10.0f (ratio %5.3f)  raw ZeroMQ %10.0f "
        "(ratio %5.3f)  group %6.0f  commit %5.2f ms, max %6.2f ms  CPU %5.2f us/event\n",
        batch, broker.events_per_second, disk, broker.events_per_second / disk, zeromq,
        broker.events_per_second / zeromq, broker.group, broker.commit_ms, broker.max_ms,
        broker.cpu_us);
    std::fflush(stdout);
  }
  std::printf("publish to live subscriber, open loop\n");
  for (const std::int64_t rate : {std::int64_t{10000}, std::int64_t{50000}}) {
    MeasureLatency(folder, rate, seconds);
    std::fflush(stdout);
  }
  return 0;
}
