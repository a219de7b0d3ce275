// What a plugin declares, read with distrust: each struct is copied up to the smaller of its own
// size and ours into a zeroed struct, so an older plugin's missing tail reads as zero and a newer
// one's is left alone. Lengths have bounds, text must be UTF-8.

#include "core/host/declaration.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "base/text.h"

namespace tonus::core {
namespace {

constexpr std::uint32_t kMostDetectors = 16;
constexpr std::uint32_t kMostElements = 256;
constexpr std::uint64_t kMostText = 4096;

/// Reads one plugin's declarations and remembers the first complaint.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  bool Failed() const { return failed_; }
  tl::unexpected<Error> Failure() const { return tl::unexpected<Error>(error_); }

  void Refuse(std::string what, std::string hint = {}) {
    if (failed_) return;
    failed_ = true;
    error_ = Error{ErrorCode::kRefused, std::move(what), path_, std::move(hint)};
  }

  std::string Text(const tonus_str& text, const std::string& what) {
    if (failed_ || text.n == 0) return {};
    if (text.p == nullptr || text.n > kMostText) {
      Refuse(what + " has " + std::to_string(text.n) + " bytes at " +
                 (text.p == nullptr ? "no address" : "its address"),
             "texts have at most " + std::to_string(kMostText) + " bytes");
      return {};
    }
    std::string out(text.p, text.n);
    if (!IsUtf8(out)) Refuse(what + " is not UTF-8");
    return failed_ ? std::string{} : out;
  }

  /// Copies element `i`, whose first field is its struct_size.
  template <class T>
  T Element(const tonus_array& array, std::uint32_t i, const std::string& what) {
    T out = {};
    const char* at = static_cast<const char*>(array.p) + std::size_t{array.stride} * i;
    std::uint32_t size = 0;
    std::memcpy(&size, at, sizeof size);
    if (size < kSmallest || size > array.stride) {
      Refuse(what + " " + std::to_string(i) + " has struct_size " + std::to_string(size) +
                 " in an array of stride " + std::to_string(array.stride),
             "set struct_size to sizeof of the struct and stride to the distance of elements");
      return out;
    }
    std::memcpy(&out, at, std::min<std::size_t>(size, sizeof out));
    return out;
  }

  bool Usable(const tonus_array& array, std::uint32_t most, const std::string& what) {
    if (failed_ || array.n == 0) return false;
    if (array.n > most || array.p == nullptr || array.stride < kSmallest) {
      Refuse(what + " is an array of " + std::to_string(array.n) + " elements of stride " +
                 std::to_string(array.stride) + (array.p == nullptr ? " at no address" : ""),
             "at most " + std::to_string(most) + " elements are allowed");
      return false;
    }
    return true;
  }

  std::vector<std::string> Texts(const tonus_array& array, const std::string& what) {
    std::vector<std::string> out;
    if (!Usable(array, kMostElements, what)) return out;
    if (array.stride < sizeof(tonus_str)) {
      Refuse(what + " has stride " + std::to_string(array.stride) + ", less than a tonus_str");
      return out;
    }
    for (std::uint32_t i = 0; i < array.n && !failed_; ++i) {
      tonus_str text;
      std::memcpy(&text, static_cast<const char*>(array.p) + std::size_t{array.stride} * i,
                  sizeof text);
      out.push_back(Text(text, what));
    }
    return out;
  }

  SettingDecl Setting(const tonus_param& param, const std::string& where);
  ConditionDecl Condition(const tonus_condition& condition, const std::string& where);
  DetectorDecl Detector(const tonus_detector& detector);

 private:
  static constexpr std::uint32_t kSmallest = 8;
  SettingValue Value(const tonus_value& value, const std::string& what);
  void CheckSetting(const SettingDecl& setting, const std::string& where);
  void CheckFunctions(const tonus_detector& detector, const std::string& where);

  const std::string& path_;
  bool failed_ = false;
  Error error_;
};

bool IsName(std::string_view name, bool dots) {
  if (name.empty() || name.size() > 64) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (dots && c == '.');
  });
}

SettingValue Reader::Value(const tonus_value& value, const std::string& what) {
  SettingValue out;
  out.type = value.type;
  out.i = value.i;
  out.f = value.f;
  if (value.type == TONUS_T_TEXT) out.text = Text(value.s, what);
  if (!std::isfinite(out.f)) Refuse(what + " is not a finite number");
  return out;
}

