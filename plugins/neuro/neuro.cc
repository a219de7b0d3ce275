// A new neurological event (clinical-reference D6, R8): each sign alone is stated, unless sedation
// was ordered. Baclofen withdrawal can look like every one of them, so it is always named beside.

#include <array>
#include <string>
#include <vector>

#include "plugins/clinical/delivery.h"
#include "plugins/clinical/intent.h"
#include "plugins/clinical/pace.h"
#include "plugins/clinical/reading.h"
#include "plugins/clinical/statement.h"

namespace {

using tonus::Priority;
using tonus::clinical::Delivery;
using tonus::clinical::DeliveryStatus;
using tonus::clinical::ReadSign;
using tonus::clinical::Sign;
using tonus::clinical::SignItem;
using tonus::clinical::Therapy;

enum class Tier : std::uint32_t { kEased = 0, kNew = 1 };

/// Yes/no findings whose beginning is remembered: charted again at every shift they are not new.
enum Finding : std::size_t { kDeficit, kAphasia, kPupils, kMeningism, kSeizure, kHeadache, kCount };

struct Memory {
  tonus::clinical::Pace pace;
  tonus::clinical::DoseHistory programmed, ordered;
  std::array<tonus_ns, kCount> begun{}; /* 0: absent */
  tonus_ns held = 0;                    /* when a sign last held; 0: none has */
  tonus_ns sedated = 0;                 /* when sedation was last meant */
  TONUS_STATE(pace, programmed, ordered, begun, held, sedated)
};

struct View {
  Therapy therapy;
  tonus::clinical::Bedside bedside;
  tonus::clinical::SedationIntent intent;
  Delivery delivery;
  std::vector<SignItem> items;
  std::vector<tonus::clinical::NotCounted> suppressed;
};

class Neuro : public tonus::Detector<Neuro, Memory> {
 public:
  static constexpr tonus::Info kInfo{"org.tonus.neuro", "neuro", "0.1.0", "tonus",
                                     "plugins/neuro/README.md"};
  // Doses of half a day and all orders are looked up in classes of drugs; hundreds are possible.
  static constexpr std::uint32_t kFuelPerCall = 50'000;
  static constexpr const char* kD6 = "unvalidated: clinical-reference D6";

  tonus::clinical::Vocabulary names{this, {tonus::kWakes, tonus::kWakes}};
  tonus::clinical::IntentVocabulary intent_names{this};
  tonus::Signal<tonus::YesNo> aphasia{this, "APHASIA", tonus::kWakes};
  tonus::Signal<tonus::YesNo> pupils{this, "PUPIL_ASYMMETRY", tonus::kWakes};
  tonus::Signal<tonus::YesNo> headache{this, "HEADACHE", tonus::kWakes};
  tonus::clinical::ExposureSettings exposure_settings{this};
  tonus::clinical::ReservoirSettings reservoir_settings{this};
  tonus::clinical::DeliverySettings delivery_settings{this};
  tonus::Setting<tonus::Points> gcs_fall{
      this, "gcs_fall", 2, 1, 12, "Fall of GCS that two ratings agree on", kD6};
  tonus::Setting<tonus::Points> gcs_fall_once{
      this,
      "gcs_fall_once",
      4,
      2,
      12,
      "Fall of GCS that counts by one rating",
      "unvalidated; one step of two is within what raters differ by"};
  tonus::Setting<tonus::Points> asymmetry{
      this, "tone_difference_grades", 2, 1, 4, "Difference of MAS between left and right", kD6};
  tonus::Setting<tonus::MmHg> pressure{
      this, "systolic_with_headache_mmhg",
      160,  130,
      220,  "Systolic pressure from which a new headache may be posterior encephalopathy",
      kD6};
  tonus::DurationSetting fresh{this,
                               "new_for",
                               24 * tonus::kHour,
                               tonus::kHour,
                               7 * tonus::kDay,
                               "A finding is new for this long after it was first charted",
                               "unvalidated: reading R14"};
  tonus::DurationSetting hold{this,
                              "hold_after_signs",
                              6 * tonus::kHour,
                              0,
                              48 * tonus::kHour,
                              "It is shown for this long after its signs have eased",
                              "unvalidated; GCS is charted every few hours"};

