#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/socket.h"
#include "broker/broker.h"
#include "broker/exchange.h"
#include "broker/log/text_hash.h"
#include "broker/recent.h"
#include "broker/replays.h"

namespace tonus {

/// The sockets, bound and not yet served.
struct FrontSockets {
  std::optional<Socket> ingest;
  std::optional<Socket> intake;
  std::optional<Socket> live;
  std::optional<Socket> replay;
};

/// Makes and binds the sockets that have an endpoint. Fails with kUnreachable.
Result<FrontSockets> BindFront(const SocketContext& context, const BrokerOptions& options,
                               BrokerEndpoints& endpoints);

/// The thread that owns all sockets: takes requests and hands them to the writer, sends answers,
/// fans out what was committed, feeds replays. Never touches the writing side of the log.
///
/// Owned by the Broker; Run() is its thread. Invariants: 1. fan-out follows the order of offsets;
/// 2. the batches of a fenced connection that come after the fence are refused; 3. no more than the
/// credit of a connection is taken from it.
class Front {
 public:
  Front(FrontSockets sockets, std::unique_ptr<LogReader> reader, const BrokerOptions& options,
        Exchange& exchange, Offset last_offset);

  /// Until the exchange stops.
  void Run();

  /// Waits until there is something to do, and does it. False when the exchange has stopped.
  bool StepOnce();

 private:
  struct Session {
    std::string producer;
    std::uint64_t epoch = 0;
    bool core = false;
    bool fenced = false;
    std::uint64_t records = 0;  ///< Unacknowledged.
    std::uint64_t bytes = 0;    ///< Unacknowledged.
  };
  /// A producer's newest connection.
  struct Newest {
    std::string peer;
    std::uint64_t instance = 0;
    std::uint64_t attempt = 0;
  };

  void ReceiveIngest();
  void HandleIngest(std::string_view peer, SocketMessage body);
  void HandleHello(std::string_view peer, const IngestView& view);
  void HandleBatch(std::string_view peer, const IngestView& view, std::unique_ptr<Job> job);
  void HandleKeep(std::string_view peer, const IngestView& view, std::unique_ptr<Job> job);
  void Refuse(std::string_view peer, std::string_view code, const std::string& sentence,
              bool retry);
  void ForgetIdleSessions();
  void ReceiveIntake();
  void ReceiveSubscriptions();
  void HandleOutcomes();
  void SendReply(const Reply& reply);
  void FanOut(const CommittedGroup& group);
  bool IsSubscribed(std::string_view topic);
  std::unique_ptr<Job> NewJob();

  FrontSockets sockets_;
  const BrokerOptions options_;
  Exchange& exchange_;
  RecentRecords recent_;
  std::optional<Replays> replays_;
  std::uint64_t last_epoch_ = 0;
  ByText<Session> sessions_;               ///< By peer.
  std::map<std::string, Newest> current_;  ///< By producer; all cores have one place, `core`.
  std::set<std::string> subscriptions_;
  ByText<bool> subscribed_;  ///< Topic → whether a subscription matches; cleared when they change.
  std::vector<std::unique_ptr<Job>> spare_;
};

}  // namespace tonus
