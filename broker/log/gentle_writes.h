#pragma once

#include <chrono>
#include <functional>

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
  /// Waits for so long; false, at once, where there is nobody left to be gentle to.
  using Rest = std::function<bool(std::chrono::nanoseconds)>;

  GentleWrites(sqlite::Database& database, Rest rest);
  ~GentleWrites();
  GentleWrites(const GentleWrites&) = delete;
  GentleWrites& operator=(const GentleWrites&) = delete;

 private:
  sqlite::Database& database_;
};

}  // namespace tonus
