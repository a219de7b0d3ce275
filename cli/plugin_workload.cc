#include "cli/plugin_workload.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>

#include "base/text.h"
#include "base/topic.h"
#include "scenario/events.h"
#include "scenario/ward.h"
#include "tonus/plugin.h"
#include "tonus/v1/event.pb.h"

namespace tonus::cli {
namespace {

constexpr LogTimeNs kStartNs = 1'709'280'000LL * kSecondNs;  // 2024-03-01T08:00:00Z
constexpr LogTimeNs kSweepNs = 10 * kMinuteNs;
constexpr int kSteadySteps = 150;  ///< A bit over a day at one value, for a baseline.
constexpr int kMovingSteps = 150;
constexpr std::size_t kThinWard = 30;
constexpr std::size_t kDrugsAtOnce = 6;  ///< Of those declared, in turn.

const char* TopicKind(const core::Signal& signal) {
  switch (signal.kind) {
    case core::SignalKind::kAssessment:
      return "assessment";
    case core::SignalKind::kLab:
      return "lab";
    case core::SignalKind::kVitals:
      break;
  }
  return "vitals";
}

/// Makes the events of the swept patients.
class Sweep {
 public:
  Sweep(const core::Mapping& mapping, const std::vector<core::DetectorDecl>& detectors,
        std::vector<scenario::TimedRecord>* out)
      : mapping_(mapping), out_(out) {
    for (const core::DetectorDecl& detector : detectors) {
      for (const core::InputDecl& input : detector.inputs) Want(input);
    }
  }

  /// `phase` keeps patients apart: no two are shown the same at one time.
  void Patient(const std::string& patient, unsigned phase, bool rubbish) {
    patient_ = patient;
    state_ = 0x9E3779B97F4A7C15ULL * (phase + 1);
    at_ = kStartNs - 2 * kDayNs + phase * kSecondNs;
    Admit();
    for (int step = 0; step < kSteadySteps + kMovingSteps; ++step, at_ += kSweepNs) {
      Vitals(step, phase);
      Charted(step, phase);
      if (step % 24 == 7) Facts(static_cast<unsigned>(step));
      if (rubbish && step % 5 == 3) Rubbish(step);
    }
    if (rubbish) Discharge();
  }

 private:
  void Want(const core::InputDecl& input) {
    using core::NameSpace;
    if (input.kind == TONUS_IN_SIGNAL) {
      if (const auto id = mapping_.Find(NameSpace::kSignal, input.name)) signals_.insert(id);
    } else if (input.kind == TONUS_IN_PUMP) {
      pump_ = true;
    } else if (input.kind == TONUS_IN_PROCEDURE) {
      procedures_ = true;
    } else if (input.kind == TONUS_IN_ORDER || input.kind == TONUS_IN_ADMINISTRATION) {
      const auto group = mapping_.Find(NameSpace::kDrugClass, input.name);
      for (core::DrugId drug = 1; drug <= mapping_.Count(NameSpace::kDrug); ++drug) {
        const bool in = input.name.empty() || mapping_.DrugOf(drug).name == input.name ||
                        (group != 0 && mapping_.DrugInClass(drug, group));
        const std::string& name = mapping_.DrugOf(drug).name;
        const bool there = std::find(drugs_.begin(), drugs_.end(), name) != drugs_.end();
        if (in && !there) drugs_.push_back(name);
      }
    }
  }

  std::uint64_t Draw() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return state_ >> 33U;
  }

  v1::Event Begin(const char* source) {
    v1::Event event;
    event.set_patient_id(patient_);
    event.set_source_id(patient_ + "-" + source);
    event.set_source_sequence(++sequence_);
    event.set_effective_ns(at_);
    return event;
  }
  void Send(const char* kind, const v1::Event& event, std::int64_t delay_ns = 0) {
    out_->push_back({at_ + delay_ns, JoinTopic({kind, "icu", EscapeTopicPart(patient_)}),
                     event.SerializeAsString()});
  }

  void Admit() {
    v1::Event event = Begin("adt");
    event.mutable_encounter()->set_action(v1::ENCOUNTER_ACTION_ADMIT);
    event.mutable_encounter()->set_unit("icu");
    event.mutable_encounter()->set_bed("7");
    Send("encounter", event);
    event = Begin("adt");
    event.mutable_patient()->set_age_years(44);
    event.mutable_patient()->set_weight_kg(70);
    event.mutable_patient()->add_diagnoses("multiple sclerosis");
    Send("patient", event);
  }
  void Discharge() {
    v1::Event event = Begin("adt");
    event.mutable_encounter()->set_action(v1::ENCOUNTER_ACTION_DISCHARGE);
    Send("encounter", event);
  }

