/* SPDX-License-Identifier: Apache-2.0
 *
 * tonus/testing.hpp: a host in memory for tests of a detector. No broker, no files, no clock: the
 * test sets facts and moves time, and looks at what the detector stated.
 *
 *   tonus::testing::Host host;
 *   tonus::testing::Trial run(host, *tonus_plugin_v1());
 *   host.SetBaseline("HR", 76);
 *   run.Observe("HR", 120);
 *   EXPECT_TRUE(run.open("example.heart_rate_rise"));
 *
 * It checks what `tonus plugin check` checks of a finding's form, no more. What the core adds
 * (hysteresis, sentences, staleness by source) is not here; scenarios show that.
 */
#ifndef TONUS_TESTING_HPP
#define TONUS_TESTING_HPP

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tonus/detector.hpp"

/* What a call's opaque context is in tests: the host itself. */
struct tonus_ctx {
  void* host;
};

namespace tonus::testing {

inline constexpr tonus_ns kStart = 1'709'280'000 * kSecond; /* 2024-03-01T08:00:00Z */

/* What a detector stated, as values. */
struct Said {
  std::uint32_t tier = 0, priority = 0, flags = 0;
  std::string text;
  struct Reason {
    std::uint32_t role, relation;
    std::string name, text;
    double value, weight;
    tonus_ns at;
  };
  std::vector<Reason> reasons;
  bool hold() const { return (flags & TONUS_FINDING_HOLD) != 0; }
  const Reason* find(std::uint32_t role, std::string_view name) const {
    for (const Reason& r : reasons) {
      if (r.role == role && r.name == name) return &r;
    }
    return nullptr;
  }
};

/* The record of one patient, set by hand, and the services of a host. Names are made up as they
 * are asked for, so every name resolves unless it is listed in `unknown_names`. */
class Host {
 public:
  tonus_ns now = kStart;
  std::set<std::string> unknown_names;
  std::map<std::string, tonus_value> settings; /* key → value in place of the default */
  std::set<std::pair<std::string, std::string>> drug_classes; /* (drug, class) */
  tonus_pump pump{};
  tonus_patient patient{};
  std::map<std::string, tonus_peer_finding> peers;
  std::deque<tonus_dose> doses;
  std::deque<tonus_order> orders;
  std::deque<tonus_pump_event> pump_events;
  std::deque<tonus_procedure> procedures;
  std::map<std::uint32_t, tonus_ns> timers;
  std::map<std::uint32_t, Said> open; /* by condition index */
  std::string error;
  tonus_ns stale_after = 12 * kHour;

