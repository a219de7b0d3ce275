#pragma once

#include "base/record.h"

namespace tonus {

namespace v1 {
class LogRecord;
}

/// Moves a record out of a reply.
Record TakeRecord(v1::LogRecord& record);

}  // namespace tonus
