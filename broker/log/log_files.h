#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/record.h"
#include "base/result.h"

namespace tonus {

/// File of the segment that begins at `first`: DIR/segment-00000000000000000001.db.
std::string SegmentPath(const std::string& dir, Offset first);

/// Makes sure that a file that was made in this folder is still there after a power loss.
Result<void> SyncDirectory(const std::string& dir);

/// The lock that a log's only writer holds while it lives. Released by the system when the process
/// dies.
class LogLock {
 public:
  /// Fails with kUnreachable where the directory is not writable or another process has the lock.
  static Result<LogLock> Take(const std::string& dir);
  LogLock(LogLock&& other) noexcept;
  LogLock& operator=(LogLock&& other) noexcept;
  ~LogLock();

 private:
  explicit LogLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

/// An offset in a small file of its own: 16 bytes, offset u64 little-endian, Digest64 of these 8
/// bytes. Overwritten in place and not synced, except when it is made: after a power loss it holds
/// an earlier offset, and it is missing or torn only where someone or something else did that.
///
/// - DIR/head: the last committed offset, beside the database, whose own recovery stops quietly at
/// a
///   bad frame. Written after each commit, before its answer: it may lag behind the log, but never
///   behind what was acknowledged, and never runs ahead.
/// - DIR/needed: the offset from which on a core's checkpoint needs the log.
class OffsetFile {
 public:
  /// What a file says.
  struct Content {
    bool missing = false;
    bool torn = false;  ///< It is there, but it is not what was written.
    Offset offset = 0;  ///< 0 where it is missing or torn.
  };

  /// Opens it, and makes it with `initial` where it is missing or torn.
  static Result<OffsetFile> Open(const std::string& path, Offset initial);
  OffsetFile(OffsetFile&& other) noexcept;
  OffsetFile& operator=(OffsetFile&& other) noexcept;
  ~OffsetFile();

  Result<void> Write(Offset offset) const;

  static Content Read(const std::string& path);

 private:
  OffsetFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  int descriptor_ = -1;
  std::string path_;
};

/// DIR/head and DIR/needed.
std::string HeadPath(const std::string& dir);
std::string NeededPath(const std::string& dir);

}  // namespace tonus
