#include "core/record/series.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/text.h"

namespace tonus::core {
namespace {

constexpr std::size_t kDenseRaw = 512;
constexpr std::size_t kSparseRaw = 128;
// Unvalidated: the last hours to the minute, a month to the hour. With more minutes eight signals
// at 1 Hz would not fit into the bound of a patient (docs/patient-record.md).
constexpr std::size_t kMinutes = 180;
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

/// Parts of a bucket in which its first and last value are placed.
constexpr std::int64_t kPlaces = 60'000;

/// Which step a time lies in, rounded down; never overflows.
std::int64_t IndexOf(std::int64_t time, std::int64_t step) {
  return time / step - (time % step < 0 ? 1 : 0);
}

/// Start of a step; the least time that there is where it would lie before that.
std::int64_t StartOf(std::int64_t index, std::int64_t step) {
  std::int64_t start = 0;
  return __builtin_mul_overflow(index, step, &start)
             ? (index < 0 ? std::numeric_limits<std::int64_t>::min()
                          : std::numeric_limits<std::int64_t>::max())
             : start;
}

std::int64_t Floor(std::int64_t time, std::int64_t step) {
  return StartOf(IndexOf(time, step), step);
}

/// a + b, or the end of time that it would pass.
std::int64_t Later(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? std::numeric_limits<std::int64_t>::min()
                                                     : std::numeric_limits<std::int64_t>::max())
                                            : sum;
}

std::int64_t Between(std::int64_t from, std::int64_t to) {
  std::int64_t span = 0;
  return __builtin_sub_overflow(to, from, &span)
             ? (to < from ? std::numeric_limits<std::int64_t>::min()
                          : std::numeric_limits<std::int64_t>::max())
             : span;
}

double HoursBetween(std::int64_t from, std::int64_t to) {
  return static_cast<double>(Between(from, to)) / static_cast<double>(kHourNs);
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

double PartsOf(double largest) {
  constexpr double kMost = 2'000'000'000;
  double parts = 1e6;
  while (parts > 1 && largest * parts > kMost) parts /= 10;
  return parts;
}

Series::Series(bool dense, double parts)
    : dense_(dense),
      parts_(parts),
      rolled_until_(std::numeric_limits<std::int64_t>::min()),
      raw_(dense ? kDenseRaw : kSparseRaw),
      minutes_(kMinutes),
      hours_(kHours) {}

bool Series::Valid() const {
  for (const TimeRing<Bucket>* tier : {&minutes_, &hours_}) {
    for (std::size_t i = 0; i < tier->size(); ++i) {
      if ((*tier)[i].n == 0) return false;
    }
  }
  return raw_.empty() || raw_[0].Time() >= rolled_until_;
}

std::int32_t Series::PartsIn(double value) const {
  constexpr double kLow = std::numeric_limits<std::int32_t>::min();
  constexpr double kHigh = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(std::clamp(std::round(value * parts_), kLow, kHigh));
}

Sample Series::Unpack(const Packed& packed) const {
  Sample sample;
  sample.effective = packed.Time();
  sample.ref = packed.ref;
  sample.value = ValueOf(packed.parts);
  sample.late = packed.late != 0;
  sample.site = packed.site;
  return sample;
}

Sample Series::Insert(Sample sample, std::int64_t now) {
  const bool late = !raw_.empty() && sample.effective < raw_.back().Time();
  if (late || sample.effective < now - kDenseSkip + kHourNs) ++amendments_;
  Packed packed;
  packed.SetTime(sample.effective);
  packed.parts = PartsIn(sample.value);
  packed.ref = sample.ref > 0xFFFFFFFF ? 0 : static_cast<std::uint32_t>(sample.ref);
  packed.site = sample.site;
  packed.late = late ? 1 : 0;
  // After a withdrawal the ring has room, but not for what is older than what has left it.
  if (sample.effective < rolled_until_) {
    FoldMinute(packed);
  } else if (const auto out = raw_.Insert(packed)) {
    rolled_until_ = out->Time();
    FoldMinute(*out);
  }
  return Unpack(packed);
}

bool Series::Withdraw(std::int64_t effective, double value, SiteIndex site) {
  const std::int32_t parts = PartsIn(value);
  for (std::size_t i = raw_.LowerBound(effective); i < raw_.size() && raw_[i].Time() == effective;
       ++i) {
    if (raw_[i].parts != parts || raw_[i].site != site) continue;
    raw_.Erase(i);
    ++amendments_;
    return true;
  }
  return false;
}

Series::Bucket Series::BucketOf(const Packed& packed, std::int64_t step) {
  const std::int64_t time = packed.Time();
  const std::int64_t index = IndexOf(time, step);
  const auto place = static_cast<std::uint16_t>((time - StartOf(index, step)) / (step / kPlaces));
  Bucket bucket;
  bucket.index = static_cast<std::int32_t>(index);
  bucket.n = 1;
  bucket.min = bucket.max = bucket.first = bucket.last = packed.parts;
  bucket.first_at = bucket.last_at = place;
  bucket.SetSum(packed.parts);
  return bucket;
}

void Series::Bucket::Merge(const Bucket& other) {
  // Past four thousand million values of one hour a device is broken: what it says is not counted.
  std::uint32_t both = 0;
  if (__builtin_add_overflow(n, other.n, &both)) return;
  n = both;
  SetSum(Sum() + other.Sum());
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  if (other.first_at < first_at) {
    first = other.first;
    first_at = other.first_at;
  }
  if (other.last_at >= last_at) {
    last = other.last;
    last_at = other.last_at;
  }
}

void Series::FoldMinute(const Packed& packed) {
  const Bucket bucket = BucketOf(packed, kMinuteNs);
  const std::size_t at = minutes_.LowerBound(bucket.index);
  if (at < minutes_.size() && minutes_[at].index == bucket.index) {
    minutes_[at].Merge(bucket);
  } else if (const auto out = minutes_.Insert(bucket)) {
    FoldHour(*out);
  }
}

void Series::FoldHour(const Bucket& minute) {
  constexpr std::int64_t kMinutesInHour = kHourNs / kMinuteNs;
  const std::int64_t index = IndexOf(minute.index, kMinutesInHour);
  const std::int64_t start = (minute.index - index * kMinutesInHour) * kPlaces;
  const auto place = [&](std::uint16_t at) {
    return static_cast<std::uint16_t>((start + at) / kMinutesInHour);
  };
  Bucket bucket = minute;
  bucket.index = static_cast<std::int32_t>(index);
  bucket.first_at = place(minute.first_at);
  bucket.last_at = place(minute.last_at);
  const std::size_t at = hours_.LowerBound(index);
  if (at < hours_.size() && hours_[at].index == bucket.index) {
    hours_[at].Merge(bucket);
  } else {
    hours_.Insert(bucket);
  }
}

std::optional<Sample> Series::Latest(std::optional<SiteIndex> site) const {
  for (std::size_t i = raw_.size(); i > 0; --i) {
    if (!site || raw_[i - 1].site == *site) return Unpack(raw_[i - 1]);
  }
  return std::nullopt;
}

template <class F>
void Series::WalkRaw(const SpanQuestion& question, F&& see) const {
  for (std::size_t i = raw_.LowerBound(question.from);
       i < raw_.size() && raw_[i].Time() < question.to; ++i) {
    if (!question.site || raw_[i].site == *question.site) see(raw_[i]);
  }
}

/// Shows the buckets of a span, oldest first, each with its step.
template <class F>
void Series::Walk(const SpanQuestion& question, F&& see) const {
  if (question.site || question.from >= question.to) return;
  for (const auto& [tier, step] : {std::pair(&hours_, kHourNs), std::pair(&minutes_, kMinuteNs)}) {
    for (std::size_t i = tier->LowerBound(IndexOf(question.from, step));
         i < tier->size() && StartOf((*tier)[i].index, step) < question.to; ++i) {
      see((*tier)[i], step);
    }
  }
}

SpanStats Series::Stats(const SpanQuestion& question) const {
  SpanStats out;
  std::int64_t sum = 0;
  std::int32_t min = 0;
  std::int32_t max = 0;
  const auto extremes = [&](std::int32_t low, std::int32_t high, std::int64_t at) {
    if (out.n == 0 || low < min) {
      min = low;
      out.min_at = at;
    }
    if (out.n == 0 || high > max) {
      max = high;
      out.max_at = at;
    }
  };
  Walk(question, [&](const Bucket& bucket, std::int64_t step) {
    const std::int64_t start = StartOf(bucket.index, step);
    extremes(bucket.min, bucket.max, start);
    if (out.n == 0) {
      out.first = ValueOf(bucket.first);
      out.first_at = Later(start, bucket.first_at * (step / kPlaces));
    }
    out.last = ValueOf(bucket.last);
    out.last_at = Later(start, bucket.last_at * (step / kPlaces));
    out.n += bucket.n;
    sum += bucket.Sum();
  });
  WalkRaw(question, [&](const Packed& packed) {
    extremes(packed.parts, packed.parts, packed.Time());
    if (out.n == 0) {
      out.first = ValueOf(packed.parts);
      out.first_at = packed.Time();
    }
    out.last = ValueOf(packed.parts);
    out.last_at = packed.Time();
    ++out.n;
    sum += packed.parts;
  });
  if (out.n == 0) return out;
  out.min = ValueOf(min);
  out.max = ValueOf(max);
  out.mean = static_cast<double>(sum) / (out.n * parts_);
  return out;
}

std::vector<Series::Point> Series::Points(const SpanQuestion& question) const {
  std::vector<Point> points;
  Walk(question, [&](const Bucket& bucket, std::int64_t step) {
    const std::int64_t start = StartOf(bucket.index, step);
    const double mean = static_cast<double>(bucket.Sum()) / (bucket.n * parts_);
    points.push_back(
        {std::max(start, question.from), Later(start, step / 2), bucket.n, mean, step});
  });
  WalkRaw(question, [&](const Packed& packed) {
    points.push_back({packed.Time(), packed.Time(), 1, ValueOf(packed.parts), 0});
  });
  return points;
}

SpanTrend Series::Trend(const SpanQuestion& question) const {
  SpanTrend out;
  const std::vector<Point> points = Points(question);
  double n = 0;
  double mean_time = 0;
  double mean_value = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point& point = points[i];
    const std::int64_t longest = std::max({question.longest_hold, point.step, std::int64_t{0}});
    std::int64_t end = std::min(Later(point.from, longest), question.to);
    if (i + 1 < points.size()) end = std::min(end, points[i + 1].from);
    const std::int64_t held = std::max<std::int64_t>(0, Between(point.from, end));
    out.covered = Later(out.covered, held);
    if (point.mean > question.threshold) out.above = Later(out.above, held);
    n += point.n;
    mean_time += point.n * HoursBetween(points[0].middle, point.middle);
    mean_value += point.n * point.mean;
  }
  if (n == 0) return out;
  mean_time /= n;
  mean_value /= n;
  double across = 0;
  double along = 0;
  for (const Point& point : points) {
    const double time = HoursBetween(points[0].middle, point.middle) - mean_time;
    across += point.n * time * time;
    along += point.n * time * (point.mean - mean_value);
  }
  if (across > 0) out.slope_per_hour = along / across;
  return out;
}

std::int64_t Series::UsualInterval() const {
  std::int64_t intervals[kIntervals];
  std::size_t n = 0;
  for (std::size_t i = raw_.size(); i > 1 && n < kIntervals; --i) {
    const std::int64_t step = Between(raw_[i - 2].Time(), raw_[i - 1].Time());
    if (step > 0) intervals[n++] = step;
  }
  if (n < kFewestIntervals) return 0;
  std::nth_element(intervals, intervals + n / 2, intervals + n);
  return intervals[n / 2];
}

std::size_t Series::HeapBytes() const {
  return raw_.HeapBytes() + minutes_.HeapBytes() + hours_.HeapBytes();
}

Baseline Series::BaselineOver(const BaselineWindow& window) const {
  return dense_ ? OverHourlyMeans(window) : OverValues(window);
}

Baseline Series::OverHourlyMeans(const BaselineWindow& window) const {
  constexpr std::size_t kSlots = kDenseSpan / kHourNs;
  const std::int64_t end = Floor(window.now - kDenseSkip, kHourNs);
  const std::int64_t begin = end - static_cast<std::int64_t>(kSlots) * kHourNs;
  struct Sum {
    std::int64_t parts = 0;
    std::uint32_t n = 0;
  };
  std::vector<Sum> hours(kSlots);
  const auto slot = [&](std::int64_t time) -> Sum& {
    return hours[static_cast<std::size_t>((time - begin) / kHourNs)];
  };
  const SpanQuestion whole{begin, end, 0, 0, {}};
  Walk(whole, [&](const Bucket& bucket, std::int64_t step) {
    Sum& sum = slot(StartOf(bucket.index, step));
    sum.parts += bucket.Sum();
    sum.n += bucket.n;
  });
  WalkRaw(whole, [&](const Packed& packed) {
    Sum& sum = slot(packed.Time());
    sum.parts += packed.parts;
    ++sum.n;
  });
  std::vector<double> means;
  std::int64_t first = 0;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < kSlots; ++i) {
    const std::int64_t start = begin + static_cast<std::int64_t>(i) * kHourNs;
    if (hours[i].n == 0 || LeftOut(window.leave_out, start, start + kHourNs)) continue;
    if (means.empty()) first = start;
    last = start;
    means.push_back(static_cast<double>(hours[i].parts) / (hours[i].n * parts_));
  }
  return FromValues(&means, first, last);
}

Baseline Series::OverValues(const BaselineWindow& window) const {
  const std::int64_t end = window.now - kSparseSkip;
  std::vector<double> values;
  std::int64_t first = 0;
  std::int64_t last = 0;
  WalkRaw({end - kSparseSpan, end, 0, 0, window.site}, [&](const Packed& packed) {
    const std::int64_t time = packed.Time();
    if (LeftOut(window.leave_out, time, time + 1)) return;
    if (values.empty()) first = time;
    last = time;
    values.push_back(ValueOf(packed.parts));
  });
  return FromValues(&values, first, last);
}

}  // namespace tonus::core
