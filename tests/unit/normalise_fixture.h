#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "base/topic.h"
#include "core/normalise/normalise.h"
#include "tonus/v1/event.pb.h"

namespace tonus::core {

/// 2024-03-01T08:00:00Z.
inline constexpr LogTimeNs kNow = 1709280000LL * kSecondNs;

/// The shipped configuration, read once.
inline const Mapping& ShippedMapping() {
  static const std::unique_ptr<const Mapping> mapping = [] {
    const std::string folder = std::string(TONUS_SOURCE_DIR) + "/config/";
    auto loaded = Mapping::Load(folder + "signals.yaml", folder + "drugs.yaml");
    if (!loaded) ADD_FAILURE() << loaded.error().Message();
    return loaded ? std::move(*loaded) : nullptr;
  }();
  return *mapping;
}

/// A Normaliser over the shipped configuration, and what its last call said.
class NormaliseTest : public ::testing::Test {
 protected:
  static v1::Event EventOf(const std::string& patient = "p1") {
    v1::Event event;
    event.set_patient_id(patient);
    event.set_source_id("monitor-1");
    event.set_source_sequence(7);
    event.set_effective_ns(kNow);
    return event;
  }

  static v1::Observation* Add(v1::Event* event, const std::string& system,
                              const std::string& code) {
    v1::Observation* item = event->mutable_observations()->add_items();
    item->mutable_code()->set_system(system);
    item->mutable_code()->set_code(code);
    return item;
  }

  static v1::Event Quantity(const std::string& system, const std::string& code, double value,
                            const std::string& unit) {
    v1::Event event = EventOf();
    v1::Observation* item = Add(&event, system, code);
    item->set_quantity(value);
    item->set_unit(unit);
    return event;
  }

  static v1::Event Text(const std::string& code, const std::string& text) {
    v1::Event event = EventOf();
    Add(&event, "local", code)->set_text(text);
    return event;
  }

  bool Normalise(const std::string& kind, const v1::Event& event) {
    return NormaliseBytes("" + kind + ".icu.p1.", event.SerializeAsString());
  }

  bool NormaliseBytes(const std::string& topic, const std::string& payload) {
    record_.offset = 1;
    record_.recorded_ns = kNow;
    record_.topic = topic;
    record_.payload = payload;
    rejections_.clear();
    return normaliser_.Normalise(record_, &out_, &rejections_);
  }

  /// The one sample of the event, as "NAME value site", or the one rejection's code.
  std::string Only() {
    if (out_.samples.size() + rejections_.size() > 1) return "more than one thing";
    if (!rejections_.empty()) return std::string(RejectionName(rejections_[0].code));
    if (out_.samples.empty()) return out_.dropped > 0 ? "dropped" : "nothing";
    const NormalSample& sample = out_.samples[0];
    std::string text = std::string(ShippedMapping().Name(NameSpace::kSignal, sample.signal)) + " " +
                       FormatDouble(sample.value);
    if (!sample.site.empty()) text += " " + std::string(sample.site);
    return text;
  }

  std::string Vital(const std::string& system, const std::string& code, double value,
                    const std::string& unit = "") {
    Normalise("vitals", Quantity(system, code, value, unit));
    return Only();
  }

  std::string Answer(const std::string& code, const std::string& text) {
    Normalise("assessment", Text(code, text));
    return Only();
  }

  /// The code of the whole-event refusal; empty: accepted.
  std::string Refused(const std::string& kind, const v1::Event& event) {
    if (Normalise(kind, event)) return "";
    EXPECT_EQ(rejections_.size(), 1U);
    EXPECT_TRUE(!rejections_.empty() && rejections_[0].whole_event);
    return rejections_.empty() ? "nothing" : std::string(RejectionName(rejections_[0].code));
  }

  std::uint32_t PumpEventNamed(const std::string& name) {
    return ShippedMapping().Find(NameSpace::kPumpEvent, name);
  }
  std::uint32_t DrugNamed(const std::string& name) {
    return ShippedMapping().Find(NameSpace::kDrug, name);
  }

  Record record_;
  Normaliser normaliser_{ShippedMapping()};
  NormalEvent out_;
  std::vector<Rejection> rejections_;
};

}  // namespace tonus::core
