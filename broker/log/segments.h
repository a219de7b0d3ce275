#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/log/log.h"
#include "broker/log/log_files.h"
#include "broker/log/segment_reader.h"

namespace tonus {

/// First offsets of the segment files in a folder, ascending.
std::vector<Offset> ListSegments(const std::string& dir);

/// A log that ends before an offset that has been committed.
Error LostTail(const std::string& path, Offset last, Offset head);

/// `error` of opening the segment that begins at `first`, or, where the segment is a database
/// without tables although offsets have been committed to it, that its tail is lost: all that was
/// in its write-ahead file.
Error LostOr(Error error, const std::string& path, Offset first, Offset head);

/// What is to be said of a head that is missing or torn beside a log that ends at `last`; empty:
/// nothing.
std::string NoteOnHead(const OffsetFile::Content& head, const std::string& dir, Offset last);

/// LogReader over a row of segment files. See LogReader for lifetime and thread.
///
/// Invariant: segments join: each begins where the one before it ends.
class SegmentsReader final : public LogReader {
 public:
  /// `head` holds the offset that the log must have reached; less is a shortened tail, kCorrupt,
  /// or, with `despite_damage`, a note.
  static Result<std::unique_ptr<SegmentsReader>> Open(const std::string& dir,
                                                      const OffsetFile::Content& head,
                                                      bool despite_damage = false);

  Result<ReadSlice> Read(const ReadRequest& request) override;
  Result<Offset> FindByTime(LogTimeNs recorded_ns) override;
  Result<LogIdentity> Identity() override;
  Result<std::map<std::string, std::uint64_t>> Producers() override;
  Result<OpenAlerts> ReadOpenAlerts(const std::vector<std::string>& prefixes) override;
  std::vector<std::string> Notes() const override { return notes_; }

  /// First offsets of the segments, ascending.
  const std::vector<Offset>& Firsts() const { return firsts_; }
  /// Forgets the segments before the one that begins at `first`: they are being removed.
  void DropBefore(Offset first);

  /// Where the producer said this, asked of the segment that holds `near`: of the record itself, so
  /// that it can be seen whether its name leads to it.
  Result<std::optional<FoundName>> FindName(Offset near, const std::string& producer,
                                            std::uint64_t sequence);

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
  /// Forgets the oldest segments that have been removed meanwhile. Whether there were any.
  bool DropGone();
  Result<ReadSlice> ReadFrom(Offset first, const ReadRequest& request);

  const std::string dir_;
  std::vector<Offset> firsts_;
  std::vector<std::string> notes_;
  std::map<Offset, std::unique_ptr<SegmentReader>> open_;  ///< The newest, and a few others.
};

}  // namespace tonus
