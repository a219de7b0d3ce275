#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/environment.h"
#include "base/result.h"

namespace tonus {

/// A ZeroMQ context: the threads behind sockets. Outlives its sockets; may be shared by threads.
/// With an environment (borrowed) there is none, and that makes the sockets.
class SocketContext {
 public:
  explicit SocketContext(Environment* environment = nullptr);
  ~SocketContext();
  SocketContext(const SocketContext&) = delete;
  SocketContext& operator=(const SocketContext&) = delete;
  void* Handle() const { return handle_; }
  Environment* Surroundings() const { return environment_; }

 private:
  Environment* environment_;
  void* handle_;
};

enum class SocketKind { kRouter, kDealer, kXPub, kPub, kSub, kPush, kPull };

/// Set before bind or connect.
struct SocketOptions {
  std::int32_t send_queue_messages = 1000;     ///< 0: no bound.
  std::int32_t receive_queue_messages = 1000;  ///< 0: no bound.
  std::int64_t max_message_bytes = -1;         ///< A peer that sends more is disconnected.
  std::int32_t linger_ms = 0;                  ///< How long closing waits for unsent messages.
  bool mandatory = false;  ///< Of kRouter: sending to a peer that is gone says so.
};

/// One message part. Owned; small ones are stored inside.
class SocketMessage {
 public:
  SocketMessage();
  explicit SocketMessage(std::string_view bytes);
  SocketMessage(SocketMessage&& other) noexcept;
  SocketMessage& operator=(SocketMessage&& other) noexcept;
  ~SocketMessage();
  /// Valid while this message lives. Small messages move with it: take views after moving.
  std::string_view View() const;
  void* Raw() { return storage_.data(); }

 private:
  alignas(std::max_align_t) mutable std::array<unsigned char, 64> storage_;
};

/// What became of a send or receive that does not wait.
enum class SocketOutcome {
  kDone,
  kAgain,   ///< Nothing there, or the peer's queue is full.
  kGone,    ///< No such peer (any more).
  kFailed,  ///< The context ends, or a bug.
};

/// A ZeroMQ socket, or one of an environment; one thread at a time. Nothing here waits: PollSockets
/// does.
class Socket {
 public:
  static Result<Socket> Make(const SocketContext& context, SocketKind kind,
                             const SocketOptions& options);

  /// Returns the address that was bound: `tcp://127.0.0.1:*` takes a free port.
  Result<std::string> Bind(const std::string& endpoint);
  Result<void> Connect(const std::string& endpoint);
  Result<void> Subscribe(std::string_view prefix);

  SocketOutcome Send(std::string_view bytes, bool more = false);
  /// `more` (may be null) says whether another part of the same message follows.
  SocketOutcome Receive(SocketMessage& message, bool* more);
  /// Throws away the remaining parts of the message that is being received.
  void SkipRest(bool more);

  void* Handle() const { return handle_.get(); }
  FrameSocket* Frames() const { return frames_.get(); }

 private:
  struct Close {
    void operator()(void* handle) const;
  };
  std::unique_ptr<void, Close> handle_;
  std::unique_ptr<FrameSocket> frames_;  ///< Of an environment; then there is no handle.
};

/// A socket or a file descriptor to wait for.
struct PollItem {
  const Socket* socket = nullptr;  ///< Null: `descriptor`.
  int descriptor = -1;
  bool readable = false;  ///< Set by PollSockets.
};

/// Waits until one is readable or `timeout_ms` have passed (negative: for ever). Returns how many
/// are readable. Sockets of an environment are waited for there.
int PollSockets(std::span<PollItem> items, std::int64_t timeout_ms,
                Environment* environment = nullptr);

}  // namespace tonus
