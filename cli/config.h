#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace tonus::cli {

/// A detector as tonus.yaml names it.
struct PluginEntry {
  std::string path;                             ///< Absolute path of the shared object.
  std::map<std::string, std::string> settings;  ///< key → value as written.
  std::string settings_where;                   ///< file:line:column of the settings.
};

struct BrokerConfig {
  std::string ingest = "tcp://127.0.0.1:7601";
  std::string intake = "tcp://127.0.0.1:7602";
  std::string live = "tcp://127.0.0.1:7603";
  std::string replay = "tcp://127.0.0.1:7604";
  std::string http = "127.0.0.1:7611";  ///< Empty: none.
  std::int64_t tick_ns = 1'000'000'000;
  std::int64_t keep_age_ns = 0;  ///< 0: files of the log are kept for ever.
  std::uint64_t keep_bytes = 0;  ///< 0: the log may grow to any size.
  std::int64_t core_silent_ns = 86'400 * std::int64_t{1'000'000'000};
  std::uint64_t payload_bytes = 1048576;
  std::uint64_t message_bytes = 16777216;
  std::uint32_t batch_records = 4096;
  std::uint32_t credit_records = 65536;
  std::uint64_t credit_bytes = 67108864;
  std::uint64_t queue_bytes = 268435456;
  std::uint64_t recent_bytes = 67108864;
  std::uint32_t replays = 1024;
  std::uint32_t live_backlog = 100000;
  std::uint64_t segment_bytes = 1073741824;
  std::uint64_t topics = 1000000;
  std::uint64_t free_bytes = 536870912;
};

struct CoreConfig {
  std::string http = "127.0.0.1:7612";  ///< Empty: none.
  std::uint32_t shards = 1;
  std::uint32_t batch = 512;
  std::string checkpoint_dir = "core";  ///< Absolute, or within --data; empty: no checkpoints.
  std::int64_t checkpoint_every_ns = 300'000'000'000;
  std::uint64_t checkpoint_records = 1'000'000;
  std::int64_t late_after_ns = 5'000'000'000;
  std::string signals_path;  ///< Absolute.
  std::string drugs_path;    ///< Absolute.
};

struct WardConfig {
  std::uint32_t patients = 12;
  double speed = 60;  ///< Seconds of log time in one second.
  std::uint64_t seed = 1;
};

/// tonus.yaml, read and checked.
struct Config {
  std::string path;  ///< The file.
  BrokerConfig broker;
  CoreConfig core;
  WardConfig ward;
  std::vector<PluginEntry> plugins;  ///< In the order in which they are loaded.
  std::string plugin_folder;  ///< Where plugins without a slash in their path are looked for.
};

/// The file to read: `given` where it is not empty, else $TONUS_CONFIG, else config/tonus.yaml of
/// the program's source tree, else ../share/tonus/tonus.yaml. Fails with kConfig where there is
/// none.
Result<std::string> FindConfig(const std::string& given);

/// Reads and checks a tonus.yaml. Fails with kUnreachable (cannot be read) or kConfig, naming line,
/// column and, for a misspelt key, the nearest valid one. Does not look whether the plugins load.
Result<Config> ReadConfig(const std::string& path);

/// FindConfig and ReadConfig.
Result<Config> LoadConfig(const std::string& given);

/// The endpoint under which a client on this machine reaches a socket that is bound to `bound`.
std::string ClientEndpoint(const std::string& bound);

/// Whether an endpoint, or an address of the form HOST:PORT, can be reached from other machines.
bool IsExposed(const std::string& endpoint);

/// Absolute path of the running program.
std::string ProgramPath();

/// The folder in which detectors lie: plugins/ beside the program's bin/, else
/// ../lib/tonus/plugins.
std::string DefaultPluginFolder();

}  // namespace tonus::cli
