#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>

namespace tonus {

/// A disk that can fail and lose power, put under SQLite as its default VFS for the whole process.
/// Knows of each file what a sync has promised to keep.
class FaultyDisk {
 public:
  /// Registers it, once; every database opened afterwards is on it.
  static FaultyDisk& Install();

  std::atomic<bool> fail_sync{false};   ///< fsync says that it failed.
  std::atomic<bool> fail_write{false};  ///< Writing says that the disk is full.

  /// Puts each file below `dir` back to what its last sync promised; a file that was never synced
  /// is gone. No database may be open.
  void LosePower(const std::string& dir);

  /// Whether a sync has promised to keep the file as it is now.
  bool IsSynced(const std::string& path);

  // For the VFS.
  void NoteSync(const std::string& path);
  void NoteDelete(const std::string& path);

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> synced_;  // Path → content; GUARDED_BY(mutex_).
};

}  // namespace tonus
