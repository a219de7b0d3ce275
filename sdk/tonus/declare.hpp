/* SPDX-License-Identifier: Apache-2.0
 *
 * tonus/declare.hpp: what a detector declares, as members of its class.
 * Part of tonus/detector.hpp. */
#ifndef TONUS_DECLARE_HPP
#define TONUS_DECLARE_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "tonus/values.hpp"

namespace tonus {

/* ---- What a detector declares --------------------------------------------------------------- */

inline constexpr std::uint32_t kReads = 0; /* the record is read, no call */
inline constexpr std::uint32_t kWakes = TONUS_IN_WAKES;
inline constexpr std::uint32_t kRequired = TONUS_IN_REQUIRED;

enum class Priority : std::uint32_t {
  kInfo = TONUS_INFO,
  kLow = TONUS_LOW,
  kMedium = TONUS_MEDIUM,
  kHigh = TONUS_HIGH
};

struct Info {
  const char* id; /* reverse DNS; never changes */
  const char* name;
  const char* version;
  const char* vendor;
  const char* evidence_url;
};

/* Where the members of a detector register themselves: tables for the host, and the slots that
 * open fills in. Pointers are to members of the object itself, which never moves. */
class DetectorBase {
 public:
  DetectorBase() = default;
  DetectorBase(const DetectorBase&) = delete;
  DetectorBase& operator=(const DetectorBase&) = delete;

  std::uint32_t AddParam(const tonus_param& param, tonus_value* slot) {
    params_.push_back(param);
    slots_.push_back(slot);
    return static_cast<std::uint32_t>(params_.size() - 1);
  }
  void AddInput(std::uint32_t kind, const char* name, std::uint32_t flags, tonus_ns lookback) {
    inputs_.push_back({sizeof(tonus_input), kind, flags, 0, Str(name), lookback});
  }
  void AddName(std::uint32_t space, const char* name, std::uint32_t* id) {
    names_.push_back({space, name, id});
  }
  std::uint32_t AddCondition(const tonus_condition& condition) {
    conditions_.push_back(condition);
    return static_cast<std::uint32_t>(conditions_.size() - 1);
  }

  template <class T>
  static tonus_array ArrayOf(const std::vector<T>& v) {
    return {v.data(), static_cast<std::uint32_t>(v.size()), static_cast<std::uint32_t>(sizeof(T))};
  }
  tonus_array params() const { return ArrayOf(params_); }
  tonus_array inputs() const { return ArrayOf(inputs_); }
  tonus_array conditions() const { return ArrayOf(conditions_); }

  /* Reads settings and resolves names. A name that configuration does not have keeps id 0, and
   * everything asked about it comes back empty. */
  void Bind(const tonus_host* host) {
    host_ = host;
    record_ = static_cast<const tonus_record_1*>(host->query(host, TONUS_RECORD_1));
    if (record_ == nullptr) {
      throw HostError(TONUS_UNSUPPORTED, "this host does not have the table " TONUS_RECORD_1);
    }
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const tonus_rc rc = host->config(host, static_cast<std::uint32_t>(i), slots_[i]);
      if (rc != TONUS_OK) {
        throw HostError(rc, "setting " + std::string(View(params_[i].key)) + " cannot be read");
      }
    }
    for (const Name& name : names_) {
      const tonus_rc rc = host->resolve(host, name.space, Str(name.name), name.id);
      if (rc == TONUS_NOT_KNOWN) {
        *name.id = 0;
      } else if (rc != TONUS_OK) {
        throw HostError(rc, "name " + std::string(name.name) + " cannot be resolved");
      }
    }
  }
  const tonus_host* host() const { return host_; }
  const tonus_record_1* record() const { return record_; }

 protected:
  ~DetectorBase() = default;

 private:
  struct Name {
    std::uint32_t space;
    const char* name;
    std::uint32_t* id;
  };
  std::vector<tonus_param> params_;
  std::vector<tonus_value*> slots_;
  std::vector<tonus_input> inputs_;
  std::vector<Name> names_;
  std::vector<tonus_condition> conditions_;
  const tonus_host* host_ = nullptr;
  const tonus_record_1* record_ = nullptr;
};

