#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace CLI {
class App;
}

namespace tonus::cli {

/// What every subcommand takes.
struct Globals {
  std::string config;  ///< Empty: FindConfig decides.
  std::string data = "data";
  bool json = false;  ///< Answers as JSON, for programs.
  std::string log_level = "info";
};

/// The parsed command line. Lives in main for as long as the process; subcommands keep references.
struct Program {
  Globals globals;
  std::function<int()> run;  ///< Set by the subcommand that was named; returns the exit code.
};

/// Prints "tonus: where: what; hint" to standard error and returns the exit code.
int Report(const Error& error);

/// The time above nothing that stands behind `option`, in ns. Fails with kUsage.
Result<std::int64_t> DurationOption(const char* option, const std::string& text);

/// Why a word is no speed of the simulated ward, for CLI11; empty where it is one.
std::string WhyNoSpeed(const std::string& text);

/// The most patients of the simulated ward, as in tonus.yaml.
constexpr unsigned kMostPatients = 10'000;

/// Sets the log up for a long-running part; JSON lines unless standard error is a terminal.
Result<void> SetUpLog(const Globals& globals, const std::string& process);

/// The folder of the log that `broker` (ward = false) or `up` with its simulated ward writes.
std::string LogFolder(const Globals& globals, bool ward);

// Each adds its subcommand; one file each.
void AddUp(CLI::App& app, Program& program);
void AddBroker(CLI::App& app, Program& program);
void AddCore(CLI::App& app, Program& program);
void AddSimulate(CLI::App& app, Program& program);
void AddTail(CLI::App& app, Program& program);
void AddPublish(CLI::App& app, Program& program);
void AddScenario(CLI::App& app, Program& program);
void AddImport(CLI::App& app, Program& program);
void AddReplay(CLI::App& app, Program& program);
void AddDead(CLI::App& app, Program& program);
void AddLog(CLI::App& app, Program& program);
void AddPlugin(CLI::App& app, Program& program);
void AddConfig(CLI::App& app, Program& program);
void AddDoctor(CLI::App& app, Program& program);

}  // namespace tonus::cli
