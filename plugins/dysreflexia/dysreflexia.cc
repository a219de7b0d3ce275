// Autonomic dysreflexia (clinical-reference D9, R12): after an injury at or above T6 a stimulus
// below it drives the pressure up within minutes, often with a slow heart. It is support, not
// suppression: nothing else becomes less likely by it. README.md holds the logic.

#include <algorithm>
#include <string>
#include <vector>

#include "plugins/clinical/facts.h"
#include "plugins/clinical/reading.h"

namespace {

using tonus::Priority;
using tonus::clinical::ReadSign;
using tonus::clinical::ReadVital;
using tonus::clinical::Sign;
using tonus::clinical::Vital;

enum class Tier : std::uint32_t { kProbable = 0, kSevere = 1 };

struct Memory {
  tonus_ns since = 0;     /* when the pressure rose; 0: it is not up */
  tonus_ns above_150 = 0; /* since when it has been at the upper limit; 0: it is not */
  TONUS_STATE(since, above_150)
};

struct Trigger {
  const char* name;
  const char* words;
  Sign sign;
};

constexpr const char* kElseWithdrawal =
    "No stimulus found, or fever, itching or tone up for hours? Rule out withdrawal: check pump "
    "programming, reservoir, catheter";

class Dysreflexia : public tonus::Detector<Dysreflexia, Memory> {
 public:
  static constexpr tonus::Info kInfo{"org.tonus.dysreflexia", "dysreflexia", "0.1.0", "tonus",
                                     "plugins/dysreflexia/README.md"};
  static constexpr const char* kD9 = "unvalidated: clinical-reference D9";

  tonus::Input patient_input{this, TONUS_IN_PATIENT, "", tonus::kWakes, 0};
  tonus::Input orders{this, TONUS_IN_ORDER, "", tonus::kReads, 90 * tonus::kDay};
  tonus::Signal<tonus::MmHg> sbp{this, "SBP", tonus::kWakes, 48 * tonus::kHour};
  tonus::Signal<tonus::PerMinute> hr{this, "HR", tonus::kReads, 48 * tonus::kHour};
  tonus::Signal<tonus::Celsius> temp{this, "TEMP", tonus::kReads, 48 * tonus::kHour};
  tonus::Signal<tonus::YesNo> bladder{this, "BLADDER_DISTENSION", tonus::kWakes};
  tonus::Signal<tonus::YesNo> bowel{this, "BOWEL_IMPACTION", tonus::kWakes};
  tonus::Signal<tonus::YesNo> skin{this, "PRESSURE_INJURY", tonus::kWakes};
  tonus::Signal<tonus::YesNo> urine{this, "URINE_CULTURE", tonus::kWakes};
  tonus::Signal<tonus::YesNo> flushing{this, "FLUSHING", tonus::kWakes};
  tonus::Signal<tonus::YesNo> sweating{this, "DIAPHORESIS", tonus::kWakes};
  tonus::Signal<tonus::YesNo> headache{this, "HEADACHE", tonus::kWakes};
  tonus::DrugClass vasopressor{this, "vasopressor"};
  tonus::Setting<tonus::MmHg> rise{this,
                                   "systolic_rise_mmhg",
                                   20,
                                   15,
                                   40,
                                   "Rise of systolic pressure over the own normal",
                                   "actionnuggets: above 20-40 over the usual pressure"};
  tonus::Setting<tonus::MmHg> rise_high{this,
                                        "systolic_rise_high_mmhg",
                                        40,
                                        20,
                                        100,
                                        "Rise that is severe",
                                        "unvalidated: reading R12"};
  tonus::Setting<tonus::MmHg> high{this,
                                   "systolic_high_mmhg",
                                   150,
                                   130,
                                   200,
                                   "Systolic pressure that is severe where it persists; adults",
                                   "actionnuggets: treat where it stays at 150"};
  tonus::DurationSetting persists{this,
                                  "high_for",
                                  15 * tonus::kMinute,
                                  0,
                                  60 * tonus::kMinute,
                                  "It is severe after this long at that pressure",
                                  "unvalidated: reading R12"};
  tonus::DurationSetting within{this,
                                "rises_within",
                                30 * tonus::kMinute,
                                5 * tonus::kMinute,
                                60 * tonus::kMinute,
                                "The pressure rises within this time",
                                kD9};
  tonus::Setting<tonus::Celsius> fever{
      this, "fever_celsius", 38, 37.5, 39, "From this temperature on it is something else", kD9};

  tonus::Condition condition{
      this,
      {"dysreflexia", "Autonomic dysreflexia", "{title}: {text}.",
       "SCIRE, actionnuggets; limits unvalidated where they say so"},
      {"probable", "severe"},
      {"Sit the patient up and loosen whatever is tight",
       "Look for the stimulus and remove it: bladder and catheter first, then bowel, then skin",
       "Measure blood pressure every 2 to 5 minutes until it is as usual",
       "Pressure stays high: the treating clinician decides on medication", kElseWithdrawal},
      {{"withdrawal",
        "high pressure and spasms occur in both; withdrawal lasts hours, not minutes"},
       {"neuro_event", "headache with high pressure can be posterior encephalopathy"},
       {"infection", "a urinary infection can be the stimulus"}}};

  void On(const tonus::Event&, Memory& memory, tonus::Patient& patient) const {
    Look(&memory, &patient);
  }
  void OnTimer(std::uint32_t, Memory& memory, tonus::Patient& patient) const {
    Look(&memory, &patient);
  }

 private:
  /* C1 is −8, T6 is 6; 0 is no injury on record. */
  static int Level(const tonus::Patient& patient) {
    return tonus::clinical::SpinalLevel(tonus::View(patient.info().sci_level));
  }

