// Too much baclofen, and what adds to it (clinical-reference D5, 5.1–5.3). Heart rate and pressure
// may go either way in overdose; what tells it from withdrawal is the direction of tone and what
// was done to the pump before. README.md holds the logic with its sources.

#include <algorithm>
#include <string>
#include <vector>

#include "plugins/clinical/pace.h"
#include "plugins/clinical/reading.h"
#include "plugins/clinical/statement.h"
#include "plugins/sedation/interaction.h"
#include "plugins/sedation/opening.h"

namespace {

using tonus::Priority;
using tonus::clinical::SignItem;
using tonus::clinical::Therapy;
using tonus::sedation::Depressant;
using tonus::sedation::Depression;
using tonus::sedation::Interactions;
using tonus::sedation::Opening;

enum class Tier : std::uint32_t { kWatch = 0, kPossible = 1, kProbable = 2, kNone = 9 };

struct Memory {
  tonus::clinical::Pace pace;
  tonus::clinical::DoseHistory programmed, ordered;
  tonus_ns held = 0;    /* when overdose last held; 0: it has not */
  tonus_ns added = 0;   /* the same of interaction at medium or high */
  tonus_ns sedated = 0; /* when sedation was last meant */
  TONUS_STATE(pace, programmed, ordered, held, added, sedated)
};

/// One look at one patient.
struct View {
  Therapy therapy;
  tonus::clinical::Bedside bedside;
  tonus::clinical::SedationIntent intent;
  std::vector<Opening> openings;
  Depression depression;
  Interactions interactions;
  bool pocket = false;  ///< Swollen since a refill.
  bool atypical = false;
  bool eased = false;
  Tier overdose = Tier::kNone;
};

class Sedation : public tonus::Detector<Sedation, Memory> {
 public:
  static constexpr tonus::Info kInfo{"org.tonus.sedation", "sedation", "0.1.0", "tonus",
                                     "plugins/sedation/README.md"};
  // Every dose of a week is looked up in every class of drugs; a thousand doses are possible.
  static constexpr std::uint32_t kFuelPerCall = 200'000;
  static constexpr std::uint32_t kStateVersion = 2;

  tonus::clinical::Vocabulary names{this, {tonus::kWakes, tonus::kWakes}};
  tonus::clinical::IntentVocabulary intent_names{this};
  tonus::sedation::InteractionVocabulary interaction_names{this};
  tonus::Signal<tonus::MmHg> etco2{this, "ETCO2", tonus::kWakes, 48 * tonus::kHour};
  tonus::Signal<tonus::YesNo> hypotonia{this, "HYPOTONIA", tonus::kWakes};
  tonus::clinical::ReservoirSettings reservoir_settings{this};
  tonus::sedation::OpeningSettings opening_settings{this};
  tonus::sedation::DepressionSettings depression_settings{this};
  tonus::sedation::InteractionSettings interaction_settings{this};
  tonus::DurationSetting hold{this,
                              "hold_after_signs",
                              6 * tonus::kHour,
                              0,
                              48 * tonus::kHour,
                              "Both are shown for this long after their signs have eased",
                              "unvalidated; it can develop over days (5.2)"};

