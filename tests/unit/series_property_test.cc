// Series against a model that keeps every value in a list and knows nothing of rings and roll-ups.
// RapidCheck prints the seed and shrinks what fails; RC_PARAMS="seed=N" plays it again.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text.h"
#include "core/record/series.h"

namespace tonus::core {
namespace {

constexpr std::int64_t kBegin = 1709280000000000000;  // 2024-03-01T08:00:00Z
constexpr std::size_t kRaw = 128;                     // of a sparse signal
constexpr std::size_t kMinutes = 180;

/// A value that has arrived; `order` is its place among the arrivals.
struct Seen {
  std::int64_t at = 0;
  double value = 0;
  std::size_t order = 0;
  SiteIndex site = 0;
};

bool Older(const Seen& a, const Seen& b) { return a.at != b.at ? a.at < b.at : a.order < b.order; }

/// Values by tier, each a plain list in order of time.
struct Model {
  std::vector<Seen> raw, minutes, hours;
  std::int64_t rolled_until = INT64_MIN;
  std::size_t arrived = 0;

  static void Put(std::vector<Seen>* list, const Seen& seen) {
    list->insert(std::upper_bound(list->begin(), list->end(), seen, Older), seen);
  }
  void Insert(std::int64_t at, double value, SiteIndex site) {
    const Seen seen{at, value, arrived++, site};
    if (at < rolled_until) {
      Put(&minutes, seen);
    } else {
      Put(&raw, seen);
      if (raw.size() > kRaw) {
        rolled_until = raw.front().at;
        Put(&minutes, raw.front());
        raw.erase(raw.begin());
      }
    }
    RollMinutes();
  }
  /// The newest 180 minutes that have values stay.
  void RollMinutes() {
    std::size_t distinct = 0;
    for (std::size_t i = minutes.size(); i > 0; --i) {
      const bool same =
          i < minutes.size() && minutes[i].at / kMinuteNs == minutes[i - 1].at / kMinuteNs;
      if (!same && ++distinct > kMinutes) {
        for (std::size_t k = 0; k < i; ++k) Put(&hours, minutes[k]);
        minutes.erase(minutes.begin(), minutes.begin() + static_cast<std::ptrdiff_t>(i));
        return;
      }
    }
  }
  bool Withdraw(std::int64_t at, double value, SiteIndex site) {
    const auto found = std::find_if(raw.begin(), raw.end(), [&](const Seen& seen) {
      return seen.at == at && seen.value == value && seen.site == site;
    });
    if (found == raw.end()) return false;
    raw.erase(found);
    return true;
  }
};

struct Piece {
  std::vector<Seen> values;
  std::int64_t start = 0, middle = 0, step = 0;
};

/// The values of a span as the definition cuts them: raw ones alone, others by minute and hour.
std::vector<Piece> PiecesOf(const Model& model, const SpanQuestion& asked) {
  std::vector<Piece> pieces;
  if (asked.from >= asked.to) return pieces;
  const auto rolled = [&](const std::vector<Seen>& tier, std::int64_t step) {
    for (const Seen& seen : tier) {
      const std::int64_t start = seen.at / step * step;
      if (asked.site || start + step <= asked.from || start >= asked.to) continue;
      if (pieces.empty() || pieces.back().step != step || pieces.back().start != start) {
        pieces.push_back({{}, start, start + step / 2, step});
      }
      pieces.back().values.push_back(seen);
    }
  };
  rolled(model.hours, kHourNs);
  rolled(model.minutes, kMinuteNs);
  for (const Seen& seen : model.raw) {
    if (seen.at < asked.from || seen.at >= asked.to) continue;
    if (!asked.site || seen.site == *asked.site) pieces.push_back({{seen}, seen.at, seen.at, 0});
  }
  return pieces;
}

/// In tenths, as they are drawn, so that a mean is compared with a threshold as exactly as it is.
double MeanOf(const std::vector<Seen>& values) {
  std::int64_t tenths = 0;
  for (const Seen& seen : values) tenths += std::llround(seen.value * 10);
  return static_cast<double>(tenths) / (static_cast<double>(values.size()) * 10);
}

void Close(double a, double b) {
  RC_ASSERT(std::fabs(a - b) <= 1e-9 * std::max({1.0, std::fabs(a), std::fabs(b)}));
}

void CheckStats(const Series& series, const std::vector<Piece>& pieces, const SpanQuestion& asked) {
  const SpanStats stats = series.Stats(asked);
  std::vector<Seen> all;
  for (const Piece& piece : pieces) {
    all.insert(all.end(), piece.values.begin(), piece.values.end());
  }
  RC_ASSERT(stats.n == all.size());
  if (all.empty()) return;
  const auto less = [](const Seen& a, const Seen& b) { return a.value < b.value; };
  RC_ASSERT(stats.min == std::min_element(all.begin(), all.end(), less)->value);
  RC_ASSERT(stats.max == std::max_element(all.begin(), all.end(), less)->value);
  Close(stats.mean, MeanOf(all));
  // Within a minute (an hour) that is rolled up, time is known to its 60000th part.
  const auto place = [](const Piece& piece, const Seen& seen) {
    const std::int64_t part = piece.step == 0 ? 1 : piece.step / 60'000;
    return piece.start + (seen.at - piece.start) / part * part;
  };
  const Piece& first = pieces.front();
  const Piece& last = pieces.back();
  RC_ASSERT(stats.first_at == place(first, first.values.front()));
  RC_ASSERT(stats.last_at == place(last, last.values.back()));
  const auto among = [&](const Piece& piece, std::int64_t at, double value) {
    return std::any_of(piece.values.begin(), piece.values.end(), [&](const Seen& seen) {
      return place(piece, seen) == at && seen.value == value;
    });
  };
  RC_ASSERT(among(first, stats.first_at, stats.first));
  RC_ASSERT(among(last, stats.last_at, stats.last));
  if (first.step == 0) RC_ASSERT(stats.first == first.values.front().value);
  if (last.step == 0) RC_ASSERT(stats.last == last.values.back().value);
}

void CheckTrend(const Series& series, const std::vector<Piece>& pieces, const SpanQuestion& asked) {
  const SpanTrend trend = series.Trend(asked);
  std::int64_t above = 0;
  std::int64_t covered = 0;
  std::vector<std::pair<double, double>> points;  // hours since kBegin, value
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    const std::int64_t from = std::max(piece.start, asked.from);
    std::int64_t to = std::min(asked.to, from + std::max(piece.step, asked.longest_hold));
    if (i + 1 < pieces.size()) to = std::min(to, std::max(pieces[i + 1].start, asked.from));
    const double mean = MeanOf(piece.values);
    if (to > from) covered += to - from;
    if (to > from && mean > asked.threshold) above += to - from;
    for (std::size_t k = 0; k < piece.values.size(); ++k) {
      points.emplace_back(static_cast<double>(piece.middle - kBegin) / kHourNs, mean);
    }
  }
  RC_ASSERT(trend.covered == covered);
  RC_ASSERT(trend.above == above);
  const bool level = std::all_of(points.begin(), points.end(), [&](const auto& point) {
    return point.first == points.front().first;
  });
  RC_ASSERT(trend.slope_per_hour.has_value() == !level);
  if (level) return;
  const auto n = static_cast<double>(points.size());
  double time = 0;
  double value = 0;
  for (const auto& point : points) time += point.first / n, value += point.second / n;
  double across = 0;
  double along = 0;
  for (const auto& point : points) {
    across += (point.first - time) * (point.first - time);
    along += (point.first - time) * (point.second - value);
  }
  const double slope = along / across;
  RC_ASSERT(std::fabs(*trend.slope_per_hour - slope) <= 1e-6 * std::max(1.0, std::fabs(slope)));
}

/// Mostly in order; now and then late by minutes or days, twice, in a burst, after a gap,
/// withdrawn.
struct Feed {
  Series series{false};
  Model model;
  std::int64_t now = kBegin;
  std::vector<Seen> given;

