#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/log/log.h"

namespace tonus {

class Environment;

/// What a broker removes of its log: whole files, the oldest first, none that the core's checkpoint
/// needs.
struct RetentionOptions {
  LogTimeNs max_age_ns = 0;     ///< Before the newest record; 0: of any age.
  std::uint64_t max_bytes = 0;  ///< Of the log's files together; 0: any size.
  /// Where a core has written to the log nothing that it may need goes, until it has not been heard
  /// of for so long: a dead consumer does not fill the disk. Then it is said in a health record.
  std::int64_t core_silent_ns = 24 * 3600 * std::int64_t{1000000000};
  std::int64_t interval_ns = 10 * std::int64_t{1000000000};  ///< How often it is looked at.
};

/// How a broker runs. Endpoints are ZeroMQ's: `tcp://127.0.0.1:*` takes a free port. An empty
/// endpoint leaves that socket out.
struct BrokerOptions {
  std::string ingest_endpoint = "tcp://127.0.0.1:7601";
  std::string intake_endpoint = "tcp://127.0.0.1:7602";
  std::string live_endpoint = "tcp://127.0.0.1:7603";
  std::string replay_endpoint = "tcp://127.0.0.1:7604";
  std::string data_dir = "data/log";
  LogOptions log;
  RetentionOptions retention;

  std::uint64_t max_payload_bytes = 1ULL << 20U;
  std::uint64_t max_message_bytes = 16ULL << 20U;  ///< A peer that sends more is disconnected.
  std::uint32_t max_batch_records = 4096;
  std::uint32_t credit_records = 65536;          ///< Unacknowledged, for each producer.
  std::uint64_t credit_bytes = 64ULL << 20U;     ///< Unacknowledged, for each producer.
  std::uint64_t queue_bytes = 256ULL << 20U;     ///< Waiting for the disk; beyond it the broker
                                                 ///< stops reading from its sockets.
  std::uint64_t recent_bytes = 64ULL << 20U;     ///< Newest records kept in memory for followers.
  std::uint32_t max_replays = 1024;              ///< Running at once.
  std::uint64_t min_free_bytes = 512ULL << 20U;  ///< Below it new input is refused; the core and
                                                 ///< the ticks go on.
  std::int32_t live_queue_messages = 100000;     ///< For each subscriber; a slower one loses.
  std::int64_t tick_interval_ns = 1000000000;  ///< Of wall logs; 0: no ticks. A given log is ticked
                                               ///< by its writers.

  /// Free bytes of the file system of `data_dir`; empty: asks the system. For tests.
  std::function<std::uint64_t()> free_bytes;
  Environment* environment = nullptr;  ///< Borrowed; null: ZeroMQ and the machine's clock.
};

/// The addresses that were bound; empty where that socket was left out.
struct BrokerEndpoints {
  std::string ingest;
  std::string intake;
  std::string live;
  std::string replay;
};

/// Counters since the start, and gauges.
struct BrokerStats {
  std::uint64_t records = 0;        ///< Committed.
  std::uint64_t payload_bytes = 0;  ///< Committed.
  std::uint64_t commits = 0;
  std::uint64_t commit_ns = 0;  ///< Sum; divide by commits.
  std::uint64_t commit_max_ns = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t repeats = 0;         ///< Dropped, because the log had them.
  std::uint64_t diverged = 0;        ///< Batches refused: a repeat with other content.
  std::uint64_t dead = 0;            ///< Records refused into `dead`.
  std::uint64_t refusals = 0;        ///< Requests refused whole.
  std::uint64_t fenced = 0;          ///< Connections fenced by a newer one.
  std::uint64_t intake_records = 0;  ///< Taken from plain PUB devices, best effort.
  std::uint64_t intake_dropped = 0;  ///< Refused for want of disk; what ZeroMQ loses is not known.
  std::uint64_t live_sent = 0;       ///< Messages given to subscribed peers.
  std::uint64_t ticks = 0;
  std::uint64_t clock_jumps = 0;         ///< Times that recorded time had to be held back by > 1 s.
  std::uint64_t last_offset = 0;         ///< Gauge.
  std::uint64_t connections = 0;         ///< Gauge: producers known by HELLO.
  std::uint64_t replays = 0;             ///< Gauge: running.
  std::uint64_t queue_bytes = 0;         ///< Gauge: waiting for the disk.
  std::uint64_t free_bytes = 0;          ///< Gauge: of the log's file system.
  bool disk_low = false;                 ///< Gauge: new input is being refused.
  std::uint64_t removed_files = 0;       ///< Of the log, by retention.
  std::uint64_t removed_bytes = 0;       ///< In them.
  std::uint64_t retention_failures = 0;  ///< Times that old files could not be removed.
  std::uint64_t first_offset = 0;        ///< Gauge: the first that can still be read.
  bool retention_held_back = false;  ///< Gauge: the core's checkpoint keeps files that would go.
  bool core_unpinned = false;        ///< Gauge: the core is silent for so long that it keeps none.
};

/// The broker of docs/wire-protocol.md: takes records, commits them, and only then acknowledges,
/// fans out and feeds replays. Never parses a payload.
///
/// Owned by the process or test that started it. Public members may be called from any thread.
/// Inside are two threads: one with all sockets, one with the log.
///
/// Invariants: 1. an ack is sent after the commit that made its records durable; 2. fan-out and
/// replay show committed records only, in order of offset; 3. on a log error nothing more is
/// acknowledged and Run() returns the reason.
class Broker {
 public:
  /// Opens the log, binds the sockets and starts the threads. Errors: those of Log::Open, and
  /// kUnreachable for an endpoint that cannot be bound.
  static Result<std::unique_ptr<Broker>> Start(BrokerOptions options);

  /// Stops and joins; records that were received and not committed are neither stored nor acked.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Waits until Stop() is called or the broker fails; in the second case returns why. The process
  /// should then end with that reason.
  Result<void> Run();

  /// Makes Run() return. May be called from a signal handler.
  void Stop();

  const BrokerEndpoints& Endpoints() const;
  BrokerStats Stats() const;
  /// What was noticed when the log was opened, in sentences; see Log::Notes().
  const std::vector<std::string>& Notes() const;

 private:
  struct Impl;
  explicit Broker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tonus
