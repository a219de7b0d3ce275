#include "plugins/tolerance/dose_levels.h"

#include <algorithm>
#include <cmath>

namespace tonus::tolerance {
Tone ToneNow(const clinical::Bedside& bedside) {
  Tone out;
  double sum = 0;
  int n = 0;
  for (const clinical::SiteTone& site : bedside.tone) {
    if (site.site.empty() && bedside.tone.size() > 1) continue;
    sum += site.grade;
    ++n;
  }
  if (n > 0) out.mas = sum / n;
  if (bedside.penn.known) out.penn = bedside.penn.now;
  return out;
}

void DoseLevels::Add(tonus_ns at, double daily) {
  if (daily <= 0) return;
  if (n > 0 && (std::fabs(levels[n - 1].daily - daily) < 1e-9 || at < levels[n - 1].at)) return;
  if (n == kMost) {
    std::copy(levels.begin() + 1, levels.end(), levels.begin());
    --n;
  }
  levels[n] = Level();
  levels[n].at = at;
  levels[n].daily = daily;
  ++n;
}

void DoseLevels::Take(const clinical::Therapy& t, const Tone& tone) {
  for (const clinical::PumpEvent& e : t.events) {
    const bool sets =
        e.kind == clinical::PumpKind::kDoseChange || e.kind == clinical::PumpKind::kInterrogation;
    if (sets && e.daily_dose_ug && e.at <= t.now) Add(e.at, *e.daily_dose_ug);
  }
  if (t.daily_dose_ug) Add(t.now, *t.daily_dose_ug);
  if (n == 0) return;
  Level& last = levels[n - 1];
  if (tone.mas) last.mas = *tone.mas;
  if (tone.penn) last.penn = *tone.penn;
}

const DoseLevels::Level* DoseLevels::At(tonus_ns at) const {
  const Level* found = nullptr;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (found == nullptr || levels[i].at <= at) found = &levels[i];
  }
  return found;
}

double DoseLevels::RisePercent(tonus_ns now, tonus_ns span) const {
  const Level* from = At(now - span);
  if (from == nullptr || from->daily <= 0) return 0;
  double lowest = from->daily;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (levels[i].at >= now - span) lowest = std::min(lowest, levels[i].daily);
  }
  return 100 * (newest()->daily / lowest - 1);
}

int DoseLevels::Increases(tonus_ns now, tonus_ns span) const {
  int count = 0;
  for (std::uint32_t i = 1; i < n; ++i) {
    if (levels[i].at >= now - span && levels[i].daily > levels[i - 1].daily) ++count;
  }
  return count;
}

}  // namespace tonus::tolerance
