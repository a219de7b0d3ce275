#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace tonus::cli {

/// A process that listens on a TCP port, as far as this user may see it.
struct PortUser {
  int pid = 0;  ///< 0: not visible to this user.
  std::string program;
};

/// Whether `address` (HOST:PORT, tcp://HOST:PORT or ipc://PATH) could be bound now; if not, why,
/// and who has it as far as this user may see.
Result<void> TryBind(const std::string& address);

/// Who listens on a TCP port of this machine; nothing if nobody does.
std::optional<PortUser> FindPortUser(int port);

/// The port of HOST:PORT or tcp://HOST:PORT; 0 where there is none.
int PortOf(const std::string& address);

/// Free bytes of the file system that holds `path` or, where that is not there yet, its nearest
/// parent. Fails with kUnreachable.
Result<std::uint64_t> FreeBytes(const std::string& path);

/// Whether the kernel says that a time service keeps the clock right; nothing if it does not say.
std::optional<bool> ClockSynchronised();

}  // namespace tonus::cli