  tonus::Condition overdose{
      this,
      {"overdose", "Baclofen overdose", "{title} {tier}: {text}.",
       "case series (Delhaas 1991, Truex 2020, Leung 2006); windows, limits and tiers unvalidated"},
      {"watch", "possible", "probable"},
      {"Airway, breathing and circulation first: call for help now",
       "Stop the pump or empty its reservoir, as the protocol and the implanting team say",
       "Check what was given: programming, concentration, volume filled, boluses; look at the pump "
       "pocket",
       "Drainage of cerebrospinal fluid can be considered by the treating clinician, if nothing "
       "speaks against a lumbar puncture",
       "Physostigmine is not a reliable antidote; absent brainstem reflexes can be the drug's",
       "With the pump off withdrawal can follow within hours. Rule out withdrawal: check pump "
       "programming, reservoir, catheter"},
      {{"withdrawal",
        "fast heart rate and high pressure occur in both: the direction of tone "
        "tells them apart, and withdrawal can follow"},
       {"interaction", "other depressants add to baclofen"},
       {"neuro_event", "loss of consciousness can be a new neurological event"},
       {"infection", "low pressure and drowsiness can be sepsis"}}};
  tonus::Condition interaction{
      this,
      {"interaction", "Drug interaction with baclofen", "{title} {tier}: {text}.",
       "product labels, Muanda 2019; rules unvalidated"},
      {"possible", "probable", "severe"},
      {"Look at the patient now: sedation, breathing, airway",
       "Review the depressants with a pharmacist; usually they sedate rather than raise tone",
       "Check kidney function and drug timing",
       "Stop neither baclofen nor a benzodiazepine, tizanidine or clonidine abruptly: withdrawal",
       "Tone up instead of down? Rule out withdrawal: check pump programming, reservoir, catheter"},
      {{"overdose", "baclofen alone can do this after a refill, a higher dose or a restart"},
       {"withdrawal", "a depressant that was stopped, not added, can look like withdrawal"},
       {"neuro_event", "drowsiness can be a new neurological event"},
       {"infection", "drowsiness can be sepsis"}}};

  void On(const tonus::Event& event, Memory& memory, tonus::Patient& patient) const {
    tonus::clinical::WakeAt(
        event, names, false, &memory.pace, &patient, [&] { Look(&memory, &patient); },
        [&] { Clear(patient); });
  }
  void OnTimer(std::uint32_t, Memory& memory, tonus::Patient& patient) const {
    if (memory.pace.therapy) Look(&memory, &patient);
  }

 private:
  void Clear(const tonus::Patient& patient) const {
    patient.clear(overdose);
    patient.clear(interaction);
  }

  void Look(Memory* memory, tonus::Patient* patient) const {
    View view;
    view.therapy = ReadTherapy(names, *patient);
    if (!view.therapy.any()) {
      Clear(*patient);
      return LookAgain(0, &memory->pace, patient);
    }
    Remember(view.therapy, &memory->programmed, &memory->ordered);
    view.bedside = ReadBedside(names, *patient);
    view.intent = ReadIntent(intent_names, view.therapy, view.bedside, *patient);
    CountWaking(intent_names, view.bedside,
                std::max(view.bedside.rass.newest, view.bedside.gcs.newest), &memory->sedated,
                &view.intent);
    view.openings = Openings(view.therapy, memory->programmed, memory->ordered, reservoir_settings,
                             opening_settings);
    tonus_ns since = 0, boundary = 0;
    for (const Opening& opening : view.openings) {
      since = since == 0 ? opening.since : std::min(since, opening.since);
      boundary = boundary == 0 ? opening.until + 1 : std::min(boundary, opening.until + 1);
    }
    const tonus::sedation::More more{tonus::clinical::ReadVital(etco2, *patient),
                                     tonus::clinical::ReadSign(hypotonia, *patient)};
    view.depression = Assess(view.bedside, more, view.intent, since, depression_settings);
    view.interactions =
        ReadInteractions(interaction_names, interaction_settings, names, view.therapy, *patient);
    GradeOverdose(&view, memory);
    if (view.overdose == Tier::kNone) {
      patient->clear(overdose);
    } else {
      SayOverdose(view, *patient);
    }
    Interact(view, memory, *patient);
    LookAgain(boundary, &memory->pace, patient);
  }

  void GradeOverdose(View* v, Memory* memory) const {
    const Depression& d = v->depression;
    v->overdose = v->openings.empty() ? Unprompted(*v) : Prompted(v);
    if (v->overdose == Tier::kProbable || v->overdose == Tier::kPossible) {
      memory->held = v->therapy.now;
    } else if (memory->held != 0 && v->therapy.now - memory->held <= hold) {
      v->eased = v->overdose == Tier::kNone && d.items() == 0;
      v->overdose = Tier::kWatch;
    } else if (v->overdose == Tier::kNone) {
      memory->held = 0;
    }
  }

