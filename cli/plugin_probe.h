#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/plugin.h"
#include "cli/plugin_watch.h"

namespace tonus::cli {

/// One play of the workload to a detector, in a process of its own: whatever the detector does
/// there, the one that asked goes on.
struct ProbeRequest {
  std::string plugin;                              ///< The file.
  std::string config;                              ///< tonus.yaml, for names and settings.
  std::string mode;                                ///< One of those in plugin_probe.cc.
  std::string patient;                             ///< Of mode `alone`.
  std::map<std::string, std::string> environment;  ///< Added to that of this process.
  std::int64_t limit_ms = 60'000;                  ///< Then it is ended.
  unsigned ward_patients = 3, ward_hours = 8;
};

/// What came of it.
struct ProbeAnswer {
  bool finished = false;   ///< It came to its end and said all; else `ended` says why not.
  std::string ended;       ///< A clause: "crashes in on_event (SIGSEGV)", "does not come back …".
  std::string ended_rule;  ///< "P6": which rule that breaks.
  std::optional<Error> error;                     ///< What the core said where it would not begin.
  std::map<std::string, std::string> complaints;  ///< By rule.
  std::vector<std::string> lines;   ///< One for each alert or technical alert, comparable.
  std::vector<std::string> second;  ///< Those of a second run, where the mode has one.
  std::map<std::string, double> numbers;
  std::int64_t most_memory_kib = 0;  ///< Of the process, at its largest.
};

/// Fails only where no process could be made.
Result<ProbeAnswer> RunProbe(const ProbeRequest& request);

/// `plugin probe`: the other side of RunProbe; hidden.
void AddPluginProbe(CLI::App& plugin, Program& program);

}  // namespace tonus::cli
