#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tonus {

class SocketMessage;
struct SocketOptions;
struct PollItem;
enum class SocketKind;
enum class SocketOutcome;

/// What stands behind a Socket that is not ZeroMQ's. Every call means what Socket's means.
class FrameSocket {
 public:
  virtual ~FrameSocket() = default;
  virtual Result<std::string> Bind(const std::string& endpoint) = 0;
  virtual Result<void> Connect(const std::string& endpoint) = 0;
  virtual Result<void> Subscribe(std::string_view prefix) = 0;
  virtual SocketOutcome Send(std::string_view bytes, bool more) = 0;
  virtual SocketOutcome Receive(SocketMessage& message, bool* more) = 0;
};

/// What the bus's code asks of the machine besides the disk: frames, waiting, steady time, chance.
/// A seam: a null pointer to it, the default everywhere, means ZeroMQ and the machine's own clock;
/// the simulation gives its own, so that the same code runs under a time and a network that a seed
/// decides.
///
/// Owned by whoever made it; outlives everything that was given it. Called from the threads of the
/// code that uses it.
class Environment {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  virtual ~Environment() = default;
  virtual std::unique_ptr<FrameSocket> MakeSocket(SocketKind kind,
                                                  const SocketOptions& options) = 0;
  /// As PollSockets.
  virtual int Poll(std::span<PollItem> items, std::int64_t timeout_ms) = 0;
  virtual TimePoint Now() = 0;
  virtual std::uint64_t Random() = 0;
};

/// Steady time, of the environment or of the machine.
inline Environment::TimePoint SteadyNow(Environment* environment) {
  return environment != nullptr ? environment->Now() : std::chrono::steady_clock::now();
}

}  // namespace tonus
