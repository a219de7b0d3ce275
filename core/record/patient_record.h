#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/normalise/normalise.h"
#include "core/record/medication.h"
#include "core/record/pump_record.h"
#include "core/record/record_names.h"
#include "core/record/series.h"

namespace tonus::core {

/// Something done to a patient, as kept.
struct ProcedureFact {
  std::int64_t effective = 0;
  Ref ref = 0;
  ProcedureId kind = 0;
  std::uint32_t flags = 0;  ///< TONUS_PROC_…
  double dose_ug = 0;
  std::string phase, result, response, reason;

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.effective, self.ref, self.kind, self.flags, self.dose_ug, self.phase, self.result,
            self.response, self.reason);
  }
};

/// Who the patient is and where.
struct PatientFacts {
  std::optional<double> age_years, weight_kg;
  bool spo2_scale_2 = false;
  std::string sci_level;
  std::vector<std::string> diagnoses;
  std::string unit, bed;  ///< Unescaped; the unit is the topic's until an encounter decides.
  bool placed = false;    ///< An encounter has decided.
  LogTimeNs first_seen = 0;

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.age_years, self.weight_kg, self.spo2_scale_2, self.sci_level, self.diagnoses,
            self.unit, self.bed, self.placed, self.first_seen);
  }
};

/// What Amend made of an event, for the call that shows it to detectors.
struct Amended {
  Ref ref = 0;
  bool late = false;  ///< It came after a newer one of its kind, drug or signal.
  const PumpFact* pump = nullptr;
  const Order* order = nullptr;
  const Dose* dose = nullptr;
  const ProcedureFact* procedure = nullptr;
  std::vector<Sample> samples;    ///< What entered, in the order sent.
  std::vector<SignalId> signals;  ///< Of the samples, one for one.
};

/// Everything that is known of one patient, in bounded memory: the record that detectors read.
///
/// Owned by its shard and touched by its thread alone. Invariants: 1. it is a pure function of the
/// patient's accepted events and of when its baseline was frozen; 2. every part is bounded, by the
/// constants of the part.
class PatientRecord {
 public:
  PatientRecord(const Mapping& mapping, std::string id);

  const std::string& Id() const { return id_; }
  const Mapping& Names() const { return *mapping_; }

  /// Whether an input with this digest has been taken lately; remembers it.
  bool Repeated(std::uint64_t digest, bool vitals) { return repeats_.Seen(digest, vitals); }

  /// Takes an accepted event. `out` is filled anew; its pointers are valid until the next Amend.
  void Amend(const Record& record, const NormalEvent& event, Amended* out);

  /// Null: never seen.
  const Series* Find(SignalId signal) const;
  /// Own normal of a signal, at log time `now`; for a site without values of its own the
  /// whole-body value stands in.
  Baseline OwnNormal(SignalId signal, std::string_view site, std::int64_t now) const;
  /// Older than the signal's limit and than three usual intervals; equality is fresh. A yes/no
  /// finding holds until the opposite is charted, so it is never stale.
  bool Stale(SignalId signal, std::int64_t effective, std::int64_t now) const;

  /// Whether the patient is now unlike himself (a medium or higher finding is open): what is
  /// observed meanwhile never enters his own normal.
  void SetFrozen(bool frozen, std::int64_t now);

  /// Empty for 0.
  std::string_view SiteName(SiteIndex site) const;
  /// Nothing where this patient has no such site on record.
  std::optional<SiteIndex> FindSite(std::string_view site) const;

  const DoseTimeline& Doses() const { return doses_; }
  const OrderBook& Orders() const { return orders_; }
  const PumpRecord& Pump() const { return pump_; }
  const TimeRing<ProcedureFact>& Procedures() const { return procedures_; }
  const PatientFacts& Facts() const { return facts_; }
  const RecordNames& Refs() const { return refs_; }

  /// Of the last record that was amended; 0: none yet.
  Ref LastRef() const { return last_ref_; }

 private:
  friend struct StateFields;
  struct CachedBaseline {
    std::int64_t hour = 0;
    std::uint64_t amendments = 0, freezes = 0;
    Baseline baseline;

    template <class Self, class Archive>
    static void Fields(Self& self, Archive& archive) {
      archive(self.hour, self.amendments, self.freezes, self.baseline);
    }
  };
  /// Everything but the id, which whoever keeps the record knows, and what is only valid until the
  /// next Amend. Cached baselines are kept: what they were taken from may have gone since.
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.last_ref_, self.sites_);
    SeriesFields(self, archive);
    archive(self.baselines_, self.doses_, self.orders_, self.pump_, self.procedures_, self.facts_,
            self.refs_, self.repeats_, self.frozen_since_, self.frozen_spans_, self.freezes_);
  }
  template <class Self, class Archive>
  static void SeriesFields(Self& self, Archive& archive) {
    for (SignalId signal = 1; signal < self.series_.size(); ++signal) {
      auto& series = self.series_[signal];
      bool there = series != nullptr;
      archive(there);
      if constexpr (Archive::kReading) {
        series.reset();
        if (there) series = self.NewSeries(signal);
      }
      if (there) archive(*series);
    }
  }
  bool Valid() const;

  std::unique_ptr<Series> NewSeries(SignalId id) const;
  void TakeSamples(const NormalEvent& event, Amended* out);
  void TakeProcedure(const NormalEvent& event, Amended* out);
  void TakePatient(const NormalEvent& event);
  void TakeEncounter(const NormalEvent& event);
  std::optional<SiteIndex> InternSite(std::string_view site);
  BaselineWindow WindowAt(std::int64_t now) const;

  const Mapping* mapping_;
  std::string id_;
  Ref last_ref_ = 0;
  std::vector<std::unique_ptr<Series>> series_;    ///< By signal id.
  mutable std::vector<CachedBaseline> baselines_;  ///< By signal id; empty until one is asked for.
  std::vector<std::string> sites_;
  DoseTimeline doses_;
  OrderBook orders_;
  PumpRecord pump_;
  TimeRing<ProcedureFact> procedures_;
  ProcedureFact newest_procedure_;
  PatientFacts facts_;
  RecordNames refs_;
  Repeats repeats_;
  std::optional<std::int64_t> frozen_since_;
  std::vector<TimeSpan> frozen_spans_;  ///< Ended ones, the last kFrozenSpans.
  std::uint64_t freezes_ = 0;
};

}  // namespace tonus::core
