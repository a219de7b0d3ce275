#include "core/record/patient_record.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "base/topic.h"
#include "tonus/plugin.h"
#include "tonus/v1/event.pb.h"

namespace tonus::core {
namespace {

constexpr std::size_t kProcedures = 256;
constexpr std::size_t kSites = 64;
constexpr std::size_t kDiagnoses = 64;
constexpr std::size_t kTextBytes = 256;
constexpr std::size_t kFrozenSpans = 8;

std::string Bounded(std::string_view text) { return CutText(text, kTextBytes); }

}  // namespace

PatientRecord::PatientRecord(const Mapping& mapping, std::string id)
    : mapping_(&mapping),
      id_(std::move(id)),
      series_(mapping.Count(NameSpace::kSignal) + 1),
      pump_(mapping),
      procedures_(kProcedures) {}

bool PatientRecord::Valid() const {
  return sites_.size() <= kSites && frozen_spans_.size() <= kFrozenSpans &&
         (baselines_.empty() || baselines_.size() == series_.size());
}

void PatientRecord::Amend(const Record& record, const NormalEvent& event, Amended* out) {
  const Ref ref = ++last_ref_;
  const bool vitals = event.topic_kind == "vitals";
  refs_.Add(ref, vitals, record.producer, record.sequence);
  if (ref == 1) facts_.first_seen = event.recorded_ns;
  if (!facts_.placed && facts_.unit.empty()) facts_.unit = UnitName(event.unit);
  out->ref = ref;
  out->late = false;
  out->pump = nullptr;
  out->order = nullptr;
  out->dose = nullptr;
  out->procedure = nullptr;
  out->samples.clear();
  out->signals.clear();
  switch (event.kind) {
    case EventKind::kObservations:
      TakeSamples(event, out);
      break;
    case EventKind::kPump:
      out->late = !pump_.Facts().empty() && event.effective_ns < pump_.Facts().back().effective;
      out->pump = &pump_.Add(event.pump, event.effective_ns, ref);
      break;
    case EventKind::kOrder:
      out->late = event.effective_ns < orders_.Newest();
      out->order = orders_.Apply(event.order, event.effective_ns, ref);
      break;
    case EventKind::kAdministration:
      out->late = event.effective_ns < doses_.Newest(event.administration.drug);
      out->dose = &doses_.Add(event.administration, event.effective_ns, ref);
      break;
    case EventKind::kProcedure:
      TakeProcedure(event, out);
      break;
    case EventKind::kEncounter:
      TakeEncounter(event);
      break;
    case EventKind::kPatient:
      TakePatient(event);
      break;
    case EventKind::kCustom:
    case EventKind::kAction:
      break;
  }
}

void PatientRecord::TakeSamples(const NormalEvent& event, Amended* out) {
  for (const NormalSample& normal : event.samples) {
    std::unique_ptr<Series>& series = series_[normal.signal];
    if (!series) series = NewSeries(normal.signal);
    const std::optional<SiteIndex> site = InternSite(normal.site);
    if (!site) continue;
    if ((normal.flags & kSampleRetracted) != 0) {
      series->Withdraw(normal.effective_ns, normal.value, *site);
      continue;
    }
    Sample sample;
    sample.effective = normal.effective_ns;
    sample.ref = out->ref;
    sample.value = normal.value;
    sample.site = *site;
    sample = series->Insert(sample, event.recorded_ns);
    out->late = out->late || sample.late;
    out->samples.push_back(sample);
    out->signals.push_back(normal.signal);
  }
}

std::unique_ptr<Series> PatientRecord::NewSeries(SignalId id) const {
  const Signal& signal = mapping_->SignalOf(id);
  const double largest =
      std::max(std::fabs(signal.plausible_low), std::fabs(signal.plausible_high));
  return std::make_unique<Series>(signal.dense, PartsOf(largest));
}

void PatientRecord::TakeProcedure(const NormalEvent& event, Amended* out) {
  const NormalProcedure& normal = event.procedure;
  ProcedureFact fact;
  out->late = !procedures_.empty() && event.effective_ns < procedures_.back().effective;
  fact.effective = event.effective_ns;
  fact.ref = out->ref;
  fact.kind = normal.kind;
  if (normal.dose_ug) {
    fact.dose_ug = *normal.dose_ug;
    fact.flags |= TONUS_PROC_HAS_DOSE_UG;
  }
  if (normal.planned) fact.flags |= TONUS_PROC_PLANNED;
  fact.phase = Bounded(normal.phase);
  fact.result = Bounded(normal.result);
  fact.response = Bounded(normal.response);
  fact.reason = Bounded(normal.reason);
  newest_procedure_ = fact;
  procedures_.Insert(std::move(fact));
  pump_.TakeProcedure(mapping_->Name(NameSpace::kProcedure, normal.kind), event.effective_ns);
  out->procedure = &newest_procedure_;
}

void PatientRecord::TakePatient(const NormalEvent& event) {
  const NormalPatient& normal = event.patient_snapshot;
  facts_.age_years = normal.age_years;
  facts_.weight_kg = normal.weight_kg;
  facts_.spo2_scale_2 = normal.spo2_scale_2;
  facts_.sci_level = Bounded(normal.sci_level);
  facts_.diagnoses.clear();
  for (const std::string_view diagnosis : normal.diagnoses) {
    if (facts_.diagnoses.size() == kDiagnoses) break;
    facts_.diagnoses.push_back(Bounded(diagnosis));
  }
  for (const NormalImplant& implant : normal.implants) {
    pump_.TakeSnapshot(implant, event.effective_ns);
  }
}

void PatientRecord::TakeEncounter(const NormalEvent& event) {
  const NormalEncounter& normal = event.encounter;
  if (normal.action == v1::ENCOUNTER_ACTION_ADMIT ||
      normal.action == v1::ENCOUNTER_ACTION_TRANSFER) {
    facts_.placed = true;
    facts_.unit = Bounded(normal.unit);
    facts_.bed = Bounded(normal.bed);
  }
}

const Series* PatientRecord::Find(SignalId signal) const {
  return signal < series_.size() ? series_[signal].get() : nullptr;
}

bool PatientRecord::Stale(SignalId signal, std::int64_t effective, std::int64_t now) const {
  const Signal& meaning = mapping_->SignalOf(signal);
  if (meaning.yes_no) return false;
  const std::int64_t age = now - effective;
  if (age <= meaning.stale_after_ns) return false;
  const Series* series = Find(signal);
  return series == nullptr || age > 3 * series->UsualInterval();
}

BaselineWindow PatientRecord::WindowAt(std::int64_t now) const {
  BaselineWindow window;
  window.now = frozen_since_ ? std::min(*frozen_since_, now) : now;
  window.leave_out = frozen_spans_;
  return window;
}

Baseline PatientRecord::OwnNormal(SignalId signal, std::string_view site, std::int64_t now) const {
  const Series* series = Find(signal);
  if (series == nullptr) return {};
  BaselineWindow window = WindowAt(now);
  if (series->Dense()) {
    if (baselines_.empty()) baselines_.resize(series_.size());
    CachedBaseline& cached = baselines_[signal];
    const std::int64_t hour = window.now / kHourNs;
    if (cached.hour != hour || cached.amendments != series->Amendments() ||
        cached.freezes != freezes_) {
      cached = {hour, series->Amendments(), freezes_, series->BaselineOver(window)};
    }
    return cached.baseline;
  }
  if (!site.empty()) {
    window.site = FindSite(site);
    if (window.site) {
      const Baseline own = series->BaselineOver(window);
      if (own.n > 0) return own;
    }
  }
  window.site = SiteIndex{0};
  return series->BaselineOver(window);
}

void PatientRecord::SetFrozen(bool frozen, std::int64_t now) {
  if (frozen == frozen_since_.has_value()) return;
  ++freezes_;
  if (frozen) {
    frozen_since_ = now;
    return;
  }
  if (frozen_spans_.size() == kFrozenSpans) frozen_spans_.erase(frozen_spans_.begin());
  frozen_spans_.push_back({*frozen_since_, now});
  frozen_since_.reset();
}

std::string_view PatientRecord::SiteName(SiteIndex site) const {
  return site == 0 || site > sites_.size() ? std::string_view{} : sites_[site - 1];
}

std::optional<SiteIndex> PatientRecord::FindSite(std::string_view site) const {
  if (site.empty()) return SiteIndex{0};
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    if (sites_[i] == site) return static_cast<SiteIndex>(i + 1);
  }
  return std::nullopt;
}

std::optional<SiteIndex> PatientRecord::InternSite(std::string_view site) {
  const std::optional<SiteIndex> found = FindSite(site);
  if (found || sites_.size() == kSites) return found;
  sites_.push_back(Bounded(site));
  return static_cast<SiteIndex>(sites_.size());
}

}  // namespace tonus::core
