#include "core/record/series.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace tonus::core {
namespace {

constexpr std::size_t kDenseRaw = 512;
constexpr std::size_t kSparseRaw = 128;
constexpr std::size_t kMinutes = 1440;
constexpr std::size_t kHours = 720;

// Unvalidated: long enough to hold a stay, short enough to follow a chronic change.
constexpr std::int64_t kDenseSpan = 7 * kDayNs;
constexpr std::int64_t kDenseSkip = 6 * kHourNs;
constexpr std::int64_t kSparseSpan = 30 * kDayNs;
constexpr std::int64_t kSparseSkip = 24 * kHourNs;
constexpr std::uint32_t kProvisionalValues = 3;
constexpr std::uint32_t kEstablishedValues = 12;
constexpr std::int64_t kEstablishedSpan = 12 * kHourNs;

constexpr std::size_t kIntervals = 9;
constexpr std::size_t kFewestIntervals = 3;

std::int64_t Floor(std::int64_t time, std::int64_t step) {
  const std::int64_t rest = time % step;
  return time - (rest < 0 ? rest + step : rest);
}

bool LeftOut(const std::vector<TimeSpan>& spans, std::int64_t from, std::int64_t to) {
  return std::any_of(spans.begin(), spans.end(),
                     [&](const TimeSpan& span) { return span.from < to && from < span.to; });
}

Baseline FromValues(std::vector<double>* values, std::int64_t from, std::int64_t to) {
  Baseline out;
  out.n = static_cast<std::uint32_t>(values->size());
  if (out.n == 0) return out;
  out.from = from;
  out.to = to;
  out.median = MedianOf(values);
  for (double& value : *values) value = std::fabs(value - out.median);
  out.mad = MedianOf(values);
  if (out.n < kProvisionalValues) return out;
  const bool established = out.n >= kEstablishedValues && to - from >= kEstablishedSpan;
  out.status = established ? BaselineStatus::kEstablished : BaselineStatus::kProvisional;
  return out;
}

}  // namespace

double MedianOf(std::vector<double>* values) {
  const std::size_t n = values->size();
  const auto middle = values->begin() + static_cast<std::ptrdiff_t>(n / 2);
  std::nth_element(values->begin(), middle, values->end());
  if (n % 2 == 1) return *middle;
  const double upper = *middle;
  const double lower = *std::max_element(values->begin(), middle);
  return (lower + upper) / 2;
}

void SpanStats::Add(const Sample& sample) {
  SpanStats one;
  one.n = 1;
  one.min = one.max = one.sum = one.first = one.last = sample.value;
  one.first_at = one.last_at = one.min_at = one.max_at = sample.effective;
  Merge(one);
}

void SpanStats::Merge(const SpanStats& other) {
  if (other.n == 0) return;
  if (n == 0) {
    *this = other;
    return;
  }
  n += other.n;
  sum += other.sum;
  if (other.min < min || (other.min == min && other.min_at < min_at)) {
    min = other.min;
    min_at = other.min_at;
  }
  if (other.max > max || (other.max == max && other.max_at < max_at)) {
    max = other.max;
    max_at = other.max_at;
  }
  if (other.first_at < first_at) {
    first = other.first;
    first_at = other.first_at;
  }
  if (other.last_at >= last_at) {
    last = other.last;
    last_at = other.last_at;
  }
}

Series::Series(bool dense)
    : dense_(dense), raw_(dense ? kDenseRaw : kSparseRaw), minutes_(kMinutes), hours_(kHours) {}

bool Series::Insert(Sample sample, std::int64_t now) {
  sample.late = !raw_.empty() && sample.effective < raw_.back().effective;
  if (sample.late || sample.effective < now - kDenseSkip + kHourNs) ++amendments_;
  const bool late = sample.late;
  if (const auto out = raw_.Insert(sample)) FoldMinute(*out);
  return late;
}

bool Series::Withdraw(std::int64_t effective, double value, SiteIndex site) {
  for (std::size_t i = raw_.LowerBound(effective);
       i < raw_.size() && raw_[i].effective == effective; ++i) {
    if (raw_[i].value != value || raw_[i].site != site) continue;
    raw_.Erase(i);
    ++amendments_;
    return true;
  }
  return false;
}

void Series::FoldMinute(const Sample& sample) {
  const std::int64_t start = Floor(sample.effective, kMinuteNs);
  const std::size_t at = minutes_.LowerBound(start);
  if (at < minutes_.size() && minutes_[at].effective == start) {
    minutes_[at].stats.Add(sample);
    return;
  }
  Bucket bucket{start, {}};
  bucket.stats.Add(sample);
  if (const auto out = minutes_.Insert(bucket)) FoldHour(*out);
}

