#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/record.h"
#include "base/result.h"
#include "core/engine.h"
#include "core/service_checkpoint.h"

namespace tonus {
class Environment;
}

namespace tonus::core {

struct ServiceOptions {
  EngineOptions engine;
  std::string replay_endpoint;                 ///< The broker's `replay`: where records come from.
  std::string ingest_endpoint;                 ///< The broker's `ingest`: where outputs go to.
  std::size_t batch = 512;                     ///< Records taken at once; changes no alert.
  std::int64_t connect_timeout_ms = 10'000;    ///< For Open, until the broker has answered.
  std::int64_t late_after_ns = 5'000'000'000;  ///< Age of the input from which alerts are late.
  CheckpointOptions checkpoint;
  Environment* environment = nullptr;  ///< Borrowed; null: ZeroMQ and the machine's clock.
};

/// Where a Service stands; for /healthz, /metrics and a line now and then.
struct ServiceStatus {
  Offset processed_offset = 0;      ///< Last record taken from the log.
  LogTimeNs processed_ns = 0;       ///< Its recorded time.
  Offset log_end = 0;               ///< Last record that the broker had when asked at the start, or
                                    ///< the last one seen, whichever is later.
  bool caught_up = false;           ///< Everything on the broker's disk has been taken.
  bool connected = false;           ///< The broker has spoken lately.
  bool late = false;                ///< Alerts are late, see ServiceHealth.
  std::int64_t late_ns = 0;         ///< Age of the input that waits; 0: none does.
  std::uint64_t derived = 0;        ///< Outputs derived since the start.
  std::uint64_t published = 0;      ///< Of them, handed to the broker by this process.
  std::uint64_t acknowledged = 0;   ///< Sequence up to which the broker has them on disk.
  std::uint64_t resumed_after = 0;  ///< Sequence that the broker had when this process started.
  std::uint64_t reconnects = 0;
  Offset restored_offset = 0;  ///< Of the checkpoint that this process began from; 0: none.
  Offset needed_from = 0;      ///< A restart needs the log from here on; 0: from its beginning.
  std::string producer;        ///< `core.<12 hexadecimal digits>`.
  /// Alert versions derived, by (condition, priority in words).
  std::map<std::pair<std::string, std::string>, std::uint64_t> alerts;
};

/// The live core: follows a broker's log from its first record, derives, and publishes what is not
/// yet in the log.
///
/// The n-th output of the engine, after one `config.` record, has sequence n + 1 of the producer
/// `core.<first 12 digits of the configuration's digest>` (`….2` and so on where that configuration
/// comes back after another). A restarted service reads the log from the beginning again, derives
/// the same outputs under the same names, and sends those that the broker does not have. Where it
/// has a checkpoint of this log and configuration it does so from there on. It also
/// compares with what is there: the records of its own producer come by in the log, and each one's
/// digest has to be that of the output of its name. A difference, or the broker's `diverged`, means
/// that alerts on disk were not derived by this program from this log: the service says so in a
/// `tech.core.` record under another name, and stops with kDiverged.
///
/// Where older producers `core.*` are in the log, the first record of a new one is a `config.`
/// record that says from where on it publishes: what it derives from earlier records is not
/// published again. Alerts that a predecessor left open are taken over: those that this
/// configuration has open go on under their id and with a higher sequence, those that it has not
/// are listed in `closed_alerts` and closed by a resolved record.
///
/// Owned by its caller; one thread, which calls Step again and again. Stop from another thread or a
/// signal handler by no longer calling it.
class Service {
 public:
  /// Loads the engine, asks the broker for its log and connects. Errors as Engine::Create, and
  /// kUnreachable where the broker does not answer, kFenced where another core runs.
  static Result<std::unique_ptr<Service>> Open(const ServiceOptions& options);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Takes what has come, up to one batch, and publishes what follows; waits up to `wait_ms` for
  /// the first record. Fails with kDiverged, kFenced, kCorrupt: then the service is over. A broker
  /// that is away is no error: Status().connected says so.
  Result<void> Step(std::int64_t wait_ms);

  /// Waits until everything derived so far is acknowledged. kTimeout where it takes longer.
  Result<void> Flush(std::int64_t timeout_ms);

  ServiceStatus Status() const;
  const Engine& GetEngine() const;

 private:
  struct Impl;
  explicit Service(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tonus::core
