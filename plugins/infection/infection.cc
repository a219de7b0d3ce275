// Infection as it looks in a patient on baclofen (clinical-reference D4, 4.1–4.4): scores from
// values that two readings agree on, sources, and the windows after surgery on the system. It never
// takes anything from withdrawal: both are stated side by side. README.md holds the logic.

#include <algorithm>
#include <string>
#include <vector>

#include "plugins/clinical/delivery.h"
#include "plugins/clinical/pace.h"
#include "plugins/clinical/pump_story.h"
#include "plugins/clinical/scores.h"
#include "plugins/clinical/signs.h"
#include "plugins/clinical/statement.h"

namespace {

using tonus::Priority;
using tonus::clinical::Bedside;
using tonus::clinical::Delivery;
using tonus::clinical::DeliveryStatus;
using tonus::clinical::ScoreInputs;
using tonus::clinical::Sign;
using tonus::clinical::Therapy;

enum class Tier : std::uint32_t { kPossible = 0, kProbable = 1, kSevere = 2, kNone = 9 };

struct Memory {
  tonus::clinical::Pace pace;
  tonus::clinical::DoseHistory programmed, ordered;
  tonus_ns held = 0; /* when the signs last held; 0: they have not */
  TONUS_STATE(pace, programmed, ordered, held)
};

/// A source that can be named: a culture, a reddened pocket.
struct Source {
  std::string name, words;
  const Sign* sign;
};

struct View {
  Therapy therapy;
  Bedside bedside;
  Delivery delivery;
  ScoreInputs inputs;    ///< As published.
  ScoreInputs relative;  ///< Beside it in spinal injury; sets the priority there.
  bool has_relative = false;
  bool child = false;
  int news2 = 0, sirs = 0, qsofa = 0;  ///< As published; SIRS of children in children.
  int news2_relative = 0, qsofa_relative = 0;
  std::vector<Source> sources;
  bool procalcitonin = false, cells = false, fever = false, crp = false;
  double device_points = 0;
  double device_factor = 1;
  tonus_ns surgery = 0;
  int items = 0;
  Tier tier = Tier::kNone;
  bool eased = false;  ///< Its signs held lately and do not any more.
  bool low = false, shock = false;
  std::string severe;
};

class Infection : public tonus::Detector<Infection, Memory> {
 public:
  static constexpr tonus::Info kInfo{"org.tonus.infection", "infection", "0.1.0", "tonus",
                                     "plugins/infection/README.md"};
  static constexpr const char* kD4 = "unvalidated: clinical-reference D4";

  tonus::clinical::Vocabulary names{this, {tonus::kWakes, tonus::kWakes}};
  tonus::clinical::ExposureSettings exposure_settings{this};
  tonus::clinical::ReservoirSettings reservoir_settings{this};
  tonus::clinical::DeliverySettings delivery_settings{this};
  tonus::ChoiceSetting patients{
      this,
      "patients",
      "baclofen|all",
      0,
      "Whom it watches: patients with baclofen on record, or everyone",
      "local policy; others would measure general intensive-care illness"};
  tonus::ChoiceSetting typical{this,
                               "fever_or_cells",
                               "required|not_required",
                               0,
                               "Whether scores alone count without fever, cells or a source",
                               "local policy; against alarms for any fast heart and breathing"};
  tonus::Setting<tonus::Points> news2_possible{
      this, "news2_possible", 5, 3, 20, "NEWS2 that is possible", "RCP 2017: urgent at 5"};
  tonus::Setting<tonus::Points> news2_probable{
      this, "news2_probable", 7, 4, 20, "NEWS2 that is probable", "RCP 2017: emergency at 7"};
  tonus::Setting<tonus::Points> sirs_possible{
      this, "sirs_possible", 2, 1, 4, "SIRS items that are possible", "classic SIRS"};
  tonus::Setting<tonus::Points> qsofa_severe{
      this, "qsofa_severe", 2, 1, 3, "qSOFA items that are severe", "Singer 2016"};
  tonus::Setting<tonus::NanogramPerMillilitre> pct{this,
                                                   "procalcitonin_ng_per_ml",
                                                   0.5,
                                                   0.05,
                                                   10,
                                                   "Procalcitonin that counts",
                                                   "from memory, verify"};
  tonus::Setting<tonus::MilligramPerLitre> crp{
      this, "crp_mg_per_l", 50, 5, 300, "CRP that counts as an item of the device", "unvalidated"};
  tonus::Setting<tonus::MillimolePerLitre> lactate{
      this,      "lactate_mmol_per_l", 2, 1, 10, "Lactate above which low pressure is shock",
      "Sepsis-3"};
  tonus::DurationSetting hold{
      this,
      "hold_after_signs",
      6 * tonus::kHour,
      0,
      48 * tonus::kHour,
      "It is shown for this long after its signs have eased",
      "unvalidated; hourly values cross a limit again and again in one illness"};
  tonus::DurationSetting culture_fresh{
      this,         "culture_fresh",  72 * tonus::kHour,
      tonus::kHour, 30 * tonus::kDay, "A positive culture counts for this long",
      "unvalidated"};
  tonus::DurationSetting early{this,
                               "device_early",
                               30 * tonus::kDay,
                               tonus::kDay,
                               120 * tonus::kDay,
                               "Early window after surgery on the system",
                               "unvalidated; median 14 d to infection, Dickey 2013"};
  tonus::DurationSetting late{this,
                              "device_late",
                              90 * tonus::kDay,
                              tonus::kDay,
                              365 * tonus::kDay,
                              "Late window after surgery on the system",
                              "unvalidated; J Child Orthop 2019;13:529"};
  tonus::Setting<tonus::Points> early_factor{this, "device_early_factor",        3,  1,
                                             10,   "Factor of the early window", kD4};
  tonus::Setting<tonus::Points> late_factor{this, "device_late_factor",        2,  1,
                                            10,   "Factor of the late window", kD4};
  tonus::Setting<tonus::Points> refill_factor{
      this, "refill_factor", 1.3, 1, 10, "Factor for 14 days after a refill", kD4};
  tonus::Setting<tonus::Points> leak_factor{
      this, "csf_leak_factor", 2, 1, 10, "Factor of a leak of cerebrospinal fluid", kD4};
  tonus::Setting<tonus::Points> device{
      this, "device_points", 3, 1, 20, "Items times factor that make it probable", kD4};

