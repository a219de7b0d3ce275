// Baclofen withdrawal (clinical-reference D1, and D7 for oral stops): exposure, times its window,
// beside clinical items. Exposure says that drug may be lacking, clinical items that the body says
// so. Neither a normal interrogation nor a refill, an X-ray, sedation, antibiotics or a normal
// temperature takes anything away. README.md holds the logic with its sources.

#include <algorithm>
#include <string>
#include <vector>

#include "plugins/clinical/delivery.h"
#include "plugins/clinical/pace.h"
#include "plugins/clinical/signs.h"
#include "plugins/clinical/statement.h"

namespace {

using tonus::Priority;
using tonus::clinical::Delivery;
using tonus::clinical::DeliveryStatus;
using tonus::clinical::ExposureItem;
using tonus::clinical::SignItem;
using tonus::clinical::Signs;
using tonus::clinical::Therapy;

enum class Tier : std::uint32_t {
  kWatch = 0,
  kPossible = 1,
  kProbable = 2,
  kSevere = 3,
  kNone = 9
};

struct Memory {
  tonus::clinical::Pace pace;
  tonus::clinical::DoseHistory programmed, ordered;
  tonus_ns held = 0; /* when it was last possible or more; 0: it has not been */
  TONUS_STATE(pace, programmed, ordered, held)
};

/// One look at one patient.
struct View {
  Therapy therapy;
  std::vector<ExposureItem> exposure;
  Delivery delivery;
  tonus::clinical::Bedside bedside;
  Signs signs;          ///< As they count for the tier that was reached.
  double points = 0;    ///< E, its highest item.
  double weighted = 0;  ///< E times its window.
  bool gap = false;     ///< A confirmed gap is open.
  bool intrathecal_gap = false;
  Tier tier = Tier::kNone;
  bool eased = false;  ///< It was possible lately, and nothing holds any more.
};

class Withdrawal : public tonus::Detector<Withdrawal, Memory> {
 public:
  static constexpr tonus::Info kInfo{"org.tonus.withdrawal", "withdrawal", "0.1.0", "tonus",
                                     "plugins/withdrawal/README.md"};
  static constexpr const char* kD1 = "unvalidated: clinical-reference D1";

  tonus::clinical::Vocabulary names{this, {tonus::kWakes, tonus::kWakes}};
  tonus::clinical::ExposureSettings exposure_settings{this};
  tonus::clinical::WindowSettings window_settings{this};
  tonus::clinical::ReservoirSettings reservoir_settings{this};
  tonus::clinical::DeliverySettings delivery_settings{this};
  tonus::clinical::SignSettings sign_settings{this};
  tonus::Setting<tonus::Points> watch_exposure{
      this, "watch_exposure_points", 3, 0, 20, "Exposure that is watched without signs", kD1};
  tonus::Setting<tonus::Points> exposure{
      this, "exposure_points", 2, 0, 20, "Weighted exposure that makes signs count", kD1};
  tonus::Setting<tonus::Points> possible{
      this, "possible_points", 2, 0, 20, "Clinical points that are possible with exposure", kD1};
  tonus::Setting<tonus::Points> possible_alone{
      this, "possible_alone_points",
      5,    0,
      30,   "Clinical points that are possible where delivery is not verified",
      kD1};
  tonus::Setting<tonus::Points> probable{
      this, "probable_points", 4, 0, 20, "Clinical points that are probable with exposure", kD1};
  tonus::Setting<tonus::Points> probable_alone{
      this, "probable_alone_points",
      7,    0,
      30,   "Clinical points that are probable without any sign from the pump",
      kD1};
  tonus::Setting<tonus::Points> severe_exposure{
      this, "severe_exposure_points", 1, 0, 20, "Exposure that makes a severe item severe", kD1};
  tonus::Setting<tonus::Points> severe_clinical{
      this, "severe_clinical_points",
      4,    0,
      30,   "Clinical points that make a severe item severe without exposure",
      kD1};

  tonus::DurationSetting hold{this,
                              "hold_after_signs",
                              6 * tonus::kHour,
                              0,
                              48 * tonus::kHour,
                              "It is watched for this long after its signs have eased",
                              "unvalidated; hourly values cross a limit again and again"};

