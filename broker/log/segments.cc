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

Error LostTail(const std::string& path, Offset last, Offset head) {
  return Error{ErrorCode::kCorrupt,
               "ends at offset " + std::to_string(last) + ", but offset " + std::to_string(head) +
                   " has been committed",
               path, "its tail is lost: restore it, with its -wal file, from a backup"};
}

Error LostOr(Error error, const std::string& path, Offset first, Offset head) {
  const bool bare = error.code == ErrorCode::kCorrupt &&
                    error.what.find("no such table") != std::string::npos && head >= first;
  return bare ? LostTail(path, first - 1, head) : std::move(error);
}

std::string NoteOnHead(const OffsetFile::Content& head, const std::string& dir, Offset last) {
  if (last == 0 || (!head.missing && !head.torn)) return {};
  return HeadPath(dir) + (head.missing ? " is missing" : " is damaged") +
         ": whether records behind offset " + std::to_string(last) +
         " have been lost cannot be told";
}

Result<std::unique_ptr<SegmentsReader>> SegmentsReader::Open(const std::string& dir,
                                                             const OffsetFile::Content& head,
                                                             bool despite_damage) {
  std::unique_ptr<SegmentsReader> reader(new SegmentsReader(dir));
  reader->firsts_ = ListSegments(dir);
  if (reader->firsts_.empty()) {
    return Fail(ErrorCode::kUnreachable, "there is no log in this folder", dir,
                "name the folder of a log");
  }
  // A writer that was killed while it made a new segment leaves an unfinished one, to which nothing
  // has been committed.
  const Result<SegmentReader*> newest = reader->At(reader->firsts_.back());
  if (!newest) {
    const Offset first = reader->firsts_.back();
    const bool committed = head.offset >= first;
    const bool unfinished =
        newest.error().code == ErrorCode::kCorrupt && reader->firsts_.size() > 1 && !committed;
    if (!unfinished) {
      const Error error = LostOr(newest.error(), SegmentPath(dir, first), first, head.offset);
      if (!despite_damage || reader->firsts_.size() == 1) return tl::unexpected<Error>(error);
      reader->notes_.push_back(error.Message());
    }
    reader->firsts_.pop_back();
  }
  const Result<LogIdentity> identity = reader->Identity();
  if (!identity) return tl::unexpected<Error>(identity.error());
  const std::string note = NoteOnHead(head, dir, identity->last_offset);
  if (!note.empty()) reader->notes_.push_back(note);
  if (identity->last_offset < head.offset) {
    const Error lost =
        LostTail(SegmentPath(dir, reader->firsts_.back()), identity->last_offset, head.offset);
    if (!despite_damage) return tl::unexpected<Error>(lost);
    if (reader->notes_.empty()) reader->notes_.push_back(lost.Message());
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

void SegmentsReader::DropBefore(Offset first) {
  firsts_.erase(firsts_.begin(), std::lower_bound(firsts_.begin(), firsts_.end() - 1, first));
  open_.erase(open_.begin(), open_.lower_bound(firsts_.front()));
}

bool SegmentsReader::DropGone() {
  const Offset before = firsts_.front();
  auto kept = firsts_.begin();
  while (kept + 1 != firsts_.end() && !Exists(SegmentPath(dir_, *kept))) ++kept;
  DropBefore(*kept);
  return firsts_.front() != before;
}

Result<SegmentReader*> SegmentsReader::Newest() {
  while (true) {
    const Result<SegmentReader*> newest = At(firsts_.back());
    // The newest one is never removed: if this is gone, newer ones have come, and may have gone.
    if (!Exists(SegmentPath(dir_, firsts_.back()))) {
      std::vector<Offset> firsts = ListSegments(dir_);
      if (!firsts.empty() && firsts.back() > firsts_.back()) {
        firsts_ = std::move(firsts);
        open_.clear();
        continue;
      }
    }
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

Result<ReadSlice> SegmentsReader::ReadFrom(Offset first, const ReadRequest& request) {
  const Result<SegmentReader*> segment = At(first);
  if (!segment) return tl::unexpected<Error>(segment.error());
  if (first == firsts_.back()) return (*segment)->Read(request);
  const Offset next = *std::upper_bound(firsts_.begin(), firsts_.end(), first);
  // So that a segment whose end is damaged knows how far it went.
  ReadRequest within = request;
  within.to = request.to == 0 ? next - 1 : std::min(request.to, next - 1);
  Result<ReadSlice> slice = (*segment)->Read(within);
  if (slice && slice->at_end && slice->next_offset <= within.to) {
    const std::string path = SegmentPath(dir_, first);
    if (!request.skip_damaged) {
      if (!slice->records.empty()) return slice;
      return Fail(ErrorCode::kCorrupt, "ends before the next segment begins", path,
                  "restore it from a backup");
    }
    slice->gaps.push_back(
        {slice->next_offset, within.to, path + ": ends before the next segment begins"});
    slice->next_offset = within.to + 1;
  }
  return slice;
}

Result<ReadSlice> SegmentsReader::Read(const ReadRequest& request) {
  ReadRequest wanted = request;
  if (wanted.from == 0) {
    DropGone();
    wanted.from = firsts_.front();
  }
  std::vector<LogGap> gaps;
  while (true) {
    const Offset first = Holding(wanted.from);
    if (first == 0) {
      return Fail(ErrorCode::kMalformed,
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
    Result<ReadSlice> slice = ReadFrom(first, wanted);
    if (!slice && DropGone()) continue;
    if (first == firsts_.back()) {
      if (slice) slice->gaps.insert(slice->gaps.begin(), gaps.begin(), gaps.end());
      return slice;
    }
    const Offset next = *std::upper_bound(firsts_.begin(), firsts_.end(), first);
    if (!slice) {
      if (!request.skip_damaged) return slice;
      // Not even the segment's tables can be read.
      const Offset last = request.to == 0 ? next - 1 : std::min(request.to, next - 1);
      gaps.push_back({wanted.from, last, slice.error().Message()});
      slice.emplace();
      slice->next_offset = last + 1;
    } else {
      gaps.insert(gaps.end(), slice->gaps.begin(), slice->gaps.end());
    }
    slice->at_end = request.to != 0 && slice->next_offset > request.to;
    // An empty answer at the end of a segment says nothing: the next one has more.
    if (slice->records.empty() && !slice->at_end && slice->next_offset == next) {
      wanted.from = slice->next_offset;
      continue;
    }
    slice->gaps = std::move(gaps);
    return slice;
  }
}

Result<Offset> SegmentsReader::FindByTime(LogTimeNs recorded_ns) {
  const Result<SegmentReader*> newest = Newest();
  if (!newest) return tl::unexpected<Error>(newest.error());
  DropGone();
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
  DropGone();
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

Result<std::optional<FoundName>> SegmentsReader::FindName(Offset near, const std::string& producer,
                                                          std::uint64_t sequence) {
  const Result<SegmentReader*> segment = At(Holding(near));
  if (!segment) return tl::unexpected<Error>(segment.error());
  const Result<std::optional<std::int64_t>> id = (*segment)->ProducerId(producer);
  if (!id) return tl::unexpected<Error>(id.error());
  if (!*id) return std::optional<FoundName>();
  return (*segment)->Find(**id, sequence);
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