  tonus::Condition condition{
      this,
      {"infection", "Infection", "{title} {tier}: {text}.",
       "NEWS2 (RCP 2017), SIRS, qSOFA (Singer 2016), device windows (Dickey 2013); tiers "
       "unvalidated"},
      {"possible", "probable", "severe"},
      {"Rule out withdrawal: check pump programming, reservoir, catheter",
       "Look for a source: urine, chest, skin, pump pocket, catheter",
       "Cultures and blood tests as the clinician decides",
       "Pocket or meninges involved: call the implanting team",
       "Tone up on a stable dose: treat the trigger before the dose is thought of"},
      {{"withdrawal", "fever and fast heart rate occur in both, and both can be present"},
       {"neuro_event", "confusion and meningism can come from a new neurological event"}}};

  void On(const tonus::Event& event, Memory& memory, tonus::Patient& patient) const {
    tonus::clinical::WakeAt(
        event, names, patients.get() == 1, &memory.pace, &patient, [&] { Look(&memory, &patient); },
        [&] { patient.clear(condition); });
  }
  void OnTimer(std::uint32_t, Memory& memory, tonus::Patient& patient) const {
    if (memory.pace.therapy || patients.get() == 1) Look(&memory, &patient);
  }

 private:
  void Look(Memory* memory, tonus::Patient* patient) const {
    View view;
    view.therapy = ReadTherapy(names, *patient);
    if (!view.therapy.any() && patients.get() == 0) {
      patient->clear(condition);
      return LookAgain(0, &memory->pace, patient);
    }
    Remember(view.therapy, &memory->programmed, &memory->ordered);
    view.bedside = ReadBedside(names, *patient);
    auto exposure = IntrathecalExposure(view.therapy, memory->programmed, exposure_settings);
    for (auto& item : OralExposure(view.therapy, memory->ordered, exposure_settings)) {
      exposure.push_back(std::move(item));
    }
    view.delivery = AssessDelivery(view.therapy, exposure, reservoir_settings, delivery_settings);
    Score(&view);
    Sources(&view);
    Device(&view);
    Grade(&view);
    if (view.tier != Tier::kNone) {
      memory->held = view.therapy.now;
    } else if (memory->held != 0 && view.therapy.now - memory->held <= hold) {
      view.tier = Tier::kPossible;
      view.eased = true;
    } else {
      memory->held = 0;
    }
    if (view.tier == Tier::kNone) {
      patient->clear(condition);
    } else {
      Say(view, *patient);
    }
    LookAgain(0, &memory->pace, patient);
  }

