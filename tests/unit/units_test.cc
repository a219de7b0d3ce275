#include "tests/unit/normalise_fixture.h"

namespace tonus::core {
namespace {

/// Every conversion of config/signals.yaml, with the figures of its source.
class Units : public NormaliseTest {};

TEST_F(Units, FahrenheitBecomesCelsius) {
  for (const char* unit : {"[degF]", "°F", "degF", "266560", "?F"}) {
    EXPECT_EQ(Vital("local", "TEMP", 98.6, unit), "TEMP 37") << unit;
  }
  EXPECT_EQ(Vital("local", "TEMP", 100.4, "[degF]"), "TEMP 38");
  Vital("loinc", "8310-5", 107, "[degF]");
  EXPECT_NEAR(out_.samples.at(0).value, 41.7, 0.05);
  Vital("loinc", "8310-5", 108.5, "[degF]");
  EXPECT_NEAR(out_.samples.at(0).value, 42.5, 0.05);
}

TEST_F(Units, CelsiusIsTakenInEverySpelling) {
  for (const char* unit : {"", "Cel", "°C", "degC", "C", "268192", "MDC_DIM_DEGC"}) {
    EXPECT_EQ(Vital("mdc", "150344", 36.8, unit), "TEMP 36.8") << unit;
  }
}

TEST_F(Units, KilopascalBecomesMillimetresOfMercury) {
  Vital("mdc", "150021", 16, "kPa");
  EXPECT_NEAR(out_.samples.at(0).value, 120.01, 0.01);
  Vital("mdc", "151708", 5.33, "kPa");
  EXPECT_NEAR(out_.samples.at(0).value, 39.98, 0.01);
  EXPECT_EQ(Vital("mdc", "150021", 120, "266016"), "SBP 120");
  EXPECT_EQ(Vital("mdc", "150022", 70, "mm[Hg]"), "DBP 70");
  EXPECT_EQ(Vital("mdc", "150023", 87, "mmHg"), "MAP 87");
}

TEST_F(Units, EndTidalPercentBecomesMillimetresOfMercury) {
  EXPECT_EQ(Vital("loinc", "19889-5", 5, "%"), "ETCO2 35.65");
}

TEST_F(Units, RatesPerMinuteAreTakenInEverySpelling) {
  for (const char* unit : {"", "/min", "1/min", "bpm", "{beats}/min", "264864"}) {
    EXPECT_EQ(Vital("mdc", "147842", 76, unit), "HR 76") << unit;
  }
  for (const char* unit : {"/min", "264928", "insp/min", "breaths/min"}) {
    EXPECT_EQ(Vital("mdc", "151562", 16, unit), "RR 16") << unit;
  }
}

TEST_F(Units, SaturationAsAFractionNeedsItsUnit) {
  EXPECT_EQ(Vital("mdc", "150456", 0.97, "1"), "SPO2 97");
  EXPECT_EQ(Vital("mdc", "150456", 0.57, "1"), "SPO2 57") << "not 56.99999999999999";
  EXPECT_EQ(Vital("mdc", "150456", 97, "262688"), "SPO2 97");
  EXPECT_EQ(Vital("mdc", "150456", 0.97, ""), "implausible");
  EXPECT_EQ(Vital("mdc", "150456", 0.97, "%"), "implausible");
}

TEST_F(Units, CreatineKinaseInMicrokatal) {
  for (const char* unit : {"ukat/L", "µkat/L", "μkat/L"}) {
    EXPECT_EQ(Vital("loinc", "2157-6", 20, unit), "CK 1200") << unit;
  }
  EXPECT_EQ(Vital("loinc", "2157-6", 1200, "IU/L"), "CK 1200");
}

TEST_F(Units, CreatinineInMicromoles) {
  EXPECT_EQ(Vital("loinc", "2160-0", 88.4, "umol/L"), "CREATININE 1");
  EXPECT_EQ(Vital("loinc", "2160-0", 176.8, "µmol/L"), "CREATININE 2");
  EXPECT_EQ(Vital("loinc", "2160-0", 88.4, "UMOLL"), "CREATININE 1");
  EXPECT_EQ(Vital("loinc", "2160-0", 1.2, "mg/dL"), "CREATININE 1.2");
}

TEST_F(Units, GlucoseAndLactateInMilligrams) {
  EXPECT_EQ(Vital("loinc", "2345-7", 90.08, "mg/dL"), "GLUCOSE 5");
  EXPECT_EQ(Vital("loinc", "2524-7", 18.02, "mg/dL"), "LACTATE 2");
  EXPECT_EQ(Vital("loinc", "2524-7", 2, "mmol/L"), "LACTATE 2");
}

TEST_F(Units, InflammationMarkers) {
  EXPECT_EQ(Vital("loinc", "1988-5", 4.5, "mg/dL"), "CRP 45");
  EXPECT_EQ(Vital("loinc", "1988-5", 45, "mg/L"), "CRP 45");
  EXPECT_EQ(Vital("loinc", "33959-8", 1.8, "ng/mL"), "PCT 1.8");
  EXPECT_EQ(Vital("loinc", "33959-8", 1.8, "ug/L"), "PCT 1.8");
}

TEST_F(Units, CellCounts) {
  for (const char* unit : {"10*9/L", "10^9/L", "10*3/uL", "K/uL", "10*3/µL", "G/L"}) {
    EXPECT_EQ(Vital("loinc", "6690-2", 12.4, unit), "WBC 12.4") << unit;
  }
  EXPECT_EQ(Vital("loinc", "6690-2", 12400, "/uL"), "WBC 12.4");
  EXPECT_EQ(Vital("loinc", "777-3", 95000, "/mm3"), "PLATELETS 95");
}

TEST_F(Units, PotassiumInMilliequivalents) {
  EXPECT_EQ(Vital("loinc", "2823-3", 4.1, "mEq/L"), "POTASSIUM 4.1");
}

TEST_F(Units, UnknownUnitsAndUnitsOfAnotherQuantityAreRefused) {
  EXPECT_EQ(Vital("mdc", "147842", 76, "furlong"), "unknown_unit");
  EXPECT_EQ(Vital("mdc", "147842", 76, "mmHg"), "unknown_unit");
  EXPECT_EQ(Vital("mdc", "150344", 310, "K"), "unknown_unit");
  EXPECT_EQ(Vital("mdc", "150344", 37, "cel"), "unknown_unit");  // UCUM tells case apart.
}

TEST_F(Units, EndTidalWithoutUnitIsRefusedExceptUnderItsOwnName) {
  EXPECT_EQ(Vital("loinc", "19889-5", 5), "unknown_unit");
  EXPECT_EQ(Vital("mdc", "151708", 38), "unknown_unit");
  EXPECT_EQ(Vital("local", "EtCO2", 38), "unknown_unit");
  EXPECT_EQ(Vital("local", "ETCO2", 38), "ETCO2 38");
  EXPECT_EQ(Vital("local", "EtCO2", 38, "mmHg"), "ETCO2 38");
}

}  // namespace
}  // namespace tonus::core
