// Tolerance (clinical-reference 3.3, D8): more and more drug for no more effect, over months. What
// looks the same is a catheter that fails: in eleven patients of Heetla's series the rise had been
// pump failure. So it is never said without that, and not at all while anything points there.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "plugins/clinical/delivery.h"
#include "plugins/clinical/pace.h"
#include "plugins/clinical/pump_story.h"
#include "plugins/clinical/statement.h"
#include "plugins/tolerance/dose_levels.h"

namespace {

using tonus::Priority;
using tonus::clinical::Delivery;
using tonus::clinical::DeliveryStatus;
using tonus::clinical::Therapy;
using tonus::tolerance::DoseLevels;

enum class Tier : std::uint32_t { kBlocked = 0, kPossible = 1 };

struct Memory {
  tonus::clinical::Pace pace;
  tonus::clinical::DoseHistory programmed, ordered;
  DoseLevels levels;
  TONUS_STATE(pace, programmed, ordered, levels)
};

struct Block {
  std::string name, word, why;
};

/// A rise of the dose that brought no more effect.
struct Rise {
  const DoseLevels::Level* from = nullptr;
  tonus_ns since = 0;
  double from_ug = 0, to_ug = 0;
  std::optional<double> mas, penn;  ///< On the dose in force, where comparable.
};

constexpr const char* kExcludeFailure =
    "Exclude delivery failure first: interrogate, compare residual volumes, X-ray, aspirate the "
    "catheter access port, dye study or CT";

class Tolerance : public tonus::Detector<Tolerance, Memory> {
 public:
  static constexpr tonus::Info kInfo{"org.tonus.tolerance", "tolerance", "0.1.0", "tonus",
                                     "plugins/tolerance/README.md"};
  static constexpr const char* k33 = "unvalidated: clinical-reference 3.3";

  tonus::clinical::Vocabulary names{this, {tonus::kWakes, tonus::kReads}};
  tonus::clinical::ExposureSettings exposure_settings{this};
  tonus::clinical::ReservoirSettings reservoir_settings{this};
  tonus::clinical::DeliverySettings delivery_settings{this};
  tonus::Setting<tonus::MicrogramPerDay> rise{this,
                                              "rise_ug_per_day_in_a_year",
                                              100,
                                              20,
                                              1000,
                                              "Rise of the dose within 12 months beyond which it "
                                              "may be tolerance",
                                              "Heetla 2009: its definition of tolerance"};
  tonus::DurationSetting settled{this,
                                 "after_implant",
                                 548 * tonus::kDay,
                                 180 * tonus::kDay,
                                 3650 * tonus::kDay,
                                 "In the first 18 months a rise is titration",
                                 "Heetla 2009: doses rise for 18 months, then level out"};
  tonus::DurationSetting observed{this,
                                  "observed",
                                  180 * tonus::kDay,
                                  30 * tonus::kDay,
                                  365 * tonus::kDay,
                                  "The doses of at least this long must be on record",
                                  "unvalidated; a rise is never drawn out to a year"};
  tonus::Setting<tonus::Points> mas_better{this,
                                           "mas_better",
                                           0.45,
                                           0.1,
                                           3,
                                           "Fall of mean MAS that is better",
                                           "Chen 2019: MCID of the legs after stroke, 0.5 SD"};
  tonus::Setting<tonus::Points> penn_better{
      this, "penn_better", 1, 1, 4, "Fall of Penn that is better", k33};
  tonus::Setting<tonus::Percent> sudden{
      this,
      "sudden_percent_in_30_days",
      30,
      5,
      200,
      "A steeper rise is a sign of the catheter",
      "limit unvalidated; Medscape: large and sudden escalation suggests a catheter"};
  tonus::IntSetting steps{
      this, "sudden_increases_in_60_days", 3, 2, 20, "So many increases are a sign of the catheter",
      k33};
  tonus::Peer malfunction{this, "malfunction", tonus::kWakes};
  tonus::Peer withdrawal{this, "withdrawal", tonus::kWakes};
  tonus::Peer infection{this, "infection"};

  tonus::Condition condition{
      this,
      {"tolerance", "Tolerance to intrathecal baclofen", "{text}.",
       "Heetla 2009; rule and interlock unvalidated"},
      {"blocked", "possible"},
      {"Rule out withdrawal: check pump programming, reservoir, catheter", kExcludeFailure,
       "Image the catheter tip: a granuloma asks for more and more drug too",
       "Look for what raises tone: infection, constipation, pressure sores",
       "Only then think of tolerance; the treating clinician decides"},
      {{"malfunction", "a rise of the dose without effect is most often delivery failure"},
       {"withdrawal", "a failing catheter leads to withdrawal"},
       {"paradox", "further escalation may reach the paradoxical effect"},
       {"infection", "an infection raises tone on any dose"}}};

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
    const Therapy therapy = ReadTherapy(names, *patient);
    if (!therapy.intrathecal) {
      patient->clear(condition);
      return LookAgain(0, &memory->pace, patient);
    }
    Remember(therapy, &memory->programmed, &memory->ordered);
    const auto bedside = ReadBedside(names, *patient);
    memory->levels.Take(therapy, tonus::tolerance::ToneNow(bedside));
    const Rise found = FindRise(therapy, memory->levels);
    if (found.from == nullptr) {
      patient->clear(condition);
    } else {
      Judge(*memory, therapy, found, *patient);
    }
    LookAgain(0, &memory->pace, patient);
  }