  tonus::Condition condition{
      this,
      {"withdrawal", "Baclofen withdrawal", "{title} {tier}: {text}.",
       "expert algorithms (Coffey 2002, Saulino 2016); points and tiers unvalidated"},
      {"watch", "possible", "probable", "severe"},
      {"Rule out withdrawal: check pump programming, reservoir, catheter",
       "Check that oral and intrathecal baclofen were given as ordered",
       "Look for other factors beside it: infection, new neurological event, interactions",
       "Restore delivery of baclofen: the treating clinician decides dose and route",
       "Supportive care in a monitored setting; the clinician decides on a benzodiazepine bridge",
       "Follow CK"},
      {{"infection", "fever and fast heart rate occur in both, and both can be present"},
       {"neuro_event", "seizure, confusion and new deficits can be withdrawal or a new event"},
       {"overdose", "fast heart rate and high pressure with loose tone fit overdose"}}};

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
    Remember(view.therapy, &memory->programmed, &memory->ordered);
    if (!view.therapy.any()) {
      patient->clear(condition);
      return LookAgain(0, &memory->pace, patient);
    }
    view.exposure = IntrathecalExposure(view.therapy, memory->programmed, exposure_settings);
    for (ExposureItem& item : OralExposure(view.therapy, memory->ordered, exposure_settings)) {
      view.exposure.push_back(std::move(item));
    }
    view.delivery =
        AssessDelivery(view.therapy, view.exposure, reservoir_settings, delivery_settings);
    view.bedside = ReadBedside(names, *patient);
    tonus_ns boundary = Weigh(&view);
    const tonus_ns absence = NextAbsence(view.therapy, exposure_settings);
    if (absence != 0 && (boundary == 0 || absence < boundary)) boundary = absence;
    Grade(&view);
    if (view.tier != Tier::kNone && view.tier != Tier::kWatch) {
      memory->held = view.therapy.now;
    } else if (view.tier == Tier::kNone && memory->held != 0 &&
               view.therapy.now - memory->held <= hold) {
      view.tier = Tier::kWatch;
      view.eased = true;
    }
    if (view.tier == Tier::kNone) {
      patient->clear(condition);
    } else {
      Say(view, memory->ordered, *patient);
    }
    LookAgain(boundary, &memory->pace, patient);
  }

  double Window(const ExposureItem& item, tonus_ns now) const {
    return item.intrathecal
               ? tonus::clinical::IntrathecalWindowWeight(now - item.since, window_settings)
               : tonus::clinical::OralWindowWeight(now - item.since, window_settings);
  }

  /* The E line scores its highest item (reading R1). Returns when a window changes next. */
  tonus_ns Weigh(View* view) const {
    const tonus_ns now = view->therapy.now;
    tonus_ns boundary = 0;
    for (const ExposureItem& item : view->exposure) {
      view->points = std::max(view->points, item.points);
      view->weighted = std::max(view->weighted, item.points * Window(item, now));
      view->gap = view->gap || item.gap;
      view->intrathecal_gap = view->intrathecal_gap || (item.gap && item.intrathecal);
      const tonus_ns next = NextWindowChange(item, now, window_settings);
      if (next != 0 && (boundary == 0 || next < boundary)) boundary = next;
    }
    return boundary;
  }

  void Grade(View* view) const {
    const bool exposed = view->weighted >= exposure.value();
    /* Without exposure the signs stand alone, and then need two readings each. */
    view->signs = ScoreSigns(view->bedside, sign_settings, !exposed);
    const double c = view->signs.total;
    const bool verified = view->delivery.status == DeliveryStatus::kVerified;
    const bool at_risk = view->therapy.intrathecal && !verified;
    if (Severe(*view)) {
      view->tier = Tier::kSevere;
    } else if ((exposed && c >= probable.value()) || (!verified && c >= probable_alone.value())) {
      view->tier = Tier::kProbable;
    } else if ((exposed && c >= possible.value()) || (at_risk && c >= possible_alone.value()) ||
               c >= probable_alone.value()) {
      view->tier = Tier::kPossible;
    } else if (view->points >= watch_exposure.value()) {
      view->tier = Tier::kWatch;
    }
  }

