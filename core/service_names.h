#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/follower.h"

namespace tonus::v1 {
class ConfigRecord;
}

namespace tonus::core {

struct CheckpointMeta;

/// The end of the bus that the core reads from.
struct ReplaySide {
  std::string endpoint;
  std::int64_t timeout_ms = 0;         ///< Until the broker has answered.
  Environment* environment = nullptr;  ///< Borrowed; null: ZeroMQ and the machine's clock.
};

/// The core's voice where it must not speak under its own name.
inline constexpr std::string_view kAlarmProducer = "core.alarm";

bool IsCore(const std::string& producer);

/// Producers of alerts that the log has records of.
std::set<std::string> CoresOf(const RemoteLog& log);

/// What the cores in the log, which begins at `from`, began with, in the order in which they did.
/// kUnreachable where the broker stops answering.
Result<std::vector<v1::ConfigRecord>> ReadConfigs(const ReplaySide& replay, Offset from,
                                                  std::set<std::string> cores);

/// A log that has lost its beginning may have lost the record that a core began with; the
/// checkpoint (null: none) knows what it said.
void RecallConfig(const std::set<std::string>& cores, const CheckpointMeta* checkpoint,
                  std::vector<v1::ConfigRecord>* configs);

/// The name under which a configuration publishes: the one that it has, as long as no other has
/// published since. A configuration that comes back is a new producer, for what it would say about
/// the time of the other has been said. So is one some of whose patients begin anew.
std::string ChooseName(const std::string& base, const std::set<std::string>& cores,
                       const std::vector<v1::ConfigRecord>& configs,
                       const std::vector<std::string>& begin_anew,
                       const CheckpointMeta* checkpoint);

}  // namespace tonus::core