  void Score(View* v) const {
    const Bedside& b = v->bedside;
    v->inputs = Agreed(b);
    v->child = b.child();
    v->fever = v->inputs.temp && (*v->inputs.temp > 38 || *v->inputs.temp < 36);
    v->cells = b.wbc.known && (b.wbc.value > 12 || b.wbc.value < 4);
    v->procalcitonin = b.pct.known && b.pct.value >= pct.value();
    v->crp = b.crp.known && b.crp.value >= crp.value();
    if (v->child) {
      v->sirs = ChildSirs(v->inputs, b.hr.own, b.rr.own);
      return;
    }
    v->news2 = News2(v->inputs);
    v->sirs = Sirs(v->inputs);
    v->qsofa = Qsofa(v->inputs);
    v->relative = v->inputs;
    v->has_relative = b.sci_thoracic != 0 && b.sbp.own.has_value();
    if (v->has_relative) v->relative.relative_to_sbp = b.sbp.own;
    v->news2_relative = News2(v->relative);
    v->qsofa_relative = Qsofa(v->relative);
  }

  void Sources(View* v) const {
    const Bedside& b = v->bedside;
    const auto culture = [&](const Sign& s, const char* name, const char* words) {
      if (s.yes && b.now - s.at <= culture_fresh) v->sources.push_back({name, words, &s});
    };
    culture(b.urine_culture, "URINE_CULTURE", "urine culture positive");
    culture(b.blood_culture, "BLOOD_CULTURE", "blood culture positive");
    culture(b.csf_culture, "CSF_CULTURE", "CSF culture positive");
    const auto seen = [&](const Sign& s, const char* name, const char* words) {
      if (s.counts) v->sources.push_back({name, words, &s});
    };
    seen(b.pocket_erythema, "POCKET_ERYTHEMA", "pump pocket red");
    seen(b.pocket_swelling, "POCKET_SWELLING", "pump pocket swollen");
    seen(b.wound_drainage, "WOUND_DRAINAGE", "wound draining");
    seen(b.meningism, "MENINGISM", "stiff neck");
  }

  /* Items of a device infection times the window after surgery (4.2). */
  void Device(View* v) const {
    if (!v->therapy.intrathecal) return;
    const tonus::clinical::PumpStory story(v->therapy);
    const tonus_ns now = v->therapy.now;
    v->surgery = std::max(story.system_surgery, story.explant.since);
    if (v->surgery != 0 && now - v->surgery <= early) {
      v->device_factor = early_factor.value();
    } else if (v->surgery != 0 && now - v->surgery <= late) {
      v->device_factor = late_factor.value();
    } else if (v->therapy.last_refill != 0 && now - v->therapy.last_refill <= 14 * tonus::kDay) {
      v->device_factor = refill_factor.value();
    }
    if (v->bedside.csf_leak.yes) v->device_factor *= leak_factor.value();
    if (v->device_factor <= 1) return;
    int items = v->fever && v->inputs.temp && *v->inputs.temp > 38 ? 1 : 0;
    items += v->bedside.wbc.known && v->bedside.wbc.value > 12 ? 1 : 0;
    items += v->crp || v->procalcitonin ? 1 : 0;
    items += v->bedside.pocket_erythema.counts ? 1 : 0;
    items += v->bedside.pocket_swelling.counts ? 1 : 0;
    items += v->bedside.wound_drainage.counts ? 1 : 0;
    items += v->bedside.meningism.counts ? 1 : 0;
    v->device_points = items * v->device_factor;
  }

  void Grade(View* v) const {
    const int news2 = v->has_relative ? v->news2_relative : v->news2;
    const int qsofa = v->has_relative ? v->qsofa_relative : v->qsofa;
    const bool sign = v->fever || v->cells || v->procalcitonin || v->crp || !v->sources.empty();
    const bool scores = sign || typical.get() == 1;
    /* White cells and a fast heart are the usual state of intensive care: without a temperature one
     * item more is asked for. */
    const double sirs_needed = sirs_possible.value() + (v->fever || v->child ? 0 : 1);
    v->items = (scores && v->sirs >= sirs_needed ? 1 : 0) +
               (scores && !v->child && news2 >= news2_possible.value() ? 1 : 0) +
               (v->sources.empty() ? 0 : 1) + (v->procalcitonin ? 1 : 0);
    const Bedside& b = v->bedside;
    v->low = v->inputs.sbp && *v->inputs.sbp < 90 &&
             (!v->has_relative || *b.sbp.own - *v->inputs.sbp >= 20);
    /* A septic-shock pattern beside one sign is severe before SIRS or NEWS2 have their values. */
    v->shock =
        sign && (v->low || b.vasopressor) && b.lactate.known && b.lactate.value > lactate.value();
    if (v->items == 0 && !v->shock) return;
    v->tier = Tier::kPossible;
    const bool beyond_source = v->items >= 2 || v->fever || v->cells;
    if ((!v->sources.empty() && beyond_source) || v->device_points >= device.value() ||
        (scores && !v->child && news2 >= news2_probable.value())) {
      v->tier = Tier::kProbable;
    }
    if (b.meningism.counts) {
      v->severe = "stiff neck";
    } else if (v->shock) {
      v->severe = v->low ? "low pressure with lactate up" : "vasopressor ordered with lactate up";
    } else if (!v->child && qsofa >= qsofa_severe.value()) {
      v->severe = "qSOFA " + std::to_string(qsofa);
    }
    if (!v->severe.empty()) v->tier = Tier::kSevere;
  }

