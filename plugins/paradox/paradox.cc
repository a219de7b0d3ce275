// Paradoxical response (clinical-reference 3.2, D3): tone that rises after the dose was raised. The
// published evidence is thin and what looks the same is withdrawal, so the interlock is hard:
// unless delivery is verified and nothing else explains it, all that is stated is that the
// hypothesis is blocked, and what is outstanding.

#include <algorithm>
#include <string>
#include <vector>

#include "plugins/clinical/delivery.h"
#include "plugins/clinical/pace.h"
#include "plugins/clinical/statement.h"
#include "plugins/paradox/response.h"

namespace {

using tonus::Priority;
using tonus::clinical::Delivery;
using tonus::clinical::DeliveryStatus;
using tonus::paradox::Assessment;
using tonus::paradox::StepUp;

enum class Tier : std::uint32_t { kBlocked = 0, kPossible = 1, kProbable = 2, kStrong = 3 };

struct Memory {
  tonus::clinical::Pace pace;
  tonus::clinical::DoseHistory programmed, ordered;
  tonus_ns withdrawal_seen = 0; /* last time that withdrawal was possible or more */
  TONUS_STATE(pace, programmed, ordered, withdrawal_seen)
};

/// What stands in the way: a condition that has to be excluded, in a word, and why.
struct Block {
  std::string name, word, why;
};

class Paradox : public tonus::Detector<Paradox, Memory> {
 public:
  static constexpr tonus::Info kInfo{"org.tonus.paradox", "paradox", "0.1.0", "tonus",
                                     "plugins/paradox/README.md"};

  tonus::clinical::Vocabulary names{this, {tonus::kWakes, tonus::kWakes}};
  tonus::clinical::ExposureSettings exposure_settings{this};
  tonus::clinical::ReservoirSettings reservoir_settings{this};
  tonus::clinical::DeliverySettings delivery_settings{this};
  tonus::paradox::Settings settings{this};
  tonus::DurationSetting withdrawal_quiet{this,
                                          "withdrawal_quiet",
                                          24 * tonus::kHour,
                                          tonus::kHour,
                                          14 * tonus::kDay,
                                          "Withdrawal must have been less than possible this long",
                                          "unvalidated: clinical-reference D3"};
  tonus::Peer withdrawal{this, "withdrawal", tonus::kWakes};
  tonus::Peer infection{this, "infection", tonus::kWakes};

  tonus::Condition condition{
      this,
      {"paradox", "Paradoxical response to baclofen", "{text}.",
       "Ullah 2019, two patients by mouth; definition and interlock unvalidated"},
      {"blocked", "possible", "probable", "strong"},
      {"Rule out withdrawal: check pump programming, reservoir, catheter",
       "Look for other factors: infection, constipation, pressure sores, catheter-tip granuloma",
       "Only then consider a lower dose: the treating clinician decides",
       "Supportive care and repeated assessment by the same rater"},
      {{"withdrawal", "a failing catheter raises tone while the dose rises"},
       {"infection", "an infection raises tone on any dose"},
       {"malfunction", "dose escalation without effect is most often delivery failure"},
       {"tolerance", "less effect of the same dose over months is tolerance, not paradox"}}};

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
    const auto therapy = ReadTherapy(names, *patient);
    Remember(therapy, &memory->programmed, &memory->ordered);
    tonus_peer_finding peer{};
    if (patient->finding(withdrawal, &peer) && peer.tier >= 1) {
      memory->withdrawal_seen = therapy.now;
    }
    const auto tone = ReadTone(*patient, therapy.now);
    const bool cerebral = Cerebral(*patient);
    std::vector<StepUp> steps =
        StepsUp(memory->programmed, false, cerebral, tone, therapy.now, settings);
    for (StepUp& step : StepsUp(memory->ordered, true, cerebral, tone, therapy.now, settings)) {
      steps.push_back(std::move(step));
    }
    const StepUp* last = nullptr;
    for (const StepUp& step : steps) {
      const bool current = therapy.now - step.at <= settings.end;
      if (step.worse && current && (last == nullptr || step.at > last->at)) last = &step;
    }
    if (last == nullptr) {
      patient->clear(condition);
    } else {
      Judge(*memory, therapy, steps, *last, tone, *patient);
    }
    LookAgain(0, &memory->pace, patient);
  }

  std::vector<Assessment> ReadTone(const tonus::Patient& patient, tonus_ns now) const {
    std::vector<Assessment> out;
    for (const tonus_sample& row : patient.window(names.mas, now - 75 * tonus::kDay, now + 1)) {
      out.push_back({row.effective, row.value, 0, std::string(tonus::View(row.site)), row.ref});
    }
    for (const tonus_sample& row : patient.window(names.penn, now - 75 * tonus::kDay, now + 1)) {
      out.push_back({row.effective, row.value, 1, std::string(), row.ref});
    }
    return out;
  }

  static bool Cerebral(const tonus::Patient& patient) {
    const tonus_patient info = patient.info();
    for (const tonus_str& diagnosis : tonus::Rows<tonus_str>(info.diagnoses)) {
      const std::string_view text = tonus::View(diagnosis);
      for (const char* word : {"cerebral", "brain", "stroke", "anoxic"}) {
        if (text.find(word) != std::string_view::npos) return true;
      }
    }
    return false;
  }

