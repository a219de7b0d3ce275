#include "core/config_record.h"

#include <algorithm>
#include <map>

#include "tonus/v1/system.pb.h"

namespace tonus::core {
namespace {

constexpr std::size_t kDigits = 12;

std::string Short(const std::string& digest) {
  return digest.empty() ? "none" : digest.substr(0, kDigits);
}

std::map<std::string, const v1::DetectorConfig*> ByName(const v1::ConfigRecord& config) {
  std::map<std::string, const v1::DetectorConfig*> detectors;
  for (const v1::DetectorConfig& detector : config.detectors()) {
    detectors[detector.id()] = &detector;
  }
  return detectors;
}

std::map<std::string, std::string> SettingsOf(const v1::DetectorConfig& detector) {
  std::map<std::string, std::string> settings;
  for (const std::string& setting : detector.settings()) {
    const std::size_t equals = setting.find('=');
    settings[setting.substr(0, equals)] =
        equals == std::string::npos ? "" : setting.substr(equals + 1);
  }
  return settings;
}

void CompareDetector(const v1::DetectorConfig& then, const v1::DetectorConfig& now,
                     std::vector<std::string>* out) {
  const std::string name = "detector " + then.id() + ": ";
  if (then.version() != now.version()) {
    out->push_back(name + "version " + then.version() + " then, " + now.version() + " now");
  }
  if (then.digest() != now.digest()) {
    out->push_back(name + "file " + Short(then.digest()) + " then, " + Short(now.digest()) +
                   " now");
  }
  const auto old_settings = SettingsOf(then);
  const auto new_settings = SettingsOf(now);
  for (const auto& [key, value] : old_settings) {
    const auto found = new_settings.find(key);
    if (found == new_settings.end()) {
      out->push_back(name + key + " = " + value + " then, no such setting now");
    } else if (found->second != value) {
      out->push_back(name + key + " = " + value + " then, " + found->second + " now");
    }
  }
  for (const auto& [key, value] : new_settings) {
    if (old_settings.count(key) > 0) continue;
    out->push_back(name + key + " = " + value + " now, no such setting then");
  }
}

}  // namespace

v1::ConfigRecord ConfigOf(const Engine& engine) {
  v1::ConfigRecord config;
  for (const DetectorInfo& info : engine.Detectors()) {
    v1::DetectorConfig* detector = config.add_detectors();
    detector->set_id(info.id);
    detector->set_version(info.version);
    detector->set_digest(info.digest);
    for (const std::string& setting : info.settings) detector->add_settings(setting);
  }
  config.set_mapping_digest(engine.MappingDigest());
  return config;
}

std::vector<std::string> ConfigDifferences(const v1::ConfigRecord& then,
                                           const v1::ConfigRecord& now) {
  std::vector<std::string> out;
  if (then.has_quarantine() || now.has_quarantine()) return out;
  if (then.mapping_digest() != now.mapping_digest()) {
    out.push_back("signals and drugs: " + Short(then.mapping_digest()) + " then, " +
                  Short(now.mapping_digest()) + " now");
  }
  const auto before = ByName(then);
  const auto after = ByName(now);
  for (const auto& [name, detector] : before) {
    const auto found = after.find(name);
    if (found == after.end()) {
      out.push_back("detector " + name + ": in force then, not now");
    } else {
      CompareDetector(*detector, *found->second, &out);
    }
  }
  for (const auto& [name, detector] : after) {
    if (before.count(name) == 0) out.push_back("detector " + name + ": in force now, not then");
  }
  return out;
}

std::optional<RecordedQuarantine> MeasuredQuarantine(const v1::ConfigRecord& record) {
  if (!record.has_quarantine() || !record.quarantine().measured()) return std::nullopt;
  const v1::Quarantine& quarantine = record.quarantine();
  return RecordedQuarantine{.detector = quarantine.detector(),
                            .patient = quarantine.patient_id(),
                            .cause = quarantine.cause(),
                            .call = quarantine.call(),
                            .reason = quarantine.reason()};
}

}  // namespace tonus::core
