#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "core/normalise/code_table.h"
#include "core/normalise/normalise_impl.h"

// Observations: code → signal, value in any form → number in the canonical unit, time.
//
// Order of the questions for one value: is it usable at all (quality), what is it (code), what does
// it say (number, word, unit), can that be (sentinel, range), when was it. The first that fails
// decides what is said about it.

namespace tonus::core {
namespace {

constexpr std::uint32_t kMdcPartition = 65536;
constexpr std::size_t kMaxSiteBytes = 32;
constexpr std::size_t kMaxText = 128;
constexpr std::size_t kMaxItems = 4096;

std::string SubjectOf(const ObservedItem& item) {
  return std::string(item.system.empty() ? "local" : item.system.substr(0, 64)) + " " +
         std::string(item.code.substr(0, 64));
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Conversions are rounded to the sixth decimal, so that 0.57 is 57 % and not 56.99999999999999:
/// thresholds are written in decimals.
double Convert(const UnitConversion& conversion, double value) {
  if (conversion.IsIdentity()) return value;
  const double converted = (value - conversion.subtract) * conversion.times / conversion.over;
  if (std::fabs(converted) > 1e9) return converted;
  return std::round(converted * 1e6) / 1e6;
}

/// Takes a comparator off the front: flags of SampleFlag, or 0.
std::uint32_t TakeComparator(std::string_view* text) {
  static constexpr std::array<std::pair<std::string_view, std::uint32_t>, 6> kComparators = {{
      {"<=", kSampleBelow},
      {">=", kSampleAbove},
      {"≤", kSampleBelow},
      {"≥", kSampleAbove},
      {"<", kSampleBelow},
      {">", kSampleAbove},
  }};
  for (const auto& [sign, flag] : kComparators) {
    if (text->substr(0, sign.size()) != sign) continue;
    text->remove_prefix(sign.size());
    *text = Trim(*text);
    return flag;
  }
  return 0;
}

/// "4 Spontaneously", "-1  Awakens to voice", "2-Light": a number, then words. Not "120/80", "4,5".
bool WordsFollow(std::string_view rest) {
  if (rest.front() != ' ' && rest.front() != '-' && rest.front() != ':') return false;
  return std::none_of(rest.begin(), rest.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// "Left leg" and "LEFT-LEG" are `left_leg`. Empty: not a site.
std::string FoldSite(std::string_view site) {
  std::string out;
  for (char c : site) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == ' ' || c == '-') c = '_';
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (!plain) return {};
    out += c;
  }
  return out;
}

/// What is known about an MDC number that no signal has.
std::string MdcHint(const Mapping& mapping, std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  const std::uint32_t term = number % kMdcPartition;
  std::string hint = " (partition " + std::to_string(number / kMdcPartition) + ", term " +
                     std::to_string(term) + ")";
  if (number < kMdcPartition) return hint;
  if (const SignalId id = mapping.ResolveSignal("mdc", std::to_string(term))) {
    hint += "; term " + std::to_string(term) + " is " + mapping.SignalOf(id).name +
            " in another partition: check partition · 65536 + term";
  }
  return hint;
}

std::string AcceptedUnits(const Signal& signal) {
  std::string list = signal.unit.empty() ? "no unit" : signal.unit;
  for (const UnitConversion& unit : signal.units) list += ", " + unit.unit;
  return list;
}

}  // namespace

bool Normaliser::Impl::ReadObservations() {
  out->kind = EventKind::kObservations;
  if (observed.items.empty()) {
    return Refuse(RejectionCode::kMalformed, "the event holds no observation");
  }
  if (observed.items.size() > kMaxItems) {
    return Refuse(RejectionCode::kMalformed, "the event holds " +
                                                 std::to_string(observed.items.size()) +
                                                 " observations; at most 4096 are allowed");
  }
  folded_sites.clear();
  int index = 0;
  for (const ObservedItem& item : observed.items) ReadObservation(item, index++);
  return true;
}

SignalId Normaliser::Impl::ResolveCode(const ObservedItem& item, int index,
                                       std::string_view* site) {
  if (const SignalId id = mapping.ResolveSignal(item.system, item.code)) return id;
  // "MAS.left_leg": a local name with its site.
  const std::size_t dot = item.code.find('.');
  if (dot != std::string_view::npos && dot + 1 < item.code.size()) {
    const SignalId id = mapping.ResolveSignal(item.system, item.code.substr(0, dot));
    if (id != 0 && mapping.SignalOf(id).sites) {
      if (site->empty()) *site = item.code.substr(dot + 1);
      return id;
    }
  }
  if (mapping.IgnoredCode(item.system, item.code)) {
    ++counts.ignored;
    ++out->dropped;
    return 0;
  }
  const std::string subject = SubjectOf(item);
  CountUnknown(&counts.unknown_codes, subject);
  const std::string_view why = mapping.RefusedCode(item.system, item.code);
  std::string sentence = "no signal has code " + Shown(item.code) + " of " +
                         (item.system.empty() ? "local names" : Shown(item.system));
  if (item.code.empty()) {
    sentence = "the observation has no code";
  } else if (!why.empty()) {
    sentence = "code " + Shown(item.code) + " is refused: " + std::string(why);
  } else {
    sentence += MdcHint(mapping, item.code) +
                "; add it to a signal, or to ignored_codes, in config/signals.yaml";
  }
  RefuseValue(RejectionCode::kUnknownCode, index, subject, std::move(sentence));
  return 0;
}

bool Normaliser::Impl::ReadSite(std::string_view sent, int index, const Signal& signal,
                                NormalSample* sample) {
  if (sent.empty() || !signal.sites) return true;
  std::string folded = sent.size() > kMaxSiteBytes ? std::string() : FoldSite(sent);
  if (folded.empty()) {
    RefuseValue(
        RejectionCode::kMalformedValue, index, signal.name,
        "body site " + Shown(sent) + " is none: use letters, digits and _, such as left_leg");
    return false;
  }
  if (folded == sent) {
    sample->site = sent;
  } else {
    sample->site = folded_sites.emplace_back(std::move(folded));
  }
  return true;
}

void Normaliser::Impl::ReadObservation(const ObservedItem& item, int index) {
  if (item.quality == v1::QUALITY_INVALID || item.quality == v1::QUALITY_DEMO) {
    ++out->dropped;
    return;
  }
  std::string_view site = item.site;
  const SignalId id = ResolveCode(item, index, &site);
  if (id == 0) return;
  const Signal& signal = mapping.SignalOf(id);
  if (signal.except_lab && out->topic_kind == "lab") {
    ++counts.ignored;
    ++out->dropped;
    return;
  }
  NormalSample sample;
  sample.signal = id;
  if (item.quality == v1::QUALITY_RETRACTED) {
    sample.flags |= kSampleRetracted;
  } else if (item.quality != v1::QUALITY_UNSPECIFIED && item.quality != v1::QUALITY_GOOD) {
    sample.flags |= kSampleQuestionable;
  }
  if (ReadValue(item, index, signal, &sample) && ReadTime(item, index, signal, &sample) &&
      ReadSite(site, index, signal, &sample)) {
    out->samples.push_back(sample);
  }
}

bool Normaliser::Impl::ReadTime(const ObservedItem& item, int index, const Signal& signal,
                                NormalSample* sample) {
  std::int64_t age_ns = 0;
  if (__builtin_add_overflow(out->effective_ns, item.offset_ns, &sample->effective_ns) ||
      __builtin_sub_overflow(out->recorded_ns, sample->effective_ns, &age_ns)) {
    RefuseValue(RejectionCode::kMalformedValue, index, signal.name,
                "offset_ns leads to no time that can be");
    return false;
  }
  if (age_ns < -future_ns) {
    RefuseValue(RejectionCode::kFuture, index, signal.name,
                signal.name + " of " + FormatTime(sample->effective_ns) + " is " +
                    FormatDuration(Ahead(age_ns)) + " after it was recorded");
    return false;
  }
  if (age_ns > options.horizon_ns) {
    RefuseValue(RejectionCode::kTooOld, index, signal.name,
                signal.name + " of " + FormatTime(sample->effective_ns) + " is " +
                    FormatDuration(age_ns) + " before it was recorded");
    return false;
  }
  return true;
}

bool Normaliser::Impl::ReadValue(const ObservedItem& item, int index, const Signal& signal,
                                 NormalSample* sample) {
  if (!item.comparator.empty()) {
    std::string_view comparator = item.comparator;
    const std::uint32_t flag = TakeComparator(&comparator);
    if (flag == 0 || !comparator.empty()) {
      RefuseValue(RejectionCode::kMalformedValue, index, signal.name,
                  "comparator " + Shown(item.comparator) + " is none of <, <=, >, >=");
      return false;
    }
    sample->flags |= flag;
  }
  switch (item.form) {
    case ValueForm::kQuantity:
      return ReadQuantity(item, index, signal, item.quantity, sample);
    case ValueForm::kText:
      return ReadText(item, index, signal, sample);
    case ValueForm::kFlag:
      if (signal.plausible_low == 0 && signal.plausible_high == 1) {
        sample->value = item.flag ? 1 : 0;
        return true;
      }
      RefuseValue(RejectionCode::kMalformedValue, index, signal.name,
                  signal.name + " is a number, not a yes or no");
      return false;
    case ValueForm::kNone:
      break;
  }
  RefuseValue(RejectionCode::kMalformedValue, index, signal.name,
              signal.name + " has no value; say why in quality if there is none");
  return false;
}

bool Normaliser::Impl::ReadText(const ObservedItem& item, int index, const Signal& signal,
                                NormalSample* sample) {
  std::string_view text = Trim(item.text);
  const std::string_view whole = text;
  if (text.size() <= kMaxText && !signal.words.empty()) {
    const std::string folded = FoldCode(text);
    for (const ValueWord& word : signal.words) {
      if (word.word != folded) continue;
      sample->value = word.value;
      return true;
    }
  }
  sample->flags |= TakeComparator(&text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  const std::string_view rest(end, static_cast<std::size_t>(last - end));
  const bool words_allowed = signal.kind == SignalKind::kAssessment && !signal.yes_no;
  if (error != std::errc() || (!rest.empty() && !(words_allowed && WordsFollow(rest)))) {
    RefuseValue(RejectionCode::kMalformedValue, index, signal.name,
                signal.name + " " + Shown(whole) +
                    (signal.words.empty() ? " is no number" : " is no number and no known answer"));
    return false;
  }
  return ReadQuantity(item, index, signal, number, sample);
}

bool Normaliser::Impl::ReadQuantity(const ObservedItem& item, int index, const Signal& signal,
                                    double number, NormalSample* sample) {
  if (!std::isfinite(number)) {
    RefuseValue(RejectionCode::kMalformedValue, index, signal.name,
                signal.name + " is not a finite number");
    return false;
  }
  const UnitConversion* conversion =
      signal.yes_no ? mapping.Conversion(signal, {}) : mapping.Conversion(signal, item.unit);
  // The signal's own name means its canonical unit; other tables' codes leave it open.
  const bool unit_missing = item.unit.empty() && signal.unit_required && item.code != signal.name;
  if (conversion != nullptr && !unit_missing) {
    sample->value = Convert(*conversion, number);
    if (sample->value >= signal.plausible_low && sample->value <= signal.plausible_high &&
        (!signal.yes_no || sample->value == 0 || sample->value == 1)) {
      return true;
    }
  }
  if (std::find(signal.sentinels.begin(), signal.sentinels.end(), number) !=
          signal.sentinels.end() ||
      (sample->flags & kSampleRetracted) != 0) {
    ++out->dropped;
    return false;
  }
  if (conversion == nullptr || unit_missing) {
    RefuseValue(RejectionCode::kUnknownUnit, index, signal.name,
                item.unit.empty()
                    ? signal.name + " has no unit, and its codes are used with several: send " +
                          AcceptedUnits(signal)
                    : "unit " + Shown(item.unit) + " is not one of " + signal.name + ": send " +
                          AcceptedUnits(signal));
    return false;
  }
  std::string sentence = signal.name + " " + Shown(number);
  if (!item.unit.empty()) sentence += " " + CutText(item.unit, 64);
  if (sample->value != number) sentence += " (" + Shown(sample->value) + " " + signal.unit + ")";
  sentence += " lies outside " + Shown(signal.plausible_low) + " to " +
              Shown(signal.plausible_high) + (signal.unit.empty() ? "" : " " + signal.unit) +
              "; check unit, sensor and decimal point";
  RefuseValue(RejectionCode::kImplausible, index, signal.name, std::move(sentence));
  return false;
}

}  // namespace tonus::core
