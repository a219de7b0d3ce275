// The patient record as detectors read it. Every row is copied into scratch memory as the struct of
// the header, so that the record's own layout is free to change. Fuel: one for the call and one for
// each row; of statistics one for each 64 values.

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/host/call.h"
#include "core/host/views.h"

namespace tonus::core {

tonus_sample ViewOf(const Sample& sample, SignalId signal, const PatientRecord& record) {
  tonus_sample out = {};
  out.effective = sample.effective;
  out.ref = sample.ref;
  out.value = sample.value;
  out.signal = signal;
  out.flags = TONUS_KNOWN | (sample.late ? TONUS_LATE : 0U);
  out.site = StrOf(record.SiteName(sample.site));
  return out;
}

tonus_dose ViewOf(const Dose& dose) {
  return {dose.effective, dose.ref,     dose.drug,    dose.route,        dose.status,
          dose.flags,     dose.dose_mg, dose.dose_ug, StrOf(dose.reason)};
}

tonus_order ViewOf(const Order& order) {
  tonus_order out = {};
  out.since = order.since;
  out.changed_at = order.changed_at;
  out.ref = order.ref;
  out.drug = order.drug;
  out.route = order.route;
  out.status = order.status;
  out.flags = order.flags;
  out.dose_mg = order.dose_mg;
  out.dose_ug = order.dose_ug;
  out.previous_daily_mg = order.previous_daily_mg;
  out.previous_daily_ug = order.previous_daily_ug;
  out.interval = order.interval;
  out.rass_target = order.rass_target;
  out.reason = StrOf(order.reason);
  return out;
}

tonus_pump_event ViewOf(const PumpFact& fact) {
  tonus_pump_event out = {};
  out.effective = fact.effective;
  out.ref = fact.ref;
  out.kind = fact.kind;
  out.flags = fact.flags;
  out.expected_ml = fact.expected_ml;
  out.aspirated_ml = fact.aspirated_ml;
  out.filled_ml = fact.filled_ml;
  out.concentration_ug_per_ml = fact.concentration_ug_per_ml;
  out.daily_dose_ug = fact.daily_dose_ug;
  out.dose_ug = fact.dose_ug;
  out.computed_reservoir_ml = fact.computed_reservoir_ml;
  out.faults = ArrayOf(fact.faults.data(), fact.faults.size());
  out.reason = StrOf(fact.reason);
  return out;
}

tonus_procedure ViewOf(const ProcedureFact& fact) {
  tonus_procedure out = {};
  out.effective = fact.effective;
  out.ref = fact.ref;
  out.kind = fact.kind;
  out.flags = fact.flags;
  out.dose_ug = fact.dose_ug;
  out.phase = StrOf(fact.phase);
  out.result = StrOf(fact.result);
  out.response = StrOf(fact.response);
  out.reason = StrOf(fact.reason);
  return out;
}

tonus_peer_finding ViewOf(const Finding& finding) {
  return {sizeof(tonus_peer_finding), finding.tier, finding.priority, 0, finding.since,
          finding.tier_since};
}

tonus_patient ViewOf(const PatientFacts& facts) {
  tonus_patient out = {};
  out.struct_size = sizeof out;
  if (facts.age_years) out.flags |= TONUS_PATIENT_HAS_AGE;
  if (facts.weight_kg) out.flags |= TONUS_PATIENT_HAS_WEIGHT;
  if (facts.spo2_scale_2) out.flags |= TONUS_PATIENT_SPO2_SCALE_2;
  out.age_years = facts.age_years.value_or(0);
  out.weight_kg = facts.weight_kg.value_or(0);
  out.sci_level = StrOf(facts.sci_level);
  out.unit = StrOf(facts.unit);
  out.bed = StrOf(facts.bed);
  out.first_seen = facts.first_seen;
  return out;
}

namespace {

constexpr std::size_t kValuesPerFuel = 64;

const PatientRecord* RecordOf(const tonus_ctx* ctx) {
  return ctx == nullptr || ctx->patient == nullptr ? nullptr : &ctx->patient->record;
}

/// The checks that every slot begins with: a patient to read, a place for the answer, fuel.
tonus_rc Enter(tonus_ctx* ctx, const void* out) {
  if (RecordOf(ctx) == nullptr || out == nullptr) return TONUS_BAD_ARG;
  return ctx->Charge(1) ? TONUS_OK : TONUS_NO_FUEL;
}

/// Copies what Enter let through into scratch, row by row.
template <class View, class Row, class Make>
tonus_rc Rows(tonus_ctx* ctx, const std::vector<const Row*>& rows, tonus_array* out, Make make) {
  if (!ctx->Charge(rows.size())) return TONUS_NO_FUEL;
  View* views = ctx->Array<View>(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) views[i] = make(*rows[i]);
  *out = ArrayOf(views, rows.size());
  return TONUS_OK;
}

template <class T, class Keep>
std::vector<const T*> Between(const TimeRing<T>& ring, tonus_ns from, tonus_ns to, Keep keep) {
  std::vector<const T*> out;
  for (std::size_t i = ring.LowerBound(from); i < ring.size() && ring[i].effective < to; ++i) {
    if (keep(ring[i])) out.push_back(&ring[i]);
  }
  return out;
}

bool IsSignal(const PatientRecord& record, std::uint32_t signal) {
  return signal >= 1 && signal <= record.Names().Count(NameSpace::kSignal);
}

tonus_rc Latest(tonus_ctx* ctx, std::uint32_t signal, tonus_str site, tonus_sample* out) {
  if (const tonus_rc rc = Enter(ctx, out); rc != TONUS_OK) return rc;
  const PatientRecord& record = *RecordOf(ctx);
  *out = {};
  if (!IsSignal(record, signal)) return TONUS_BAD_ARG;
  const Series* series = record.Find(signal);
  std::optional<SiteIndex> index;
  if (site.n != 0) {
    index = record.FindSite(TextOf(site));
    if (!index) return TONUS_NOT_KNOWN;
  }
  const auto sample = series == nullptr ? std::nullopt : series->Latest(index);
  if (!sample) return TONUS_NOT_KNOWN;
  *out = ViewOf(*sample, signal, record);
  if (record.Stale(signal, sample->effective, ctx->now)) out->flags |= TONUS_STALE;
  return TONUS_OK;
}

tonus_rc Window(tonus_ctx* ctx, std::uint32_t signal, tonus_ns from, tonus_ns to,
                tonus_array* out) {
  if (const tonus_rc rc = Enter(ctx, out); rc != TONUS_OK) return rc;
  const PatientRecord& record = *RecordOf(ctx);
  *out = {};
  if (!IsSignal(record, signal)) return TONUS_BAD_ARG;
  const Series* series = record.Find(signal);
  if (series == nullptr) return TONUS_OK;
  const std::size_t begin = series->RawFrom(from);
  const std::size_t end = std::max(begin, series->RawFrom(to));
  if (!ctx->Charge(end - begin)) return TONUS_NO_FUEL;
  tonus_sample* views = ctx->Array<tonus_sample>(end - begin);
  for (std::size_t i = begin; i < end; ++i) {
    views[i - begin] = ViewOf(series->RawAt(i), signal, record);
  }
  *out = ArrayOf(views, end - begin);
  return TONUS_OK;
}

tonus_rc Stats(tonus_ctx* ctx, std::uint32_t signal, tonus_ns from, tonus_ns to, tonus_stats* out) {
  if (const tonus_rc rc = Enter(ctx, out); rc != TONUS_OK) return rc;
  const PatientRecord& record = *RecordOf(ctx);
  *out = {};
  out->struct_size = sizeof *out;
  if (!IsSignal(record, signal)) return TONUS_BAD_ARG;
  const Series* series = record.Find(signal);
  if (series == nullptr) return TONUS_OK;
  const SpanStats stats = series->Stats({from, to, 0, 0, {}});
  if (!ctx->Charge(stats.n / kValuesPerFuel)) return TONUS_NO_FUEL;
  if (stats.n == 0) return TONUS_OK;
  out->n = stats.n;
  out->min = stats.min;
  out->max = stats.max;
  out->mean = stats.mean;
  out->first = stats.first;
  out->last = stats.last;
  out->first_at = stats.first_at;
  out->last_at = stats.last_at;
  out->min_at = stats.min_at;
  out->max_at = stats.max_at;
  return TONUS_OK;
}

tonus_rc OwnNormal(tonus_ctx* ctx, std::uint32_t signal, tonus_str site, tonus_baseline* out) {
  if (const tonus_rc rc = Enter(ctx, out); rc != TONUS_OK) return rc;
  const PatientRecord& record = *RecordOf(ctx);
  *out = {};
  out->struct_size = sizeof *out;
  if (!IsSignal(record, signal)) return TONUS_BAD_ARG;
  const Baseline baseline = record.OwnNormal(signal, TextOf(site), ctx->now);
  out->status = static_cast<std::uint32_t>(baseline.status);
  if (baseline.status == BaselineStatus::kNone) return TONUS_OK;
  out->median = baseline.median;
  out->mad = baseline.mad;
  out->n = baseline.n;
  out->from = baseline.from;
  out->to = baseline.to;
  return TONUS_OK;
}

tonus_rc Doses(tonus_ctx* ctx, std::uint32_t drug, tonus_ns from, tonus_ns to, tonus_array* out) {
  if (const tonus_rc rc = Enter(ctx, out); rc != TONUS_OK) return rc;
  *out = {};
  std::vector<const Dose*> rows;
  RecordOf(ctx)->Doses().Find(drug, from, to, &rows);
  return Rows<tonus_dose>(ctx, rows, out, [](const Dose& row) { return ViewOf(row); });
}

tonus_rc Orders(tonus_ctx* ctx, std::uint32_t drug, tonus_array* out) {
  if (const tonus_rc rc = Enter(ctx, out); rc != TONUS_OK) return rc;
  *out = {};
  std::vector<const Order*> rows;
  RecordOf(ctx)->Orders().Find(drug, ctx->now, &rows);
  return Rows<tonus_order>(ctx, rows, out, [](const Order& row) { return ViewOf(row); });
}

std::uint32_t DrugInClass(tonus_ctx* ctx, std::uint32_t drug, std::uint32_t drug_class) {
  const PatientRecord* record = RecordOf(ctx);
  if (record == nullptr || !ctx->Charge(1) || drug == 0 || drug_class == 0) return 0;
  if (drug > record->Names().Count(NameSpace::kDrug)) return 0;
  return record->Names().DrugInClass(drug, drug_class) ? 1 : 0;
}

tonus_rc PumpEvents(tonus_ctx* ctx, std::uint32_t kind, tonus_ns from, tonus_ns to,
                    tonus_array* out) {
  if (const tonus_rc rc = Enter(ctx, out); rc != TONUS_OK) return rc;
  *out = {};
  const auto rows = Between(RecordOf(ctx)->Pump().Facts(), from, to,
                            [&](const PumpFact& fact) { return kind == 0 || fact.kind == kind; });
  return Rows<tonus_pump_event>(ctx, rows, out, [](const PumpFact& row) { return ViewOf(row); });
}

void FillPump(const PumpState& state, std::optional<double> reservoir_ml, tonus_pump* out) {
  const auto known = [&](const std::optional<double>& value, std::uint32_t flag, double* to) {
    if (!value) return;
    *to = *value;
    out->flags |= flag;
  };
  if (state.present) out->flags |= TONUS_PUMP_HAS;
  out->drug = state.drug;
  out->model = StrOf(state.model);
  if (state.implanted) {
    out->implanted = *state.implanted;
    out->flags |= TONUS_PUMP_KNOWN_IMPLANTED;
  }
  known(state.concentration_ug_per_ml, TONUS_PUMP_KNOWN_CONCENTRATION,
        &out->concentration_ug_per_ml);
  known(state.daily_dose_ug, TONUS_PUMP_KNOWN_DAILY_DOSE, &out->daily_dose_ug);
  known(state.low_reservoir_alarm_ml, TONUS_PUMP_KNOWN_LOW_ALARM, &out->low_reservoir_alarm_ml);
  known(state.reservoir_capacity_ml, TONUS_PUMP_KNOWN_CAPACITY, &out->reservoir_capacity_ml);
  known(reservoir_ml, TONUS_PUMP_KNOWN_RESERVOIR, &out->reservoir_ml);
  out->last_refill = state.last_refill;
  out->last_interrogation = state.last_interrogation;
  out->last_refill_ref = state.last_refill_ref;
  out->last_interrogation_ref = state.last_interrogation_ref;
}

tonus_rc Pump(tonus_ctx* ctx, tonus_pump* out) {
  if (const tonus_rc rc = Enter(ctx, out); rc != TONUS_OK) return rc;
  *out = {};
  out->struct_size = sizeof *out;
  const PumpRecord& pump = RecordOf(ctx)->Pump();
  FillPump(pump.State(), pump.ReservoirAt(ctx->now), out);
  return TONUS_OK;
}

tonus_rc Procedures(tonus_ctx* ctx, std::uint32_t kind, tonus_ns from, tonus_ns to,
                    tonus_array* out) {
  if (const tonus_rc rc = Enter(ctx, out); rc != TONUS_OK) return rc;
  *out = {};
  const auto rows = Between(RecordOf(ctx)->Procedures(), from, to, [&](const ProcedureFact& fact) {
    return kind == 0 || fact.kind == kind;
  });
  return Rows<tonus_procedure>(ctx, rows, out,
                               [](const ProcedureFact& row) { return ViewOf(row); });
}

tonus_rc PatientOf(tonus_ctx* ctx, tonus_patient* out) {
  if (const tonus_rc rc = Enter(ctx, out); rc != TONUS_OK) return rc;
  const PatientFacts& facts = RecordOf(ctx)->Facts();
  *out = ViewOf(facts);
  if (!ctx->Charge(facts.diagnoses.size())) return TONUS_NO_FUEL;
  tonus_str* diagnoses = ctx->Array<tonus_str>(facts.diagnoses.size());
  for (std::size_t i = 0; i < facts.diagnoses.size(); ++i) diagnoses[i] = StrOf(facts.diagnoses[i]);
  out->diagnoses = ArrayOf(diagnoses, facts.diagnoses.size());
  return TONUS_OK;
}

tonus_rc PeerFinding(tonus_ctx* ctx, std::uint32_t condition, tonus_peer_finding* out) {
  if (const tonus_rc rc = Enter(ctx, out); rc != TONUS_OK) return rc;
  *out = {};
  out->struct_size = sizeof *out;
  if (condition == 0 || condition > ctx->catalogue->Conditions().size()) return TONUS_NOT_KNOWN;
  const auto& inputs = ctx->catalogue->Detectors()[ctx->detector].decl.inputs;
  const std::string& name = ctx->catalogue->ConditionOf(condition).decl->name;
  const bool declared = std::any_of(inputs.begin(), inputs.end(), [&](const InputDecl& input) {
    return input.kind == TONUS_IN_FINDING && input.name == name;
  });
  if (!declared) return TONUS_BAD_ARG;
  const Finding& finding = ctx->patient->findings[condition];
  if (!finding.holds) return TONUS_NOT_KNOWN;
  *out = ViewOf(finding);
  return TONUS_OK;
}

/// What the caller has room for of a struct that has grown.
template <class T>
tonus_rc Give(const T& whole, T* out) {
  std::uint32_t room = 0;
  std::memcpy(&room, out, sizeof room);
  if (room < 2 * sizeof(std::uint32_t)) return TONUS_BAD_ARG;
  std::memcpy(out, &whole, std::min<std::size_t>(room, sizeof whole));
  std::memcpy(out, &room, sizeof room);
  return TONUS_OK;
}

tonus_rc Summary(tonus_ctx* ctx, std::uint32_t signal, tonus_str site, tonus_ns from, tonus_ns to,
                 double threshold, tonus_ns longest_hold, tonus_summary* out) {
  if (const tonus_rc rc = Enter(ctx, out); rc != TONUS_OK) return rc;
  const PatientRecord& record = *RecordOf(ctx);
  tonus_summary summary = {};
  if (!IsSignal(record, signal) || longest_hold < 0) return TONUS_BAD_ARG;
  const Series* series = record.Find(signal);
  SpanQuestion question{from, to, threshold, longest_hold, {}};
  bool known = series != nullptr;
  if (known && site.n != 0) {
    question.site = record.FindSite(TextOf(site));
    known = question.site.has_value();
  }
  if (!known) return Give(summary, out);
  const SpanStats stats = series->Stats(question);
  if (!ctx->Charge(stats.n / kValuesPerFuel)) return TONUS_NO_FUEL;
  if (stats.n == 0) return Give(summary, out);
  const SpanTrend trend = series->Trend(question);
  summary.n = stats.n;
  summary.min = stats.min;
  summary.max = stats.max;
  summary.mean = stats.mean;
  summary.first = stats.first;
  summary.last = stats.last;
  summary.first_at = stats.first_at;
  summary.last_at = stats.last_at;
  summary.min_at = stats.min_at;
  summary.max_at = stats.max_at;
  summary.above = trend.above;
  summary.covered = trend.covered;
  if (trend.slope_per_hour) summary.flags |= TONUS_SUMMARY_SLOPE;
  summary.slope_per_hour = trend.slope_per_hour.value_or(0);
  return Give(summary, out);
}

}  // namespace

const tonus_record_1* RecordTable() {
  static constexpr tonus_record_1 kTable = {sizeof(tonus_record_1),
                                            0,
                                            Latest,
                                            Window,
                                            Stats,
                                            OwnNormal,
                                            Doses,
                                            Orders,
                                            DrugInClass,
                                            PumpEvents,
                                            Pump,
                                            Procedures,
                                            PatientOf,
                                            PeerFinding,
                                            Summary};
  return &kTable;
}

}  // namespace tonus::core
