#include "broker/log/verify.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/topic.h"
#include "broker/log/log.h"
#include "broker/log/log_files.h"
#include "broker/log/segments.h"
#include "broker/log/text_hash.h"

namespace tonus {
namespace {

/// What the records say so far, held against each next one and, at the end, against what the log
/// keeps beside them.
class Verifier {
 public:
  Verifier(SegmentsReader& reader, const LogIdentity& identity, LogVerdict& verdict)
      : reader_(reader), identity_(identity), verdict_(verdict) {}

  void Take(const Record& record) {
    const Offset at = record.offset;
    ++verdict_.records;
    if (record.recorded_ns < last_recorded_ns_) Fault(at, "its recorded time goes back");
    last_recorded_ns_ = std::max(last_recorded_ns_, record.recorded_ns);
    TakeSequence(record);
    TakeStream(record);
    TakeAlert(record);
  }

  /// What is missing may hold anything: whatever is said next of a producer, stream or alert
  /// stands.
  void TakeGap(const LogGap& gap) {
    AddFault({gap.from, gap.to, gap.what});
    unsure_ = true;
    last_of_stream_.clear();
  }

  Result<void> Finish() {
    const auto producers = reader_.Producers();
    if (!producers) return tl::unexpected<Error>(producers.error());
    for (const auto& [name, highest] : *producers) {
      const auto said = sequences_.find(name);
      const std::uint64_t seen = said == sequences_.end() ? 0 : said->second;
      // The log may have grown, and a producer may have said nothing since the first kept record.
      const bool grown = reader_.Identity().value_or(identity_).last_offset > identity_.last_offset;
      if (seen > highest || (seen != 0 && seen < highest && !grown && !unsure_)) {
        Fault(0, "the highest sequence of producer '" + name + "' is kept as " +
                     std::to_string(highest) + ", its newest record is " + std::to_string(seen));
      }
    }
    for (const auto& [name, seen] : sequences_) {
      if (producers->count(name) == 0) Fault(0, "producer '" + name + "' is not kept");
    }
    return FinishAlerts();
  }

  void AddFault(LogFault fault) {
    ++verdict_.fault_count;
    if (verdict_.faults.size() < LogVerdict::kMaxFaults)
      verdict_.faults.push_back(std::move(fault));
  }

 private:
  void Fault(Offset at, std::string what) { AddFault({at, at, std::move(what)}); }

  void TakeSequence(const Record& record) {
    std::uint64_t& last = sequences_[record.producer];
    const std::string name =
        "record " + std::to_string(record.sequence) + " of producer '" + record.producer + "'";
    if (last != 0 && record.sequence <= last) {
      Fault(record.offset,
            name + " comes after " + std::to_string(last) + ": twice, or out of order");
    } else if (record.sequence != last + 1 && (last != 0 || identity_.first_offset == 1) &&
               !unsure_) {
      Fault(record.offset, name + " comes after " + std::to_string(last));
    }
    last = std::max(last, record.sequence);
    // Every record's name leads to it, or a repeat would be taken for new.
    const Result<std::optional<FoundName>> found =
        reader_.FindName(record.offset, record.producer, record.sequence);
    if (!found || !*found || (*found)->offset != record.offset) {
      Fault(record.offset, name + " is not found by its name: a repeat would not be known");
    }
  }

  void TakeStream(const Record& record) {
    const std::string_view stream = StreamOf(record.topic);
    const auto last = last_of_stream_.find(stream);
    if (last == last_of_stream_.end()) {
      last_of_stream_.emplace(std::string(stream), record.offset);
      const bool first = identity_.first_offset == 1 && !unsure_;
      if (first && record.previous_offset != 0) {
        Fault(record.offset, "names a record before it in its stream, and there is none");
      }
      return;
    }
    if (last->second != record.previous_offset) {
      Fault(record.offset, "names offset " + std::to_string(record.previous_offset) +
                               " as the one before it in its stream, which is " +
                               std::to_string(last->second));
    }
    last->second = record.offset;
  }

  void TakeAlert(const Record& record) {
    const Result<TopicParts> parts = ParseTopic(record.topic);
    if (!parts || parts->kind != "alert") return;
    const std::string key = std::string(parts->patient) + "." + std::string(parts->condition);
    if (record.open) {
      open_[key] = record.offset;
    } else {
      open_.erase(key);
    }
  }

  Result<void> FinishAlerts() {
    const Result<OpenAlerts> kept = reader_.ReadOpenAlerts({});
    if (!kept) {
      Fault(0, "the open alerts cannot be read: " + kept.error().Message());
      return {};
    }
    if (kept->as_of != identity_.last_offset || unsure_) return {};
    std::uint64_t carried = 0;
    for (const Record& record : kept->records) {
      if (record.offset < identity_.first_offset) {
        ++carried;
        continue;
      }
      const Result<TopicParts> parts = ParseTopic(record.topic);
      const std::string key =
          parts ? std::string(parts->patient) + "." + std::string(parts->condition) : "";
      const auto said = open_.find(key);
      if (said == open_.end() || said->second != record.offset) {
        Fault(record.offset, "is kept as an open alert, and the records say otherwise");
      }
    }
    if (kept->records.size() - carried != open_.size()) {
      Fault(0, std::to_string(open_.size()) + " alerts are open by the records, " +
                   std::to_string(kept->records.size() - carried) + " are kept as open");
    }
    return {};
  }

  SegmentsReader& reader_;
  const LogIdentity identity_;
  LogVerdict& verdict_;
  LogTimeNs last_recorded_ns_ = INT64_MIN;
  ByText<std::uint64_t> sequences_;
  ByText<Offset> last_of_stream_;
  std::map<std::string, Offset> open_;
  bool unsure_ = false;  ///< Something could not be read.
};

}  // namespace

Result<LogVerdict> VerifyLog(const std::string& dir,
                             const std::function<void(Offset at, Offset last)>& progress) {
  const OffsetFile::Content head = OffsetFile::Read(HeadPath(dir));
  auto reader = SegmentsReader::Open(dir, head, true);
  if (!reader) return tl::unexpected<Error>(reader.error());
  const Result<LogIdentity> identity = (*reader)->Identity();
  if (!identity) return tl::unexpected<Error>(identity.error());
  LogVerdict verdict;
  verdict.first_offset = identity->first_offset;
  verdict.last_offset = identity->last_offset;
  verdict.files = (*reader)->Firsts().size();
  Verifier verifier(**reader, *identity, verdict);
  if (identity->last_offset < head.offset) {
    verifier.AddFault(
        {identity->last_offset + 1, head.offset, "committed, and lost with the tail of the log"});
  } else {
    verdict.notes = (*reader)->Notes();
  }
  ReadRequest request;
  request.from = std::max<Offset>(identity->first_offset, 1);
  request.to = identity->last_offset;
  request.skip_damaged = true;
  while (request.from <= request.to) {
    const Result<ReadSlice> slice = (*reader)->Read(request);
    if (!slice) return tl::unexpected<Error>(slice.error());
    auto gap = slice->gaps.begin();
    for (const Record& record : slice->records) {
      for (; gap != slice->gaps.end() && gap->from < record.offset; ++gap) verifier.TakeGap(*gap);
      verifier.Take(record);
    }
    for (; gap != slice->gaps.end(); ++gap) verifier.TakeGap(*gap);
    if (progress) progress(slice->next_offset - 1, request.to);
    if (slice->next_offset <= request.from) break;
    request.from = slice->next_offset;
  }
  const Result<void> finished = verifier.Finish();
  if (!finished) return tl::unexpected<Error>(finished.error());
  return verdict;
}

}  // namespace tonus
