#include "scenario/log_history.h"

#include "broker/log/log.h"

namespace tonus::scenario {

Result<void> LogHistory::Read(LogTimeNs from, Offset before, const See& see) {
  if (before <= 1) return {};
  auto reader = Log::OpenReadOnly(folder_);
  if (!reader) return tl::unexpected<Error>(reader.error());
  const auto begin = (*reader)->FindByTime(from);
  if (!begin) return tl::unexpected<Error>(begin.error());
  ReadRequest request;
  request.from = *begin;
  request.to = before - 1;
  while (request.from <= request.to) {
    const auto slice = (*reader)->Read(request);
    if (!slice) return tl::unexpected<Error>(slice.error());
    for (const Record& record : slice->records) see(record);
    if (slice->at_end) break;
    request.from = slice->next_offset;
  }
  return {};
}

}  // namespace tonus::scenario
