#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/record.h"
#include "base/result.h"

namespace tonus::importing {

/// Records of a recording in order: a log folder, a file of JSON lines, or `-` for JSON lines on
/// standard input. Records of JSON lines are named (`import-jsonl`, n-th good line) and their
/// recorded times are kept from going back, as an import of the file would. Owned by its caller,
/// used from one thread.
class RecordSource {
 public:
  /// Fails with kUnreachable where there is nothing, and as Log::OpenReadOnly.
  static Result<std::unique_ptr<RecordSource>> Open(const std::string& path);
  virtual ~RecordSource() = default;

  /// Appends the next records to `records`, some thousands at most; false at the end. Fails with
  /// kIo and kCorrupt. A line that is no event is counted, see Problems.
  virtual Result<bool> Next(std::vector<Record>* records) = 0;

  /// Records in all, for a progress bar; 0: not known.
  virtual std::uint64_t Total() const = 0;

  /// Recorded time of the newest record; for a file this reads all of it. Fails with kUsage for
  /// standard input.
  virtual Result<LogTimeNs> NewestNs() = 0;

  /// The `config.` records of a log, read beside the others; of a file there are none. Fails as
  /// Next.
  virtual Result<std::vector<Record>> Configs() { return std::vector<Record>(); }

  /// Lines that were no event so far: "file:line: why"; at most 1000 are kept.
  virtual std::vector<std::string> Problems() const { return {}; }
  virtual std::uint64_t ProblemCount() const { return 0; }
};

}  // namespace tonus::importing
