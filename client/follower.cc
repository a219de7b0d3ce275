#include "client/follower.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include "base/environment.h"
#include "base/socket.h"
#include "client/replay_reply.h"
#include "tonus/v1/bus.pb.h"

namespace tonus {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using TimePoint = steady_clock::time_point;

/// The broker speaks each second. After this silence we ask which log it has: a broker that was
/// restarted answers, and knows nothing of our replay.
constexpr milliseconds kProbeAfter{1500};
/// How often a reader that is behind asks how far.
constexpr milliseconds kAskEnd{1000};
constexpr milliseconds kRetryRefused{500};
/// Records that are read ahead of the caller; the rest waits in the socket. The default credit is
/// used up by fewer, so that the broker's other words are never stuck behind records.
constexpr std::size_t kMaxPending = 262144;

}  // namespace

/// Asks for the log's identity, then starts the replay at the next offset; both again after a
/// silence. Each start has an id of its own, so that words of an older one are known as such.
struct Follower::Impl {
  explicit Impl(const FollowerOptions& given) : options(given), context(given.environment) {}

  TimePoint Now() const { return SteadyNow(options.environment); }

  const FollowerOptions options;
  SocketContext context;
  std::optional<Socket> socket;
  std::string log_id;
  std::uint64_t id = 0;     ///< Of the running replay.
  bool positioned = false;  ///< received_next is known.
  Offset received_next = 1;
  std::deque<Record> pending;  ///< Received and not delivered.
  struct Unpaid {
    Offset next = 0;  ///< Consumed when everything before this is delivered.
    std::uint64_t bytes = 0;
  };
  std::deque<Unpaid> unpaid;
  bool at_end = false;
  bool complete = false;
  LogEnd end;
  std::uint64_t reconnects = 0;
  bool heard_once = false;
  bool started = false;
  TimePoint last_heard = Now();    ///< Anything.
  TimePoint connected_at = Now();  ///< Of this connection.
  TimePoint last_chunk = Now();    ///< Of the running replay.
  TimePoint last_probe = Now();
  std::optional<TimePoint> retry_at;
  std::optional<Error> fatal;
  v1::ReplayReply reply;  // Reused.

  Result<void> Connect() {
    SocketOptions socket_options;
    socket_options.receive_queue_messages = 0;  // Bounded by the credit.
    Result<Socket> made = Socket::Make(context, SocketKind::kDealer, socket_options);
    if (!made) return tl::unexpected<Error>(made.error());
    const Result<void> connected = made->Connect(options.endpoint);
    if (!connected) return connected;
    socket.emplace(std::move(*made));
    started = false;
    connected_at = last_chunk = Now();
    Probe();
    return {};
  }

  void Send(const v1::ReplayRequest& request) {
    static_cast<void>(socket->Send(request.SerializeAsString()));
  }

  void Probe() {
    v1::ReplayRequest request;
    request.mutable_info();
    Send(request);
    last_probe = Now();
  }

  void Start() {
    v1::ReplayRequest request;
    if (started) {
      request.set_id(id);
      request.mutable_stop();
      Send(request);
    }
    request.Clear();
    request.set_id(++id);
    v1::ReplayStart& start = *request.mutable_start();
    if (positioned || options.from == FollowFrom::kOffset) {
      start.set_offset(received_next);
    } else if (options.from == FollowFrom::kRecordedTime) {
      start.set_recorded_ns(options.recorded_ns);
    } else {
      start.set_end(true);
    }
    start.set_to_offset(options.to_offset);
    for (const std::string& prefix : options.prefixes) start.add_prefixes(prefix);
    start.set_follow(options.follow);
    std::uint64_t held = 0;
    for (const Unpaid& chunk : unpaid) held += chunk.bytes;
    start.set_credit_bytes(options.credit_bytes > held ? options.credit_bytes - held : 1);
    Send(request);
    started = true;
    last_chunk = Now();
  }

  void Die(ErrorCode code, const std::string& what, const std::string& hint) {
    if (!fatal) fatal = Error{code, what, options.endpoint, hint};
  }

  void SeeEnd(Offset offset, LogTimeNs recorded_ns) {
    if (offset > end.offset) end = {offset, recorded_ns};
  }

  void OnInfo() {
    const v1::LogInfo& info = reply.info();
    if (log_id.empty()) log_id = info.log_id();
    if (info.log_id() != log_id) {
      Die(ErrorCode::kCorrupt,
          "the broker now has log " + info.log_id() + ", this reader followed log " + log_id,
          "point it at the broker of its log, or begin anew on this one");
      return;
    }
    if (positioned && info.last_offset() + 1 < received_next) {
      Die(ErrorCode::kCorrupt,
          "the log ends at offset " + std::to_string(info.last_offset()) + ", but offset " +
              std::to_string(received_next - 1) + " has been read from it",
          "its tail is lost: restore the log from a backup");
      return;
    }
    SeeEnd(info.last_offset(), info.last_recorded_ns());
    // An answer without words of our replay: it does not run (any more).
    const bool quiet = Now() - last_chunk >= kProbeAfter;
    if (!started || (quiet && !complete)) {
      if (started) ++reconnects;
      Start();
    }
  }

  void OnChunk(std::uint64_t bytes) {
    v1::ReplayChunk& chunk = *reply.mutable_chunk();
    last_chunk = Now();
    if (!positioned) {
      positioned = true;
      received_next = chunk.first_offset();
    }
    if (chunk.first_offset() != received_next || chunk.next_offset() < received_next) {
      Die(ErrorCode::kCorrupt,
          "the broker went on with offset " + std::to_string(chunk.first_offset()) + " where " +
              std::to_string(received_next) + " was due",
          "report this: the broker's replay has a gap");
      return;
    }
    for (v1::LogRecord& record : *chunk.mutable_records()) {
      pending.push_back(TakeRecord(record));
    }
    if (!pending.empty()) SeeEnd(pending.back().offset, pending.back().recorded_ns);
    received_next = chunk.next_offset();
    unpaid.push_back({received_next, bytes});
    at_end = chunk.at_end();
    complete = chunk.last();
  }

