#include "scenario/reading.h"

#include <algorithm>

#include "base/text.h"

namespace tonus::scenario {
namespace {

std::string JoinNames(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

std::string Allowed(const std::string& word, const std::vector<std::string>& names) {
  std::string hint;
  if (const auto nearest = NearestName(word, names)) hint = "did you mean '" + *nearest + "'? ";
  return hint + "allowed: " + JoinNames(names);
}

std::string TextOf(const yaml::Node& node) { return node.AsText().value_or(""); }

bool IsGrade(double value) {
  return value == 0 || value == 1 || value == 1.5 || value == 2 || value == 3 || value == 4;
}

}  // namespace

void Reading::Bad(const yaml::Node& node, std::string what, std::string hint) {
  Report(node.Bad(std::move(what), std::move(hint)).value());
}

void Reading::Warn(const yaml::Node& node, const std::string& text) {
  outcome_->warnings.push_back(node.Where() + ": " + text);
}

bool Reading::Keys(const yaml::Node& node, const std::vector<std::string>& allowed) {
  if (!node.IsMap()) {
    if (const auto checked = node.CheckKeys(allowed); !checked) Report(checked.error());
    return false;
  }
  for (const auto& [key, value] : node.Entries()) {
    if (!Contains(allowed, key)) Report(node.UnknownKey(key, allowed));
  }
  return true;
}

void Reading::Text(const yaml::Node& map, const char* key, std::string* out) {
  if (const auto node = map.Get(key)) Take(node->AsText(), out);
}

void Reading::Flag(const yaml::Node& map, const char* key, bool* out) {
  if (const auto node = map.Get(key)) Take(node->AsBool(), out);
}

void Reading::Number(const yaml::Node& map, const char* key, const Bounds& bounds,
                     std::optional<double>* out) {
  const auto node = map.Get(key);
  double value = 0;
  if (!node || !Take(node->AsNumber(), &value)) return;
  const bool low = bounds.above_min ? value <= bounds.min : value < bounds.min;
  if (low || value > bounds.max) {
    std::string allowed = bounds.above_min ? "above " : "at least ";
    allowed += FormatDouble(bounds.min);
    if (bounds.max < std::numeric_limits<double>::infinity()) {
      allowed += " and at most " + FormatDouble(bounds.max);
    }
    Bad(*node, "is '" + TextOf(*node) + "'", "allowed: a number " + allowed);
    return;
  }
  *out = value;
}

void Reading::OneOf(const yaml::Node& map, const char* key, const std::vector<std::string>& allowed,
                    std::string* out) {
  if (const auto node = map.Get(key)) Take(node->AsOneOf(allowed), out);
}

void Reading::Route(const yaml::Node& map, DrugRoute* out) {
  std::string route;
  OneOf(map, "route", {"oral", "enteral", "iv", "intrathecal"}, &route);
  if (route == "oral") *out = DrugRoute::kOral;
  if (route == "enteral") *out = DrugRoute::kEnteral;
  if (route == "iv") *out = DrugRoute::kIv;
  if (route == "intrathecal") *out = DrugRoute::kIntrathecal;
}

void Reading::AfterStart(const yaml::Node& map, const char* key, std::optional<std::int64_t>* out) {
  const auto node = map.Get(key);
  std::int64_t ns = 0;
  if (!node || !Take(node->AsDuration(), &ns)) return;
  if (ns < 0) {
    Bad(*node, "is '" + TextOf(*node) + "', which is before start", "allowed: 0s or later");
    return;
  }
  *out = ns;
}

void Reading::BeforeStart(const yaml::Node& map, const char* key,
                          std::optional<std::int64_t>* out) {
  const auto node = map.Get(key);
  std::int64_t ns = 0;
  if (!node || !Take(node->AsDuration(), &ns)) return;
  constexpr std::int64_t kOldestNs = -100 * 365 * kDayNs;
  if (ns >= 0 || ns < kOldestNs) {
    Bad(*node, "is '" + TextOf(*node) + "', which is not a time before start",
        "write it with a minus, such as -3y, -200d or -6h; at most -100y");
    return;
  }
  *out = ns;
}

void Reading::NotNegative(const yaml::Node& map, const char* key,
                          std::optional<std::int64_t>* out) {
  const auto node = map.Get(key);
  std::int64_t ns = 0;
  if (!node || !Take(node->AsDuration(), &ns)) return;
  if (ns < 0) {
    Bad(*node, "is '" + TextOf(*node) + "'", "allowed: 0s or longer");
    return;
  }
  *out = ns;
}

void Reading::Positive(const yaml::Node& map, const char* key, std::optional<std::int64_t>* out) {
  const auto node = map.Get(key);
  std::int64_t ns = 0;
  if (!node || !Take(node->AsDuration(), &ns)) return;
  if (ns <= 0) {
    Bad(*node, "is '" + TextOf(*node) + "'", "allowed: a duration above zero");
    return;
  }
  *out = ns;
}

bool Reading::Has(const yaml::Node& map, const char* key) {
  const auto node = map.Require(key);
  if (!node) Report(node.error());
  return node.has_value();
}

bool Reading::Name(const yaml::Node& map, const char* key, const char* what,
                   const std::vector<std::string>& names, std::string* out) {
  const auto node = map.Get(key);
  if (!node) {
    Has(map, key);
    return false;
  }
  std::string text;
  if (!Take(node->AsText(), &text)) return false;
  if (!Contains(names, text)) {
    Bad(*node, "is the unknown " + std::string(what) + " '" + text + "'", Allowed(text, names));
    return false;
  }
  *out = text;
  return true;
}

void Reading::Drug(const yaml::Node& map, std::string* out) {
  const auto node = map.Require("drug");
  if (!node) {
    Report(node.error());
    return;
  }
  if (!Take(node->AsText(), out)) return;
  if (out->empty()) Bad(*node, "is empty", "write the drug's name");
  if (vocabulary_.drugs.empty() || Contains(vocabulary_.drugs, *out)) return;
  std::string text = node->Path() + " is the unknown drug '" + *out + "'";
  if (const auto nearest = NearestName(*out, vocabulary_.drugs)) {
    text += "; did you mean '" + *nearest + "'?";
  }
  Warn(*node, text);
}

bool Reading::Signal(const std::string& text, const yaml::Node& node, const std::string& where,
                     SignalName* out) {
  const auto dot = text.find('.');
  const std::string name = text.substr(0, dot);
  const std::string in = node.Path().empty() ? "" : " in " + node.Path();
  const SignalInfo* signal = vocabulary_.FindSignal(name);
  if (signal == nullptr) {
    Report({ErrorCode::kConfig, "unknown signal '" + text + "'" + in, where,
            Allowed(name, vocabulary_.SignalNames())});
    return false;
  }
  out->name = name;
  out->group = signal->group;
  if (dot == std::string::npos) return true;
  out->site = text.substr(dot + 1);
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (name != "MAS" || out->site.empty() ||
      !std::all_of(out->site.begin(), out->site.end(), plain)) {
    Report({ErrorCode::kConfig, "'" + text + "'" + in + " has a bad site", where,
            "only MAS takes a site, of lower-case letters, digits and _, such as MAS.left_leg"});
    return false;
  }
  return true;
}

bool Reading::ReadScaleValue(const yaml::Node& node, const SignalInfo& signal, Value* out) {
  if (signal.name == "MAS" && TextOf(node) == "1+") {
    *out = 1.5;
    return true;
  }
  double value = 0;
  if (!Take(node.AsNumber(), &value)) return false;
  if (signal.name == "MAS" && !IsGrade(value)) {
    Bad(node, "is '" + TextOf(node) + "'", "allowed: 0, 1, 1.5 (or 1+), 2, 3, 4");
    return false;
  }
  if ((signal.min && value < *signal.min) || (signal.max && value > *signal.max)) {
    Bad(node, "is '" + TextOf(node) + "'",
        "allowed: " + FormatDouble(*signal.min) + " to " + FormatDouble(*signal.max));
    return false;
  }
  *out = value;
  return true;
}

bool Reading::ReadValue(const yaml::Node& node, const SignalInfo& signal, Value* out) {
  if (signal.form == ValueForm::kNumber) return ReadScaleValue(node, signal, out);
  if (signal.form == ValueForm::kFlag) {
    bool flag = false;
    if (!Take(node.AsBool(), &flag)) return false;
    *out = flag;
    return true;
  }
  if (signal.form == ValueForm::kCulture) {
    std::string text;
    if (!Take(node.AsOneOf({"positive", "negative"}), &text)) return false;
    *out = text;
    return true;
  }
  if (const auto number = node.AsNumber()) {
    *out = *number;
  } else if (const auto flag = node.AsBool()) {
    *out = *flag;
  } else {
    std::string text;
    if (!Take(node.AsText(), &text)) return false;
    *out = text;
  }
  return true;
}

bool Reading::ReadRamp(const yaml::Node& node, const SignalInfo& signal, bool ramps,
                       ObservedValue* out) {
  const std::vector<yaml::Node> ends = node.Items();
  const bool numeric = signal.form == ValueForm::kNumber || signal.form == ValueForm::kAny;
  if (!ramps || !numeric || ends.size() != 2) {
    Bad(node, "is a list",
        "allowed: one value; a ramp [a, b] of two numbers only in a step with from, to and every");
    return false;
  }
  Value last;
  if (!ReadScaleValue(ends[0], signal, &out->value) || !ReadScaleValue(ends[1], signal, &last)) {
    return false;
  }
  out->ramp_to = std::get<double>(last);
  return true;
}

void Reading::Observed(const yaml::Node& map, bool ramps, std::vector<ObservedValue>* out) {
  if (!map.IsMap()) {
    Bad(map, "is not a map", "write signals and their values, such as {HR: 76, MAS: 1}");
    return;
  }
  for (const auto& [key, node] : map.Entries()) {
    ObservedValue observed;
    if (!Signal(key, map, map.WhereOfKey(key), &observed.signal)) continue;
    const SignalInfo& signal = *vocabulary_.FindSignal(observed.signal.name);
    const bool good = node.IsList() ? ReadRamp(node, signal, ramps, &observed)
                                    : ReadValue(node, signal, &observed.value);
    if (!good) continue;
    if (signal.form == ValueForm::kAny && std::holds_alternative<bool>(observed.value)) {
      observed.signal.group = SignalGroup::kFinding;
    }
    out->push_back(std::move(observed));
  }
}

void Reading::SignalList(const yaml::Node& node, bool* all, std::vector<SignalName>* out) {
  if (node.IsScalar() && TextOf(node) == "all") {
    *all = true;
    return;
  }
  if (!node.IsList() || node.Items().empty()) {
    Bad(node, "is not a list of signals", "write [HR, SPO2], or all");
    return;
  }
  for (const yaml::Node& item : node.Items()) {
    std::string text;
    SignalName name;
    if (Take(item.AsText(), &text) && Signal(text, node, item.Where(), &name)) {
      out->push_back(std::move(name));
    }
  }
}

}  // namespace tonus::scenario
