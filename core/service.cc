// The live core is the engine between a Follower and a Publisher. What makes it exact is that the
// n-th output has the name (producer, n) in every run:
//
//   log:     r1 r2 r3 [core:1] r4 [core:2] [core:3] r5 ...
//   engine:  r1 r2 r3 -> 1     r4 -> 2, 3           r5 -> 4 ...
//
// After a restart the engine derives 1, 2, 3 again while it reads r1 … r4. They are not sent, for
// the broker has them; they are compared with the records that come by under these names.

#include "core/service.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "base/topic.h"
#include "client/follower.h"
#include "client/publisher.h"
#include "core/alerts/canonical.h"
#include "core/config_record.h"
#include "core/service_health.h"
#include "core/service_history.h"
#include "core/service_names.h"
#include "core/service_takeover.h"
#include "tonus/v1/alert.pb.h"
#include "tonus/v1/system.pb.h"

namespace tonus::core {
namespace {

constexpr std::size_t kProducerDigits = 12;
constexpr std::int64_t kWhilePendingMs = 1;
constexpr std::int64_t kAlarmTimeoutMs = 3000;

tl::unexpected<Error> Unexpected(const Error& error) { return tl::unexpected<Error>(error); }

/// Says of a patient that he begins anew.
Output LostOutput(const UnreadablePatient& lost, LogTimeNs now, Offset cause) {
  v1::TechAlert alert;
  alert.set_kind("history_lost");
  alert.set_subject(lost.patient);
  alert.set_state(v1::TECH_STATE_ACTIVE);
  alert.set_since_ns(now);
  alert.set_time_ns(now);
  alert.set_text(
      "what was known of this patient is lost, for the checkpoint cannot be used and "
      "the log does not reach back far enough; the patient is watched anew from what "
      "comes now: send the patient's snapshot, orders and pump programme again; alerts "
      "that were open are left as they are");
  alert.add_patients(lost.patient);
  Output output;
  output.topic = JoinTopic({"tech", EscapeTopicPart(lost.patient)});
  output.payload = alert.SerializeAsString();
  output.digest = ContentDigest(output.topic, output.payload);
  output.time_ns = now;
  output.cause = cause;
  return output;
}

}  // namespace

struct Service::Impl {
  ServiceOptions options;
  std::unique_ptr<BrokerHistory> history;  ///< Outlives the engine.
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Follower> follower;
  std::unique_ptr<Publisher> publisher;
  std::string producer;
  std::string log_id;
  Takeover takeover;
  std::unique_ptr<CheckpointKeeper> keeper;   ///< Null: no checkpoints.
  std::vector<UnreadablePatient> begin_anew;  ///< Their state and the log's beginning are lost.
  bool restored = false;                      ///< The engine is filled from keeper->Found().
  Record last_record;                         ///< Taken; its name and digest only.
  Offset begins_after = 0;  ///< Outputs derived from records up to here are not published.
  bool begun = false;
  std::uint64_t next_sequence = 1;
  std::deque<std::uint64_t> expected;  ///< Digests of outputs that have not come by in the log yet,
                                       ///< the last of them of next_sequence − 1.
  std::deque<Output> pending;          ///< Named, and not yet with the publisher.
  std::vector<Output> derived;         ///< Used again for each batch.
  ServiceStatus status;
  std::optional<Error> over;
  std::optional<ServiceHealth> own_health;

