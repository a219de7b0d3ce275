#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "core/engine.h"
#include "tonus/v1/alert.pb.h"
#include "tonus/v1/event.pb.h"
#include "tonus/v1/system.pb.h"

namespace tonus::core {

/// 2024-03-01T08:00:00Z.
inline constexpr std::int64_t kStart = 1709280000000000000;

/// A log made by hand, and engines to read it.
class LogByHand {
 public:
  std::vector<Record> records;

  Record& Add(std::int64_t at, std::string topic, std::string payload) {
    Record& record = records.emplace_back();
    record.offset = records.size();
    record.recorded_ns = at;
    record.topic = std::move(topic);
    record.payload = std::move(payload);
    record.producer = "test";
    record.sequence = record.offset;
    return record;
  }
  v1::Event EventOf(std::int64_t at, const std::string& patient, const std::string& source) {
    v1::Event event;
    event.set_patient_id(patient);
    event.set_source_id(source);
    event.set_source_sequence(++source_sequence_);
    event.set_effective_ns(at);
    return event;
  }
  void Observe(std::int64_t at, const std::string& patient, const std::string& signal, double value,
               const std::string& source = "monitor") {
    v1::Event event = EventOf(at, patient, source);
    v1::Observation* item = event.mutable_observations()->add_items();
    item->mutable_code()->set_code(signal);
    item->set_quantity(value);
    Add(at, "vitals.icu." + patient + ".", event.SerializeAsString());
  }
  void Act(std::int64_t at, const std::string& patient, const std::string& condition,
           v1::ActionKind kind, std::uint64_t sequence = 0) {
    v1::Event event = EventOf(at, patient, "console");
    v1::Action* action = event.mutable_action();
    action->set_kind(kind);
    action->set_condition(condition);
    action->set_alert_sequence(sequence);
    action->set_by("nurse.a");
    if (kind == v1::ACTION_KIND_DISMISS) action->set_reason("known");
    if (kind == v1::ACTION_KIND_SNOOZE) action->set_until_ns(at + kHourNs);
    Add(at, "action.icu." + patient + ".", event.SerializeAsString());
  }
  void Move(std::int64_t at, const std::string& patient, const std::string& unit,
            v1::EncounterAction action = v1::ENCOUNTER_ACTION_TRANSFER) {
    v1::Event event = EventOf(at, patient, "adt");
    event.mutable_encounter()->set_action(action);
    event.mutable_encounter()->set_unit(unit);
    Add(at, "encounter.icu." + patient + ".", event.SerializeAsString());
  }
  void Tick(std::int64_t at) { Add(at, "tick.", {}); }

 private:
  std::uint64_t source_sequence_ = 0;
};

inline std::string ZooPath(const std::string& name) {
  return std::string(TONUS_BINARY_DIR) + "/zoo/zoo_" + name + ".so";
}

inline EngineOptions OptionsWith(const std::vector<std::string>& zoo) {
  EngineOptions options;
  options.signals_path = std::string(TONUS_SOURCE_DIR) + "/config/signals.yaml";
  options.drugs_path = std::string(TONUS_SOURCE_DIR) + "/config/drugs.yaml";
  for (const std::string& name : zoo) options.plugins.push_back({ZooPath(name), {}, {}});
  return options;
}

inline std::unique_ptr<Engine> EngineWith(const std::vector<std::string>& zoo,
                                          unsigned shards = 1) {
  EngineOptions options = OptionsWith(zoo);
  options.shards = shards;
  auto engine = Engine::Create(options);
  EXPECT_TRUE(engine.has_value()) << (engine ? "" : engine.error().Message());
  return engine ? std::move(*engine) : nullptr;
}

/// All outputs of a log, read `batch` records at a time.
inline std::vector<Output> Play(Engine* engine, const std::vector<Record>& records,
                                std::size_t batch = 64) {
  std::vector<Output> out;
  for (std::size_t i = 0; i < records.size(); i += batch) {
    const std::size_t n = std::min(batch, records.size() - i);
    engine->Process({records.data() + i, n}, &out);
  }
  return out;
}

inline std::vector<v1::Alert> AlertsIn(const std::vector<Output>& outputs,
                                       const std::string& prefix = "alert.") {
  std::vector<v1::Alert> alerts;
  for (const Output& output : outputs) {
    if (output.topic.rfind(prefix, 0) == 0) alerts.emplace_back().ParseFromString(output.payload);
  }
  return alerts;
}

inline std::vector<v1::TechAlert> TechIn(const std::vector<Output>& outputs) {
  std::vector<v1::TechAlert> alerts;
  for (const Output& output : outputs) {
    if (output.topic.rfind("tech.", 0) == 0) alerts.emplace_back().ParseFromString(output.payload);
  }
  return alerts;
}

}  // namespace tonus::core
