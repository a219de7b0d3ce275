#pragma once

#include "cli/plugin_watch.h"

namespace tonus::cli {

/// From here on this process may compute, take memory, write to `result` and end; a read of a
/// clock, or any other system call, is noted in `spot` and ends it with kConfinedExit. There is no
/// way back. False where this kernel or machine cannot do it: then nothing has changed.
bool Confine(Spot* spot, int result);

inline constexpr int kConfinedExit = 77;

/// "openat"; null where it has no name here.
const char* SystemCallName(int number);

}  // namespace tonus::cli