  ReplaySide Replay() const {
    return {options.replay_endpoint, options.connect_timeout_ms, options.environment};
  }
  Result<void> Connect();
  Result<void> Restore(const RemoteLog& log);
  Result<void> StartAfresh(const RemoteLog& log, const std::string& why);
  Result<void> BeginFromCheckpoint(const RemoteLog& log);
  Result<void> BeginUnderAName(RemoteLog log);
  Result<void> KeepCheckpoint();
  CheckpointMeta MetaNow() const;
  std::vector<std::string> NamesOfLost() const;
  Result<void> Step(std::int64_t wait_ms);
  Result<void> Publish();
  Result<void> Take(const FollowBatch& batch);
  Result<void> Verify(const std::vector<Record>& records);
  void LookAtHealth();
  void Begin();
  void Name(Output output);
  Output ConfigOutput(std::vector<std::string> closed) const;
  tl::unexpected<Error> Diverged(const std::string& what);
};

Result<void> Service::Impl::Connect() {
  const auto log = AskLog(options.replay_endpoint, options.connect_timeout_ms, options.environment);
  if (!log) return Unexpected(log.error());
  log_id = log->log_id;
  if (const auto good = Restore(*log); !good) return good;
  if (const auto good = BeginUnderAName(*log); !good) return good;
  if (restored) {
    if (const auto good = BeginFromCheckpoint(*log); !good) return good;
  }
  if (keeper) {
    keeper->Start(restored, NamesOfLost());
    status.needed_from = keeper->NeededFrom();
  }
  FollowerOptions follow;
  follow.endpoint = options.replay_endpoint;
  follow.offset = engine->LastOffset() + 1;
  follow.log_id = log->log_id;
  follow.environment = options.environment;
  auto following = Follower::Open(follow);
  if (!following) return Unexpected(following.error());
  follower = std::move(*following);
  status.log_end = log->last_offset;
  own_health.emplace(
      ServiceHealthOptions{.ingest_endpoint = options.ingest_endpoint,
                           .given_clock = log->given_clock,
                           .late_after_ns = options.late_after_ns,
                           .begun_ns = log->last_recorded_ns,
                           .spoken = log->producers.count(std::string(kHealthProducer)) > 0,
                           .environment = options.environment});
  log::Info("the core begins", {{"producer", producer},
                                {"resumed_after", std::to_string(status.resumed_after)},
                                {"begins_after", std::to_string(begins_after)},
                                {"checkpoint", std::to_string(status.restored_offset)},
                                {"log_end", std::to_string(status.log_end)}});
  return {};
}

Result<void> Service::Impl::Restore(const RemoteLog& log) {
  if (options.checkpoint.folder.empty()) return StartAfresh(log, "checkpoints are off");
  // A folder for each log: a ward that is tried out does not cost the live one its checkpoint.
  CheckpointOptions here = options.checkpoint;
  here.folder += "/" + EscapeTopicPart(log_id);
  auto opened = CheckpointKeeper::Open(here);
  if (!opened) return Unexpected(opened.error());
  keeper = std::move(*opened);
  const auto why = keeper->WhyUseless(log, engine->ConfigDigest(), Replay());
  if (!why) return Unexpected(why.error());
  if (!why->empty()) return StartAfresh(log, *why);
  std::vector<UnreadablePatient> lost;
  const auto good = keeper->Restore(engine.get(), &lost);
  std::sort(lost.begin(), lost.end(),
            [](const auto& a, const auto& b) { return a.patient < b.patient; });
  for (const UnreadablePatient& one : lost) {
    // Who it is stands in a record, never in this log.
    log::Debug("a patient cannot be restored", {{"why", one.words}});
  }
  if (!lost.empty()) {
    log::Error("patients cannot be restored from the checkpoint",
               {{"patients", std::to_string(lost.size())}, {"why", lost[0].words}});
  }
  restored = true;
  if (!good) return StartAfresh(log, good.error().Message());
  if (!lost.empty() && log.first_offset <= 1) {
    return StartAfresh(log, std::to_string(lost.size()) + " patients of it cannot be restored");
  }
  begin_anew = std::move(lost);
  return {};
}

/// Derives from the log's first record, because of what is wrong with the checkpoint.
Result<void> Service::Impl::StartAfresh(const RemoteLog& log, const std::string& why) {
  if (log.first_offset > 1) {
    return Fail(ErrorCode::kCorrupt,
                "the log begins at offset " + std::to_string(log.first_offset) +
                    ", so alerts cannot be derived from its beginning, and no checkpoint tells "
                    "what was before: " +
                    why,
                options.replay_endpoint,
                "start from a log that has all of its records, or with its checkpoint.db");
  }
  if (log.last_offset > 0) log::Info("derives from the log's beginning", {{"checkpoint", why}});
  if (!restored) return {};
  restored = false;
  auto fresh = Engine::Create(options.engine);
  if (!fresh) return Unexpected(fresh.error());
  engine = std::move(*fresh);
  return {};
}

/// Goes on where the checkpoint ends: under its name in the middle of it, under another one as
/// someone who has read that far.
Result<void> Service::Impl::BeginFromCheckpoint(const RemoteLog& log) {
  const CheckpointMeta& meta = *keeper->Found();
  const bool own = meta.producer == producer;
  std::string why;
  if (own && status.resumed_after + 1 < meta.next_sequence) {
    why = "the log has fewer alerts than it accounts for";
  } else if (own ? begins_after != meta.begins_after : meta.offset > begins_after) {
    why = "the log names another beginning of '" + producer + "'";
  }
  if (!why.empty()) {
    begin_anew.clear();
    return StartAfresh(log, why);
  }
  if (own) {
    begun = true;
    next_sequence = meta.next_sequence;
    expected.assign(meta.expected.begin(), meta.expected.end());
    takeover = meta.takeover;
  } else {
    takeover.SeeRestored(engine->LastAlerts(), meta.takeover);
    takeover.LeaveAlone(NamesOfLost());
  }
  status.restored_offset = status.processed_offset = meta.offset;
  status.processed_ns = meta.time_ns;
  last_record.producer = meta.record_producer;
  last_record.sequence = meta.record_sequence;
  last_record.digest = meta.record_digest;
  return {};
}

std::vector<std::string> Service::Impl::NamesOfLost() const {
  std::vector<std::string> names;
  for (const UnreadablePatient& lost : begin_anew) names.push_back(lost.patient);
  return names;
}

CheckpointMeta Service::Impl::MetaNow() const {
  CheckpointMeta meta;
  meta.log_id = log_id;
  meta.config_digest = engine->ConfigDigest();
  meta.producer = producer;
  meta.begins_after = begins_after;
  meta.offset = status.processed_offset;
  meta.time_ns = status.processed_ns;
  meta.record_producer = last_record.producer;
  meta.record_sequence = last_record.sequence;
  meta.record_digest = last_record.digest;
  meta.next_sequence = next_sequence;
  meta.expected.assign(expected.begin(), expected.end());
  meta.takeover = takeover;
  return meta;
}

Result<void> Service::Impl::KeepCheckpoint() {
  // Without a checkpoint a restart needs everything that there is.
  publisher->Keep(std::max<Offset>(status.needed_from, 1));
  if (!keeper) return {};
  if (begun && keeper->Due(status.processed_offset, status.processed_ns, status.caught_up)) {
    keeper->Begin(engine.get(), MetaNow());
  }
  const std::uint64_t on_disk = std::max(publisher->AckedSequence(), status.resumed_after);
  if (const auto good = keeper->Step(engine.get(), on_disk); !good) return good;
  status.needed_from = keeper->NeededFrom();
  return {};
}

Result<void> Service::Impl::BeginUnderAName(RemoteLog log) {
  const std::string base = "core." + engine->ConfigDigest().substr(0, kProducerDigits);
  std::vector<v1::ConfigRecord> configs;
  for (bool sure = false; !sure;) {
    const std::set<std::string> cores = CoresOf(log);
    auto read = ReadConfigs(Replay(), std::max<Offset>(log.first_offset, 1), cores);
    if (!read) return Unexpected(read.error());
    configs = std::move(*read);
    const CheckpointMeta* checkpoint = keeper ? keeper->Found() : nullptr;
    RecallConfig(cores, checkpoint, &configs);
    producer = ChooseName(base, cores, configs, NamesOfLost(), checkpoint);
    PublisherOptions publish;
    publish.endpoint = options.ingest_endpoint;
    publish.producer = producer;
    publish.environment = options.environment;
    publish.connect_timeout_ms = options.connect_timeout_ms;
    publisher.reset();
    auto opened = Publisher::Open(publish);
    if (!opened) return Unexpected(opened.error());
    publisher = std::move(*opened);
    // Asked after the HELLO that fences a predecessor: nothing of it comes after this.
    auto now = AskLog(options.replay_endpoint, options.connect_timeout_ms, options.environment);
    if (!now) return Unexpected(now.error());
    log = std::move(*now);
    sure = CoresOf(log) == cores;
  }
  status.producer = producer;
  status.resumed_after = publisher->ResumedAfter();
  if (status.resumed_after == 0) {
    begins_after = CoresOf(log).empty() ? 0 : log.last_offset;
    return {};
  }
  if (configs.empty() || configs.back().producer() != producer) {
    return Fail(
        ErrorCode::kDiverged,
        "the log has records of '" + producer + "', but not the config record that it begins with",
        options.replay_endpoint, "restore the log, or change a setting to begin under a new name");
  }
  begins_after = configs.back().begins_after_offset();
  return {};
}

Output Service::Impl::ConfigOutput(std::vector<std::string> closed) const {
  v1::ConfigRecord config = ConfigOf(*engine);
  config.set_producer(producer);
  for (std::string& id : closed) config.add_closed_alerts(std::move(id));
  config.set_begins_after_offset(begins_after);
  for (std::string& patient : NamesOfLost()) config.add_begin_anew(std::move(patient));
  Output output;
  output.topic = "config.";
  // The program's version is told and not compared: it may change while the alerts stay.
  output.digest = ContentDigest(output.topic, config.SerializeAsString());
  config.set_program_version(TONUS_VERSION);
  output.payload = config.SerializeAsString();
  output.time_ns = status.processed_ns;
  output.cause = begins_after;
  return output;
}

void Service::Impl::Name(Output output) {
  if (output.topic.rfind("alert.", 0) == 0) {
    takeover.Rename(&output);
    v1::Alert alert;
    alert.ParseFromString(output.payload);
    ++status.alerts[{alert.condition(), std::string(PriorityName(alert.priority()))}];
  }
  ++status.derived;
  expected.push_back(output.digest);
  if (next_sequence++ > status.resumed_after) pending.push_back(std::move(output));
}

void Service::Impl::Begin() {
  begun = true;
  std::vector<std::string> closed;
  std::vector<Output> taken_over = takeover.Begin(status.processed_ns, begins_after, &closed);
  Name(ConfigOutput(std::move(closed)));
  for (const UnreadablePatient& lost : begin_anew) {
    Name(LostOutput(lost, status.processed_ns, begins_after));
  }
  for (Output& output : taken_over) {
    // Renamed already; named here without doing it twice.
    ++status.derived;
    expected.push_back(output.digest);
    if (next_sequence++ > status.resumed_after) pending.push_back(std::move(output));
  }
}

Result<void> Service::Impl::Take(const FollowBatch& batch) {
  for (const Record& record : batch.records) {
    if (record.offset > begins_after) break;
    const bool theirs = IsCore(record.producer) && record.producer != producer;
    if (theirs && record.topic.rfind("alert.", 0) == 0) takeover.SeePredecessor(record);
    status.processed_ns = record.recorded_ns;
  }
  derived.clear();
  engine->Process(batch.records, &derived);
  if (history->Failed()) return Unexpected(*history->Failed());
  for (Output& output : derived) {
    if (output.cause <= begins_after) {
      takeover.SeeOwn(output);
      continue;
    }
    if (!begun) Begin();
    Name(std::move(output));
  }
  if (!begun && batch.next_offset > begins_after) Begin();
  if (!batch.records.empty()) {
    status.processed_offset = batch.records.back().offset;
    status.processed_ns = batch.records.back().recorded_ns;
    last_record.producer = batch.records.back().producer;
    last_record.sequence = batch.records.back().sequence;
    last_record.digest = batch.records.back().digest;
    status.log_end = std::max(status.log_end, status.processed_offset);
  }
  status.caught_up = batch.at_end;
  return Verify(batch.records);
}

Result<void> Service::Impl::Verify(const std::vector<Record>& records) {
  for (const Record& record : records) {
    if (record.producer != producer) continue;
    const std::uint64_t first = next_sequence - expected.size();
    if (record.sequence < first) continue;
    if (record.sequence >= next_sequence) {
      return Diverged("record " + std::to_string(record.sequence) + " at offset " +
                      std::to_string(record.offset) + " does not follow from the log before it");
    }
    const std::uint64_t digest = expected[record.sequence - first];
    if (record.digest != digest) {
      return Diverged("record " + std::to_string(record.sequence) + " at offset " +
                      std::to_string(record.offset) + " (" + record.topic +
                      ") is not what this program derives");
    }
    for (std::uint64_t sequence = first; sequence <= record.sequence; ++sequence) {
      expected.pop_front();
    }
  }
  return {};
}

tl::unexpected<Error> Service::Impl::Diverged(const std::string& what) {
  const std::string text =
      "the alerts of '" + producer + "' in the log cannot be repeated: " + what +
      "; patients are not watched until this is settled: run `tonus replay` on the log and keep it "
      "for whoever looks into it; a changed setting makes the core go on under a new name";
  log::Error(text);
  PublisherOptions options_of_alarm;
  options_of_alarm.endpoint = options.ingest_endpoint;
  options_of_alarm.environment = options.environment;
  options_of_alarm.producer = std::string(kAlarmProducer);
  options_of_alarm.connect_timeout_ms = kAlarmTimeoutMs;
  if (auto alarm = Publisher::Open(options_of_alarm)) {
    v1::TechAlert alert;
    alert.set_kind("diverged");
    alert.set_subject("core");
    alert.set_state(v1::TECH_STATE_ACTIVE);
    alert.set_since_ns(status.processed_ns);
    alert.set_time_ns(status.processed_ns);
    alert.set_text(text);
    PublishRecord record;
    const std::string payload = alert.SerializeAsString();
    record.topic = "tech.core.";
    record.payload = payload;
    record.recorded_ns = status.processed_ns;
    if ((*alarm)->Publish(record)) static_cast<void>((*alarm)->Flush(kAlarmTimeoutMs));
  }
  return Fail(ErrorCode::kDiverged, text, options.replay_endpoint);
}

Result<void> Service::Impl::Publish() {
  while (!pending.empty()) {
    const Output& output = pending.front();
    PublishRecord record;
    record.topic = output.topic;
    record.payload = output.payload;
    record.digest = output.digest;
    record.open = output.open;
    record.recorded_ns = status.processed_ns;
    const auto taken = publisher->Publish(record);
    if (!taken) {
      // Nothing was taken; it is tried again, and no record is read before it has gone.
      if (taken.error().code == ErrorCode::kTimeout) return {};
      if (taken.error().code == ErrorCode::kNoSpace) return {};
      return Unexpected(taken.error());
    }
    ++status.published;
    pending.pop_front();
  }
  return publisher->Send();
}

Result<void> Service::Impl::Step(std::int64_t wait_ms) {
  const auto handle = [&](const Error& error) -> tl::unexpected<Error> {
    if (error.code == ErrorCode::kDiverged) return Diverged(error.Message());
    return Unexpected(error);
  };
  if (const auto good = Publish(); !good) return handle(good.error());
  for (const RefusedPublish& refused : publisher->TakeRefused()) {
    log::Error("the broker refused an output of the core",
               {{"sequence", std::to_string(refused.sequence)}, {"why", refused.sentence}});
  }
  if (!pending.empty()) return KeepCheckpoint();
  const bool busy = publisher->Pending() > 0 || (keeper && keeper->Saving());
  const auto batch = follower->Next(options.batch, busy ? kWhilePendingMs : wait_ms);
  if (!batch) return Unexpected(batch.error());
  status.connected = follower->Connected();
  status.log_end = std::max(status.log_end, follower->End().offset);
  if (const auto good = Take(*batch); !good) return good;
  if (const auto good = Publish(); !good) return handle(good.error());
  LookAtHealth();
  return KeepCheckpoint();
}

void Service::Impl::LookAtHealth() {
  own_health->Step({.processed = status.processed_offset,
                    .processed_ns = status.processed_ns,
                    .end = follower->End(),
                    .at_end = status.caught_up,
                    .connected = status.connected,
                    .repeating = !begun || next_sequence <= status.resumed_after});
  status.late = own_health->Late();
  status.late_ns = own_health->AgeNs();
}

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Service::~Service() = default;

Result<std::unique_ptr<Service>> Service::Open(const ServiceOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->history = std::make_unique<BrokerHistory>(options.replay_endpoint, options.environment);
  impl->options.engine.history = impl->history.get();
  auto engine = Engine::Create(impl->options.engine);
  if (!engine) return Unexpected(engine.error());
  impl->engine = std::move(*engine);
  if (const auto good = impl->Connect(); !good) return Unexpected(good.error());
  return std::unique_ptr<Service>(new Service(std::move(impl)));
}

Result<void> Service::Step(std::int64_t wait_ms) {
  if (impl_->over) return Unexpected(*impl_->over);
  const auto good = impl_->Step(wait_ms);
  if (!good) impl_->over = good.error();
  return good;
}

Result<void> Service::Flush(std::int64_t timeout_ms) {
  if (const auto good = impl_->Publish(); !good) return good;
  return impl_->publisher->Flush(timeout_ms);
}

ServiceStatus Service::Status() const {
  ServiceStatus status = impl_->status;
  status.acknowledged = impl_->publisher->AckedSequence();
  status.reconnects = impl_->publisher->Reconnects() + impl_->follower->Reconnects();
  return status;
}

const Engine& Service::GetEngine() const { return *impl_->engine; }

}  // namespace tonus::core