  static Priority PriorityOf(const View& v) {
    if (v.tier == Tier::kSevere) return Priority::kHigh;
    if (v.tier == Tier::kProbable) return Priority::kMedium;
    return v.items >= 2 ? Priority::kMedium : Priority::kLow; /* reading R12 */
  }

  static std::string Clause(const View& v) {
    std::string text = v.severe;
    const auto add = [&](const std::string& word) { text += (text.empty() ? "" : ", ") + word; };
    for (const Source& source : v.sources) {
      if (source.words != v.severe) add(source.words);
    }
    if (v.fever) add(*v.inputs.temp > 38 ? "fever" : "low temperature");
    if (v.cells) add("white cells " + std::string(v.bedside.wbc.value > 12 ? "up" : "down"));
    if (v.procalcitonin) add("procalcitonin up");
    if (text.empty() && v.eased) add("signs have eased");
    if (text.empty()) add(v.child ? "signs of inflammation" : "NEWS2 " + std::to_string(v.news2));
    switch (v.delivery.status) {
      case DeliveryStatus::kGap:
        return text + "; baclofen delivery gap comes first";
      case DeliveryStatus::kUnknown:
        return v.therapy.any() ? text + "; withdrawal not excluded" : text;
      default:
        return text;
    }
  }

  void Say(const View& v, const tonus::Patient& patient) const {
    auto finding = patient.finding(condition, static_cast<std::uint32_t>(v.tier), PriorityOf(v));
    for (const Source& source : v.sources) {
      finding.For(source.name)
          .Happened(source.sign->at)
          .Ref(source.sign->ref)
          .Text(source.words)
          .Weight(3);
    }
    SayValues(v, &finding);
    SayScores(v, &finding);
    const bool after_surgery = v.surgery != 0 && v.therapy.now - v.surgery <= late;
    if (v.device_factor > 1 && v.device_points > 0) {
      finding.For("device_window")
          .Text(after_surgery ? "surgery on the system on " + Day(v.therapy.now, v.surgery)
                              : "refill on " + Day(v.therapy.now, v.therapy.last_refill))
          .Value(v.device_points, "1")
          .Limit(TONUS_REL_GE, device)
          .Weight(v.device_factor);
    }
    const auto tone = tonus::clinical::CompareTone(v.bedside, 1);
    if (tone.known && tone.highest >= 1) {
      finding.For("spasticity").Text("tone is up: an infection may be raising it").Weight(0);
    }
    if (v.tier == Tier::kSevere && v.delivery.status == DeliveryStatus::kGap) {
      finding.WorkUp("Restore baclofen delivery first; do not wait for cultures");
    }
    SayMissing(v, &finding);
    SayWithdrawal(v, &finding);
    finding.Text(Clause(v)).Report();
  }

  void SayShock(const View& v, tonus::Finding* finding) const {
    const Bedside& b = v.bedside;
    finding->For("LACTATE")
        .Value(b.lactate.value, tonus::MillimolePerLitre::kUcum)
        .Limit(TONUS_REL_GT, lactate)
        .At(b.lactate.at)
        .Ref(b.lactate.ref)
        .Weight(1);
    if (v.low) {
      finding->For("SBP")
          .Value(*v.inputs.sbp, tonus::MmHg::kUcum)
          .At(b.sbp.newest)
          .Ref(b.sbp.ref)
          .Weight(1);
    } else {
      finding->For("vasopressor").Text("vasopressor ordered").Weight(1);
    }
  }

  static std::string Day(tonus_ns now, tonus_ns at) {
    return at == 0 ? "no day on record"
                   : "day " + std::to_string((now - at) / tonus::kDay) + " before";
  }

