#pragma once

// What the benchmark programs share. A benchmark ends with a message where anything fails.

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/result.h"
#include "broker/broker.h"
#include "core/engine.h"

namespace tonus::bench {

/// The value, or the end of the program with the error in words.
template <class T>
T Must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "bench: %s\n", result.error().Message().c_str());
    std::exit(3);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// A new folder below $TMPDIR, else below the build folder, so that it lies on a real disk.
std::string ScratchDir();

/// The configuration and detectors of this tree, one shard.
core::EngineOptions BundledEngine();

/// A core on a thread of its own, connected to a broker of this process. Owned by the benchmark
/// that started it; stops with its destruction.
class RunningCore {
 public:
  RunningCore(core::EngineOptions engine, const BrokerEndpoints& broker);
  ~RunningCore();
  RunningCore(const RunningCore&) = delete;
  RunningCore& operator=(const RunningCore&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace tonus::bench
