#include "core/service_health.h"

#include <algorithm>

#include "base/environment.h"
#include "base/log.h"
#include "base/text.h"
#include "client/publisher.h"
#include "tonus/v1/system.pb.h"

namespace tonus::core {
namespace {

using std::chrono::nanoseconds;

constexpr std::int64_t kSayTimeoutMs = 1000;
constexpr std::chrono::seconds kSayAgain{1};
constexpr std::size_t kMostWaiting = 3600;

std::int64_t NsSince(std::chrono::steady_clock::time_point then,
                     std::chrono::steady_clock::time_point now) {
  return std::chrono::duration_cast<nanoseconds>(now - then).count();
}

}  // namespace

ServiceHealth::ServiceHealth(const ServiceHealthOptions& options) : options_(options) {
  if (!options_.spoken) said_ = Flags{};
}

ServiceHealth::TimePoint ServiceHealth::Now() const { return SteadyNow(options_.environment); }

std::int64_t ServiceHealth::Age(const WorkSeen& seen, TimePoint now) {
  if (!options_.given_clock) {
    if (seen.end.offset <= seen.processed) return seen.at_end ? 0 : age_ns_;
    // What is repeated after a restart has been said; only what came since waits.
    const LogTimeNs from =
        seen.repeating ? std::max(seen.processed_ns, options_.begun_ns) : seen.processed_ns;
    return std::max<std::int64_t>(0, seen.end.recorded_ns - from);
  }
  while (!waiting_.empty() && waiting_.front().first <= seen.processed) waiting_.pop_front();
  const bool newer = waiting_.empty() || seen.end.offset > waiting_.back().first;
  if (newer && seen.end.offset > seen.processed && waiting_.size() < kMostWaiting) {
    waiting_.emplace_back(seen.end.offset, now);
  }
  if (waiting_.empty()) return seen.at_end ? 0 : age_ns_;
  return NsSince(waiting_.front().second, now);
}

void ServiceHealth::Judge(const WorkSeen& seen, TimePoint now) {
  age_ns_ = Age(seen, now);
  const bool turns =
      flags_.late ? age_ns_ <= options_.late_after_ns / 2 : age_ns_ > options_.late_after_ns;
  if (!turns) {
    turning_since_.reset();
  } else if (!turning_since_) {
    turning_since_ = now;
  } else if (NsSince(*turning_since_, now) >= std::min(options_.late_after_ns, kSecondNs)) {
    flags_.late = !flags_.late;
    turning_since_.reset();
  }
  ever_connected_ = ever_connected_ || seen.connected;
  if (!seen.connected && ever_connected_ && !lost_at_) lost_at_ = now;
  if (seen.connected && lost_at_) {
    unreachable_s_ = static_cast<double>(NsSince(*lost_at_, now)) / 1e9;
    lost_at_.reset();
    flags_.unreachable = true;
  } else if (seen.connected && seen.at_end) {
    flags_.unreachable = false;
  }
}

void ServiceHealth::Step(const WorkSeen& seen) {
  const TimePoint now = Now();
  Judge(seen, now);
  // Of a predecessor it is known no more than that it spoke: that it is over is said when it is.
  const bool due = said_ ? *said_ != flags_ : seen.at_end || flags_ != Flags{};
  if (!due || !seen.connected || (again_at_ && now < *again_at_)) return;
  again_at_ = now + kSayAgain;
  if (const auto said = Say(seen); !said) {
    log::Warn("the core's health cannot be said; tried again", {{"why", said.error().Message()}});
    return;
  }
  said_ = flags_;
  again_at_.reset();
}

Result<void> ServiceHealth::Say(const WorkSeen& seen) {
  v1::Health health;
  health.set_process("core");
  auto& values = *health.mutable_values();
  values["late"] = flags_.late ? 1 : 0;
  values["late_s"] = static_cast<double>(age_ns_) / 1e9;
  values["lag_records"] =
      static_cast<double>(std::max(seen.end.offset, seen.processed) - seen.processed);
  values["broker_unreachable"] = flags_.unreachable ? 1 : 0;
  values["broker_unreachable_s"] = unreachable_s_;
  const LogTimeNs time = std::max(seen.end.recorded_ns, seen.processed_ns);
  HealthAlerts next = alerts_;
  std::vector<std::pair<std::string, std::string>> records = {
      {"health.core.", health.SerializeAsString()}};
  for (const v1::TechAlert& alert : next.Take(health, time, !said_)) {
    log::Info(alert.text(), {{"kind", alert.kind()}});
    records.emplace_back("tech.core.", alert.SerializeAsString());
  }
  PublisherOptions publish;
  publish.endpoint = options_.ingest_endpoint;
  publish.producer = std::string(kHealthProducer);
  publish.connect_timeout_ms = kSayTimeoutMs;
  publish.environment = options_.environment;
  auto publisher = Publisher::Open(publish);
  if (!publisher) return tl::unexpected<Error>(publisher.error());
  for (const auto& [topic, payload] : records) {
    PublishRecord record;
    record.topic = topic;
    record.payload = payload;
    record.recorded_ns = time;
    const auto taken = (*publisher)->Publish(record);
    if (!taken) return tl::unexpected<Error>(taken.error());
  }
  const auto flushed = (*publisher)->Flush(kSayTimeoutMs);
  if (flushed) alerts_ = std::move(next);
  return flushed;
}

}  // namespace tonus::core
