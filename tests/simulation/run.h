#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace tonus::simulation {

struct RunOptions {
  std::uint64_t seed = 1;
  bool trace = false;
  std::string dir;  ///< An empty folder for the log.
};

/// What a run came to.
struct RunResult {
  std::optional<std::string> violation;
  std::uint64_t digest = 0;  ///< Over everything that happened; equal for equal seeds.
  std::string summary;       ///< One line of figures.
};

/// Plays one seed: devices, broker, readers and core under the faults that the seed decides, then a
/// time without faults, in which all must come to rest, then the comparison with the log.
RunResult PlaySeed(const RunOptions& options);

}  // namespace tonus::simulation
