#include "plugins/paradox/response.h"

#include <algorithm>
#include <map>

namespace tonus::paradox {
namespace {

using clinical::DoseHistory;

constexpr Time kRemembered = 60 * kDay;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

using Channel = std::pair<int, std::string>; /* scale and site */

/* The median of at least two assessments before the step, for each site. */
std::map<Channel, double> Baselines(const std::vector<Assessment>& tone, Time step) {
  std::map<Channel, std::vector<double>> values;
  for (const Assessment& a : tone) {
    if (a.at <= step && a.at >= step - 14 * kDay) values[{a.scale, a.site}].push_back(a.value);
  }
  std::map<Channel, double> out;
  for (auto& [channel, list] : values) {
    if (list.size() >= 2) out[channel] = Median(list);
  }
  return out;
}

/// The last two assessments of a channel that are far enough apart.
struct Pair {
  const Assessment* first = nullptr;
  const Assessment* last = nullptr;
};
Pair LastTwo(const std::vector<Assessment>& tone, const Channel& channel, Time from, Time to,
             Time apart) {
  Pair out;
  for (auto a = tone.rbegin(); a != tone.rend(); ++a) {
    if (a->scale != channel.first || a->site != channel.second || a->at < from || a->at > to) {
      continue;
    }
    if (out.last == nullptr) {
      out.last = &*a;
    } else if (out.last->at - a->at >= apart) {
      out.first = &*a;
      return out;
    }
  }
  return {};
}

bool IsLeg(const std::string& site) {
  return site.empty() || site.find("leg") != std::string::npos ||
         site.find("hip") != std::string::npos || site.find("knee") != std::string::npos ||
         site.find("ankle") != std::string::npos || site.find("calf") != std::string::npos;
}

void JudgeStep(const std::vector<Assessment>& tone, Time until, const Settings& s, StepUp* step) {
  const Time from = step->at + (step->oral ? s.begin_oral.ns() : s.begin_intrathecal.ns());
  const Time to = std::min(until, step->at + s.end.ns());
  int groups = 0, legs = 0;
  double leg_rise = 0;
  std::vector<clinical::Ref> refs;
  for (const auto& [channel, base] : Baselines(tone, step->at)) {
    const Pair pair = LastTwo(tone, channel, from, to, s.apart);
    if (pair.first == nullptr) continue;
    const double least = std::min(pair.first->value, pair.last->value) - base;
    if (channel.first == 1) {
      if (least >= s.penn.value()) {
        step->worse = step->by_penn = true;
        step->how = "Penn +" + Number(least);
        step->baseline = base;
        step->value = pair.last->value;
        step->refs = {pair.first->ref, pair.last->ref};
      }
      continue;
    }
    if (least >= s.mas_grade.value()) groups += channel.second.empty() ? 2 : 1;
    if (IsLeg(channel.second)) {
      leg_rise += least;
      ++legs;
    }
    refs.push_back(pair.first->ref);
    refs.push_back(pair.last->ref);
    if (!step->by_penn) {
      step->baseline = base;
      step->value = pair.last->value;
    }
  }
  const bool mean = legs > 0 && leg_rise / legs >= s.mas_mean.value();
  if (mean || groups >= 2) {
    if (!step->worse) step->refs = refs;
    step->how += (step->how.empty() ? "MAS +" : ", MAS +") +
                 Number(legs > 0 ? leg_rise / legs : s.mas_grade.value());
    step->worse = true;
  }
}

}  // namespace

std::vector<StepUp> StepsUp(const DoseHistory& doses, bool oral, bool cerebral,
                            const std::vector<Assessment>& tone, Time now, const Settings& s) {
  std::vector<StepUp> out;
  for (std::uint32_t i = 0; i < doses.n; ++i) {
    const DoseHistory::Step& here = doses.steps[i];
    if (here.at < now - kRemembered || here.at > now) continue;
    /* The first dose on record is a step only where it is known to be a start: by mouth. */
    if (i == 0 && !oral) continue;
    const double before = i == 0 ? 0 : doses.steps[i - 1].daily;
    const double limit = oral ? s.step_oral.value()
                              : before * (cerebral ? s.step_cerebral : s.step_spinal).value() / 100;
    if (here.daily - before < limit || here.daily <= before) continue;
    StepUp step;
    step.at = here.at;
    step.from = before;
    step.to = here.daily;
    step.oral = oral;
    /* A later reduction ends the time in which this dose can be blamed. */
    Time until = now;
    for (std::uint32_t k = i + 1; k < doses.n; ++k) {
      if (doses.steps[k].daily < here.daily) {
        until = doses.steps[k].at;
        break;
      }
    }
    JudgeStep(tone, until, s, &step);
    out.push_back(std::move(step));
  }
  return out;
}

bool Relieved(const DoseHistory& doses, Time since, const std::vector<Assessment>& tone, Time now,
              const Settings& s) {
  for (std::uint32_t i = 1; i < doses.n; ++i) {
    const double before = doses.steps[i - 1].daily;
    const Time at = doses.steps[i].at;
    if (at <= since || before <= 0) continue;
    if (100 * (before - doses.steps[i].daily) / before < s.decrease.value()) continue;
    int sites = 0;
    double fall = 0;
    for (const auto& [channel, unused] : Baselines(tone, at)) {
      const Assessment* last_before = nullptr;
      const Assessment* after = nullptr;
      for (const Assessment& a : tone) {
        if (a.scale != channel.first || a.site != channel.second) continue;
        if (a.at <= at) last_before = &a;
        if (a.at >= at + s.relief_begin && a.at <= std::min(now, at + s.relief_end.ns()))
          after = &a;
      }
      if (last_before == nullptr || after == nullptr) continue;
      const double less = last_before->value - after->value;
      if (channel.first == 1 && less >= s.penn_relief.value()) return true;
      if (channel.first == 0 && IsLeg(channel.second)) fall += less, ++sites;
    }
    if (sites > 0 && fall / sites >= s.mas_relief.value()) return true;
  }
  return false;
}

bool RisesWithDose(const DoseHistory& doses, const std::vector<Assessment>& tone, Time now) {
  std::map<double, std::pair<double, int>> levels; /* dose → sum and count of tone */
  for (std::uint32_t i = 0; i < doses.n; ++i) {
    const Time from = doses.steps[i].at + 12 * kHour;
    const Time to = i + 1 < doses.n ? doses.steps[i + 1].at : now;
    if (to < now - kRemembered) continue;
    for (const Assessment& a : tone) {
      if (a.scale != 0 || !IsLeg(a.site) || a.at < from || a.at > to) continue;
      levels[doses.steps[i].daily].first += a.value;
      ++levels[doses.steps[i].daily].second;
    }
  }
  int rising = 0;
  std::optional<double> before;
  for (const auto& [dose, tally] : levels) {
    if (tally.second < 2) continue;
    const double mean = tally.first / tally.second;
    if (before && mean <= *before) return false;
    before = mean;
    ++rising;
  }
  return rising >= 3;
}

}  // namespace tonus::paradox
