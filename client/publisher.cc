#include "client/publisher.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <optional>
#include <random>
#include <utility>

#include "base/environment.h"
#include "base/socket.h"
#include "tonus/v1/bus.pb.h"

namespace tonus {
namespace {

using google::protobuf::io::CodedOutputStream;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using TimePoint = steady_clock::time_point;

constexpr std::uint32_t kVersion = 1;
/// Silence, with records unacknowledged, after which HELLO is said again: harmless where the broker
/// is only slow, and how a broker that was restarted learns of us.
constexpr milliseconds kProbeAfter{1000};
constexpr milliseconds kRetrySoon{20};
constexpr milliseconds kRetryDisk{500};
/// A record's worst overhead in a batch: tags, lengths, digest, time, flag.
constexpr std::size_t kRecordOverhead = 48;

/// Tells this publisher from others of its name; never 0.
std::uint64_t RandomInstance(Environment* environment) {
  if (environment != nullptr) return environment->Random() | 1U;
  std::random_device random;
  const std::uint64_t high = random();
  return ((high << 32U) | random()) | 1U;
}

std::uint8_t* PutTag(std::uint8_t* at, std::uint32_t field, std::uint32_t type) {
  *at++ = static_cast<std::uint8_t>((field << 3U) | type);
  return at;
}

std::uint8_t* PutBytes(std::uint8_t* at, std::uint32_t field, std::string_view bytes) {
  at = PutTag(at, field, 2);
  at = CodedOutputStream::WriteVarint64ToArray(bytes.size(), at);
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

std::size_t VarintSize(std::uint64_t value) { return CodedOutputStream::VarintSize64(value); }

/// Appends the record as a `records` field of Batch.
void EncodeRecord(const PublishRecord& record, std::string& out) {
  const std::size_t size = 1 + VarintSize(record.topic.size()) + record.topic.size() + 1 +
                           VarintSize(record.payload.size()) + record.payload.size() +
                           (record.digest != 0 ? 9U : 0U) + (record.recorded_ns != 0 ? 9U : 0U) +
                           (record.open ? 2U : 0U);
  const std::size_t begin = out.size();
  out.resize(begin + 1 + VarintSize(size) + size);
  auto* at = reinterpret_cast<std::uint8_t*>(out.data()) + begin;
  at = PutTag(at, 2, 2);
  at = CodedOutputStream::WriteVarint64ToArray(size, at);
  at = PutBytes(at, 1, record.topic);
  at = PutBytes(at, 2, record.payload);
  if (record.digest != 0) {
    at = PutTag(at, 3, 1);
    at = CodedOutputStream::WriteLittleEndian64ToArray(record.digest, at);
  }
  if (record.recorded_ns != 0) {
    at = PutTag(at, 4, 1);
    at = CodedOutputStream::WriteLittleEndian64ToArray(
        static_cast<std::uint64_t>(record.recorded_ns), at);
  }
  if (record.open) {
    at = PutTag(at, 5, 0);
    *at = 1;
  }
}

/// Records with consecutive sequences, encoded, in the buffer until they are acknowledged.
struct Batch {
  std::uint64_t first_sequence = 0;
  std::uint64_t count = 0;
  std::string records;
  TimePoint begun;

  std::uint64_t LastSequence() const { return first_sequence + count - 1; }
};

std::string EncodeRequest(const Batch& batch, std::uint64_t epoch) {
  const std::size_t size =
      1 + VarintSize(batch.first_sequence) + batch.records.size() + 1 + VarintSize(epoch);
  std::string out(1 + VarintSize(size) + size, '\0');
  auto* at = reinterpret_cast<std::uint8_t*>(out.data());
  at = PutTag(at, 2, 2);
  at = CodedOutputStream::WriteVarint64ToArray(size, at);
  at = PutTag(at, 1, 0);
  at = CodedOutputStream::WriteVarint64ToArray(batch.first_sequence, at);
  at = std::copy(batch.records.begin(), batch.records.end(), at);
  at = PutTag(at, 3, 0);
  CodedOutputStream::WriteVarint64ToArray(epoch, at);
  return out;
}

}  // namespace

/// The connection is a small machine. kHello: HELLO is said, nothing is sent until the Welcome,
/// which comes after the answers to all that was sent before. kReady: batches go out under credit.
/// kPause: a refusal that asks to try again; after a while HELLO begins anew.
struct Publisher::Impl {
  enum class State { kHello, kReady, kPause };

