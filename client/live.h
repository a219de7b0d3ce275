#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/record.h"
#include "base/result.h"

namespace tonus {

class Environment;

/// Whether silence means that nothing happened.
enum class Liveness {
  kLive,      ///< Ticks arrive, and the core answers them.
  kCoreLate,  ///< Ticks arrive, and the core has not answered one for stale_after_ms: down or late.
  kBlind,     ///< No tick for stale_after_ms: the broker or the link is down. Also at the start.
};

struct LiveOptions {
  std::string live_endpoint;
  std::string replay_endpoint;        ///< For filling gaps; empty: gaps are counted and not filled.
  std::vector<std::string> prefixes;  ///< Topic prefixes; none: everything.
  std::int64_t stale_after_ms = 5000;  ///< See Liveness.
  Environment* environment = nullptr;  ///< Borrowed; null: ZeroMQ and the machine's clock.
};

/// Reads the `live` socket, and fills what it lost from `replay`.
///
/// Owned by its caller, used from one thread, has none of its own. Delivers at least what a plain
/// subscriber gets, in order within each stream (but for what a tick shows to be lost in a narrow
/// prefix, which may come after newer records), each record once. A gap is seen at once in every
/// stream `<kind>.<unit>` that a prefix takes whole; for narrower prefixes only losses that also
/// took a tick are seen. Who must have every record of a narrow prefix uses Follower.
class LiveReader {
 public:
  static Result<std::unique_ptr<LiveReader>> Open(const LiveOptions& options);
  ~LiveReader();
  LiveReader(const LiveReader&) = delete;
  LiveReader& operator=(const LiveReader&) = delete;

  /// Records that arrived or were filled in; waits up to `timeout_ms` for the first. Of these
  /// records topic, payload, offset, previous_offset and recorded_ns are set; producer, sequence
  /// and digest only of filled ones.
  Result<std::vector<Record>> Next(std::int64_t timeout_ms);

  Liveness State() const;
  /// Gaps that were seen.
  std::uint64_t Gaps() const;
  /// Of these, gaps that replay could not close: who sees this grow must read the range anew.
  std::uint64_t Unfilled() const;
  /// Records that replay brought back.
  std::uint64_t Filled() const;

 private:
  struct Impl;
  explicit LiveReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tonus
