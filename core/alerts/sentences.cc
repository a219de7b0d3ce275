#include "core/alerts/sentences.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace tonus::core {

const std::string_view kLimitsText =
    "Not a diagnosis. tonus is an information system beside the devices' own alarms: it replaces "
    "neither them nor a clinician's judgement, and it sees only what is published to it.";

namespace {

constexpr int kOtherDecimals = 2;
constexpr std::size_t kHeadlineReasons = 3;

const Signal* SignalNamed(std::string_view name, const Mapping& mapping) {
  // A site may follow a dot: MAS.left_leg.
  SignalId id = mapping.Find(NameSpace::kSignal, name);
  if (id == 0) id = mapping.Find(NameSpace::kSignal, name.substr(0, name.find('.')));
  return id == 0 ? nullptr : &mapping.SignalOf(id);
}

std::string Spaced(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

/// UCUM as people write it; what is not listed reads well enough as it is.
std::string_view DisplayUnit(std::string_view unit) {
  static constexpr std::pair<std::string_view, std::string_view> kUnits[] = {
      {"Cel", "°C"},      {"mm[Hg]", "mmHg"}, {"10*9/L", "10⁹/L"}, {"ug", "µg"}, {"ug/d", "µg/d"},
      {"ug/mL", "µg/mL"}, {"1", ""}};
  for (const auto& [ucum, words] : kUnits) {
    if (ucum == unit) return words;
  }
  return unit;
}

std::string_view Sign(std::uint32_t relation) {
  switch (relation) {
    case TONUS_REL_GE:
    case TONUS_REL_RISE:
      return "≥ ";
    case TONUS_REL_LE:
    case TONUS_REL_FALL:
      return "≤ ";
    case TONUS_REL_GT:
      return "> ";
    case TONUS_REL_LT:
      return "< ";
    default:
      return "";
  }
}

std::string Numbers(const Reason& reason, const Mapping& mapping) {
  const auto text = [&](double value) {
    return ValueText(reason.name, value, reason.unit, mapping);
  };
  const bool has_value = (reason.known & TONUS_EVI_VALUE) != 0;
  const bool has_baseline = (reason.known & TONUS_EVI_BASELINE) != 0;
  std::string out;
  if (has_value) out += " " + text(reason.value);
  if (has_baseline) out += ", own normal " + text(reason.baseline);
  if ((reason.known & TONUS_EVI_THRESHOLD) != 0) {
    const bool change = reason.relation == TONUS_REL_RISE || reason.relation == TONUS_REL_FALL;
    const std::string_view what = reason.relation == TONUS_REL_RISE   ? "rise "
                                  : reason.relation == TONUS_REL_FALL ? "fall "
                                                                      : "";
    out += " (limit " + std::string(change ? what : "") + std::string(Sign(reason.relation)) +
           text(reason.threshold) + ")";
  }
  return out;
}

}  // namespace

std::string ValueText(std::string_view name, double value, std::string_view unit,
                      const Mapping& mapping) {
  const Signal* signal = SignalNamed(name, mapping);
  const bool own_unit = signal != nullptr && (unit.empty() || unit == signal->unit);
  if (own_unit) {
    const std::string_view word = signal->WordFor(value);
    if (!word.empty()) return std::string(word);
  }
  const std::string number = FormatRounded(value, own_unit ? signal->decimals : kOtherDecimals);
  const std::string_view shown =
      own_unit ? std::string_view(signal->display_unit) : DisplayUnit(unit);
  if (shown.empty()) return number;
  return number + (shown == "%" ? "" : " ") + std::string(shown);
}

std::string LabelOf(std::string_view name, const Mapping& mapping) {
  if (const std::uint32_t id = mapping.Find(NameSpace::kPumpEvent, name); id != 0) {
    return mapping.PumpEventOf(id).title.empty() ? Spaced(name) : mapping.PumpEventOf(id).title;
  }
  if (const std::uint32_t id = mapping.Find(NameSpace::kProcedure, name); id != 0) {
    return mapping.ProcedureOf(id).title.empty() ? Spaced(name) : mapping.ProcedureOf(id).title;
  }
  const Signal* signal = SignalNamed(name, mapping);
  if (signal == nullptr) return Spaced(name);
  if (signal->yes_no && !signal->title.empty()) return signal->title;
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return std::string(name);
  return std::string(name.substr(0, dot)) + " " + Spaced(name.substr(dot + 1));
}

std::string EvidenceSentence(const Reason& reason, const Mapping& mapping) {
  std::string out = LabelOf(reason.name, mapping);
  switch (reason.relation) {
    case TONUS_REL_NONE:
      if (!reason.text.empty()) return reason.text;
      out += Numbers(reason, mapping);
      break;
    case TONUS_REL_EVENT:
      out += Numbers(reason, mapping);
      if (reason.at != 0) out += " at " + FormatTime(reason.at);
      break;
    case TONUS_REL_SINCE:
      out += Numbers(reason, mapping);
      if (reason.at != 0) out += " since " + FormatTime(reason.at);
      break;
    default:
      out += Numbers(reason, mapping);
  }
  if (!reason.text.empty()) out += out.empty() ? reason.text : ": " + reason.text;
  return out;
}

std::string MissingSentence(const Reason& reason, LogTimeNs now, const Mapping& mapping) {
  std::string out = LabelOf(reason.name, mapping);
  out += reason.at == 0 ? ": never seen"
                        : ": newest value is " + FormatDuration(now - reason.at) + " old";
  if (!reason.text.empty()) out += ", " + reason.text;
  return out;
}

std::string Headline(const ConditionDecl& condition, const Finding& finding,
                     const Mapping& mapping) {
  std::vector<const Reason*> reasons;
  for (const Reason& reason : finding.reasons) {
    if (reason.role == TONUS_FOR) reasons.push_back(&reason);
  }
  const auto weight = [](const Reason* reason) {
    return (reason->known & TONUS_EVI_WEIGHT) != 0 ? reason->weight : 0.0;
  };
  std::stable_sort(reasons.begin(), reasons.end(),
                   [&](const Reason* a, const Reason* b) { return weight(a) > weight(b); });
  std::string all;
  std::string first;
  for (std::size_t i = 0; i < reasons.size() && i < kHeadlineReasons; ++i) {
    const std::string sentence = EvidenceSentence(*reasons[i], mapping);
    if (i == 0) first = sentence;
    all += (all.empty() ? "" : "; ") + sentence;
  }
  const std::string tier =
      finding.tier < condition.tiers.size() ? condition.tiers[finding.tier] : "";
  const std::pair<std::string_view, std::string> fields[] = {{"{tier}", Spaced(tier)},
                                                             {"{title}", condition.title},
                                                             {"{reasons}", all},
                                                             {"{first}", first},
                                                             {"{text}", finding.text}};
  const std::string_view pattern =
      condition.headline.empty() ? std::string_view("{title}: {reasons}") : condition.headline;
  std::string out;
  for (std::size_t i = 0; i < pattern.size();) {
    const auto* field =
        std::find_if(std::begin(fields), std::end(fields), [&](const auto& candidate) {
          return pattern.substr(i, candidate.first.size()) == candidate.first;
        });
    if (field == std::end(fields)) {
      out += pattern[i++];
    } else {
      out += field->second;
      i += field->first.size();
    }
  }
  return out;
}

}  // namespace tonus::core