void Series::FoldHour(const Bucket& minute) {
  const std::int64_t start = Floor(minute.effective, kHourNs);
  const std::size_t at = hours_.LowerBound(start);
  if (at < hours_.size() && hours_[at].effective == start) {
    hours_[at].stats.Merge(minute.stats);
    return;
  }
  hours_.Insert(Bucket{start, minute.stats});
}

const Sample* Series::Latest(std::optional<SiteIndex> site) const {
  for (std::size_t i = raw_.size(); i > 0; --i) {
    if (!site || raw_[i - 1].site == *site) return &raw_[i - 1];
  }
  return nullptr;
}

SpanStats Series::Stats(std::int64_t from, std::int64_t to) const {
  SpanStats out;
  const auto add = [&](const TimeRing<Bucket>& tier, std::int64_t step) {
    for (std::size_t i = tier.LowerBound(Floor(from, step));
         i < tier.size() && tier[i].effective < to; ++i) {
      out.Merge(tier[i].stats);
    }
  };
  add(hours_, kHourNs);
  add(minutes_, kMinuteNs);
  for (std::size_t i = raw_.LowerBound(from); i < raw_.size() && raw_[i].effective < to; ++i) {
    out.Add(raw_[i]);
  }
  return out;
}

std::int64_t Series::UsualInterval() const {
  std::int64_t intervals[kIntervals];
  std::size_t n = 0;
  for (std::size_t i = raw_.size(); i > 1 && n < kIntervals; --i) {
    const std::int64_t step = raw_[i - 1].effective - raw_[i - 2].effective;
    if (step > 0) intervals[n++] = step;
  }
  if (n < kFewestIntervals) return 0;
  std::nth_element(intervals, intervals + n / 2, intervals + n);
  return intervals[n / 2];
}

Baseline Series::BaselineOver(const BaselineWindow& window) const {
  return dense_ ? OverHourlyMeans(window) : OverValues(window);
}

Baseline Series::OverHourlyMeans(const BaselineWindow& window) const {
  constexpr std::size_t kSlots = kDenseSpan / kHourNs;
  const std::int64_t end = Floor(window.now - kDenseSkip, kHourNs);
  const std::int64_t begin = end - static_cast<std::int64_t>(kSlots) * kHourNs;
  struct Mean {
    double sum = 0;
    std::uint32_t n = 0;
  };
  std::vector<Mean> hours(kSlots);
  const auto slot = [&](std::int64_t time) -> Mean& {
    return hours[static_cast<std::size_t>((time - begin) / kHourNs)];
  };
  for (const TimeRing<Bucket>* tier : {&hours_, &minutes_}) {
    for (std::size_t i = tier->LowerBound(begin); i < tier->size(); ++i) {
      const Bucket& bucket = (*tier)[i];
      if (bucket.effective >= end) break;
      slot(bucket.effective).sum += bucket.stats.sum;
      slot(bucket.effective).n += bucket.stats.n;
    }
  }
  for (std::size_t i = raw_.LowerBound(begin); i < raw_.size() && raw_[i].effective < end; ++i) {
    slot(raw_[i].effective).sum += raw_[i].value;
    slot(raw_[i].effective).n += 1;
  }
  std::vector<double> means;
  std::int64_t first = 0;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < kSlots; ++i) {
    const std::int64_t start = begin + static_cast<std::int64_t>(i) * kHourNs;
    if (hours[i].n == 0 || LeftOut(window.leave_out, start, start + kHourNs)) continue;
    if (means.empty()) first = start;
    last = start;
    means.push_back(hours[i].sum / hours[i].n);
  }
  return FromValues(&means, first, last);
}

Baseline Series::OverValues(const BaselineWindow& window) const {
  const std::int64_t end = window.now - kSparseSkip;
  std::vector<double> values;
  std::int64_t first = 0;
  std::int64_t last = 0;
  for (std::size_t i = raw_.LowerBound(end - kSparseSpan);
       i < raw_.size() && raw_[i].effective < end; ++i) {
    const Sample& sample = raw_[i];
    if (window.site && sample.site != *window.site) continue;
    if (LeftOut(window.leave_out, sample.effective, sample.effective + 1)) continue;
    if (values.empty()) first = sample.effective;
    last = sample.effective;
    values.push_back(sample.value);
  }
  return FromValues(&values, first, last);
}

}  // namespace tonus::core
