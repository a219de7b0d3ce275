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

/// The record as one JSON object on one line: offset, recorded, topic, producer, sequence and, by
/// kind, alert, event, dead, tech, … in protobuf's JSON form with the names of the .proto files.
std::string RecordJson(const Record& record);

/// Rows as an aligned table; the first row is the heading.
std::string Table(const std::vector<std::vector<std::string>>& rows);

/// Replaces what could steer a terminal.
std::string Printable(std::string_view text);

}  // namespace tonus::cli