  /* Low pressure and vasopressors are common in intensive care: they make it severe only where
   * delivery is in doubt for a reason, and beside a sign. */
  bool Severe(const View& view) const {
    const double c = view.signs.total;
    const bool exposed = view.points >= severe_exposure.value();
    if (!exposed && c < severe_clinical.value()) return false;
    return std::any_of(view.signs.severe.begin(), view.signs.severe.end(), [&](const SignItem& s) {
      const bool shock = s.name == "SBP" || s.name == "vasopressor";
      return !shock || (exposed && c >= possible.value());
    });
  }

  Priority PriorityOf(const View& view, const tonus::clinical::DoseHistory& ordered) const {
    switch (view.tier) {
      case Tier::kSevere:
      case Tier::kProbable:
        return Priority::kHigh;
      case Tier::kPossible:
        return Priority::kMedium;
      default:
        break;
    }
    if (!view.gap) return Priority::kLow;
    if (view.intrathecal_gap) {
      return Bridged(view.therapy) ? Priority::kLow : Priority::kMedium;
    }
    const bool high = OralDoseBefore(view.therapy, ordered) >= exposure_settings.oral_high.value();
    return high || view.therapy.intrathecal ? Priority::kMedium : Priority::kLow;
  }

  static const ExposureItem* Leading(const View& view) {
    const ExposureItem* leading = nullptr;
    for (const ExposureItem& item : view.exposure) {
      if (leading == nullptr || item.points > leading->points) leading = &item;
    }
    return leading;
  }

  static std::string Clause(const View& view) {
    const ExposureItem* leading = Leading(view);
    const std::string words = Words(view.signs.items, 3);
    std::string text = leading != nullptr ? leading->text : "";
    if (!words.empty()) text += (text.empty() ? "" : "; ") + words;
    if (view.eased) return "signs have eased" + (words.empty() ? "" : ", left: " + words);
    if (words.empty()) text += ", no signs yet";
    if (leading == nullptr) text += "; delivery not verified";
    return text;
  }

  void Say(const View& view, const tonus::clinical::DoseHistory& ordered,
           const tonus::Patient& patient) const {
    auto finding = patient.finding(condition, static_cast<std::uint32_t>(view.tier),
                                   PriorityOf(view, ordered));
    for (const ExposureItem& item : view.exposure) {
      SayExposure(item, item.points * Window(item, view.therapy.now), &finding);
    }
    for (const SignItem& item : view.signs.items) SaySign(item, &finding);
    if (view.tier == Tier::kSevere) {
      for (const SignItem& item : view.signs.severe) {
        finding.For("severe").Text(item.word);
      }
      finding.WorkUp("Emergent care now: severe signs");
    }
    SayAbsent(view.signs, &finding);
    SayDelivery(view.delivery, view.therapy.now, true, &finding);
    SayCompeting(view, &finding);
    if (Bridged(view.therapy) && view.intrathecal_gap) {
      finding.Suppressed("baclofen",
                         "oral baclofen is ordered: it lowers the watch alone, it does not "
                         "reliably protect from intrathecal withdrawal");
    }
    if (view.bedside.antibiotic) {
      finding.Suppressed("antibiotic", "antibiotics do not make withdrawal less likely");
    }
    finding.Text(Clause(view)).Hold(view.gap).Report();
  }

  static void SayCompeting(const View& view, tonus::Finding* finding) {
    const tonus::clinical::Bedside& b = view.bedside;
    const bool culture = b.urine_culture.yes || b.blood_culture.yes || b.csf_culture.yes;
    const bool local = b.pocket_erythema.yes || b.pocket_swelling.yes || b.wound_drainage.yes;
    std::string why = "no culture or source on record; withdrawal alone can give fever";
    if (culture) why = "a culture is positive; both can be present, treat neither as the whole";
    if (local) why = "the pump pocket looks infected; both can be present";
    if (b.temp.known && b.temp.now < 38 && !culture && !local) {
      why = "no fever now and no source on record";
    }
    finding->Competing("infection", why);
    if (b.sci_thoracic != 0 && b.sci_thoracic <= 6) {
      finding->Competing("dysreflexia", "spinal injury at or above T6: look for a stimulus");
    }
    if (b.dopamine_antagonist) {
      finding->Competing("neuroleptic_malignant_syndrome",
                         "a dopamine antagonist is or was ordered in the last 72 h");
    }
    if (b.serotonergic) {
      finding->Competing("serotonin_syndrome", "a serotonergic drug is ordered");
    }
  }
};

}  // namespace

TONUS_PLUGIN(Withdrawal)
