#include "plugins/sedation/opening.h"

#include <algorithm>

#include "plugins/clinical/pump_story.h"

namespace tonus::sedation {
namespace {

using clinical::DoseHistory;
using clinical::ProcedureType;
using clinical::PumpKind;
using clinical::Therapy;

class List {
 public:
  List(const Therapy& therapy, const OpeningSettings& settings) : t_(therapy), s_(settings) {}

  void Events() {
    for (const clinical::PumpEvent& e : t_.events) {
      switch (e.kind) {
        case PumpKind::kRefill:
          /* Emptied and left so, as before MRI, it gives nothing. */
          if (!e.filled_ml || *e.filled_ml > 0) Add(e, s_.after_refill);
          break;
        case PumpKind::kBolus:
        case PumpKind::kConcentrationChange:
        case PumpKind::kRestarted:
        case PumpKind::kMotorStallRecovered:
          Add(e, s_.after_refill);
          break;
        default:
          break;
      }
    }
  }

  void Procedures() {
    for (const clinical::Procedure& p : t_.procedures) {
      switch (p.type) {
        case ProcedureType::kDyeStudy:
        case ProcedureType::kSidePort:
        case ProcedureType::kTestBolus:
          Add(Name(p.type), Words(p.type), p.at, s_.after_refill, p.ref);
          break;
        case ProcedureType::kImplant:
        case ProcedureType::kReplacement:
        case ProcedureType::kCatheterRevision:
          Add(Name(p.type), Words(p.type), p.at, s_.after_surgery, p.ref);
          break;
        default:
          break;
      }
    }
    const clinical::PumpStory story(t_);
    if (story.valve.open() && !story.valve.planned) {
      Add("mri", "MRI, and the pump was not emptied before", story.valve.since, s_.after_refill,
          story.valve.ref);
    }
  }

  /* A residual that is too small: more went out than was programmed, or was never filled in. */
  void Residuals(const clinical::ReservoirSettings& reservoir) {
    const auto all = clinical::Residuals(t_);
    if (all.empty()) return;
    const clinical::Residual& r = all.back();
    if (r.delta_ml >= 0 || ResidualGrade(r, false, reservoir) == 0) return;
    Add("refill", Number(-r.delta_ml) + " mL less in the pump than expected", r.at, s_.after_refill,
        r.ref);
  }

  void Increases(const DoseHistory& doses, bool oral) {
    for (std::uint32_t i = 1; i < doses.n; ++i) {
      const DoseHistory::Step& from = doses.steps[i - 1];
      const DoseHistory::Step& to = doses.steps[i];
      if (from.daily <= 0 || to.daily <= from.daily) continue;
      Add(oral ? "baclofen" : "dose_change",
          std::string(oral ? "oral" : "programmed") + " dose raised by " +
              Number(100 * (to.daily / from.daily - 1), 0) + " %",
          to.at, s_.after_increase, 0);
    }
  }

  void OralAmount() {
    double sum = 0;
    const clinical::OralDose* last = nullptr;
    for (const clinical::OralDose& dose : t_.oral_doses) {
      if (!dose.given || t_.now - dose.at > kDay || dose.at > t_.now) continue;
      sum += dose.dose_mg;
      last = &dose;
    }
    if (last == nullptr || sum < s_.oral_day.value()) return;
    Add("baclofen", "oral baclofen " + Number(sum, 0) + " mg charted within 24 h", last->at,
        s_.after_refill, last->ref);
  }

  std::vector<Opening> Done() {
    std::stable_sort(out_.begin(), out_.end(),
                     [](const Opening& a, const Opening& b) { return a.since > b.since; });
    return std::move(out_);
  }

 private:
  void Add(const clinical::PumpEvent& e, Time length) {
    Add(Name(e.kind), Words(e.kind), e.at, length, e.ref);
  }
  void Add(std::string name, std::string text, Time since, Time length, Ref ref) {
    if (since == 0 || since > t_.now || t_.now - since > length) return;
    out_.push_back({std::move(name), std::move(text), since, since + length, ref});
  }
  const Therapy& t_;
  const OpeningSettings& s_;
  std::vector<Opening> out_;
};

}  // namespace

std::vector<Opening> Openings(const Therapy& therapy, const DoseHistory& programmed,
                              const DoseHistory& ordered,
                              const clinical::ReservoirSettings& reservoir,
                              const OpeningSettings& settings) {
  List list(therapy, settings);
  list.Procedures();
  if (therapy.intrathecal) {
    list.Events();
    list.Residuals(reservoir);
    list.Increases(programmed, false);
  }
  if (therapy.oral) {
    list.Increases(ordered, true);
    list.OralAmount();
  }
  return list.Done();
}

}  // namespace tonus::sedation