  tonus::Condition condition{
      this,
      {"neuro_event", "New neurological event", "{title}: {text}.",
       "aphasia and posterior encephalopathy in withdrawal: Nweke 2025, case report (RPLS); limits "
       "unvalidated"},
      {"eased", "new"},
      {"Rule out withdrawal: check pump programming, reservoir, catheter",
       "Examine now; imaging and the stroke pathway as the clinician decides",
       "Check glucose, sodium and oxygen; look for a seizure without convulsions",
       "Pump in place: think of a granuloma at the catheter's tip, above all with a rising dose",
       "Stiff neck after surgery on the system: meningitis",
       "High pressure with headache, seizure or confusion: posterior encephalopathy"},
      {{"withdrawal", "seizure, confusion, aphasia and high pressure can all be withdrawal"},
       {"overdose", "loss of consciousness with loose tone can be too much baclofen"},
       {"infection", "confusion and a stiff neck can be infection"},
       {"dysreflexia", "headache with high pressure after spinal injury can be dysreflexia"},
       {"interaction", "drowsiness can be other drugs"}}};

  void On(const tonus::Event& event, Memory& memory, tonus::Patient& patient) const {
    tonus::clinical::WakeAt(
        event, names, false, &memory.pace, &patient, [&] { Look(&memory, &patient); },
        [&] { patient.clear(condition); });
  }
  void OnTimer(std::uint32_t, Memory& memory, tonus::Patient& patient) const {
    if (memory.pace.therapy) Look(&memory, &patient);
  }

 private:
  void Look(Memory* memory, tonus::Patient* patient) const {
    View view;
    view.therapy = ReadTherapy(names, *patient);
    if (!view.therapy.any()) {
      patient->clear(condition);
      return LookAgain(0, &memory->pace, patient);
    }
    Remember(view.therapy, &memory->programmed, &memory->ordered);
    view.bedside = ReadBedside(names, *patient);
    view.intent = ReadIntent(intent_names, view.therapy, view.bedside, *patient);
    CountWaking(intent_names, view.bedside, view.bedside.gcs.newest, &memory->sedated,
                &view.intent);
    auto exposure = IntrathecalExposure(view.therapy, memory->programmed, exposure_settings);
    for (auto& item : OralExposure(view.therapy, memory->ordered, exposure_settings)) {
      exposure.push_back(std::move(item));
    }
    view.delivery = AssessDelivery(view.therapy, exposure, reservoir_settings, delivery_settings);
    Findings(&view, memory, *patient);
    Consciousness(&view);
    Asymmetry(&view);
    const tonus_ns now = view.therapy.now;
    if (!view.items.empty()) {
      memory->held = now;
      Say(view, true, *patient);
    } else if (memory->held != 0 && now - memory->held <= hold) {
      Say(view, false, *patient);
    } else {
      memory->held = 0;
      patient->clear(condition);
    }
    LookAgain(0, &memory->pace, patient);
  }

  void Findings(View* v, Memory* memory, const tonus::Patient& patient) const {
    const tonus::clinical::Bedside& b = v->bedside;
    const Sign speech = ReadSign(aphasia, patient), eyes = ReadSign(pupils, patient);
    const Sign head = ReadSign(headache, patient);
    const auto sign = [&](Finding which, const Sign& s, const char* name, const char* word) {
      if (New(s, &memory->begun[which], b.now)) v->items.push_back(Of(name, word, s));
    };
    sign(kDeficit, b.focal_deficit, "FOCAL_DEFICIT", "new focal deficit");
    sign(kAphasia, speech, "APHASIA", "new aphasia");
    sign(kPupils, eyes, "PUPIL_ASYMMETRY", "pupils unequal");
    sign(kMeningism, b.meningism, "MENINGISM", "stiff neck");
    sign(kSeizure, b.seizure, "SEIZURE", "seizure");
    const bool aching = New(head, &memory->begun[kHeadache], b.now);
    if (!aching || !b.sbp.known || !b.sbp.twice || b.sbp.at_least < pressure.value()) return;
    /* Headache with high pressure and a slow heart after a high injury: dysreflexia says it. */
    const bool high_injury = b.sci_thoracic != 0 && b.sci_thoracic <= 6;
    if (high_injury && b.hr.known && (!b.hr.own || b.hr.now < *b.hr.own) &&
        !(b.temp.known && b.temp.now >= 38)) {
      v->suppressed.push_back(
          {"HEADACHE", "with high pressure and a slow heart after this injury: dysreflexia"});
      return;
    }
    SignItem item = Of("SBP", "headache with high pressure", head);
    item.relation = TONUS_REL_GE;
    item.value = b.sbp.at_least;
    item.unit = tonus::MmHg::kUcum;
    item.limit = pressure.value();
    item.param = pressure.param();
    v->items.push_back(item);
  }