/* A declared member stays where it was made: the detector holds pointers to it. */
class Declared {
 public:
  Declared(const Declared&) = delete;
  Declared& operator=(const Declared&) = delete;

 protected:
  Declared() = default;
  ~Declared() = default;
};

namespace detail {
inline tonus_value RealValue(double f) { return {TONUS_T_REAL, 0, 0, f, {nullptr, 0}}; }
inline tonus_value IntValue(std::uint32_t type, std::int64_t i) {
  return {type, 0, i, 0, {nullptr, 0}};
}
inline tonus_param Param(std::uint32_t type, const char* key, const char* unit, const char* help,
                         const char* source, tonus_value dflt, tonus_value lo, tonus_value hi,
                         const char* choices = "") {
  return {sizeof(tonus_param), type,         Str(key), Str(unit), Str(help),
          Str(source),         Str(choices), dflt,     lo,        hi};
}
}  // namespace detail

/* A setting that is a number with a unit. `source`: guideline, paper, `local policy` or
 * `unvalidated`. The host refuses values outside [lo, hi]. */
template <class Unit>
class Setting : Declared {
 public:
  Setting(DetectorBase* owner, const char* key, double dflt, double lo, double hi, const char* help,
          const char* source)
      : value_(detail::RealValue(dflt)),
        param_(owner->AddParam(detail::Param(TONUS_T_REAL, key, Unit::kUcum, help, source, value_,
                                             detail::RealValue(lo), detail::RealValue(hi)),
                               &value_)) {}
  Quantity<Unit> get() const { return Quantity<Unit>(value_.f); }
  operator Quantity<Unit>() const { return get(); }
  double value() const { return value_.f; }
  std::uint32_t param() const { return param_; }

 private:
  tonus_value value_;
  std::uint32_t param_;
};

/* A span of time, written in configuration as "90s" or "6h". */
class DurationSetting : Declared {
 public:
  DurationSetting(DetectorBase* owner, const char* key, tonus_ns dflt, tonus_ns lo, tonus_ns hi,
                  const char* help, const char* source)
      : value_(detail::IntValue(TONUS_T_DURATION, dflt)),
        param_(owner->AddParam(detail::Param(TONUS_T_DURATION, key, "", help, source, value_,
                                             detail::IntValue(TONUS_T_DURATION, lo),
                                             detail::IntValue(TONUS_T_DURATION, hi)),
                               &value_)) {}
  tonus_ns ns() const { return value_.i; }
  operator tonus_ns() const { return value_.i; }
  std::uint32_t param() const { return param_; }

 private:
  tonus_value value_;
  std::uint32_t param_;
};

class IntSetting : Declared {
 public:
  IntSetting(DetectorBase* owner, const char* key, std::int64_t dflt, std::int64_t lo,
             std::int64_t hi, const char* help, const char* source)
      : value_(detail::IntValue(TONUS_T_INT, dflt)),
        param_(owner->AddParam(
            detail::Param(TONUS_T_INT, key, "", help, source, value_,
                          detail::IntValue(TONUS_T_INT, lo), detail::IntValue(TONUS_T_INT, hi)),
            &value_)) {}
  std::int64_t value() const { return value_.i; }
  std::uint32_t param() const { return param_; }

 private:
  tonus_value value_;
  std::uint32_t param_;
};

/* One of a few words: `choices` has them with `|` between, get() is the index of the one chosen. */
class ChoiceSetting : Declared {
 public:
  ChoiceSetting(DetectorBase* owner, const char* key, const char* choices, std::int64_t dflt,
                const char* help, const char* source)
      : value_(detail::IntValue(TONUS_T_CHOICE, dflt)) {
    owner->AddParam(detail::Param(TONUS_T_CHOICE, key, "", help, source, value_,
                                  detail::IntValue(TONUS_T_CHOICE, 0),
                                  detail::IntValue(TONUS_T_CHOICE, 0), choices),
                    &value_);
  }
  std::int64_t get() const { return value_.i; }

