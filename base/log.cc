#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/text.h"

namespace tonus::log {
namespace {

constexpr std::size_t kMaxLineBytes = 4096;

struct State {
  std::shared_ptr<spdlog::logger> logger;
  std::string process;
  bool json = false;
};

// Lives as long as the process, so that a line written while statics are torn down still has a
// logger.
State& GetState() {
  static State& state = *[] {
    auto* made = new State;
    made->logger = std::make_shared<spdlog::logger>(
        "tonus", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->logger->set_level(spdlog::level::warn);
    made->logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %v", spdlog::pattern_time_type::utc);
    return made;
  }();
  return state;
}

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      break;
  }
  return spdlog::level::off;
}

std::string JsonLine(const State& state, Level level, std::string_view message,
                     std::initializer_list<Field> fields) {
  static constexpr const char* kNames[] = {"debug", "info", "warn", "error", "off"};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  nlohmann::ordered_json line;
  line["time"] = FormatTime(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  line["level"] = kNames[static_cast<int>(level)];
  line["process"] = state.process;
  line["message"] = message;
  for (const Field& field : fields) line[std::string(field.key)] = field.value;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string TextLine(const State& state, std::string_view message,
                     std::initializer_list<Field> fields) {
  std::string line;
  if (!state.process.empty()) line = state.process + ": ";
  line += message;
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += field.value;
  }
  // A line break inside a value would look like a line of its own.
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return line;
}

}  // namespace

Result<void> Setup(const Options& options) {
  static const std::vector<std::string> kLevels = {"debug", "info", "warn", "error", "off"};
  std::size_t index = 0;
  while (index < kLevels.size() && kLevels[index] != options.level) ++index;
  if (index == kLevels.size()) {
    const auto nearest = NearestName(options.level, kLevels);
    return Fail(
        ErrorCode::kUsage, "there is no log level '" + options.level + "'", "--log-level",
        nearest ? "did you mean '" + *nearest + "'?" : "use debug, info, warn, error or off");
  }
  State& state = GetState();
  state.process = options.process;
  state.json = options.json;
  state.logger->set_level(ToSpdlog(static_cast<Level>(index)));
  if (options.json) state.logger->set_pattern("%v");
  state.logger->flush_on(spdlog::level::debug);
  return {};
}

void Write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  State& state = GetState();
  const auto spdlog_level = ToSpdlog(level);
  if (!state.logger->should_log(spdlog_level)) return;
  std::string line =
      state.json ? JsonLine(state, level, message, fields) : TextLine(state, message, fields);
  if (line.size() > kMaxLineBytes) {
    line = state.json ? JsonLine(state, level, message.substr(0, 512), {})
                      : line.substr(0, kMaxLineBytes);
  }
  state.logger->log(spdlog_level, "{}", line);
}

}  // namespace tonus::log
