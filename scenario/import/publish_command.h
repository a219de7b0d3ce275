#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace tonus::importing {

/// What `tonus publish` is asked to do.
struct PublishOptions {
  std::string from;      ///< A file of JSON lines, a log folder, or `-` for standard input.
  std::string endpoint;  ///< The broker's `ingest`.
  std::string producer;  ///< Empty: `publish-` and the name of `from`. The n-th record of `from`
                         ///< has sequence n, so a second run goes on where the first ended.
  double speed = 0;      ///< Recorded seconds for each second; 0: as fast as the broker takes it.
  bool shift_to_now = false;  ///< Moves all times so that the newest record is recorded now; at a
                              ///< speed, so that the first one is.
  bool json = false;          ///< Summary as one JSON object on standard output.
};

/// Publishes a recording durably to a running broker. Progress goes to standard error where that is
/// a terminal, the summary to standard output. Returns 0, or 1 where the broker refused a record
/// (they are counted by code and stand in `dead`) or where SIGINT or SIGTERM ended it early.
/// Errors: kUsage (negative speed; `-` with shift_to_now at full speed, which would need the end
/// first), kRefused (an old recording for a broker with a wall clock, without shift_to_now), those
/// of Publisher, and of the input with file:line.
Result<int> RunPublishCommand(const PublishOptions& options);

}  // namespace tonus::importing
