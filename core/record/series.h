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

/// Statistics over a span of effective time; everything else is meaningless where n is 0.
struct SpanStats {
  std::uint32_t n = 0;
  double min = 0, max = 0, sum = 0, first = 0, last = 0;
  std::int64_t first_at = 0, last_at = 0, min_at = 0, max_at = 0;

  void Add(const Sample& sample);
  void Merge(const SpanStats& other);

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.n, self.min, self.max, self.sum, self.first, self.last, self.first_at,
            self.last_at, self.min_at, self.max_at);
  }
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

/// The values of one signal of one patient, in bounded memory.
///
/// Each value is in exactly one of three tiers: the ring of raw samples (512 of a dense signal, 128
/// of a sparse one); what it pushed out, by minute (1440); what those pushed out, by hour (720). A
/// late sample joins the tier that its time lies in. So statistics are exact over the ring, exact
/// to the minute beyond it, and to the hour beyond that.
///
/// Owned by its patient; one thread.
class Series {
 public:
  explicit Series(bool dense);

  /// Takes a value at log time `now`; sets its `late` flag and returns it.
  bool Insert(Sample sample, std::int64_t now);
  /// Removes the equal value (same time, site and number) if it is still raw.
  bool Withdraw(std::int64_t effective, double value, SiteIndex site);

  const TimeRing<Sample>& Raw() const { return raw_; }
  /// The newest value, of one site or of any; null if there is none.
  const Sample* Latest(std::optional<SiteIndex> site) const;
  SpanStats Stats(std::int64_t from, std::int64_t to) const;
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

 private:
  friend struct StateFields;
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.amendments_, self.raw_, self.minutes_, self.hours_);
  }

  struct Bucket {
    std::int64_t effective = 0;  ///< Start.
    SpanStats stats;

    template <class Self, class Archive>
    static void Fields(Self& self, Archive& archive) {
      archive(self.effective, self.stats);
    }
  };
  void FoldMinute(const Sample& sample);
  void FoldHour(const Bucket& minute);
  Baseline OverHourlyMeans(const BaselineWindow& window) const;
  Baseline OverValues(const BaselineWindow& window) const;

  bool dense_;
  std::uint64_t amendments_ = 0;
  TimeRing<Sample> raw_;
  TimeRing<Bucket> minutes_;
  TimeRing<Bucket> hours_;
};

/// Median of values, which are put in order; the mean of the middle two where n is even. n > 0.
double MedianOf(std::vector<double>* values);

}  // namespace tonus::core
