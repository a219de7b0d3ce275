#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/record.h"
#include "base/result.h"
#include "tonus/v1/event.pb.h"

namespace tonus::importing {

/// A row that could not be used, for a person to look up.
struct RejectedRow {
  std::string where;  ///< file:line
  std::string why;
};

/// What became of a recording's rows. Each row is used or counted under one reason; a row with
/// several values may also have values that are left out.
struct ImportSummary {
  std::uint64_t files = 0;
  std::uint64_t patients = 0;
  std::uint64_t rows = 0;                               ///< Read, headers not counted.
  std::map<std::string, std::uint64_t> events;          ///< Written, by kind of topic.
  std::map<std::string, std::uint64_t> skipped_rows;    ///< By reason: left out by rule.
  std::map<std::string, std::uint64_t> skipped_values;  ///< By reason: left out by rule.
  std::map<std::string, std::uint64_t> rejected_rows;   ///< By reason: could not be used.
  std::vector<RejectedRow> rejected;                    ///< Each of rejected_rows.
};

/// When and where an event arrives.
struct Arrival {
  std::string_view kind;  ///< Of the topic.
  std::string_view unit;  ///< Of the topic, not escaped.
  LogTimeNs recorded_ns = 0;
};

/// The events of a recording, gathered in any order and written in order of recorded time; at equal
/// times in the order in which they were added. Held in memory: some hundred bytes an event, and a
/// kilobyte while `csv` gathers them.
class Recording {
 public:
  /// Takes an event of `event.patient_id()`.
  void Add(const Arrival& arrival, const v1::Event& event);
  /// Takes a record that is already encoded.
  void AddRaw(LogTimeNs recorded_ns, std::string topic, std::string payload);

  void Skip(const std::string& reason) { ++summary_.skipped_rows[reason]; }
  void SkipValue(const std::string& reason) { ++summary_.skipped_values[reason]; }
  /// Counts a row that cannot be used and keeps its place.
  void Reject(const std::string& reason, std::string where, std::string why);

  /// Adds an implanted baclofen pump, interrogated and found as programmed, to each `patient`
  /// record: SynchroMed II, 20 mL, 2000 µg/mL, 400 µg/day. All of it is synthetic; its source is
  /// `synthetic-pump`.
  void AddSyntheticPumps();

  ImportSummary& Summary() { return summary_; }
  const ImportSummary& Summary() const { return summary_; }
  bool Empty() const { return entries_.empty(); }

  /// Writes everything into a log with a given clock in `folder` as `producer`'s records from 1 on,
  /// without fsync. Records that the log has are found there and not written again. Fails with
  /// kRefused where the log holds records of anybody else, with kDiverged where it holds another
  /// import, and as Log does.
  Result<void> WriteLog(const std::string& folder, const std::string& producer);

 private:
  struct Entry {
    LogTimeNs recorded_ns = 0;
    std::string topic;
    std::string payload;
  };
  std::vector<Entry> entries_;
  ImportSummary summary_;
};

/// An event with its common fields set.
v1::Event MakeEvent(std::string_view patient, std::string_view source, std::int64_t effective_ns);

/// A code as it stands in a recording.
struct CodeName {
  std::string_view system;
  std::string_view code;
};

/// Adds a number in `unit` to the observations of an event and returns it for more.
v1::Observation* AddQuantity(v1::Event* event, const CodeName& name, double value,
                             std::string_view unit);
/// Adds a text, made valid UTF-8.
v1::Observation* AddText(v1::Event* event, const CodeName& name, std::string_view text);
/// Adds a yes/no finding.
v1::Observation* AddFlag(v1::Event* event, const CodeName& name, bool value);

/// `text` where it is valid UTF-8; otherwise each byte from 0x80 on read as ISO 8859-1.
std::string ToUtf8(std::string_view text);

/// A finite decimal number that takes up the whole text; nothing otherwise. Locale never matters.
bool ParseNumber(std::string_view text, double* value);

/// "2107-03-24 04:00:00" (seconds may be absent), read as UTC. Fails with kMalformed.
Result<std::int64_t> ParseLocalTime(std::string_view text);

/// Files among `paths`: those named, and in folders (searched all the way down) those that end in
/// `suffix`; sorted, each once. Fails with kUnreachable for a path that is not there, and for a
/// folder without such files.
Result<std::vector<std::string>> FindFiles(const std::vector<std::string>& paths,
                                           std::string_view suffix);

}  // namespace tonus::importing
