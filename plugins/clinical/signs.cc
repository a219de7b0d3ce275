#include "plugins/clinical/signs.h"

#include <algorithm>
#include <cmath>

namespace tonus::clinical {
namespace {

constexpr const char* kGrade = ""; /* the signal's own unit */

/// Builds the list line by line; a line hands in its grades and the highest is taken.
class Scorer {
 public:
  Scorer(const Bedside& bedside, const SignSettings& settings, bool strict)
      : b_(bedside), s_(settings), strict_(strict) {}

  Signs Score() {
    Tone();
    Skin();
    Fever();
    HeartRate();
    Pressure();
    Breathing();
    Mind();
    Muscle();
    Clotting();
    Dysreflexia();
    Missing();
    for (const SignItem& item : out_.items) out_.total += item.points;
    return std::move(out_);
  }

 private:
  /* What the value reaches for certain, as far as this call asks for certainty. */
  double High(const Vital& v) const { return strict_ ? v.at_least : v.now; }
  double Low(const Vital& v) const { return strict_ ? v.at_most : v.now; }
  bool Usable(const Vital& v) const { return v.known && (!strict_ || v.twice); }
  bool Small() const { return b_.age_years && *b_.age_years < 12; }

  SignItem& Add(const char* name, const char* word, double points, double value, const char* unit,
                Time at, Ref ref) {
    SignItem item;
    item.name = name;
    item.word = word;
    item.points = points;
    item.value = value;
    item.unit = unit;
    item.relation = TONUS_REL_VALUE;
    item.at = at;
    item.ref = ref;
    out_.items.push_back(std::move(item));
    return out_.items.back();
  }
  template <class Unit>
  static void Limit(SignItem& item, tonus_relation relation, const Setting<Unit>& setting) {
    item.limit = setting.value();
    item.relation = relation;
    item.param = setting.param();
  }

  void Tone() {
    const ToneChange tone = CompareTone(b_, s_.tone_grades.value());
    const double penn = b_.penn.known && b_.penn.own ? b_.penn.now - *b_.penn.own : 0;
    const bool penn_up = penn >= s_.tone_grades.value();
    const bool mas_up = tone.groups_up >= 2;
    const double highest = std::max(tone.highest, penn);
    if (highest >= s_.tone_grades_high.value() || mas_up || penn_up) {
      const double points = highest >= s_.tone_grades_high.value() ? s_.tone_high_points.value()
                                                                   : s_.tone_points.value();
      if (tone.most != nullptr && tone.highest >= penn) {
        Add("MAS", "tone up", points, tone.most->grade, kGrade, tone.most->at, tone.most->ref).own =
            tone.most->own;
      } else {
        Add("PENN", "more spasms", points, b_.penn.now, kGrade, b_.penn.newest, b_.penn.ref).own =
            b_.penn.own;
      }
      return;
    }
    if (tone.known && tone.lowest <= -s_.tone_grades.value() && tone.highest <= 0) {
      const SiteTone* lowest = tone.most;
      for (const SiteTone& site : b_.tone) {
        if (site.own && site.grade - *site.own <= tone.lowest) lowest = &site;
      }
      Add("MAS", "tone below own normal", -s_.tone_below.value(), lowest->grade, kGrade, lowest->at,
          lowest->ref)
          .own = lowest->own;
    }
  }

  void YesNo(const Sign& sign, const char* name, const char* word, double points) {
    if (sign.counts) {
      Add(name, word, points, 1, "", sign.at, sign.ref).relation = TONUS_REL_EVENT;
    } else if (sign.yes) {
      out_.suppressed.push_back({name, "charted more than 24 h ago, no longer new evidence"});
    }
  }

  void Skin() {
    if (b_.pruritus.counts && b_.rash.yes) {
      out_.suppressed.push_back({"PRURITUS", "there is a rash, which may itch of itself"});
    } else {
      YesNo(b_.pruritus, "PRURITUS", "itching without rash", s_.pruritus_points.value());
    }
    YesNo(b_.paresthesia, "PARESTHESIA", "paresthesia", s_.paresthesia_points.value());
  }

  void Fever() {
    if (!b_.temp.known) return;
    /* Temperature is charted every few hours: one reading counts where delivery is in doubt. */
    if (!Usable(b_.temp)) return;
    const double t = High(b_.temp);
    const Setting<Celsius>* met = nullptr;
    double points = 0;
    if (t >= s_.fever_severe.value()) {
      met = &s_.fever_severe, points = s_.fever_severe_points.value();
    } else if (t >= s_.fever_high.value()) {
      met = &s_.fever_high, points = s_.fever_high_points.value();
    } else if (t >= s_.fever.value()) {
      met = &s_.fever, points = s_.fever_points.value();
    }
    if (met == nullptr) return;
    SignItem& item = Add("TEMP", "fever", points, t, Celsius::kUcum, b_.temp.newest, b_.temp.ref);
    Limit(item, TONUS_REL_GE, *met);
    if (met == &s_.fever_severe) Severe(item, "temperature 40 °C or more");
  }

