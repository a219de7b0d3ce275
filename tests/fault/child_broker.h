#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

extern char** environ;

namespace tonus {

/// broker_child as a process.
class ChildBroker {
 public:
  /// Starts it and takes over the endpoints that it prints.
  void Start(const std::string& dir) {
    std::array<int, 2> pipe_ends = {};
    ASSERT_EQ(pipe(pipe_ends.data()), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, pipe_ends[0]);
    std::string program = TONUS_BINARY_DIR "/bin/broker_child";
    std::string folder = dir;
    std::array<char*, 5> arguments = {program.data(), folder.data(), ingest.data(), replay.data(),
                                      nullptr};
    ASSERT_EQ(posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_ends[1]);
    FILE* output = fdopen(pipe_ends[0], "r");
    std::array<char, 300> first = {};
    std::array<char, 300> second = {};
    EXPECT_EQ(fscanf(output, "%299s %299s", first.data(), second.data()), 2);
    fclose(output);
    ingest = first.data();
    replay = second.data();
  }

  /// Stops it as a debugger would, or lets it go on.
  void Freeze() { kill(pid_, SIGSTOP); }
  void Thaw() { kill(pid_, SIGCONT); }

  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  ~ChildBroker() { Kill(); }

  std::string ingest = "tcp://127.0.0.1:*";
  std::string replay = "tcp://127.0.0.1:*";

 private:
  pid_t pid_ = 0;
};

}  // namespace tonus