  /* After something that may have been too much. */
  Tier Prompted(View* v) const {
    const Depression& d = v->depression;
    /* Tone up with a racing heart is the opposite, unless breathing and mind fail too. */
    if (d.tone_up && !(d.slow_breaths && d.mind)) return Tier::kNone;
    if (d.items() >= 2) return Tier::kProbable;
    v->atypical = d.tone && (d.drowsy || d.fast_heart || d.high_pressure);
    v->pocket = SwollenAfterRefill(*v);
    if (v->atypical || v->pocket) return Tier::kPossible;
    return d.mind || d.slow_breaths || d.seizure ? Tier::kWatch : Tier::kNone;
  }

  /* Without a known reason: breathing that fails by rate or CO2 beside a depressed brain or tone.
   * Where other depressants run the interaction says it. */
  static Tier Unprompted(const View& v) {
    const Depression& d = v.depression;
    const bool depressed = d.mind || d.tone;
    if (!d.slow_breaths || !depressed || d.tone_up) return Tier::kNone;
    return v.interactions.depressants.empty() ? Tier::kProbable : Tier::kNone;
  }

  static bool SwollenAfterRefill(const View& v) {
    const auto& swelling = v.bedside.pocket_swelling;
    return swelling.counts &&
           std::any_of(v.openings.begin(), v.openings.end(), [&](const Opening& o) {
             return o.name == "refill" && swelling.at >= o.since;
           });
  }

  static std::vector<SignItem> ItemsOf(const View& v) {
    std::vector<SignItem> out;
    const Depression& d = v.depression;
    for (const auto* item : {&d.mind, &d.breathing, &d.tone, &d.seizure, &d.circulation}) {
      if (*item) out.push_back(**item);
    }
    if (!v.atypical) return out;
    for (const auto* item : {&d.drowsy, &d.fast_heart, &d.high_pressure}) {
      if (*item) out.push_back(**item);
    }
    return out;
  }

  static std::string OverdoseClause(const View& v, const std::vector<SignItem>& items) {
    std::string text = tonus::clinical::Words(items, 3);
    if (v.pocket) text = text.empty() ? "pump pocket swollen" : "pump pocket swollen, " + text;
    if (v.eased || text.empty()) text = "signs have eased";
    if (v.openings.empty()) return text;
    const Opening& newest = v.openings.front();
    return text + "; " + newest.text + " " + tonus::DurationText(v.therapy.now - newest.since) +
           " before";
  }

  void SayOverdose(const View& v, const tonus::Patient& patient) const {
    const Priority priority = v.overdose == Tier::kProbable   ? Priority::kHigh
                              : v.overdose == Tier::kPossible ? Priority::kMedium
                                                              : Priority::kLow;
    auto finding = patient.finding(overdose, static_cast<std::uint32_t>(v.overdose), priority);
    for (const Opening& opening : v.openings) {
      finding.For(opening.name)
          .Happened(opening.since)
          .Text(opening.text)
          .Weight(1)
          .Ref(opening.ref);
    }
    const auto items = ItemsOf(v);
    for (const SignItem& item : items) SaySign(item, &finding);
    if (v.pocket) {
      finding.For("POCKET_SWELLING")
          .Happened(v.bedside.pocket_swelling.at)
          .Ref(v.bedside.pocket_swelling.ref)
          .Text("since the refill: drug may be in the pocket")
          .Weight(2);
    }
    if (v.atypical) {
      finding.For("atypical")
          .Text("heart rate and pressure may rise in overdose; tone is below own normal");
    }
    if (v.depression.tone_up) SaySign(*v.depression.tone_up, &finding);
    for (const auto& missing : v.depression.missing) finding.Missing(missing.name, missing.newest);
    for (const auto& item : v.depression.suppressed) finding.Suppressed(item.name, item.why);
    for (const Depressant& d : v.interactions.depressants) {
      finding.Competing("interaction", d.name + " is on record too and adds to it");
    }
    finding.Text(OverdoseClause(v, items)).Report();
  }

  /* ---- interaction ---- */

