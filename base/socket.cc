#include "base/socket.h"

#include <zmq.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tonus {
namespace {

static_assert(sizeof(zmq_msg_t) == 64, "SocketMessage holds a zmq_msg_t");

zmq_msg_t* AsMessage(void* storage) { return static_cast<zmq_msg_t*>(storage); }

int TypeOf(SocketKind kind) {
  switch (kind) {
    case SocketKind::kRouter:
      return ZMQ_ROUTER;
    case SocketKind::kDealer:
      return ZMQ_DEALER;
    case SocketKind::kXPub:
      return ZMQ_XPUB;
    case SocketKind::kPub:
      return ZMQ_PUB;
    case SocketKind::kSub:
      return ZMQ_SUB;
    case SocketKind::kPush:
      return ZMQ_PUSH;
    case SocketKind::kPull:
      return ZMQ_PULL;
  }
  return ZMQ_PAIR;
}

SocketOutcome OutcomeOfErrno() {
  if (errno == EAGAIN || errno == EINTR) return SocketOutcome::kAgain;
  if (errno == EHOSTUNREACH) return SocketOutcome::kGone;
  return SocketOutcome::kFailed;
}

std::string HintOfBind(int error) {
  if (error == EADDRINUSE) return "another process listens there: stop it, or choose another port";
  if (error == EACCES) return "choose a port above 1023, or a folder that this user may write";
  if (error == EADDRNOTAVAIL || error == ENODEV) return "this machine has no such address";
  return "an endpoint is tcp://ADDRESS:PORT or ipc://PATH";
}

}  // namespace

SocketContext::SocketContext(Environment* environment)
    : environment_(environment), handle_(environment == nullptr ? zmq_ctx_new() : nullptr) {}

SocketContext::~SocketContext() {
  if (handle_ != nullptr) zmq_ctx_term(handle_);
}

SocketMessage::SocketMessage() { zmq_msg_init(AsMessage(storage_.data())); }

SocketMessage::SocketMessage(std::string_view bytes) {
  zmq_msg_init_size(AsMessage(storage_.data()), bytes.size());
  if (!bytes.empty()) {
    std::memcpy(zmq_msg_data(AsMessage(storage_.data())), bytes.data(), bytes.size());
  }
}

SocketMessage::SocketMessage(SocketMessage&& other) noexcept {
  zmq_msg_init(AsMessage(storage_.data()));
  zmq_msg_move(AsMessage(storage_.data()), AsMessage(other.storage_.data()));
}

SocketMessage& SocketMessage::operator=(SocketMessage&& other) noexcept {
  if (this != &other) zmq_msg_move(AsMessage(storage_.data()), AsMessage(other.storage_.data()));
  return *this;
}

SocketMessage::~SocketMessage() { zmq_msg_close(AsMessage(storage_.data())); }

std::string_view SocketMessage::View() const {
  return {static_cast<const char*>(zmq_msg_data(AsMessage(storage_.data()))),
          zmq_msg_size(AsMessage(storage_.data()))};
}

void Socket::Close::operator()(void* handle) const { zmq_close(handle); }

Result<Socket> Socket::Make(const SocketContext& context, SocketKind kind,
                            const SocketOptions& options) {
  Socket socket;
  if (Environment* environment = context.Surroundings()) {
    socket.frames_ = environment->MakeSocket(kind, options);
    return socket;
  }
  socket.handle_.reset(zmq_socket(context.Handle(), TypeOf(kind)));
  if (socket.handle_ == nullptr) {
    return Fail(ErrorCode::kUnreachable,
                std::string("no socket could be made: ") + zmq_strerror(errno), {},
                "raise the limit of open files (ulimit -n)");
  }
  void* handle = socket.handle_.get();
  const int mandatory = options.mandatory ? 1 : 0;
  zmq_setsockopt(handle, ZMQ_SNDHWM, &options.send_queue_messages, sizeof(std::int32_t));
  zmq_setsockopt(handle, ZMQ_RCVHWM, &options.receive_queue_messages, sizeof(std::int32_t));
  zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &options.max_message_bytes, sizeof(std::int64_t));
  zmq_setsockopt(handle, ZMQ_LINGER, &options.linger_ms, sizeof(std::int32_t));
  if (kind == SocketKind::kRouter) {
    zmq_setsockopt(handle, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
  }
  return socket;
}

Result<std::string> Socket::Bind(const std::string& endpoint) {
  if (frames_ != nullptr) return frames_->Bind(endpoint);
  if (zmq_bind(handle_.get(), endpoint.c_str()) != 0) {
    const int error = errno;
    return Fail(ErrorCode::kUnreachable, std::string("cannot listen: ") + zmq_strerror(error),
                endpoint, HintOfBind(error));
  }
  std::array<char, 512> bound = {};
  std::size_t size = bound.size();
  if (zmq_getsockopt(handle_.get(), ZMQ_LAST_ENDPOINT, bound.data(), &size) != 0) return endpoint;
  return std::string(bound.data());
}

Result<void> Socket::Connect(const std::string& endpoint) {
  if (frames_ != nullptr) return frames_->Connect(endpoint);
  if (zmq_connect(handle_.get(), endpoint.c_str()) == 0) return {};
  return Fail(ErrorCode::kUnreachable, std::string("cannot connect: ") + zmq_strerror(errno),
              endpoint, "an endpoint is tcp://ADDRESS:PORT or ipc://PATH");
}

Result<void> Socket::Subscribe(std::string_view prefix) {
  if (frames_ != nullptr) return frames_->Subscribe(prefix);
  if (zmq_setsockopt(handle_.get(), ZMQ_SUBSCRIBE, prefix.data(), prefix.size()) == 0) return {};
  return Fail(ErrorCode::kUnreachable, std::string("cannot subscribe: ") + zmq_strerror(errno));
}

SocketOutcome Socket::Send(std::string_view bytes, bool more) {
  if (frames_ != nullptr) return frames_->Send(bytes, more);
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  if (zmq_send(handle_.get(), bytes.data(), bytes.size(), flags) >= 0) return SocketOutcome::kDone;
  return OutcomeOfErrno();
}

SocketOutcome Socket::Receive(SocketMessage& message, bool* more) {
  if (frames_ != nullptr) return frames_->Receive(message, more);
  zmq_msg_t* raw = AsMessage(message.Raw());
  if (zmq_msg_recv(raw, handle_.get(), ZMQ_DONTWAIT) < 0) return OutcomeOfErrno();
  if (more != nullptr) *more = zmq_msg_more(raw) != 0;
  return SocketOutcome::kDone;
}

void Socket::SkipRest(bool more) {
  SocketMessage rest;
  while (more && Receive(rest, &more) == SocketOutcome::kDone) {
  }
}

int PollSockets(std::span<PollItem> items, std::int64_t timeout_ms, Environment* environment) {
  if (environment != nullptr) return environment->Poll(items, timeout_ms);
  std::array<zmq_pollitem_t, 8> raw = {};
  const std::size_t count = items.size() < raw.size() ? items.size() : raw.size();
  for (std::size_t i = 0; i < count; ++i) {
    raw[i].socket = items[i].socket != nullptr ? items[i].socket->Handle() : nullptr;
    raw[i].fd = items[i].descriptor;
    raw[i].events = ZMQ_POLLIN;
    items[i].readable = false;
  }
  const int ready = zmq_poll(raw.data(), static_cast<int>(count), static_cast<long>(timeout_ms));
  if (ready <= 0) return 0;
  for (std::size_t i = 0; i < count; ++i) items[i].readable = (raw[i].revents & ZMQ_POLLIN) != 0;
  return ready;
}

}  // namespace tonus
