#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/record.h"
#include "base/result.h"
#include "core/engine.h"

namespace tonus::scenario {

/// How `tonus simulate` and the ward of `tonus up` run.
struct SimulateOptions {
  std::string ingest_endpoint;  ///< The broker's `ingest`; its log must have a given clock.
  std::string replay_endpoint;  ///< The broker's `replay`, asked once for the last recorded time.
  std::string producer = "ward";
  unsigned patients = 12;
  std::uint64_t seed = 1;
  double speed = 60;        ///< Seconds of log time in one second.
  LogTimeNs start_ns = 0;   ///< Of a new log, since 1970; 0: 2024-03-01T08:00:00Z.
  std::int64_t for_ns = 0;  ///< Ends after so much log time from here; 0: until stopped.

  /// Scenario files that are played in place of the ward, all from start_ns on. They are read with
  /// the names of `signals_path`, `drugs_path` and `plugins`.
  std::vector<std::string> scenario_files;
  std::string signals_path;
  std::string drugs_path;
  std::vector<core::PluginSpec> plugins;
};

/// How far a simulation is.
struct SimulateProgress {
  std::uint64_t records = 0;  ///< Published by this run, ticks included.
  LogTimeNs log_ns = 0;       ///< Log time reached.
  bool resumed = false;       ///< It went on in a log that had records.
  std::uint64_t refused = 0;  ///< By the broker, into `dead`.
  std::string refusal;        ///< The newest refusal, in words.
};

/// Drives a simulated ward, or scenario files, into a broker in real time × speed until `stop`
/// becomes true or `for_ns` is over. What happened before start is published at once. On a log that
/// has records it goes on after the last of them: the ward is a function of seed and log time, so
/// it is the same ward. It writes the ticks of a given-clock log, one for each second of real time
/// and at least one for each minute of log time.
///
/// Blocks the calling thread; `progress` is called on it about once a second. Errors: those of
/// Publisher::Open, kRefused for a log with a wall clock, kConfig for a wrong scenario file.
Result<SimulateProgress> Simulate(const SimulateOptions& options, const std::atomic<bool>& stop,
                                  const std::function<void(const SimulateProgress&)>& progress);

}  // namespace tonus::scenario
