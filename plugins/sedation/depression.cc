#include "plugins/sedation/depression.h"

#include <algorithm>

namespace tonus::sedation {
namespace {

using clinical::Bedside;
using clinical::Vital;

template <class Unit>
SignItem OfVital(const char* name, const char* word, const Vital& vital, double value,
                 tonus_relation relation, const Setting<Unit>& limit) {
  SignItem item;
  item.name = name;
  item.word = word;
  item.points = 1;
  item.value = value;
  item.unit = Unit::kUcum;
  item.relation = relation;
  item.limit = limit.value();
  item.param = limit.param();
  item.at = vital.newest;
  item.ref = vital.ref;
  return item;
}

class Assessor {
 public:
  Assessor(const Bedside& bedside, const More& more, const clinical::SedationIntent& intent,
           Time since, const DepressionSettings& settings)
      : b_(bedside), more_(more), intent_(intent), since_(since), s_(settings) {}

  Depression Done() {
    Tone();
    Mind();
    Breathing();
    Circulation();
    Seizure();
    Stirred();
    Missing();
    return std::move(out_);
  }

 private:
  /* Two readings, the newest of them after what may have been too much. */
  bool Usable(const Vital& v) const { return v.known && v.twice && v.newest >= since_; }

  void Suppress(const char* name, std::string why) {
    out_.suppressed.push_back({name, std::move(why)});
  }

  void Tone() {
    Bedside after = b_;
    after.tone.clear();
    for (const clinical::SiteTone& site : b_.tone) {
      if (site.at >= since_) after.tone.push_back(site);
    }
    const clinical::ToneChange tone = CompareTone(after, s_.tone_fall.value());
    if (tone.known && tone.highest >= s_.tone_fall.value()) {
      out_.tone_up = OfTone(*tone.most, "tone above own normal", -1);
    }
    const bool looser = more_.hypotonia.counts && more_.hypotonia.at >= since_;
    const clinical::SiteTone* lowest = nullptr;
    for (const clinical::SiteTone& site : after.tone) {
      if (!site.own) continue;
      const double fall = *site.own - site.grade;
      const bool gone = site.grade <= 0 && *site.own > 0;
      if (fall < s_.tone_fall.value() && !gone) continue;
      if (lowest == nullptr || fall > *lowest->own - lowest->grade) lowest = &site;
    }
    if (out_.tone_up || (lowest == nullptr && !looser)) return;
    if (intent_.paralysed) {
      Suppress("MAS", "a neuromuscular blocker takes tone away");
    } else if (lowest != nullptr) {
      out_.tone = OfTone(*lowest, "tone below own normal", 1);
    } else {
      out_.tone = OfSign("HYPOTONIA", "looser than usual", more_.hypotonia);
    }
  }

  static SignItem OfTone(const clinical::SiteTone& site, const char* word, double points) {
    SignItem item;
    item.name = site.site.empty() ? "MAS" : "MAS." + site.site;
    item.word = word;
    item.points = points;
    item.value = site.grade;
    item.relation = TONUS_REL_VALUE;
    item.own = site.own;
    item.at = site.at;
    item.ref = site.ref;
    return item;
  }
  static SignItem OfSign(const char* name, const char* word, const clinical::Sign& sign) {
    SignItem item;
    item.name = name;
    item.word = word;
    item.points = 1;
    item.relation = TONUS_REL_EVENT;
    item.at = sign.at;
    item.ref = sign.ref;
    return item;
  }

  void Mind() {
    const bool scored = b_.rass.known && b_.rass.newest >= since_;
    const std::optional<double> rass =
        b_.rass.known ? std::optional<double>(b_.rass.now) : std::nullopt;
    if (scored && b_.rass.now <= s_.rass.value()) {
      const std::string why = intent_.Covers(rass);
      if (why.empty()) {
        out_.mind = OfVital("RASS", "deeply sedated", b_.rass, b_.rass.now, TONUS_REL_LE, s_.rass);
        return;
      }
      Suppress("RASS", why);
    } else if (scored && b_.rass.now <= -1 && (!b_.rass.own || b_.rass.now < *b_.rass.own) &&
               intent_.Covers(rass).empty()) {
      out_.drowsy = OfVital("RASS", "drowsy", b_.rass, b_.rass.now, TONUS_REL_VALUE, s_.rass);
      out_.drowsy->limit.reset();
      out_.drowsy->param = SignItem::kNoParam;
      out_.drowsy->own = b_.rass.own;
    }
    if (b_.gcs.newest < since_) return;
    const double fall = clinical::GcsFall(b_, false);
    if (fall < s_.gcs_fall.value()) return;
    const std::string why = intent_.Covers(rass);
    if (why.empty()) {
      out_.mind = OfVital("GCS", "GCS down", b_.gcs, b_.gcs.now, TONUS_REL_VALUE, s_.gcs_fall);
      out_.mind->limit.reset();
      out_.mind->own = b_.gcs.own;
    } else {
      Suppress("GCS", why);
    }
  }

