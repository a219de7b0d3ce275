#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/record.h"
#include "base/result.h"
#include "core/engine.h"

namespace tonus::importing {

/// What `tonus replay` is asked to do.
struct ReplayOptions {
  std::vector<std::string> from;  ///< Log folders, or files of JSON lines; played one after
                                  ///< another, each in an engine of its own.
  core::EngineOptions engine;     ///< Configuration, detectors and shards, from tonus.yaml and
                                  ///< --shards.
  std::string alerts;             ///< File for the alerts: a line of CanonicalJson each, sorted by
                                  ///< patient, condition and sequence. Empty: not written.
  std::string dead;               ///< File for the rejected input: a JSON line each. Empty: not
                                  ///< written.
  std::string technical;          ///< File for the technical alerts: a JSON line each. Empty: not
                                  ///< written.
  std::size_t batch = 4096;       ///< Records in one call of Engine::Process.
  std::optional<LogTimeNs> until_ns;  ///< Records after it are left out, and timers up to it fire.
  bool strict = false;                ///< Refuses where plugins or settings differ from the log's.
  bool json = false;                  ///< Summary as one JSON object on standard output.
};

/// Runs the detectors over recorded data, as fast as the machine can. Progress goes to standard
/// error where that is a terminal, the summary to standard output, and to standard error each
/// difference between the plugins and settings that were in force in a log and those of now.
/// Measured quarantines are repeated as recorded. Returns the exit code: 0, or 1 where the log
/// holds other alerts, or `strict` and a difference kept it from beginning. Errors: kUsage (nothing
/// to play, batch of 0), those of Engine::Create, of Log::OpenReadOnly, and of the JSON lines with
/// file:line.
Result<int> RunReplayCommand(const ReplayOptions& options);

}  // namespace tonus::importing
