#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/environment.h"
#include "base/socket.h"
#include "tests/simulation/world.h"

namespace tonus::simulation {

/// How bad the network is, of a million frames or messages.
struct NetworkFaults {
  std::uint64_t drop_ingest = 0;       ///< Requests and answers of producers.
  std::uint64_t duplicate_ingest = 0;  ///< The same.
  std::uint64_t drop_replay = 0;       ///< Beyond what a connection of TCP does.
  std::uint64_t duplicate_replay = 0;  ///< The same.
  std::uint64_t drop_live = 0;         ///< As ZeroMQ does to a slow subscriber.
  TimeNs latency_ns = 200 * kMicro;    ///< Usually at most this,
  TimeNs slow_ns = 50 * kMilli;        ///< now and then up to this.
};

/// A network in memory that behaves as ZeroMQ over TCP does: a connecting socket keeps what it has
/// to send until a listener is there and connects again for ever, the listener names each
/// connection anew, messages of one connection keep their order, a broken connection loses what is
/// under way in both directions, a dead sender's last messages may still arrive.
///
/// Owned by the run. Sockets belong to the process that is running when they are made.
class Network final : public Environment {
 public:
  explicit Network(World* world) : world_(*world) {}

  NetworkFaults faults;

  std::unique_ptr<FrameSocket> MakeSocket(SocketKind kind, const SocketOptions& options) override;
  int Poll(std::span<PollItem> items, std::int64_t timeout_ms) override;
  TimePoint Now() override;
  std::uint64_t Random() override { return world_.random.Next(); }

  /// Breaks one connection, or all of a process where it is given.
  void BreakSome(const Process* process);

  struct Counts {
    std::uint64_t messages = 0, dropped = 0, duplicated = 0, broken = 0;
  };
  const Counts& Count() const { return counts_; }

 private:
  class SimSocket;
  struct Link;
  using Message = std::vector<std::string>;
  enum class Way { kUp, kDown };  ///< Up: from the connecting side to the listener.

  std::shared_ptr<Link> LinkOf(const SimSocket* router, const std::string& identity);
  void Connect(const std::shared_ptr<Link>& link);
  void Break(const std::shared_ptr<Link>& link, bool connect_again);
  void Transmit(const std::shared_ptr<Link>& link, Way way, const Message& message);
  void Carry(const std::shared_ptr<Link>& link, Way way, Message message);
  void Arrive(const std::shared_ptr<Link>& link, Way way, Message message);
  void Forget(SimSocket* socket);
  bool Fault(const std::string& endpoint, bool duplicate);

  World& world_;
  std::map<std::string, SimSocket*> listeners_;
  std::vector<std::shared_ptr<Link>> links_;
  std::uint64_t identities_ = 0;
  Counts counts_;
};

}  // namespace tonus::simulation
