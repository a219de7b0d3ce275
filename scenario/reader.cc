#include "scenario/reader.h"

#include <algorithm>

#include "base/text.h"
#include "scenario/reading.h"

namespace tonus::scenario {
namespace {

/// Lower-case words of letters and digits, joined by single hyphens.
bool IsKebabCase(const std::string& name) {
  bool hyphen_before = true;
  for (const char c : name) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!word && (c != '-' || hyphen_before)) return false;
    hyphen_before = c == '-';
  }
  return !name.empty() && !hyphen_before;
}

void ReadIntrathecal(const yaml::Node& node, Reading* r, Patient* patient) {
  Intrathecal pump;
  if (!r->Keys(node,
               {"model", "drug", "concentration_ug_per_ml", "daily_dose_ug", "reservoir_ml",
                "low_reservoir_alarm_ml", "implanted", "last_refill", "last_interrogation"})) {
    return;
  }
  r->OneOf(node, "model", {"SynchroMed II", "Prometra II"}, &pump.model);
  if (node.Get("drug")) r->Drug(node, &pump.drug);
  r->Number(node, "concentration_ug_per_ml", kPositive, &pump.concentration_ug_per_ml);
  r->Number(node, "daily_dose_ug", kNotNegative, &pump.daily_dose_ug);
  r->Number(node, "reservoir_ml", kPositive, &pump.reservoir_ml);
  std::optional<double> alarm_ml;
  r->Number(node, "low_reservoir_alarm_ml", kNotNegative, &alarm_ml);
  if (alarm_ml) pump.low_reservoir_alarm_ml = *alarm_ml;
  r->BeforeStart(node, "implanted", &pump.implanted_ns);
  if (const auto refill = node.Get("last_refill")) {
    if (r->Keys(*refill, {"at", "volume_ml"}) && r->Has(*refill, "at")) {
      r->BeforeStart(*refill, "at", &pump.last_refill_ns);
      r->Number(*refill, "volume_ml", kPositive, &pump.last_refill_ml);
    }
  }
  r->BeforeStart(node, "last_interrogation", &pump.last_interrogation_ns);
  patient->intrathecal = std::move(pump);
}

void ReadStandingOrder(const yaml::Node& node, Reading* r, Patient* patient) {
  if (!r->Keys(node, {"drug", "dose_mg", "every", "since", "route"})) return;
  StandingOrder order;
  r->Drug(node, &order.drug);
  std::optional<double> dose_mg;
  if (r->Has(node, "dose_mg")) r->Number(node, "dose_mg", kPositive, &dose_mg);
  std::optional<std::int64_t> every;
  if (r->Has(node, "every")) r->Positive(node, "every", &every);
  std::optional<std::int64_t> since;
  if (r->Has(node, "since")) r->BeforeStart(node, "since", &since);
  r->Route(node, &order.route);
  order.dose_mg = dose_mg.value_or(0);
  order.every_ns = every.value_or(kDayNs);
  order.since_ns = since.value_or(0);
  if (order.every_ns < kMinuteNs) {
    r->Bad(*node.Get("every"), "is shorter than a minute", "allowed: 1m or longer");
    return;
  }
  patient->oral.push_back(std::move(order));
}

void ReadDiagnoses(const yaml::Node& node, Reading* r, Patient* patient) {
  if (!node.IsList()) {
    r->Bad(node, "is not a list", "write [multiple sclerosis]");
    return;
  }
  for (const yaml::Node& item : node.Items()) {
    std::string text;
    if (r->Take(item.AsText(), &text)) patient->diagnoses.push_back(std::move(text));
  }
}

/// C1–C8, T1–T12, L1–L5, S1–S5.
bool IsSpinalLevel(const std::string& text) {
  if (text.size() < 2 || text.size() > 3) return false;
  int number = 0;
  for (const char c : text.substr(1)) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + (c - '0');
  }
  const int most = text[0] == 'C' ? 8 : text[0] == 'T' ? 12 : 5;
  return std::string("CTLS").find(text[0]) != std::string::npos && text[1] != '0' && number >= 1 &&
         number <= most;
}

