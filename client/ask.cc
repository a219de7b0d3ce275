// One question to the broker's replay socket, one answer.
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/socket.h"
#include "client/follower.h"
#include "client/replay_reply.h"
#include "tonus/v1/bus.pb.h"

namespace tonus {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A connection for one question.
class Question {
 public:
  Question(const std::string& endpoint, Environment* environment)
      : endpoint_(endpoint), environment_(environment), context_(environment) {}

  Result<void> Ask(const v1::ReplayRequest& request, std::int64_t timeout_ms) {
    deadline_ = SteadyNow(environment_) + milliseconds(timeout_ms);
    Result<Socket> made = Socket::Make(context_, SocketKind::kDealer, SocketOptions());
    if (!made) return tl::unexpected<Error>(made.error());
    const Result<void> connected = made->Connect(endpoint_);
    if (!connected) return connected;
    socket_ = std::make_unique<Socket>(std::move(*made));
    static_cast<void>(socket_->Send(request.SerializeAsString()));
    return {};
  }

  /// The next part of the answer.
  Result<v1::ReplayReply> Answer() {
    SocketMessage message;
    bool more = false;
    while (socket_->Receive(message, &more) != SocketOutcome::kDone) {
      const std::int64_t left =
          std::chrono::ceil<milliseconds>(deadline_ - SteadyNow(environment_)).count();
      if (left <= 0) {
        return Fail(ErrorCode::kUnreachable, "no broker answers in time", endpoint_,
                    "is the broker running, and is this its replay endpoint?");
      }
      PollItem item;
      item.socket = socket_.get();
      PollSockets({&item, 1}, left, environment_);
    }
    socket_->SkipRest(more);
    v1::ReplayReply reply;
    const std::string_view bytes = message.View();
    if (!reply.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return Fail(ErrorCode::kMalformed, "the answer is no ReplayReply", endpoint_,
                  "is this the replay endpoint of a broker?");
    }
    if (reply.has_refusal()) {
      const ErrorCode code =
          reply.refusal().code() == "corrupt" ? ErrorCode::kCorrupt : ErrorCode::kRefused;
      return Fail(code, reply.refusal().sentence(), endpoint_);
    }
    return reply;
  }

 private:
  const std::string endpoint_;
  Environment* const environment_;
  SocketContext context_;
  std::unique_ptr<Socket> socket_;
  steady_clock::time_point deadline_;
};

}  // namespace

Record TakeRecord(v1::LogRecord& record) {
  Record taken;
  taken.offset = record.offset();
  taken.recorded_ns = record.recorded_ns();
  taken.topic = std::move(*record.mutable_topic());
  taken.payload = std::move(*record.mutable_payload());
  taken.producer = std::move(*record.mutable_producer());
  taken.sequence = record.sequence();
  taken.previous_offset = record.previous_offset();
  taken.digest = record.digest();
  taken.open = record.open();
  return taken;
}

Result<RemoteLog> AskLog(const std::string& replay_endpoint, std::int64_t timeout_ms,
                         Environment* environment) {
  Question question(replay_endpoint, environment);
  v1::ReplayRequest request;
  request.mutable_info();
  const Result<void> asked = question.Ask(request, timeout_ms);
  if (!asked) return tl::unexpected<Error>(asked.error());
  const Result<v1::ReplayReply> answer = question.Answer();
  if (!answer) return tl::unexpected<Error>(answer.error());
  const v1::LogInfo& info = answer->info();
  RemoteLog log;
  log.log_id = info.log_id();
  log.first_offset = info.first_offset();
  log.last_offset = info.last_offset();
  log.last_recorded_ns = info.last_recorded_ns();
  log.given_clock = info.given_clock();
  for (const auto& [producer, sequence] : info.producers()) log.producers[producer] = sequence;
  return log;
}

Result<AlertSnapshot> AskOpenAlerts(const std::string& replay_endpoint,
                                    const std::vector<std::string>& prefixes,
                                    std::int64_t timeout_ms, Environment* environment) {
  Question question(replay_endpoint, environment);
  v1::ReplayRequest request;
  request.mutable_snapshot();
  for (const std::string& prefix : prefixes) request.mutable_snapshot()->add_prefixes(prefix);
  const Result<void> asked = question.Ask(request, timeout_ms);
  if (!asked) return tl::unexpected<Error>(asked.error());
  AlertSnapshot snapshot;
  while (true) {
    Result<v1::ReplayReply> answer = question.Answer();
    if (!answer) return tl::unexpected<Error>(answer.error());
    v1::ReplayChunk& chunk = *answer->mutable_chunk();
    for (v1::LogRecord& record : *chunk.mutable_records()) {
      snapshot.records.push_back(TakeRecord(record));
    }
    snapshot.next_offset = chunk.next_offset();
    if (chunk.last()) return snapshot;
  }
}

}  // namespace tonus
