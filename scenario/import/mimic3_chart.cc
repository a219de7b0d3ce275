// MIMIC-III demo: chart.csv and labs.csv. Values and units go out as they were charted; which
// itemids are the same quantity, and which are left out and why, is decided here.

#include <algorithm>
#include <cctype>
#include <string>
#include <tuple>
#include <vector>

#include "base/text.h"
#include "scenario/import/mimic3.h"

namespace tonus::importing::mimic3 {
namespace {

// How an item is read.
enum class Reading {
  kNumber,
  kLeadingNumber,  // "4-Mild to Mod", "+1 Anxious, …": the number in front.
  kText,           // As charted; nothing is known of a number.
  kRiker,          // Text, and a yes/no finding of agitation.
  kConsciousness,  // Text, and a yes/no finding of confusion.
  kGcsEye,
  kGcsVerbal,
  kGcsMotor,
  kGcsTotal,
  kSkip,
};

struct Item {
  Reading reading;
  CodeName name;
  std::string_view method;
  std::string_view kind;
  std::string_view unit;  // Where the one in the row is missing or destroyed; else empty.
  std::string_view why;   // kSkip: the reason.
};

constexpr CodeName kHr{"loinc", "8867-4"};
constexpr CodeName kRr{"loinc", "9279-1"};
constexpr CodeName kSpo2{"loinc", "59408-5"};
constexpr CodeName kSbp{"loinc", "8480-6"};
constexpr CodeName kDbp{"loinc", "8462-4"};
constexpr CodeName kMap{"loinc", "8478-0"};
constexpr CodeName kTemp{"loinc", "8310-5"};
constexpr CodeName kGcs{"loinc", "9269-2"};
constexpr std::string_view kAlarm = "alarm limit of the bedside monitor";
constexpr std::string_view kCalculated = "calculated duplicate of another item";
constexpr std::string_view kSpontaneous = "spontaneous breaths alone, not the respiratory rate";

Item Vital(CodeName name, std::string_view method = {}, std::string_view unit = {}) {
  return {Reading::kNumber, name, method, "vitals", unit, {}};
}
Item Assessed(Reading reading, CodeName name) { return {reading, name, {}, "assessment", {}, {}}; }
Item Skipped(std::string_view why) { return {Reading::kSkip, {}, {}, {}, {}, why}; }

// Item numbers of MIMIC-III's table d_items.
const std::map<std::string, Item, std::less<>>& Items() {
  static const std::map<std::string, Item, std::less<>> items = {
      {"211", Vital(kHr)},
      {"220045", Vital(kHr)},
      {"618", Vital(kRr)},
      {"220210", Vital(kRr)},
      {"615", Vital(kRr, "total")},
      {"224690", Vital(kRr, "total")},
      {"224689", Skipped(kSpontaneous)},
      {"646", Vital(kSpo2)},
      {"220277", Vital(kSpo2)},
      {"455", Vital(kSbp, "cuff")},
      {"8441", Vital(kDbp, "cuff")},
      {"456", Vital(kMap, "cuff")},
      {"220179", Vital(kSbp, "cuff")},
      {"220180", Vital(kDbp, "cuff")},
      {"220181", Vital(kMap, "cuff")},
      {"51", Vital(kSbp, "arterial")},
      {"8368", Vital(kDbp, "arterial")},
      {"52", Vital(kMap, "arterial")},
      {"220050", Vital(kSbp, "arterial")},
      {"220051", Vital(kDbp, "arterial")},
      {"220052", Vital(kMap, "arterial")},
      {"678", Vital(kTemp)},
      {"676", Vital(kTemp)},
      // The degree sign of these two was lost on the way ("?F").
      {"223761", Vital(kTemp, {}, "[degF]")},
      {"223762", Vital(kTemp, {}, "Cel")},
      {"677", Skipped(kCalculated)},
      {"679", Skipped(kCalculated)},
      {"198", Assessed(Reading::kGcsTotal, kGcs)},
      {"184", Assessed(Reading::kGcsEye, kGcs)},
      {"220739", Assessed(Reading::kGcsEye, kGcs)},
      {"723", Assessed(Reading::kGcsVerbal, kGcs)},
      {"223900", Assessed(Reading::kGcsVerbal, kGcs)},
      {"454", Assessed(Reading::kGcsMotor, kGcs)},
      {"223901", Assessed(Reading::kGcsMotor, kGcs)},
      {"228096", Assessed(Reading::kLeadingNumber, {"local", "RASS"})},
      {"524", Skipped("the same as item 1044")},
      {"1044", Assessed(Reading::kLeadingNumber, {"local", "PAIN"})},
      {"223791", Assessed(Reading::kText, {"local", "Pain Level"})},
      {"1337", Assessed(Reading::kRiker, {"local", "Riker-SAS Scale"})},
      {"223753", Assessed(Reading::kRiker, {"local", "Riker-SAS Scale"})},
      {"432", Assessed(Reading::kConsciousness, {"local", "Level of Consciousness"})},
      {"226104", Assessed(Reading::kConsciousness, {"local", "Level of Consciousness"})},
      {"617", Assessed(Reading::kText, {"local", "Respiratory Pattern"})},
      {"224828", {Reading::kNumber, {"loinc", "11555-0"}, {}, "lab", {}, {}}},
      {"5815", Skipped(kAlarm)},
      {"5819", Skipped(kAlarm)},
      {"5820", Skipped(kAlarm)},
      {"8549", Skipped(kAlarm)},
      {"8553", Skipped(kAlarm)},
      {"8554", Skipped(kAlarm)},
      {"220046", Skipped(kAlarm)},
      {"220047", Skipped(kAlarm)},
      {"223769", Skipped(kAlarm)},
      {"223770", Skipped(kAlarm)},
      {"224161", Skipped(kAlarm)},
      {"224162", Skipped(kAlarm)},
  };
  return items;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

bool LeadingNumber(std::string_view text, double* value) {
  std::size_t end = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  while (end < text.size() &&
         (std::isdigit(static_cast<unsigned char>(text[end])) != 0 || text[end] == '.')) {
    ++end;
  }
  return ParseNumber(text.substr(0, end), value);
}

// Points of a GCS answer in words (Teasdale and Jennett, Lancet 1974); 0: not one of them.
double GcsPoints(Reading reading, std::string_view text) {
  double number = 0;
  if (LeadingNumber(text, &number)) return number;
  static const std::map<std::pair<Reading, std::string>, double> points = {
      {{Reading::kGcsEye, "spontaneously"}, 4},
      {{Reading::kGcsEye, "to speech"}, 3},
      {{Reading::kGcsEye, "to pain"}, 2},
      {{Reading::kGcsEye, "none"}, 1},
      {{Reading::kGcsVerbal, "oriented"}, 5},
      {{Reading::kGcsVerbal, "confused"}, 4},
      {{Reading::kGcsVerbal, "inappropriate words"}, 3},
      {{Reading::kGcsVerbal, "incomprehensible sounds"}, 2},
      {{Reading::kGcsVerbal, "no response"}, 1},
      {{Reading::kGcsMotor, "obeys commands"}, 6},
      {{Reading::kGcsMotor, "localizes pain"}, 5},
      {{Reading::kGcsMotor, "flex-withdraws"}, 4},
      {{Reading::kGcsMotor, "abnormal flexion"}, 3},
      {{Reading::kGcsMotor, "abnormal extension"}, 2},
      {{Reading::kGcsMotor, "no response"}, 1},
  };
  const auto found = points.find({reading, LowerCase(text)});
  return found == points.end() ? 0 : found->second;
}

// All that was charted for one stay at one time and filed at one time.
struct Charted {
  v1::Event vitals;
  v1::Event assessment;
  v1::Event lab;
  double eye = 0;
  double verbal = 0;
  double motor = 0;
  double total = 0;
  bool untestable = false;  // The verbal answer was charted as "ET/Trach".
};

class ChartReader {
 public:
  ChartReader(const Stays* stays, Recording* recording) : stays_(stays), recording_(recording) {}

  void Take(const NamedRow& row) {
    const auto item = Items().find(row["itemid"]);
    if (item == Items().end()) {
      recording_->Reject("unknown item", row.Where(), "itemid " + row["itemid"]);
      return;
    }
    if (row["error"] == "1") return recording_->Skip("retracted by whoever charted it");
    if (item->second.reading == Reading::kSkip) {
      return recording_->Skip(std::string(item->second.why));
    }
    if (row["value"].empty()) return recording_->Skip("no value");
    const auto charted = ParseLocalTime(row["charttime"]);
    const auto stored = ParseLocalTime(row["storetime"]);
    if (!charted) return recording_->Reject("no time", row.Where(), "charttime");
    const auto stay = stays_->by_icustay.find(row["icustay_id"]);
    if (stay == stays_->by_icustay.end()) {
      return recording_->Reject("unknown stay", row.Where(), "icustay_id " + row["icustay_id"]);
    }
    AddValue(row, item->second, &At(stay->second, *charted, stored ? *stored : *charted));
  }

  // Rows of one time are together now; the sums of GCS are known only here.
  void Write() {
    for (auto& [key, charted] : charted_) {
      const auto& [recorded_ns, icustay, effective_ns] = key;
      AddGcs(&charted);
      const Stay& stay = stays_->by_icustay.at(icustay);
      const Admission& admission = stays_->by_hadm.at(stay.hadm);
      const std::string unit = stays_->UnitAt(admission, effective_ns);
      for (const auto& [kind, event] :
           {std::pair<std::string_view, v1::Event*>{"vitals", &charted.vitals},
            {"assessment", &charted.assessment},
            {"lab", &charted.lab}}) {
        if (event->has_observations()) recording_->Add({kind, unit, recorded_ns}, *event);
      }
    }
  }

 private:
  using Key = std::tuple<std::int64_t, std::string, std::int64_t>;

  Charted& At(const Stay& stay, std::int64_t effective_ns, std::int64_t recorded_ns) {
    Charted& charted = charted_[Key(recorded_ns, stay.icustay, effective_ns)];
    if (charted.vitals.patient_id().empty()) {
      const std::string source = "chart-" + stay.icustay;
      charted.vitals = MakeEvent(stay.patient, source, effective_ns);
      charted.assessment = charted.vitals;
      charted.lab = charted.vitals;
    }
    return charted;
  }

  void AddValue(const NamedRow& row, const Item& item, Charted* charted) {
    const std::string& value = row["value"];
    double number = 0;
    if (LowerCase(value) == "unable to score") return recording_->Skip("unable to score");
    switch (item.reading) {
      case Reading::kNumber:
      case Reading::kLeadingNumber:
        if (item.reading == Reading::kNumber ? ParseNumber(value, &number)
                                             : LeadingNumber(value, &number)) {
          AddQuantity(item.kind == "lab"      ? &charted->lab
                      : item.kind == "vitals" ? &charted->vitals
                                              : &charted->assessment,
                      item.name, number,
                      item.unit.empty() ? std::string_view(row["valueuom"]) : item.unit)
              ->set_method(std::string(item.method));
        } else {
          recording_->Reject("not a number", row.Where(), "'" + value + "'");
        }
        return;
      case Reading::kText:
        AddText(&charted->assessment, item.name, value);
        return;
      case Reading::kRiker:
        AddText(&charted->assessment, item.name, value);
        // Riker 5 to 7 are the agitated grades (Riker et al., Crit Care Med 1999).
        AddFlag(&charted->assessment, {"local", "AGITATION"},
                LowerCase(value).find("agitated") != std::string::npos)
            ->set_method("Riker-SAS");
        return;
      case Reading::kConsciousness:
        AddText(&charted->assessment, item.name, value);
        if (LowerCase(value) == "confused" || LowerCase(value) == "alert") {
          AddFlag(&charted->assessment, {"local", "CONFUSION"}, LowerCase(value) == "confused")
              ->set_method("level of consciousness");
        }
        return;
      default:
        AddGcsPart(row, item.reading, charted);
    }
  }

  void AddGcsPart(const NamedRow& row, Reading reading, Charted* charted) {
    const std::string& value = row["value"];
    if (reading == Reading::kGcsVerbal && LowerCase(value).find("et") != std::string::npos &&
        (value.find("ETT") != std::string::npos || value.find("Trach") != std::string::npos)) {
      charted->untestable = true;
      return recording_->Skip("verbal answer not testable (tube)");
    }
    const double points = GcsPoints(reading, value);
    const double highest = reading == Reading::kGcsEye      ? 4
                           : reading == Reading::kGcsVerbal ? 5
                           : reading == Reading::kGcsMotor  ? 6
                                                            : 15;
    if (points < 1 || points > highest) {
      return recording_->Reject("no GCS answer", row.Where(), "'" + value + "'");
    }
    (reading == Reading::kGcsEye      ? charted->eye
     : reading == Reading::kGcsVerbal ? charted->verbal
     : reading == Reading::kGcsMotor  ? charted->motor
                                      : charted->total) = points;
  }

  // CareVue charts the total beside its parts, MetaVision the parts alone. A total with a verbal
  // answer that cannot be given ("1T") is no total: it is left out.
  void AddGcs(Charted* charted) {
    if (charted->verbal == 4 || charted->verbal == 5) {
      AddFlag(&charted->assessment, {"local", "CONFUSION"}, charted->verbal == 4)
          ->set_method("GCS verbal answer");
    }
    double total = charted->total;
    if (charted->untestable) {
      if (total > 0) recording_->SkipValue("GCS total with a verbal answer that is not testable");
      return;
    }
    std::string_view method;
    if (total == 0 && charted->eye > 0 && charted->verbal > 0 && charted->motor > 0) {
      total = charted->eye + charted->verbal + charted->motor;
      method = "sum of parts";
    }
    if (total == 0) return;
    AddQuantity(&charted->assessment, kGcs, total, "{score}")->set_method(std::string(method));
  }

  const Stays* stays_;
  Recording* recording_;
  std::map<Key, Charted> charted_;
};

// Blood gases are those of "blood": the table does not say whether it was arterial or venous, and a
// venous saturation must not pass for a low one.
const std::map<std::string, std::string_view, std::less<>>& LabCodes() {
  static const std::map<std::string, std::string_view, std::less<>> codes = {
      {"50809", "2339-0"},  {"50811", "718-7"},   {"50813", "32693-4"}, {"50817", "20564-1"},
      {"50818", "11557-6"}, {"50820", "11558-4"}, {"50821", "11556-8"}, {"50861", "1742-6"},
      {"50878", "1920-8"},  {"50882", "1963-8"},  {"50885", "1975-2"},  {"50893", "17861-6"},
      {"50910", "2157-6"},  {"50912", "2160-0"},  {"50931", "2345-7"},  {"50960", "19123-9"},
      {"50971", "2823-3"},  {"50983", "2951-2"},  {"51006", "3094-0"},  {"51222", "718-7"},
      {"51237", "6301-6"},  {"51265", "777-3"},   {"51301", "6690-2"},
  };
  return codes;
}

// "GREATER THAN 500" → a bound of 500.
void AddLabValue(const NamedRow& row, std::string_view code, v1::Event* event) {
  constexpr std::string_view kGreater = "GREATER THAN ";
  const std::string& value = row["value"];
  double number = 0;
  if (ParseNumber(value, &number)) {
    AddQuantity(event, {"loinc", code}, number, row["valueuom"]);
  } else if (value.starts_with(kGreater) &&
             ParseNumber(std::string_view(value).substr(kGreater.size()), &number)) {
    AddQuantity(event, {"loinc", code}, number, row["valueuom"])->set_comparator(">");
  } else {
    AddText(event, {"loinc", code}, value);
  }
}

}  // namespace

Result<void> ReadChart(const std::string& folder, const Stays& stays, Recording* recording) {
  ChartReader reader(&stays, recording);
  auto read =
      ForEachRow(folder, "chart.csv",
                 {"icustay_id", "charttime", "storetime", "itemid", "value", "valueuom", "error"},
                 recording, [&](const NamedRow& row) { reader.Take(row); });
  if (read) reader.Write();
  return read;
}

Result<void> ReadLabs(const std::string& folder, const Stays& stays, Recording* recording) {
  // A laboratory's time of filing is not in the set: recorded is charted.
  std::map<std::pair<std::int64_t, std::string>, v1::Event> results;
  const auto take = [&](const NamedRow& row) {
    const auto code = LabCodes().find(row["itemid"]);
    const auto charted = ParseLocalTime(row["charttime"]);
    const auto admission = stays.by_hadm.find(row["hadm_id"]);
    if (code == LabCodes().end()) {
      recording->Reject("unknown item", row.Where(), "itemid " + row["itemid"]);
    } else if (!charted) {
      recording->Reject("no time", row.Where(), "charttime");
    } else if (admission == stays.by_hadm.end()) {
      recording->Reject("unknown stay", row.Where(), "hadm_id " + row["hadm_id"]);
    } else {
      v1::Event& event = results[{*charted, row["hadm_id"]}];
      if (event.patient_id().empty()) event = MakeEvent(admission->second.patient, "lab", *charted);
      AddLabValue(row, code->second, &event);
    }
  };
  auto read = ForEachRow(folder, "labs.csv",
                         {"hadm_id", "charttime", "itemid", "value", "valueuom"}, recording, take);
  if (!read) return read;
  for (const auto& [key, event] : results) {
    const std::string unit = stays.UnitAt(stays.by_hadm.at(key.second), key.first);
    recording->Add({"lab", unit, key.first}, event);
  }
  return {};
}

}  // namespace tonus::importing::mimic3
