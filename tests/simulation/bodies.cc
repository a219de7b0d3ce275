// What the processes of a run do: the real broker, publisher, follower, live reader and core, each
// in a loop that tells the oracle what it was promised.
#include "broker/exchange.h"
#include "broker/front.h"
#include "broker/writer.h"
#include "client/follower.h"
#include "client/live.h"
#include "client/publisher.h"
#include "core/service.h"
#include "tests/simulation/alerts.h"
#include "tests/simulation/play.h"

namespace tonus::simulation {

/// What a process may die of by itself. Anything else is a promise broken.
void Run::Exit(Process* process, const Error& error) {
  if (process->dead) return;
  std::string why = error.Message();
  for (std::size_t at = 0; (at = why.find(options_.dir, at)) != std::string::npos;) {
    why.replace(at, options_.dir.size(), "log");
  }
  world_.Note(process->name + " ends: " + why);
  if (process == &broker_ || process == &core_) {
    const bool of_disk = error.code == ErrorCode::kIo || error.code == ErrorCode::kNoSpace;
    if (of_disk && disk_ill_) return;
  }
  if (process != &broker_ && error.code == ErrorCode::kUnreachable) return;
  if (error.code == ErrorCode::kFenced && process->incarnation > 1) {
    return;  // By the last words of its own predecessor, which came late.
  }
  world_.Violate(process->name + " ends for no reason that it may: " + why);
}

void Run::BrokerBody() {
  auto log = Log::Open(options_.dir, plan_.broker.log);
  if (!log) {
    Exit(&broker_, log.error());
    return;
  }
  if (!broker_.dead) {
    oracle_.CheckStart([&](const std::string& name) { return (*log)->LastSequence(name); },
                       (*log)->LastOffset());
  }
  ServeBroker(std::move(*log));
}

void Run::ServeBroker(std::unique_ptr<Log> log) {
  // As broker.cc does it, with a fiber where that has a thread.
  Exchange exchange;
  SocketContext context(&network_);
  BrokerEndpoints endpoints;
  auto reader = log->NewReader();
  if (!reader) {
    Exit(&broker_, reader.error());
    return;
  }
  auto sockets = BindFront(context, plan_.broker, endpoints);
  if (!sockets) {
    Exit(&broker_, sockets.error());
    return;
  }
  Front front(std::move(*sockets), std::move(*reader), plan_.broker, exchange, log->LastOffset());
  Writer writer(std::move(log), plan_.broker, exchange);
  Fiber* thread = world_.Spawn("broker's writer", [&] {
    do {
      world_.Sleep(world_.random.Spread(20 * kMicro, 20 * kMilli));
    } while (writer.StepOnce(Writer::TimePoint::min()));
  });
  while (front.StepOnce()) {
    log_end_ = exchange.counters.last_offset;
  }
  while (!thread->over) world_.Sleep(kMilli);
  if (const auto failure = exchange.Failure()) Exit(&broker_, *failure);
}

void Run::DeviceBody(Device* device) {
  const Result<void> done = Publish(device);
  if (!done) Exit(&device->process, done.error());
}

Result<void> Run::Publish(Device* device) {
  Random& random = world_.random;
  PublisherOptions options;
  options.endpoint = "ingest";
  options.producer = device->script.producer;
  options.batch_records = device->batch;
  options.linger_ns = device->linger_ns;
  options.environment = &network_;
  auto publisher = Publisher::Open(options);
  if (!publisher) return tl::unexpected<Error>(publisher.error());
  const auto note = [&] {
    if (!device->process.dead) {
      oracle_.Acknowledged(device->script.producer, (*publisher)->AckedSequence());
    }
    if (!(*publisher)->TakeRefused().empty()) world_.Violate("a record was refused");
  };
  note();
  std::uint64_t next = (*publisher)->ResumedAfter() + 1;
  while (next <= device->script.payloads.size()) {
    const TimeNs due = device->period * static_cast<TimeNs>(next - 1);
    if (due > world_.Now()) {
      const TimeNs wait = std::min(due - world_.Now(), kSecond);
      if (const auto good = (*publisher)->Poll(wait / kMilli + 1); !good) return good;
      note();
      continue;
    }
    PublishRecord record;
    record.topic = device->script.topics[next - 1];
    record.payload = device->script.payloads[next - 1];
    record.recorded_ns = device->script.times[next - 1];
    const auto sequence = (*publisher)->Publish(record);
    if (!sequence) {
      const ErrorCode code = sequence.error().code;
      if (code != ErrorCode::kTimeout && code != ErrorCode::kNoSpace) {
        return tl::unexpected<Error>(sequence.error());
      }
      continue;
    }
    if (*sequence != next) world_.Violate("names: a publisher gave out a wrong sequence");
    ++next;
    note();
    if (random.Chance(100000)) {
      if (const auto good = (*publisher)->Send(); !good) return good;
    }
    if (random.Chance(20000)) {
      const auto flushed = (*publisher)->Flush(random.Spread(1, 3000));
      const bool late = !flushed && (flushed.error().code == ErrorCode::kTimeout ||
                                     flushed.error().code == ErrorCode::kNoSpace);
      if (!flushed && !late) return flushed;
      if (flushed && (*publisher)->AckedSequence() + 1 != next) {
        world_.Violate("a flush came back before everything was acknowledged");
      }
    }
    note();
  }
  while (true) {
    if (const auto good = (*publisher)->Poll(1000); !good) return good;
    note();
    device->done = (*publisher)->AckedSequence() >= device->script.payloads.size();
  }
}

void Run::ReaderBody(Reader* reader) {
  Random& random = world_.random;
  FollowerOptions options;
  options.endpoint = "replay";
  options.prefixes = reader->prefixes;
  options.offset = reader->from_start ? 1 : reader->position;
  options.credit_bytes = reader->credit;
  options.environment = &network_;
  reader->at_end = false;
  Reading* reading = readings_.emplace_back(std::make_unique<Reading>()).get();
  reading->reader = reader->process.name;
  reading->prefixes = reader->prefixes;
  reading->from = reading->next = options.offset;
  reader->reading = reading;
  oracle_.Begin(reading);
  auto follower = Follower::Open(options);
  if (!follower) {
    Exit(&reader->process, follower.error());
    return;
  }
  while (true) {
    const auto batch =
        (*follower)->Next(static_cast<std::size_t>(random.Spread(1, 300)), random.Spread(0, 500));
    if (!batch) {
      Exit(&reader->process, batch.error());
      return;
    }
    if (reader->process.dead) world_.Sleep(0);
    for (const Record& record : batch->records) oracle_.Delivered(*reading, record);
    reading->next = batch->next_offset;
    reader->position = batch->next_offset;
    reader->at_end = batch->at_end;
    if (batch->records.empty() && random.Chance(30000)) {
      world_.Sleep(random.Spread(kMilli, 4 * kSecond));
    }
    if (batch->records.empty()) world_.Sleep(100 * kMicro);
  }
}

void Run::SubscriberBody() {
  LiveOptions options;
  options.live_endpoint = "live";
  options.replay_endpoint = "replay";
  options.environment = &network_;
  auto live = LiveReader::Open(options);
  if (!live) {
    Exit(&subscriber_.process, live.error());
    return;
  }
  LiveReading reading;
  while (true) {
    auto records = (*live)->Next(world_.random.Spread(1, 1000));
    if (subscriber_.process.dead) world_.Sleep(0);
    if (!records) {
      Exit(&subscriber_.process, records.error());
      return;
    }
    oracle_.Live(reading, *records, (*live)->Unfilled());
    if (records->empty()) world_.Sleep(100 * kMicro);
  }
}

void Run::CoreBody() {
  core::ServiceOptions options;
  options.engine = CoreOptions();
  options.replay_endpoint = "replay";
  options.ingest_endpoint = "ingest";
  options.batch = static_cast<std::size_t>(world_.random.Spread(1, 512));
  options.environment = &network_;
  if (plan_.checkpoint_records > 0) {
    options.checkpoint.folder = CoreDir();
    options.checkpoint.every_records = plan_.checkpoint_records;
    options.checkpoint.every_ns = 3 * kSecond;
    options.checkpoint.at_once = true;
  }
  auto service = core::Service::Open(options);
  if (!service) {
    Exit(&core_, service.error());
    return;
  }
  if ((*service)->Status().restored_offset > 0) ++restored_;
  while (true) {
    const auto good = (*service)->Step(world_.random.Spread(0, 200));
    if (core_.dead) world_.Sleep(0);
    if (!good) {
      Exit(&core_, good.error());
      return;
    }
    const core::ServiceStatus status = (*service)->Status();
    core_name_ = status.producer;
    if (world_.random.Chance(200000)) {
      const bool all = (*service)->Flush(0).has_value();
      if (all && !core_.dead) core_settled_ = status.processed_offset;
    }
    world_.Sleep(20 * kMicro);
  }
}

}  // namespace tonus::simulation