void ReadPatient(const yaml::Node& node, Reading* r) {
  Patient* patient = &r->Out()->patient;
  if (!r->Keys(node, {"id", "unit", "age_years", "weight_kg", "diagnoses", "sci_level",
                      "intrathecal", "oral", "baseline", "quiet_baseline"})) {
    return;
  }
  r->Text(node, "id", &patient->id);
  if (const auto id = node.Get("id"); id && (patient->id.empty() || patient->id.size() > 64)) {
    r->Bad(*id, "is '" + patient->id + "'", "allowed: 1 to 64 bytes");
  }
  r->Text(node, "unit", &patient->unit);
  r->Number(node, "age_years", {0, 130, false}, &patient->age_years);
  r->Number(node, "weight_kg", kPositive, &patient->weight_kg);
  if (const auto list = node.Get("diagnoses")) ReadDiagnoses(*list, r, patient);
  r->Text(node, "sci_level", &patient->sci_level);
  if (const auto level = node.Get("sci_level"); level && !IsSpinalLevel(patient->sci_level)) {
    r->Bad(*level, "is '" + patient->sci_level + "'", "allowed: C1–C8, T1–T12, L1–L5, S1–S5");
  }
  if (const auto pump = node.Get("intrathecal")) ReadIntrathecal(*pump, r, patient);
  if (const auto oral = node.Get("oral")) {
    if (!oral->IsList()) r->Bad(*oral, "is not a list", "write one order a line, after a dash");
    for (const yaml::Node& item : oral->Items()) ReadStandingOrder(item, r, patient);
  }
  if (const auto baseline = node.Get("baseline")) {
    r->Observed(*baseline, false, &patient->baseline);
  }
  r->Flag(node, "quiet_baseline", &patient->quiet_baseline);
}

void FindEnd(Scenario* scenario) {
  std::int64_t end = 0;
  for (const Step& step : scenario->steps) {
    std::int64_t last = step.at_ns;
    if (const auto* observe = std::get_if<ObserveStep>(&step.body)) {
      last = std::max(last, observe->to_ns);
    }
    end = std::max(end, last + step.arrives_ns);
  }
  for (const Expectation& expectation : scenario->expectations) {
    for (const auto& time : {expectation.by_ns, expectation.not_before_ns, expectation.at_ns}) {
      end = std::max(end, time.value_or(0));
    }
  }
  scenario->end_ns = end;
}

/// Times are added to `start`; keeps every sum far inside 64 bits.
void CheckSpan(const yaml::Node& root, Reading* r) {
  constexpr std::int64_t kLongestNs = 10 * 365 * kDayNs;
  if (r->Out()->end_ns <= kLongestNs) return;
  r->Report({ErrorCode::kConfig, "the story is longer than 10 years", root.Where(),
             "look for a time with a wrong unit in steps and expect"});
}

void ReadRoot(const yaml::Node& root, Reading* r) {
  Scenario* scenario = r->Out();
  if (!r->Keys(root, {"scenario", "about", "source", "start", "patient", "steps", "expect"})) {
    return;
  }
  if (r->Has(root, "scenario")) {
    r->Text(root, "scenario", &scenario->name);
    if (const auto name = root.Get("scenario"); name->IsScalar() && !IsKebabCase(scenario->name)) {
      r->Bad(*name, "is '" + scenario->name + "'",
             "write it in kebab-case: lower-case letters and digits in words joined by -");
    }
  }
  r->Text(root, "about", &scenario->about);
  r->Text(root, "source", &scenario->source);
  if (r->Has(root, "start")) r->Take(root.Get("start")->AsTime(), &scenario->start_ns);
  if (const auto patient = root.Get("patient")) ReadPatient(*patient, r);
  if (scenario->patient.id.empty()) scenario->patient.id = scenario->name;
  if (const auto steps = root.Get("steps")) ReadSteps(*steps, r);
  if (const auto expect = root.Get("expect")) ReadExpectations(*expect, r);
  FindEnd(scenario);
  CheckSpan(root, r);
}

ReadOutcome ReadParsed(const Result<yaml::Node>& root, const std::string& file,
                       const Vocabulary& vocabulary) {
  ReadOutcome outcome;
  outcome.scenario.file = file;
  if (!root) {
    outcome.errors.push_back(root.error());
    return outcome;
  }
  Reading reading(vocabulary, &outcome);
  ReadRoot(*root, &reading);
  return outcome;
}

}  // namespace

ReadOutcome ReadScenarioFile(const std::string& path, const Vocabulary& vocabulary) {
  return ReadParsed(yaml::Node::ParseFile(path), path, vocabulary);
}

ReadOutcome ReadScenarioText(std::string_view text, const std::string& name,
                             const Vocabulary& vocabulary) {
  return ReadParsed(yaml::Node::ParseText(text, name), name, vocabulary);
}

}  // namespace tonus::scenario
