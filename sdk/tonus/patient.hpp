/* SPDX-License-Identifier: Apache-2.0
 *
 * tonus/patient.hpp: what a detector is shown, and what it says.
 * Part of tonus/detector.hpp. */
#ifndef TONUS_PATIENT_HPP
#define TONUS_PATIENT_HPP

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tonus/declare.hpp"

namespace tonus {

/* ---- What a detector says -------------------------------------------------------------------- */

/* One reason, filled in step by step. Owned by its Finding. */
class Evidence {
 public:
  Evidence(std::uint32_t role, std::string_view name) : name_(name) {
    table_.struct_size = sizeof table_;
    table_.role = role;
  }
  Evidence& Text(std::string text) {
    text_ = std::move(text);
    return *this;
  }
  template <class Unit>
  Evidence& Value(Quantity<Unit> value) {
    return Value(value.value(), Unit::kUcum);
  }
  Evidence& Value(double value, const char* ucum) {
    table_.value = value;
    table_.unit = Str(ucum);
    table_.known |= TONUS_EVI_VALUE;
    if (table_.relation == TONUS_REL_NONE) table_.relation = TONUS_REL_VALUE;
    return *this;
  }
  /* The patient's own normal; the sentence then speaks of a rise or a fall. */
  Evidence& Baseline(double baseline) {
    table_.baseline = baseline;
    table_.known |= TONUS_EVI_BASELINE;
    table_.relation = table_.value < baseline ? TONUS_REL_FALL : TONUS_REL_RISE;
    return *this;
  }
  template <class Unit>
  Evidence& Baseline(Quantity<Unit> baseline) {
    return Baseline(baseline.value());
  }
  /* The setting whose limit was met, and how. */
  template <class Unit>
  Evidence& Limit(tonus_relation relation, const Setting<Unit>& setting) {
    table_.param = setting.param();
    table_.known |= TONUS_EVI_PARAM;
    return Limit(relation, setting.value());
  }
  Evidence& Limit(tonus_relation relation, double threshold) {
    table_.threshold = threshold;
    table_.known |= TONUS_EVI_THRESHOLD;
    if ((table_.known & TONUS_EVI_BASELINE) == 0) {
      table_.relation = static_cast<std::uint32_t>(relation);
    }
    return *this;
  }
  /* The setting that holds the limit, where only its index is at hand. */
  Evidence& Param(std::uint32_t param) {
    table_.param = param;
    table_.known |= TONUS_EVI_PARAM;
    return *this;
  }
  Evidence& Weight(double weight) {
    table_.weight = weight;
    table_.known |= TONUS_EVI_WEIGHT;
    return *this;
  }
  /* When the value was true. */
  Evidence& At(tonus_ns at) {
    table_.at = at;
    return *this;
  }
  /* It happened at that time. */
  Evidence& Happened(tonus_ns at) {
    table_.relation = TONUS_REL_EVENT;
    return At(at);
  }
  /* It has held since that time. */
  Evidence& Since(tonus_ns at) {
    table_.relation = TONUS_REL_SINCE;
    return At(at);
  }
  Evidence& Ref(tonus_ref ref) {
    if (ref != 0) refs_.push_back(ref);
    return *this;
  }

  /* A view of this object, valid while it lives unchanged. */
  tonus_evidence Table() const {
    tonus_evidence table = table_;
    table.name = Str(name_);
    table.text = Str(text_);
    table.refs = DetectorBase::ArrayOf(refs_);
    return table;
  }

