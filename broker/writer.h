#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/environment.h"
#include "broker/admission.h"
#include "broker/broker.h"
#include "broker/broker_health.h"
#include "broker/exchange.h"
#include "broker/log/log.h"

namespace tonus::v1 {
class Health;
}

namespace tonus {

/// The thread that owns the log. Each round takes what is queued, stages it in one transaction,
/// commits, and only then hands the answers and the committed records to the front.
///
/// Owned by the Broker; Run() is its thread. Invariants: 1. no answer leaves before its commit;
/// 2. after an error of the log nothing is answered any more.
class Writer {
 public:
  Writer(std::unique_ptr<Log> log, const BrokerOptions& options, Exchange& exchange);

  using TimePoint = std::chrono::steady_clock::time_point;

  /// Until the exchange stops.
  void Run();

  /// One round: waits for jobs until `deadline`. False when it is over: the exchange has stopped,
  /// or the log has failed, which stops it.
  bool StepOnce(TimePoint deadline);

  /// When there is something to do without a job.
  TimePoint NextDeadline() const;

 private:
  struct PendingAck {
    std::uint64_t last_sequence = 0;
    Offset last_offset = 0;
    std::uint64_t repeats = 0;
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    bool core = false;
    std::vector<std::pair<std::uint64_t, Verdict>> refused;  ///< With sequences.
  };

  Result<void> Round(std::vector<std::unique_ptr<Job>>& jobs);
  /// Whether a batch is taken below the disk's floor too: what people do to alerts, and ticks.
  bool IsReserved(const Job& job) const;
  Result<void> HandleBatch(Job& job);
  Result<void> HandleIntake(Job& job);
  void HandleHello(const Job& job);
  void HandleKeep(const Job& job);
  Result<void> AppendTick();
  Result<void> AppendHealth(const v1::Health& health);
  void RememberHealth();
  /// Appends a record of the broker's own.
  Result<Placed> AppendOwn(std::string_view producer, std::string_view topic,
                           std::string_view payload);
  void Collect(std::span<const AppendRecord> records, std::span<const Placed> placed);
  void Refuse(const Job& job, std::string_view code, const std::string& sentence, bool retry);
  void FlushAck(const std::string& peer);
  void FlushAcks();
  Result<void> CommitAndHandOver(std::vector<std::unique_ptr<Job>>& jobs);
  Result<void> TidyUp(bool idle);
  void Retain();
  /// The first offset that retention must leave; UINT64_MAX: it may take what it likes.
  Offset NeededFrom();
  std::uint32_t CreditFor(bool core) const;
  TimePoint Now() const { return SteadyNow(options_.environment); }

  std::unique_ptr<Log> log_;
  const BrokerOptions options_;
  Exchange& exchange_;
  Counters& counters_;
  Admission admission_;
  std::function<std::uint64_t()> free_bytes_;
  BrokerHealth health_;
  const bool wall_;
  TimePoint next_tick_;
  bool tick_due_ = false;
  std::vector<std::unique_ptr<Job>> jobs_;  ///< Of this round.
  TimePoint next_retention_;
  bool core_known_ = false;  ///< A core has written to this log, or is connected.
  TimePoint core_heard_;     ///< When the core said something last, or when this began.
  std::map<std::string, PendingAck> acks_;  ///< By peer, of this round.
  std::vector<Reply> replies_;              ///< Of this round.
  std::shared_ptr<CommittedGroup> group_;   ///< Of this round, until the commit ours alone.
};

}  // namespace tonus
