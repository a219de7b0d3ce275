#pragma once

#include "base/result.h"
#include "scenario/import/import_command.h"
#include "scenario/import/recording.h"

// One function for each set: reads what `options.paths` names into `recording`. What each maps to
// what, and which traps of its set it knows, stands in docs/importing.md.
namespace tonus::importing {

Result<void> ImportPhysionet2019(const ImportOptions& options, Recording* recording);
Result<void> ImportPhysionet2012(const ImportOptions& options, Recording* recording);
Result<void> ImportMimic3Demo(const ImportOptions& options, Recording* recording);
Result<void> ImportCsv(const ImportOptions& options, Recording* recording);
Result<void> ImportJsonLines(const ImportOptions& options, Recording* recording);

}  // namespace tonus::importing
