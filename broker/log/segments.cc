#include "broker/log/segments.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "broker/log/log_files.h"

namespace tonus {
namespace {

/// Connections kept open beside the newest segment's.
constexpr std::size_t kKeptOpen = 4;
constexpr std::string_view kPrefix = "segment-";
constexpr std::string_view kSuffix = ".db";

bool Exists(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 && info.st_size > 0;
}

}  // namespace

std::vector<Offset> ListSegments(const std::string& dir) {
  std::vector<Offset> firsts;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    Offset first = 0;
    const char* begin = name.data() + kPrefix.size();
    const char* end = name.data() + name.size() - kSuffix.size();
    const auto [stopped, failed] = std::from_chars(begin, end, first);
    if (failed == std::errc() && stopped == end && first > 0 && Exists(entry.path().string())) {
      firsts.push_back(first);
    }
  }
  std::sort(firsts.begin(), firsts.end());
  return firsts;
}

Result<std::unique_ptr<SegmentsReader>> SegmentsReader::Open(const std::string& dir, Offset head) {
  std::unique_ptr<SegmentsReader> reader(new SegmentsReader(dir));
  reader->firsts_ = ListSegments(dir);
  if (reader->firsts_.empty()) {
    return Fail(ErrorCode::kUnreachable, "there is no log in this folder", dir,
                "name the folder of a log");
  }
  // A writer that was killed while it made a new segment leaves an unfinished one.
  if (reader->firsts_.size() > 1 && !reader->At(reader->firsts_.back())) {
    reader->firsts_.pop_back();
  }
  const Result<LogIdentity> identity = reader->Identity();
  if (!identity) return tl::unexpected<Error>(identity.error());
  if (identity->last_offset < head) {
    return Fail(ErrorCode::kCorrupt,
                "ends at offset " + std::to_string(identity->last_offset) + ", but offset " +
                    std::to_string(head) + " has been committed",
                SegmentPath(dir, reader->firsts_.back()),
                "its tail is lost: restore it, with its -wal file, from a backup");
  }
  return reader;
}

Result<SegmentReader*> SegmentsReader::At(Offset first) {
  const auto known = open_.find(first);
  if (known != open_.end()) return known->second.get();
  Result<std::unique_ptr<SegmentReader>> opened = SegmentReader::Open(SegmentPath(dir_, first));
  if (!opened) return tl::unexpected<Error>(opened.error());
  // The oldest goes first: whoever reads the past reads it forwards.
  while (open_.size() > kKeptOpen) open_.erase(open_.begin());
  return open_.emplace(first, std::move(*opened)).first->second.get();
}

Result<SegmentReader*> SegmentsReader::Newest() {
  while (true) {
    const Result<SegmentReader*> newest = At(firsts_.back());
    if (!newest) return newest;
    const Result<LogIdentity> identity = (*newest)->Identity();
    if (!identity) return tl::unexpected<Error>(identity.error());
    const Offset next = identity->last_offset + 1;
    if (next <= firsts_.back() || !Exists(SegmentPath(dir_, next))) return newest;
    // Its maker may not have finished it; then it holds nothing yet.
    if (!At(next)) return newest;
    firsts_.push_back(next);
  }
}

Offset SegmentsReader::Holding(Offset offset) const {
  const auto after = std::upper_bound(firsts_.begin(), firsts_.end(), offset);
  return after == firsts_.begin() ? 0 : *(after - 1);
}

Result<ReadSlice> SegmentsReader::Read(const ReadRequest& request) {
  ReadRequest wanted = request;
  wanted.from = std::max<Offset>(wanted.from, 1);
  while (true) {
    const Offset first = Holding(wanted.from);
    if (first == 0) {
      return Fail(ErrorCode::kCorrupt,
                  "offset " + std::to_string(wanted.from) +
                      " is no longer kept; the log begins at " + std::to_string(firsts_.front()),
                  dir_, "read from there");
    }
    if (first == firsts_.back()) {
      // Looking may find a newer segment, which then holds the offset.
      const Result<SegmentReader*> newest = Newest();
      if (!newest) return tl::unexpected<Error>(newest.error());
      if (Holding(wanted.from) != first) continue;
    }
    const Result<SegmentReader*> segment = At(first);
    if (!segment) return tl::unexpected<Error>(segment.error());
    Result<ReadSlice> slice = (*segment)->Read(wanted);
    if (!slice || first == firsts_.back()) return slice;
    const auto next = std::upper_bound(firsts_.begin(), firsts_.end(), first);
    if (slice->at_end && slice->next_offset < *next && request.to == 0) {
      return Fail(ErrorCode::kCorrupt, "ends before the next segment begins",
                  SegmentPath(dir_, first), "restore it from a backup");
    }
    slice->at_end = request.to != 0 && slice->next_offset > request.to;
    // An empty answer at the end of a segment says nothing: the next one has more.
    if (slice->records.empty() && !slice->at_end && slice->next_offset == *next) {
      wanted.from = slice->next_offset;
      continue;
    }
    return slice;
  }
}

Result<Offset> SegmentsReader::FindByTime(LogTimeNs recorded_ns) {
  const Result<SegmentReader*> newest = Newest();
  if (!newest) return tl::unexpected<Error>(newest.error());
  for (auto first = firsts_.rbegin(); first != firsts_.rend(); ++first) {
    const Result<SegmentReader*> segment = At(*first);
    if (!segment) return tl::unexpected<Error>(segment.error());
    const Result<std::optional<LogTimeNs>> time = (*segment)->FirstTime();
    if (!time) return tl::unexpected<Error>(time.error());
    const bool begins_before = *time && **time < recorded_ns;
    if (begins_before || std::next(first) == firsts_.rend()) {
      return (*segment)->FindByTime(recorded_ns);
    }
  }
  return firsts_.front();
}

Result<LogIdentity> SegmentsReader::Identity() {
  const Result<SegmentReader*> newest = Newest();
  if (!newest) return tl::unexpected<Error>(newest.error());
  Result<LogIdentity> identity = (*newest)->Identity();
  if (identity) identity->first_offset = identity->last_offset == 0 ? 0 : firsts_.front();
  return identity;
}

Result<std::map<std::string, std::uint64_t>> SegmentsReader::Producers() {
  const Result<SegmentReader*> newest = Newest();
  if (!newest) return tl::unexpected<Error>(newest.error());
  return (*newest)->Producers();
}

Result<OpenAlerts> SegmentsReader::ReadOpenAlerts(const std::vector<std::string>& prefixes) {
  const Result<SegmentReader*> newest = Newest();
  if (!newest) return tl::unexpected<Error>(newest.error());
  return (*newest)->ReadOpenAlerts(prefixes);
}

Result<std::optional<FoundName>> SegmentsReader::Find(std::int64_t producer,
                                                      std::uint64_t sequence) {
  const Result<SegmentReader*> newest = Newest();
  if (!newest) return tl::unexpected<Error>(newest.error());
  for (auto first = firsts_.rbegin(); first != firsts_.rend(); ++first) {
    const Result<SegmentReader*> segment = At(*first);
    if (!segment) return tl::unexpected<Error>(segment.error());
    Result<std::optional<FoundName>> found = (*segment)->Find(producer, sequence);
    if (!found || *found) return found;
  }
  return std::optional<FoundName>();
}

}  // namespace tonus