  /* The rise since the later of a year ago and the last surgery on the system: what went before a
   * revision was the old catheter's. */
  Rise FindRise(const Therapy& t, const DoseLevels& levels) const {
    Rise out;
    if (!t.implanted || t.now - *t.implanted < settled || levels.n < 2) return out;
    const tonus::clinical::PumpStory story(t);
    const tonus_ns begin = std::max(t.now - 365 * tonus::kDay, story.system_surgery);
    const DoseLevels::Level* from = levels.At(begin);
    const tonus_ns since = std::max(begin, from->at);
    const double to = levels.newest()->daily;
    if (t.now - since < observed || to - from->daily <= rise.value()) return out;
    const DoseLevels::Level& now = *levels.newest();
    const bool mas = now.mas >= 0 && from->mas >= 0, penn = now.penn >= 0 && from->penn >= 0;
    /* Rated on this dose as on the one before, or nothing is said. */
    if ((!mas && !penn) || mas != (from->mas >= 0) || penn != (from->penn >= 0)) return out;
    const bool better = (mas && from->mas - now.mas >= mas_better.value()) ||
                        (penn && from->penn - now.penn >= penn_better.value());
    if (better) return out;
    out.from = from;
    out.since = since;
    out.from_ug = from->daily;
    out.to_ug = to;
    if (mas) out.mas = now.mas;
    if (penn) out.penn = now.penn;
    return out;
  }

  std::vector<Block> Blocks(const Memory& memory, const Therapy& t, const Delivery& delivery,
                            const tonus::Patient& patient) const {
    std::vector<Block> out;
    tonus_peer_finding peer{};
    /* The 30 and the 60 days are unvalidated. */
    if (memory.levels.RisePercent(t.now, 30 * tonus::kDay) >= sudden.value() ||
        memory.levels.Increases(t.now, 60 * tonus::kDay) >= steps.value()) {
      out.push_back({"malfunction", "sudden escalation",
                     "large and sudden escalation suggests a catheter complication"});
    }
    if (patient.finding(malfunction, &peer) && peer.priority >= TONUS_MEDIUM) {
      out.push_back(
          {"malfunction", "possible malfunction", "stated now: " + Outstanding(delivery)});
    }
    if (delivery.status == DeliveryStatus::kGap) {
      out.push_back({"withdrawal", "open delivery gap", "delivery gap: " + delivery.gap});
    } else if (patient.finding(withdrawal, &peer) && peer.tier >= 1) {
      out.push_back({"withdrawal", "possible withdrawal", "it is stated now"});
    }
    if (patient.finding(infection, &peer)) {
      out.push_back({"infection", "possible infection", "it is stated now and raises tone itself"});
    }
    return out;
  }

  static std::string Outstanding(const Delivery& delivery) {
    return delivery.outstanding.empty() ? "its own work-up comes first"
                                        : "outstanding " + delivery.OutstandingText();
  }

  void Judge(const Memory& memory, const Therapy& t, const Rise& found,
             const tonus::Patient& patient) const {
    auto exposure = IntrathecalExposure(t, memory.programmed, exposure_settings);
    const Delivery delivery = AssessDelivery(t, exposure, reservoir_settings, delivery_settings);
    const auto blocks = Blocks(memory, t, delivery, patient);
    const Tier tier = blocks.empty() ? Tier::kPossible : Tier::kBlocked;
    auto finding = patient.finding(condition, static_cast<std::uint32_t>(tier),
                                   blocks.empty() ? Priority::kLow : Priority::kInfo);
    const tonus_ns days = (t.now - found.since) / tonus::kDay;
    finding.For("dose_change")
        .Text("dose rose from " + tonus::Number(found.from_ug) + " µg/d within " +
              tonus::Number(static_cast<double>(days), 0) + " days")
        .Value(found.to_ug, tonus::MicrogramPerDay::kUcum)
        .At(memory.levels.newest()->at)
        .Weight(1);
    if (found.mas) {
      finding.For("MAS")
          .Value(*found.mas, "")
          .Baseline(found.from->mas)
          .Weight(1)
          .Text("mean grade, against that when the rise began");
    }
    if (found.penn) {
      finding.For("PENN")
          .Value(*found.penn, "")
          .Baseline(found.from->penn)
          .Weight(1)
          .Text("against that when the rise began");
    }
    SayDelivery(delivery, t.now, false, &finding);
    for (const Block& block : blocks) finding.Competing(block.name, block.why);
    finding.Text(Clause(delivery, blocks)).Report();
  }

  static std::string Clause(const Delivery& delivery, const std::vector<Block>& blocks) {
    if (!blocks.empty()) {
      std::string why;
      for (const Block& block : blocks) why += (why.empty() ? "" : ", ") + block.word;
      return "Tolerance hypothesis blocked: exclude delivery failure first; " + why;
    }
    std::string text =
        "Possible tolerance: dose rising, tone no better; exclude delivery failure first";
    if (delivery.status == DeliveryStatus::kVerified)
      return text + "; verified now: " + delivery.proof;
    return text + "; outstanding: " + delivery.OutstandingText();
  }
};

}  // namespace

TONUS_PLUGIN(Tolerance)
