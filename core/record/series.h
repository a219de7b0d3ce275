#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/record/time_ring.h"

namespace tonus::core {

/// Number of an input record within its patient, from 1.
using Ref = std::uint64_t;

/// Index of a body site within its patient; 0: none, or the whole body.
using SiteIndex = std::uint16_t;

/// One value of a signal, in its canonical unit.
struct Sample {
  std::int64_t effective = 0;
  Ref ref = 0;
  double value = 0;
  bool late = false;  ///< Arrived after a newer value of its signal.
  SiteIndex site = 0;

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.effective, self.ref, self.value, self.late, self.site);
  }
};

/// Statistics over a span of effective time; everything else is meaningless where n is 0. Times of
/// what is beyond the raw values are those of its minute or hour.
struct SpanStats {
  std::uint32_t n = 0;
  double min = 0, max = 0, mean = 0, first = 0, last = 0;
  std::int64_t first_at = 0, last_at = 0, min_at = 0, max_at = 0;
};

/// What is asked of a span besides SpanStats.
struct SpanQuestion {
  std::int64_t from = 0, to = 0;  ///< from ≤ t < to.
  double threshold = 0;           ///< Above means greater.
  std::int64_t longest_hold = 0;  ///< A value holds until the next one, for so long at the most.
  std::optional<SiteIndex> site;  ///< Only raw values of this site.
};

/// How a signal went over a span.
struct SpanTrend {
  std::int64_t above = 0;    ///< Time during which the value that held was above the threshold.
  std::int64_t covered = 0;  ///< Time during which any value held.
  /// Of the least-squares line through the values over effective time; nothing where all of them
  /// are of one time. Beyond the raw values a minute's (an hour's) lie at its middle.
  std::optional<double> slope_per_hour;
};

enum class BaselineStatus : std::uint32_t { kNone = 0, kProvisional = 1, kEstablished = 2 };

/// A patient's own normal for one signal.
struct Baseline {
  BaselineStatus status = BaselineStatus::kNone;
  double median = 0, mad = 0;
  std::uint32_t n = 0;
  std::int64_t from = 0, to = 0;  ///< Times of the first and last value behind it.

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.status, self.median, self.mad, self.n, self.from, self.to);
  }
};

/// A span of effective time, from ≤ t < to.
struct TimeSpan {
  std::int64_t from = 0, to = 0;

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.from, self.to);
  }
};

/// What a baseline is taken from.
struct BaselineWindow {
  std::int64_t now = 0;             ///< Log time, or when the baseline was frozen.
  std::vector<TimeSpan> leave_out;  ///< Times at which this patient was not his own normal.
  std::optional<SiteIndex> site;    ///< Only values of this site.
};

/// How many parts of its unit a value is kept in: a million, so that six decimals are exact, or
/// the largest power of ten below it at which `largest` is still a 32-bit number.
double PartsOf(double largest);

/// The values of one signal of one patient, in bounded memory.
///
/// Each value is in exactly one of three tiers: the ring of raw samples (512 of a dense signal, 128
/// of a sparse one); what it pushed out, by minute (180 minutes with values); what those pushed
/// out, by hour (720). A late sample joins the tier that its time lies in. So statistics are exact
/// over the ring, exact to the minute beyond it, and to the hour beyond that. Every value of a tier
/// is newer than, or as old as, all of the next.
///
/// Values are kept as whole parts (PartsOf), so that sums are exact and do not depend on the order
/// of arrival or on the tier. Owned by its patient; one thread.
class Series {
 public:
  explicit Series(bool dense, double parts = 1e6);

  /// Takes a value at log time `now` and returns it as kept: rounded, with its `late` flag set.
  Sample Insert(Sample sample, std::int64_t now);
  /// Removes the equal value (same time, site and number) if it is still raw.
  bool Withdraw(std::int64_t effective, double value, SiteIndex site);

  /// The raw values, oldest first.
  std::size_t RawSize() const { return raw_.size(); }
  Sample RawAt(std::size_t i) const { return Unpack(raw_[i]); }
  /// Index of the first raw value at or after `time`.
  std::size_t RawFrom(std::int64_t time) const { return raw_.LowerBound(time); }

  /// The newest value, of one site or of any.
  std::optional<Sample> Latest(std::optional<SiteIndex> site) const;
  SpanStats Stats(const SpanQuestion& question) const;
  SpanTrend Trend(const SpanQuestion& question) const;
  /// Median of the last nine intervals between values; 0 where there are fewer than four.
  std::int64_t UsualInterval() const;

  /// Dense signals: median and MAD over hourly means of the seven days up to six hours before now.
  /// Sparse ones: over the values of the thirty days up to 24 hours before now. What is newer is
  /// left out so that a patient who worsens over hours is not taken for his own normal.
  /// Unvalidated.
  Baseline BaselineOver(const BaselineWindow& window) const;