 private:
  tonus_evidence table_{};
  std::string name_, text_;
  std::vector<tonus_ref> refs_;
};

/* The whole present opinion on one condition. Nothing is said before Report(). */
class Finding {
 public:
  Finding(const tonus_host* host, tonus_ctx* ctx, const Condition& condition, std::uint32_t tier,
          Priority priority)
      : host_(host), ctx_(ctx) {
    table_.struct_size = sizeof table_;
    table_.condition = condition.index();
    table_.tier = tier;
    table_.priority = static_cast<std::uint32_t>(priority);
  }
  Evidence& For(std::string_view name) { return Add(TONUS_FOR, name); }
  Evidence& Against(std::string_view name) { return Add(TONUS_AGAINST, name); }
  /* `newest`: effective time of the newest value; 0: never seen. */
  Evidence& Missing(std::string_view name, tonus_ns newest) {
    return Add(TONUS_MISSING, name).At(newest);
  }
  Evidence& Competing(std::string_view condition, std::string why) {
    return Add(TONUS_COMPETING, condition).Text(std::move(why));
  }
  Evidence& Suppressed(std::string_view name, std::string why) {
    return Add(TONUS_SUPPRESSED, name).Text(std::move(why));
  }
  Evidence& WorkUp(std::string step) { return Add(TONUS_WORK_UP, "").Text(std::move(step)); }
  Finding& Text(std::string text) {
    text_ = std::move(text);
    return *this;
  }
  /* Must not end or step down by the host's own rules. */
  Finding& Hold(bool hold = true) {
    if (hold) table_.flags |= TONUS_FINDING_HOLD;
    return *this;
  }
  Finding& Clear() {
    table_.flags |= TONUS_FINDING_CLEAR;
    return *this;
  }
  void Report() {
    std::vector<tonus_evidence> rows;
    rows.reserve(evidence_.size());
    for (const Evidence& e : evidence_) {
      rows.push_back(e.Table());
      const tonus_evidence& row = rows.back();
      if (!std::isfinite(row.value) || !std::isfinite(row.baseline) ||
          !std::isfinite(row.threshold) || !std::isfinite(row.weight)) {
        throw HostError(TONUS_BAD_ARG, "evidence " + std::string(View(row.name)) +
                                           " has a number that is not finite");
      }
    }
    table_.evidence = DetectorBase::ArrayOf(rows);
    table_.text = Str(text_);
    const tonus_rc rc = host_->report(ctx_, &table_);
    if (rc != TONUS_OK) throw HostError(rc, "the host refused a finding");
  }

 private:
  Evidence& Add(std::uint32_t role, std::string_view name) {
    evidence_.emplace_back(role, name);
    return evidence_.back();
  }
  const tonus_host* host_;
  tonus_ctx* ctx_;
  tonus_finding table_{};
  std::deque<Evidence> evidence_; /* references stay valid while it grows */
  std::string text_;
};

/* ---- What a detector is shown ---------------------------------------------------------------- */

/* The newest value of a signal. */
template <class Unit>
struct Reading {
  Quantity<Unit> value;
  tonus_ns effective = 0; /* 0: never seen */
  tonus_ref ref = 0;
  bool known = false;
  bool stale = false;
  std::string_view site;
  bool fresh() const { return known && !stale; }
};

template <class Unit>
struct Normal {
  Quantity<Unit> median, mad;
  std::uint32_t status = TONUS_BASELINE_NONE;
  std::uint32_t n = 0;
  bool known() const { return status != TONUS_BASELINE_NONE; }
};

/* What happened. The record already contains it. */
class Event {
 public:
  explicit Event(const tonus_event* event) : event_(event) {}
  std::uint32_t kind() const { return event_->kind; }
  tonus_ref ref() const { return event_->ref; }
  tonus_ns recorded() const { return event_->recorded; }
  tonus_ns effective() const { return event_->effective; }
  bool late() const { return (event_->flags & TONUS_LATE) != 0; }
  Rows<tonus_sample> samples() const { return Rows<tonus_sample>(event_->samples); }
  template <class Unit>
  bool has(const Signal<Unit>& signal) const {
    for (const tonus_sample& sample : samples()) {
      if (sample.signal == signal.id()) return true;
    }
    return false;
  }
  /* The struct that tonus_event_kind names for this kind; null if there is none. */
  template <class T>
  const T* as() const {
    return static_cast<const T*>(event_->body);
  }

 private:
  const tonus_event* event_;
};

/* One patient's record as of this call, and what may be said about the patient. */
class Patient {
 public:
  Patient(const DetectorBase& detector, tonus_ctx* ctx)
      : host_(detector.host()), record_(detector.record()), ctx_(ctx) {}

