#include "cli/config.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <type_traits>

#include "base/text.h"
#include "base/yaml.h"

namespace tonus::cli {
namespace {

namespace fs = std::filesystem;
using yaml::Node;

// Reads one map of the file. The first failure is kept and later reads do nothing, so that a
// section reads as the list of its keys.
class Section {
 public:
  Section(const Node& parent, const std::string& key) {
    auto node = parent.Get(key);
    if (node && !node->IsNull()) node_ = *node;
    present_ = node && !node->IsNull();
    if (present_ && !node_.IsMap()) error_ = node_.Bad("must hold keys").value();
  }

  void Keys(const std::vector<std::string>& allowed) {
    if (!Usable()) return;
    auto checked = node_.CheckKeys(allowed);
    if (!checked) error_ = checked.error();
  }

  template <class T>
  void Integer(const char* key, T least, T most, T* value) {
    static_assert(std::is_unsigned_v<T>);
    auto node = Find(key);
    if (!node) return;
    auto number = node->AsInteger();
    if (!number) return Set(number.error());
    if (*number < 0 || static_cast<std::uint64_t>(*number) < least ||
        static_cast<std::uint64_t>(*number) > most) {
      return Set(node->Bad("is " + std::to_string(*number),
                           "it may be " + std::to_string(least) + " to " + std::to_string(most))
                     .value());
    }
    *value = static_cast<T>(*number);
  }

  void Number(const char* key, double above, double most, double* value) {
    auto node = Find(key);
    if (!node) return;
    auto number = node->AsNumber();
    if (!number) return Set(number.error());
    if (!(*number > above) || *number > most) {
      return Set(node->Bad("is " + FormatDouble(*number), "it may be above " + FormatDouble(above) +
                                                              " and up to " + FormatDouble(most))
                     .value());
    }
    *value = *number;
  }

  void Duration(const char* key, std::int64_t least, std::int64_t most, std::int64_t* value) {
    auto node = Find(key);
    if (!node) return;
    auto duration = node->AsDuration();
    if (!duration) return Set(duration.error());
    if (*duration < least || *duration > most) {
      return Set(node->Bad("is out of range",
                           "it may be " + FormatDuration(least) + " to " + FormatDuration(most))
                     .value());
    }
    *value = *duration;
  }

  void Endpoint(const char* key, std::string* value) {
    auto node = Find(key);
    if (!node) return;
    auto text = node->AsText();
    if (!text) return Set(text.error());
    const bool ipc = text->starts_with("ipc://") && text->size() > 6;
    const bool tcp = text->starts_with("tcp://") && HasPort(text->substr(6));
    if (!ipc && !tcp) {
      return Set(node->Bad("is '" + *text + "', which is no endpoint",
                           "write tcp://127.0.0.1:PORT or ipc:///path/to/socket")
                     .value());
    }
    *value = *text;
  }

  void HttpAddress(const char* key, std::string* value) {
    auto node = Find(key);
    if (!node) return;
    auto text = node->AsText();
    if (!text) return Set(text.error());
    if (*text == "off") return value->clear();
    if (!HasPort(*text)) {
      return Set(
          node->Bad("is '" + *text + "', which is no address", "write 127.0.0.1:PORT, or off")
              .value());
    }
    *value = *text;
  }

  void Path(const char* key, const fs::path& base, std::string* value) {
    auto node = Find(key);
    if (!node) return;
    auto text = node->AsText();
    if (!text) return Set(text.error());
    *value = (base / *text).lexically_normal().string();
  }

  /// Whether the key says `off`.
  bool Off(const char* key) const {
    const auto node = Find(key);
    const auto text = node ? node->AsText() : Result<std::string>();
    return text && *text == "off";
  }

  void Folder(const char* key, std::string* value) {
    auto node = Find(key);
    if (!node) return;
    auto text = node->AsText();
    if (!text) return Set(text.error());
    if (text->empty()) return Set(node->Bad("is empty", "write a folder, or off").value());
    *value = *text == "off" ? std::string() : *text;
  }

  const Node& Self() const { return node_; }
  bool Usable() const { return present_ && !error_; }
  const std::optional<Error>& Failure() const { return error_; }