  /// Counts what may have changed a window of the past (late or old samples, withdrawals): a cached
  /// baseline older than the last one is void.
  std::uint64_t Amendments() const { return amendments_; }
  bool Dense() const { return dense_; }
  std::size_t HeapBytes() const;

 private:
  friend struct StateFields;
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.amendments_, self.rolled_until_, self.raw_, self.minutes_, self.hours_);
  }
  bool Valid() const;

  /// Small numbers of either sign as small ones without.
  static std::uint32_t ZigZag(std::int32_t number) {
    return (static_cast<std::uint32_t>(number) << 1U) ^ static_cast<std::uint32_t>(number >> 31);
  }
  static std::int32_t FromZigZag(std::uint32_t number) {
    return static_cast<std::int32_t>((number >> 1U) ^ (0U - (number & 1U)));
  }
  /// A raw value in 20 bytes. A ref beyond 32 bits (a century at one a second) is kept as none.
  struct Packed {
    std::uint32_t time_low = 0;
    std::uint32_t time_high = 0;
    std::int32_t parts = 0;
    std::uint32_t ref = 0;
    std::uint16_t site = 0;
    std::uint16_t late = 0;

    std::int64_t Time() const {
      return static_cast<std::int64_t>(std::uint64_t{time_high} << 32U | time_low);
    }
    void SetTime(std::int64_t time) {
      time_low = static_cast<std::uint32_t>(time);
      time_high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(time) >> 32U);
    }
    template <class Self, class Archive>
    static void Fields(Self& self, Archive& archive) {
      std::int64_t time = self.Time();
      std::uint64_t ref_wide = self.ref;
      std::uint32_t zigzag = ZigZag(self.parts);
      archive(time, ref_wide, zigzag, self.site, self.late);
      if constexpr (Archive::kReading) {
        self.SetTime(time);
        self.ref = static_cast<std::uint32_t>(ref_wide);
        self.parts = FromZigZag(zigzag);
      }
    }
  };
  /// The values of one minute or hour in 36 bytes. `first_at` and `last_at` in 1/60000 of it.
  struct Bucket {
    std::int32_t index = 0;  ///< Minutes (hours) since 1970.
    std::uint32_t n = 0;
    std::int32_t min = 0, max = 0, first = 0, last = 0;
    std::uint16_t first_at = 0, last_at = 0;
    std::uint32_t sum_low = 0, sum_high = 0;

    std::int64_t Time() const { return index; }
    std::int64_t Sum() const {
      return static_cast<std::int64_t>(std::uint64_t{sum_high} << 32U | sum_low);
    }
    void SetSum(std::int64_t sum) {
      sum_low = static_cast<std::uint32_t>(sum);
      sum_high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(sum) >> 32U);
    }
    void Merge(const Bucket& other);

    template <class Self, class Archive>
    static void Fields(Self& self, Archive& archive) {
      std::uint32_t numbers[] = {ZigZag(self.index), ZigZag(self.min), ZigZag(self.max),
                                 ZigZag(self.first), ZigZag(self.last)};
      archive(self.n, self.first_at, self.last_at, self.sum_low, self.sum_high);
      for (std::uint32_t& number : numbers) archive(number);
      if constexpr (Archive::kReading) {
        self.index = FromZigZag(numbers[0]);
        self.min = FromZigZag(numbers[1]);
        self.max = FromZigZag(numbers[2]);
        self.first = FromZigZag(numbers[3]);
        self.last = FromZigZag(numbers[4]);
      }
    }
  };
  static_assert(sizeof(Packed) == 20 && sizeof(Bucket) == 36);
  /// One step of a walk over a span: a raw value, or all values of a minute or an hour.
  struct Point {
    std::int64_t from = 0;    ///< Since when it holds.
    std::int64_t middle = 0;  ///< Where the line sees it.
    std::uint32_t n = 0;
    double mean = 0;
    std::int64_t step = 0;  ///< 0: raw.
  };

  std::int32_t PartsIn(double value) const;
  double ValueOf(std::int32_t parts) const { return static_cast<double>(parts) / parts_; }
  Sample Unpack(const Packed& packed) const;
  static Bucket BucketOf(const Packed& packed, std::int64_t step);
  void FoldMinute(const Packed& packed);
  void FoldHour(const Bucket& minute);
  template <class F>
  void WalkRaw(const SpanQuestion& question, F&& see) const;
  template <class F>
  void Walk(const SpanQuestion& question, F&& see) const;
  std::vector<Point> Points(const SpanQuestion& question) const;
  Baseline OverHourlyMeans(const BaselineWindow& window) const;
  Baseline OverValues(const BaselineWindow& window) const;

  bool dense_;
  double parts_;
  std::uint64_t amendments_ = 0;
  std::int64_t rolled_until_;  ///< Time of the newest value that has left the ring.
  TimeRing<Packed> raw_;
  TimeRing<Bucket> minutes_;
  TimeRing<Bucket> hours_;
};

/// Median of values, which are put in order; the mean of the middle two where n is even. n > 0.
double MedianOf(std::vector<double>* values);

}  // namespace tonus::core
