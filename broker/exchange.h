#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/socket.h"
#include "broker/log/log.h"
#include "broker/wire.h"

namespace tonus {

enum class JobKind { kBatch, kHello, kIntake, kKeep };

/// Work for the writer, from one message (kIntake: from several). Owned by whoever holds it; the
/// front makes it, the writer hands it back to be used again.
struct Job {
  JobKind kind = JobKind::kBatch;
  std::string peer;  ///< Who gets the answer.
  std::string producer;
  bool core = false;  ///< Producer `core` or `core.*`.
  std::uint64_t epoch = 0;
  Offset keep_from = 0;                 ///< Of kKeep.
  std::vector<AppendRecord> records;    ///< Views into `messages` and `producer`.
  std::vector<SocketMessage> messages;  ///< Filled before views are taken and not moved after.
  std::uint64_t bytes = 0;              ///< Counted against queue and credit.
};

/// An answer to a producer, sent after the commit that it speaks of.
struct Reply {
  std::string peer;
  std::string bytes;                 ///< A serialized IngestReply.
  std::uint64_t credit_records = 0;  ///< No longer unacknowledged.
  std::uint64_t credit_bytes = 0;
  bool refusal = false;
};

/// Records of one commit, encoded once for all readers. Shared by the front's ring of recent groups
/// and the writer that made it; constant since it was made.
struct CommittedGroup {
  Offset first = 0;
  Offset next = 0;
  std::vector<EncodedRecord> records;
  std::string bytes;
};

/// What one round of the writer brought.
struct Outcome {
  std::vector<Reply> replies;
  std::shared_ptr<const CommittedGroup> group;  ///< Null: nothing was committed.
  std::vector<std::unique_ptr<Job>> used;       ///< To be used again.
};

/// Counters that both threads add to and anyone reads.
struct Counters {
  std::atomic<std::uint64_t> records{0}, payload_bytes{0}, commits{0}, commit_ns{0},
      commit_max_ns{0}, checkpoints{0}, repeats{0}, diverged{0}, dead{0}, refusals{0}, fenced{0},
      intake_records{0}, intake_dropped{0}, live_sent{0}, ticks{0}, clock_jumps{0}, last_offset{0},
      connections{0}, replays{0}, queue_bytes{0}, free_bytes{0}, removed_files{0}, removed_bytes{0},
      retention_failures{0}, first_offset{0};
  std::atomic<std::int64_t> clock_off_ns{0};  ///< What a jump left between log time and the clock.
  std::atomic<bool> disk_low{false}, retention_held_back{false}, core_unpinned{false};
};

/// Where the broker's two threads meet: jobs go one way, outcomes the other. The core's jobs have a
/// lane of their own and are taken first, so that a flood of input never delays alerts.
///
/// Owned by the Broker; outlives both threads.
class Exchange {
 public:
  Exchange();
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Front thread.
  void Put(std::unique_ptr<Job> job);
  std::vector<Outcome> TakeOutcomes();
  /// Bytes of jobs that are not taken yet.
  std::uint64_t QueuedBytes() const { return queued_bytes_.load(std::memory_order_relaxed); }
  /// Becomes readable with an outcome or a stop.
  int FrontDescriptor() const { return front_descriptor_; }

  // Writer thread.
  /// Waits for jobs until `deadline` or a stop, then takes what is there up to about `max_bytes`.
  void TakeJobs(std::chrono::steady_clock::time_point deadline, std::uint64_t max_bytes,
                std::vector<std::unique_ptr<Job>>& jobs);
  void PutOutcome(Outcome outcome);

  // Any thread.
  /// Ends both threads; may be called from a signal handler.
  void Stop();
  /// After Stop(): wakes the writer at once; not for signal handlers.
  void WakeWriter() { jobs_there_.notify_all(); }
  bool Stopped() const { return stopped_.load(std::memory_order_acquire); }
  /// Stops with a reason; the first one stays.
  void Fail(const Error& error);
  std::optional<Error> Failure() const;
  /// Becomes readable, and stays so, with a stop.
  int StopDescriptor() const { return stop_descriptor_; }

  Counters counters;

 private:
  void WakeFront() const;

  const int front_descriptor_;
  const int stop_descriptor_;
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> queued_bytes_{0};
  mutable std::mutex mutex_;
  std::condition_variable jobs_there_;
  std::deque<std::unique_ptr<Job>> core_jobs_;   // GUARDED_BY(mutex_)
  std::deque<std::unique_ptr<Job>> input_jobs_;  // GUARDED_BY(mutex_)
  std::vector<Outcome> outcomes_;                // GUARDED_BY(mutex_)
  std::optional<Error> failure_;                 // GUARDED_BY(mutex_)
};

}  // namespace tonus
