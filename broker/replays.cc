#include "broker/replays.h"

#include <algorithm>
#include <utility>

#include "broker/wire.h"

namespace tonus {
namespace {

using std::chrono::milliseconds;

constexpr int kRequestsARound = 64;
constexpr std::size_t kSliceBytes = 256U << 10U;
constexpr std::size_t kSliceRecords = 4096;
constexpr std::size_t kSliceScanned = 16384;
constexpr std::uint64_t kMaxCredit = 256ULL << 20U;
constexpr std::size_t kMaxPrefixes = 256;
/// How long replays are fed before others are looked at again.
constexpr milliseconds kTurn{5};
constexpr milliseconds kHeartbeat{1000};
constexpr milliseconds kRetryBlocked{5};

template <class Repeated>
std::vector<std::string> PrefixesOf(const Repeated& prefixes) {
  return {prefixes.begin(), prefixes.end()};
}

/// Text that protobuf takes: anything else than printable ASCII becomes '?'.
std::string Printable(std::string text) {
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

}  // namespace

Replays::Replays(Socket socket, std::unique_ptr<LogReader> reader, const BrokerOptions& options,
                 Exchange& exchange, const RecentRecords& recent, Offset last_offset)
    : socket_(std::move(socket)),
      reader_(std::move(reader)),
      options_(options),
      exchange_(exchange),
      recent_(recent),
      last_offset_(last_offset) {}

void Replays::Receive() {
  SocketMessage peer;
  SocketMessage body;
  v1::ReplayRequest request;
  for (int i = 0; i < kRequestsARound; ++i) {
    bool more = false;
    if (socket_.Receive(peer, &more) != SocketOutcome::kDone) return;
    const std::string name(peer.View());
    if (!more || socket_.Receive(body, &more) != SocketOutcome::kDone) continue;
    const bool one_part = !more;
    socket_.SkipRest(more);
    const std::string_view bytes = body.View();
    if (!one_part || bytes.size() > options_.max_message_bytes ||
        !request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
        request.request_case() == v1::ReplayRequest::REQUEST_NOT_SET) {
      Refuse(name, 0, "bad_request",
             "this is no ReplayRequest in one message part; see docs/wire-protocol.md", false);
      continue;
    }
    Handle(name, request);
  }
}

void Replays::Handle(const std::string& peer, const v1::ReplayRequest& request) {
  const auto same = [&](const Replay& replay) {
    return replay.id == request.id() && replay.peer == peer;
  };
  switch (request.request_case()) {
    case v1::ReplayRequest::kStart:
      replays_.remove_if(same);
      Start(peer, request);
      break;
    case v1::ReplayRequest::kCredit: {
      const auto found = std::find_if(replays_.begin(), replays_.end(), same);
      if (found == replays_.end()) break;
      const std::uint64_t more = std::min(request.credit().bytes(), kMaxCredit);
      found->credit = std::min(found->credit + more, kMaxCredit);
      break;
    }
    case v1::ReplayRequest::kStop:
      replays_.remove_if(same);
      break;
    case v1::ReplayRequest::kSnapshot:
      Snapshot(peer, request);
      break;
    case v1::ReplayRequest::kInfo:
      Info(peer, request.id());
      break;
    case v1::ReplayRequest::REQUEST_NOT_SET:
      break;
  }
  exchange_.counters.replays = replays_.size();
}

void Replays::Start(const std::string& peer, const v1::ReplayRequest& request) {
  const v1::ReplayStart& start = request.start();
  if (replays_.size() >= options_.max_replays) {
    Refuse(peer, request.id(), "too_many_replays",
           std::to_string(replays_.size()) + " replays are running; try again later", true);
    return;
  }
  if (start.prefixes_size() > static_cast<int>(kMaxPrefixes)) {
    Refuse(peer, request.id(), "bad_request",
           "at most 256 prefixes are taken; ask for shorter ones", false);
    return;
  }
  Replay replay;
  replay.peer = peer;
  replay.id = request.id();
  replay.prefixes = PrefixesOf(start.prefixes());
  replay.follow = start.follow();
  replay.credit = std::min(start.credit_bytes(), kMaxCredit);
  replay.to = start.to_offset();
  if (replay.to == 0 && !replay.follow) replay.to = last_offset_;
  replay.last_sent = SteadyNow(options_.environment);
  switch (start.from_case()) {
    case v1::ReplayStart::kRecordedNs: {
      const Result<Offset> found = reader_->FindByTime(start.recorded_ns());
      if (!found) {
        Refuse(peer, request.id(), "corrupt", Printable(found.error().Message()), false);
        return;
      }
      replay.next = *found;
      break;
    }
    case v1::ReplayStart::kEnd:
      replay.next = last_offset_ + 1;
      break;
    default:
      replay.next = start.offset();
      if (replay.next == 0) {
        const Result<LogIdentity> identity = reader_->Identity();
        replay.next = std::max<Offset>(identity ? identity->first_offset : 1, 1);
      }
      break;
  }
  replays_.push_back(std::move(replay));
}

void Replays::Snapshot(const std::string& peer, const v1::ReplayRequest& request) {
  const Result<OpenAlerts> open =
      reader_->ReadOpenAlerts(PrefixesOf(request.snapshot().prefixes()));
  if (!open) {
    Refuse(peer, request.id(), "corrupt", Printable(open.error().Message()), false);
    return;
  }
  ChunkHead head;
  head.id = request.id();
  head.next_offset = open->as_of + 1;
  std::string records;
  for (const Record& record : open->records) {
    EncodeRecord(ViewOf(record), records);
    if (records.size() < kSliceBytes) continue;
    static_cast<void>(SendTo(peer, EncodeChunk(head, records)));
    records.clear();
  }
  head.last = true;
  static_cast<void>(SendTo(peer, EncodeChunk(head, records)));
}

void Replays::Info(const std::string& peer, std::uint64_t id) {
  const Result<LogIdentity> identity = reader_->Identity();
  const auto producers = reader_->Producers();
  if (!identity || !producers) {
    const Error& error = identity ? producers.error() : identity.error();
    Refuse(peer, id, "corrupt", Printable(error.Message()), false);
    return;
  }
  v1::ReplayReply reply;
  reply.set_id(id);
  v1::LogInfo& info = *reply.mutable_info();
  info.set_log_id(identity->log_id);
  info.set_first_offset(identity->first_offset);
  info.set_last_offset(identity->last_offset);
  info.set_last_recorded_ns(identity->last_recorded_ns);
  info.set_given_clock(identity->clock == LogClock::kGiven);
  for (const auto& [producer, sequence] : *producers)
    (*info.mutable_producers())[producer] = sequence;
  static_cast<void>(SendTo(peer, reply.SerializeAsString()));
}

std::int64_t Replays::Serve() {
  const TimePoint now = SteadyNow(options_.environment);
  bool more = false;
  bool blocked = false;
  TimePoint wake = now + kHeartbeat;
  // Whoever waits behind a turn of the socket's thread waits no longer than this and one slice. The
  // list is turned, so that those whose turn was cut off are the first of the next.
  const auto spent = [&] { return SteadyNow(options_.environment) - now >= kTurn; };
  std::size_t left = replays_.size();
  for (auto replay = replays_.begin(); left > 0; --left) {
    if (more && spent()) {
      replays_.splice(replays_.end(), replays_, replays_.begin(), replay);
      break;
    }
    const Step step = ServeOne(*replay, now);
    if (step == Step::kOver) {
      replay = replays_.erase(replay);
      continue;
    }
    more = more || step == Step::kSent;
    blocked = blocked || step == Step::kBlocked;
    if (replay->follow) wake = std::min(wake, replay->last_sent + kHeartbeat);
    ++replay;
  }
  exchange_.counters.replays = replays_.size();
  if (more) return 0;
  if (blocked) return kRetryBlocked.count();
  return std::max<std::int64_t>(1,
                                std::chrono::duration_cast<milliseconds>(wake - now).count() + 1);
}

Replays::Step Replays::ServeOne(Replay& replay, TimePoint now) {
  const Offset end = replay.to == 0 ? last_offset_ : std::min(replay.to, last_offset_);
  if (replay.next > end || replay.credit == 0) return ServeEnd(replay, now, end);
  const Result<EncodedSlice> slice = ReadSlice(replay, end);
  if (!slice) {
    const bool gone = slice.error().code == ErrorCode::kMalformed;
    const std::string ends =
        gone ? "" : "what can be read ends before offset " + std::to_string(replay.next) + ": ";
    Refuse(replay.peer, replay.id, gone ? "not_kept" : "corrupt",
           Printable(ends + slice.error().Message()), false);
    return Step::kOver;
  }
  const bool complete = replay.to != 0 && slice->next_offset > replay.to;
  const bool range_done = !replay.follow && slice->next_offset > end;
  const ChunkHead head = {.id = replay.id,
                          .first_offset = replay.next,
                          .next_offset = slice->next_offset,
                          .last = complete || range_done,
                          .at_end = slice->next_offset > last_offset_};
  const std::string bytes = EncodeChunk(head, slice->records);
  const SocketOutcome sent = SendTo(replay.peer, bytes);
  if (sent == SocketOutcome::kAgain) return Step::kBlocked;
  if (sent != SocketOutcome::kDone || head.last) return Step::kOver;
  replay.credit -= std::min<std::uint64_t>(replay.credit, bytes.size());
  replay.next = slice->next_offset;
  replay.told_end = head.at_end;
  replay.last_sent = now;
  return Step::kSent;
}

Replays::Step Replays::ServeEnd(Replay& replay, TimePoint now, Offset end) {
  const bool at_end = replay.next > end;
  const bool over = at_end && (!replay.follow || (replay.to != 0 && replay.next > replay.to));
  const bool news = at_end && !replay.told_end;
  if (!over && !news && now - replay.last_sent < kHeartbeat) return Step::kIdle;
  const ChunkHead head = {.id = replay.id,
                          .first_offset = replay.next,
                          .next_offset = replay.next,
                          .last = over,
                          .at_end = at_end};
  const SocketOutcome sent = SendTo(replay.peer, EncodeChunk(head, {}));
  if (sent == SocketOutcome::kAgain) return Step::kBlocked;
  if (sent != SocketOutcome::kDone || over) return Step::kOver;
  replay.told_end = at_end;
  replay.last_sent = now;
  return Step::kIdle;
}

Result<EncodedSlice> Replays::ReadSlice(const Replay& replay, Offset end) {
  if (recent_.Covers(replay.next)) {
    return recent_.Read(replay.next, end, replay.prefixes, kSliceBytes);
  }
  ReadRequest request;
  request.from = replay.next;
  request.to = end;
  request.prefixes = replay.prefixes;
  request.max_records = kSliceRecords;
  request.max_bytes = kSliceBytes;
  request.max_scanned = kSliceScanned;
  const auto read = reader_->Read(request);
  if (!read) return tl::unexpected<Error>(read.error());
  EncodedSlice slice;
  slice.next_offset = read->next_offset;
  for (const Record& record : read->records) EncodeRecord(ViewOf(record), slice.records);
  return slice;
}

SocketOutcome Replays::SendTo(const std::string& peer, std::string_view bytes) {
  const SocketOutcome routed = socket_.Send(peer, true);
  if (routed != SocketOutcome::kDone) return routed;
  return socket_.Send(bytes);
}

void Replays::Refuse(const std::string& peer, std::uint64_t id, const std::string& code,
                     const std::string& sentence, bool retry) {
  v1::ReplayReply reply;
  reply.set_id(id);
  reply.mutable_refusal()->set_code(code);
  reply.mutable_refusal()->set_sentence(sentence);
  reply.mutable_refusal()->set_retry(retry);
  static_cast<void>(SendTo(peer, reply.SerializeAsString()));
  exchange_.counters.refusals += 1;
}

}  // namespace tonus
