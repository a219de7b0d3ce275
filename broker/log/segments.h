#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/log/log.h"
#include "broker/log/segment_reader.h"

namespace tonus {

/// First offsets of the segment files in a folder, ascending.
std::vector<Offset> ListSegments(const std::string& dir);

/// LogReader over a row of segment files. See LogReader for lifetime and thread.
///
/// Invariant: segments join: each begins where the one before it ends.
class SegmentsReader final : public LogReader {
 public:
  /// `head` is the offset that the log must have reached; less is a shortened tail, kCorrupt.
  static Result<std::unique_ptr<SegmentsReader>> Open(const std::string& dir, Offset head);

  Result<ReadSlice> Read(const ReadRequest& request) override;
  Result<Offset> FindByTime(LogTimeNs recorded_ns) override;
  Result<LogIdentity> Identity() override;
  Result<std::map<std::string, std::uint64_t>> Producers() override;
  Result<OpenAlerts> ReadOpenAlerts(const std::vector<std::string>& prefixes) override;

  /// Where the producer with this number said this; nothing where no kept segment knows.
  Result<std::optional<FoundName>> Find(std::int64_t producer, std::uint64_t sequence);

 private:
  explicit SegmentsReader(std::string dir) : dir_(std::move(dir)) {}
  /// The reader of the segment that begins at `first`, opened when it is first needed.
  Result<SegmentReader*> At(Offset first);
  /// The newest segment; looks whether a newer one has come.
  Result<SegmentReader*> Newest();
  /// The first offset of the segment that holds `offset`; 0: none does.
  Offset Holding(Offset offset) const;

  const std::string dir_;
  std::vector<Offset> firsts_;
  std::map<Offset, std::unique_ptr<SegmentReader>> open_;  ///< The newest, and a few others.
};

}  // namespace tonus
