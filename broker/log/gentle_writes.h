#pragma once

#include <atomic>

#include "broker/log/sqlite.h"

namespace tonus {

/// Makes a checkpoint reach the disk in small pieces, with pauses. By itself it hands the file
/// system hundreds of megabytes and syncs them at once, and then gives as many back; for as long as
/// the disk takes to swallow that, every commit to every other file waits too: 35 to 110 ms were
/// seen.
///
/// Stands between SQLite and the files of `database` for its own lifetime, within which the
/// connection is used by one thread, this one. A sync that fails makes the write fail, and with it
/// the checkpoint.
class GentleWrites {
 public:
  /// `hurry`, borrowed, is set once there is nobody left to be gentle to.
  GentleWrites(sqlite::Database& database, const std::atomic<bool>& hurry);
  ~GentleWrites();
  GentleWrites(const GentleWrites&) = delete;
  GentleWrites& operator=(const GentleWrites&) = delete;

 private:
  sqlite::Database& database_;
};

}  // namespace tonus
