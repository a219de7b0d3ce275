#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "scenario/import/csv_reader.h"
#include "scenario/import/recording.h"

namespace tonus::importing::mimic3 {

/// A row of a table by the names of its columns. Borrowed for the call that it is handed to.
class NamedRow {
 public:
  NamedRow(const CsvRow* row, const std::map<std::string, std::size_t, std::less<>>* columns,
           std::string where)
      : row_(row), columns_(columns), where_(std::move(where)) {}

  /// The field of a column that ForEachRow was asked for; anything else aborts.
  const std::string& operator[](std::string_view column) const;
  const std::string& Where() const { return where_; }

 private:
  const CsvRow* row_;
  const std::map<std::string, std::size_t, std::less<>>* columns_;
  std::string where_;
};

/// Hands each row of `folder`/`name` that has the header's width to `take`; others are rejected.
Result<void> ForEachRow(const std::string& folder, const std::string& name,
                        const std::vector<std::string>& columns, Recording* recording,
                        const std::function<void(const NamedRow&)>& take);

/// One stay in intensive care.
struct Stay {
  std::string icustay;
  std::string hadm;     ///< The stay in hospital that it is a part of.
  std::string patient;  ///< As in topics: `mimic3-` and the subject.
  std::string unit;     ///< First care unit, lower case.
  std::int64_t in_ns = 0;
  std::int64_t out_ns = 0;
};

/// One stay in hospital.
struct Admission {
  std::string patient;
  std::int64_t admit_ns = 0;  ///< The earlier of hospital admission and first ICU stay.
  std::int64_t end_ns = 0;    ///< Death, or the later of discharge and the last ICU stay's end.
  std::vector<const Stay*> stays;  ///< By time; into Stays::by_icustay.
  v1::PatientSnapshot snapshot;
};

/// Who was where and when.
struct Stays {
  std::map<std::string, Stay> by_icustay;
  std::map<std::string, Admission> by_hadm;

  /// The unit of a patient at a time: the ICU's, or `ward`.
  std::string UnitAt(const Admission& admission, std::int64_t time_ns) const;
};

/// Reads stays.csv and adds patient snapshots and encounters.
Result<void> ReadStays(const std::string& folder, Stays* stays, Recording* recording);
/// Reads prescriptions.csv and adds orders.
Result<void> ReadPrescriptions(const std::string& folder, const Stays& stays, Recording* recording);
/// Reads chart.csv and adds vitals and assessments.
Result<void> ReadChart(const std::string& folder, const Stays& stays, Recording* recording);
/// Reads labs.csv and adds results.
Result<void> ReadLabs(const std::string& folder, const Stays& stays, Recording* recording);
/// Reads inputs_mv.csv and inputs_cv.csv and adds administrations.
Result<void> ReadInputs(const std::string& folder, const Stays& stays, Recording* recording);

}  // namespace tonus::importing::mimic3