  void Give(std::int64_t at, double value, SiteIndex site) {
    const bool late = !model.raw.empty() && at < model.raw.back().at;
    Sample sample;
    sample.effective = at;
    sample.value = value;
    sample.site = site;
    const Sample kept = series.Insert(sample, now);
    RC_ASSERT(kept.late == late);
    RC_ASSERT(kept.value == value);
    model.Insert(at, value, site);
    given.push_back({at, value, 0, site});
  }
  void Step(int kind, std::int64_t amount, int number) {
    const double value = number / 10.0;
    const auto site = static_cast<SiteIndex>(number % 3);
    switch (kind) {
      case 0:  // a gap
        now += amount * kMinuteNs;
        Give(now, value, site);
        return;
      case 1:  // late by up to days
        Give(now - amount * 3 * kMinuteNs, value, site);
        return;
      case 2:  // what was said before, again
        if (!given.empty()) {
          const Seen again = given[static_cast<std::size_t>(amount) % given.size()];
          Give(again.at, again.value, again.site);
        }
        return;
      case 3:  // taken back
        if (!given.empty()) {
          const std::size_t lately = std::min<std::size_t>(given.size(), 100);
          const Seen gone = given[given.size() - 1 - static_cast<std::size_t>(amount) % lately];
          RC_ASSERT(series.Withdraw(gone.at, gone.value, gone.site) ==
                    model.Withdraw(gone.at, gone.value, gone.site));
        }
        return;
      default:  // a burst
        for (int i = 0; i < 20; ++i) {
          now += amount * 71'000'003;
          Give(now, value + i % 4, site);
        }
    }
  }
};

/// Asks about some span and compares.
void Ask(const Feed& feed) {
  SpanQuestion asked;
  const std::int64_t span = (feed.now - kBegin) / kSecondNs + 7200;
  asked.from = feed.now - *rc::gen::inRange<std::int64_t>(-60, span) * kSecondNs;
  asked.to = asked.from + *rc::gen::inRange<std::int64_t>(0, span) * kSecondNs;
  asked.threshold = *rc::gen::inRange(0, 1000) / 10.0;
  asked.longest_hold = *rc::gen::inRange<std::int64_t>(0, 180) * kMinuteNs;
  const int site = *rc::gen::inRange(0, 12);
  if (site < 3) asked.site = static_cast<SiteIndex>(site);
  const std::vector<Piece> pieces = PiecesOf(feed.model, asked);
  CheckStats(feed.series, pieces, asked);
  CheckTrend(feed.series, pieces, asked);
}

TEST(SeriesProperty, WindowsAreWhatAListOfAllValuesSays) {
  const bool good = rc::check([] {
    Feed feed;
    const int steps = *rc::gen::resize(100, rc::gen::inRange(0, 150));
    for (int i = 0; i < steps; ++i) {
      feed.Step(*rc::gen::inRange(0, 9), *rc::gen::inRange<std::int64_t>(0, 1500),
                *rc::gen::inRange(0, 1000));
      Ask(feed);
    }
  });
  EXPECT_TRUE(good);
}

TEST(SeriesProperty, TheOrderOfArrivalWithinARingDoesNotMatter) {
  const bool good = rc::check([] {
    const auto numbers = *rc::gen::container<std::vector<int>>(
        static_cast<std::size_t>(*rc::gen::inRange(1, 100)), rc::gen::inRange(0, 3000));
    Series in_order(false);
    Series as_drawn(false);
    std::vector<Sample> samples;
    for (const int number : numbers) {
      Sample sample;
      sample.effective = kBegin + number * kSecondNs;
      sample.value = number % 17;  // one value for one time: equal times keep the order of arrival
      samples.push_back(sample);
      as_drawn.Insert(sample, sample.effective);
    }
    std::stable_sort(samples.begin(), samples.end(),
                     [](const Sample& a, const Sample& b) { return a.effective < b.effective; });
    for (const Sample& sample : samples) in_order.Insert(sample, sample.effective);
    const SpanQuestion all{kBegin, kBegin + kHourNs, 8, kMinuteNs, {}};
    RC_ASSERT(in_order.Stats(all).mean == as_drawn.Stats(all).mean);
    RC_ASSERT(in_order.Trend(all).above == as_drawn.Trend(all).above);
    RC_ASSERT(in_order.Trend(all).slope_per_hour == as_drawn.Trend(all).slope_per_hour);
  });
  EXPECT_TRUE(good);
}

TEST(Series, TimesAtTheEndsOfTimeAreHarmless) {
  Series series(false);
  for (const std::int64_t at : {INT64_MIN, INT64_MIN + 1, std::int64_t{0}, INT64_MAX}) {
    for (std::size_t i = 0; i < 200; ++i) {
      Sample sample;
      sample.effective = at;
      sample.value = 1;
      series.Insert(sample, 0);
    }
  }
  const SpanQuestion all{INT64_MIN, INT64_MAX, 0, INT64_MAX, {}};
  EXPECT_GT(series.Stats(all).n, 0U);
  EXPECT_GE(series.Trend(all).covered, series.Trend(all).above);
}

}  // namespace
}  // namespace tonus::core
