#include "core/host/settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/text.h"

namespace tonus::core {
namespace {

template <class T>
std::optional<T> ParseNumber(std::string_view text) {
  T value = {};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A duration as configuration writes it, in its largest whole unit.
std::string DurationText(std::int64_t ns) {
  const std::pair<std::int64_t, const char*> units[] = {
      {kDayNs, "d"}, {kHourNs, "h"}, {kMinuteNs, "m"}, {kSecondNs, "s"}};
  for (const auto& [unit, name] : units) {
    if (ns != 0 && ns % unit == 0) return std::to_string(ns / unit) + name;
  }
  return ns == 0 ? "0s" : std::to_string(ns) + "ns";
}

std::string Allowed(const SettingDecl& decl) {
  std::string text = SettingText(decl, decl.lo) + " to " + SettingText(decl, decl.hi);
  if (!decl.unit.empty()) text += " " + decl.unit;
  return text;
}

Result<SettingValue> OutOfBounds(const SettingDecl& decl, const std::string& text,
                                 const std::string& where) {
  return Fail(ErrorCode::kConfig, "'" + decl.key + "' is " + text + ", outside its bounds", where,
              Allowed(decl) + " is allowed");
}

Result<SettingValue> ParseValue(const SettingDecl& decl, const std::string& text,
                                const std::string& where) {
  SettingValue out;
  out.type = decl.type;
  const auto bad = [&](const std::string& wanted) {
    return Fail(ErrorCode::kConfig, "'" + decl.key + "' is '" + text + "', not " + wanted, where,
                decl.help);
  };
  switch (decl.type) {
    case TONUS_T_INT: {
      const auto value = ParseNumber<std::int64_t>(text);
      if (!value) return bad("a whole number");
      out.i = *value;
      break;
    }
    case TONUS_T_REAL: {
      const auto value = ParseNumber<double>(text);
      if (!value || !std::isfinite(*value)) return bad("a number");
      out.f = *value;
      if (out.f < decl.lo.f || out.f > decl.hi.f) return OutOfBounds(decl, text, where);
      return out;
    }
    case TONUS_T_DURATION: {
      const auto value = ParseDuration(text);
      if (!value) return bad("a duration such as 90s, 20m, 6h, 1d");
      out.i = *value;
      break;
    }
    case TONUS_T_BOOL:
      if (text != "true" && text != "yes" && text != "false" && text != "no") {
        return bad("true or false");
      }
      out.i = text == "true" || text == "yes" ? 1 : 0;
      return out;
    case TONUS_T_CHOICE: {
      const auto found = std::find(decl.choices.begin(), decl.choices.end(), text);
      if (found == decl.choices.end()) {
        std::string words;
        for (const std::string& word : decl.choices) words += (words.empty() ? "" : ", ") + word;
        return bad("one of " + words);
      }
      out.i = found - decl.choices.begin();
      return out;
    }
    default:
      out.text = text;
      return out;
  }
  if (out.i < decl.lo.i || out.i > decl.hi.i) return OutOfBounds(decl, text, where);
  return out;
}

}  // namespace

std::string SettingText(const SettingDecl& decl, const SettingValue& value) {
  switch (decl.type) {
    case TONUS_T_REAL:
      return FormatDouble(value.f);
    case TONUS_T_BOOL:
      return value.i != 0 ? "true" : "false";
    case TONUS_T_DURATION:
      return DurationText(value.i);
    case TONUS_T_CHOICE:
      return decl.choices.at(static_cast<std::size_t>(value.i));
    case TONUS_T_TEXT:
      return value.text;
    default:
      return std::to_string(value.i);
  }
}

Result<std::vector<SettingValue>> ResolveSettings(const DetectorDecl& detector,
                                                  const std::map<std::string, std::string>& given,
                                                  const std::string& where) {
  std::vector<std::string> keys;
  for (const SettingDecl& decl : detector.settings) keys.push_back(decl.key);
  for (const auto& [key, value] : given) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    const std::optional<std::string> nearest = NearestName(key, keys);
    return Fail(
        ErrorCode::kConfig, "detector '" + detector.name + "' has no setting '" + key + "'", where,
        nearest ? "did you mean '" + *nearest + "'?" : "`tonus plugin doc` lists its settings");
  }
  std::vector<SettingValue> out;
  for (const SettingDecl& decl : detector.settings) {
    const auto found = given.find(decl.key);
    if (found == given.end()) {
      out.push_back(decl.dflt);
      out.back().type = decl.type;
      continue;
    }
    auto value = ParseValue(decl, found->second, where);
    if (!value) return tl::unexpected<Error>(value.error());
    out.push_back(std::move(*value));
  }
  return out;
}

}  // namespace tonus::core
