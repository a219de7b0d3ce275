#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "broker/log/sqlite.h"

namespace tonus {

/// Finishes segments behind the writer's back: moves the write-ahead log of one that gets no more
/// records into its file, and closes it. That is the checkpoint that would otherwise stand between
/// commits; it is safe beside them, because they go to another file. Removes the files of segments
/// that are no longer kept, which may take the file system as long.
///
/// A synced log is sealed gently, for its commits wait for the same disk.
///
/// Owned by the log, which hands over its connection; one thread of its own.
class Sealer {
 public:
  /// `gently`: the log is synced. `at_once`: in the caller's thread, within Seal.
  Sealer(bool gently, bool at_once) : gently_(gently && !at_once), at_once_(at_once) {}
  /// Finishes what was handed over.
  ~Sealer();
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  /// Takes the only writing connection to a segment. Its statements are finalized.
  void Seal(sqlite::Database database);

  /// Removes a segment's files, after what is waiting to be sealed.
  void Remove(std::string path);

  /// Why removing failed, once it has: nothing is lost, and the next start may try again.
  std::optional<Error> RemovalFailure() const;

  /// Why sealing failed, once it has. The records are safe, but the disk is not to be trusted.
  std::optional<Error> Failure() const;

 private:
  void Start();
  void Run();
  Result<void> SealOne(sqlite::Database& database);
  /// Waits for so long; false once the log is being closed.
  bool Rest(std::chrono::nanoseconds time);

  const bool gently_;
  const bool at_once_;
  mutable std::mutex mutex_;
  std::condition_variable there_;
  std::deque<sqlite::Database> waiting_;  // GUARDED_BY(mutex_)
  std::deque<std::string> unwanted_;      // GUARDED_BY(mutex_)
  std::optional<Error> failure_;          // GUARDED_BY(mutex_)
  std::optional<Error> not_removed_;      // GUARDED_BY(mutex_)
  bool stop_ = false;                     // GUARDED_BY(mutex_)
  std::thread thread_;                    ///< Started with the first segment.
};

}  // namespace tonus
