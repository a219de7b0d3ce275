#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/record.h"
#include "base/result.h"

namespace tonus {

class Environment;

/// Where a Follower begins.
enum class FollowFrom {
  kOffset,        ///< FollowerOptions::offset.
  kRecordedTime,  ///< The first record not before FollowerOptions::recorded_ns.
  kEnd,           ///< What comes after now.
};

struct FollowerOptions {
  std::string endpoint;  ///< The broker's `replay`.
  FollowFrom from = FollowFrom::kOffset;
  Offset offset = 1;
  LogTimeNs recorded_ns = 0;
  Offset to_offset = 0;               ///< Last one wanted, inclusive; 0: no bound.
  bool follow = true;                 ///< false: ends at to_offset, or at the end as it is now.
  std::vector<std::string> prefixes;  ///< Topic prefixes; none: everything.
  std::uint64_t credit_bytes = 8U << 20U;  ///< Under way at any time.
  std::int64_t silence_timeout_ms = 5000;  ///< Without a word from the broker: connect anew.
  std::string log_id;                  ///< Refuses any other log; empty: takes the first it meets.
  Environment* environment = nullptr;  ///< Borrowed; null: ZeroMQ and the machine's clock.
};

/// What Follower::Next returns.
struct FollowBatch {
  std::vector<Record> records;  ///< In order of offset.
  Offset next_offset = 0;  ///< Resume here: everything before it that matches has been delivered.
  bool at_end = false;  ///< Everything on the broker's disk had been delivered when it spoke last.
  bool complete = false;  ///< Only without follow: the range is finished.
};

/// The newest record that a broker has, as far as it has been heard of.
struct LogEnd {
  Offset offset = 0;
  LogTimeNs recorded_ns = 0;
};

/// Identity and bounds of a broker's log.
struct RemoteLog {
  std::string log_id;
  Offset first_offset = 0;
  Offset last_offset = 0;
  LogTimeNs last_recorded_ns = 0;
  bool given_clock = false;
  std::map<std::string, std::uint64_t> producers;
};

/// Open alerts, newest record of each.
struct AlertSnapshot {
  std::vector<Record> records;
  Offset next_offset = 1;  ///< Follow from here.
};

/// Reads the log through the broker: every record that matches, once, in order, over restarts of
/// the broker and cut connections; or an Error that says exactly why not.
///
/// Owned by its caller, used from one thread, has none of its own: call Next at least every few
/// seconds, or the broker's words pile up unread.
///
/// Invariants: 1. offsets only grow; 2. nothing between two delivered records that matches was
/// left out; 3. after a fatal error (kCorrupt: a gap, another log, a corrupt range; kRefused) every
/// call returns it.
class Follower {
 public:
  /// Checks the options and begins to connect; does not wait for the broker.
  static Result<std::unique_ptr<Follower>> Open(const FollowerOptions& options);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  /// Up to `max_records` records; waits up to `timeout_ms` for the first. An empty batch is no
  /// error: nothing new, or the broker is away (see Connected()).
  Result<FollowBatch> Next(std::size_t max_records, std::int64_t timeout_ms);

  /// Where a new Follower would go on.
  Offset NextOffset() const;
  /// Whether the broker has spoken within silence_timeout_ms.
  bool Connected() const;
  /// Times that the connection was made anew.
  std::uint64_t Reconnects() const;
  /// How far the log goes beyond what was delivered: asked each second while that is not all.
  LogEnd End() const;
  /// The log's id; empty until the broker has spoken.
  const std::string& LogId() const;

 private:
  struct Impl;
  explicit Follower(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Asks a broker which log it has. kUnreachable where nobody answers in `timeout_ms`.
Result<RemoteLog> AskLog(const std::string& replay_endpoint, std::int64_t timeout_ms,
                         Environment* environment = nullptr);

/// Asks a broker for its open alerts. kUnreachable where nobody answers in `timeout_ms`.
Result<AlertSnapshot> AskOpenAlerts(const std::string& replay_endpoint,
                                    const std::vector<std::string>& prefixes,
                                    std::int64_t timeout_ms, Environment* environment = nullptr);

}  // namespace tonus
