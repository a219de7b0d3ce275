#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/world.h"

namespace tonus::simulation {

/// How bad the disk is at the moment.
struct DiskFaults {
  bool fail_write = false;  ///< Writing says that the disk is full.
  bool fail_sync = false;  ///< A sync says that it failed, and forgets what it should have written,
                           ///< as Linux does.
  TimeNs slow_sync_ns = 5 * kMilli;  ///< A sync takes up to this.
};

/// SQLite's disk: its default VFS while the simulation runs. Files are real ones in a temporary
/// folder; beside each stands what would be left of it after a power loss: what was there at its
/// last sync, and of each later write the sectors that chance has written back.
///
/// Installed once for the process; a run begins with Attach.
class Disk {
 public:
  static Disk& Install();

  DiskFaults faults;

  /// Begins a run; forgets all files.
  void Attach(World* world);
  void Detach() { world_ = nullptr; }

  /// Puts the files in `dir` and below back to what survives. No database may be open.
  void LosePower(const std::string& dir);

  struct Counts {
    std::uint64_t writes = 0, syncs = 0, failures = 0;
  };
  const Counts& Count() const { return counts_; }

  // For the VFS; `owner` is the process that opened the file.
  bool Dead(const Process* owner) const { return owner != nullptr && owner->dead; }
  World* Here() const { return world_; }
  void NoteOpen(const std::string& path, bool existed);
  void NoteWrite(const std::string& path, std::string_view bytes, std::int64_t at);
  void NoteTruncate(const std::string& path, std::int64_t size);
  void NoteDelete(const std::string& path) { files_.erase(path); }
  /// A sync that has succeeded, or that has failed and forgets.
  void NoteSync(const std::string& path, bool succeeded);
  void CountWrite() { ++counts_.writes; }
  void CountSync() { ++counts_.syncs; }
  void CountFailure() { ++counts_.failures; }

 private:
  struct Change {
    std::int64_t at = 0;
    std::string bytes;
    bool truncate = false;  ///< To `at`.
  };
  struct File {
    bool named = false;  ///< Its name survives.
    std::string kept;
    std::vector<Change> pending;
  };
  static void Apply(const Change& change, std::string& content);
  void LoseFile(const std::string& path, File& file);
  void LoseHead(const std::string& dir);

  World* world_ = nullptr;
  std::map<std::string, File> files_;
  std::vector<std::string> heads_;  ///< Earlier contents of the file `head`.
  Counts counts_;
};

}  // namespace tonus::simulation
