// Forgetting: whole segments, the oldest first. What the writer and its readers need to know of
// them has been carried into every segment after them (see sqlite_log_rotate.cc), so nothing else
// changes.
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "broker/log/log_files.h"
#include "broker/log/sqlite_log.h"

namespace tonus {
namespace {

std::uint64_t SizeOf(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

}  // namespace

Result<LogTimeNs> SqliteLog::EndOfOldest() {
  const Offset oldest = sealed_.front();
  if (oldest_end_ && oldest_end_->first == oldest) return oldest_end_->second;
  LogTimeNs end = time_before_segment_;
  if (sealed_.size() > 1) {
    const Result<std::unique_ptr<SegmentReader>> next =
        SegmentReader::Open(SegmentPath(dir_, sealed_[1]));
    if (!next) return tl::unexpected<Error>(next.error());
    end = (*next)->TimeBeforeFirst();
  }
  oldest_end_ = {oldest, end};
  return end;
}

Result<Trimmed> SqliteLog::Trim(const TrimRequest& request) {
  if (failure_) return tl::unexpected<Error>(*failure_);
  Trimmed trimmed;
  trimmed.first_kept = first_kept_;
  const std::optional<Error> not_removed = sealer_.RemovalFailure();
  if (not_removed) return tl::unexpected<Error>(*not_removed);
  std::uint64_t total = SizeOf(path_) + SizeOf(path_ + "-wal");
  for (const Offset first : sealed_) {
    total += SizeOf(SegmentPath(dir_, first)) + SizeOf(SegmentPath(dir_, first) + "-wal");
  }
  while (!sealed_.empty() && !in_transaction_) {
    const Offset next = sealed_.size() > 1 ? sealed_[1] : first_offset_;
    bool wanted = next <= request.before || (request.max_bytes > 0 && total > request.max_bytes);
    if (!wanted && request.before_ns > 0) {
      const Result<LogTimeNs> end = EndOfOldest();
      if (!end) return tl::unexpected<Error>(end.error());
      wanted = *end < request.before_ns;
    }
    const std::string path = SegmentPath(dir_, sealed_.front());
    trimmed.held_back = wanted && next > request.needed_from;
    // One that is not sealed yet, or is being read and could not be, waits for the next time.
    if (!wanted || trimmed.held_back || SizeOf(path + "-wal") > 0) break;
    const std::uint64_t size = SizeOf(path);
    sealed_.erase(sealed_.begin());
    first_kept_ = next;
    total -= std::min(total, size);
    trimmed.files += 1;
    trimmed.bytes += size;
    if (older_ != nullptr) older_->DropBefore(first_kept_);
    sealer_.Remove(path);
  }
  trimmed.first_kept = first_kept_;
  identity_.first_offset = last_offset_ == 0 ? 0 : first_kept_;
  return trimmed;
}

Result<void> SqliteLog::SetNeeded(Offset offset) {
  if (failure_) return tl::unexpected<Error>(*failure_);
  needed_from_ = offset;
  if (!needed_) {
    Result<OffsetFile> made = OffsetFile::Open(NeededPath(dir_), offset);
    if (!made) return tl::unexpected<Error>(made.error());
    needed_.emplace(std::move(*made));
  }
  return needed_->Write(offset);
}

}  // namespace tonus
