#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/unit/normalise_fixture.h"

namespace tonus::core {
namespace {

using ::testing::HasSubstr;

TEST(NormaliseMapping, DeclaresEveryNameThatScenariosMayUse) {
  const Mapping& mapping = ShippedMapping();
  for (const char* name : {"HR",
                           "RR",
                           "SPO2",
                           "ETCO2",
                           "SBP",
                           "DBP",
                           "MAP",
                           "TEMP",
                           "MAS",
                           "PENN",
                           "RASS",
                           "GCS",
                           "PAIN",
                           "PRURITUS",
                           "RASH",
                           "PARESTHESIA",
                           "HALLUCINATION",
                           "AGITATION",
                           "CONFUSION",
                           "SEIZURE",
                           "CLONUS",
                           "RIGIDITY",
                           "INVOLUNTARY_MOVEMENT",
                           "DIAPHORESIS",
                           "FLUSHING",
                           "FOCAL_DEFICIT",
                           "APHASIA",
                           "MENINGISM",
                           "HEADACHE",
                           "PUPIL_ASYMMETRY",
                           "POCKET_SWELLING",
                           "POCKET_ERYTHEMA",
                           "WOUND_DRAINAGE",
                           "CSF_LEAK",
                           "BLADDER_DISTENSION",
                           "FALL",
                           "VENTILATED",
                           "OXYGEN",
                           "CK",
                           "WBC",
                           "CRP",
                           "PCT",
                           "LACTATE",
                           "CREATININE",
                           "EGFR",
                           "PLATELETS",
                           "INR",
                           "POTASSIUM",
                           "GLUCOSE",
                           "URINE_CULTURE",
                           "BLOOD_CULTURE",
                           "CSF_CULTURE"}) {
    const std::uint32_t id = mapping.Find(NameSpace::kSignal, name);
    EXPECT_NE(id, 0U) << name;
    EXPECT_EQ(mapping.ResolveSignal("", name), id) << name;
  }
  for (const char* name :
       {"interrogation", "motor_stall", "motor_stall_recovered", "stopped", "restarted",
        "minimum_rate", "telemetry_mode", "reset_low_battery", "memory_error", "low_reservoir",
        "empty_reservoir", "eri", "eos", "alarm_heard", "refill", "dose_change", "bolus",
        "concentration_change"}) {
    EXPECT_NE(mapping.Find(NameSpace::kPumpEvent, name), 0U) << name;
    EXPECT_EQ(mapping.ResolvePumpEvent(name), mapping.Find(NameSpace::kPumpEvent, name)) << name;
  }
  for (const char* name : {"mri", "implant", "pump_replacement", "catheter_revision", "explant",
                           "surgery", "xray", "side_port_aspiration", "dye_study", "rotor_study",
                           "lumbar_puncture", "csf_drainage", "hyperbaric_oxygen", "test_bolus"}) {
    EXPECT_NE(mapping.Find(NameSpace::kProcedure, name), 0U) << name;
  }
  for (const char* name :
       {"opioid", "benzodiazepine", "z_drug", "anaesthetic", "dopamine_antagonist", "serotonergic",
        "alpha2_agonist", "cns_depressant", "muscle_relaxant", "gabapentinoid", "antibiotic",
        "cyp1a2_inhibitor", "vasopressor"}) {
    EXPECT_NE(mapping.Find(NameSpace::kDrugClass, name), 0U) << name;
  }
}

TEST(NormaliseMapping, HasTheCanonicalUnitsThatDetectorsRelyOn) {
  const Mapping& mapping = ShippedMapping();
  const auto unit = [&mapping](const char* name) {
    return mapping.SignalOf(mapping.Find(NameSpace::kSignal, name)).unit;
  };
  EXPECT_EQ(unit("HR"), "/min");
  EXPECT_EQ(unit("SPO2"), "%");
  EXPECT_EQ(unit("ETCO2"), "mm[Hg]");
  EXPECT_EQ(unit("TEMP"), "Cel");
  EXPECT_EQ(unit("CK"), "U/L");
  EXPECT_EQ(unit("WBC"), "10*9/L");
  EXPECT_EQ(unit("CRP"), "mg/L");
  EXPECT_EQ(unit("CREATININE"), "mg/dL");
  EXPECT_EQ(unit("LACTATE"), "mmol/L");
  EXPECT_EQ(unit("GLUCOSE"), "mmol/L");
}

TEST(NormaliseMapping, KeepsTheFreshnessLimitsOfTheReference) {
  const Mapping& mapping = ShippedMapping();
  const auto limit = [&mapping](const char* name) {
    return mapping.SignalOf(mapping.Find(NameSpace::kSignal, name)).stale_after_ns;
  };
  for (const char* name : {"HR", "SPO2", "RR", "ETCO2"}) EXPECT_EQ(limit(name), 5 * kMinuteNs);
  for (const char* name : {"SBP", "DBP", "MAP"}) EXPECT_EQ(limit(name), 60 * kMinuteNs);
  EXPECT_EQ(limit("TEMP"), 4 * kHourNs);
  for (const char* name : {"MAS", "PENN", "RASS", "CK"}) EXPECT_EQ(limit(name), 12 * kHourNs);
  for (const char* name : {"WBC", "CRP", "PRURITUS"}) EXPECT_EQ(limit(name), 24 * kHourNs);
}

TEST(NormaliseMapping, ResolvesCodesOfEverySystem) {
  const Mapping& mapping = ShippedMapping();
  const auto name = [&mapping](const char* system, const char* code) {
    return std::string(mapping.Name(NameSpace::kSignal, mapping.ResolveSignal(system, code)));
  };
  EXPECT_EQ(name("mdc", "147842"), "HR");
  EXPECT_EQ(name("mdc", "MDC_ECG_HEART_RATE"), "HR");
  EXPECT_EQ(name("urn:iso:std:iso:11073:10101", "mdc_ecg_card_beat_rate"), "HR");
  EXPECT_EQ(name("mdc", "150301"), "SBP");
  EXPECT_EQ(name("mdc", "151712"), "ETCO2");
  EXPECT_EQ(name("loinc", "8310-5"), "TEMP");
  EXPECT_EQ(name("http://loinc.org", "59408-5"), "SPO2");
  EXPECT_EQ(name("LN", "2160-0"), "CREATININE");
  EXPECT_EQ(name("snomed", "765771006"), "MAS");
  EXPECT_EQ(name("", "Heart Rate"), "HR");
  EXPECT_EQ(name("local", "heart_rate"), "HR");
  EXPECT_EQ(name("local", "O2Sat"), "SPO2");
  EXPECT_EQ(name("local", "Resp"), "RR");
  EXPECT_EQ(name("local", "NBP [Systolic]"), "SBP");
  EXPECT_EQ(name("local", "Arterial BP Mean"), "MAP");
  EXPECT_EQ(name("loinc", "HR"), "");
  EXPECT_EQ(name("somewhere", "HR"), "");
  EXPECT_EQ(name("mdc", ""), "");
  EXPECT_EQ(name("local", std::string(300, 'x').c_str()), "");
}

TEST(NormaliseMapping, TakesAContextFreeMdcTermOnlyWhereItCanBeOneSignal) {
  const Mapping& mapping = ShippedMapping();
  EXPECT_EQ(mapping.ResolveSignal("mdc", "16770"), mapping.ResolveSignal("mdc", "147842"));
  EXPECT_EQ(mapping.ResolveSignal("mdc", "19384"), mapping.ResolveSignal("mdc", "150456"));
  EXPECT_EQ(mapping.ResolveSignal("mdc", "213378"), 0U);  // Term 16770 in partition 3.
}

TEST(NormaliseMapping, KnowsDrugsByCodeBrandAndIngredient) {
  const Mapping& mapping = ShippedMapping();
  const auto name = [&mapping](const char* system, const char* code) {
    return std::string(mapping.Name(NameSpace::kDrug, mapping.ResolveDrug(system, code)));
  };
  EXPECT_EQ(name("atc", "M03BX01"), "baclofen");
  EXPECT_EQ(name("rxnorm", "1292"), "baclofen");
  EXPECT_EQ(name("", "Baclofen"), "baclofen");
  EXPECT_EQ(name("", "LIORESAL"), "baclofen");
  EXPECT_EQ(name("", "Gablofen 2000 mcg/mL"), "baclofen");
  EXPECT_EQ(name("", "baclofen 10mg tab"), "baclofen");
  EXPECT_EQ(name("", "Zanaflex"), "tizanidine");
  EXPECT_EQ(name("", "HYDROmorphone (Dilaudid)"), "hydromorphone");
  EXPECT_EQ(name("", "Piperacillin-Tazobactam Na"), "piperacillin");
  EXPECT_EQ(name("", "Levophed-k"), "norepinephrine");
  EXPECT_EQ(name("", "Oxycodone-Acetaminophen"), "oxycodone");
  EXPECT_EQ(name("", "baclofenum"), "");
  EXPECT_EQ(name("", "Potassium Chloride"), "");
  EXPECT_EQ(name("rxnorm", "999999"), "");
  EXPECT_EQ(name("atc", "N05BA99"), "other benzodiazepine");
  EXPECT_EQ(name("atc", "A10BA02"), "");
}

TEST(NormaliseMapping, PutsDrugsIntoClassesByAtcPrefix) {
  const Mapping& mapping = ShippedMapping();
  const auto is = [&mapping](const char* drug, const char* drug_class) {
    const auto id = mapping.Find(NameSpace::kDrug, drug);
    const auto class_id = mapping.Find(NameSpace::kDrugClass, drug_class);
    EXPECT_NE(id, 0U) << drug;
    EXPECT_NE(class_id, 0U) << drug_class;
    return mapping.DrugInClass(id, class_id);
  };
  EXPECT_TRUE(is("morphine", "opioid"));
  EXPECT_TRUE(is("morphine", "cns_depressant"));
  EXPECT_TRUE(is("fentanyl", "opioid"));
  EXPECT_FALSE(is("fentanyl", "anaesthetic"));
  EXPECT_TRUE(is("propofol", "anaesthetic"));
  EXPECT_TRUE(is("midazolam", "benzodiazepine"));
  EXPECT_TRUE(is("clonazepam", "benzodiazepine"));
  EXPECT_TRUE(is("zolpidem", "z_drug"));
  EXPECT_TRUE(is("haloperidol", "dopamine_antagonist"));
  EXPECT_TRUE(is("metoclopramide", "dopamine_antagonist"));
  EXPECT_TRUE(is("linezolid", "serotonergic"));
  EXPECT_TRUE(is("linezolid", "antibiotic"));
  EXPECT_TRUE(is("fluvoxamine", "cyp1a2_inhibitor"));
  EXPECT_TRUE(is("ciprofloxacin", "cyp1a2_inhibitor"));
  EXPECT_TRUE(is("ciprofloxacin", "antibiotic"));
  EXPECT_TRUE(is("tizanidine", "muscle_relaxant"));
  EXPECT_TRUE(is("tizanidine", "alpha2_agonist"));
  EXPECT_TRUE(is("clonidine", "alpha2_agonist"));
  EXPECT_TRUE(is("gabapentin", "gabapentinoid"));
  EXPECT_TRUE(is("norepinephrine", "vasopressor"));
  EXPECT_TRUE(is("baclofen", "muscle_relaxant"));
  EXPECT_TRUE(is("other benzodiazepine", "cns_depressant"));
  EXPECT_FALSE(is("baclofen", "opioid"));
  EXPECT_FALSE(mapping.DrugInClass(0, 1));
}

TEST(NormaliseMapping, ShowsGradesAndFindingsAsWords) {
  const Mapping& mapping = ShippedMapping();
  const auto word = [&mapping](const char* name, double value) {
    return std::string(mapping.SignalOf(mapping.Find(NameSpace::kSignal, name)).WordFor(value));
  };
  EXPECT_EQ(word("MAS", 1.5), "1+");
  EXPECT_EQ(word("MAS", 1), "1");
  EXPECT_EQ(word("PRURITUS", 1), "yes");
  EXPECT_EQ(word("PRURITUS", 0), "no");
  EXPECT_EQ(word("BLOOD_CULTURE", 1), "positive");
  EXPECT_EQ(word("RASS", 1), "");
}

/// A mapping file with one signal, into which a test puts its mistake.
std::string SignalsWith(const std::string& more) {
  return "units:\n  \"/min\": [bpm]\n  \"%\": []\n"
         "sentinels: [-1]\n"
         "signals:\n"
         "  HR:\n"
         "    title: heart rate\n"
         "    kind: vitals\n"
         "    unit: \"/min\"\n"
         "    plausible: {low: 10, high: 300, source: unvalidated}\n"
         "    change: {at_least: 5, source: unvalidated}\n"
         "    stale: {after: 5m, source: local policy}\n"
         "    mdc: [147842]\n" +
         more +
         "pump_limits: {daily_dose_ug_max: 2500, dose_ug_max: 2500, concentration_max_ug_per_ml: "
         "4000, volume_max_ml: 60, source: unvalidated}\n"
         "pump_events: {interrogation: {title: interrogation}}\n"
         "procedures: {mri: {title: MRI}}\n";
}

std::string Complaint(const std::string& signals,
                      const std::string& drugs = "classes: {}\ndrugs: {}\n") {
  const auto loaded = Mapping::LoadText(signals, "s.yaml", drugs, "d.yaml");
  return loaded ? "" : loaded.error().Message();
}

constexpr char kSecondSignal[] =
    "    title: t\n    kind: lab\n"
    "    plausible: {low: 0, high: 9, source: unvalidated}\n"
    "    change: {at_least: 1, source: unvalidated}\n"
    "    stale: {after: 5m, source: local policy}\n";

TEST(NormaliseMapping, NamesThePlaceAndTheNearestKeyOfATypo) {
  EXPECT_EQ(Complaint(SignalsWith("")), "");
  const std::string typo = Complaint(SignalsWith("    plausable: 3\n"));
  EXPECT_THAT(typo, HasSubstr("s.yaml:14:5"));
  EXPECT_THAT(typo, HasSubstr("did you mean 'plausible'"));
}

TEST(NormaliseMapping, RefusesOneCodeForTwoSignals) {
  const std::string twice =
      Complaint(SignalsWith(std::string("  PR:\n") + kSecondSignal + "    mdc: [147842]\n"));
  EXPECT_THAT(twice, HasSubstr("mdc code '147842' belongs to HR already"));
  EXPECT_THAT(twice, HasSubstr("s.yaml:20:11"));
  EXPECT_THAT(Complaint(SignalsWith(std::string("  PR:\n") + kSecondSignal + "    local: [hr]\n")),
              HasSubstr("belongs to HR already"));
}

TEST(NormaliseMapping, RefusesMdcCodesWithoutPartition) {
  EXPECT_THAT(Complaint(SignalsWith(std::string("  PR:\n") + kSecondSignal + "    mdc: [18458]\n")),
              HasSubstr("149530"));
}

TEST(NormaliseMapping, RefusesImpossibleRangesUnitsAndSentinels) {
  const std::string base = SignalsWith("");
  const auto changed = [&base](const std::string& from, const std::string& to) {
    std::string text = base;
    text.replace(text.find(from), from.size(), to);
    return Complaint(text);
  };
  EXPECT_THAT(changed("low: 10, high: 300", "low: 300, high: 10"), HasSubstr("not below its high"));
  EXPECT_THAT(changed("low: 10, high: 300, source: unvalidated", "low: 10, high: 300"),
              HasSubstr("source"));
  EXPECT_THAT(changed("    unit: \"/min\"", "    unit: bpm"),
              HasSubstr("not the first spelling of a unit"));
  EXPECT_THAT(changed("    mdc: [147842]", "    sentinels: [50]"),
              HasSubstr("sentinel inside the plausible range"));
  EXPECT_THAT(changed("    mdc: [147842]", "    units: {furlong: {}}"), HasSubstr("furlong"));
  EXPECT_THAT(changed("    mdc: [147842]", "    units: {\"%\": {over: 0}}"), HasSubstr("zero"));
  EXPECT_THAT(changed("after: 5m", "after: soon"), HasSubstr("not a duration"));
}

TEST(NormaliseMapping, RefusesCodesOfTheTrapListInAMap) {
  EXPECT_THAT(Complaint("refused_codes: [{system: mdc, code: \"157985\", why: misprint}]\n" +
                        SignalsWith(std::string("  X:\n") + kSecondSignal + "    mdc: [157985]\n")),
              HasSubstr("misprint"));
}

TEST(NormaliseMapping, RefusesDrugsClaimedTwiceAndUnknownClasses) {
  EXPECT_THAT(Complaint(SignalsWith(""),
                        "classes: {}\ndrugs:\n  a: {atc: [M03BX01]}\n  b: {atc: [M03BX01]}\n"),
              HasSubstr("belongs to a already"));
  EXPECT_THAT(Complaint(SignalsWith(""),
                        "classes: {opioid: {title: opioid}}\ndrugs:\n  a: {classes: [opiod]}\n"),
              HasSubstr("did you mean 'opioid'"));
  EXPECT_THAT(Complaint(SignalsWith(""), "clases: {}\n"), HasSubstr("d.yaml:1:1"));
}

TEST(NormaliseMapping, DocumentationNamesEverySignalWithItsUnitAndRange) {
  std::ifstream file(std::string(TONUS_SOURCE_DIR) + "/docs/signals.md");
  std::ostringstream text;
  text << file.rdbuf();
  const std::string page = text.str();
  const Mapping& mapping = ShippedMapping();
  for (SignalId id = 1; id <= mapping.Count(NameSpace::kSignal); ++id) {
    const Signal& signal = mapping.SignalOf(id);
    if (signal.yes_no) {
      EXPECT_THAT(page, HasSubstr(signal.name));
      continue;
    }
    const std::string row = "| " + signal.name + " | " + signal.title + " | " +
                            (signal.unit.empty() ? "" : "`" + signal.unit + "`") + " | ";
    EXPECT_THAT(page, HasSubstr(row));
    const std::string rest = page.substr(std::min(page.find(row), page.size()));
    const std::string line = rest.substr(0, rest.find('\n'));
    EXPECT_THAT(line, HasSubstr("| " + FormatRounded(signal.plausible_low, 3) + " to " +
                                FormatRounded(signal.plausible_high, 3) + " | " +
                                FormatDuration(signal.stale_after_ns)))
        << "docs/signals.md has to follow config/signals.yaml";
  }
  for (const std::string& name : mapping.Names(NameSpace::kPumpEvent)) {
    EXPECT_THAT(page, HasSubstr("`" + name + "`"));
  }
  for (const std::string& name : mapping.Names(NameSpace::kProcedure)) {
    EXPECT_THAT(page, HasSubstr("`" + name + "`"));
  }
  for (const std::string& name : mapping.Names(NameSpace::kDrugClass)) {
    EXPECT_THAT(page, HasSubstr("`" + name + "`"));
  }
}

TEST(NormaliseMapping, DigestFollowsEitherFile) {
  const std::string drugs = "classes: {}\ndrugs: {}\n";
  const auto digest = [](const std::string& signals, const std::string& drug_text) {
    return (*Mapping::LoadText(signals, "s", drug_text, "d"))->Digest();
  };
  const std::string base = digest(SignalsWith(""), drugs);
  EXPECT_EQ(base.size(), 64U);
  EXPECT_EQ(base, digest(SignalsWith(""), drugs));
  EXPECT_NE(base, digest(SignalsWith("# x\n"), drugs));
  EXPECT_NE(base, digest(SignalsWith(""), drugs + "# x\n"));
}

TEST(NormaliseMapping, SaysWhichFileCannotBeRead) {
  const auto loaded = Mapping::Load("/nowhere/signals.yaml", "/nowhere/drugs.yaml");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kUnreachable);
  EXPECT_THAT(loaded.error().Message(), HasSubstr("/nowhere/signals.yaml"));
}

}  // namespace
}  // namespace tonus::core
