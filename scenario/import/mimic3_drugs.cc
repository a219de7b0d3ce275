// MIMIC-III demo: prescriptions.csv, inputs_mv.csv and inputs_cv.csv.

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "scenario/import/mimic3.h"

namespace tonus::importing::mimic3 {
namespace {

v1::Route RouteOf(std::string_view text) {
  static const std::map<std::string, v1::Route, std::less<>> routes = {
      {"PO", v1::ROUTE_ORAL},
      {"PO/NG", v1::ROUTE_ORAL},
      {"ORAL", v1::ROUTE_ORAL},
      {"NG", v1::ROUTE_ENTERAL},
      {"J TUBE", v1::ROUTE_ENTERAL},
      {"IV", v1::ROUTE_INTRAVENOUS},
      {"IV DRIP", v1::ROUTE_INTRAVENOUS},
      {"IV BOLUS", v1::ROUTE_INTRAVENOUS},
      {"IVPCA", v1::ROUTE_INTRAVENOUS},
      {"IT", v1::ROUTE_INTRATHECAL},
      {"TD", v1::ROUTE_TRANSDERMAL},
  };
  if (text.empty()) return v1::ROUTE_UNSPECIFIED;
  const auto found = routes.find(text);
  return found == routes.end() ? v1::ROUTE_OTHER : found->second;
}

// Milligrams of one `unit`; nothing where it is no mass.
std::optional<double> MgOf(std::string_view unit) {
  static const std::map<std::string, double, std::less<>> masses = {
      {"mg", 1}, {"mcg", 0.001}, {"g", 1000}, {"gm", 1000}, {"grams", 1000}};
  const auto found = masses.find(unit);
  if (found == masses.end()) return {};
  return found->second;
}

// "25,000" is twenty-five thousand; "2-4" is a range and no number.
bool DoseNumber(std::string text, double* value) {
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  return ParseNumber(text, value) && *value > 0;
}

struct Prescription {
  std::size_t number = 0;  // Row, from 1: names the order.
  std::string drug;
  std::string display;
  v1::Route route = v1::ROUTE_UNSPECIFIED;
  std::optional<double> dose_mg;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;  // End of the last day.
};

class PrescriptionReader {
 public:
  PrescriptionReader(const Stays* stays, Recording* recording)
      : stays_(stays), recording_(recording) {}

  void Take(const NamedRow& row) {
    ++number_;
    const auto admission = stays_->by_hadm.find(row["hadm_id"]);
    const auto start = ParseLocalTime(row["startdate"]);
    const auto end = ParseLocalTime(row["enddate"]);
    if (admission == stays_->by_hadm.end()) {
      return recording_->Reject("unknown stay", row.Where(), "hadm_id " + row["hadm_id"]);
    }
    if (!start || !end) return recording_->Reject("no time", row.Where(), "startdate or enddate");
    if (*end < *start) {
      return recording_->Reject("order ends before it begins", row.Where(),
                                row["startdate"] + " to " + row["enddate"]);
    }
    if (row["drug_type"] == "BASE") return recording_->Skip("carrier fluid of another drug");
    Prescription order;
    order.number = number_;
    order.drug = row["drug"];
    order.display = row["drug"] + " " + row["dose_val_rx"] + " " + row["dose_unit_rx"];
    order.route = RouteOf(row["route"]);
    const auto mg = MgOf(row["dose_unit_rx"]);
    double dose = 0;
    if (!mg) {
      recording_->SkipValue("dose that is no mass");
    } else if (!DoseNumber(row["dose_val_rx"], &dose)) {
      recording_->SkipValue("dose that is a range");
    } else {
      order.dose_mg = dose * *mg;
    }
    order.start_ns = std::max(*start, admission->second.admit_ns);
    order.end_ns = *end + kDayNs - kSecondNs;
    orders_[row["hadm_id"]].push_back(std::move(order));
  }

  void Write() {
    for (auto& [hadm, orders] : orders_) {
      std::stable_sort(orders.begin(), orders.end(),
                       [](const auto& a, const auto& b) { return a.start_ns < b.start_ns; });
      for (const Prescription& order : orders) WriteOne(hadm, order, orders);
    }
  }

 private:
  void WriteOne(const std::string& hadm, const Prescription& order,
                const std::vector<Prescription>& all) {
    const Admission& admission = stays_->by_hadm.at(hadm);
    if (order.start_ns >= admission.end_ns) return recording_->Skip("order after discharge");
    AddOrder(admission, order, v1::ORDER_ACTION_START, order.start_ns);
    // An order that lasts to the day of discharge ends with the stay: nobody stopped it.
    if (order.end_ns >= admission.end_ns) return recording_->SkipValue("order's end at discharge");
    const bool goes_on = std::any_of(all.begin(), all.end(), [&](const Prescription& other) {
      return other.drug == order.drug && other.route == order.route &&
             other.number != order.number && other.start_ns <= order.end_ns + kSecondNs &&
             (other.end_ns > order.end_ns ||
              (other.end_ns == order.end_ns && other.number > order.number));
    });
    if (goes_on) return recording_->SkipValue("order's end while another of the drug goes on");
    AddOrder(admission, order, v1::ORDER_ACTION_STOP, order.end_ns);
  }

