// What one patient costs: 24 h of eight signals at 1 Hz, and 30 days of everything that comes by
// the hour or the day. Bytes are those of the allocator, its own overhead included.

#include <gtest/gtest.h>
#include <malloc.h>

#include <cmath>
#include <cstdio>
#include <memory>

#include "core/record/patient_record.h"
#include "tests/unit/engine_fixture.h"
#include "tonus/plugin.h"

namespace tonus::core {
namespace {

constexpr std::size_t kGoal = 256 * 1024;

class Ward {
 public:
  Ward() {
    auto mapping = Mapping::Load(std::string(TONUS_SOURCE_DIR) + "/config/signals.yaml",
                                 std::string(TONUS_SOURCE_DIR) + "/config/drugs.yaml");
    EXPECT_TRUE(mapping.has_value());
    mapping_ = std::move(*mapping);
    record_ = std::make_unique<PatientRecord>(*mapping_, "p1");
    named_.producer = "devices.icu";
  }
  void Second(std::int64_t at) {
    int i = 0;
    NormalEvent& event = Begin(EventKind::kObservations, "vitals", at);
    for (const char* name : {"HR", "RR", "SPO2", "ETCO2", "SBP", "DBP", "MAP", "TEMP"}) {
      AddSample(&event, name, 60 + 10 * std::sin(static_cast<double>(++i + at / kSecondNs % 600)));
    }
    Amend(event);
  }
  void Observe(std::int64_t at, const std::vector<const char*>& names, const char* kind,
               std::string_view site = {}) {
    for (const char* name : names) {
      NormalEvent& event = Begin(EventKind::kObservations, kind, at);
      AddSample(&event, name, 1, site);
      Amend(event);
    }
  }
  void Dose(std::int64_t at, const char* drug) {
    NormalEvent& event = Begin(EventKind::kAdministration, "administration", at);
    event.administration = {};
    event.administration.drug = mapping_->Find(NameSpace::kDrug, drug);
    EXPECT_NE(event.administration.drug, 0U) << drug;
    event.administration.route = TONUS_ROUTE_ORAL;
    event.administration.status = TONUS_DOSE_GIVEN;
    event.administration.dose_mg = 10;
    Amend(event);
  }
  void Order(std::int64_t at, const char* drug) {
    NormalEvent& event = Begin(EventKind::kOrder, "order", at);
    event.order = {};
    event.order.drug = mapping_->Find(NameSpace::kDrug, drug);
    event.order.action = 1;
    event.order.route = TONUS_ROUTE_ORAL;
    event.order.dose_mg = 10;
    event.order.interval_ns = 6 * kHourNs;
    event.order.order_id = "order-of-the-day-123456";
    Amend(event);
  }
  void Pump(std::int64_t at, const char* kind) {
    NormalEvent& event = Begin(EventKind::kPump, "pump", at);
    event.pump = {};
    event.pump.kind = mapping_->Find(NameSpace::kPumpEvent, kind);
    event.pump.is_status = std::string_view(kind) == "interrogation";
    event.pump.daily_dose_ug = 400;
    event.pump.computed_reservoir_ml = 12;
    event.pump.model = "pump of a maker";
    Amend(event);
  }
  void Procedure(std::int64_t at, const char* kind) {
    NormalEvent& event = Begin(EventKind::kProcedure, "procedure", at);
    event.procedure = {};
    event.procedure.kind = mapping_->Find(NameSpace::kProcedure, kind);
    event.procedure.reason = "as planned";
    Amend(event);
  }
  void Forget() { record_.reset(); }

 private:
  NormalEvent& Begin(EventKind kind, const char* topic_kind, std::int64_t at) {
    event_.kind = kind;
    event_.topic_kind = topic_kind;
    event_.unit = "icu";
    event_.effective_ns = event_.recorded_ns = at;
    event_.samples.clear();
    return event_;
  }
  void AddSample(NormalEvent* event, const char* name, double value, std::string_view site = {}) {
    NormalSample& sample = event->samples.emplace_back();
    sample.signal = mapping_->Find(NameSpace::kSignal, name);
    EXPECT_NE(sample.signal, 0U) << name;
    sample.value = value;
    sample.effective_ns = event->effective_ns;
    sample.site = site;
  }
  void Amend(const NormalEvent& event) {
    named_.sequence += 17;
    record_->Repeated(named_.sequence, event.topic_kind == "vitals");
    record_->Amend(named_, event, &amended_);
  }

  std::unique_ptr<const Mapping> mapping_;
  std::unique_ptr<PatientRecord> record_;
  NormalEvent event_;
  Record named_;
  Amended amended_;
};

void SparseDay(Ward* ward, std::int64_t begin, int day) {
  for (int hour = 0; hour < 24; hour += 4) {
    const std::int64_t at = begin + hour * kHourNs;
    ward->Observe(at, {"RASS", "GCS", "PAIN"}, "assessment");
    ward->Dose(at, "baclofen");
  }
  for (int hour = 0; hour < 24; hour += 12) {
    const std::int64_t at = begin + hour * kHourNs;
    ward->Observe(at, {"MAS"}, "assessment", "left_leg");
    ward->Observe(at, {"MAS"}, "assessment", "right_leg");
    ward->Observe(at, {"PENN", "AGITATION", "PRURITUS", "CONFUSION"}, "assessment");
    ward->Dose(at, "morphine");
  }
  ward->Observe(begin, {"CK", "WBC", "CRP", "PCT", "LACTATE", "CREATININE", "PLATELETS"}, "lab");
  ward->Order(begin, "baclofen");
  ward->Order(begin, "morphine");
  if (day % 7 == 0) ward->Pump(begin, "interrogation");
  if (day % 10 == 0) ward->Procedure(begin, "mri");
}

TEST(RecordMemory, APatientFitsIntoTheGoal) {
  Ward ward;
  for (int day = 0; day < 30; ++day) SparseDay(&ward, kStart + day * kDayNs, day);
  const std::int64_t dense = kStart + 29 * kDayNs;
  for (int second = 0; second < 86'400; ++second) ward.Second(dense + second * kSecondNs);
  const std::size_t with = mallinfo2().uordblks;
  ward.Forget();
  const std::size_t bytes = with - mallinfo2().uordblks;
  std::printf("a patient's record: %zu bytes (%.0f KiB)\n", bytes,
              static_cast<double>(bytes) / 1024);
  RecordProperty("bytes_per_patient", static_cast<int>(bytes));
  EXPECT_GT(bytes, 50U * 1024);
  EXPECT_LE(bytes, kGoal);
}

}  // namespace
}  // namespace tonus::core