  Host() {
    table_.struct_size = sizeof table_;
    table_.abi_major = TONUS_ABI_MAJOR;
    table_.abi_minor = TONUS_ABI_MINOR;
    table_.query = [](const tonus_host* h, const char* id) -> const void* {
      return std::string_view(id) == TONUS_RECORD_1 ? &Self(h)->record_ : nullptr;
    };
    table_.resolve = [](const tonus_host* h, std::uint32_t space, tonus_str name,
                        std::uint32_t* id) -> tonus_rc {
      const std::string text(View(name));
      if (Self(h)->unknown_names.count(text) != 0) return TONUS_NOT_KNOWN;
      *id = Self(h)->Id(space, text);
      return TONUS_OK;
    };
    table_.name_of = [](const tonus_host* h, std::uint32_t space, std::uint32_t id,
                        tonus_str* name) -> tonus_rc {
      for (const auto& [key, value] : Self(h)->ids_) {
        if (key.first == space && value == id) {
          *name = Str(key.second);
          return TONUS_OK;
        }
      }
      return TONUS_NOT_KNOWN;
    };
    table_.config = [](const tonus_host* h, std::uint32_t param, tonus_value* out) -> tonus_rc {
      const tonus_param p = Rows<tonus_param>(Self(h)->detector_->params)[param];
      const auto set = Self(h)->settings.find(std::string(View(p.key)));
      *out = set == Self(h)->settings.end() ? p.dflt : set->second;
      return TONUS_OK;
    };
    table_.log = [](const tonus_host*, std::uint32_t, tonus_str) {};
    table_.now = [](tonus_ctx* c) { return Of(c)->now; };
    table_.set_timer = [](tonus_ctx* c, std::uint32_t id, tonus_ns deadline) -> tonus_rc {
      if (id >= 64) return TONUS_BAD_ARG;
      Of(c)->timers[id] = deadline;
      return TONUS_OK;
    };
    table_.cancel_timer = [](tonus_ctx* c, std::uint32_t id) -> tonus_rc {
      Of(c)->timers.erase(id);
      return TONUS_OK;
    };
    table_.report = [](tonus_ctx* c, const tonus_finding* f) { return Of(c)->Report(*f); };
    table_.fail = [](tonus_ctx* c, tonus_rc code, tonus_str text) {
      Of(c)->error = View(text);
      return code;
    };
    table_.fuel = [](tonus_ctx*) { return 1'000'000u; };
    FillRecord();
    patient.struct_size = sizeof patient;
    pump.struct_size = sizeof pump;
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  std::uint32_t Id(std::uint32_t space, const std::string& name) {
    auto [it, fresh] = ids_.try_emplace({space, name}, 0);
    if (fresh) it->second = static_cast<std::uint32_t>(ids_.size());
    return it->second;
  }
  tonus_ref NextRef() { return ++ref_; }
  void SetBaseline(const std::string& signal, double median, double mad = 1) {
    tonus_baseline b{};
    b.struct_size = sizeof b;
    b.status = TONUS_BASELINE_ESTABLISHED;
    b.median = median;
    b.mad = mad;
    b.n = 24;
    baselines_[Id(TONUS_NAME_SIGNAL, signal)] = b;
  }
  void AddSample(const std::string& signal, double value, tonus_ns at, const char* site = "") {
    const std::uint32_t id = Id(TONUS_NAME_SIGNAL, signal);
    tonus_sample s{};
    s.effective = at;
    s.ref = NextRef();
    s.value = value;
    s.signal = id;
    s.flags = TONUS_KNOWN;
    s.site = Str(site);
    auto& samples = samples_[id];
    const auto after =
        std::upper_bound(samples.begin(), samples.end(), at,
                         [](tonus_ns t, const tonus_sample& other) { return t < other.effective; });
    samples.insert(after, s);
  }
  tonus_pump_event& AddPumpEvent(const std::string& kind, tonus_ns at) {
    tonus_pump_event e{};
    e.effective = at;
    e.ref = NextRef();
    e.kind = Id(TONUS_NAME_PUMP_EVENT, kind);
    pump_events.push_back(e);
    return pump_events.back();
  }
  tonus_procedure& AddProcedure(const std::string& kind, tonus_ns at) {
    tonus_procedure p{};
    p.effective = at;
    p.ref = NextRef();
    p.kind = Id(TONUS_NAME_PROCEDURE, kind);
    procedures.push_back(p);
    return procedures.back();
  }
  tonus_dose& AddDose(const std::string& drug, tonus_ns at, double mg,
                      tonus_dose_status status = TONUS_DOSE_GIVEN) {
    tonus_dose d{};
    d.effective = at;
    d.ref = NextRef();
    d.drug = Id(TONUS_NAME_DRUG, drug);
    d.route = TONUS_ROUTE_ORAL;
    d.status = static_cast<std::uint32_t>(status);
    d.flags = TONUS_HAS_DOSE_MG;
    d.dose_mg = mg;
    doses.push_back(d);
    return doses.back();
  }
  tonus_order& AddOrder(const std::string& drug, tonus_ns since, double mg, tonus_ns every) {
    tonus_order o{};
    o.since = o.changed_at = since;
    o.ref = NextRef();
    o.drug = Id(TONUS_NAME_DRUG, drug);
    o.route = TONUS_ROUTE_ORAL;
    o.status = TONUS_ORDER_ACTIVE;
    o.flags = TONUS_HAS_DOSE_MG;
    o.dose_mg = mg;
    o.interval = every;
    orders.push_back(o);
    return orders.back();
  }

  const tonus_host* table() const { return &table_; }
  tonus_ctx* ctx() { return &ctx_; }
  void Serve(const tonus_detector* detector) { detector_ = detector; }

 private:
  static Host* Self(const tonus_host* h) { return static_cast<const Table*>(h)->self; }
  static Host* Of(tonus_ctx* c) { return static_cast<Host*>(c->host); }

  tonus_rc Report(const tonus_finding& f) {
    if (f.condition >= detector_->conditions.n) return TONUS_BAD_ARG;
    if ((f.flags & TONUS_FINDING_CLEAR) != 0) {
      open.erase(f.condition);
      return TONUS_OK;
    }
    const auto condition = Rows<tonus_condition>(detector_->conditions)[f.condition];
    if (f.tier >= condition.tiers.n || f.priority < TONUS_INFO || f.priority > TONUS_HIGH ||
        f.evidence.n == 0) {
      return TONUS_BAD_ARG;
    }
    Said said;
    said.tier = f.tier;
    said.priority = f.priority;
    said.flags = f.flags;
    said.text = View(f.text);
    for (const tonus_evidence& e : Rows<tonus_evidence>(f.evidence)) {
      said.reasons.push_back({e.role, e.relation, std::string(View(e.name)),
                              std::string(View(e.text)), e.value, e.weight, e.at});
    }
    open[f.condition] = std::move(said);
    return TONUS_OK;
  }

  template <class T, class Keep>
  tonus_array Filter(const std::deque<T>& all, std::deque<std::vector<T>>* kept, Keep keep) {
    kept->emplace_back();
    for (const T& row : all) {
      if (keep(row)) kept->back().push_back(row);
    }
    return DetectorBase::ArrayOf(kept->back());
  }

  static tonus_summary Summarise(const std::vector<tonus_sample>& rows, tonus_ns to,
                                 double threshold, tonus_ns longest_hold) {
    tonus_summary s{};
    s.struct_size = sizeof s;
    double sum = 0, time = 0, across = 0, along = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const tonus_sample& x = rows[i];
      if (i == 0 || x.value < s.min) s.min = x.value, s.min_at = x.effective;
      if (i == 0 || x.value > s.max) s.max = x.value, s.max_at = x.effective;
      const tonus_ns next = i + 1 < rows.size() ? rows[i + 1].effective : to;
      const tonus_ns held = std::min(next - x.effective, longest_hold);
      s.covered += held;
      if (x.value > threshold) s.above += held;
      sum += x.value;
      time += static_cast<double>(x.effective - rows[0].effective);
    }
    s.n = static_cast<std::uint32_t>(rows.size());
    if (rows.empty()) return s;
    s.first = rows.front().value, s.first_at = rows.front().effective;
    s.last = rows.back().value, s.last_at = rows.back().effective;
    s.mean = sum / s.n;
    for (const tonus_sample& x : rows) {
      const double t = static_cast<double>(x.effective - rows[0].effective) - time / s.n;
      across += t * t;
      along += t * (x.value - s.mean);
    }
    if (across > 0) {
      s.flags = TONUS_SUMMARY_SLOPE;
      s.slope_per_hour = along / across * static_cast<double>(kHour);
    }
    return s;
  }