  void Judge(const Memory& memory, const tonus::clinical::Therapy& therapy,
             const std::vector<StepUp>& steps, const StepUp& last,
             const std::vector<Assessment>& tone, const tonus::Patient& patient) const {
    auto exposure = IntrathecalExposure(therapy, memory.programmed, exposure_settings);
    for (auto& item : OralExposure(therapy, memory.ordered, exposure_settings)) {
      exposure.push_back(std::move(item));
    }
    Delivery delivery = AssessDelivery(therapy, exposure, reservoir_settings, delivery_settings);
    if (therapy.intrathecal && !delivery.residual_on_record) {
      delivery.outstanding.push_back({"refill", "measured residual volume", 0});
      if (delivery.status == DeliveryStatus::kVerified) delivery.status = DeliveryStatus::kUnknown;
    }
    const auto blocks = Blocks(memory, therapy, delivery, patient);
    const auto& doses = last.oral ? memory.ordered : memory.programmed;
    const auto worse_steps =
        std::count_if(steps.begin(), steps.end(), [](const StepUp& s) { return s.worse; });
    const bool relief = Relieved(doses, last.at, tone, therapy.now, settings);
    Tier tier = Tier::kPossible;
    if (worse_steps >= 2 || relief) tier = Tier::kProbable;
    if (tier == Tier::kProbable && RisesWithDose(doses, tone, therapy.now)) tier = Tier::kStrong;
    if (!blocks.empty() || delivery.status != DeliveryStatus::kVerified) tier = Tier::kBlocked;
    Say(tier, therapy, last, worse_steps, relief, delivery, blocks, patient);
  }

  /* The interlock (D3, reading R13). */
  std::vector<Block> Blocks(const Memory& memory, const tonus::clinical::Therapy& therapy,
                            const Delivery& delivery, const tonus::Patient& patient) const {
    std::vector<Block> out;
    tonus_peer_finding peer{};
    if (delivery.status == DeliveryStatus::kGap) {
      out.push_back({"withdrawal", "open delivery gap", "delivery gap: " + delivery.gap});
    } else if (memory.withdrawal_seen != 0 &&
               therapy.now - memory.withdrawal_seen <= withdrawal_quiet) {
      out.push_back({"withdrawal", "possible withdrawal", "it was possible within the last 24 h"});
    }
    if (patient.finding(infection, &peer)) {
      out.push_back({"infection", "possible infection", "it is stated now and raises tone itself"});
    }
    const auto deficit = patient.latest(names.focal_deficit);
    if (deficit.known && deficit.value.value() > 0.5) {
      out.push_back({"neuro_event", "new deficit",
                     "with a rising dose a catheter-tip granuloma has to be excluded"});
    }
    return out;
  }

  static std::string Clause(Tier tier, const StepUp& step, const Delivery& delivery,
                            const std::vector<Block>& blocks) {
    if (tier == Tier::kBlocked) {
      std::string why = delivery.OutstandingText();
      for (const Block& block : blocks) why += (why.empty() ? "" : ", ") + block.word;
      return "Paradox hypothesis blocked: rule out withdrawal first; outstanding: " + why;
    }
    const char* words = tier == Tier::kPossible   ? "Possible"
                        : tier == Tier::kProbable ? "Probable"
                                                  : "Strongly suspected";
    return std::string(words) + " paradoxical response: more tone (" + step.how +
           ") after more baclofen; delivery verified";
  }

  void Say(Tier tier, const tonus::clinical::Therapy& therapy, const StepUp& step,
           std::ptrdiff_t worse_steps, bool relief, const Delivery& delivery,
           const std::vector<Block>& blocks, const tonus::Patient& patient) const {
    const Priority priority = tier == Tier::kBlocked    ? Priority::kInfo
                              : tier == Tier::kPossible ? Priority::kLow
                                                        : Priority::kMedium;
    auto finding = patient.finding(condition, static_cast<std::uint32_t>(tier), priority);
    const char* unit = step.oral ? tonus::MilligramPerDay::kUcum : tonus::MicrogramPerDay::kUcum;
    finding.For(step.oral ? "baclofen" : "dose_change")
        .Text("dose raised from " + tonus::Number(step.from) + " to " + tonus::Number(step.to) +
              (step.oral ? " mg/d" : " µg/d"))
        .Value(step.to, unit)
        .At(step.at)
        .Weight(1);
    auto& tone = finding.For(step.by_penn ? "PENN" : "MAS");
    tone.Value(step.value, "")
        .Baseline(step.baseline)
        .Weight(1)
        .Text(step.how + " in two assessments after the step");
    for (const tonus_ref ref : step.refs) tone.Ref(ref);
    if (worse_steps >= 2) {
      finding.For("second_step")
          .Text("worse after each of " + std::to_string(worse_steps) + " steps upwards")
          .Weight(1);
    }
    if (relief) finding.For("relief").Text("better after the dose was lowered").Weight(1);
    SayDelivery(delivery, therapy.now, false, &finding);
    for (const Block& block : blocks) {
      finding.Competing(block.name, block.why);
    }
    const bool named = std::any_of(blocks.begin(), blocks.end(),
                                   [](const Block& b) { return b.name == "withdrawal"; });
    if (!named) {
      finding.Competing("withdrawal",
                        delivery.status == DeliveryStatus::kVerified
                            ? "less likely because delivery is verified: " + delivery.proof
                            : "not excluded: delivery is not verified");
    }
    finding.Text(Clause(tier, step, delivery, blocks)).Report();
  }
};

}  // namespace

TONUS_PLUGIN(Paradox)
