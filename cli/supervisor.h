#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace tonus::cli {

/// One process of the same program that is kept running.
struct ChildSpec {
  std::string name;                    ///< Subcommand, and name in messages.
  std::vector<std::string> arguments;  ///< After the program's name.
  std::string log_path;                ///< Its output is appended here.
  bool may_finish = false;             ///< Ending with code 0 is no reason to start it again.
};

/// Something that happened to a child, for a person.
struct ChildEvent {
  std::string child;
  std::string text;
  bool give_up = false;  ///< It cannot run: stop everything with `exit_code`.
  int exit_code = 0;
};

/// Starts children of the same program, starts them again when they die, and stops them in the
/// opposite order. Owned by `up`, used by its one thread. Children die with this process, however
/// it ends, and have a process group of their own, so that Ctrl-C reaches this process first.
///
/// A child that dies is started again after a pause that doubles up to ten seconds and begins anew
/// after a minute of health. Given up: a child that says usage or configuration (exit code 2), that
/// cannot reach or open (3) in its first three seconds, three times without a healthy run between.
class Supervisor {
 public:
  Supervisor() = default;
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  Result<void> Start(ChildSpec spec);

  /// Collects children that ended and restarts those whose pause is over. Call it often.
  std::vector<ChildEvent> Tend();

  /// Asks all to end, last started first, kills what has not ended after some seconds.
  void StopAll();

  /// "broker 123, core 124" of those that run.
  std::string Running() const;
  /// How often children were started again.
  unsigned Restarts() const { return restarts_; }

 private:
  using Time = std::chrono::steady_clock::time_point;

  struct Child {
    ChildSpec spec;
    pid_t pid = 0;  ///< 0: not running.
    Time started;
    Time again;  ///< When to start it again; only while not running.
    bool finished = false;
    unsigned failures = 0;  ///< In a row, without a minute of health between.
  };

  static Result<pid_t> Spawn(const ChildSpec& spec);
  ChildEvent Ended(Child* child, int status);

  std::vector<Child> children_;
  unsigned restarts_ = 0;
};

}  // namespace tonus::cli