  void SayValues(const View& v, tonus::Finding* finding) const {
    const Bedside& b = v.bedside;
    if (v.inputs.temp) {
      finding->For("TEMP")
          .Value(*v.inputs.temp, tonus::Celsius::kUcum)
          .At(b.temp.newest)
          .Ref(b.temp.ref)
          .Weight(v.fever ? 2 : 0);
    }
    if (v.inputs.hr) {
      finding->For("HR")
          .Value(*v.inputs.hr, tonus::PerMinute::kUcum)
          .At(b.hr.newest)
          .Ref(b.hr.ref)
          .Weight(*v.inputs.hr > 90 ? 0.5 : 0); /* SIRS */
    }
    if (v.shock) SayShock(v, finding);
    if (b.wbc.known) {
      finding->For("WBC")
          .Value(b.wbc.value, tonus::GigaPerLitre::kUcum)
          .At(b.wbc.at)
          .Ref(b.wbc.ref)
          .Weight(v.cells ? 1 : 0);
    }
    if (v.crp) {
      finding->For("CRP")
          .Value(b.crp.value, tonus::MilligramPerLitre::kUcum)
          .Limit(TONUS_REL_GE, crp)
          .At(b.crp.at)
          .Ref(b.crp.ref)
          .Weight(1);
    }
    if (v.procalcitonin) {
      finding->For("PCT")
          .Value(b.pct.value, tonus::NanogramPerMillilitre::kUcum)
          .Limit(TONUS_REL_GE, pct)
          .At(b.pct.at)
          .Ref(b.pct.ref)
          .Weight(2);
    }
  }

  void SayScores(const View& v, tonus::Finding* finding) const {
    const auto score = [&](const char* name, int value, const tonus::Setting<tonus::Points>& limit,
                           const char* text) {
      finding->For(name)
          .Value(value, "1")
          .Limit(TONUS_REL_GE, limit)
          .Text(text)
          .Weight(value >= limit.value() ? 1 : 0);
    };
    if (v.child) {
      score("SIRS", v.sirs, sirs_possible, "children's items, rates against own normal");
      finding->Suppressed("NEWS2", "not made for patients under 16 years, nor is qSOFA");
      return;
    }
    score("NEWS2", v.news2, news2_possible, "");
    score("SIRS", v.sirs, sirs_possible, "");
    score("qSOFA", v.qsofa, qsofa_severe, "");
    if (!v.has_relative) return;
    const char* why = "spinal injury: low resting pressure is usual; this one sets the priority";
    score("NEWS2_relative", v.news2_relative, news2_possible, why);
    score("qSOFA_relative", v.qsofa_relative, qsofa_severe, why);
  }

  static void SayMissing(const View& v, tonus::Finding* finding) {
    const Bedside& b = v.bedside;
    const auto vital = [&](const char* name, const tonus::clinical::Vital& x) {
      if (!x.known) finding->Missing(name, x.newest);
      if (x.known && !x.twice) finding->Missing(name, x.newest).Text("a second reading");
    };
    vital("TEMP", b.temp);
    vital("HR", b.hr);
    vital("RR", b.rr);
    vital("SBP", b.sbp);
    vital("SPO2", b.spo2);
    if (!b.wbc.known) finding->Missing("WBC", b.wbc.at);
    if (!b.lactate.known) finding->Missing("LACTATE", b.lactate.at);
  }

  /* Clinical-reference 4.4: what the state of delivery says about withdrawal beside it. */
  static void SayWithdrawal(const View& v, tonus::Finding* finding) {
    if (!v.therapy.any()) return;
    std::string why;
    switch (v.delivery.status) {
      case DeliveryStatus::kVerified:
        why = "less likely because delivery is verified: " + v.delivery.proof;
        break;
      case DeliveryStatus::kGap:
        why = "primary: " + v.delivery.gap + "; do not wait for cultures";
        break;
      default:
        why = "withdrawal NOT excluded: outstanding " + v.delivery.OutstandingText();
    }
    const Bedside& b = v.bedside;
    std::string favours;
    if (b.pruritus.counts && !b.rash.yes) favours += ", itching without rash";
    if (b.ck.known && b.ck.value > 1000) favours += ", CK above 1000 U/L";
    if (b.antibiotic && v.sources.empty() && v.fever)
      favours += ", no source though on antibiotics";
    if (!favours.empty()) why += "; in its favour: " + favours.substr(2);
    finding->Competing("withdrawal", why);
  }
};

}  // namespace

TONUS_PLUGIN(Infection)