  void AddOrder(const Admission& admission, const Prescription& order, v1::OrderAction action,
                std::int64_t time_ns) {
    v1::Event event = MakeEvent(admission.patient, "pharmacy", time_ns);
    v1::Order* out = event.mutable_order();
    out->set_order_id("rx" + std::to_string(order.number));
    out->set_action(action);
    out->mutable_drug()->set_system("local");
    out->mutable_drug()->set_code(ToUtf8(order.drug));
    out->mutable_drug()->set_display(ToUtf8(order.display));
    out->set_route(order.route);
    if (action == v1::ORDER_ACTION_START && order.dose_mg) out->set_dose_mg(*order.dose_mg);
    recording_->Add({"order", stays_->UnitAt(admission, time_ns), time_ns}, event);
  }

  const Stays* stays_;
  Recording* recording_;
  std::size_t number_ = 0;
  std::map<std::string, std::vector<Prescription>> orders_;
};

// Milligrams an hour of one `unit`, for a body of `weight_kg` (0: not known).
std::optional<double> MgPerHourOf(std::string_view unit, double weight_kg) {
  struct Rate {
    double mg_per_h;
    bool per_kg;
  };
  static const std::map<std::string, Rate, std::less<>> rates = {
      {"mg/hour", {1, false}},    {"mghr", {1, false}},      {"mcg/hour", {0.001, false}},
      {"mcghr", {0.001, false}},  {"mgmin", {60, false}},    {"mcg/kg/min", {0.06, true}},
      {"mcgkgmin", {0.06, true}}, {"mg/kg/hour", {1, true}}, {"mgkghr", {1, true}},
  };
  const auto found = rates.find(unit);
  if (found == rates.end() || (found->second.per_kg && weight_kg <= 0)) return {};
  return found->second.mg_per_h * (found->second.per_kg ? weight_kg : 1);
}

bool IsDrug(std::string_view category, std::string_view unit) {
  return category == "Medications" || category == "Antibiotics" ||
         (category.empty() && unit != "mL");
}

struct NamedItem {
  std::string label;
  bool drug = false;
};

class InputReader {
 public:
  InputReader(const Stays* stays, Recording* recording) : stays_(stays), recording_(recording) {}

  void TakeItem(const NamedRow& row) {
    items_[row["itemid"]] = {row["label"], IsDrug(row["category"], row["unit"])};
    recording_->Skip("name of an item");
  }

  void TakeMetaVision(const NamedRow& row) {
    const Stay* stay = StayOf(row);
    const NamedItem* item = ItemOf(row);
    const auto start = ParseLocalTime(row["starttime"]);
    const auto end = ParseLocalTime(row["endtime"]);
    const auto stored = ParseLocalTime(row["storetime"]);
    if (stay == nullptr || item == nullptr) return;
    if (!start || !end) return recording_->Reject("no time", row.Where(), "starttime or endtime");
    if (row["statusdescription"] == "Rewritten") {
      return recording_->Skip("rewritten by a later row");
    }
    if (row["amount"].starts_with('-') || row["rate"].starts_with('-')) {
      return recording_->Reject("negative amount or rate", row.Where(),
                                "amount " + row["amount"] + ", rate " + row["rate"]);
    }
    if (!item->drug || row["amountuom"] == "ml") return recording_->Skip("fluid or food");
    const std::int64_t arrives = stored ? std::max(*stored, *start) : *start;
    double number = 0;
    double weight_kg = 0;
    if (!ParseNumber(row["patientweight"], &weight_kg)) weight_kg = 0;
    v1::Event event = Given(*stay, *item, *start, row["orderid"]);
    if (ParseNumber(row["rate"], &number)) {
      SetRate(MgPerHourOf(row["rateuom"], weight_kg), number, &event);
    } else if (const auto mg = MgOf(row["amountuom"]); mg && ParseNumber(row["amount"], &number)) {
      event.mutable_administration()->set_dose_mg(number * *mg);
    } else {
      recording_->SkipValue("dose that is no mass");
    }
    Add(*stay, event, arrives);
    if (row["rate"].empty() || row["statusdescription"] == "Changed") return;
    // The rate goes to zero where the infusion ended, and was not merely changed.
    v1::Event ended = Given(*stay, *item, *end, row["orderid"]);
    ended.mutable_administration()->set_rate_mg_per_h(0);
    ended.mutable_administration()->set_reason(row["statusdescription"]);
    Add(*stay, ended, std::max(arrives, *end));
  }