  /// A monitor sends all of a moment in one message, and of each signal half a minute before, too.
  void Vitals(int step, unsigned phase) {
    v1::Event event = Begin("monitor");
    for (const core::SignalId id : signals_) {
      const core::Signal& signal = mapping_.SignalOf(id);
      if (signal.kind != core::SignalKind::kVitals) continue;
      for (const std::int64_t before : {30 * kSecondNs, std::int64_t{0}}) {
        Show(signal, step, phase, &event);
        event.mutable_observations()->mutable_items()->rbegin()->set_offset_ns(-before);
      }
    }
    if (event.has_observations()) Send("vitals", event);
  }
  void Charted(int step, unsigned phase) {
    if (step % 12 != static_cast<int>(phase) % 12) return;
    for (const core::SignalId id : signals_) {
      const core::Signal& signal = mapping_.SignalOf(id);
      if (signal.kind == core::SignalKind::kVitals) continue;
      v1::Event event = Begin("chart");
      Show(signal, step, phase, &event);
      Send(TopicKind(signal), event);
    }
  }

  void Show(const core::Signal& signal, int step, unsigned phase, v1::Event* event) {
    const double low = signal.plausible_low, high = signal.plausible_high;
    double part = 0.4 + 0.01 * static_cast<double>(Draw() % 5);
    if (step >= kSteadySteps) {
      // A slow wave over the whole range, with its ends, and now and then a jump.
      const int wave = (step - kSteadySteps + static_cast<int>(phase) * 37) % 100;
      part = wave < 50 ? wave / 49.0 : (99 - wave) / 49.0;
      if (Draw() % 17 == 0) part = static_cast<double>(Draw() % 101) / 100.0;
    }
    double value = low + part * (high - low);
    if (signal.yes_no) value = part > 0.5 ? 1 : 0;
    if (signal.decimals == 0) value = static_cast<double>(static_cast<long>(value));
    v1::Observation* item = event->mutable_observations()->add_items();
    item->mutable_code()->set_code(signal.name);
    item->set_quantity(value);
    item->set_unit(signal.unit);
    if (signal.sites) item->set_body_site(Draw() % 2 == 0 ? "left_leg" : "right_leg");
  }

  void Facts(unsigned step) {
    if (pump_) Pump(step);
    if (procedures_) {
      const auto names = mapping_.Names(core::NameSpace::kProcedure);
      v1::Event event = Begin("notes");
      event.mutable_procedure()->set_kind(names[Draw() % names.size()]);
      event.mutable_procedure()->set_planned(step % 3 == 0);
      Send("procedure", event);
    }
    for (std::size_t n = 0; n < std::min(kDrugsAtOnce, drugs_.size()); ++n) {
      const std::string& drug = drugs_[next_drug_++ % drugs_.size()];
      v1::Event event = Begin("orders");
      v1::Order* order = event.mutable_order();
      order->set_action(std::array{v1::ORDER_ACTION_START, v1::ORDER_ACTION_CHANGE,
                                   v1::ORDER_ACTION_HOLD, v1::ORDER_ACTION_RESUME,
                                   v1::ORDER_ACTION_STOP}[Draw() % 5]);
      order->mutable_drug()->set_code(drug);
      order->set_route(v1::ROUTE_ORAL);
      order->set_dose_mg(5 + static_cast<double>(Draw() % 4) * 5);
      order->set_interval_ns(8 * kHourNs);
      Send("order", event);
      event = Begin("emar");
      v1::Administration* given = event.mutable_administration();
      given->mutable_drug()->set_code(drug);
      given->set_route(v1::ROUTE_ORAL);
      given->set_dose_mg(10);
      given->set_status(Draw() % 3 == 0 ? v1::ADMINISTRATION_STATUS_MISSED
                                        : v1::ADMINISTRATION_STATUS_GIVEN);
      Send("administration", event);
    }
  }

  void Pump(unsigned step) {
    v1::Event event = Begin("pump");
    if (step % 48 == 7) {
      v1::PumpStatus* status = event.mutable_pump_status();
      status->set_model("SynchroMed II");
      status->mutable_drug()->set_code("baclofen");
      status->set_concentration_ug_per_ml(2000);
      status->set_programmed_daily_dose_ug(200 + static_cast<double>(Draw() % 300));
      status->set_computed_reservoir_ml(static_cast<double>(Draw() % 20));
      status->set_low_reservoir_alarm_ml(2);
    } else {
      const auto names = mapping_.Names(core::NameSpace::kPumpEvent);
      v1::PumpEvent* fact = event.mutable_pump_event();
      fact->set_kind(names[Draw() % names.size()]);
      fact->set_expected_ml(5);
      fact->set_aspirated_ml(static_cast<double>(Draw() % 10));
      fact->set_filled_ml(20);
      fact->set_daily_dose_ug(300);
      fact->set_planned(step % 3 == 0);
    }
    Send("pump", event);
  }