void Reader::CheckSetting(const SettingDecl& setting, const std::string& where) {
  const std::string what = where + " '" + setting.key + "'";
  if (!IsName(setting.key, false)) {
    Refuse(where + " has the key '" + setting.key + "'", "keys are lower_snake, 1 to 64 letters");
  }
  if (setting.type < TONUS_T_INT || setting.type > TONUS_T_CHOICE) {
    Refuse(what + " has type " + std::to_string(setting.type), "types are 1 to 6");
  }
  const bool real = setting.type == TONUS_T_REAL;
  const bool whole = setting.type == TONUS_T_INT || setting.type == TONUS_T_DURATION;
  if (real && !(setting.lo.f <= setting.dflt.f && setting.dflt.f <= setting.hi.f)) {
    Refuse(what + " has the default " + FormatDouble(setting.dflt.f) + " outside its bounds " +
           FormatDouble(setting.lo.f) + " to " + FormatDouble(setting.hi.f));
  }
  if (whole && !(setting.lo.i <= setting.dflt.i && setting.dflt.i <= setting.hi.i)) {
    Refuse(what + " has the default " + std::to_string(setting.dflt.i) + " outside its bounds " +
           std::to_string(setting.lo.i) + " to " + std::to_string(setting.hi.i));
  }
  if (setting.type == TONUS_T_CHOICE &&
      (setting.dflt.i < 0 || static_cast<std::size_t>(setting.dflt.i) >= setting.choices.size())) {
    Refuse(what + " has a default that is none of its choices");
  }
}

SettingDecl Reader::Setting(const tonus_param& param, const std::string& where) {
  SettingDecl out;
  out.type = param.type;
  out.key = Text(param.key, where + "'s key");
  out.unit = Text(param.unit, where + "'s unit");
  out.help = Text(param.help, where + "'s help");
  out.source = Text(param.source, where + "'s source");
  const std::string choices = Text(param.choices, where + "'s choices");
  for (std::size_t begin = 0; begin < choices.size();) {
    const std::size_t end = std::min(choices.find('|', begin), choices.size());
    out.choices.push_back(choices.substr(begin, end - begin));
    begin = end + 1;
  }
  out.dflt = Value(param.dflt, where + "'s default");
  out.lo = Value(param.lo, where + "'s lower bound");
  out.hi = Value(param.hi, where + "'s upper bound");
  CheckSetting(out, where);
  return out;
}

ConditionDecl Reader::Condition(const tonus_condition& condition, const std::string& where) {
  ConditionDecl out;
  out.name = Text(condition.name, where + "'s name");
  if (!IsName(out.name, true)) {
    Refuse(where + " has the name '" + out.name + "'",
           "conditions are lower_snake, or vendor.condition, 1 to 64 letters");
  }
  out.title = Text(condition.title, where + "'s title");
  out.headline = Text(condition.headline, where + "'s headline");
  out.source = Text(condition.source, where + "'s source");
  out.tiers = Texts(condition.tiers, where + "'s tiers");
  out.work_up = Texts(condition.work_up, where + "'s work-up");
  if (out.title.empty()) Refuse(where + " '" + out.name + "' has no title");
  if (out.tiers.empty()) Refuse(where + " '" + out.name + "' has no tiers");
  if (Usable(condition.competitors, kMostElements, where + "'s competitors")) {
    for (std::uint32_t i = 0; i < condition.competitors.n && !failed_; ++i) {
      const auto competitor = Element<tonus_competitor>(condition.competitors, i, "competitor");
      if (failed_) break;
      out.competitors.push_back({Text(competitor.condition, where + "'s competitor"),
                                 Text(competitor.why, where + "'s competitor's why")});
    }
  }
  return out;
}

void Reader::CheckFunctions(const tonus_detector& detector, const std::string& where) {
  const std::pair<const char*, bool> slots[] = {
      {"open", detector.open != nullptr},         {"close", detector.close != nullptr},
      {"begin", detector.begin != nullptr},       {"end", detector.end != nullptr},
      {"on_event", detector.on_event != nullptr}, {"on_timer", detector.on_timer != nullptr},
      {"save", detector.save != nullptr},         {"load", detector.load != nullptr}};
  for (const auto& [name, there] : slots) {
    if (!there)
      Refuse(where + " has no function '" + name + "'", "fill every slot of tonus_detector");
  }
}