  /* Absolute limits are an adult's: below 12 years only the rise over the own normal counts. */
  void HeartRate() {
    if (!Usable(b_.hr)) return;
    const double hr = High(b_.hr);
    const double rise = b_.hr.own ? 100 * (hr / *b_.hr.own - 1) : 0;
    /* A rate that is this patient's usual one is no sign, however fast. */
    const bool unusual = !b_.hr.own || rise > s_.hr_least.value();
    const bool limits = unusual && !Small();
    const bool high = Small() ? rise > 2.5 * s_.hr_rise.value() : limits && hr > s_.hr_high.value();
    const bool up = rise > s_.hr_rise.value() || (limits && hr > s_.hr.value());
    if (!high && !up) return;
    /* Up: over the own normal, or where that is unknown. Otherwise it is only high. */
    const bool risen = !b_.hr.own || rise > s_.hr_rise.value();
    const double points = (high ? s_.hr_high_points : s_.hr_points).value();
    SignItem& item = Add("HR", risen ? "heart rate up" : "heart rate high", points, hr,
                         PerMinute::kUcum, b_.hr.newest, b_.hr.ref);
    if (risen && b_.hr.own) {
      item.own = b_.hr.own;
    } else {
      Limit(item, TONUS_REL_GT, high ? s_.hr_high : s_.hr);
    }
  }

  void Pressure() {
    if (!Usable(b_.sbp)) return;
    const double limit = s_.sbp_change.value();
    const char* word = nullptr;
    double value = b_.sbp.now;
    if (b_.sbp.own && High(b_.sbp) - *b_.sbp.own > limit) {
      word = "blood pressure up", value = High(b_.sbp);
    } else if (b_.sbp.own && *b_.sbp.own - Low(b_.sbp) > limit) {
      word = "blood pressure down", value = Low(b_.sbp);
    } else if (b_.sbp_range_2h && *b_.sbp_range_2h >= s_.sbp_range.value()) {
      /* Under a name of its own: "SBP 40 mmHg" would read as a pressure. */
      SignItem& item = Add("SBP_range_2h", "blood pressure unstable", s_.sbp_points.value(),
                           *b_.sbp_range_2h, MmHg::kUcum, b_.sbp.newest, b_.sbp.ref);
      Limit(item, TONUS_REL_GE, s_.sbp_range);
      return ShockIfLow();
    }
    if (word != nullptr) {
      Add("SBP", word, s_.sbp_points.value(), value, MmHg::kUcum, b_.sbp.newest, b_.sbp.ref).own =
          b_.sbp.own;
    }
    ShockIfLow();
  }

  /* A spinal injury's resting pressure is low: there it must also be well below the own normal. */
  void ShockIfLow() {
    double limit = s_.shock_sbp.value();
    if (b_.age_years && *b_.age_years < 10) limit = 70 + 2 * *b_.age_years;
    const bool low = Low(b_.sbp) < limit;
    const bool own_fall = b_.sbp.own && *b_.sbp.own - Low(b_.sbp) >= s_.sbp_change.value();
    if (low && (b_.sci_thoracic == 0 || own_fall)) {
      SignItem item;
      item.name = "SBP";
      item.word = "shock";
      item.value = Low(b_.sbp);
      item.unit = MmHg::kUcum;
      Limit(item, TONUS_REL_LT, s_.shock_sbp);
      item.limit = limit;
      item.at = b_.sbp.newest;
      item.ref = b_.sbp.ref;
      out_.severe.push_back(item);
    } else if (b_.vasopressor) {
      SignItem item;
      item.name = "vasopressor";
      item.word = "vasopressor running";
      item.relation = TONUS_REL_NONE;
      out_.severe.push_back(item);
    }
  }

  void Breathing() {
    if (!Usable(b_.rr)) return;
    if (b_.ventilated.yes) {
      if (High(b_.rr) > s_.rr.value()) {
        out_.suppressed.push_back({"RR", "the patient is ventilated"});
      }
      return;
    }
    const double rr = High(b_.rr);
    const bool high = rr > s_.rr.value() && (!Small() || (b_.rr.own && rr > 1.5 * *b_.rr.own));
    if (!high) return;
    SignItem& item = Add("RR", "breathing fast", s_.rr_points.value(), rr, PerMinute::kUcum,
                         b_.rr.newest, b_.rr.ref);
    Limit(item, TONUS_REL_GT, s_.rr);
  }