  /// Input as no device should send it.
  void Rubbish(int step) {
    if (!out_->empty() && step % 2 == 0) {
      scenario::TimedRecord again = out_->back();
      again.recorded_ns += kSecondNs;
      out_->push_back(again);
    }
    for (const core::SignalId id : signals_) {
      const core::Signal& signal = mapping_.SignalOf(id);
      constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
      const double values[] = {
          -1e300, 1e300, kNone, -signal.plausible_high, 0, signal.plausible_high * 1.01};
      v1::Event event = Begin("monitor");
      v1::Observation* item = event.mutable_observations()->add_items();
      item->mutable_code()->set_code(signal.name);
      item->set_quantity(values[Draw() % std::size(values)]);
      item->set_unit(Draw() % 4 == 0 ? "furlong" : signal.unit);
      if (Draw() % 5 == 0) item->set_text("\x01 none \xF0\x9F\x98\xB7");
      Send(TopicKind(signal), event);
      // What was true an hour ago arrives now; and a clock that runs a year ahead.
      event = Begin("monitor");
      event.set_effective_ns(at_ + (step % 3 == 0 ? 365 * kDayNs : -kHourNs - kSecondNs * step));
      item = event.mutable_observations()->add_items();
      item->mutable_code()->set_code(signal.name);
      item->set_quantity(signal.plausible_low +
                         0.7 * (signal.plausible_high - signal.plausible_low));
      item->set_unit(signal.unit);
      Send(TopicKind(signal), event, kSecondNs);
    }
    v1::Event event = Begin("pump");
    event.mutable_pump_event()->set_kind(step % 2 == 0 ? "no_such_event" : "refill");
    event.mutable_pump_event()->set_aspirated_ml(-5);
    Send("pump", event);
    out_->push_back({at_, JoinTopic({"vitals", "icu", EscapeTopicPart(patient_)}),
                     std::string("\xFF\x00garbage", 9)});
  }

  const core::Mapping& mapping_;
  std::vector<scenario::TimedRecord>* out_;
  std::set<core::SignalId> signals_;
  std::vector<std::string> drugs_;
  std::size_t next_drug_ = 0;
  bool pump_ = false, procedures_ = false;
  std::string patient_;
  std::uint64_t state_ = 0, sequence_ = 0;
  LogTimeNs at_ = 0;
};

void AddTicks(LogTimeNs end_ns, std::vector<scenario::TimedRecord>* out) {
  for (LogTimeNs at = kStartNs - 2 * kDayNs; at < end_ns; at += 10 * kMinuteNs) {
    out->push_back({at, "tick.", {}});
  }
  out->push_back({end_ns, "tick.", {}});
}

}  // namespace

std::string PatientOfTopic(const std::string& topic) {
  const std::size_t unit = topic.find('.');
  const std::size_t patient = unit == std::string::npos ? unit : topic.find('.', unit + 1);
  if (patient == std::string::npos) return {};
  const std::size_t end = topic.find('.', patient + 1);
  return end == std::string::npos ? std::string()
                                  : UnescapeTopicPart(topic.substr(patient + 1, end - patient - 1));
}

std::vector<Record> MakeWorkload(const std::vector<core::DetectorDecl>& detectors,
                                 const core::Mapping& mapping, const WorkloadOptions& options) {
  std::vector<scenario::TimedRecord> timed;
  if (options.ward_patients > 0) {
    std::vector<scenario::TimedRecord> ward;
    scenario::Ward source({options.ward_patients, 7, kStartNs});
    source.Take(kStartNs + options.ward_hours * kHourNs, &ward);
    std::size_t vitals = 0;
    for (scenario::TimedRecord& record : ward) {
      if (record.topic.starts_with("vitals.") && vitals++ % kThinWard != 0) continue;
      timed.push_back(std::move(record));
    }
  }
  Sweep sweep(mapping, detectors, &timed);
  unsigned phase = 0;
  for (const char* patient : kSweptPatients) {
    const bool last = ++phase == std::size(kSweptPatients);
    sweep.Patient(patient, phase, last && options.rubbish);
  }
  LogTimeNs end = 0;
  for (const scenario::TimedRecord& record : timed) end = std::max(end, record.recorded_ns);
  AddTicks(end + 3 * kDayNs, &timed);
  std::stable_sort(timed.begin(), timed.end(),
                   [](const auto& a, const auto& b) { return a.recorded_ns < b.recorded_ns; });
  std::vector<Record> out;
  for (scenario::TimedRecord& record : timed) {
    Record& next = out.emplace_back();
    next.offset = next.sequence = out.size();
    next.recorded_ns = record.recorded_ns;
    next.topic = std::move(record.topic);
    next.payload = std::move(record.payload);
    next.producer = "check";
  }
  return out;
}

std::vector<Record> Without(const std::vector<Record>& records, const std::string& kind) {
  std::vector<Record> out;
  for (const Record& record : records) {
    if (!record.topic.starts_with(kind + ".")) out.push_back(record);
  }
  return out;
}

std::vector<Record> OfPatient(const std::vector<Record>& records, const std::string& patient) {
  std::vector<Record> out;
  for (const Record& record : records) {
    const std::string whose = PatientOfTopic(record.topic);
    if (whose.empty() || whose == patient) out.push_back(record);
  }
  return out;
}

}  // namespace tonus::cli
