#include "broker/admission.h"

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "base/topic.h"
#include "tonus/v1/alert.pb.h"

namespace tonus {
namespace {

/// Topics whose verdict is remembered; beyond it memory is given back and they are parsed again.
constexpr std::size_t kMaxKnownTopics = 1U << 20U;
constexpr std::size_t kDeadPayloadBytes = 4096;
constexpr std::size_t kMaxProducerBytes = 64;

}  // namespace

bool IsCoreProducer(std::string_view producer) {
  return producer == "core" || producer.starts_with("core.");
}

bool IsProducerName(std::string_view producer, std::string& why) {
  if (producer.empty() || producer.size() > kMaxProducerBytes) {
    why = "a producer's name has 1 to 64 bytes, this one has " + std::to_string(producer.size());
    return false;
  }
  const bool plain = std::all_of(producer.begin(), producer.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (!plain) {
    why = "a producer's name is made of letters, digits, '.', '_' and '-'";
    return false;
  }
  if (producer == "intake" || producer == "broker" || producer.starts_with("broker.")) {
    why = "the name '" + std::string(producer) + "' is the broker's own; choose another";
    return false;
  }
  return true;
}

bool Admission::Judge(const AppendRecord& record, bool core, Verdict& verdict) {
  Who who = Who::kNobody;
  const auto known = known_.find(record.topic);
  if (known != known_.end()) {
    who = known->second;
  } else {
    const Result<TopicParts> parts = ParseTopic(record.topic);
    if (!parts) {
      verdict.code = "bad_topic";
      verdict.sentence = parts.error().Message();
      return false;
    }
    const bool tick = parts->kind == "tick";
    if (IsInputKind(parts->kind) || parts->kind == "health" || (tick && given_clock_)) {
      who = Who::kAnyone;
    } else if (!tick) {
      who = Who::kCore;
    }
    if (known_.size() >= kMaxKnownTopics) known_.clear();
    known_.emplace(record.topic, who);
  }
  if (who == Who::kNobody || (who == Who::kCore && !core)) {
    verdict.code = "forbidden_topic";
    verdict.sentence = "producer '" + std::string(record.producer) + "' may not publish on '" +
                       std::string(record.topic) +
                       "'; producers other than the core publish input kinds and health";
    return false;
  }
  if (record.payload.size() > max_payload_bytes_) {
    verdict.code = "payload_too_large";
    verdict.sentence = "the payload has " + std::to_string(record.payload.size()) + " bytes, " +
                       std::to_string(max_payload_bytes_) +
                       " are allowed; split it into several events";
    return false;
  }
  return true;
}

std::span<const Verdict> Admission::Check(std::span<AppendRecord> records, bool core) {
  verdicts_.clear();
  Verdict verdict;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (Judge(records[i], core, verdict)) continue;
    verdict.index = i;
    verdicts_.push_back(std::move(verdict));
    verdict = Verdict();
    Bury(records[i], verdicts_.back());
  }
  return verdicts_;
}

void Admission::Bury(AppendRecord& record, const Verdict& verdict) {
  v1::Dead dead;
  dead.mutable_record()->set_producer(std::string(record.producer));
  dead.mutable_record()->set_sequence(record.sequence);
  dead.set_topic(std::string(record.topic.substr(0, kMaxTopicBytes)));
  dead.set_code(verdict.code);
  dead.set_sentence(verdict.sentence);
  dead.set_payload(std::string(record.payload.substr(0, kDeadPayloadBytes)));
  dead.set_payload_bytes(record.payload.size());
  if (record.digest == 0) record.digest = ContentDigest(record.topic, record.payload);
  std::string topic = "dead._._.";
  const Result<TopicParts> parts = ParseTopic(record.topic);
  if (parts && !parts->unit.empty()) topic = JoinTopic({"dead", parts->unit, parts->patient});
  // `dead` is longer than some kinds, so a topic at the bound may pass it.
  if (topic.size() > kMaxTopicBytes) topic = "dead._._.";
  record.topic = bytes_.emplace_back(std::move(topic));
  record.payload = bytes_.emplace_back(dead.SerializeAsString());
  record.open = false;
}

}  // namespace tonus
