#include "tests/simulation/alerts.h"

#include <algorithm>

namespace tonus::simulation {
namespace {

std::string Difference(const Record& found, const core::Output& due) {
  if (found.topic != due.topic) return "has topic " + found.topic + ", due is " + due.topic;
  if (found.digest != due.digest) return "has another digest than is due";
  if (found.open != due.open) return "says open otherwise than is due";
  if (found.payload != due.payload) return "has another payload than is due";
  return {};
}

}  // namespace

core::EngineOptions CoreOptions() {
  core::EngineOptions options;
  options.signals_path = std::string(TONUS_SOURCE_DIR) + "/config/signals.yaml";
  options.drugs_path = std::string(TONUS_SOURCE_DIR) + "/config/drugs.yaml";
  core::PluginSpec rise;
  rise.path = std::string(TONUS_BINARY_DIR) + "/zoo/zoo_rise.so";
  options.plugins.push_back(rise);
  return options;
}

void CheckAlerts(World* world, const std::vector<Record>& log, const std::string& producer,
                 Offset settled) {
  auto engine = core::Engine::Create(CoreOptions());
  if (!engine) {
    world->Violate("the undisturbed core: " + engine.error().Message());
    return;
  }
  std::vector<core::Output> due;
  (*engine)->Process(log, &due);
  std::size_t next = 0;
  bool configured = false;
  for (const Record& record : log) {
    if (record.producer == "core.alarm") world->Violate("the core raised its alarm");
    if (record.producer != producer) {
      if (record.producer.starts_with("core.") && record.producer != "core.health") {
        world->Violate("another core, " + record.producer + ", has written");
      }
      continue;
    }
    if (!configured) {
      configured = true;
      if (record.topic != "config.") world->Violate("the core did not begin with its config");
      continue;
    }
    const std::string name = "the core's record " + std::to_string(record.sequence);
    if (next >= due.size()) {
      world->Violate("alerts: " + name + " is not due");
      return;
    }
    const std::string difference = Difference(record, due[next]);
    if (!difference.empty()) {
      world->Violate("alerts: " + name + " " + difference);
      return;
    }
    ++next;
  }
  if (next < due.size() && due[next].cause <= settled) {
    world->Violate("alerts: " + std::to_string(due.size() - next) + " of " +
                   std::to_string(due.size()) + " are missing; the first follows from offset " +
                   std::to_string(due[next].cause) + ", the core said that it had done " +
                   std::to_string(settled));
  }
  const auto alerts = std::count_if(due.begin(), due.end(), [](const core::Output& output) {
    return output.topic.starts_with("alert.");
  });
  world->Note("alerts due: " + std::to_string(alerts));
}

}  // namespace tonus::simulation