 private:
  static bool HasPort(const std::string& address) {
    const auto colon = address.rfind(':');
    if (colon == std::string::npos || colon == 0) return false;
    const std::string port = address.substr(colon + 1);
    if (port == "*") return true;
    int number = -1;
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
    return parsed.ec == std::errc() && parsed.ptr == port.data() + port.size() && number >= 0 &&
           number <= 65535;
  }

  std::optional<Node> Find(const char* key) const {
    if (!Usable()) return std::nullopt;
    return node_.Get(key);
  }

  void Set(Error error) { error_ = std::move(error); }

  Node node_;
  bool present_ = false;
  std::optional<Error> error_;
};

std::optional<Error> ReadBroker(const Node& root, BrokerConfig* broker) {
  Section section(root, "broker");
  section.Keys({"ingest", "intake", "live", "replay", "http", "tick", "log", "limits"});
  section.Endpoint("ingest", &broker->ingest);
  section.Endpoint("intake", &broker->intake);
  section.Endpoint("live", &broker->live);
  section.Endpoint("replay", &broker->replay);
  section.HttpAddress("http", &broker->http);
  section.Duration("tick", kSecondNs / 20, kMinuteNs, &broker->tick_ns);
  if (!section.Usable()) return section.Failure();

  constexpr std::uint64_t kKiB = 1024;
  constexpr std::uint64_t kMiB = 1024 * kKiB;
  Section log(section.Self(), "log");
  log.Keys({"keep_age", "keep_bytes", "core_silent"});
  if (!log.Off("keep_age")) log.Duration("keep_age", kHourNs, 3650 * kDayNs, &broker->keep_age_ns);
  if (!log.Off("keep_bytes")) {
    log.Integer("keep_bytes", 2 * kMiB, kKiB * kKiB * kKiB * kMiB, &broker->keep_bytes);
  }
  log.Duration("core_silent", kMinuteNs, 365 * kDayNs, &broker->core_silent_ns);
  if (log.Failure()) return log.Failure();

  Section limits(section.Self(), "limits");
  limits.Keys({"payload_bytes", "message_bytes", "batch_records", "credit_records", "credit_bytes",
               "queue_bytes", "recent_bytes", "replays", "live_backlog", "segment_bytes", "topics",
               "free_bytes"});
  limits.Integer("payload_bytes", 1 * kKiB, 64 * kMiB, &broker->payload_bytes);
  limits.Integer("message_bytes", 64 * kKiB, 1024 * kMiB, &broker->message_bytes);
  limits.Integer("batch_records", 1U, 65536U, &broker->batch_records);
  limits.Integer("credit_records", 1U, 1U << 24, &broker->credit_records);
  limits.Integer("credit_bytes", 64 * kKiB, 4096 * kMiB, &broker->credit_bytes);
  limits.Integer("queue_bytes", 1 * kMiB, 65536 * kMiB, &broker->queue_bytes);
  limits.Integer("recent_bytes", 64 * kKiB, 65536 * kMiB, &broker->recent_bytes);
  limits.Integer("replays", 1U, 65536U, &broker->replays);
  limits.Integer("live_backlog", 100U, 10'000'000U, &broker->live_backlog);
  limits.Integer("segment_bytes", 1 * kMiB, kKiB * kKiB * kMiB, &broker->segment_bytes);
  limits.Integer("topics", std::uint64_t{1000}, std::uint64_t{1'000'000'000}, &broker->topics);
  limits.Integer("free_bytes", std::uint64_t{0}, (kKiB * kKiB * kKiB) * kMiB, &broker->free_bytes);
  if (limits.Failure()) return limits.Failure();
  if (broker->keep_bytes > 0 && broker->keep_bytes < 2 * broker->segment_bytes) {
    return log.Self()
        .Get("keep_bytes")
        ->Bad("is less than two files of the log, which segment_bytes makes " +
                  std::to_string(broker->segment_bytes) + " bytes each",
              "keep more, or make segment_bytes smaller")
        .value();
  }
  return std::nullopt;
}

std::optional<Error> ReadCore(const Node& root, const fs::path& base, CoreConfig* core) {
  core->signals_path = (base / "signals.yaml").string();
  core->drugs_path = (base / "drugs.yaml").string();
  Section section(root, "core");
  section.Keys({"http", "shards", "batch", "late_after", "signals", "drugs", "checkpoint"});
  section.HttpAddress("http", &core->http);
  section.Integer("shards", 1U, 256U, &core->shards);
  section.Integer("batch", 1U, 65536U, &core->batch);
  section.Duration("late_after", kSecondNs / 10, kHourNs, &core->late_after_ns);
  section.Path("signals", base, &core->signals_path);
  section.Path("drugs", base, &core->drugs_path);
  if (!section.Usable()) return section.Failure();
  Section checkpoint(section.Self(), "checkpoint");
  checkpoint.Keys({"dir", "every", "records"});
  checkpoint.Folder("dir", &core->checkpoint_dir);
  checkpoint.Duration("every", kSecondNs, kDayNs, &core->checkpoint_every_ns);
  checkpoint.Integer("records", std::uint64_t{1}, std::uint64_t{1'000'000'000},
                     &core->checkpoint_records);
  return checkpoint.Failure();
}

std::optional<Error> ReadWard(const Node& root, WardConfig* ward) {
  Section section(root, "ward");
  section.Keys({"patients", "speed", "seed"});
  section.Integer("patients", 1U, 10000U, &ward->patients);
  section.Number("speed", 0, 1e6, &ward->speed);
  section.Integer("seed", std::uint64_t{0}, std::uint64_t{std::numeric_limits<std::int64_t>::max()},
                  &ward->seed);
  return section.Failure();
}

Result<PluginEntry> ReadPlugin(const Node& node, const fs::path& base, const fs::path& folder) {
  if (auto keys = node.CheckKeys({"path", "settings"}); !keys) {
    return tl::unexpected(keys.error());
  }
  PluginEntry entry;
  auto path = node.Require("path");
  if (!path) return tl::unexpected(path.error());
  auto text = path->AsText();
  if (!text) return tl::unexpected(text.error());
  const bool bare = text->find('/') == std::string::npos;
  entry.path = ((bare ? folder : base) / *text).lexically_normal().string();
  entry.settings_where = node.Where();
  auto settings = node.Get("settings");
  if (!settings || settings->IsNull()) return entry;
  if (!settings->IsMap()) return settings->Bad("must hold keys");
  entry.settings_where = settings->Where();
  for (const auto& [key, unused] : settings->Entries()) {
    auto value = settings->Get(key)->AsText();
    if (!value) return tl::unexpected(value.error());
    entry.settings[key] = *value;
  }
  return entry;
}

Result<std::vector<PluginEntry>> ReadPlugins(const Node& root, const fs::path& base,
                                             const fs::path& folder) {
  std::vector<PluginEntry> plugins;
  auto list = root.Get("plugins");
  if (list && !list->IsNull()) {
    if (!list->IsList()) return list->Bad("must be a list", "write `- path: NAME.so`");
    for (const Node& item : list->Items()) {
      auto plugin = ReadPlugin(item, base, folder);
      if (!plugin) return tl::unexpected(plugin.error());
      plugins.push_back(std::move(*plugin));
    }
    return plugins;
  }
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(folder, ignored)) {
    if (file.path().extension() == ".so") plugins.push_back({file.path().string(), {}, ""});
  }
  std::sort(plugins.begin(), plugins.end(),
            [](const PluginEntry& a, const PluginEntry& b) { return a.path < b.path; });
  return plugins;
}

// Two sockets at one place: one of them cannot listen, or takes the other's path away. The
// complaint names the later key that the file holds; the other may stand there by default.
Result<void> CheckDistinct(const Node& root, const Config& config) {
  struct Place {
    const char* section;
    const char* key;
    const std::string* address;
  };
  const std::array<Place, 6> places = {{{"broker", "ingest", &config.broker.ingest},
                                        {"broker", "intake", &config.broker.intake},
                                        {"broker", "live", &config.broker.live},
                                        {"broker", "replay", &config.broker.replay},
                                        {"broker", "http", &config.broker.http},
                                        {"core", "http", &config.core.http}}};
  const auto bare = [](const std::string& address) {
    return address.starts_with("tcp://") ? address.substr(6) : address;
  };
  const auto node = [&root](const Place& place) -> std::optional<Node> {
    const auto section = root.Get(place.section);
    return section && section->IsMap() ? section->Get(place.key) : std::nullopt;
  };
  for (std::size_t i = 1; i < places.size(); ++i) {
    const std::string address = bare(*places[i].address);
    if (address.empty() || address.ends_with(":*") || address.ends_with(":0")) continue;
    for (std::size_t k = 0; k < i; ++k) {
      if (bare(*places[k].address) != address) continue;
      const bool later = node(places[i]).has_value();
      const Place& other = places[later ? k : i];
      return node(places[later ? i : k])
          ->Bad(std::string("is where ") + other.section + "." + other.key + " listens already",
                "give each a port or path of its own");
    }
  }
  return {};
}

}  // namespace

std::string ProgramPath() {
  std::error_code error;
  auto path = fs::read_symlink("/proc/self/exe", error);
  return error ? std::string("tonus") : path.string();
}

std::string DefaultPluginFolder() {
  const fs::path prefix = fs::path(ProgramPath()).parent_path().parent_path();
  const fs::path built = prefix / "plugins";
  std::error_code ignored;
  if (fs::is_directory(built, ignored)) return built.string();
  return (prefix / "lib" / "tonus" / "plugins").string();
}

Result<std::string> FindConfig(const std::string& given) {
  if (!given.empty()) return given;
  if (const char* from_environment = std::getenv("TONUS_CONFIG");
      from_environment != nullptr && *from_environment != '\0') {
    return std::string(from_environment);
  }
  const fs::path bin = fs::path(ProgramPath()).parent_path();
  const std::array<fs::path, 2> places = {bin.parent_path().parent_path() / "config" / "tonus.yaml",
                                          bin.parent_path() / "share" / "tonus" / "tonus.yaml"};
  std::error_code ignored;
  for (const fs::path& place : places) {
    if (fs::is_regular_file(place, ignored)) return place.string();
  }
  return Fail(ErrorCode::kConfig, "there is no tonus.yaml", places[0].string(),
              "name one with --config FILE or TONUS_CONFIG");
}

Result<Config> ReadConfig(const std::string& path) {
  auto root = Node::ParseFile(path);
  if (!root) return tl::unexpected(root.error());
  Config config;
  config.path = path;
  const fs::path base = fs::absolute(path).parent_path();
  config.plugin_folder = DefaultPluginFolder();
  if (!root->IsNull()) {
    if (!root->IsMap()) return root->Bad("must hold keys", "see config/tonus.yaml");
    if (auto keys = root->CheckKeys({"broker", "core", "plugins", "ward"}); !keys) {
      return tl::unexpected(keys.error());
    }
  }
  if (auto error = ReadBroker(*root, &config.broker)) return tl::unexpected(*error);
  if (auto error = ReadCore(*root, base, &config.core)) return tl::unexpected(*error);
  if (auto error = ReadWard(*root, &config.ward)) return tl::unexpected(*error);
  if (auto distinct = CheckDistinct(*root, config); !distinct) {
    return tl::unexpected(distinct.error());
  }
  auto plugins = ReadPlugins(*root, base, config.plugin_folder);
  if (!plugins) return tl::unexpected(plugins.error());
  config.plugins = std::move(*plugins);
  return config;
}

Result<Config> LoadConfig(const std::string& given) {
  auto path = FindConfig(given);
  if (!path) return tl::unexpected(path.error());
  return ReadConfig(*path);
}

std::string ClientEndpoint(const std::string& bound) {
  for (const char* any : {"tcp://*:", "tcp://0.0.0.0:"}) {
    if (bound.starts_with(any)) return "tcp://127.0.0.1:" + bound.substr(bound.rfind(':') + 1);
  }
  return bound;
}

bool IsExposed(const std::string& endpoint) {
  std::string address = endpoint;
  if (address.starts_with("ipc://") || address.empty()) return false;
  if (address.starts_with("tcp://")) address = address.substr(6);
  return !address.starts_with("127.") && !address.starts_with("localhost:") &&
         !address.starts_with("[::1]");
}

}  // namespace tonus::cli