  tonus_ns now() const { return host_->now(ctx_); }

  template <class Unit>
  Reading<Unit> latest(const Signal<Unit>& signal, std::string_view site = {}) const {
    tonus_sample sample{};
    Reading<Unit> reading;
    if (signal.id() == 0 || !Known(record_->latest(ctx_, signal.id(), Str(site), &sample))) {
      return reading;
    }
    reading.value = Quantity<Unit>(sample.value);
    reading.effective = sample.effective;
    reading.ref = sample.ref;
    reading.known = true;
    reading.stale = (sample.flags & TONUS_STALE) != 0;
    reading.site = View(sample.site);
    return reading;
  }
  /* Raw samples, from ≤ t < to, oldest first, while they are in the ring. */
  template <class Unit>
  Rows<tonus_sample> window(const Signal<Unit>& signal, tonus_ns from, tonus_ns to) const {
    tonus_array rows{};
    if (signal.id() == 0 || !Known(record_->window(ctx_, signal.id(), from, to, &rows))) return {};
    return Rows<tonus_sample>(rows);
  }
  /* n is 0 where there is no value in from ≤ t < to. */
  template <class Unit>
  tonus_stats stats(const Signal<Unit>& signal, tonus_ns from, tonus_ns to) const {
    tonus_stats stats{};
    stats.struct_size = sizeof stats;
    if (signal.id() == 0 || !Known(record_->stats(ctx_, signal.id(), from, to, &stats))) {
      stats.n = 0;
    }
    return stats;
  }
  /* How the signal went over from ≤ t < to: n is 0 where there is no value, or on a host that
   * cannot say. Time above is that during which a value greater than `threshold` held, each until
   * the next one and for `longest_hold` at the most. Of one site only raw samples are known. */
  template <class Unit>
  tonus_summary summary(const Signal<Unit>& signal, tonus_ns from, tonus_ns to,
                        Quantity<Unit> threshold = {}, tonus_ns longest_hold = kHour,
                        std::string_view site = {}) const {
    tonus_summary summary{};
    summary.struct_size = sizeof summary;
    constexpr std::size_t kNeeded = offsetof(tonus_record_1, summary) + sizeof record_->summary;
    if (signal.id() == 0 || record_->struct_size < kNeeded ||
        !Known(record_->summary(ctx_, signal.id(), Str(site), from, to, threshold.value(),
                                longest_hold, &summary))) {
      summary.n = 0;
    }
    return summary;
  }
  template <class Unit>
  Normal<Unit> baseline(const Signal<Unit>& signal, std::string_view site = {}) const {
    tonus_baseline row{};
    row.struct_size = sizeof row;
    Normal<Unit> normal;
    if (signal.id() == 0 || !Known(record_->baseline(ctx_, signal.id(), Str(site), &row))) {
      return normal;
    }
    normal.median = Quantity<Unit>(row.median);
    normal.mad = Quantity<Unit>(row.mad);
    normal.status = row.status;
    normal.n = row.n;
    return normal;
  }
  Rows<tonus_dose> doses(const Drug& drug, tonus_ns from, tonus_ns to) const {
    return drug.id() == 0 ? Rows<tonus_dose>() : AllDoses(drug.id(), from, to);
  }
  Rows<tonus_dose> doses(tonus_ns from, tonus_ns to) const { return AllDoses(0, from, to); }
  Rows<tonus_order> orders(const Drug& drug) const {
    return drug.id() == 0 ? Rows<tonus_order>() : AllOrders(drug.id());
  }
  Rows<tonus_order> orders() const { return AllOrders(0); }
  bool in_class(std::uint32_t drug, const DrugClass& drug_class) const {
    return drug_class.id() != 0 && record_->drug_in_class(ctx_, drug, drug_class.id()) != 0;
  }
  Rows<tonus_pump_event> pump_events(const PumpEventKind& kind, tonus_ns from, tonus_ns to) const {
    return kind.id() == 0 ? Rows<tonus_pump_event>() : AllPumpEvents(kind.id(), from, to);
  }
  Rows<tonus_pump_event> pump_events(tonus_ns from, tonus_ns to) const {
    return AllPumpEvents(0, from, to);
  }
  /* flags is 0 where no intrathecal pump is on record. */
  tonus_pump pump() const {
    tonus_pump pump{};
    pump.struct_size = sizeof pump;
    if (!Known(record_->pump(ctx_, &pump))) pump.flags = 0;
    return pump;
  }
  Rows<tonus_procedure> procedures(const ProcedureKind& kind, tonus_ns from, tonus_ns to) const {
    return kind.id() == 0 ? Rows<tonus_procedure>() : AllProcedures(kind.id(), from, to);
  }
  Rows<tonus_procedure> procedures(tonus_ns from, tonus_ns to) const {
    return AllProcedures(0, from, to);
  }
  tonus_patient info() const {
    tonus_patient patient{};
    patient.struct_size = sizeof patient;
    if (!Known(record_->patient(ctx_, &patient))) patient.flags = 0;
    return patient;
  }
  /* Whether the other detector's finding is open, and if so what it says. */
  bool finding(const Peer& peer, tonus_peer_finding* out) const {
    *out = {};
    out->struct_size = sizeof *out;
    return peer.id() != 0 && Known(record_->finding(ctx_, peer.id(), out));
  }
  /* The configured name of an id, such as the kind of a pump event; valid for ever. */
  std::string_view name(tonus_name_space space, std::uint32_t id) const {
    tonus_str name{};
    const bool known = Known(host_->name_of(host_, static_cast<std::uint32_t>(space), id, &name));
    return known ? View(name) : std::string_view();
  }

