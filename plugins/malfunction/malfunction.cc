// Pump or catheter malfunction (clinical-reference D2): what the pump itself says, what its volumes
// say, and what tone says when nothing else explains it. README.md holds the rules.

#include <algorithm>
#include <string>
#include <vector>

#include "plugins/clinical/pace.h"
#include "plugins/clinical/statement.h"
#include "plugins/malfunction/pump_rules.h"

namespace {

using tonus::malfunction::Case;
using tonus::malfunction::Grade;
using tonus::malfunction::Trouble;

struct Memory {
  tonus::clinical::Pace pace;
  tonus::clinical::DoseHistory programmed, ordered;
  tonus::malfunction::Episodes episodes;
  TONUS_STATE(pace, programmed, ordered, episodes)
};

class Malfunction : public tonus::Detector<Malfunction, Memory> {
 public:
  static constexpr tonus::Info kInfo{"org.tonus.malfunction", "malfunction", "0.1.0", "tonus",
                                     "plugins/malfunction/README.md"};

  /* Bedside values are read, not waited for: tone is looked at every quarter of an hour. */
  tonus::clinical::Vocabulary names{this, {tonus::kWakes, tonus::kReads}};
  tonus::clinical::ExposureSettings exposure_settings{this};
  tonus::clinical::ReservoirSettings reservoir_settings{this};
  tonus::clinical::DeliverySettings delivery_settings{this};
  tonus::malfunction::Settings settings{this};
  tonus::Peer infection{this, "infection"};
  tonus::Peer withdrawal{this, "withdrawal", tonus::kWakes};

  tonus::Condition condition{
      this,
      {"malfunction", "Pump or catheter malfunction", "Pump or catheter: {text}.",
       "manufacturers' documents and reviews, see README; times and limits unvalidated"},
      {"notice", "watch", "alert", "critical"},
      {"Rule out withdrawal: check pump programming, reservoir, catheter",
       "Interrogate the pump and read its event log",
       "Compare the measured with the expected residual volume",
       "X-ray of pump and catheter, front and side",
       "Aspirate the catheter access port: success does not exclude a leak",
       "Dye study or CT of the catheter",
       "Test bolus by lumbar puncture, as the clinician decides"},
      {{"withdrawal", "a gap of delivery leads to withdrawal within hours"},
       {"infection", "infection raises tone while the pump works"},
       {"tolerance", "a rising dose can be tolerance, once delivery failure is excluded"}}};

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
    if (!therapy.intrathecal) {
      patient->clear(condition);
      return LookAgain(0, &memory->pace, patient);
    }
    Remember(therapy, &memory->programmed, &memory->ordered);
    const auto bedside = ReadBedside(names, *patient);
    const tonus::clinical::PumpStory story(therapy);
    const auto exposure = IntrathecalExposure(therapy, memory->programmed, exposure_settings);
    const auto delivery = AssessDelivery(therapy, exposure, reservoir_settings, delivery_settings);
    const tonus::clinical::ToneChange tone = CompareTone(bedside, settings.tone_rise.value());
    tonus_peer_finding peer{};
    Case c{therapy, story, delivery, memory->programmed, reservoir_settings, settings};
    c.tone_known = tone.known;
    c.tone_up = ToneUpTwice(bedside, *patient);
    c.infection = patient->finding(infection, &peer) || bedside.urine_culture.yes ||
                  bedside.blood_culture.yes || bedside.csf_culture.yes ||
                  (bedside.temp.known && bedside.temp.now >= 38);
    const bool withdrawing = patient->finding(withdrawal, &peer) && peer.tier >= 1;
    memory->episodes.Look(therapy.now, withdrawing, settings.recurrent_apart);
    c.episodes = memory->episodes.Within(therapy.now, settings.recurrent_window);
    c.last_episode = memory->episodes.n == 0 ? 0 : memory->episodes.begun[memory->episodes.n - 1];
    auto troubles = Judge(c);
    if (troubles.empty()) {
      patient->clear(condition);
    } else {
      Say(std::move(troubles), c, *patient);
    }
    LookAgain(NextRise(c), &memory->pace, patient);
  }

  /* Above own normal now and at an assessment far enough before, of the same kind. */
  bool ToneUpTwice(const tonus::clinical::Bedside& b, const tonus::Patient& patient) const {
    const double rise = settings.tone_rise.value();
    if (b.penn.known && b.penn.own && b.penn.now - *b.penn.own >= rise &&
        Before(names.penn, "", b.penn.newest, *b.penn.own + rise, patient)) {
      return true;
    }
    int groups = 0;
    for (const tonus::clinical::SiteTone& site : b.tone) {
      if (!site.own || site.grade - *site.own < rise) continue;
      if (Before(names.mas, site.site, site.at, *site.own + rise, patient)) {
        groups += site.site.empty() ? 2 : 1;
      }
    }
    return groups >= 2;
  }

  template <class Unit>
  bool Before(const tonus::Signal<Unit>& signal, const std::string& site, tonus_ns newest,
              double limit, const tonus::Patient& patient) const {
    bool found = false;
    const tonus_ns to = newest - settings.tone_apart + 1;
    for (const tonus_sample& row : patient.window(signal, newest - 2 * tonus::kDay, to)) {
      if (tonus::View(row.site) == site) found = row.value >= limit;
    }
    return found;
  }

  void Say(std::vector<Trouble> troubles, const Case& c, const tonus::Patient& patient) const {
    std::stable_sort(troubles.begin(), troubles.end(),
                     [](const Trouble& a, const Trouble& b) { return a.grade > b.grade; });
    const Grade grade = troubles.front().grade;
    const auto level = static_cast<std::uint32_t>(grade);
    auto finding = patient.finding(condition, level, static_cast<tonus::Priority>(level + 1));
    bool hold = false;
    for (const Trouble& t : troubles) {
      tonus::Evidence& e = finding.For(t.name).Weight(static_cast<double>(t.grade)).Text(t.text);
      if (t.value) e.Value(*t.value, t.unit);
      if (t.limit) e.Limit(t.relation, *t.limit);
      if (!t.value && t.at != 0) {
        if (t.since) {
          e.Since(t.at);
        } else {
          e.Happened(t.at);
        }
      }
      e.At(t.at);
      for (const tonus_ref ref : t.refs) e.Ref(ref);
      hold = hold || (t.since && t.grade >= Grade::kAlert);
    }
    SayDelivery(c.delivery, c.therapy.now, true, &finding);
    if (c.infection && c.tone_up) {
      finding.Suppressed("MAS", "tone is up, but there are signs of infection");
    }
    finding.Text(troubles.front().text).Hold(hold).Report();
  }
};

}  // namespace

TONUS_PLUGIN(Malfunction)