  void Interact(const View& v, Memory* memory, const tonus::Patient& patient) const {
    const Interactions& x = v.interactions;
    const Depression& d = v.depression;
    const bool pair = x.tizanidine && !x.inhibitor.empty();
    /* Several sedatives in a patient who is meant to be asleep are no interaction. */
    const bool meant = v.intent.ordered() || v.intent.procedural;
    const bool stack = !meant && !x.depressants.empty() &&
                       x.fresh() >= static_cast<int>(interaction_settings.stacked.value());
    const Depressant* added = x.opioid_or_alcohol();
    const bool change = d.mind || SedationDown(v);
    const bool failing = d.slow_breaths || (d.breathing && change);
    const bool any = pair || stack || x.kidney || (added != nullptr && (change || failing));
    if (any && !d.tone_up) {
      const bool medium = pair || x.kidney || change || d.slowing;
      const Priority priority = failing  ? Priority::kHigh
                                : medium ? Priority::kMedium
                                         : Priority::kLow;
      if (priority != Priority::kLow) memory->added = v.therapy.now;
      return SayInteraction(v, priority, pair, stack, patient);
    }
    /* Hourly values and charts that grow old would raise it again and again. */
    const bool lately = memory->added != 0 && v.therapy.now - memory->added <= hold;
    if (!lately || d.tone_up || x.depressants.empty()) {
      memory->added = 0;
      return patient.clear(interaction);
    }
    SayInteraction(v, Priority::kLow, pair, stack, patient);
  }

  /* Two steps below the own normal, and not as ordered. */
  static bool SedationDown(const View& v) {
    const auto& rass = v.bedside.rass;
    if (!rass.known || !rass.own || rass.now > -2 || *rass.own - rass.now < 2) return false;
    return v.intent.Covers(rass.now).empty();
  }

  static std::string InteractionClause(const View& v, bool pair, bool stack) {
    const Interactions& x = v.interactions;
    std::string text;
    const auto add = [&](const std::string& words) { text += (text.empty() ? "" : "; ") + words; };
    if (pair) add("tizanidine with " + x.inhibitor + ", a contraindicated pair");
    if (x.kidney) add("oral baclofen accumulates, " + x.kidney->word);
    if (stack || text.empty()) {
      std::string list;
      for (const Depressant& d : x.depressants) {
        if (stack && !d.fresh) continue;
        list += (list.empty() ? "" : ", ") + d.name;
      }
      add(list + " beside baclofen");
    }
    std::vector<SignItem> items = ItemsOf(v);
    if (v.depression.slowing) items.push_back(*v.depression.slowing);
    const std::string words = tonus::clinical::Words(items, 2);
    return words.empty() ? text : words + "; " + text;
  }

  void SayInteraction(const View& v, Priority priority, bool pair, bool stack,
                      const tonus::Patient& patient) const {
    const Interactions& x = v.interactions;
    const std::uint32_t tier = static_cast<std::uint32_t>(priority) - 2;
    auto finding = patient.finding(interaction, tier, priority);
    for (const Depressant& d : x.depressants) {
      finding.For(d.name)
          .Happened(d.at)
          .Ref(d.ref)
          .Weight(d.fresh ? 1 : 0.5)
          .Text(d.fresh ? "started, raised or given within 24 h" : "on record");
    }
    if (x.baclofen_fresh) finding.For("baclofen").Text("started or raised within 24 h").Weight(1);
    if (pair) {
      finding.For(x.inhibitor)
          .Ref(x.tizanidine_ref)
          .Ref(x.inhibitor_ref)
          .Weight(3)
          .Text("blocks CYP1A2, which clears tizanidine");
    }
    if (x.kidney) SaySign(*x.kidney, &finding);
    for (const SignItem& item : ItemsOf(v)) SaySign(item, &finding);
    if (v.depression.slowing) SaySign(*v.depression.slowing, &finding);
    for (const auto& missing : v.depression.missing) finding.Missing(missing.name, missing.newest);
    for (const auto& item : v.depression.suppressed) finding.Suppressed(item.name, item.why);
    if (!v.openings.empty()) {
      finding.Competing("overdose", v.openings.front().text + " lately: it may be baclofen alone");
    }
    finding.Text(InteractionClause(v, pair, stack)).Report();
  }
};

}  // namespace

TONUS_PLUGIN(Sedation)
