#include "core/routing.h"

#include "base/digest.h"
#include "base/topic.h"

namespace tonus::core {

std::string_view PatientPart(std::string_view topic) {
  const std::size_t unit = topic.find('.');
  const std::size_t patient = unit == std::string_view::npos ? unit : topic.find('.', unit + 1);
  if (patient == std::string_view::npos) return {};
  return topic.substr(patient + 1, topic.find('.', patient + 1) - patient - 1);
}

Take Classify(const Record& record) {
  const std::string_view topic = record.topic;
  const std::string_view kind = topic.substr(0, topic.find('.'));
  if (kind == "tick") return Take::kTick;
  // What the broker refused is input that nobody could take; what a core refused is its output.
  if (kind == "dead" && record.producer.rfind("core.", 0) != 0) return Take::kRefused;
  for (const std::string_view ours : {"alert", "dead", "tech", "progress", "config", "health"}) {
    if (kind == ours) return Take::kPass;
  }
  return Take::kInput;
}

std::size_t ShardOfPatient(std::string_view patient, std::size_t shards) {
  return shards == 1 ? 0 : Digest64(patient) % shards;
}

unsigned ShardOf(std::string_view topic, std::size_t shards, const Aliases& aliases) {
  if (shards == 1) return 0;
  const std::string_view part = PatientPart(topic);
  if (part.empty()) return 0;
  if (part.find('%') == std::string_view::npos && aliases.empty()) {
    return static_cast<unsigned>(ShardOfPatient(part, shards));
  }
  const std::string patient = UnescapeTopicPart(part);
  const auto found = aliases.find(patient);
  return static_cast<unsigned>(
      ShardOfPatient(found == aliases.end() ? patient : found->second, shards));
}

}  // namespace tonus::core
