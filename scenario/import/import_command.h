#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace tonus::importing {

/// What `tonus import` is asked to do.
struct ImportOptions {
  std::string set;                 ///< One of ImportSets().
  std::vector<std::string> paths;  ///< Files, or folders that are searched for the set's files.
  std::string out;                 ///< Folder of the log to write; made where there is none.
  std::string map;                 ///< `csv`: the MAP.yaml; needed there, refused elsewhere.
  std::string labels;   ///< `physionet2019`: file for SepsisLabel and outcome, which are no input
                        ///< of a detector and so never enter the log. Empty: not written.
  std::string rejects;  ///< File for every row that could not be used, with its place. Empty: the
                        ///< first twenty are printed, and how many more there are.
  bool synthetic_pump = false;  ///< Gives every patient an implanted baclofen pump that nobody had,
                                ///< to see how often general illness is taken for its failure. Sets
                                ///< with patient snapshots only.
  bool json = false;            ///< Summary as one JSON object on standard output.
};

/// `csv`, `jsonl`, `mimic3-demo`, `physionet2012`, `physionet2019`.
const std::vector<std::string>& ImportSets();

/// Reads a recording and writes it as a log with a given clock, without fsync: it can be repeated.
/// Running it again on the same input finds every record there and adds none. Progress goes to
/// standard error where that is a terminal, the summary to standard output. Returns the exit code:
/// 0, or 1 where nothing at all could be used. Errors: kUsage (unknown set, option of another set),
/// kUnreachable (a file or folder that cannot be read, or a folder without the set's files),
/// kMalformed with file:line (a file that is not what the set says), kConfig (MAP.yaml), kRefused
/// (`out` holds another log), and those of Log.
Result<int> RunImportCommand(const ImportOptions& options);

}  // namespace tonus::importing
