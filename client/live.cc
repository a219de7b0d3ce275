#include "client/live.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/environment.h"
#include "base/socket.h"
#include "base/topic.h"
#include "client/follower.h"
#include "tonus/v1/system.pb.h"

namespace tonus {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using TimePoint = steady_clock::time_point;

constexpr std::size_t kMetaBytes = 24;
constexpr std::int64_t kFillTimeoutMs = 5000;
constexpr std::size_t kMaxUnansweredTicks = 3600;
constexpr std::size_t kMaxSinceTick = 1U << 20U;

std::uint64_t LittleEndian64(const char* bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

bool Matches(std::string_view topic, const std::vector<std::string>& prefixes) {
  if (prefixes.empty()) return true;
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [topic](const std::string& prefix) { return topic.starts_with(prefix); });
}

}  // namespace

struct LiveReader::Impl {
  explicit Impl(const LiveOptions& given) : options(given), context(given.environment) {}

  TimePoint Now() const { return SteadyNow(options.environment); }

  const LiveOptions options;
  SocketContext context;
  std::optional<Socket> socket;
  std::map<std::string, Offset, std::less<>> last_of_stream;
  Offset last_tick = 0;
  std::optional<TimePoint> last_tick_at;
  struct OpenTick {
    Offset offset = 0;
    TimePoint at;
  };
  std::deque<OpenTick> unanswered;  ///< Ticks that no progress covers yet.
  std::set<Offset> since_tick;      ///< What was delivered after the last tick.
  std::uint64_t gaps = 0;
  std::uint64_t unfilled = 0;
  std::uint64_t filled = 0;

  /// Whether the subscription takes everything of the stream, so that its chain must be whole.
  bool TakesWhole(std::string_view stream) const {
    const std::string whole = std::string(stream) + ".";
    return Matches(whole, options.prefixes);
  }

  /// Reads one message, if there is one. Malformed ones are nothing.
  bool ReceiveOne(Record& record) {
    SocketMessage topic;
    SocketMessage payload;
    SocketMessage meta;
    bool more = false;
    while (socket->Receive(topic, &more) == SocketOutcome::kDone) {
      const bool whole = more && socket->Receive(payload, &more) == SocketOutcome::kDone && more &&
                         socket->Receive(meta, &more) == SocketOutcome::kDone &&
                         meta.View().size() == kMetaBytes;
      socket->SkipRest(more);
      if (!whole) continue;
      record.topic = std::string(topic.View());
      record.payload = std::string(payload.View());
      record.offset = LittleEndian64(meta.View().data());
      record.previous_offset = LittleEndian64(meta.View().data() + 8);
      record.recorded_ns = static_cast<LogTimeNs>(LittleEndian64(meta.View().data() + 16));
      return true;
    }
    return false;
  }

  void NoteLiveness(const Record& record) {
    const TimePoint now = Now();
    if (record.topic == "tick.") {
      last_tick_at = now;
      unanswered.push_back({record.offset, now});
      if (unanswered.size() > kMaxUnansweredTicks) unanswered.pop_front();
    } else if (record.topic == "progress.") {
      v1::Progress progress;
      if (!progress.ParseFromString(record.payload)) return;
      while (!unanswered.empty() && unanswered.front().offset <= progress.processed_offset()) {
        unanswered.pop_front();
      }
    }
  }

  /// Delivers a record unless it or a later one of its stream has been. Where a tick shows a loss
  /// in a narrow prefix, a newer record of the stream may have come before: then only what has been
  /// delivered itself is left out.
  void Deliver(Record record, bool filled_below, std::vector<Record>& out) {
    Offset& last = last_of_stream[std::string(StreamOf(record.topic))];
    if (record.offset <= last && (!filled_below || since_tick.count(record.offset) > 0)) return;
    last = std::max(last, record.offset);
    if (!Matches(record.topic, options.prefixes)) return;
    since_tick.insert(record.offset);
    if (since_tick.size() > kMaxSinceTick) since_tick.erase(since_tick.begin());
    out.push_back(std::move(record));
  }