  void Look(Memory* memory, tonus::Patient* patient) const {
    const int level = Level(*patient);
    if (level == 0 || level > 6) return Reset(memory, *patient);
    const Vital pressure = ReadVital(sbp, *patient);
    const Vital warmth = ReadVital(temp, *patient);
    if (!pressure.known || !pressure.own) return Reset(memory, *patient);
    const double now = LowerOfLastTwo(pressure, *patient);
    const bool up = now - *pressure.own >= rise.value();
    const bool warm = warmth.known && warmth.now >= fever.value();
    if (!up || warm) return Reset(memory, *patient);
    if (memory->since == 0) {
      if (!Sudden(pressure, now, *patient) || Pressor(*patient)) return;
      memory->since = pressure.newest;
    }
    const bool adult =
        !(patient->info().flags & TONUS_PATIENT_HAS_AGE) || patient->info().age_years >= 12;
    if (!adult || now < high.value()) {
      memory->above_150 = 0;
    } else if (memory->above_150 == 0) {
      memory->above_150 = patient->now();
    }
    /* Looked at again without a new value too: at the limit of time, and as values grow old. */
    tonus_ns next = patient->now() + 15 * tonus::kMinute;
    const tonus_ns limit = memory->above_150 + persists;
    if (memory->above_150 != 0 && limit > patient->now()) next = std::min(next, limit);
    patient->set_timer(0, next);
    Say(*memory, pressure, warmth, now, *patient);
  }

  void Reset(Memory* memory, const tonus::Patient& patient) const {
    *memory = Memory();
    patient.clear(condition);
  }

  /* One reading may be an artefact: what the last two within a quarter of an hour both reach
     (unvalidated). */
  double LowerOfLastTwo(const Vital& pressure, const tonus::Patient& patient) const {
    const tonus_ns at = pressure.newest;
    const auto rows = patient.window(sbp, at - 15 * tonus::kMinute, at + 1);
    if (rows.size() < 2) return 0;
    return std::min(rows[rows.size() - 1].value, rows[rows.size() - 2].value);
  }

  /* From at least `rise` lower within the time before. */
  bool Sudden(const Vital& pressure, double now, const tonus::Patient& patient) const {
    const auto before = patient.stats(sbp, pressure.newest - within, pressure.newest + 1);
    return before.n >= 3 && now - before.min >= rise.value();
  }

  /* A drug that raises the pressure explains it. */
  bool Pressor(const tonus::Patient& patient) const {
    for (const tonus_order& row : patient.orders()) {
      if (row.status == TONUS_ORDER_ACTIVE && patient.in_class(row.drug, vasopressor)) return true;
    }
    return false;
  }

  std::vector<Trigger> Triggers(const tonus::Patient& patient) const {
    std::vector<Trigger> out;
    const auto add = [&](const tonus::Signal<tonus::YesNo>& signal, const char* words) {
      const Sign sign = ReadSign(signal, patient);
      if (sign.yes) out.push_back({signal.name(), words, sign});
    };
    add(bladder, "bladder full");
    add(bowel, "bowel impacted");
    add(skin, "pressure injury");
    add(urine, "urine culture positive");
    return out;
  }

  void Say(const Memory& memory, const Vital& pressure, const Vital& warmth, double now,
           const tonus::Patient& patient) const {
    const bool long_high = memory.above_150 != 0 && patient.now() - memory.above_150 >= persists;
    const bool severe = long_high || now - *pressure.own >= rise_high.value();
    auto finding =
        patient.finding(condition, severe ? 1 : 0, severe ? Priority::kHigh : Priority::kMedium);
    finding.For("SBP")
        .Value(now, tonus::MmHg::kUcum)
        .Baseline(*pressure.own)
        .Limit(TONUS_REL_GE, severe && !long_high ? rise_high : rise)
        .At(pressure.newest)
        .Ref(pressure.ref)
        .Weight(2);
    const Vital heart = ReadVital(hr, patient);
    const bool slow = heart.known && (heart.own ? heart.now < *heart.own - 5 : heart.now < 60);
    if (slow) {
      auto& e = finding.For("HR").Value(heart.now, tonus::PerMinute::kUcum);
      if (heart.own) e.Baseline(*heart.own);
      e.At(heart.newest).Ref(heart.ref).Weight(1).Text("heart slows as the pressure rises");
    } else if (heart.known && heart.own && heart.now > 1.2 * *heart.own) {
      finding.Against("HR")
          .Value(heart.now, tonus::PerMinute::kUcum)
          .Baseline(*heart.own)
          .At(heart.newest)
          .Ref(heart.ref)
          .Text("a fast heart fits withdrawal or pain as well");
    }
    std::string text = "blood pressure up within minutes";
    if (slow) text += ", heart slow";
    const auto triggers = Triggers(patient);
    for (const Trigger& t : triggers) {
      finding.For(t.name).Happened(t.sign.at).Ref(t.sign.ref).Text(t.words).Weight(1);
      text += std::string(", ") + t.words;
    }
    if (triggers.empty()) text += "; look for the stimulus";
    for (const auto* signal : {&flushing, &sweating, &headache}) {
      const Sign sign = ReadSign(*signal, patient);
      if (sign.counts) finding.For(signal->name()).Happened(sign.at).Ref(sign.ref).Weight(0.5);
    }
    if (!warmth.known) finding.Missing("TEMP", warmth.newest);
    if (!heart.known) finding.Missing("HR", heart.newest);
    for (const auto* signal : {&bladder, &bowel, &skin}) {
      if (!ReadSign(*signal, patient).known) finding.Missing(signal->name(), 0);
    }
    finding.Text(text).Report();
  }
};

}  // namespace

TONUS_PLUGIN(Dysreflexia)
