#include "broker/front.h"

#include <array>
#include <utility>

#include "broker/admission.h"
#include "broker/wire.h"
#include "tonus/v1/bus.pb.h"

namespace tonus {
namespace {

constexpr int kIngestARound = 256;
constexpr std::size_t kIntakeARound = 1024;
constexpr int kSubscriptionsARound = 1024;
constexpr std::size_t kMaxSessions = 4096;
constexpr std::size_t kMaxSubscribedTopics = 1U << 18U;
/// Jobs that are kept to be used again: many small ones, few whose buffers have grown.
constexpr std::size_t kSpareJobs = 16384;
constexpr std::size_t kSpareLargeJobs = 256;
constexpr std::size_t kSmallJobRecords = 16;
constexpr std::uint32_t kVersion = 1;

/// Who fences whom: connections of one name, and all cores, for there is one core. What a core says
/// of its own health it says beside its alerts.
std::string PlaceOf(const std::string& producer) {
  return IsCoreProducer(producer) && producer != "core.health" ? "core" : producer;
}

}  // namespace

Front::Front(FrontSockets sockets, std::unique_ptr<LogReader> reader, const BrokerOptions& options,
             Exchange& exchange, Offset last_offset)
    : sockets_(std::move(sockets)),
      options_(options),
      exchange_(exchange),
      recent_(options.recent_bytes) {
  if (sockets_.replay) {
    replays_.emplace(std::move(*sockets_.replay), std::move(reader), options, exchange, recent_,
                     last_offset);
  }
}

void Front::Run() {
  while (StepOnce()) {
  }
}

bool Front::StepOnce() {
  if (exchange_.Stopped()) return false;
  const std::int64_t timeout = replays_ ? replays_->Serve() : 1000;
  std::array<PollItem, 5> items;
  std::size_t count = 0;
  const auto add = [&](const Socket& socket) {
    items[count].socket = &socket;
    return static_cast<int>(count++);
  };
  items[count++].descriptor = exchange_.FrontDescriptor();
  // A long queue for the disk pushes back through ZeroMQ and TCP to whoever sends.
  const bool room = exchange_.QueuedBytes() < options_.queue_bytes;
  const int ingest = sockets_.ingest && room ? add(*sockets_.ingest) : -1;
  const int intake = sockets_.intake && room ? add(*sockets_.intake) : -1;
  const int live = sockets_.live ? add(*sockets_.live) : -1;
  const int replay = replays_ ? add(replays_->Handle()) : -1;
  PollSockets({items.data(), count}, room ? timeout : std::min<std::int64_t>(timeout, 5),
              options_.environment);
  const auto ready = [&](int index) {
    return index >= 0 && items[static_cast<std::size_t>(index)].readable;
  };
  if (exchange_.Stopped()) return false;
  // Subscriptions and new replays come before outcomes, so that who has asked misses nothing.
  if (ready(live)) ReceiveSubscriptions();
  if (items[0].readable) HandleOutcomes();
  if (ready(replay)) replays_->Receive();
  if (ready(ingest)) ReceiveIngest();
  if (ready(intake)) ReceiveIntake();
  exchange_.counters.queue_bytes = exchange_.QueuedBytes();
  return true;
}

std::unique_ptr<Job> Front::NewJob() {
  if (spare_.empty()) return std::make_unique<Job>();
  std::unique_ptr<Job> job = std::move(spare_.back());
  spare_.pop_back();
  job->core = false;
  job->epoch = 0;
  job->bytes = 0;
  job->records.clear();
  job->messages.clear();
  return job;
}

void Front::ReceiveIngest() {
  SocketMessage peer;
  for (int i = 0; i < kIngestARound; ++i) {
    bool more = false;
    if (sockets_.ingest->Receive(peer, &more) != SocketOutcome::kDone) return;
    SocketMessage body;
    if (!more || sockets_.ingest->Receive(body, &more) != SocketOutcome::kDone) continue;
    if (more) {
      sockets_.ingest->SkipRest(more);
      Refuse(peer.View(), "bad_request",
             "a request is one message part; this one has several (connect a DEALER socket)",
             false);
      continue;
    }
    HandleIngest(peer.View(), std::move(body));
  }
}

void Front::HandleIngest(std::string_view peer, SocketMessage body) {
  std::unique_ptr<Job> job = NewJob();
  job->messages.push_back(std::move(body));
  const std::string_view bytes = job->messages.front().View();
  const IngestView view = ReadIngest(bytes, job->records, options_.max_batch_records);
  switch (view.kind) {
    case IngestKind::kBad:
      Refuse(peer, "bad_request", "this is no IngestRequest; see docs/wire-protocol.md", false);
      return;
    case IngestKind::kPing: {
      v1::IngestReply pong;
      pong.mutable_pong();
      SendReply({.peer = std::string(peer),
                 .bytes = pong.SerializeAsString(),
                 .credit_records = 0,
                 .credit_bytes = 0,
                 .refusal = false});
      return;
    }
    case IngestKind::kHello:
      HandleHello(peer, view);
      return;
    case IngestKind::kKeep:
      HandleKeep(peer, view, std::move(job));
      return;
    case IngestKind::kBatch:
      job->bytes = bytes.size();
      HandleBatch(peer, view, std::move(job));
      return;
  }
}

void Front::HandleHello(std::string_view peer, const IngestView& view) {
  if (view.version != kVersion) {
    Refuse(peer, "bad_request",
           "this broker speaks version 1 of the protocol, not " + std::to_string(view.version),
           false);
    return;
  }
  std::string why;
  if (!IsProducerName(view.producer, why)) {
    Refuse(peer, "bad_producer", why, false);
    return;
  }
  const std::string name(view.producer);
  const std::string here(peer);
  const std::string place = PlaceOf(name);
  const auto other = current_.find(place);
  if (other != current_.end() && other->second.peer != here) {
    const Newest& newest = other->second;
    if (view.instance != 0 && view.instance == newest.instance && view.attempt < newest.attempt) {
      Refuse(peer, "fenced", "this producer has a newer connection of its own", false);
      return;
    }
    const auto old = sessions_.find(newest.peer);
    if (old != sessions_.end() && PlaceOf(old->second.producer) == place) {
      old->second.fenced = true;
      exchange_.counters.fenced += 1;
    }
  }
  if (sessions_.size() >= kMaxSessions) ForgetIdleSessions();
  current_[place] = {.peer = here, .instance = view.instance, .attempt = view.attempt};
  Session& session = sessions_[here];
  session.producer = name;
  session.epoch = ++last_epoch_;
  session.core = IsCoreProducer(name);
  session.fenced = false;
  exchange_.counters.connections = current_.size();
  std::unique_ptr<Job> job = NewJob();
  job->kind = JobKind::kHello;
  job->peer = here;
  job->producer = name;
  job->core = session.core;
  job->epoch = session.epoch;
  exchange_.Put(std::move(job));
}

void Front::HandleKeep(std::string_view peer, const IngestView& view, std::unique_ptr<Job> job) {
  const auto found = sessions_.find(peer);
  if (found == sessions_.end()) {
    Refuse(peer, "no_hello", "say HELLO first: this connection is not known (any more)", true);
    return;
  }
  const Session& session = found->second;
  if (session.fenced) {
    Refuse(peer, "fenced", "a newer connection has taken the name '" + session.producer + "'",
           false);
    return;
  }
  if (!session.core || view.keep_from == 0) {
    Refuse(peer, "forbidden",
           session.core ? "offsets begin at 1" : "only the core says what retention must keep",
           false);
    return;
  }
  job->kind = JobKind::kKeep;
  job->peer.assign(peer);
  job->producer = session.producer;
  job->core = true;
  job->keep_from = view.keep_from;
  exchange_.Put(std::move(job));
}

void Front::ForgetIdleSessions() {
  // ZeroMQ does not say when a peer is gone. Who is forgotten and still there is told `no_hello`
  // and introduces itself again.
  for (auto session = sessions_.begin(); session != sessions_.end();) {
    if (session->second.records > 0) {
      ++session;
      continue;
    }
    const auto current = current_.find(PlaceOf(session->second.producer));
    if (current != current_.end() && current->second.peer == session->first) {
      current_.erase(current);
    }
    session = sessions_.erase(session);
  }
}

void Front::HandleBatch(std::string_view peer, const IngestView& view, std::unique_ptr<Job> job) {
  const auto found = sessions_.find(peer);
  if (found == sessions_.end()) {
    Refuse(peer, "no_hello", "say HELLO first: this connection is not known (any more)", true);
    return;
  }
  Session& session = found->second;
  if (session.fenced) {
    Refuse(peer, "fenced",
           "a newer connection has taken the name '" + session.producer +
               "'; only one may publish under a name",
           false);
    return;
  }
  if (view.epoch != session.epoch) {
    // Whoever said HELLO twice, because we were slow, may have gone on after the first Welcome.
    Refuse(peer, "old_epoch", "this connection has said HELLO again: go on with its newest Welcome",
           true);
    return;
  }
  if (job->records.empty()) {
    Refuse(peer, "bad_request", "a batch holds at least one record", false);
    return;
  }
  if (job->records.size() > options_.max_batch_records) {
    Refuse(peer, "too_large",
           "the batch has more than the " + std::to_string(options_.max_batch_records) +
               " records that are allowed",
           false);
    return;
  }
  if (session.records + job->records.size() > options_.credit_records ||
      session.bytes + job->bytes > options_.credit_bytes) {
    Refuse(peer, "over_credit",
           "more than " + std::to_string(options_.credit_records) + " records or " +
               std::to_string(options_.credit_bytes) +
               " bytes would be unacknowledged; wait for acks, then send it again",
           true);
    return;
  }
  session.records += job->records.size();
  session.bytes += job->bytes;
  job->kind = JobKind::kBatch;
  job->peer.assign(peer);
  job->producer = session.producer;
  job->core = session.core;
  job->epoch = session.epoch;
  std::uint64_t sequence = view.first_sequence;
  for (AppendRecord& record : job->records) {
    record.producer = job->producer;
    record.sequence = sequence++;
  }
  exchange_.Put(std::move(job));
}

void Front::Refuse(std::string_view peer, std::string_view code, const std::string& sentence,
                   bool retry) {
  v1::IngestReply reply;
  reply.mutable_refusal()->set_code(std::string(code));
  reply.mutable_refusal()->set_sentence(sentence);
  reply.mutable_refusal()->set_retry(retry);
  exchange_.counters.refusals += 1;
  SendReply({.peer = std::string(peer),
             .bytes = reply.SerializeAsString(),
             .credit_records = 0,
             .credit_bytes = 0,
             .refusal = true});
}

void Front::SendReply(const Reply& reply) {
  const auto session = sessions_.find(reply.peer);
  if (session != sessions_.end()) {
    session->second.records -= std::min(session->second.records, reply.credit_records);
    session->second.bytes -= std::min(session->second.bytes, reply.credit_bytes);
  }
  // A peer that is gone, or reads none of its answers, gets none.
  if (sockets_.ingest->Send(reply.peer, true) != SocketOutcome::kDone) return;
  static_cast<void>(sockets_.ingest->Send(reply.bytes));
}

void Front::ReceiveIntake() {
  std::unique_ptr<Job> job = NewJob();
  job->kind = JobKind::kIntake;
  SocketMessage topic;
  // Small messages move in memory with the vector: views are taken at the end.
  while (job->messages.size() < 2 * kIntakeARound) {
    bool more = false;
    if (sockets_.intake->Receive(topic, &more) != SocketOutcome::kDone) break;
    SocketMessage payload;
    if (more && sockets_.intake->Receive(payload, &more) != SocketOutcome::kDone) break;
    sockets_.intake->SkipRest(more);
    job->bytes += topic.View().size() + payload.View().size();
    job->messages.push_back(std::move(topic));
    job->messages.push_back(std::move(payload));
    topic = SocketMessage();
  }
  if (job->messages.empty()) return;
  for (std::size_t i = 0; i < job->messages.size(); i += 2) {
    AppendRecord& record = job->records.emplace_back();
    record.topic = job->messages[i].View();
    record.payload = job->messages[i + 1].View();
  }
  exchange_.Put(std::move(job));
}

void Front::ReceiveSubscriptions() {
  SocketMessage message;
  bool changed = false;
  for (int i = 0; i < kSubscriptionsARound; ++i) {
    bool more = false;
    if (sockets_.live->Receive(message, &more) != SocketOutcome::kDone) break;
    sockets_.live->SkipRest(more);
    const std::string_view bytes = message.View();
    // ZeroMQ tells of the first subscriber to a prefix (1) and of the loss of the last (0).
    if (bytes.empty() || (bytes[0] != 0 && bytes[0] != 1)) continue;
    const std::string prefix(bytes.substr(1));
    if (bytes[0] == 1) {
      subscriptions_.insert(prefix);
    } else {
      subscriptions_.erase(prefix);
    }
    changed = true;
  }
  if (changed) subscribed_.clear();
}

bool Front::IsSubscribed(std::string_view topic) {
  const auto known = subscribed_.find(topic);
  if (known != subscribed_.end()) return known->second;
  bool matches = false;
  for (std::size_t size = 0; size <= topic.size() && !matches; ++size) {
    matches = subscriptions_.count(std::string(topic.substr(0, size))) > 0;
  }
  if (subscribed_.size() >= kMaxSubscribedTopics) subscribed_.clear();
  subscribed_.emplace(topic, matches);
  return matches;
}

void Front::FanOut(const CommittedGroup& group) {
  if (!sockets_.live || subscriptions_.empty()) return;
  std::array<char, kMetaBytes> meta = {};
  Offset offset = group.first;
  for (const EncodedRecord& record : group.records) {
    const std::string_view topic(group.bytes.data() + record.topic_begin, record.topic_size);
    if (IsSubscribed(topic)) {
      const std::string_view payload(group.bytes.data() + record.payload_begin,
                                     record.payload_size);
      EncodeMeta(offset, record.previous_offset, record.recorded_ns, meta.data());
      static_cast<void>(sockets_.live->Send(topic, true));
      static_cast<void>(sockets_.live->Send(payload, true));
      static_cast<void>(sockets_.live->Send({meta.data(), meta.size()}));
      exchange_.counters.live_sent.fetch_add(1, std::memory_order_relaxed);
    }
    ++offset;
  }
}

void Front::HandleOutcomes() {
  for (Outcome& outcome : exchange_.TakeOutcomes()) {
    for (const Reply& reply : outcome.replies) SendReply(reply);
    if (outcome.group != nullptr) {
      FanOut(*outcome.group);
      if (replays_) replays_->Grow(outcome.group->next - 1);
      recent_.Add(std::move(outcome.group));
    }
    for (std::unique_ptr<Job>& job : outcome.used) {
      job->messages.clear();
      const bool small = job->records.capacity() <= kSmallJobRecords;
      if (spare_.size() < (small ? kSpareJobs : kSpareLargeJobs)) spare_.push_back(std::move(job));
    }
  }
}

}  // namespace tonus
