#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "broker/exchange.h"

namespace tonus {

/// Part of the log, encoded for a chunk.
struct EncodedSlice {
  std::string records;     ///< `records` fields of ReplayChunk.
  Offset next_offset = 0;  ///< First offset that was not looked at.
};

/// The newest records, kept encoded, so that readers at the head of the log cost no disk reads.
/// Owned by the front, its thread. Invariant: the groups are contiguous, and the last one ends at
/// the last committed offset.
class RecentRecords {
 public:
  explicit RecentRecords(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}

  void Add(std::shared_ptr<const CommittedGroup> group);

  /// Whether `offset` is in memory.
  bool Covers(Offset offset) const {
    return !groups_.empty() && offset >= groups_.front()->first && offset < groups_.back()->next;
  }

  /// Records in [from, to] that match a prefix (none: all), about `max_bytes` of them. `from` is
  /// covered.
  EncodedSlice Read(Offset from, Offset to, const std::vector<std::string>& prefixes,
                    std::size_t max_bytes) const;

 private:
  const std::uint64_t max_bytes_;
  std::uint64_t bytes_ = 0;
  std::deque<std::shared_ptr<const CommittedGroup>> groups_;  // Shared with the writer's outcome.
};

/// Whether a topic begins with one of the prefixes; with none it always does.
bool MatchesPrefix(std::string_view topic, const std::vector<std::string>& prefixes);

}  // namespace tonus