  explicit Impl(const PublisherOptions& given) : options(given), context(given.environment) {}

  TimePoint Now() const { return SteadyNow(options.environment); }

  const PublisherOptions options;
  SocketContext context;
  std::optional<Socket> socket;
  State state = State::kHello;
  const std::uint64_t instance = RandomInstance(options.environment);
  std::uint32_t attempt = 0;  ///< Connections made.
  v1::Welcome welcome;
  v1::IngestReply reply;  // Reused.
  bool welcomed_once = false;
  std::uint64_t resumed_after = 0;
  std::uint64_t next_sequence = 1;
  std::uint64_t acked_sequence = 0;
  std::deque<Batch> batches;  ///< Unacknowledged; the last may still grow.
  std::size_t sent = 0;       ///< How many of `batches` have been sent on this connection.
  bool open = false;          ///< The last of `batches` still grows.
  std::uint64_t sent_records = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t buffered_bytes = 0;
  std::uint64_t buffered_records = 0;
  std::uint64_t repeats = 0;
  std::uint64_t reconnects = 0;
  std::uint32_t credit_records = 0;
  bool disk_full = false;
  std::string disk_sentence;
  std::vector<RefusedPublish> refused;
  std::optional<Error> fatal;
  std::uint64_t keep_from = 0;  ///< What Keep() said last; 0: nothing.
  bool keep_due = false;        ///< The broker has not been told on this connection.
  std::uint64_t first_kept = 0;
  TimePoint last_heard = Now();
  TimePoint last_hello = Now();
  TimePoint connected_at = Now();
  TimePoint pause_until;

  Result<void> Connect() {
    SocketOptions socket_options;
    socket_options.send_queue_messages = 0;  // Bounded by the credit.
    socket_options.receive_queue_messages = 0;
    Result<Socket> made = Socket::Make(context, SocketKind::kDealer, socket_options);
    if (!made) return tl::unexpected<Error>(made.error());
    const Result<void> connected = made->Connect(options.endpoint);
    if (!connected) return connected;
    socket.emplace(std::move(*made));
    ++attempt;
    connected_at = last_heard = Now();
    SayHello();
    return {};
  }

  void SayHello() {
    v1::IngestRequest request;
    request.mutable_hello()->set_producer(options.producer);
    request.mutable_hello()->set_version(kVersion);
    request.mutable_hello()->set_instance(instance);
    request.mutable_hello()->set_attempt(attempt);
    static_cast<void>(socket->Send(request.SerializeAsString()));
    state = State::kHello;
    last_hello = Now();
  }

  void SendKeep() {
    v1::IngestRequest request;
    request.mutable_keep()->set_from_offset(keep_from);
    keep_due = socket->Send(request.SerializeAsString()) != SocketOutcome::kDone;
  }

  void Pause(milliseconds time) {
    if (state == State::kPause) return;
    state = State::kPause;
    pause_until = Now() + time;
  }

  void Die(ErrorCode code, const std::string& what, const std::string& hint = {}) {
    if (!fatal) fatal = Error{code, what, options.endpoint, hint};
  }

  std::uint64_t BatchRecords() const {
    return std::max<std::uint64_t>(1, std::min(options.batch_records, welcome.max_batch_records()));
  }

  void CloseBatch() { open = false; }

  void CloseOldBatch(TimePoint now) {
    if (open && now - batches.back().begun >= nanoseconds(options.linger_ns)) CloseBatch();
  }

