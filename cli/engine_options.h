#pragma once

#include "cli/config.h"
#include "core/engine.h"

namespace tonus::cli {

/// What the configuration says of the engine.
inline core::EngineOptions ToEngineOptions(const Config& config) {
  core::EngineOptions options;
  options.signals_path = config.core.signals_path;
  options.drugs_path = config.core.drugs_path;
  options.shards = config.core.shards;
  for (const PluginEntry& plugin : config.plugins) {
    options.plugins.push_back({plugin.path, plugin.settings, plugin.settings_where});
  }
  return options;
}

}  // namespace tonus::cli