  /* Since when it has been there; charted again, it is no newer. */
  bool New(const Sign& s, tonus_ns* begun, tonus_ns now) const {
    if (!s.yes) {
      *begun = 0;
      return false;
    }
    if (*begun == 0) *begun = s.at;
    return now - *begun <= fresh;
  }

  static SignItem Of(const char* name, const char* word, const Sign& s) {
    SignItem item;
    item.name = name;
    item.word = word;
    item.points = 1;
    item.relation = TONUS_REL_EVENT;
    item.at = s.at;
    item.ref = s.ref;
    return item;
  }

  void Consciousness(View* v) const {
    const tonus::clinical::Bedside& b = v->bedside;
    const double fall = tonus::clinical::GcsFall(b, true);
    const double once = tonus::clinical::GcsFall(b, false);
    if (fall < gcs_fall.value() && once < gcs_fall_once.value()) return;
    const auto rass = b.rass.known ? std::optional<double>(b.rass.now) : std::nullopt;
    const std::string why = v->intent.Covers(rass);
    if (!why.empty()) {
      v->suppressed.push_back({"GCS", why});
      return;
    }
    SignItem item;
    item.name = "GCS";
    item.word = "GCS down";
    item.points = 1;
    item.relation = TONUS_REL_VALUE;
    item.value = b.gcs.now;
    item.own = b.gcs.own;
    item.at = b.gcs.newest;
    item.ref = b.gcs.ref;
    v->items.push_back(item);
  }

  /* Groups that are rated left and right; the difference must be new to this patient. */
  void Asymmetry(View* v) const {
    for (const auto& left : v->bedside.tone) {
      if (left.site.rfind("left_", 0) != 0) continue;
      const std::string group = left.site.substr(5);
      for (const auto& right : v->bedside.tone) {
        if (right.site != "right_" + group || !left.own || !right.own) continue;
        const double difference = left.grade - right.grade;
        const double own = *left.own - *right.own;
        const double size = difference < 0 ? -difference : difference;
        const double change = difference - own < 0 ? own - difference : difference - own;
        if (size < asymmetry.value() || change < 1) continue;
        const auto& worse = difference > 0 ? left : right;
        SignItem item;
        item.name = "MAS." + worse.site;
        item.word = "tone unequal";
        item.points = 1;
        item.relation = TONUS_REL_VALUE;
        item.value = worse.grade;
        item.own = worse.own;
        item.at = worse.at;
        item.ref = worse.ref;
        v->items.push_back(item);
      }
    }
  }

  void Say(const View& v, bool fresh_signs, const tonus::Patient& patient) const {
    const Tier tier = fresh_signs ? Tier::kNew : Tier::kEased;
    auto finding = patient.finding(condition, static_cast<std::uint32_t>(tier),
                                   fresh_signs ? Priority::kHigh : Priority::kLow);
    for (const SignItem& item : v.items) SaySign(item, &finding);
    for (const auto& item : v.suppressed) finding.Suppressed(item.name, item.why);
    if (!v.bedside.gcs.known) finding.Missing("GCS", v.bedside.gcs.newest);
    if (!v.bedside.sbp.known) finding.Missing("SBP", v.bedside.sbp.newest);
    SayDelivery(v.delivery, v.therapy.now, false, &finding);
    finding.Competing("withdrawal", Withdrawal(v));
    std::string text = tonus::clinical::Words(v.items, 3);
    if (!fresh_signs) text = "signs are no longer new";
    finding.Text(text + "; " + Clause(v.delivery)).Report();
  }

  static std::string Clause(const Delivery& delivery) {
    switch (delivery.status) {
      case DeliveryStatus::kGap:
        return "withdrawal likely: " + delivery.gap;
      case DeliveryStatus::kVerified:
        return "withdrawal less likely, delivery is verified";
      default:
        return "withdrawal not excluded";
    }
  }
  static std::string Withdrawal(const View& v) {
    switch (v.delivery.status) {
      case DeliveryStatus::kGap:
        return "it can present this way, and there is a gap: " + v.delivery.gap;
      case DeliveryStatus::kVerified:
        return "it can present this way; less likely because delivery is verified: " +
               v.delivery.proof;
      default:
        return "it can present this way; outstanding: " + v.delivery.OutstandingText();
    }
  }
};

}  // namespace

TONUS_PLUGIN(Neuro)
