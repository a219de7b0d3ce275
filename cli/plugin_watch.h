#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tonus/plugin.h"

namespace tonus::cli {

/// The functions of a detector.
enum class Call : std::uint32_t {
  kNone,
  kEntry,  ///< Being opened by the loader, or in tonus_plugin_v1.
  kOpen,
  kClose,
  kBegin,
  kEnd,
  kOnEvent,
  kOnTimer,
  kSave,
  kLoad,
};
inline constexpr std::size_t kCalls = 10;
/// "on_event"; of kEntry "tonus_plugin_v1 or a constructor".
const char* CallName(Call call);

/// Where a detector is, in memory that another process may look at: all that a crash leaves.
struct Spot {
  Call call = Call::kNone;
  std::uint32_t detector = 0;
  std::uint64_t offset = 0;       ///< The record being played; 0: none.
  std::int32_t system_call = -1;  ///< What it was ended for when confined.
  std::uint32_t read_clock = 0;   ///< It was ended for that.
};

/// How calls are looked at.
struct WatchOptions {
  bool timed = false;
  bool round_trip = false;  ///< Save, load and save again after every call that may change a state.
  bool grown = false;       ///< Events as a later host would show them, gone when the call returns.
  bool strange = false;     ///< Events of kinds and names that no host knows yet, too.
  void (*before_open)() = nullptr;  ///< Called once, just before the first open.
};

/// What was seen.
struct Tally {
  std::uint64_t calls[kCalls] = {};
  std::int64_t ns[kCalls] = {};
  std::int64_t most_ns[kCalls] = {};
  std::vector<std::uint32_t> event_ns;  ///< Of each on_event and on_timer.
  std::uint64_t states = 0, state_bytes = 0, most_state_bytes = 0;
  std::map<std::string, std::string> complaints;  ///< The first of each rule, by "P9".
};

/// Looks at the calls of the detectors that are loaded with WatchCalls as PluginSpec::watch. There
/// is one for the process, because what the host calls are plain functions; one thread.
class Watch {
 public:
  static Watch& Get();
  void Begin(const WatchOptions& options, Spot* spot);

  WatchOptions options;
  Spot* spot = nullptr;
  Tally tally;
  const void* code = nullptr;  ///< A function of the object, once one is loaded.

  void Complain(const std::string& rule, const std::string& text);
};

/// For core::PluginSpec::watch.
void WatchCalls(std::size_t place, tonus_detector* calls);

}  // namespace tonus::cli