  void set_timer(std::uint32_t id, tonus_ns deadline) {
    Known(host_->set_timer(ctx_, id, deadline));
  }
  void cancel_timer(std::uint32_t id) { Known(host_->cancel_timer(ctx_, id)); }
  Finding finding(const Condition& condition, std::uint32_t tier, Priority priority) const {
    return Finding(host_, ctx_, condition, tier, priority);
  }
  /* The condition does not hold, or no longer. Costs nothing where it was never stated. */
  void clear(const Condition& condition) const {
    Finding(host_, ctx_, condition, 0, Priority::kInfo).Clear().Report();
  }
  std::uint32_t fuel() const { return host_->fuel(ctx_); }

 private:
  /* Good → true, not known → false, anything else ends the call. */
  static bool Known(tonus_rc rc) {
    if (rc == TONUS_OK) return true;
    if (rc == TONUS_NOT_KNOWN) return false;
    throw HostError(rc, rc == TONUS_NO_FUEL ? "this call has used up its host work"
                                            : "the host refused a request");
  }
  Rows<tonus_dose> AllDoses(std::uint32_t drug, tonus_ns from, tonus_ns to) const {
    tonus_array rows{};
    return Known(record_->doses(ctx_, drug, from, to, &rows)) ? Rows<tonus_dose>(rows)
                                                              : Rows<tonus_dose>();
  }
  Rows<tonus_order> AllOrders(std::uint32_t drug) const {
    tonus_array rows{};
    return Known(record_->orders(ctx_, drug, &rows)) ? Rows<tonus_order>(rows)
                                                     : Rows<tonus_order>();
  }
  Rows<tonus_pump_event> AllPumpEvents(std::uint32_t kind, tonus_ns from, tonus_ns to) const {
    tonus_array rows{};
    return Known(record_->pump_events(ctx_, kind, from, to, &rows)) ? Rows<tonus_pump_event>(rows)
                                                                    : Rows<tonus_pump_event>();
  }
  Rows<tonus_procedure> AllProcedures(std::uint32_t kind, tonus_ns from, tonus_ns to) const {
    tonus_array rows{};
    return Known(record_->procedures(ctx_, kind, from, to, &rows)) ? Rows<tonus_procedure>(rows)
                                                                   : Rows<tonus_procedure>();
  }

  const tonus_host* host_;
  const tonus_record_1* record_;
  tonus_ctx* ctx_;
};

}  // namespace tonus

#endif