  void OnRefusal() {
    const v1::Refusal& refusal = reply.refusal();
    if (refusal.retry()) {
      retry_at = Now() + kRetryRefused;
      started = false;
    } else if (refusal.code() == "corrupt") {
      Die(ErrorCode::kCorrupt, refusal.sentence(), {});
    } else {
      Die(ErrorCode::kRefused, refusal.code() + ": " + refusal.sentence(), {});
    }
  }

  bool Receive() {
    bool any = false;
    SocketMessage message;
    while (!fatal && pending.size() < kMaxPending) {
      bool more = false;
      if (socket->Receive(message, &more) != SocketOutcome::kDone) break;
      socket->SkipRest(more);
      const std::string_view bytes = message.View();
      if (!reply.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) continue;
      any = true;
      heard_once = true;
      last_heard = Now();
      if (reply.has_info()) {
        OnInfo();
      } else if (reply.id() == id && started) {
        if (reply.has_chunk()) OnChunk(bytes.size());
        if (reply.has_refusal()) OnRefusal();
      } else if (reply.id() == 0 && reply.has_refusal()) {
        OnRefusal();
      }
    }
    return any;
  }

  Result<void> Timers() {
    // A caller that has enough to do has not looked for the broker's words, so their absence says
    // nothing.
    if (complete || pending.size() >= kMaxPending) return {};
    const TimePoint now = Now();
    if (retry_at && now >= *retry_at) {
      retry_at.reset();
      Start();
    }
    if (now - std::max(last_heard, connected_at) >= milliseconds(options.silence_timeout_ms)) {
      ++reconnects;
      return Connect();
    }
    const bool quiet = !started || now - last_chunk >= kProbeAfter;
    if (quiet && !retry_at && now - last_probe >= kProbeAfter) Probe();
    const bool behind = started && !(at_end && pending.empty());
    if (behind && now - last_probe >= kAskEnd) Probe();
    return {};
  }

  Offset DeliveredNext() const { return pending.empty() ? received_next : pending.front().offset; }

  /// Grants credit for what the caller has taken.
  void Pay() {
    std::uint64_t bytes = 0;
    const Offset delivered = DeliveredNext();
    while (!unpaid.empty() && (unpaid.front().next <= delivered || pending.empty())) {
      bytes += unpaid.front().bytes;
      unpaid.pop_front();
    }
    if (bytes == 0 || complete || !started) return;
    v1::ReplayRequest request;
    request.set_id(id);
    request.mutable_credit()->set_bytes(bytes);
    Send(request);
  }
};

Follower::Follower(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Follower::~Follower() = default;

Result<std::unique_ptr<Follower>> Follower::Open(const FollowerOptions& options) {
  if (options.endpoint.empty() || options.credit_bytes == 0 || options.silence_timeout_ms <= 0) {
    return Fail(ErrorCode::kUsage, "a follower needs an endpoint, credit and a timeout",
                options.endpoint);
  }
  auto impl = std::make_unique<Impl>(options);
  impl->log_id = options.log_id;
  if (options.from == FollowFrom::kOffset) {
    impl->received_next = std::max<Offset>(options.offset, 1);
    impl->positioned = true;
  }
  const Result<void> connected = impl->Connect();
  if (!connected) return tl::unexpected<Error>(connected.error());
  return std::unique_ptr<Follower>(new Follower(std::move(impl)));
}

Result<FollowBatch> Follower::Next(std::size_t max_records, std::int64_t timeout_ms) {
  Impl& impl = *impl_;
  const TimePoint deadline = impl.Now() + milliseconds(timeout_ms);
  const bool was_at_end = impl.at_end;
  const Offset was_at = impl.received_next;
  while (true) {
    impl.Receive();
    const Result<void> done = impl.Timers();
    if (!done) return tl::unexpected<Error>(done.error());
    // News without records is news too: the end was reached, or the range moved on.
    const bool news = impl.complete || (impl.at_end && !was_at_end) || impl.received_next != was_at;
    if (!impl.pending.empty() || news || impl.fatal) break;
    const std::int64_t left = std::chrono::ceil<milliseconds>(deadline - impl.Now()).count();
    if (left <= 0) break;
    PollItem item;
    item.socket = &*impl.socket;
    PollSockets({&item, 1}, std::min<std::int64_t>(left, 100), impl.options.environment);
  }
  FollowBatch batch;
  const std::size_t count = std::min(max_records, impl.pending.size());
  batch.records.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    batch.records.push_back(std::move(impl.pending.front()));
    impl.pending.pop_front();
  }
  impl.Pay();
  batch.next_offset = impl.DeliveredNext();
  batch.at_end = impl.at_end && impl.pending.empty();
  batch.complete = impl.complete && impl.pending.empty();
  // What was read before a failure is delivered before it is told.
  if (impl.fatal && batch.records.empty()) return tl::unexpected<Error>(*impl.fatal);
  return batch;
}

Offset Follower::NextOffset() const { return impl_->DeliveredNext(); }

bool Follower::Connected() const {
  return impl_->heard_once &&
         impl_->Now() - impl_->last_heard < milliseconds(impl_->options.silence_timeout_ms);
}

std::uint64_t Follower::Reconnects() const { return impl_->reconnects; }
LogEnd Follower::End() const { return impl_->end; }
const std::string& Follower::LogId() const { return impl_->log_id; }

}  // namespace tonus
