#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/record.h"
#include "base/result.h"

namespace tonus {

/// One thing that is not as it should be: where, and what.
struct LogFault {
  Offset from = 0;  ///< 0: not of any offset.
  Offset to = 0;
  std::string what;
};

/// What VerifyLog found.
struct LogVerdict {
  std::uint64_t records = 0;  ///< That could be read, each with its checksum.
  std::uint64_t files = 0;
  Offset first_offset = 0;
  Offset last_offset = 0;
  std::vector<LogFault> faults;    ///< The first kMaxFaults of them.
  std::uint64_t fault_count = 0;   ///< All of them.
  std::vector<std::string> notes;  ///< Not wrong, but to be known: LogReader::Notes().
  static constexpr std::size_t kMaxFaults = 100;
};

/// Reads a whole log and checks each record's checksum, that offsets are dense, recorded times do
/// not go back, each producer's sequences and each stream's chain have no hole, and that what is
/// kept for dropping repeats (highest sequences, the place of each sequence) and the snapshot of
/// open alerts agree with the records. Goes on after damage. Reads beside a running writer, up to
/// where the log ended at the beginning. `progress` (may be empty) is told the offset now and then.
///
/// Fails with kUnreachable where there is no log, and with kCorrupt where no file of it can be
/// read.
Result<LogVerdict> VerifyLog(const std::string& dir,
                             const std::function<void(Offset at, Offset last)>& progress);

}  // namespace tonus