  /// Sends the closed batches that credit allows.
  void SendReady() {
    if (state != State::kReady) return;
    if (keep_due) SendKeep();
    const std::size_t closed = batches.size() - (open ? 1 : 0);
    while (sent < closed) {
      const Batch& batch = batches[sent];
      const bool first = sent_records == 0;
      // One batch may always be under way, or a batch larger than the credit would wait for ever.
      if (!first &&
          (sent_records + batch.count > credit_records ||
           sent_bytes + batch.records.size() + kRecordOverhead > welcome.credit_bytes())) {
        return;
      }
      if (credit_records == 0) {
        Pause(kRetryDisk);
        return;
      }
      const std::string bytes = EncodeRequest(batch, welcome.epoch());
      if (socket->Send(bytes) != SocketOutcome::kDone) return;
      if (first) last_heard = Now();
      sent_records += batch.count;
      sent_bytes += batch.records.size() + kRecordOverhead;
      ++sent;
    }
  }

  void DropAcked(std::uint64_t last_sequence) {
    while (!batches.empty() && batches.front().LastSequence() <= last_sequence) {
      if (batches.size() == 1 && open) return;
      const Batch& batch = batches.front();
      buffered_bytes -= batch.records.size();
      buffered_records -= batch.count;
      acked_sequence = batch.LastSequence();
      if (sent > 0) {
        --sent;
        sent_records -= batch.count;
        sent_bytes -= batch.records.size() + kRecordOverhead;
      }
      batches.pop_front();
    }
  }

  void OnWelcome() {
    welcome = reply.welcome();
    credit_records = welcome.credit_records();
    disk_full = credit_records == 0;
    sent = 0;
    sent_records = 0;
    sent_bytes = 0;
    if (!welcomed_once) {
      welcomed_once = true;
      resumed_after = welcome.last_sequence();
      next_sequence =
          options.first_sequence != 0 ? options.first_sequence : welcome.last_sequence() + 1;
      acked_sequence = next_sequence - 1;
      if (next_sequence > welcome.last_sequence() + 1) {
        Die(ErrorCode::kRefused,
            "producer '" + options.producer + "' cannot begin with sequence " +
                std::to_string(next_sequence) + ": the broker has " +
                std::to_string(welcome.last_sequence()) + " of its records",
            "this is another log, or records were lost: begin under a new producer name");
      }
    } else if (welcome.last_sequence() < acked_sequence) {
      Die(ErrorCode::kRefused,
          "the broker has only " + std::to_string(welcome.last_sequence()) + " records of '" +
              options.producer + "', but " + std::to_string(acked_sequence) + " were acknowledged",
          "the broker was started on another log");
    }
    // What was written and whose ack was lost is sent again all the same: the broker compares
    // digests, for somebody else may have written under this name meanwhile.
    state = State::kReady;
    keep_due = keep_from != 0;
    if (disk_full) Pause(kRetryDisk);
  }

  void OnAck() {
    const v1::Ack& ack = reply.ack();
    for (const v1::RefusedRecord& record : ack.refused()) {
      refused.push_back({record.sequence(), record.code(), record.sentence()});
    }
    repeats += ack.repeats();
    credit_records = ack.credit_records();
    disk_full = credit_records == 0;
    DropAcked(ack.last_sequence());
  }

  void OnRefusal() {
    const v1::Refusal& refusal = reply.refusal();
    if (refusal.code() == "disk_full") {
      disk_full = true;
      disk_sentence = refusal.sentence();
      Pause(kRetryDisk);
    } else if (refusal.retry()) {
      Pause(kRetrySoon);
    } else if (refusal.code() == "fenced") {
      Die(ErrorCode::kFenced, refusal.sentence(), "stop the other process, or choose another name");
    } else if (refusal.code() == "diverged") {
      Die(ErrorCode::kDiverged, refusal.sentence());
    } else {
      Die(ErrorCode::kRefused, refusal.code() + ": " + refusal.sentence());
    }
  }