DetectorDecl Reader::Detector(const tonus_detector& detector) {
  DetectorDecl out;
  out.calls = detector;
  out.id = Text(detector.id, "the detector's id");
  out.name = Text(detector.name, "the detector's name");
  const std::string where = "detector '" + out.name + "'";
  if (!IsName(out.name, false)) Refuse(where + " has a name that is not lower_snake");
  if (out.id.empty())
    Refuse(where + " has no id", "use reverse DNS, such as org.example.withdrawal");
  out.version = Text(detector.version, where + "'s version");
  if (out.version.empty()) Refuse(where + " has no version");
  out.vendor = Text(detector.vendor, where + "'s vendor");
  out.evidence_url = Text(detector.evidence_url, where + "'s evidence_url");
  CheckFunctions(detector, where);
  if (Usable(detector.params, kMostElements, where + "'s params")) {
    for (std::uint32_t i = 0; i < detector.params.n && !failed_; ++i) {
      const auto param = Element<tonus_param>(detector.params, i, where + ": setting");
      if (!failed_) out.settings.push_back(Setting(param, where + ": setting"));
    }
  }
  if (Usable(detector.inputs, kMostElements, where + "'s inputs")) {
    for (std::uint32_t i = 0; i < detector.inputs.n && !failed_; ++i) {
      const auto input = Element<tonus_input>(detector.inputs, i, where + ": input");
      if (failed_) break;
      out.inputs.push_back({input.kind, (input.flags & TONUS_IN_WAKES) != 0,
                            (input.flags & TONUS_IN_REQUIRED) != 0,
                            Text(input.name, where + "'s input"), input.lookback});
    }
  }
  if (detector.conditions.n == 0) Refuse(where + " declares no condition");
  if (Usable(detector.conditions, kMostElements, where + "'s conditions")) {
    for (std::uint32_t i = 0; i < detector.conditions.n && !failed_; ++i) {
      const auto condition =
          Element<tonus_condition>(detector.conditions, i, where + ": condition");
      if (!failed_) out.conditions.push_back(Condition(condition, where + ": condition"));
    }
  }
  out.state_version = detector.state_version;
  out.state_oldest = detector.state_oldest;
  out.state_bytes_max = detector.state_bytes_max;
  out.fuel_per_call = detector.fuel_per_call;
  return out;
}

std::string Versions(std::uint32_t major, std::uint32_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

}  // namespace

Result<std::vector<DetectorDecl>> ReadPlugin(const tonus_plugin* plugin, const std::string& path) {
  Reader reader(path);
  if (plugin == nullptr) {
    return Fail(ErrorCode::kRefused, TONUS_ENTRY_SYMBOL " returned nothing", path);
  }
  if (plugin->magic != TONUS_MAGIC) {
    return Fail(ErrorCode::kRefused,
                "the table that " TONUS_ENTRY_SYMBOL " returned does not begin with TONUS_MAGIC",
                path, "build it against tonus/plugin.h");
  }
  if (plugin->abi_major != TONUS_ABI_MAJOR || plugin->abi_minor > TONUS_ABI_MINOR) {
    return Fail(ErrorCode::kRefused,
                "the plugin speaks ABI " + Versions(plugin->abi_major, plugin->abi_minor) +
                    ", this core speaks " + Versions(TONUS_ABI_MAJOR, TONUS_ABI_MINOR),
                path,
                plugin->abi_major < TONUS_ABI_MAJOR ? "rebuild the plugin against this core's SDK"
                                                    : "use a newer core, or rebuild the plugin");
  }
  if (plugin->struct_size < offsetof(tonus_plugin, detectors) + sizeof(tonus_array)) {
    return Fail(ErrorCode::kRefused,
                "the plugin's table has struct_size " + std::to_string(plugin->struct_size) +
                    ", too small to hold detectors",
                path, "set it to sizeof(tonus_plugin)");
  }
  std::vector<DetectorDecl> out;
  if (plugin->detectors.n == 0)
    return Fail(ErrorCode::kRefused, "the plugin holds no detector", path);
  if (reader.Usable(plugin->detectors, kMostDetectors, "the plugin's detectors")) {
    for (std::uint32_t i = 0; i < plugin->detectors.n && !reader.Failed(); ++i) {
      const auto detector = reader.Element<tonus_detector>(plugin->detectors, i, "detector");
      if (!reader.Failed()) out.push_back(reader.Detector(detector));
    }
  }
  if (reader.Failed()) return reader.Failure();
  return out;
}

}  // namespace tonus::core