 private:
  tonus_value value_;
};

/* A signal of config/signals.yaml, in its canonical unit, and that the detector reads it. */
template <class Unit>
class Signal : Declared {
 public:
  Signal(DetectorBase* owner, const char* name, std::uint32_t flags = kReads,
         tonus_ns lookback = kDay)
      : name_(name) {
    owner->AddInput(TONUS_IN_SIGNAL, name, flags, lookback);
    owner->AddName(TONUS_NAME_SIGNAL, name, &id_);
  }
  std::uint32_t id() const { return id_; }
  const char* name() const { return name_; }

 private:
  const char* name_;
  std::uint32_t id_ = 0;
};

/* That the detector reads, or is woken by, a kind of record other than a signal. */
class Input : Declared {
 public:
  Input(DetectorBase* owner, tonus_input_kind kind, const char* name, std::uint32_t flags,
        tonus_ns lookback) {
    owner->AddInput(static_cast<std::uint32_t>(kind), name, flags, lookback);
  }
};

/* A name of one of the configured lists. */
template <std::uint32_t Space>
class Named : Declared {
 public:
  Named(DetectorBase* owner, const char* name) : name_(name) { owner->AddName(Space, name, &id_); }
  std::uint32_t id() const { return id_; }
  const char* name() const { return name_; }
  bool is(std::uint32_t id) const { return id_ != 0 && id_ == id; }

 private:
  const char* name_;
  std::uint32_t id_ = 0;
};
using Drug = Named<TONUS_NAME_DRUG>;
using DrugClass = Named<TONUS_NAME_DRUG_CLASS>;
using PumpEventKind = Named<TONUS_NAME_PUMP_EVENT>;
using ProcedureKind = Named<TONUS_NAME_PROCEDURE>;

/* A condition of another detector, which then runs before this one. */
class Peer : Declared {
 public:
  Peer(DetectorBase* owner, const char* condition, std::uint32_t flags = kReads)
      : name_(condition) {
    owner->AddInput(TONUS_IN_FINDING, condition, flags, 0);
    owner->AddName(TONUS_NAME_CONDITION, condition, &id_);
  }
  std::uint32_t id() const { return id_; }
  const char* name() const { return name_; }

 private:
  const char* name_;
  std::uint32_t id_ = 0;
};

/* A condition that the detector may state; see tonus_condition for what the texts mean. */
class Condition : Declared {
 public:
  struct Competitor {
    const char* condition;
    const char* why;
  };
  struct Words {
    const char* name;
    const char* title;
    const char* headline;
    const char* source;
  };
  /* `work_up`: steps in the literature's order, never a dose. */
  Condition(DetectorBase* owner, const Words& words, std::initializer_list<const char*> tiers,
            std::initializer_list<const char*> work_up,
            std::initializer_list<Competitor> competitors = {})
      : name_(words.name) {
    for (const char* tier : tiers) tiers_.push_back(Str(tier));
    for (const char* step : work_up) work_up_.push_back(Str(step));
    for (const Competitor& c : competitors) {
      competitors_.push_back({sizeof(tonus_competitor), 0, Str(c.condition), Str(c.why)});
    }
    tonus_condition table{};
    table.struct_size = sizeof table;
    table.name = Str(words.name);
    table.title = Str(words.title);
    table.headline = Str(words.headline);
    table.tiers = DetectorBase::ArrayOf(tiers_);
    table.work_up = DetectorBase::ArrayOf(work_up_);
    table.competitors = DetectorBase::ArrayOf(competitors_);
    table.source = Str(words.source);
    index_ = owner->AddCondition(table);
  }
  std::uint32_t index() const { return index_; }
  const char* name() const { return name_; }

 private:
  const char* name_;
  std::vector<tonus_str> tiers_, work_up_;
  std::vector<tonus_competitor> competitors_;
  std::uint32_t index_ = 0;
};

}  // namespace tonus

#endif