  void FillRecord();

  struct Table : tonus_host {
    Host* self;
  };
  Table table_holder_ = [this] {
    Table t{};
    t.self = this;
    return t;
  }();
  tonus_host& table_ = table_holder_;
  tonus_record_1 record_{};
  tonus_ctx ctx_{this};
  const tonus_detector* detector_ = nullptr;
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> ids_;
  std::map<std::uint32_t, std::vector<tonus_sample>> samples_;
  std::map<std::uint32_t, tonus_baseline> baselines_;
  tonus_ref ref_ = 0;
  std::deque<std::vector<tonus_sample>> kept_samples_;
  std::deque<std::vector<tonus_dose>> kept_doses_;
  std::deque<std::vector<tonus_order>> kept_orders_;
  std::deque<std::vector<tonus_pump_event>> kept_events_;
  std::deque<std::vector<tonus_procedure>> kept_procedures_;

 public:
  /* Forgets what was shown to the last call. */
  void EndCall() {
    kept_samples_.clear();
    kept_doses_.clear();
    kept_orders_.clear();
    kept_events_.clear();
    kept_procedures_.clear();
  }
};

inline void Host::FillRecord() {
  record_.struct_size = sizeof record_;
  record_.latest = [](tonus_ctx* c, std::uint32_t signal, tonus_str site,
                      tonus_sample* out) -> tonus_rc {
    Host& h = *Of(c);
    const auto& samples = h.samples_[signal];
    for (auto it = samples.rbegin(); it != samples.rend(); ++it) {
      if (site.n != 0 && View(it->site) != View(site)) continue;
      *out = *it;
      if (h.now - it->effective > h.stale_after) out->flags |= TONUS_STALE;
      return TONUS_OK;
    }
    return TONUS_NOT_KNOWN;
  };
  record_.window = [](tonus_ctx* c, std::uint32_t signal, tonus_ns from, tonus_ns to,
                      tonus_array* out) -> tonus_rc {
    Host& h = *Of(c);
    const auto& all = h.samples_[signal];
    *out = h.Filter(std::deque<tonus_sample>(all.begin(), all.end()), &h.kept_samples_,
                    [&](const tonus_sample& s) { return s.effective >= from && s.effective < to; });
    return TONUS_OK;
  };
  record_.stats = [](tonus_ctx* c, std::uint32_t signal, tonus_ns from, tonus_ns to,
                     tonus_stats* out) -> tonus_rc {
    tonus_stats s{};
    s.struct_size = sizeof s;
    double sum = 0;
    for (const tonus_sample& x : Of(c)->samples_[signal]) {
      if (x.effective < from || x.effective >= to) continue;
      if (s.n == 0 || x.value < s.min) s.min = x.value, s.min_at = x.effective;
      if (s.n == 0 || x.value > s.max) s.max = x.value, s.max_at = x.effective;
      if (s.n == 0) s.first = x.value, s.first_at = x.effective;
      s.last = x.value, s.last_at = x.effective;
      sum += x.value;
      ++s.n;
    }
    if (s.n > 0) s.mean = sum / s.n;
    *out = s;
    return TONUS_OK;
  };
  record_.summary = [](tonus_ctx* c, std::uint32_t signal, tonus_str site, tonus_ns from,
                       tonus_ns to, double threshold, tonus_ns longest_hold,
                       tonus_summary* out) -> tonus_rc {
    std::vector<tonus_sample> rows;
    for (const tonus_sample& x : Of(c)->samples_[signal]) {
      const bool here = site.n == 0 || View(x.site) == View(site);
      if (here && x.effective >= from && x.effective < to) rows.push_back(x);
    }
    *out = Summarise(rows, to, threshold, longest_hold);
    return TONUS_OK;
  };
  record_.baseline = [](tonus_ctx* c, std::uint32_t signal, tonus_str,
                        tonus_baseline* out) -> tonus_rc {
    const auto it = Of(c)->baselines_.find(signal);
    if (it == Of(c)->baselines_.end()) return TONUS_NOT_KNOWN;
    *out = it->second;
    return TONUS_OK;
  };
  record_.doses = [](tonus_ctx* c, std::uint32_t drug, tonus_ns from, tonus_ns to,
                     tonus_array* out) -> tonus_rc {
    Host& h = *Of(c);
    *out = h.Filter(h.doses, &h.kept_doses_, [&](const tonus_dose& d) {
      return (drug == 0 || d.drug == drug) && d.effective >= from && d.effective < to;
    });
    return TONUS_OK;
  };
  record_.orders = [](tonus_ctx* c, std::uint32_t drug, tonus_array* out) -> tonus_rc {
    Host& h = *Of(c);
    *out = h.Filter(h.orders, &h.kept_orders_,
                    [&](const tonus_order& o) { return drug == 0 || o.drug == drug; });
    return TONUS_OK;
  };
  record_.drug_in_class = [](tonus_ctx* c, std::uint32_t drug, std::uint32_t cls) {
    for (const auto& [d, k] : Of(c)->drug_classes) {
      if (Of(c)->Id(TONUS_NAME_DRUG, d) == drug && Of(c)->Id(TONUS_NAME_DRUG_CLASS, k) == cls) {
        return 1u;
      }
    }
    return 0u;
  };
  record_.pump_events = [](tonus_ctx* c, std::uint32_t kind, tonus_ns from, tonus_ns to,
                           tonus_array* out) -> tonus_rc {
    Host& h = *Of(c);
    *out = h.Filter(h.pump_events, &h.kept_events_, [&](const tonus_pump_event& e) {
      return (kind == 0 || e.kind == kind) && e.effective >= from && e.effective < to;
    });
    return TONUS_OK;
  };
  record_.pump = [](tonus_ctx* c, tonus_pump* out) -> tonus_rc {
    *out = Of(c)->pump;
    return (out->flags & TONUS_PUMP_HAS) != 0 ? TONUS_OK : TONUS_NOT_KNOWN;
  };
  record_.procedures = [](tonus_ctx* c, std::uint32_t kind, tonus_ns from, tonus_ns to,
                          tonus_array* out) -> tonus_rc {
    Host& h = *Of(c);
    *out = h.Filter(h.procedures, &h.kept_procedures_, [&](const tonus_procedure& p) {
      return (kind == 0 || p.kind == kind) && p.effective >= from && p.effective < to;
    });
    return TONUS_OK;
  };
  record_.patient = [](tonus_ctx* c, tonus_patient* out) -> tonus_rc {
    *out = Of(c)->patient;
    return TONUS_OK;
  };
  record_.finding = [](tonus_ctx* c, std::uint32_t condition, tonus_peer_finding* out) -> tonus_rc {
    for (const auto& [name, peer] : Of(c)->peers) {
      if (Of(c)->Id(TONUS_NAME_CONDITION, name) == condition) {
        *out = peer;
        return TONUS_OK;
      }
    }
    return TONUS_NOT_KNOWN;
  };
}

/* One detector and one patient, from open to close. A call that fails throws its text. */
class Trial {
 public:
  explicit Trial(Host& host, const tonus_plugin& plugin, std::size_t which = 0)
      : host_(host), table_(Rows<tonus_detector>(plugin.detectors)[which]) {
    host_.Serve(&table_);
    Check(table_.open(host_.table(), host_.ctx(), &instance_));
    Check(table_.begin(instance_, host_.ctx(), &state_));
  }
  ~Trial() {
    if (state_ != nullptr) table_.end(instance_, state_);
    if (instance_ != nullptr) table_.close(instance_);
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  /* Adds a sample at `now` and wakes the detector. */
  void Observe(const std::string& signal, double value, const char* site = "") {
    host_.AddSample(signal, value, host_.now, site);
    tonus_sample s{};
    s.effective = host_.now;
    s.value = value;
    s.signal = host_.Id(TONUS_NAME_SIGNAL, signal);
    s.flags = TONUS_KNOWN;
    tonus_event e = Event(TONUS_EV_OBSERVATIONS);
    e.samples = {&s, 1, sizeof s};
    Deliver(e);
  }
  /* Wakes the detector for a record of that kind that the test has put into the host. */
  void Wake(tonus_event_kind kind) { Deliver(Event(kind)); }
  /* Moves time on, and fires the timers that fall due, each at its deadline. */
  void Advance(tonus_ns by) {
    const tonus_ns until = host_.now + by;
    for (;;) {
      auto next = host_.timers.end();
      for (auto it = host_.timers.begin(); it != host_.timers.end(); ++it) {
        if (it->second <= until && (next == host_.timers.end() || it->second < next->second)) {
          next = it;
        }
      }
      if (next == host_.timers.end()) break;
      const std::uint32_t id = next->first;
      host_.now = std::max(host_.now, next->second);
      host_.timers.erase(next);
      Check(table_.on_timer(instance_, state_, host_.ctx(), id));
    }
    host_.now = until;
  }
  const Said* open(std::string_view condition) const {
    const auto rows = Rows<tonus_condition>(table_.conditions);
    for (const auto& [index, said] : host_.open) {
      if (View(rows[index].name) == condition) return &said;
    }
    return nullptr;
  }
  std::vector<unsigned char> Save() {
    std::vector<unsigned char> bytes;
    const tonus_writer writer{&bytes, [](void* self, const void* p, std::uint64_t n) -> tonus_rc {
                                auto* to = static_cast<std::vector<unsigned char>*>(self);
                                const auto* from = static_cast<const unsigned char*>(p);
                                to->insert(to->end(), from, from + n);
                                return TONUS_OK;
                              }};
    Check(table_.save(instance_, state_, host_.ctx(), &writer));
    return bytes;
  }
  /* Puts a saved state in place of the present one, read in pieces of `piece` bytes. */
  tonus_rc Load(const std::vector<unsigned char>& bytes, std::size_t piece = 7) {
    struct Source {
      const std::vector<unsigned char>* bytes;
      std::size_t at, piece;
    } source{&bytes, 0, piece};
    const tonus_reader reader{
        &source, [](void* self, void* p, std::uint64_t n) -> std::int64_t {
          auto* s = static_cast<Source*>(self);
          const std::size_t left = s->bytes->size() - s->at;
          const auto take = std::min<std::size_t>({static_cast<std::size_t>(n), left, s->piece});
          std::copy_n(s->bytes->data() + s->at, take, static_cast<unsigned char*>(p));
          s->at += take;
          return static_cast<std::int64_t>(take);
        }};
    tonus_state* loaded = nullptr;
    const tonus_rc rc = table_.load(instance_, host_.ctx(), table_.state_version, &reader, &loaded);
    host_.EndCall();
    if (rc == TONUS_OK) {
      table_.end(instance_, state_);
      state_ = loaded;
    }
    return rc;
  }
  const tonus_detector& table() const { return table_; }

 private:
  tonus_event Event(tonus_event_kind kind) {
    tonus_event e{};
    e.struct_size = sizeof e;
    e.kind = static_cast<std::uint32_t>(kind);
    e.ref = host_.NextRef();
    e.recorded = e.effective = host_.now;
    return e;
  }
  void Deliver(const tonus_event& e) {
    /* Timers that lie before this record fire first, as in the core. */
    Advance(0);
    Check(table_.on_event(instance_, state_, host_.ctx(), &e));
  }
  void Check(tonus_rc rc) {
    host_.EndCall();
    if (rc != TONUS_OK) throw std::runtime_error("the detector failed: " + host_.error);
  }
  Host& host_;
  tonus_detector table_;
  tonus_instance* instance_ = nullptr;
  tonus_state* state_ = nullptr;
};

}  // namespace tonus::testing

#endif
