#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/record.h"
#include "base/result.h"

namespace tonus {

class Environment;

struct PublisherOptions {
  std::string endpoint;  ///< The broker's `ingest`.
  std::string
      producer;  ///< 1–64 bytes of letters, digits, `.`, `_`, `-`. `core`, `core.*`: the core.
  std::uint32_t batch_records = 256;        ///< A batch is sent when it has so many records, …
  std::uint64_t batch_bytes = 512U << 10U;  ///< … or bytes, …
  std::int64_t linger_ns = 1000000;  ///< … or is so old. 0: each Publish sends what it can.
  std::uint64_t buffer_bytes = 256ULL << 20U;  ///< Unacknowledged and unsent, in this process.
  std::int64_t connect_timeout_ms = 5000;      ///< For Open, until the broker's Welcome.
  std::int64_t answer_timeout_ms = 5000;       ///< Silence after which the connection is made anew.

  /// The first sequence that Publish gives out; 0: the one after the broker's last. The core sets
  /// it: it derives its records again from the beginning (or a checkpoint) under the same names,
  /// and the broker drops the repeats, refusing one whose digest differs (kDiverged).
  std::uint64_t first_sequence = 0;

  Environment* environment = nullptr;  ///< Borrowed; null: ZeroMQ and the machine's clock.
};

/// One record to publish; views, borrowed for the call.
struct PublishRecord {
  std::string_view topic;
  std::string_view payload;
  std::uint64_t digest = 0;   ///< 0: the broker computes one.
  bool open = false;          ///< Of `alert.*`.
  LogTimeNs recorded_ns = 0;  ///< On a log with a given clock.
};

/// A record that the broker refused; it stands in `dead`.
struct RefusedPublish {
  std::uint64_t sequence = 0;
  std::string code;
  std::string sentence;
};

/// Publishes durably: what AckedSequence() covers is on the broker's disk. Buffers, batches, keeps
/// within the broker's credit, reconnects, and sends again what was not acknowledged.
///
/// Owned by its caller, used from one thread, has none of its own: it moves only inside Publish,
/// Poll, Send and Flush, so call one of them at least once a second.
///
/// Invariants: 1. sequences are given out without a gap; 2. a record leaves the buffer only when it
/// is acknowledged; 3. after a fatal error (kFenced, kDiverged, kRefused) every call returns it.
class Publisher {
 public:
  /// Connects and says HELLO. Errors: kUnreachable (no answer in connect_timeout_ms), kRefused
  /// (bad producer name), kUsage (options).
  static Result<std::unique_ptr<Publisher>> Open(const PublisherOptions& options);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  /// Takes one record and returns its sequence. Waits for room while the buffer is full, and fails
  /// with kTimeout where none comes within answer_timeout_ms (then nothing was taken), with
  /// kNoSpace where the broker refuses input for want of disk meanwhile.
  Result<std::uint64_t> Publish(const PublishRecord& record);

  /// Sends and receives; waits up to `timeout_ms` for something to happen.
  Result<void> Poll(std::int64_t timeout_ms);

  /// Sends what is buffered now, as far as credit allows, however young the batch: for whoever
  /// knows that nothing follows at once. Never waits.
  Result<void> Send();

  /// Sends everything and waits until it is acknowledged. kTimeout after `timeout_ms` (kNoSpace
  /// where the broker has no disk): the records stay buffered and it may be called again.
  Result<void> Flush(std::int64_t timeout_ms);

  /// Of the core: tells the broker that everything from `from_offset` on must stay readable,
  /// because a checkpoint that is on disk begins there. Sent with the next call that moves this
  /// publisher, and again after each reconnect.
  void Keep(std::uint64_t from_offset);
  /// First offset that the log still holds, as the broker answered the last Keep; 0: no answer yet.
  std::uint64_t FirstKept() const;

  /// Every record up to here is on disk, or was refused and is (or was) in TakeRefused().
  std::uint64_t AckedSequence() const;
  /// The sequence that the next Publish gives out.
  std::uint64_t NextSequence() const;
  /// The broker's last sequence of this producer when this publisher connected first.
  std::uint64_t ResumedAfter() const;
  /// Whether the log takes recorded times from its writers.
  bool GivenClock() const;
  /// Records that are buffered, unacknowledged.
  std::size_t Pending() const;
  /// Repeats that the broker had already.
  std::uint64_t Repeats() const;
  /// Times that the connection was made anew.
  std::uint64_t Reconnects() const;
  /// Refused records since the last call.
  std::vector<RefusedPublish> TakeRefused();

 private:
  struct Impl;
  explicit Publisher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tonus