  /// Reads all waiting answers. Returns whether there was one.
  bool Receive() {
    bool any = false;
    SocketMessage message;
    while (true) {
      bool more = false;
      if (socket->Receive(message, &more) != SocketOutcome::kDone) return any;
      socket->SkipRest(more);
      any = true;
      last_heard = Now();
      const std::string_view bytes = message.View();
      if (!reply.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) continue;
      if (reply.has_welcome()) OnWelcome();
      if (reply.has_ack()) OnAck();
      if (reply.has_refusal()) OnRefusal();
      if (reply.has_kept()) first_kept = reply.kept().first_offset();
    }
  }

  Result<void> Timers(TimePoint now) {
    if (state == State::kPause && now >= pause_until) SayHello();
    const bool waiting = state == State::kHello || sent > 0;
    if (!waiting) return {};
    if (now - last_heard >= milliseconds(options.answer_timeout_ms) &&
        now - connected_at >= milliseconds(options.answer_timeout_ms)) {
      ++reconnects;
      return Connect();
    }
    if (now - last_heard >= kProbeAfter && now - last_hello >= kProbeAfter) SayHello();
    return {};
  }

  /// After a publish: sends, and takes what answers are there, without waiting.
  Result<void> StepNow(TimePoint now) {
    SendReady();
    Receive();
    if (state != State::kReady || sent > 0) {
      const Result<void> done = Timers(now);
      if (!done) return done;
    }
    SendReady();
    if (fatal) return tl::unexpected<Error>(*fatal);
    return {};
  }

  Result<void> Step(std::int64_t timeout_ms) {
    if (fatal) return tl::unexpected<Error>(*fatal);
    CloseOldBatch(Now());
    SendReady();
    if (!Receive() && timeout_ms > 0) {
      PollItem item;
      item.socket = &*socket;
      // Timers are looked at often enough for a pause, a linger and a probe to be on time.
      const std::int64_t slice = open || state != State::kReady ? 5 : 100;
      PollSockets({&item, 1}, std::min(timeout_ms, slice), options.environment);
      Receive();
    }
    const TimePoint now = Now();
    const Result<void> done = Timers(now);
    if (!done) return done;
    CloseOldBatch(now);
    SendReady();
    if (fatal) return tl::unexpected<Error>(*fatal);
    return {};
  }