  void TakeCareVue(const NamedRow& row) {
    const Stay* stay = StayOf(row);
    const NamedItem* item = ItemOf(row);
    const auto charted = ParseLocalTime(row["charttime"]);
    const auto stored = ParseLocalTime(row["storetime"]);
    if (stay == nullptr || item == nullptr) return;
    if (!charted) return recording_->Reject("no time", row.Where(), "charttime");
    const bool ended = row["stopped"] == "Stopped" || row["stopped"] == "D/C'd";
    double number = 0;
    const bool has_rate = ParseNumber(row["rate"], &number);
    if (row["rateuom"].empty() && MgOf(row["amountuom"]) == std::nullopt && !ended) {
      return recording_->Skip("fluid or food");
    }
    if (row["amountuom"] == "ml" && !has_rate) return recording_->Skip("fluid or food");
    if (number < 0) return recording_->Reject("negative amount or rate", row.Where(), row["rate"]);
    v1::Event event = Given(*stay, *item, *charted, {});
    if (ended) {
      event.mutable_administration()->set_rate_mg_per_h(0);
      event.mutable_administration()->set_reason(row["stopped"]);
    } else if (has_rate) {
      SetRate(MgPerHourOf(row["rateuom"], 0), number, &event);
    } else if (ParseNumber(row["amount"], &number)) {
      event.mutable_administration()->set_dose_mg(number * *MgOf(row["amountuom"]));
    }
    Add(*stay, event, stored ? *stored : *charted);
  }

 private:
  const Stay* StayOf(const NamedRow& row) {
    const auto stay = stays_->by_icustay.find(row["icustay_id"]);
    if (stay != stays_->by_icustay.end()) return &stay->second;
    recording_->Reject("unknown stay", row.Where(), "icustay_id " + row["icustay_id"]);
    return nullptr;
  }

  const NamedItem* ItemOf(const NamedRow& row) {
    const auto item = items_.find(row["itemid"]);
    if (item != items_.end()) return &item->second;
    recording_->Reject("unknown item", row.Where(), "itemid " + row["itemid"]);
    return nullptr;
  }

  static v1::Event Given(const Stay& stay, const NamedItem& item, std::int64_t effective_ns,
                         const std::string& order) {
    v1::Event event = MakeEvent(stay.patient, "infusion-" + stay.icustay, effective_ns);
    v1::Administration* out = event.mutable_administration();
    out->mutable_drug()->set_system("local");
    out->mutable_drug()->set_code(ToUtf8(item.label));
    out->set_route(v1::ROUTE_INTRAVENOUS);
    out->set_status(v1::ADMINISTRATION_STATUS_GIVEN);
    out->set_order_id(order);
    return event;
  }

  void SetRate(std::optional<double> mg_per_h, double rate, v1::Event* event) {
    if (mg_per_h) {
      event->mutable_administration()->set_rate_mg_per_h(rate * *mg_per_h);
    } else {
      recording_->SkipValue("rate that is no mass, or per kg without a weight");
    }
  }

  void Add(const Stay& stay, const v1::Event& event, std::int64_t recorded_ns) {
    const Admission& admission = stays_->by_hadm.at(stay.hadm);
    const std::string unit = stays_->UnitAt(admission, event.effective_ns());
    recording_->Add({"administration", unit, recorded_ns}, event);
  }

  const Stays* stays_;
  Recording* recording_;
  std::map<std::string, NamedItem> items_;
};

}  // namespace

Result<void> ReadPrescriptions(const std::string& folder, const Stays& stays,
                               Recording* recording) {
  PrescriptionReader reader(&stays, recording);
  auto read = ForEachRow(folder, "prescriptions.csv",
                         {"hadm_id", "startdate", "enddate", "drug_type", "drug", "dose_val_rx",
                          "dose_unit_rx", "route"},
                         recording, [&](const NamedRow& row) { reader.Take(row); });
  if (read) reader.Write();
  return read;
}

Result<void> ReadInputs(const std::string& folder, const Stays& stays, Recording* recording) {
  InputReader reader(&stays, recording);
  auto read = ForEachRow(folder, "items.csv", {"itemid", "label", "unit", "category"}, recording,
                         [&](const NamedRow& row) { reader.TakeItem(row); });
  if (!read) return read;
  read =
      ForEachRow(folder, "inputs_mv.csv",
                 {"icustay_id", "starttime", "endtime", "storetime", "itemid", "amount",
                  "amountuom", "rate", "rateuom", "patientweight", "orderid", "statusdescription"},
                 recording, [&](const NamedRow& row) { reader.TakeMetaVision(row); });
  if (!read) return read;
  return ForEachRow(folder, "inputs_cv.csv",
                    {"icustay_id", "charttime", "storetime", "itemid", "amount", "amountuom",
                     "rate", "rateuom", "stopped"},
                    recording, [&](const NamedRow& row) { reader.TakeCareVue(row); });
}

}  // namespace tonus::importing::mimic3
