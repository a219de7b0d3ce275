#pragma once

#include "base/result.h"
#include "broker/log/sqlite.h"

namespace tonus {

/// Makes durable what a start finds in a log that was not closed. A writer that was killed between
/// writing and syncing, or whose sync failed, leaves commits that can be read and are not on the
/// disk; after a failed sync the system may even believe that they are. Whoever then took them for
/// committed would show them to readers, and acknowledge their repeats, and the next power loss
/// would take them away.
///
/// So the write-ahead file is written again as it stands, and synced, before anything in it is
/// believed; so is the head of the database file, which is all that it consists of while no
/// checkpoint has been made. A power loss in between only fills holes. `database` is the only
/// writing connection; costs as much as the write-ahead file is long.
Result<void> MakeFoundDurable(sqlite::Database& database);

}  // namespace tonus
