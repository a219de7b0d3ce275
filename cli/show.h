#pragma once

#include <string>
#include <vector>

#include "base/record.h"
#include "base/result.h"

namespace tonus::cli {

/// One line about a record for a person: "time  PRIORITY  unit/patient  condition  headline" for an
/// alert, the topic and a short content for anything else. Control characters are replaced. A
/// payload that does not parse is said so.
std::string ShowRecord(const Record& record, bool color);

/// Under an alert's line: evidence for and against, what is missing, other explanations, work-up
/// and limits, each on a line of its own. Empty for other records.
std::string ShowAlertInFull(const Record& record);

/// Whether the record is an alert that only gives new reasons for what was said before.
bool IsAlertUpdate(const Record& record);

/// The record as one JSON object on one line: offset, recorded, topic, producer, sequence and, by
/// kind, alert, event, dead, tech, … in protobuf's JSON form with the names of the .proto files.
std::string RecordJson(const Record& record);

/// Rows as an aligned table; the first row is the heading.
std::string Table(const std::vector<std::vector<std::string>>& rows);

/// Replaces what could steer a terminal.
std::string Printable(std::string_view text);

}  // namespace tonus::cli
