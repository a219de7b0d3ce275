#pragma once

#include <string>
#include <vector>

#include "core/engine.h"
#include "tests/simulation/world.h"

namespace tonus::simulation {

/// The simulated core: one good detector that alerts often.
core::EngineOptions CoreOptions();

/// Derives from the log, undisturbed and in one go, what is due, and compares it byte for byte with
/// what the core published under `producer` across all its deaths: nothing else, nothing twice, and
/// nothing missing of what follows from records up to `settled`, which the core said it had done.
void CheckAlerts(World* world, const std::vector<Record>& log, const std::string& producer,
                 Offset settled);

}  // namespace tonus::simulation
