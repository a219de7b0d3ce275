#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

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

std::string SubjectOf(const v1::Coding& code) {
  return (code.system().empty() ? "local" : code.system().substr(0, 64)) + " " +
         code.code().substr(0, 64);
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Conversions are rounded to the sixth decimal, so that 100.4 °F is 38 and not a hair beside it:
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

/// Makes "Left leg" and "LEFT-LEG" `left_leg`. False: not a site.
bool FoldSite(std::string* site) {
  if (site->size() > kMaxSiteBytes) return false;
  for (char& c : *site) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == ' ' || c == '-') c = '_';
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (!plain) return false;
  }
  return true;
}

/// What is known about an MDC number that no signal has.
std::string MdcHint(const Mapping& mapping, const v1::Coding& code) {
  std::uint32_t number = 0;
  const std::string& text = code.code();
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

void Normaliser::Impl::ReadObservations(v1::Observations* observations) {
  for (int i = 0; i < observations->items_size(); ++i) {
    ReadObservation(observations->mutable_items(i), i);
  }
}

SignalId Normaliser::Impl::ResolveCode(v1::Observation* item, int index) {
  v1::Coding* code = item->mutable_code();
  if (const SignalId id = mapping.ResolveSignal(code->system(), code->code())) return id;
  // "MAS.left_leg": a local name with its site.
  const std::string& text = code->code();
  const std::size_t dot = text.find('.');
  if (dot != std::string::npos && dot + 1 < text.size()) {
    const SignalId id = mapping.ResolveSignal(code->system(), text.substr(0, dot));
    if (id != 0 && mapping.SignalOf(id).sites) {
      if (item->body_site().empty()) item->set_body_site(text.substr(dot + 1));
      return id;
    }
  }
  const std::string subject = SubjectOf(*code);
  CountUnknown(&counts.unknown_codes, subject);
  const std::string_view why = mapping.RefusedCode(code->system(), text);
  std::string sentence = "no signal has code " + Shown(text) + " of " +
                         (code->system().empty() ? "local names" : Shown(code->system()));
  if (text.empty()) sentence = "the observation has no code";
  if (!why.empty()) {
    sentence = "code " + Shown(text) + " is refused: " + std::string(why);
  } else if (!text.empty()) {
    sentence += MdcHint(mapping, *code) + "; add it to a signal in config/signals.yaml";
  }
  RefuseValue(RejectionCode::kUnknownCode, index, subject, std::move(sentence));
  return 0;
}

void Normaliser::Impl::ReadObservation(v1::Observation* item, int index) {
  if (item->quality() == v1::QUALITY_INVALID || item->quality() == v1::QUALITY_DEMO) {
    ++out->dropped;
    return;
  }
  const SignalId id = ResolveCode(item, index);
  if (id == 0) return;
  const Signal& signal = mapping.SignalOf(id);
  NormalSample sample;
  sample.signal = id;
  if (item->quality() == v1::QUALITY_RETRACTED) {
    sample.flags |= kSampleRetracted;
  } else if (item->quality() != v1::QUALITY_UNSPECIFIED && item->quality() != v1::QUALITY_GOOD) {
    sample.flags |= kSampleQuestionable;
  }
  if (!ReadValue(*item, index, signal, &sample)) return;
  if (!ReadTime(*item, index, signal, &sample)) return;
  if (signal.sites && !item->body_site().empty()) {
    if (!FoldSite(item->mutable_body_site())) {
      RefuseValue(RejectionCode::kMalformedValue, index, signal.name,
                  "body site " + Shown(item->body_site()) +
                      " is none: use letters, digits and _, such as left_leg");
      return;
    }
    sample.site = item->body_site();
  }
  out->samples.push_back(sample);
}

bool Normaliser::Impl::ReadTime(const v1::Observation& item, int index, const Signal& signal,
                                NormalSample* sample) {
  std::int64_t age_ns = 0;
  if (__builtin_add_overflow(out->effective_ns, item.offset_ns(), &sample->effective_ns) ||
      __builtin_sub_overflow(out->recorded_ns, sample->effective_ns, &age_ns)) {
    RefuseValue(RejectionCode::kMalformedValue, index, signal.name,
                "offset_ns leads to no time that can be");
    return false;
  }
  if (age_ns < -options.future_ns) {
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

bool Normaliser::Impl::ReadValue(const v1::Observation& item, int index, const Signal& signal,
                                 NormalSample* sample) {
  if (!item.comparator().empty()) {
    std::string_view comparator = item.comparator();
    const std::uint32_t flag = TakeComparator(&comparator);
    if (flag == 0 || !comparator.empty()) {
      RefuseValue(RejectionCode::kMalformedValue, index, signal.name,
                  "comparator " + Shown(item.comparator()) + " is none of <, <=, >, >=");
      return false;
    }
    sample->flags |= flag;
  }
  switch (item.value_case()) {
    case v1::Observation::kQuantity:
      return ReadQuantity(item, index, signal, item.quantity(), sample);
    case v1::Observation::kText:
      return ReadText(item, index, signal, item.text(), sample);
    case v1::Observation::kCoded:
      return ReadText(item, index, signal, item.coded().code(), sample);
    case v1::Observation::kFlag:
      if (signal.plausible_low == 0 && signal.plausible_high == 1) {
        sample->value = item.flag() ? 1 : 0;
        return true;
      }
      RefuseValue(RejectionCode::kMalformedValue, index, signal.name,
                  signal.name + " is a number, not a yes or no");
      return false;
    case v1::Observation::VALUE_NOT_SET:
      break;
  }
  RefuseValue(RejectionCode::kMalformedValue, index, signal.name,
              signal.name + " has no value; say why in quality if there is none");
  return false;
}

bool Normaliser::Impl::ReadText(const v1::Observation& item, int index, const Signal& signal,
                                std::string_view text, NormalSample* sample) {
  text = Trim(text);
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

bool Normaliser::Impl::ReadQuantity(const v1::Observation& item, int index, const Signal& signal,
                                    double number, NormalSample* sample) {
  if (!std::isfinite(number)) {
    RefuseValue(RejectionCode::kMalformedValue, index, signal.name,
                signal.name + " is not a finite number");
    return false;
  }
  const UnitConversion* conversion =
      signal.yes_no ? mapping.Conversion(signal, {}) : mapping.Conversion(signal, item.unit());
  // The signal's own name means its canonical unit; other tables' codes leave it open.
  const bool unit_missing =
      item.unit().empty() && signal.unit_required && item.code().code() != signal.name;
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
                item.unit().empty()
                    ? signal.name + " has no unit, and its codes are used with several: send " +
                          AcceptedUnits(signal)
                    : "unit " + Shown(item.unit()) + " is not one of " + signal.name + ": send " +
                          AcceptedUnits(signal));
    return false;
  }
  std::string sentence = signal.name + " " + Shown(number);
  if (!item.unit().empty()) sentence += " " + item.unit();
  if (sample->value != number) sentence += " (" + Shown(sample->value) + " " + signal.unit + ")";
  sentence += " lies outside " + Shown(signal.plausible_low) + " to " +
              Shown(signal.plausible_high) + (signal.unit.empty() ? "" : " " + signal.unit) +
              "; check unit, sensor and decimal point";
  RefuseValue(RejectionCode::kImplausible, index, signal.name, std::move(sentence));
  return false;
}

}  // namespace tonus::core
