#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine.h"

namespace tonus::core {

/// Where an output stands in the total order: (log time, records before timers, offset | (stage,
/// patient, detector, timer)). Outputs of one key come from one place and keep their order.
struct OutputKey {
  LogTimeNs time = 0;
  bool timer = false;
  Offset offset = 0;               ///< Of a record.
  std::uint32_t stage = 0;         ///< 0: sources and progress, before 1: patients.
  std::string_view patient;        ///< Of a timer: the patient's, or the source's, name.
  std::uint32_t rank = 0, id = 0;  ///< Of a timer.

  friend bool operator<(const OutputKey& a, const OutputKey& b) {
    if (a.time != b.time) return a.time < b.time;
    if (a.timer != b.timer) return !a.timer;
    if (a.offset != b.offset) return a.offset < b.offset;
    if (a.timer) {
      if (a.stage != b.stage) return a.stage < b.stage;
      if (a.patient != b.patient) return a.patient < b.patient;
      if (a.rank != b.rank) return a.rank < b.rank;
      return a.id < b.id;
    }
    return a.stage < b.stage;
  }
};

/// An output with its place, before the shards' are merged.
struct KeyedOutput {
  enum class Kind { kRecord, kTrace, kProgress, kQuarantine };
  OutputKey key;
  Kind kind = Kind::kRecord;
  Output output;     ///< Of kTrace only `payload`: the line.
  std::string unit;  ///< Of an alert.
};

using Outbox = std::vector<KeyedOutput>;

}  // namespace tonus::core