  void Mind() {
    /* One line: seizure over hallucination over agitation. Sedation takes nothing away. */
    if (b_.seizure.counts) {
      YesNo(b_.seizure, "SEIZURE", "seizure", s_.seizure_points.value());
      Severe(out_.items.back(), "seizure");
    } else if (b_.hallucination.counts) {
      YesNo(b_.hallucination, "HALLUCINATION", "hallucinations", s_.hallucination_points.value());
    } else if (b_.rass.known && High(b_.rass) >= 1) {
      Add("RASS", "restless", s_.restless_points.value(), High(b_.rass), kGrade, b_.rass.newest,
          b_.rass.ref);
    } else if (b_.agitation.counts) {
      YesNo(b_.agitation, "AGITATION", "agitated", s_.restless_points.value());
    } else if (b_.confusion.counts) {
      YesNo(b_.confusion, "CONFUSION", "confused", s_.restless_points.value());
    }
  }

  void Muscle() {
    if (!b_.ck.known) return;
    const double ck = b_.ck.value;
    /* Doubling inside the normal range says nothing: the limit of normal is near 200 U/L. */
    const bool doubled = b_.ck.lowest_12h && ck >= 2 * *b_.ck.lowest_12h && ck > 200;
    const bool severe = ck >= s_.ck_severe.value();
    if (ck <= s_.ck.value() && !doubled) return;
    SignItem& item = Add("CK", ck > s_.ck.value() ? "CK up" : "CK doubled",
                         (ck > s_.ck_severe.value() ? s_.ck_severe_points : s_.ck_points).value(),
                         ck, UnitsPerLitre::kUcum, b_.ck.at, b_.ck.ref);
    if (ck > s_.ck.value()) {
      Limit(item, TONUS_REL_GT, severe ? s_.ck_severe : s_.ck);
    } else {
      item.own = b_.ck.lowest_12h;
    }
    if (severe) Severe(item, "CK 5000 U/L or more");
  }

  void Clotting() {
    if (b_.platelets.known && b_.platelets.own && *b_.platelets.own > 0 &&
        100 * (1 - b_.platelets.value / *b_.platelets.own) >= s_.platelet_fall.value()) {
      Add("PLATELETS", "platelets falling", s_.clotting_points.value(), b_.platelets.value,
          GigaPerLitre::kUcum, b_.platelets.at, b_.platelets.ref)
          .own = b_.platelets.own;
    } else if (b_.inr.known && b_.inr.value >= s_.inr.value()) {
      Limit(Add("INR", "clotting slow", s_.clotting_points.value(), b_.inr.value, "1", b_.inr.at,
                b_.inr.ref),
            TONUS_REL_GE, s_.inr);
    }
  }

  /* SCI at or above T6, slow heart, pressure spike, no fever: a noxious stimulus fits better. */
  void Dysreflexia() {
    const bool level = b_.sci_thoracic != 0 && b_.sci_thoracic <= 6;
    if (!level || !Usable(b_.hr) || !Usable(b_.sbp) || !b_.sbp.own) return;
    const bool spike = High(b_.sbp) - *b_.sbp.own > s_.sbp_change.value();
    if (b_.hr.now >= 60 || !spike || (b_.temp.known && b_.temp.now >= s_.fever.value())) return;
    Add("HR", "slow heart with a pressure spike", -s_.dysreflexia.value(), b_.hr.now,
        PerMinute::kUcum, b_.hr.newest, b_.hr.ref);
  }

  void Severe(SignItem item, const char* word) {
    item.word = word;
    out_.severe.push_back(std::move(item));
  }

  void Missing() {
    const auto vital = [&](const char* name, const Vital& v) {
      if (!v.known) out_.missing.push_back({name, v.newest});
    };
    vital("TEMP", b_.temp);
    vital("HR", b_.hr);
    vital("SBP", b_.sbp);
    if (b_.tone.empty()) out_.missing.push_back({"MAS", b_.tone_newest});
    vital("PENN", b_.penn);
    if (!b_.pruritus.known) out_.missing.push_back({"PRURITUS", 0});
    if (!b_.ck.known) out_.missing.push_back({"CK", b_.ck.at});
  }

  const Bedside& b_;
  const SignSettings& s_;
  bool strict_;
  Signs out_;
};

}  // namespace

ToneChange CompareTone(const Bedside& b, double grades) {
  ToneChange out;
  double sum = 0;
  int n = 0;
  for (const SiteTone& site : b.tone) {
    if (!site.own) continue;
    const double change = site.grade - *site.own;
    /* With groups on record the whole-body grade only stands in for them. */
    if (site.site.empty() && b.tone.size() > 1) continue;
    if (!out.known || change > out.highest) out.highest = change, out.most = &site;
    out.lowest = out.known ? std::min(out.lowest, change) : change;
    out.known = true;
    if (change >= grades) out.groups_up += site.site.empty() ? 2 : 1;
    sum += change;
    ++n;
  }
  if (n > 0) out.mean = sum / n;
  return out;
}

Signs ScoreSigns(const Bedside& bedside, const SignSettings& settings, bool strict) {
  return Scorer(bedside, settings, strict).Score();
}

}  // namespace tonus::clinical
