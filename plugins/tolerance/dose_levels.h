#pragma once

#include <array>
#include <optional>

#include "plugins/clinical/signs.h"

namespace tonus::tolerance {

using clinical::Time;

/// Tone at one moment: mean grade over the rated groups, and spasm frequency.
struct Tone {
  std::optional<double> mas, penn;
};
Tone ToneNow(const clinical::Bedside& bedside);

/// The programmed doses of the last year and a half, each with the newest tone while it was in
/// force: what has to be known to say that more drug brought no more. Bounded; the oldest fall out.
/// A state's field.
struct DoseLevels {
  static constexpr std::size_t kMost = 32;
  static constexpr double kUnknown = -1;
  struct Level {
    tonus_ns at = 0;
    double daily = 0;  ///< µg/d.
    /* Newest while this dose was in force: what the next step was to better. */
    double mas = kUnknown, penn = kUnknown;
    TONUS_STATE(at, daily, mas, penn)
  };
  std::array<Level, kMost> levels{};
  std::uint32_t n = 0;
  TONUS_STATE(levels, n)

  /// Takes what is on record: dose changes from before the first look, and the dose in force.
  void Take(const clinical::Therapy& therapy, const Tone& tone);
  /// The level in force at `at`, or the first one after it; null: none.
  const Level* At(tonus_ns at) const;
  const Level* newest() const { return n == 0 ? nullptr : &levels[n - 1]; }
  /// Highest rise within `span` up to now, per cent of the dose it began with; and how many steps
  /// upwards there were in it.
  double RisePercent(tonus_ns now, tonus_ns span) const;
  int Increases(tonus_ns now, tonus_ns span) const;

 private:
  void Add(tonus_ns at, double daily);
};

}  // namespace tonus::tolerance
