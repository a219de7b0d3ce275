#include "broker/broker.h"

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <thread>
#include <utility>

#include "base/socket.h"
#include "broker/exchange.h"
#include "broker/front.h"
#include "broker/writer.h"

namespace tonus {
namespace {

/// Signals are for the main thread: a thread of the broker starts with all of them blocked.
template <class Body>
std::thread StartQuietThread(const char* name, Body body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  pthread_setname_np(thread.native_handle(), name);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

struct Broker::Impl {
  BrokerOptions options;
  BrokerEndpoints endpoints;
  std::vector<std::string> notes;
  Exchange exchange;
  SocketContext context;
  std::unique_ptr<Front> front;  // Its thread's alone once that runs; so is the writer.
  std::unique_ptr<Writer> writer;
  std::thread front_thread;
  std::thread writer_thread;
};

Broker::Broker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Broker>> Broker::Start(BrokerOptions options) {
  auto impl = std::make_unique<Impl>();
  Counters& counters = impl->exchange.counters;
  if (options.log.clock_source == nullptr) {
    options.log.clock_source = MakeSlewedClock([&counters](std::int64_t off_ns) {
      if (off_ns != 0) counters.clock_jumps += 1;
      counters.clock_off_ns = off_ns;
    });
  }
  // A batch that the credit can never hold would be refused for ever.
  options.max_batch_records = std::min(options.max_batch_records, options.credit_records);
  // A file is removed whole, so it must not span much more time than is to be kept.
  if (options.retention.max_age_ns > 0 && options.log.segment_age_ns == 0) {
    options.log.segment_age_ns = std::max<LogTimeNs>(options.retention.max_age_ns / 8, 1);
  }
  impl->options = options;
  Result<std::unique_ptr<Log>> log = Log::Open(options.data_dir, options.log);
  if (!log) return tl::unexpected<Error>(log.error());
  Result<std::unique_ptr<LogReader>> reader = (*log)->NewReader();
  if (!reader) return tl::unexpected<Error>(reader.error());
  Result<FrontSockets> sockets = BindFront(impl->context, impl->options, impl->endpoints);
  if (!sockets) return tl::unexpected<Error>(sockets.error());
  impl->notes = (*log)->Notes();
  const Offset last = (*log)->LastOffset();
  impl->front = std::make_unique<Front>(std::move(*sockets), std::move(*reader), options,
                                        impl->exchange, last);
  impl->writer = std::make_unique<Writer>(std::move(*log), options, impl->exchange);
  Impl* raw = impl.get();
  impl->writer_thread = StartQuietThread("tonus-log", [raw] { raw->writer->Run(); });
  impl->front_thread = StartQuietThread("tonus-bus", [raw] { raw->front->Run(); });
  return std::unique_ptr<Broker>(new Broker(std::move(impl)));
}

Broker::~Broker() {
  impl_->exchange.Stop();
  impl_->exchange.WakeWriter();
  impl_->front_thread.join();
  impl_->writer_thread.join();
  // Sockets before their context, the reader before the log it reads.
  impl_->front.reset();
  impl_->writer.reset();
}

Result<void> Broker::Run() {
  struct pollfd stop = {};
  stop.fd = impl_->exchange.StopDescriptor();
  stop.events = POLLIN;
  while (!impl_->exchange.Stopped()) poll(&stop, 1, 1000);
  const std::optional<Error> failure = impl_->exchange.Failure();
  if (failure) return tl::unexpected<Error>(*failure);
  return {};
}

void Broker::Stop() { impl_->exchange.Stop(); }

const BrokerEndpoints& Broker::Endpoints() const { return impl_->endpoints; }

const std::vector<std::string>& Broker::Notes() const { return impl_->notes; }

BrokerStats Broker::Stats() const {
  const Counters& counters = impl_->exchange.counters;
  BrokerStats stats;
  stats.records = counters.records;
  stats.payload_bytes = counters.payload_bytes;
  stats.commits = counters.commits;
  stats.commit_ns = counters.commit_ns;
  stats.commit_max_ns = counters.commit_max_ns;
  stats.checkpoints = counters.checkpoints;
  stats.repeats = counters.repeats;
  stats.diverged = counters.diverged;
  stats.dead = counters.dead;
  stats.refusals = counters.refusals;
  stats.fenced = counters.fenced;
  stats.intake_records = counters.intake_records;
  stats.intake_dropped = counters.intake_dropped;
  stats.live_sent = counters.live_sent;
  stats.ticks = counters.ticks;
  stats.clock_jumps = counters.clock_jumps;
  stats.last_offset = counters.last_offset;
  stats.connections = counters.connections;
  stats.replays = counters.replays;
  stats.queue_bytes = counters.queue_bytes;
  stats.free_bytes = counters.free_bytes;
  stats.disk_low = counters.disk_low;
  stats.removed_files = counters.removed_files;
  stats.removed_bytes = counters.removed_bytes;
  stats.retention_failures = counters.retention_failures;
  stats.first_offset = counters.first_offset;
  stats.retention_held_back = counters.retention_held_back;
  stats.core_unpinned = counters.core_unpinned;
  return stats;
}

}  // namespace tonus
