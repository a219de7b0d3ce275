#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/socket.h"
#include "broker/broker.h"
#include "broker/exchange.h"
#include "broker/recent.h"
#include "tonus/v1/bus.pb.h"

namespace tonus {

/// The `replay` socket: answers requests, and feeds each running replay a bounded slice in turn, so
/// that a reader of the cold past keeps nobody else waiting.
///
/// Owned by the front, its thread. Invariants: 1. chunks of a replay are contiguous; 2. a replay
/// never has much more under way than its credit; 3. nothing is shown that the front has not seen
/// committed.
class Replays {
 public:
  Replays(Socket socket, std::unique_ptr<LogReader> reader, const BrokerOptions& options,
          Exchange& exchange, const RecentRecords& recent, Offset last_offset);

  const Socket& Handle() const { return socket_; }

  /// Reads waiting requests, a bounded number of them.
  void Receive();

  /// The log has grown to `last_offset`.
  void Grow(Offset last_offset) { last_offset_ = last_offset; }

  /// Feeds the replays that have something to say. Returns how long nothing more is to do here
  /// unless something arrives, milliseconds; 0: there is more to do now.
  std::int64_t Serve();

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Replay {
    std::string peer;
    std::uint64_t id = 0;
    Offset next = 1;
    Offset to = 0;  ///< Inclusive; 0: follows for ever.
    std::vector<std::string> prefixes;
    bool follow = false;
    std::uint64_t credit = 0;
    bool told_end = false;  ///< The reader knows that it has everything up to next - 1.
    bool blocked = false;   ///< The peer's queue was full; tried again a little later.
    TimePoint last_sent;
  };
  enum class Step { kIdle, kSent, kBlocked, kOver };

  void Handle(const std::string& peer, const v1::ReplayRequest& request);
  void Start(const std::string& peer, const v1::ReplayRequest& request);
  void Snapshot(const std::string& peer, const v1::ReplayRequest& request);
  void Info(const std::string& peer, std::uint64_t id);
  Step ServeOne(Replay& replay, TimePoint now);
  Step ServeEnd(Replay& replay, TimePoint now, Offset end);
  Result<EncodedSlice> ReadSlice(const Replay& replay, Offset end);
  SocketOutcome SendTo(const std::string& peer, std::string_view bytes);
  void Refuse(const std::string& peer, std::uint64_t id, const std::string& code,
              const std::string& sentence, bool retry);

  Socket socket_;
  std::unique_ptr<LogReader> reader_;
  const BrokerOptions options_;
  Exchange& exchange_;
  const RecentRecords& recent_;
  Offset last_offset_;
  std::list<Replay> replays_;
};

}  // namespace tonus
