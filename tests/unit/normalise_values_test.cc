#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/unit/normalise_fixture.h"

namespace tonus::core {
namespace {

using ::testing::HasSubstr;

class NormaliseValues : public NormaliseTest {};

TEST_F(NormaliseValues, AVitalsEventBecomesSamplesInItsOrder) {
  v1::Event event = EventOf();
  Add(&event, "mdc", "147842")->set_quantity(88);
  Add(&event, "", "SPO2")->set_quantity(97);
  v1::Observation* late = Add(&event, "loinc", "9279-1");
  late->set_quantity(18);
  late->set_offset_ns(-500 * kSecondNs);
  ASSERT_TRUE(Normalise("vitals", event));
  EXPECT_TRUE(rejections_.empty());
  EXPECT_EQ(out_.kind, EventKind::kObservations);
  EXPECT_EQ(out_.topic_kind, "vitals");
  EXPECT_EQ(out_.unit, "icu");
  EXPECT_EQ(out_.patient, "p1");
  EXPECT_EQ(out_.source, "monitor-1");
  EXPECT_EQ(out_.source_sequence, 7U);
  EXPECT_EQ(out_.effective_ns, kNow);
  EXPECT_EQ(out_.recorded_ns, kNow);
  ASSERT_EQ(out_.samples.size(), 3U);
  EXPECT_EQ(out_.samples[0].value, 88);
  EXPECT_EQ(out_.samples[1].value, 97);
  EXPECT_EQ(out_.samples[2].value, 18);
  EXPECT_EQ(out_.samples[2].effective_ns, kNow - 500 * kSecondNs);
}

TEST_F(NormaliseValues, NothingOfAnEventStaysForTheNext) {
  v1::Event first = EventOf();
  v1::Observation* item = Add(&first, "local", "MAS");
  item->set_quantity(2);
  item->set_body_site("left_leg");
  item->set_comparator(">");
  item->set_unit("{score}");
  ASSERT_TRUE(Normalise("assessment", first));
  v1::Event second = EventOf();
  second.clear_source_id();
  second.clear_source_sequence();
  Add(&second, "local", "MAS")->set_quantity(1);
  ASSERT_TRUE(Normalise("assessment", second));
  EXPECT_EQ(out_.source, "");
  EXPECT_EQ(out_.source_sequence, 0U);
  ASSERT_EQ(out_.samples.size(), 1U);
  EXPECT_EQ(out_.samples[0].site, "");
  EXPECT_EQ(out_.samples[0].flags, 0U);
  v1::Event none = EventOf();
  EXPECT_EQ(Refused("assessment", none), "malformed");
}

TEST_F(NormaliseValues, SentinelsAreDroppedAndCounted) {
  for (const double value : {-999.0, -99.9, -100.0, -1.0, -10000.0}) {
    EXPECT_EQ(Vital("mdc", "147842", value), "dropped") << value;
    EXPECT_EQ(Vital("mdc", "150344", value, "[degF]"), "dropped") << value;
    EXPECT_EQ(Vital("loinc", "2160-0", value, "nonsense"), "dropped") << value;
  }
  EXPECT_EQ(normaliser_.Counts().dropped, 15U);
}

TEST_F(NormaliseValues, MinusOneIsARassScoreAndNoSentinel) {
  EXPECT_EQ(Vital("local", "RASS", -1), "RASS -1");
  EXPECT_EQ(Vital("local", "RASS", -999), "dropped");
}

TEST_F(NormaliseValues, ZeroIsJudgedByItsSignal) {
  EXPECT_EQ(Vital("local", "SPO2", 0), "dropped");
  EXPECT_EQ(Vital("local", "SBP", 0), "dropped");
  EXPECT_EQ(Vital("local", "DBP", 0), "dropped");
  EXPECT_EQ(Vital("local", "MAP", 0), "dropped");
  EXPECT_EQ(Vital("local", "TEMP", 0), "dropped");
  EXPECT_EQ(Vital("local", "ETCO2", 0), "dropped");
  // Dire if true: it is never used as a rate, and never vanishes unseen.
  EXPECT_EQ(Vital("local", "HR", 0), "implausible");
  EXPECT_EQ(Vital("local", "RR", 0), "implausible");
  EXPECT_EQ(Vital("local", "RASS", 0), "RASS 0");
  EXPECT_EQ(Vital("local", "MAS", 0), "MAS 0");
}

TEST_F(NormaliseValues, ImplausibleValuesGoWithTheirReasonAndTheRestStays) {
  v1::Event event = EventOf();
  Add(&event, "", "SBP")->set_quantity(11647);
  Add(&event, "", "HR")->set_quantity(80);
  ASSERT_TRUE(Normalise("vitals", event));
  ASSERT_EQ(out_.samples.size(), 1U);
  ASSERT_EQ(rejections_.size(), 1U);
  EXPECT_EQ(rejections_[0].code, RejectionCode::kImplausible);
  EXPECT_FALSE(rejections_[0].whole_event);
  EXPECT_EQ(rejections_[0].item, 0);
  EXPECT_EQ(rejections_[0].subject, "SBP");
  EXPECT_THAT(rejections_[0].sentence, HasSubstr("SBP 11647 lies outside 20 to 350 mm[Hg]"));
}

TEST_F(NormaliseValues, FahrenheitWithoutItsUnitIsImplausible) {
  EXPECT_EQ(Vital("local", "Temperature Fahrenheit", 98.6), "implausible");
  EXPECT_EQ(Vital("local", "Temperature Fahrenheit", 98.6, "?F"), "TEMP 37");
}

TEST_F(NormaliseValues, TheBoundsOfARangeAreInside) {
  EXPECT_EQ(Vital("local", "SPO2", 100), "SPO2 100");
  EXPECT_EQ(Vital("local", "SPO2", 100.5), "implausible");
  EXPECT_EQ(Vital("local", "GCS", 3), "GCS 3");
  EXPECT_EQ(Vital("local", "GCS", 2), "implausible");
}

TEST_F(NormaliseValues, RecordedTrapsAreRefused) {
  EXPECT_EQ(Vital("local", "MAP", -8), "implausible");
  EXPECT_EQ(Vital("local", "SBP", 326), "SBP 326");
  EXPECT_EQ(Vital("local", "CREATININE", 41.9), "implausible");
  EXPECT_EQ(Vital("local", "POTASSIUM", 15.8), "implausible");
}

TEST_F(NormaliseValues, NotANumberIsMalformed) {
  EXPECT_EQ(Vital("local", "HR", std::nan("")), "malformed_value");
  EXPECT_EQ(Vital("local", "HR", std::numeric_limits<double>::infinity()), "malformed_value");
  EXPECT_EQ(Vital("local", "HR", -std::numeric_limits<double>::infinity()), "malformed_value");
  EXPECT_EQ(Answer("HR", "NaN"), "malformed_value");
}

TEST_F(NormaliseValues, UnknownCodesAreCountedByCodeAndTheRestIsKept) {
  v1::Event event = EventOf();
  Add(&event, "loinc", "1234-5")->set_quantity(1);
  Add(&event, "loinc", "1234-5")->set_quantity(2);
  Add(&event, "", "HR")->set_quantity(80);
  Add(&event, "", "")->set_quantity(1);
  ASSERT_TRUE(Normalise("vitals", event));
  EXPECT_EQ(out_.samples.size(), 1U);
  ASSERT_EQ(rejections_.size(), 3U);
  EXPECT_EQ(RejectionName(rejections_[0].code), "unknown_code");
  EXPECT_THAT(rejections_[0].sentence, HasSubstr("'1234-5'"));
  EXPECT_THAT(rejections_[2].sentence, HasSubstr("has no code"));
  EXPECT_EQ(normaliser_.Counts().unknown_codes.at("loinc 1234-5"), 2U);
}

TEST_F(NormaliseValues, IgnoredCodesAreDroppedAndCounted) {
  EXPECT_EQ(Vital("loinc", "718-7", 12.1, "g/dL"), "dropped");
  EXPECT_EQ(Vital("mdc", "MDC_BLD_PERF_INDEX", 3), "dropped");
  EXPECT_EQ(normaliser_.Counts().ignored, 2U);
  EXPECT_EQ(normaliser_.Counts().dropped, 2U);
}

TEST_F(NormaliseValues, ASaturationFromABloodGasIsNotTheBedsideOne) {
  const v1::Event event = Quantity("loinc", "2708-6", 68, "%");
  EXPECT_TRUE(Normalise("vitals", event));
  EXPECT_EQ(Only(), "SPO2 68");
  EXPECT_TRUE(Normalise("lab", event));
  EXPECT_EQ(Only(), "dropped");
}

TEST_F(NormaliseValues, TooManyObservationsAreRefused) {
  v1::Event event = EventOf();
  for (int i = 0; i < 4096; ++i) Add(&event, "", "HR")->set_quantity(80);
  EXPECT_EQ(Refused("vitals", event), "");
  EXPECT_EQ(out_.samples.size(), 4096U);
  Add(&event, "", "HR")->set_quantity(80);
  EXPECT_EQ(Refused("vitals", event), "malformed");
}

TEST_F(NormaliseValues, MdcArithmeticIsChecked) {
  EXPECT_EQ(Vital("mdc", "16770", 80), "HR 80");
  EXPECT_EQ(Vital("mdc", "213378", 80), "unknown_code");
  EXPECT_THAT(rejections_.at(0).sentence, HasSubstr("partition 3, term 16770"));
  EXPECT_THAT(rejections_.at(0).sentence, HasSubstr("HR"));
}

TEST_F(NormaliseValues, MisprintedCodesAreRefusedWithTheirReason) {
  for (const char* code : {"0", "157985", "157986", "157993", "157994", "684800"}) {
    EXPECT_EQ(Vital("mdc", code, 80), "unknown_code") << code;
    EXPECT_THAT(rejections_.at(0).sentence, HasSubstr("is refused")) << code;
  }
  EXPECT_EQ(Answer("Riker-SAS Scale", "4 Calm/Cooperative"), "dropped") << "it is not RASS +4";
}

TEST_F(NormaliseValues, GradesScoresAndAnswersAreReadFromText) {
  EXPECT_EQ(Answer("MAS", "1+"), "MAS 1.5");
  EXPECT_EQ(Answer("MAS", "2"), "MAS 2");
  EXPECT_EQ(Answer("GCS", "15"), "GCS 15");
  EXPECT_EQ(Answer("GCS", "9 points, confused"), "GCS 9");
  EXPECT_EQ(Answer("GCS", "9 confused"), "GCS 9");
  EXPECT_EQ(Answer("RASS", "-1 Awakens to voice"), "RASS -1");
  EXPECT_EQ(Answer("RASS", "+2  Agitated"), "RASS 2");
  EXPECT_EQ(Answer("RASS", "0  Alert and calm"), "RASS 0");
  EXPECT_EQ(Answer("RASS", "Alert and calm"), "RASS 0");
  EXPECT_EQ(Answer("RASS", "unarousable"), "RASS -5");
  EXPECT_EQ(Answer("PAIN", "4-Moderate"), "PAIN 4");
  EXPECT_EQ(Answer("PAIN", "3/10"), "malformed_value");
  EXPECT_EQ(Answer("HR", "80 irregular"), "malformed_value");
  EXPECT_EQ(Answer("SBP", "120/80"), "malformed_value");
  EXPECT_EQ(Answer("TEMP", "36,6"), "malformed_value");
  EXPECT_EQ(Answer("TEMP", " 36.6 "), "TEMP 36.6");
  EXPECT_EQ(Answer("TEMP", ""), "malformed_value");
}

TEST_F(NormaliseValues, FindingsAreReadFromFlagWordNumberAndCode) {
  for (const char* word : {"yes", "Yes", "true", "present", "positive", "1"}) {
    EXPECT_EQ(Answer("PRURITUS", word), "PRURITUS 1") << word;
  }
  for (const char* word : {"no", "NO", "false", "absent", "negative", "0"}) {
    EXPECT_EQ(Answer("PRURITUS", word), "PRURITUS 0") << word;
  }
  EXPECT_EQ(Answer("PRURITUS", "perhaps"), "malformed_value");
  EXPECT_EQ(Vital("", "PRURITUS", 1), "PRURITUS 1");
  EXPECT_EQ(Vital("", "PRURITUS", 0.5), "implausible");
  v1::Event event = EventOf();
  Add(&event, "", "SEIZURE")->set_flag(true);
  Normalise("assessment", event);
  EXPECT_EQ(Only(), "SEIZURE 1");
  event = EventOf();
  Add(&event, "", "HR")->set_flag(true);
  Normalise("assessment", event);
  EXPECT_EQ(Only(), "malformed_value");
  event = EventOf();
  Add(&event, "loinc", "54632-5")->mutable_coded()->set_code("LA33-6");
  Normalise("assessment", event);
  EXPECT_EQ(Only(), "CONFUSION 1");
}

TEST_F(NormaliseValues, CulturesArePositiveOrNegative) {
  EXPECT_EQ(Answer("URINE_CULTURE", "positive"), "URINE_CULTURE 1");
  EXPECT_EQ(Answer("BLOOD_CULTURE", "Negative"), "BLOOD_CULTURE 0");
  EXPECT_EQ(Answer("CSF_CULTURE", "no growth"), "CSF_CULTURE 0");
  EXPECT_EQ(Answer("CSF_CULTURE", "pending"), "malformed_value");
}

TEST_F(NormaliseValues, BoundsKeepTheirFlag) {
  EXPECT_EQ(Answer("CRP", "<5"), "CRP 5");
  EXPECT_EQ(out_.samples.at(0).flags, kSampleBelow);
  EXPECT_EQ(Answer("CK", "> 20000"), "CK 20000");
  EXPECT_EQ(out_.samples.at(0).flags, kSampleAbove);
  v1::Event event = Quantity("", "CREATININE", 15, "umol/L");
  event.mutable_observations()->mutable_items(0)->set_comparator("<");
  Normalise("lab", event);
  EXPECT_EQ(out_.samples.at(0).flags, kSampleBelow);
  EXPECT_NEAR(out_.samples.at(0).value, 0.1697, 0.0001);
  event.mutable_observations()->mutable_items(0)->set_comparator("~");
  Normalise("lab", event);
  EXPECT_EQ(Only(), "malformed_value");
}

TEST_F(NormaliseValues, QualityDecidesBeforeAnythingElse) {
  v1::Event event = Quantity("nowhere", "x", 1, "y");
  v1::Observation* item = event.mutable_observations()->mutable_items(0);
  item->set_quality(v1::QUALITY_INVALID);
  EXPECT_TRUE(Normalise("vitals", event));
  EXPECT_EQ(Only(), "dropped");
  item->set_quality(v1::QUALITY_DEMO);
  EXPECT_TRUE(Normalise("vitals", event));
  EXPECT_EQ(Only(), "dropped");
}

TEST_F(NormaliseValues, DoubtAndRetractionTravelAsFlags) {
  v1::Event event = Quantity("", "HR", 80, "");
  v1::Observation* item = event.mutable_observations()->mutable_items(0);
  item->set_quality(v1::QUALITY_QUESTIONABLE);
  Normalise("vitals", event);
  EXPECT_EQ(out_.samples.at(0).flags, kSampleQuestionable);
  item->set_quality(v1::QUALITY_RETRACTED);
  Normalise("vitals", event);
  EXPECT_EQ(out_.samples.at(0).flags, kSampleRetracted);
  item->set_quantity(11647);  // It never entered the record, so there is nothing to withdraw.
  Normalise("vitals", event);
  EXPECT_EQ(Only(), "dropped");
}

TEST_F(NormaliseValues, SitesBelongToGradesAlone) {
  v1::Event event = Quantity("", "MAS", 2, "");
  event.mutable_observations()->mutable_items(0)->set_body_site("Left-Leg");
  Normalise("assessment", event);
  EXPECT_EQ(Only(), "MAS 2 left_leg");
  EXPECT_EQ(Vital("", "MAS.left_leg", 3), "MAS 3 left_leg");
  EXPECT_EQ(Vital("", "HR.left_leg", 80), "unknown_code");
  event = Quantity("", "TEMP", 37, "");
  event.mutable_observations()->mutable_items(0)->set_body_site("axilla");
  Normalise("vitals", event);
  EXPECT_EQ(Only(), "TEMP 37");
  event = Quantity("", "MAS", 2, "");
  event.mutable_observations()->mutable_items(0)->set_body_site("left/leg");
  Normalise("assessment", event);
  EXPECT_EQ(Only(), "malformed_value");
}

TEST_F(NormaliseValues, AbsentValuesAreNamed) {
  v1::Event event = EventOf();
  Add(&event, "", "HR");
  EXPECT_TRUE(Normalise("vitals", event));
  EXPECT_EQ(Only(), "malformed_value");
}

TEST_F(NormaliseValues, FutureAndAncientValuesAreRefused) {
  v1::Event event = Quantity("", "HR", 80, "");
  event.set_effective_ns(kNow + 5 * kMinuteNs);
  EXPECT_EQ(Refused("vitals", event), "");
  event.set_effective_ns(kNow + 5 * kMinuteNs + 1);
  EXPECT_EQ(Refused("vitals", event), "future");
  event.set_effective_ns(kNow - 400 * kDayNs);
  EXPECT_EQ(Refused("vitals", event), "");
  event.set_effective_ns(kNow - 400 * kDayNs - 1);
  EXPECT_EQ(Refused("vitals", event), "too_old");
  event.set_effective_ns(0);
  EXPECT_EQ(Refused("vitals", event), "malformed");
  event.set_effective_ns(std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(Refused("vitals", event), "malformed");
  event.set_effective_ns(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(Refused("vitals", event), "future");

  // What people enter is filed for the next full hour.
  event.set_effective_ns(kNow + kHourNs);
  EXPECT_EQ(Refused("assessment", event), "");
  event.set_effective_ns(kNow + kHourNs + 1);
  EXPECT_EQ(Refused("assessment", event), "future");
  event.set_effective_ns(kNow + kHourNs);
  event.set_source_id("chart-223");
  EXPECT_EQ(Refused("vitals", event), "");
  event.set_source_id("monitor");
  EXPECT_EQ(Refused("vitals", event), "future");

  event.set_effective_ns(kNow);
  v1::Observation* item = event.mutable_observations()->mutable_items(0);
  item->set_offset_ns(kHourNs);
  Normalise("vitals", event);
  EXPECT_EQ(Only(), "future");
  item->set_offset_ns(-401 * kDayNs);
  Normalise("vitals", event);
  EXPECT_EQ(Only(), "too_old");
  item->set_offset_ns(std::numeric_limits<std::int64_t>::max());
  Normalise("vitals", event);
  EXPECT_EQ(Only(), "malformed_value");
  item->set_offset_ns(std::numeric_limits<std::int64_t>::min());
  Normalise("vitals", event);
  EXPECT_NE(Only(), "HR 80");
}

TEST_F(NormaliseValues, BoundsOfTimeAreOptions) {
  Normaliser strict(ShippedMapping(), {.future_ns = 0, .horizon_ns = kHourNs});
  Record record;
  record.recorded_ns = kNow;
  record.topic = "vitals.icu.p1.";
  v1::Event event = Quantity("", "HR", 80, "");
  event.set_effective_ns(kNow - 2 * kHourNs);
  record.payload = event.SerializeAsString();
  EXPECT_FALSE(strict.Normalise(record, &out_, &rejections_));
  EXPECT_EQ(RejectionName(rejections_.at(0).code), "too_old");
}

TEST_F(NormaliseValues, RubbishIsMalformed) {
  EXPECT_FALSE(NormaliseBytes("vitals.icu.p1.", "\xff\xff\xff\xff"));
  EXPECT_EQ(RejectionName(rejections_.at(0).code), "malformed");
  EXPECT_FALSE(NormaliseBytes("vitals.icu.p1.", ""));
  v1::Event event = Quantity("", "HR", 80, "");
  EXPECT_TRUE(Normalise("vitals", event)) << "good events follow bad ones";
}

TEST_F(NormaliseValues, PatientOfPayloadAndTopicMustAgree) {
  v1::Event event = Quantity("", "HR", 80, "");
  event.set_patient_id("p2");
  EXPECT_EQ(Refused("vitals", event), "patient_mismatch");
  event.clear_patient_id();
  EXPECT_EQ(Refused("vitals", event), "patient_mismatch");
  event.set_patient_id("a.b/c");
  EXPECT_TRUE(
      NormaliseBytes("vitals.icu." + EscapeTopicPart("a.b/c") + ".", event.SerializeAsString()));
  EXPECT_EQ(out_.patient, "a.b/c");
}

TEST_F(NormaliseValues, KindOfTopicAndBodyMustAgree) {
  const v1::Event event = Quantity("", "HR", 80, "");
  EXPECT_EQ(Refused("lab", event), "");
  EXPECT_EQ(Refused("assessment", event), "");
  for (const char* kind : {"pump", "order", "administration", "procedure", "encounter", "patient",
                           "action", "custom"}) {
    EXPECT_EQ(Refused(kind, event), "kind_mismatch") << kind;
  }
  v1::Event pump = EventOf();
  pump.mutable_pump_event()->set_kind("motor_stall");
  EXPECT_EQ(Refused("vitals", pump), "kind_mismatch");
  EXPECT_EQ(Refused("pump", pump), "");
  EXPECT_FALSE(NormaliseBytes("alert.icu.p1.x.", event.SerializeAsString()));
  EXPECT_EQ(RejectionName(rejections_.at(0).code), "bad_topic");
  EXPECT_FALSE(NormaliseBytes("rubbish", event.SerializeAsString()));
  EXPECT_EQ(RejectionName(rejections_.at(0).code), "bad_topic");
}

}  // namespace
}  // namespace tonus::core
