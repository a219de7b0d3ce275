#pragma once

#include <cstdint>
#include <string>

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

/// DIR/head: the last committed offset, kept beside the database, whose own recovery stops quietly
/// at a bad frame. 16 bytes: offset u64 little-endian, Digest64 of these 8 bytes. Written after
/// each commit and not synced: it may lag behind the log, never run ahead of it.
class HeadFile {
 public:
  static Result<HeadFile> Open(const std::string& dir);
  HeadFile(HeadFile&& other) noexcept;
  HeadFile& operator=(HeadFile&& other) noexcept;
  ~HeadFile();

  Result<void> Write(Offset last) const;

  /// The offset in DIR/head; 0 where there is none or it is torn.
  static Offset Read(const std::string& dir);

 private:
  explicit HeadFile(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace tonus