  void Breathing() {
    const double least = b_.spo2_scale_2 ? s_.spo2_scale_2.value() : s_.spo2.value();
    if (Usable(b_.spo2) && b_.spo2.at_most <= least) {
      out_.breathing = OfVital("SPO2", "oxygen saturation low", b_.spo2, b_.spo2.at_most,
                               TONUS_REL_LE, b_.spo2_scale_2 ? s_.spo2_scale_2 : s_.spo2);
    }
    const bool rate = Usable(b_.rr), gas = Usable(more_.etco2);
    const bool slow = rate && b_.rr.at_most <= s_.rr.value();
    const bool retained = gas && more_.etco2.at_least >= s_.etco2.value();
    if (b_.ventilated.yes) {
      if (slow) Suppress("RR", "the patient is ventilated");
      if (retained) Suppress("ETCO2", "the patient is ventilated");
      return;
    }
    if (slow || retained) {
      out_.slow_breaths = true;
      out_.breathing =
          slow ? OfVital("RR", "breathing fails", b_.rr, b_.rr.at_most, TONUS_REL_LE, s_.rr)
               : OfVital("ETCO2", "CO2 retained", more_.etco2, more_.etco2.at_least, TONUS_REL_GE,
                         s_.etco2);
      return;
    }
    const bool below_own = !b_.rr.own || b_.rr.at_most <= *b_.rr.own - 2;
    if (rate && b_.rr.at_most <= s_.rr_slow.value() && below_own) {
      out_.slowing =
          OfVital("RR", "breathing slow", b_.rr, b_.rr.at_most, TONUS_REL_LE, s_.rr_slow);
    } else if (gas && more_.etco2.at_least >= s_.etco2_raised.value()) {
      out_.slowing = OfVital("ETCO2", "CO2 rising", more_.etco2, more_.etco2.at_least, TONUS_REL_GE,
                             s_.etco2_raised);
    } else if (gas && more_.etco2.own &&
               more_.etco2.at_least - *more_.etco2.own >= s_.etco2_rise.value()) {
      out_.slowing = OfVital("ETCO2", "CO2 rising", more_.etco2, more_.etco2.at_least,
                             TONUS_REL_VALUE, s_.etco2_rise);
      out_.slowing->limit.reset();
      out_.slowing->own = more_.etco2.own;
    }
  }

  /* Values that are usual in this patient are no sign: low pressure after spinal injury (R11), a
   * trained heart, a cool skin. */
  void Circulation() {
    const auto below = [](const Vital& v, double by) { return !v.own || *v.own - v.at_most >= by; };
    if (Usable(b_.sbp) && b_.sbp.at_most < s_.sbp_low.value() && below(b_.sbp, 20)) {
      out_.circulation =
          OfVital("SBP", "blood pressure low", b_.sbp, b_.sbp.at_most, TONUS_REL_LT, s_.sbp_low);
    } else if (Usable(b_.hr) && b_.hr.at_most < s_.hr_low.value() && below(b_.hr, 5)) {
      out_.circulation = OfVital("HR", "heart slow", b_.hr, b_.hr.at_most, TONUS_REL_LT, s_.hr_low);
    } else if (Usable(b_.temp) && b_.temp.at_most < s_.temp_low.value() && below(b_.temp, 1)) {
      out_.circulation =
          OfVital("TEMP", "temperature low", b_.temp, b_.temp.at_most, TONUS_REL_LT, s_.temp_low);
    }
  }

  void Seizure() {
    if (b_.seizure.counts && b_.seizure.at >= since_) {
      out_.seizure = OfSign("SEIZURE", "seizure", b_.seizure);
    }
  }

  /* Limits of the atypical picture are an adult's; below 12 years half above the own normal. */
  void Stirred() {
    const bool small = b_.age_years && *b_.age_years < 12;
    const bool raced = Usable(b_.hr) && b_.hr.at_least > s_.hr_high.value() &&
                       (!small || (b_.hr.own && b_.hr.at_least > 1.5 * *b_.hr.own));
    if (raced) {
      out_.fast_heart =
          OfVital("HR", "heart fast", b_.hr, b_.hr.at_least, TONUS_REL_GT, s_.hr_high);
    }
    if (Usable(b_.sbp) && b_.sbp.own && b_.sbp.at_least - *b_.sbp.own > s_.sbp_rise.value()) {
      out_.high_pressure = OfVital("SBP", "blood pressure high", b_.sbp, b_.sbp.at_least,
                                   TONUS_REL_VALUE, s_.sbp_rise);
      out_.high_pressure->limit.reset();
      out_.high_pressure->own = b_.sbp.own;
    }
  }

  void Missing() {
    const auto vital = [&](const char* name, const Vital& v) {
      if (!v.known) out_.missing.push_back({name, v.newest});
    };
    if (b_.tone.empty()) out_.missing.push_back({"MAS", b_.tone_newest});
    vital("RASS", b_.rass);
    vital("GCS", b_.gcs);
    vital("RR", b_.rr);
    vital("SPO2", b_.spo2);
    vital("ETCO2", more_.etco2);
    vital("SBP", b_.sbp);
    vital("TEMP", b_.temp);
  }

  const Bedside& b_;
  const More& more_;
  const clinical::SedationIntent& intent_;
  Time since_;
  const DepressionSettings& s_;
  Depression out_;
};

}  // namespace

Depression Assess(const Bedside& bedside, const More& more, const clinical::SedationIntent& intent,
                  Time since, const DepressionSettings& settings) {
  return Assessor(bedside, more, intent, since, settings).Done();
}

}  // namespace tonus::sedation
