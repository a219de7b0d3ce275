// The side of a probe that asks: starts the process, waits for its answer with a deadline, and says
// in words how it ended.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/config.h"
#include "cli/plugin_confine.h"
#include "cli/plugin_probe.h"
#include "cli/plugin_probe_pipe.h"

namespace tonus::cli {
namespace {

using Clock = std::chrono::steady_clock;

Error NoProcess(const char* what) {
  return {ErrorCode::kIo, std::string(what) + ": " + std::strerror(errno), "plugin probe", {}};
}

std::string Where(const Spot& spot) {
  std::string text = std::string(" in ") + CallName(spot.call);
  if (spot.offset != 0) text += " at record " + std::to_string(spot.offset);
  return text;
}

/// Only what is safe between fork and exec.
[[noreturn]] void Become(const std::vector<char*>& arguments, const std::vector<char*>& environment,
                         const char* program, int result, int spot) {
  // Out of the way of the numbers that they are to have.
  const int result_up = fcntl(result, F_DUPFD, 10), spot_up = fcntl(spot, F_DUPFD, 10);
  const int nothing = open("/dev/null", O_RDWR);
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing, number);
  dup2(result_up, kResult);
  dup2(spot_up, kSpot);
  close(result_up);
  close(spot_up);
  execve(program, arguments.data(), environment.data());
  _exit(127);
}

std::vector<std::string> EnvironmentWith(const std::map<std::string, std::string>& more) {
  std::vector<std::string> out;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string entry = *each;
    if (more.count(entry.substr(0, entry.find('='))) == 0) out.push_back(entry);
  }
  for (const auto& [key, value] : more) {
    out.push_back(key);
    out.back() += "=" + value;
  }
  return out;
}

std::vector<char*> Pointers(std::vector<std::string>* texts) {
  std::vector<char*> out;
  for (std::string& text : *texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// Reads to the end or the deadline; false: the deadline came first.
bool ReadAll(int from, Clock::time_point deadline, std::string* out) {
  std::array<char, 1 << 16> buffer;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd ready = {from, POLLIN, 0};
    const int n = poll(&ready, 1, static_cast<int>(left));
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) return false;
    const ssize_t got = read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    out->append(buffer.data(), static_cast<std::size_t>(got));
  }
}

void SayHowItEnded(int status, bool late, const Spot& spot, const ProbeRequest& request,
                   ProbeAnswer* answer) {
  answer->ended_rule = "P6";
  if (late) {
    answer->ended_rule = "P14";
    answer->ended =
        "does not come back within " + std::to_string(request.limit_ms / 1000) + " s" + Where(spot);
    return;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kConfinedExit) {
    answer->ended_rule = "P7";
    const char* name = SystemCallName(spot.system_call);
    answer->ended =
        spot.read_clock != 0
            ? "reads the clock" + Where(spot) + "; log time is what now() returns"
            : "makes the system call " +
                  (name != nullptr ? std::string(name) : std::to_string(spot.system_call)) +
                  Where(spot) + "; a detector has no file, socket, thread, process or clock";
    return;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) < 128) {
    answer->ended = "ends the whole process with exit code " + std::to_string(WEXITSTATUS(status)) +
                    Where(spot);
    answer->ended_rule = "P7";
    return;
  }
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) - 128;
  const char* name = sigabbrev_np(signal);
  answer->ended = "crashes" + Where(spot) + " (SIG" + (name != nullptr ? name : "?") + ")";
}

void ReadAnswer(const nlohmann::json& json, ProbeAnswer* answer) {
  for (const auto& [rule, text] : json["complaints"].items()) {
    answer->complaints[rule] = text.get<std::string>();
  }
  for (const auto& [name, number] : json["numbers"].items()) {
    answer->numbers[name] = number.get<double>();
  }
  if (json.contains("lines")) answer->lines = json["lines"].get<std::vector<std::string>>();
  if (json.contains("second")) answer->second = json["second"].get<std::vector<std::string>>();
  if (!json.contains("error")) {
    answer->finished = true;
    return;
  }
  const auto& error = json["error"];
  answer->error =
      Error{static_cast<ErrorCode>(error["code"].get<int>()), error["what"].get<std::string>(),
            error["where"].get<std::string>(), error["hint"].get<std::string>()};
  answer->ended_rule = "P1";
  answer->ended = answer->error->what;
  if (!answer->error->hint.empty()) answer->ended += "; " + answer->error->hint;
}

}  // namespace

Result<ProbeAnswer> RunProbe(const ProbeRequest& request) {
  const int spot_file = memfd_create("tonus-spot", 0);
  if (spot_file < 0 || ftruncate(spot_file, sizeof(Spot)) != 0) {
    return tl::unexpected<Error>(NoProcess("no shared memory"));
  }
  void* page = mmap(nullptr, sizeof(Spot), PROT_READ | PROT_WRITE, MAP_SHARED, spot_file, 0);
  int ends[2] = {-1, -1};
  if (page == MAP_FAILED || pipe2(ends, O_CLOEXEC) != 0) {
    return tl::unexpected<Error>(NoProcess("no pipe"));
  }
  const std::string program = ProgramPath();
  std::vector<std::string> words = {"tonus",           "--config",
                                    request.config,    "plugin",
                                    "probe",           request.plugin,
                                    "--mode",          request.mode,
                                    "--ward-patients", std::to_string(request.ward_patients),
                                    "--ward-hours",    std::to_string(request.ward_hours)};
  if (!request.patient.empty()) words.insert(words.end(), {"--patient", request.patient});
  std::vector<std::string> variables = EnvironmentWith(request.environment);
  const auto arguments = Pointers(&words), environment = Pointers(&variables);
  const pid_t child = fork();
  if (child == 0) Become(arguments, environment, program.c_str(), ends[1], spot_file);
  close(ends[1]);
  close(spot_file);
  if (child < 0) return tl::unexpected<Error>(NoProcess("no process"));

  std::string text;
  ProbeAnswer answer;
  const bool late =
      !ReadAll(ends[0], Clock::now() + std::chrono::milliseconds(request.limit_ms), &text);
  if (late) kill(child, SIGKILL);
  close(ends[0]);
  int status = 0;
  rusage usage = {};
  while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  answer.most_memory_kib = usage.ru_maxrss;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!late && WIFEXITED(status) && WEXITSTATUS(status) == 0 && json.is_object()) {
    ReadAnswer(json, &answer);
  } else {
    SayHowItEnded(status, late, *static_cast<const Spot*>(page), request, &answer);
  }
  munmap(page, sizeof(Spot));
  return answer;
}

}  // namespace tonus::cli
