#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/record.h"
#include "base/result.h"
#include "cli/program.h"

namespace tonus::cli {

/// The folder that was named, else the live log, else the ward's, whichever is there.
std::string ChooseLogFolder(const Globals& globals, const std::string& named);

/// `tonus log verify`. Exit code 1 with every fault that was found (the first hundred of them).
int VerifyLogCommand(const Globals& globals, const std::string& named);

struct ExportOptions {
  std::string folder;
  std::vector<std::string> prefixes;  ///< None: every kind that producers publish.
  std::string from;                   ///< An offset or a time; empty: the beginning.
  std::string to;                     ///< Likewise, inclusive; empty: the end.
  std::string out;                    ///< A file; empty: standard output.
  bool skip_damaged = false;
};

/// `tonus log export`: JSON lines, as `tonus publish` and `tonus import jsonl` read them.
int ExportLogCommand(const Globals& globals, const ExportOptions& options);

struct TruncateOptions {
  std::string folder;
  std::string before;  ///< An offset or a time.
  bool force = false;  ///< Also what a core's checkpoint needs.
};

/// `tonus log truncate`: removes the whole files that hold nothing at or after `before`.
int TruncateLogCommand(const Globals& globals, const TruncateOptions& options);

}  // namespace tonus::cli