  /// Brings back what the live socket lost in [from, to].
  /// `of_stream`: of one stream after a break in its chain, whose own records show no other.
  void Fill(Offset from, Offset to, const std::vector<std::string>& prefixes, bool of_stream,
            std::vector<Record>& out) {
    ++unfilled;
    if (options.replay_endpoint.empty() || from > to) return;
    FollowerOptions wanted;
    wanted.endpoint = options.replay_endpoint;
    wanted.offset = from;
    wanted.to_offset = to;
    wanted.follow = false;
    wanted.prefixes = prefixes;
    wanted.environment = options.environment;
    const Result<std::unique_ptr<Follower>> follower = Follower::Open(wanted);
    if (!follower) return;
    const TimePoint deadline = Now() + milliseconds(kFillTimeoutMs);
    while (Now() < deadline) {
      Result<FollowBatch> batch = (*follower)->Next(4096, 200);
      if (!batch) return;
      for (Record& record : batch->records) {
        NoteLiveness(record);
        // The loss of a tick may hide that its stream had lost a record before.
        if (!of_stream) CloseGap(record, out);
        const std::size_t before = out.size();
        Deliver(std::move(record), from == last_tick + 1, out);
        filled += out.size() - before;
      }
      if (batch->complete) {
        --unfilled;
        return;
      }
    }
  }

  /// Fills what its stream lost before a record, where the stream's chain must be whole.
  void CloseGap(const Record& record, std::vector<Record>& out) {
    const std::string stream(StreamOf(record.topic));
    if (record.topic == "tick." || !TakesWhole(stream)) return;
    const auto known = last_of_stream.find(stream);
    // Of a stream that is new to us nothing has come since the last tick.
    const Offset last = known != last_of_stream.end() ? known->second : last_tick;
    if (last == 0 || record.previous_offset <= last) return;
    ++gaps;
    Fill(last + 1, record.offset - 1, {stream + "."}, true, out);
  }

  void Take(Record record, std::vector<Record>& out) {
    NoteLiveness(record);
    if (record.topic == "tick.") {
      // The chain of ticks spans everything: a break in it means that anything may be missing.
      if (last_tick != 0 && record.previous_offset > last_tick) {
        ++gaps;
        std::vector<std::string> prefixes = options.prefixes;
        if (!prefixes.empty()) prefixes.emplace_back("progress.");
        Fill(last_tick + 1, record.offset - 1, prefixes, false, out);
      }
      last_tick = std::max(last_tick, record.offset);
      since_tick.erase(since_tick.begin(), since_tick.upper_bound(last_tick));
    } else {
      CloseGap(record, out);
    }
    Deliver(std::move(record), false, out);
  }
};

LiveReader::LiveReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LiveReader::~LiveReader() = default;

Result<std::unique_ptr<LiveReader>> LiveReader::Open(const LiveOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  SocketOptions socket_options;
  socket_options.receive_queue_messages = 100000;
  Result<Socket> socket = Socket::Make(impl->context, SocketKind::kSub, socket_options);
  if (!socket) return tl::unexpected<Error>(socket.error());
  std::vector<std::string> prefixes = options.prefixes;
  if (prefixes.empty()) prefixes.emplace_back();
  prefixes.emplace_back("tick.");
  prefixes.emplace_back("progress.");
  for (const std::string& prefix : prefixes) {
    const Result<void> subscribed = socket->Subscribe(prefix);
    if (!subscribed) return tl::unexpected<Error>(subscribed.error());
  }
  const Result<void> connected = socket->Connect(options.live_endpoint);
  if (!connected) return tl::unexpected<Error>(connected.error());
  impl->socket.emplace(std::move(*socket));
  return std::unique_ptr<LiveReader>(new LiveReader(std::move(impl)));
}

Result<std::vector<Record>> LiveReader::Next(std::int64_t timeout_ms) {
  constexpr std::size_t kEnough = 4096;
  std::vector<Record> out;
  const TimePoint deadline = impl_->Now() + milliseconds(timeout_ms);
  while (true) {
    Record record;
    while (out.size() < kEnough && impl_->ReceiveOne(record)) {
      impl_->Take(std::move(record), out);
      record = Record();
    }
    const std::int64_t left = std::chrono::ceil<milliseconds>(deadline - impl_->Now()).count();
    if (!out.empty() || left <= 0) return out;
    PollItem item;
    item.socket = &*impl_->socket;
    PollSockets({&item, 1}, left, impl_->options.environment);
  }
}

Liveness LiveReader::State() const {
  const TimePoint now = impl_->Now();
  const milliseconds stale(impl_->options.stale_after_ms);
  if (!impl_->last_tick_at || now - *impl_->last_tick_at >= stale) return Liveness::kBlind;
  if (!impl_->unanswered.empty() && now - impl_->unanswered.front().at >= stale) {
    return Liveness::kCoreLate;
  }
  return Liveness::kLive;
}

std::uint64_t LiveReader::Gaps() const { return impl_->gaps; }
std::uint64_t LiveReader::Unfilled() const { return impl_->unfilled; }
std::uint64_t LiveReader::Filled() const { return impl_->filled; }

}  // namespace tonus
