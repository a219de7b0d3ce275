#include "bench/workload.h"

#include "base/digest.h"
#include "base/text.h"
#include "tonus/v1/event.pb.h"

namespace tonus::bench {
namespace {

constexpr LogTimeNs kStart = 1'700'000'000 * kSecondNs;
constexpr std::uint64_t kStallEvery = 2000;

/// splitmix64: which of a thousand an event is, without a generator that has to be wound forward.
std::uint64_t Mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

v1::Observation* Add(v1::Event* event, const char* code, double value) {
  v1::Observation* item = event->mutable_observations()->add_items();
  item->mutable_code()->set_code(code);
  item->set_quantity(value);
  return item;
}

void AddSnapshot(v1::Event* event) {
  event->mutable_patient()->set_age_years(45);
  v1::Implant* pump = event->mutable_patient()->add_implants();
  pump->set_kind("intrathecal_pump");
  pump->set_model("SynchroMed II");
  pump->set_implanted_ns(kStart - 400 * kDayNs);
  pump->set_reservoir_capacity_ml(20);
  pump->mutable_drug()->set_code("baclofen");
  pump->set_concentration_ug_per_ml(2000);
  pump->set_programmed_daily_dose_ug(400);
}

void AddDose(v1::Event* event) {
  v1::Administration* dose = event->mutable_administration();
  dose->mutable_drug()->set_code("baclofen");
  dose->set_route(v1::ROUTE_ORAL);
  dose->set_status(v1::ADMINISTRATION_STATUS_GIVEN);
  dose->set_dose_mg(10);
}

}  // namespace

Record Workload::Make(std::uint64_t n) const {
  const std::uint64_t patient = n % patients_;
  const std::uint64_t turn = n / patients_;
  const bool pump = therapy_every_ != 0 && patient % therapy_every_ == 0;
  const std::uint64_t drawn = Mix(n);
  const std::uint64_t of_thousand = drawn % 1000;
  const std::string name = "b" + std::to_string(patient);
  Record record;
  record.offset = record.sequence = n + 1;
  record.producer = "bench";
  record.recorded_ns = kStart + static_cast<LogTimeNs>(turn) * kSecondNs;
  v1::Event event;
  event.set_patient_id(name);
  event.set_source_id("monitor-" + name);
  event.set_source_sequence(turn + 1);
  event.set_effective_ns(record.recorded_ns);
  const char* kind = "vitals";
  if (pump && turn == 0) {
    kind = "patient";
    AddSnapshot(&event);
  } else if (pump && turn % kStallEvery == 50 + patient % 1000) {
    kind = "pump";
    event.mutable_pump_event()->set_kind("motor_stall");
  } else if (of_thousand < 10) {
    kind = "assessment";
    Add(&event, "MAS", static_cast<double>(drawn >> 20U & 1U))->set_body_site("left_leg");
    Add(&event, "MAS", 1)->set_body_site("right_leg");
  } else if (of_thousand < 16 || (of_thousand < 20 && !pump)) {
    kind = "lab";
    Add(&event, "CK", 90 + static_cast<double>(drawn >> 20U & 63U));
    Add(&event, "CREATININE", 0.8);
  } else if (of_thousand < 20) {
    kind = "administration";
    AddDose(&event);
  } else {
    if (of_thousand < 40) {
      const auto late = static_cast<LogTimeNs>(60 + (drawn >> 20U) % 1140);
      event.set_effective_ns(record.recorded_ns - late * kSecondNs);
    }
    Add(&event, "HR", 70 + static_cast<double>(drawn >> 32U & 7U));
    Add(&event, "SPO2", 97);
    Add(&event, "RR", 14 + static_cast<double>(drawn >> 40U & 3U));
    Add(&event, "MAP", 85 + static_cast<double>(drawn >> 48U & 7U));
  }
  record.topic = std::string(kind) + ".icu." + name + ".";
  record.payload = event.SerializeAsString();
  record.digest = ContentDigest(record.topic, record.payload);
  return record;
}

}  // namespace tonus::bench
