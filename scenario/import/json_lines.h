#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/record.h"
#include "base/result.h"

namespace tonus::importing {

/// One line `{"topic": …, "recorded": …, "event": …}`, encoded for the log.
struct JsonLine {
  std::uint64_t line = 0;  ///< In the file, from 1.
  std::string problem;     ///< Why the line cannot be used; the rest is then empty.
  std::string topic;
  std::string payload;        ///< Serialized tonus.v1.Event.
  std::string patient;        ///< As in the event.
  LogTimeNs recorded_ns = 0;  ///< `recorded`, or where it is absent the event's effective time.
};

/// Reads JSON lines: `topic` an input topic, `recorded` RFC 3339 (may be absent), `event` a
/// tonus.v1.Event in protobuf's JSON. Empty lines are passed over. Owned by its caller, used from
/// one thread.
class JsonLines {
 public:
  /// `-` is standard input. Fails with kUnreachable.
  static Result<JsonLines> Open(const std::string& path);
  ~JsonLines();
  JsonLines(JsonLines&&) noexcept;
  JsonLines& operator=(JsonLines&&) noexcept;

  /// Reads the next line; false at the end. Fails with kIo; a line that is wrong is no failure, but
  /// has a `problem`. Lines longer than 4 MiB have one.
  Result<bool> Next(JsonLine* line);

 private:
  struct Impl;
  explicit JsonLines(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Reads one line; `line.line` is left as it is.
void ParseJsonLine(const std::string& text, JsonLine* line);

}  // namespace tonus::importing
