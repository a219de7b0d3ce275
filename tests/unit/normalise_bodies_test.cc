#include <gmock/gmock.h>

#include <cmath>

#include "tests/unit/normalise_fixture.h"

namespace tonus::core {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class NormaliseBodies : public NormaliseTest {
 protected:
  static v1::Event Pump(const std::string& kind) {
    v1::Event event = EventOf();
    event.mutable_pump_event()->set_kind(kind);
    return event;
  }

  static v1::Event Order(const std::string& drug, v1::Route route) {
    v1::Event event = EventOf();
    event.mutable_order()->set_action(v1::ORDER_ACTION_START);
    event.mutable_order()->mutable_drug()->set_code(drug);
    event.mutable_order()->set_route(route);
    return event;
  }
};

TEST_F(NormaliseBodies, ARefillKeepsItsVolumes) {
  v1::Event event = Pump("refill");
  v1::PumpEvent* body = event.mutable_pump_event();
  body->set_expected_ml(2.1);
  body->set_aspirated_ml(4);
  body->set_filled_ml(20);
  body->set_concentration_ug_per_ml(2000);
  body->set_reason("routine");
  body->set_planned(true);
  ASSERT_EQ(Refused("pump", event), "");
  EXPECT_EQ(out_.kind, EventKind::kPump);
  EXPECT_EQ(out_.pump.kind, PumpEventNamed("refill"));
  EXPECT_FALSE(out_.pump.is_status);
  EXPECT_EQ(out_.pump.expected_ml, 2.1);
  EXPECT_EQ(out_.pump.aspirated_ml, 4.0);
  EXPECT_EQ(out_.pump.filled_ml, 20.0);
  EXPECT_EQ(out_.pump.concentration_ug_per_ml, 2000.0);
  EXPECT_EQ(out_.pump.reason, "routine");
  EXPECT_TRUE(out_.pump.planned);
}

TEST_F(NormaliseBodies, PumpEventsAreKnownByAlias) {
  EXPECT_EQ(Refused("pump", Pump("Motor_Stall_Occurred")), "");
  EXPECT_EQ(out_.pump.kind, PumpEventNamed("motor_stall"));
  EXPECT_EQ(Refused("pump", Pump("ERI")), "");
  EXPECT_EQ(out_.pump.kind, PumpEventNamed("eri"));
  EXPECT_EQ(Refused("pump", Pump("exploded")), "unknown_code");
  EXPECT_THAT(rejections_.at(0).sentence, HasSubstr("pump_events"));
}

TEST_F(NormaliseBodies, ADoseInMilligramsIsRefused) {
  v1::Event event = Pump("dose_change");
  event.mutable_pump_event()->set_daily_dose_ug(2500);
  EXPECT_EQ(Refused("pump", event), "");
  EXPECT_EQ(out_.pump.daily_dose_ug, 2500.0);
  event.mutable_pump_event()->set_daily_dose_ug(2501);
  EXPECT_EQ(Refused("pump", event), "implausible");
  EXPECT_THAT(rejections_.at(0).sentence, HasSubstr("mg against µg"));
  event.mutable_pump_event()->set_daily_dose_ug(-1);
  EXPECT_EQ(Refused("pump", event), "malformed_value");
  event.mutable_pump_event()->set_daily_dose_ug(std::nan(""));
  EXPECT_EQ(Refused("pump", event), "malformed_value");
  event.mutable_pump_event()->clear_daily_dose_ug();
  EXPECT_EQ(Refused("pump", event), "malformed");
  event = Pump("bolus");
  EXPECT_EQ(Refused("pump", event), "malformed");
}

TEST_F(NormaliseBodies, AGarbledNumberDoesNotTakeTheEventWithIt) {
  v1::Event event = Pump("refill");
  event.mutable_pump_event()->set_filled_ml(20);
  event.mutable_pump_event()->set_concentration_ug_per_ml(2000000);
  ASSERT_EQ(Refused("pump", event), "");
  EXPECT_EQ(out_.pump.filled_ml, 20.0);
  EXPECT_FALSE(out_.pump.concentration_ug_per_ml.has_value());
  ASSERT_EQ(rejections_.size(), 1U);
  EXPECT_EQ(rejections_[0].subject, "concentration_ug_per_ml");

  event = Pump("motor_stall");
  event.mutable_pump_event()->set_daily_dose_ug(400);
  ASSERT_EQ(Refused("pump", event), "");
  EXPECT_FALSE(out_.pump.daily_dose_ug.has_value());
  ASSERT_EQ(rejections_.size(), 1U);
  EXPECT_THAT(rejections_[0].sentence, HasSubstr("motor_stall has no daily_dose_ug"));
}

TEST_F(NormaliseBodies, UnusualConcentrationsAreAcceptedAndCounted) {
  v1::Event event = Pump("concentration_change");
  event.mutable_pump_event()->set_concentration_ug_per_ml(2000);
  EXPECT_EQ(Refused("pump", event), "");
  EXPECT_EQ(normaliser_.Counts().unusual_concentrations, 0U);
  event.mutable_pump_event()->set_concentration_ug_per_ml(1500);
  EXPECT_EQ(Refused("pump", event), "");
  EXPECT_EQ(out_.pump.concentration_ug_per_ml, 1500.0);
  EXPECT_EQ(normaliser_.Counts().unusual_concentrations, 1U);
  event.mutable_pump_event()->set_concentration_ug_per_ml(0);
  EXPECT_EQ(Refused("pump", event), "implausible");
  event.mutable_pump_event()->set_concentration_ug_per_ml(4001);
  EXPECT_EQ(Refused("pump", event), "implausible");
}

TEST_F(NormaliseBodies, AnInterrogationIsNormalOnlyWithoutAnyFault) {
  v1::Event event = EventOf();
  v1::PumpStatus* body = event.mutable_pump_status();
  body->set_normal(true);
  body->set_model("SynchroMed II");
  body->mutable_drug()->set_code("baclofen");
  body->set_computed_reservoir_ml(12.5);
  body->set_programmed_daily_dose_ug(400);
  body->set_implanted_ns(kNow - 1000 * kDayNs);
  ASSERT_EQ(Refused("pump", event), "");
  EXPECT_EQ(out_.pump.kind, PumpEventNamed("interrogation"));
  EXPECT_TRUE(out_.pump.is_status);
  EXPECT_TRUE(out_.pump.normal);
  EXPECT_EQ(out_.pump.drug, DrugNamed("baclofen"));
  EXPECT_EQ(out_.pump.computed_reservoir_ml, 12.5);
  EXPECT_EQ(out_.pump.daily_dose_ug, 400.0);
  EXPECT_EQ(out_.pump.implanted_ns, kNow - 1000 * kDayNs);

  body->add_faults("motor_stall");
  body->add_faults("motor_stall");
  body->set_therapy_state(v1::THERAPY_STATE_STOPPED);
  ASSERT_EQ(Refused("pump", event), "");
  EXPECT_FALSE(out_.pump.normal);
  EXPECT_THAT(out_.pump.faults,
              ElementsAre(PumpEventNamed("motor_stall"), PumpEventNamed("stopped")));

  body->clear_faults();
  body->clear_therapy_state();
  body->add_faults("gremlins");
  ASSERT_EQ(Refused("pump", event), "");
  EXPECT_FALSE(out_.pump.normal) << "a fault that nobody knows is a fault";
  ASSERT_EQ(rejections_.size(), 1U);
  EXPECT_EQ(RejectionName(rejections_[0].code), "unknown_code");
}

TEST_F(NormaliseBodies, AnInterrogationKeepsItsFaultsThoughItsDoseIsGarbled) {
  v1::Event event = EventOf();
  event.mutable_pump_status()->add_faults("empty_reservoir");
  event.mutable_pump_status()->set_programmed_daily_dose_ug(400000);
  ASSERT_EQ(Refused("pump", event), "");
  EXPECT_THAT(out_.pump.faults, ElementsAre(PumpEventNamed("empty_reservoir")));
  EXPECT_FALSE(out_.pump.daily_dose_ug.has_value());
  EXPECT_EQ(rejections_.size(), 1U);
}

TEST_F(NormaliseBodies, AnOrderIsResolved) {
  v1::Event event = Order("Baclofen 20 mg tab", v1::ROUTE_ORAL);
  v1::Order* order = event.mutable_order();
  order->set_dose_mg(20);
  order->set_interval_ns(static_cast<std::uint64_t>(6 * kHourNs));
  order->set_since_ns(kNow - 900 * kDayNs);
  order->set_order_id("o1");
  ASSERT_EQ(Refused("order", event), "");
  EXPECT_EQ(out_.kind, EventKind::kOrder);
  EXPECT_EQ(out_.order.drug, DrugNamed("baclofen"));
  EXPECT_EQ(out_.order.drug_name, "Baclofen 20 mg tab");
  EXPECT_EQ(out_.order.dose_mg, 20.0);
  EXPECT_EQ(out_.order.interval_ns, 6 * kHourNs);
  EXPECT_EQ(out_.order.since_ns, kNow - 900 * kDayNs);
  EXPECT_EQ(out_.order.action, static_cast<std::uint32_t>(v1::ORDER_ACTION_START));
}

TEST_F(NormaliseBodies, IntrathecalMilligramsThatCannotBeAreRefused) {
  v1::Event event = Order("baclofen", v1::ROUTE_INTRATHECAL);
  event.mutable_order()->set_dose_mg(20);
  EXPECT_EQ(Refused("order", event), "implausible");
  EXPECT_THAT(rejections_.at(0).sentence, HasSubstr("confusion of mg and µg"));
  event.mutable_order()->set_dose_mg(0.4);
  EXPECT_EQ(Refused("order", event), "");
  EXPECT_EQ(out_.order.dose_ug, 400.0);
  EXPECT_FALSE(out_.order.dose_mg.has_value());
}

TEST_F(NormaliseBodies, IntrathecalDosesAreJudgedByTheDay) {
  v1::Event event = Order("baclofen", v1::ROUTE_INTRATHECAL);
  event.mutable_order()->set_dose_ug(2000);
  event.mutable_order()->set_interval_ns(static_cast<std::uint64_t>(kDayNs));
  EXPECT_EQ(Refused("order", event), "");
  event.mutable_order()->set_interval_ns(static_cast<std::uint64_t>(12 * kHourNs));
  EXPECT_EQ(Refused("order", event), "implausible");
  // Other drugs have other doses.
  event = Order("morphine", v1::ROUTE_INTRATHECAL);
  event.mutable_order()->set_dose_mg(10);
  EXPECT_EQ(Refused("order", event), "");
}

TEST_F(NormaliseBodies, OralBaclofenInMicrogramsIsRefused) {
  v1::Event event = Order("baclofen", v1::ROUTE_ORAL);
  event.mutable_order()->set_dose_ug(400);
  EXPECT_EQ(Refused("order", event), "implausible");
  event.mutable_order()->set_dose_mg(0.4);
  EXPECT_EQ(Refused("order", event), "");
  event.mutable_order()->set_dose_mg(20);
  EXPECT_EQ(Refused("order", event), "implausible") << "20 mg is not 400 µg";
  event = Order("clonidine", v1::ROUTE_ORAL);
  event.mutable_order()->set_dose_ug(100);
  EXPECT_EQ(Refused("order", event), "");
  EXPECT_EQ(out_.order.dose_mg, 0.1);
}

TEST_F(NormaliseBodies, AStopIsAStopWhateverDoseItRepeats) {
  v1::Event event = Order("baclofen", v1::ROUTE_INTRATHECAL);
  event.mutable_order()->set_action(v1::ORDER_ACTION_STOP);
  event.mutable_order()->set_dose_mg(400);
  EXPECT_EQ(Refused("order", event), "");
  EXPECT_EQ(out_.order.action, static_cast<std::uint32_t>(v1::ORDER_ACTION_STOP));
  EXPECT_EQ(rejections_.size(), 1U);
  event = EventOf();
  event.mutable_administration()->set_status(v1::ADMINISTRATION_STATUS_MISSED);
  event.mutable_administration()->mutable_drug()->set_code("baclofen");
  event.mutable_administration()->set_dose_mg(-20);
  EXPECT_EQ(Refused("administration", event), "");
  EXPECT_EQ(out_.administration.status,
            static_cast<std::uint32_t>(v1::ADMINISTRATION_STATUS_MISSED));
}

TEST_F(NormaliseBodies, UnknownDrugsAreNoError) {
  v1::Event event = Order("Potassium Chloride", v1::ROUTE_ORAL);
  EXPECT_EQ(Refused("order", event), "");
  EXPECT_EQ(out_.order.drug, 0U);
  EXPECT_EQ(out_.order.drug_name, "Potassium Chloride");
  EXPECT_TRUE(rejections_.empty());
  EXPECT_EQ(normaliser_.Counts().unknown_drugs.at("Potassium Chloride"), 1U);
}

TEST_F(NormaliseBodies, OrdersNeedActionAndDrug) {
  v1::Event event = Order("baclofen", v1::ROUTE_ORAL);
  event.mutable_order()->clear_action();
  EXPECT_EQ(Refused("order", event), "malformed");
  event = Order("", v1::ROUTE_ORAL);
  EXPECT_EQ(Refused("order", event), "malformed");
  event.mutable_order()->set_rass_target(-2);
  EXPECT_EQ(Refused("order", event), "") << "a sedation target alone is an order";
  EXPECT_EQ(out_.order.rass_target, -2.0);
  event = Order("baclofen", v1::ROUTE_ORAL);
  event.mutable_order()->set_interval_ns(~std::uint64_t{0});
  EXPECT_EQ(Refused("order", event), "malformed");
}

TEST_F(NormaliseBodies, ADoseGivenIsResolved) {
  v1::Event event = EventOf();
  v1::Administration* body = event.mutable_administration();
  EXPECT_EQ(Refused("administration", event), "malformed");
  body->set_status(v1::ADMINISTRATION_STATUS_GIVEN);
  EXPECT_EQ(Refused("administration", event), "malformed");
  body->mutable_drug()->set_system("rxnorm");
  body->mutable_drug()->set_code("1292");
  body->set_route(v1::ROUTE_ENTERAL);
  body->set_dose_mg(20);
  EXPECT_EQ(Refused("administration", event), "");
  EXPECT_EQ(out_.administration.drug, DrugNamed("baclofen"));
  EXPECT_EQ(out_.administration.dose_mg, 20.0);
  EXPECT_EQ(out_.administration.route, static_cast<std::uint32_t>(v1::ROUTE_ENTERAL));
}

TEST_F(NormaliseBodies, ProceduresAreResolved) {
  v1::Event event = EventOf();
  v1::Procedure* body = event.mutable_procedure();
  body->set_kind("MRI");
  body->set_phase("start");
  EXPECT_EQ(Refused("procedure", event), "");
  EXPECT_EQ(out_.procedure.kind, ShippedMapping().Find(NameSpace::kProcedure, "mri"));
  EXPECT_EQ(out_.procedure.phase, "start");
  body->set_phase("middle");
  EXPECT_EQ(Refused("procedure", event), "malformed_value");
  body->set_phase("");
  body->set_kind("exorcism");
  EXPECT_EQ(Refused("procedure", event), "unknown_code");
  body->set_kind("test_bolus");
  body->set_dose_ug(50);
  body->set_response("improved");
  EXPECT_EQ(Refused("procedure", event), "");
  EXPECT_EQ(out_.procedure.dose_ug, 50.0);
  EXPECT_EQ(out_.procedure.response, "improved");
}

TEST_F(NormaliseBodies, EncountersNeedAnActionAndFallBackOnTheTopicsUnit) {
  v1::Event event = EventOf();
  event.mutable_encounter();
  EXPECT_EQ(Refused("encounter", event), "malformed");
  event.mutable_encounter()->set_action(v1::ENCOUNTER_ACTION_ADMIT);
  EXPECT_EQ(Refused("encounter", event), "");
  EXPECT_EQ(out_.encounter.unit, "icu");
  event.mutable_encounter()->set_unit("ward 3");
  event.mutable_encounter()->set_bed("7");
  EXPECT_EQ(Refused("encounter", event), "");
  EXPECT_EQ(out_.encounter.unit, "ward 3");
  EXPECT_EQ(out_.encounter.bed, "7");
  event.mutable_encounter()->set_action(v1::ENCOUNTER_ACTION_MERGE);
  EXPECT_EQ(Refused("encounter", event), "malformed");
  event.mutable_encounter()->set_merged_id("p1");
  EXPECT_EQ(Refused("encounter", event), "malformed");
  event.mutable_encounter()->set_merged_id("p9");
  EXPECT_EQ(Refused("encounter", event), "");
}

TEST_F(NormaliseBodies, ASnapshotKeepsWhatIsRightInIt) {
  v1::Event event = EventOf();
  v1::PatientSnapshot* body = event.mutable_patient();
  body->set_age_years(44);
  body->set_weight_kg(7000);
  body->add_diagnoses("multiple sclerosis");
  body->set_sci_level("Th4 AIS-A");
  v1::Implant* implant = body->add_implants();
  implant->set_kind("intrathecal_pump");
  implant->set_model("Prometra II");
  implant->mutable_drug()->set_code("baclofen");
  implant->set_programmed_daily_dose_ug(400);
  implant->set_implanted_ns(kNow - 3 * 365 * kDayNs);
  ASSERT_EQ(Refused("patient", event), "");
  const NormalPatient& patient = out_.patient_snapshot;
  EXPECT_EQ(patient.age_years, 44.0);
  EXPECT_FALSE(patient.weight_kg.has_value());
  EXPECT_EQ(patient.sci_level, "T4");
  ASSERT_EQ(patient.diagnoses.size(), 1U);
  ASSERT_EQ(patient.implants.size(), 1U);
  EXPECT_EQ(patient.implants[0].model, "Prometra II");
  EXPECT_EQ(patient.implants[0].drug, DrugNamed("baclofen"));
  EXPECT_EQ(patient.implants[0].implanted_ns, kNow - 3 * 365 * kDayNs);
  ASSERT_EQ(rejections_.size(), 1U);
  EXPECT_EQ(rejections_[0].subject, "weight_kg");
}

TEST_F(NormaliseBodies, SpinalLevelsAreRecognised) {
  const auto level = [this](const std::string& text) {
    v1::Event event = EventOf();
    event.mutable_patient()->set_sci_level(text);
    Normalise("patient", event);
    return std::string(out_.patient_snapshot.sci_level);
  };
  EXPECT_EQ(level("T4"), "T4");
  EXPECT_EQ(level("t12"), "T12");
  EXPECT_EQ(level("C5/6"), "C5");
  EXPECT_EQ(level("D10"), "T10");
  EXPECT_EQ(level("S5"), "S5");
  EXPECT_EQ(level("C9"), "");
  EXPECT_EQ(level("T0"), "");
  EXPECT_EQ(level("paraplegia"), "");
  EXPECT_EQ(level(""), "");
  EXPECT_TRUE(rejections_.empty()) << "no level is no mistake";
}

TEST_F(NormaliseBodies, ActionsNameAnAlertAndAPerson) {
  v1::Event event = EventOf();
  v1::Action* body = event.mutable_action();
  EXPECT_EQ(Refused("action", event), "malformed");
  body->set_kind(v1::ACTION_KIND_ACKNOWLEDGE);
  EXPECT_EQ(Refused("action", event), "malformed");
  body->set_condition("withdrawal");
  EXPECT_EQ(Refused("action", event), "malformed");
  body->set_by("nurse.a");
  EXPECT_EQ(Refused("action", event), "");
  EXPECT_EQ(out_.action.condition, "withdrawal");
  EXPECT_EQ(out_.action.by, "nurse.a");
  body->set_kind(v1::ACTION_KIND_SNOOZE);
  EXPECT_EQ(Refused("action", event), "malformed");
  body->set_until_ns(kNow + kHourNs);
  EXPECT_EQ(Refused("action", event), "");
  EXPECT_EQ(out_.action.until_ns, kNow + kHourNs);
}

TEST_F(NormaliseBodies, CustomEventsPassAsTheyAre) {
  v1::Event event = EventOf();
  event.mutable_custom()->set_type_url("example.org/x");
  event.mutable_custom()->set_value(std::string("\0\xff", 2));
  EXPECT_EQ(Refused("custom", event), "");
  EXPECT_EQ(out_.custom.type_url, "example.org/x");
  EXPECT_EQ(out_.custom.value.size(), 2U);
}

}  // namespace
}  // namespace tonus::core
