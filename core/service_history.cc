#include "core/service_history.h"

#include "client/follower.h"

namespace tonus::core {
namespace {

constexpr std::int64_t kWaitMs = 1000;
constexpr int kPatience = 60;  // waits without a record

}  // namespace

Result<void> BrokerHistory::Read(LogTimeNs from, Offset before, const See& see) {
  if (before <= 1) return {};
  FollowerOptions options;
  options.endpoint = endpoint_;
  options.from = FollowFrom::kRecordedTime;
  options.recorded_ns = from;
  options.to_offset = before - 1;
  options.follow = false;
  options.environment = environment_;
  auto follower = Follower::Open(options);
  for (int waits = 0; follower && waits < kPatience;) {
    const Offset at = (*follower)->NextOffset();
    const auto batch = (*follower)->Next(1024, kWaitMs);
    if (!batch) {
      failed_ = batch.error();
      return tl::unexpected<Error>(batch.error());
    }
    for (const Record& record : batch->records) see(record);
    if (batch->complete) return {};
    waits = batch->records.empty() && (*follower)->NextOffset() == at ? waits + 1 : 0;
  }
  failed_ = follower ? Error{ErrorCode::kUnreachable, "the broker stopped answering", endpoint_, {}}
                     : follower.error();
  return tl::unexpected<Error>(*failed_);
}

}  // namespace tonus::core
