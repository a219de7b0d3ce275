#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace tonus::importing {

/// A name in MAP.yaml and where it stands there, for complaints about the table's columns.
struct MapName {
  std::string text;
  std::string where;
};

/// How a time is written.
enum class TimeForm {
  kRfc3339,  ///< With a zone.
  kLocal,    ///< YYYY-MM-DD HH:MM[:SS] at `zone_ns`.
  kUnixS,    ///< Seconds since 1970, fractions allowed.
  kUnixMs,   ///< Milliseconds since 1970.
  kHours,    ///< Hours since `origin_ns`, fractions allowed.
};

struct TimeColumn {
  MapName column;
  TimeForm form = TimeForm::kRfc3339;
  std::int64_t zone_ns = 0;
  std::int64_t origin_ns = 0;
};

enum class ValueType { kNumber, kText, kAuto };

/// What a column, or a name in the signal column, stands for.
struct SignalMeaning {
  std::string system = "local";
  std::string code;
  std::string unit;
  std::string kind;
  std::string method;
  std::string body_site;
  ValueType type = ValueType::kAuto;
};

/// MAP.yaml: which column of a table is what. Its keys are in docs/importing.md.
struct CsvMap {
  bool wide = false;
  char delimiter = ',';
  std::set<std::string> missing;
  MapName patient_column;
  std::string patient_prefix;
  TimeColumn time;
  std::optional<TimeColumn> recorded;
  std::string unit = "icu";
  std::optional<MapName> unit_column;
  std::string source = "csv";
  std::string kind = "vitals";
  MapName signal_column;
  MapName value_column;
  std::optional<MapName> value_unit_column;
  std::map<std::string, SignalMeaning> signals;  ///< Long: empty takes every name as a local code.
  std::vector<std::pair<MapName, SignalMeaning>> columns;  ///< Wide.
};

/// Fails with kConfig at file:line:column, kUnreachable where the file cannot be read.
Result<CsvMap> ReadCsvMap(const std::string& path);

/// Nanoseconds since 1970; kMalformed.
Result<std::int64_t> ParseTimeAs(const TimeColumn& column, const std::string& text);

}  // namespace tonus::importing
