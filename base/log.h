#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tonus::log {

/// How much a line matters. Info lines never hold a patient's identifier or value; debug lines may.
enum class Level { kDebug, kInfo, kWarn, kError, kOff };

/// One named value of a line. Views are read before the call returns.
struct Field {
  std::string_view key;
  std::string value;
};

struct Options {
  std::string process;         ///< Name in each line: `broker`, `core`, …
  std::string level = "info";  ///< debug, info, warn, error, off.
  bool json = false;           ///< One JSON object a line instead of text for people.
};

/// Sets this process's log up; lines go to standard error. Call it once, before other threads
/// write. Before that, warnings and errors are written as text. Fails with kUsage for an unknown
/// level.
Result<void> Setup(const Options& options);

/// Writes a line. Thread-safe. A line is written whole or not at all; longer than 4096 bytes it is
/// cut.
void Write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

inline void Debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  Write(Level::kDebug, message, fields);
}
inline void Info(std::string_view message, std::initializer_list<Field> fields = {}) {
  Write(Level::kInfo, message, fields);
}
inline void Warn(std::string_view message, std::initializer_list<Field> fields = {}) {
  Write(Level::kWarn, message, fields);
}
inline void Error(std::string_view message, std::initializer_list<Field> fields = {}) {
  Write(Level::kError, message, fields);
}

}  // namespace tonus::log
