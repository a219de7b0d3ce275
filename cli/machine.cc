#include "cli/machine.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tonus::cli {
namespace {

namespace fs = std::filesystem;

// The number that `text` is; 0 where it is none.
int ReadNumber(const std::string& text, int base) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value, base);
  return parsed.ec == std::errc() && parsed.ptr == end ? value : 0;
}

std::string WithoutScheme(const std::string& address) {
  return address.starts_with("tcp://") ? address.substr(6) : address;
}

// The inode of the socket that listens on `port`, from /proc/net/tcp or tcp6; 0: none.
std::uint64_t ListeningInode(const char* table, int port) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string index, local, remote, state, queues, timer, retransmits, uid, timeout;
    std::uint64_t inode = 0;
    fields >> index >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
        timeout >> inode;
    const auto colon = local.rfind(':');
    if (colon == std::string::npos || state != "0A") continue;
    if (ReadNumber(local.substr(colon + 1), 16) == port) return inode;
  }
  return 0;
}

std::string FirstLine(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// ZeroMQ takes the path of a Unix socket away from whoever listens on it, without a word.
Result<void> TryPath(const std::string& address) {
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  const std::string name = address.substr(6);
  if (name.size() >= sizeof(path.sun_path)) {
    return Fail(ErrorCode::kUnreachable, "the path is too long for a Unix socket", address);
  }
  name.copy(path.sun_path, name.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const void* generic = &path;
  const bool answered = connect(fd, static_cast<const sockaddr*>(generic), sizeof(path)) == 0;
  close(fd);
  if (!answered) return {};
  return Fail(ErrorCode::kUnreachable, "in use: somebody listens there already", address,
              "stop it, or choose another path in tonus.yaml");
}

}  // namespace

int PortOf(const std::string& address) {
  const auto colon = address.rfind(':');
  return colon == std::string::npos ? 0 : ReadNumber(address.substr(colon + 1), 10);
}

Result<void> TryBind(const std::string& address) {
  if (address.starts_with("ipc://")) return TryPath(address);
  std::string host = WithoutScheme(address);
  host.resize(host.rfind(':'));
  if (host == "*") host = "0.0.0.0";
  if (host.starts_with("[") && host.ends_with("]")) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(PortOf(address)).c_str(), &hints, &found) != 0) {
    return Fail(ErrorCode::kUnreachable, "is no address of this machine", address);
  }
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // As ZeroMQ binds: a port whose last connections are still closing is free.
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  const bool bound = bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1) == 0;
  const int reason = errno;
  close(fd);
  freeaddrinfo(found);
  if (bound) return {};
  if (reason != EADDRINUSE) return Fail(ErrorCode::kUnreachable, std::strerror(reason), address);
  const auto user = FindPortUser(PortOf(address));
  std::string who = "in use";
  if (user && user->pid != 0) {
    who += " by " + user->program + " (pid " + std::to_string(user->pid) + ")";
  } else if (user) {
    who += " by a process of another user";
  }
  return Fail(ErrorCode::kUnreachable, who, address,
              "stop it, or choose another port in tonus.yaml");
}

std::optional<PortUser> FindPortUser(int port) {
  std::uint64_t inode = ListeningInode("/proc/net/tcp", port);
  if (inode == 0) inode = ListeningInode("/proc/net/tcp6", port);
  if (inode == 0) return std::nullopt;
  const std::string wanted = "socket:[" + std::to_string(inode) + "]";
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const int pid = ReadNumber(process.path().filename().string(), 10);
    if (pid <= 0) continue;
    std::error_code hidden;
    for (fs::directory_iterator fd(process.path() / "fd", hidden), end; !hidden && fd != end;
         fd.increment(hidden)) {
      std::error_code gone;
      if (fs::read_symlink(fd->path(), gone) == wanted) {
        return PortUser{pid, FirstLine(process.path() / "comm")};
      }
    }
  }
  return PortUser{};
}

Result<std::uint64_t> FreeBytes(const std::string& path) {
  fs::path place = fs::absolute(path);
  std::error_code ignored;
  while (!fs::exists(place, ignored) && place.has_relative_path()) place = place.parent_path();
  struct statvfs room {};
  if (statvfs(place.c_str(), &room) != 0) {
    return Fail(ErrorCode::kUnreachable, std::strerror(errno), place.string());
  }
  return static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize;
}

std::optional<bool> ClockSynchronised() {
  timex state{};
  const int answer = adjtimex(&state);
  if (answer < 0) return std::nullopt;
  return answer != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

}  // namespace tonus::cli