  Error NotInTime(const std::string& what) const {
    if (disk_full) {
      return Error{ErrorCode::kNoSpace, what + ": the broker's disk is full", options.endpoint,
                   disk_sentence.empty() ? "make room on the broker's disk" : disk_sentence};
    }
    return Error{ErrorCode::kTimeout, what, options.endpoint, "is the broker running?"};
  }
};

Publisher::Publisher(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Publisher::~Publisher() = default;

Result<std::unique_ptr<Publisher>> Publisher::Open(const PublisherOptions& options) {
  if (options.endpoint.empty() || options.producer.empty() || options.batch_records == 0) {
    return Fail(ErrorCode::kUsage, "a publisher needs an endpoint, a producer name and batches",
                options.endpoint);
  }
  auto impl = std::make_unique<Impl>(options);
  const Result<void> connected = impl->Connect();
  if (!connected) return tl::unexpected<Error>(connected.error());
  const TimePoint deadline = impl->Now() + milliseconds(options.connect_timeout_ms);
  while (!impl->welcomed_once && !impl->fatal && impl->Now() < deadline) {
    const Result<void> stepped = impl->Step(50);
    if (!stepped) return tl::unexpected<Error>(stepped.error());
  }
  if (impl->fatal) return tl::unexpected<Error>(*impl->fatal);
  if (!impl->welcomed_once) {
    return Fail(ErrorCode::kUnreachable,
                "no broker answers within " + std::to_string(options.connect_timeout_ms) + " ms",
                options.endpoint, "is the broker running, and is this its ingest endpoint?");
  }
  return std::unique_ptr<Publisher>(new Publisher(std::move(impl)));
}

Result<std::uint64_t> Publisher::Publish(const PublishRecord& record) {
  Impl& impl = *impl_;
  if (impl.fatal) return tl::unexpected<Error>(*impl.fatal);
  if (record.payload.size() > impl.welcome.max_payload_bytes()) {
    return Fail(ErrorCode::kMalformed,
                "the payload has " + std::to_string(record.payload.size()) + " bytes, " +
                    std::to_string(impl.welcome.max_payload_bytes()) + " are allowed",
                std::string(record.topic), "split it into several events");
  }
  const TimePoint now = impl.Now();
  const TimePoint deadline = now + milliseconds(impl.options.answer_timeout_ms);
  while (impl.buffered_bytes >= impl.options.buffer_bytes) {
    const Result<void> stepped = impl.Step(20);
    if (!stepped) return tl::unexpected<Error>(stepped.error());
    if (impl.buffered_bytes >= impl.options.buffer_bytes && impl.Now() >= deadline) {
      return tl::unexpected<Error>(
          impl.NotInTime("the buffer is full and nothing is acknowledged"));
    }
  }
  if (!impl.open) {
    Batch& batch = impl.batches.emplace_back();
    batch.first_sequence = impl.next_sequence;
    batch.begun = now;
    impl.open = true;
  }
  Batch& batch = impl.batches.back();
  const std::size_t before = batch.records.size();
  EncodeRecord(record, batch.records);
  ++batch.count;
  impl.buffered_bytes += batch.records.size() - before;
  ++impl.buffered_records;
  const std::uint64_t sequence = impl.next_sequence++;
  const bool full =
      batch.count >= impl.BatchRecords() || batch.records.size() >= impl.options.batch_bytes;
  if (full) impl.CloseBatch();
  impl.CloseOldBatch(now);
  if (!impl.open) {
    const Result<void> stepped = impl.StepNow(now);
    if (!stepped) return tl::unexpected<Error>(stepped.error());
  }
  return sequence;
}

Result<void> Publisher::Poll(std::int64_t timeout_ms) {
  const TimePoint deadline = impl_->Now() + milliseconds(timeout_ms);
  const std::uint64_t acked = impl_->acked_sequence;
  while (true) {
    const std::int64_t left = std::chrono::ceil<milliseconds>(deadline - impl_->Now()).count();
    const Result<void> stepped = impl_->Step(std::max<std::int64_t>(left, 0));
    if (!stepped) return stepped;
    if (left <= 0 || impl_->acked_sequence != acked || !impl_->refused.empty()) return {};
  }
}

Result<void> Publisher::Send() {
  impl_->CloseBatch();
  return impl_->Step(0);
}

Result<void> Publisher::Flush(std::int64_t timeout_ms) {
  const TimePoint deadline = impl_->Now() + milliseconds(timeout_ms);
  impl_->CloseBatch();
  while (true) {
    const Result<void> stepped = impl_->Step(20);
    if (!stepped) return stepped;
    if (impl_->batches.empty()) return {};
    if (impl_->Now() >= deadline) {
      return tl::unexpected<Error>(impl_->NotInTime(std::to_string(impl_->buffered_records) +
                                                    " records are not acknowledged within " +
                                                    std::to_string(timeout_ms) + " ms"));
    }
  }
}

void Publisher::Keep(std::uint64_t from_offset) {
  impl_->keep_due = impl_->keep_due || impl_->keep_from != from_offset;
  impl_->keep_from = from_offset;
}
std::uint64_t Publisher::FirstKept() const { return impl_->first_kept; }
std::uint64_t Publisher::AckedSequence() const { return impl_->acked_sequence; }
std::uint64_t Publisher::NextSequence() const { return impl_->next_sequence; }
std::uint64_t Publisher::ResumedAfter() const { return impl_->resumed_after; }
bool Publisher::GivenClock() const { return impl_->welcome.given_clock(); }
std::size_t Publisher::Pending() const { return static_cast<std::size_t>(impl_->buffered_records); }
std::uint64_t Publisher::Repeats() const { return impl_->repeats; }
std::uint64_t Publisher::Reconnects() const { return impl_->reconnects; }
std::vector<RefusedPublish> Publisher::TakeRefused() { return std::exchange(impl_->refused, {}); }

}  // namespace tonus
