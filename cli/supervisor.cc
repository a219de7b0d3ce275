#include "cli/supervisor.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/config.h"
#include "cli/show.h"
#include "cli/stop_signal.h"

namespace tonus::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::uintmax_t kMaxLogBytes = 16U << 20U;

// The last line that a child wrote: nearly always why it ended.
std::string LastLine(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(0, std::ios::end);
  const auto size = static_cast<std::streamoff>(file.tellg());
  file.seekg(std::max<std::streamoff>(0, size - 4096));
  std::string line;
  std::string last;
  while (std::getline(file, line)) {
    if (!line.empty()) last = line;
  }
  return Printable(last);
}

// The child's side between fork and exec: only calls that are safe there, for this process has
// threads.
[[noreturn]] void BecomeChild(pid_t parent, int log_fd, int null_fd, const char* program,
                              char* const* arguments) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(3);
  setpgid(0, 0);
  StopSignal::Uninstall();
  dup2(null_fd, STDIN_FILENO);
  dup2(log_fd, STDOUT_FILENO);
  dup2(log_fd, STDERR_FILENO);
  close_range(3, ~0U, 0);
  execv(program, arguments);
  _exit(3);
}

}  // namespace

Supervisor::~Supervisor() { StopAll(); }

Result<pid_t> Supervisor::Spawn(const ChildSpec& spec) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(spec.log_path).parent_path(), ignored);
  if (std::filesystem::file_size(spec.log_path, ignored) > kMaxLogBytes && !ignored) {
    std::filesystem::rename(spec.log_path, spec.log_path + ".old", ignored);
  }
  const int log_fd = open(spec.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (log_fd < 0) {
    return Fail(ErrorCode::kUnreachable, std::string("cannot be written: ") + std::strerror(errno),
                spec.log_path, "choose another folder with --data");
  }
  const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const std::string program = ProgramPath();
  std::vector<std::string> words = {program};
  words.insert(words.end(), spec.arguments.begin(), spec.arguments.end());
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeChild(parent, log_fd, null_fd, program.c_str(), arguments.data());
  const int reason = errno;
  close(log_fd);
  close(null_fd);
  if (pid < 0) return Fail(ErrorCode::kIo, std::string("cannot fork: ") + std::strerror(reason));
  return pid;
}

Result<void> Supervisor::Start(ChildSpec spec) {
  auto pid = Spawn(spec);
  if (!pid) return tl::unexpected(pid.error());
  Child child;
  child.spec = std::move(spec);
  child.pid = *pid;
  child.started = steady_clock::now();
  children_.push_back(std::move(child));
  return {};
}

ChildEvent Supervisor::Ended(Child* child, int status) {
  const auto now = steady_clock::now();
  const auto age = now - child->started;
  child->pid = 0;
  ChildEvent event;
  event.child = child->spec.name;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == 0 && child->spec.may_finish) {
    child->finished = true;
    event.text = child->spec.name + " has finished";
    return event;
  }
  const std::string last = LastLine(child->spec.log_path);
  event.text = child->spec.name;
  if (WIFSIGNALED(status)) {
    event.text += " was ended by signal " + std::to_string(WTERMSIG(status)) + " (" +
                  strsignal(WTERMSIG(status)) + ")";
    // What a crash left is its reason; before any other signal the last line is of something else.
    if (last.starts_with("tonus: ") && WTERMSIG(status) != SIGKILL) event.text += ": " + last;
  } else {
    event.text += " ended with code " + std::to_string(code);
    if (!last.empty()) event.text += ": " + last;
  }
  child->failures = age > seconds(60) ? 1 : child->failures + 1;
  const bool hopeless = code == 2 || (code == 3 && age < seconds(3) && child->failures >= 3);
  if (hopeless) {
    event.give_up = true;
    event.exit_code = code;
    return event;
  }
  const auto pause =
      std::min(milliseconds(500) * (1U << std::min(child->failures - 1, 5U)), milliseconds(10'000));
  child->again = now + pause;
  event.text += "; it is started again";
  return event;
}

std::vector<ChildEvent> Supervisor::Tend() {
  std::vector<ChildEvent> events;
  for (Child& child : children_) {
    int status = 0;
    if (child.pid != 0 && waitpid(child.pid, &status, WNOHANG) == child.pid) {
      events.push_back(Ended(&child, status));
      if (events.back().give_up) return events;
    }
    if (child.pid != 0 || child.finished || steady_clock::now() < child.again) continue;
    auto pid = Spawn(child.spec);
    if (!pid) {
      events.push_back({child.spec.name, pid.error().Message(), true, ExitCode(pid.error())});
      return events;
    }
    child.pid = *pid;
    child.started = steady_clock::now();
    ++restarts_;
  }
  return events;
}

void Supervisor::StopAll() {
  for (auto child = children_.rbegin(); child != children_.rend(); ++child) {
    if (child->pid == 0) continue;
    kill(child->pid, SIGTERM);
    const auto deadline = steady_clock::now() + seconds(4);
    while (waitpid(child->pid, nullptr, WNOHANG) == 0) {
      if (steady_clock::now() > deadline) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, nullptr, 0);
        break;
      }
      std::this_thread::sleep_for(milliseconds(10));
    }
    child->pid = 0;
    child->finished = true;
  }
}

std::string Supervisor::Running() const {
  std::string text;
  for (const Child& child : children_) {
    if (child.finished) continue;
    text += (text.empty() ? "" : ", ") + child.spec.name + " ";
    text += child.pid != 0 ? std::to_string(child.pid) : "(down)";
  }
  return text;
}

}  // namespace tonus::cli
