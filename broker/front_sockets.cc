// The broker's sockets and how long their queues may be.
#include <utility>

#include "broker/front.h"

namespace tonus {
namespace {

/// Replies that wait for a producer: at least one for each of its batches under way.
constexpr std::int32_t kReplyQueue = 100000;
constexpr std::int32_t kIntakeQueue = 100000;
constexpr std::int32_t kReplayQueue = 1000;

/// Binds one socket, or leaves it out where there is no endpoint.
Result<std::optional<Socket>> BindOne(const SocketContext& context, SocketKind kind,
                                      const SocketOptions& options, const std::string& endpoint,
                                      std::string& bound) {
  if (endpoint.empty()) return std::optional<Socket>();
  Result<Socket> socket = Socket::Make(context, kind, options);
  if (!socket) return tl::unexpected<Error>(socket.error());
  const Result<std::string> address = socket->Bind(endpoint);
  if (!address) return tl::unexpected<Error>(address.error());
  bound = *address;
  return std::optional<Socket>(std::move(*socket));
}

}  // namespace

Result<FrontSockets> BindFront(const SocketContext& context, const BrokerOptions& options,
                               BrokerEndpoints& endpoints) {
  SocketOptions common;
  common.max_message_bytes = static_cast<std::int64_t>(options.max_message_bytes);
  SocketOptions ingest = common;
  ingest.send_queue_messages = kReplyQueue;
  ingest.mandatory = true;
  SocketOptions intake = common;
  intake.receive_queue_messages = kIntakeQueue;
  SocketOptions live = common;
  live.send_queue_messages = options.live_queue_messages;
  SocketOptions replay = common;
  replay.send_queue_messages = kReplayQueue;
  replay.mandatory = true;
  FrontSockets sockets;
  const struct {
    std::optional<Socket>& socket;
    SocketKind kind;
    const SocketOptions& options;
    const std::string& endpoint;
    std::string& bound;
  } wanted[] = {
      {sockets.ingest, SocketKind::kRouter, ingest, options.ingest_endpoint, endpoints.ingest},
      {sockets.intake, SocketKind::kSub, intake, options.intake_endpoint, endpoints.intake},
      {sockets.live, SocketKind::kXPub, live, options.live_endpoint, endpoints.live},
      {sockets.replay, SocketKind::kRouter, replay, options.replay_endpoint, endpoints.replay}};
  for (const auto& want : wanted) {
    auto socket = BindOne(context, want.kind, want.options, want.endpoint, want.bound);
    if (!socket) return tl::unexpected<Error>(socket.error());
    want.socket = std::move(*socket);
  }
  if (sockets.intake) {
    const Result<void> subscribed = sockets.intake->Subscribe("");
    if (!subscribed) return tl::unexpected<Error>(subscribed.error());
  }
  return sockets;
}

}  // namespace tonus
