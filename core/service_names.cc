#include "core/service_names.h"

#include "core/service_checkpoint.h"
#include "core/service_health.h"
#include "tonus/v1/system.pb.h"

namespace tonus::core {

bool IsCore(const std::string& producer) { return producer.rfind("core.", 0) == 0; }

std::set<std::string> CoresOf(const RemoteLog& log) {
  std::set<std::string> cores;
  for (const auto& [name, last] : log.producers) {
    if (IsCore(name) && name != kAlarmProducer && name != kHealthProducer && last > 0)
      cores.insert(name);
  }
  return cores;
}

Result<std::vector<v1::ConfigRecord>> ReadConfigs(const ReplaySide& replay, Offset from,
                                                  std::set<std::string> cores) {
  FollowerOptions follow;
  follow.endpoint = replay.endpoint;
  follow.offset = from;
  follow.prefixes = {"config."};
  follow.environment = replay.environment;
  follow.follow = false;
  auto follower = Follower::Open(follow);
  if (!follower) return tl::unexpected<Error>(follower.error());
  std::vector<v1::ConfigRecord> configs;
  while (!cores.empty()) {
    const Offset before = (*follower)->NextOffset();
    auto batch = (*follower)->Next(64, replay.timeout_ms);
    if (!batch) return tl::unexpected<Error>(batch.error());
    for (const Record& record : batch->records) {
      v1::ConfigRecord config;
      if (cores.count(record.producer) == 0 || !config.ParseFromString(record.payload)) continue;
      if (config.has_quarantine()) continue;
      cores.erase(record.producer);
      config.set_producer(record.producer);
      configs.push_back(std::move(config));
    }
    if (batch->complete) break;
    // The log may be long, and nearly all of it other records: only a standstill is a failure.
    if (batch->records.empty() && (*follower)->NextOffset() == before) {
      return Fail(ErrorCode::kUnreachable, "the broker stopped answering", replay.endpoint);
    }
  }
  return configs;
}

void RecallConfig(const std::set<std::string>& cores, const CheckpointMeta* checkpoint,
                  std::vector<v1::ConfigRecord>* configs) {
  if (checkpoint == nullptr || cores.count(checkpoint->producer) == 0) return;
  for (const v1::ConfigRecord& config : *configs) {
    if (config.producer() == checkpoint->producer) return;
  }
  v1::ConfigRecord config;
  config.set_producer(checkpoint->producer);
  config.set_begins_after_offset(checkpoint->begins_after);
  configs->insert(configs->begin(), std::move(config));
}

std::string ChooseName(const std::string& base, const std::set<std::string>& cores,
                       const std::vector<v1::ConfigRecord>& configs,
                       const std::vector<std::string>& begin_anew,
                       const CheckpointMeta* checkpoint) {
  std::size_t reigns = 0;
  for (const std::string& core : cores) reigns += core.rfind(base, 0) == 0 ? 1 : 0;
  if (!configs.empty() && configs.back().producer().rfind(base, 0) == 0) {
    const auto& named = configs.back().begin_anew();
    const std::vector<std::string> before(named.begin(), named.end());
    // Of a checkpoint that was saved under this very name they have been lost once more.
    const bool again = checkpoint != nullptr && checkpoint->producer == configs.back().producer();
    if (begin_anew.empty() || (before == begin_anew && !again)) return configs.back().producer();
  }
  return reigns == 0 ? base : base + "." + std::to_string(reigns + 1);
}

}  // namespace tonus::core
