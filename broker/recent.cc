#include "broker/recent.h"

#include <algorithm>
#include <utility>

namespace tonus {
namespace {

std::uint64_t BytesOf(const CommittedGroup& group) {
  return group.bytes.capacity() + group.records.capacity() * sizeof(EncodedRecord);
}

}  // namespace

bool MatchesPrefix(std::string_view topic, const std::vector<std::string>& prefixes) {
  if (prefixes.empty()) return true;
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [topic](const std::string& prefix) { return topic.starts_with(prefix); });
}

void RecentRecords::Add(std::shared_ptr<const CommittedGroup> group) {
  bytes_ += BytesOf(*group);
  groups_.push_back(std::move(group));
  while (bytes_ > max_bytes_ && groups_.size() > 1) {
    bytes_ -= BytesOf(*groups_.front());
    groups_.pop_front();
  }
}

EncodedSlice RecentRecords::Read(Offset from, Offset to, const std::vector<std::string>& prefixes,
                                 std::size_t max_bytes) const {
  EncodedSlice slice;
  slice.next_offset = from;
  auto group = std::upper_bound(
      groups_.begin(), groups_.end(), from,
      [](Offset offset, const auto& candidate) { return offset < candidate->next; });
  for (; group != groups_.end() && slice.next_offset <= to; ++group) {
    const CommittedGroup& records = **group;
    auto index = static_cast<std::size_t>(slice.next_offset - records.first);
    for (; index < records.records.size() && slice.next_offset <= to; ++index) {
      if (slice.records.size() >= max_bytes) return slice;
      const EncodedRecord& record = records.records[index];
      const std::string_view topic(records.bytes.data() + record.topic_begin, record.topic_size);
      if (MatchesPrefix(topic, prefixes)) {
        slice.records.append(records.bytes, record.begin, record.size);
      }
      ++slice.next_offset;
    }
  }
  return slice;
}

}  // namespace tonus
