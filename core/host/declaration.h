#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "tonus/plugin.h"

namespace tonus::core {

/// A setting's value, owned.
struct SettingValue {
  std::uint32_t type = 0;  ///< TONUS_T_…
  std::int64_t i = 0;
  double f = 0;
  std::string text;
};

/// A setting that a detector declares.
struct SettingDecl {
  std::uint32_t type = 0;
  std::string key, unit, help, source;
  std::vector<std::string> choices;
  SettingValue dflt, lo, hi;
};

struct InputDecl {
  std::uint32_t kind = 0;  ///< TONUS_IN_…
  bool wakes = false, required = false;
  std::string name;
  std::int64_t lookback_ns = 0;
};

struct CompetitorDecl {
  std::string condition, why;
};

struct ConditionDecl {
  std::string name, title, headline, source;
  std::vector<std::string> tiers, work_up;
  std::vector<CompetitorDecl> competitors;
};

/// What a detector says about itself, copied out of the shared object and checked.
struct DetectorDecl {
  std::string id, name, version, vendor, evidence_url;
  std::vector<SettingDecl> settings;
  std::vector<InputDecl> inputs;
  std::vector<ConditionDecl> conditions;
  std::uint32_t state_version = 0, state_oldest = 0;
  std::uint64_t state_bytes_max = 0;
  std::uint32_t fuel_per_call = 0;
  tonus_detector calls = {};  ///< Only the functions are used after this; they live as the library.
};

/// Reads the table that a plugin returned: magic, versions and sizes first, then every detector.
/// Never reads beyond a struct_size, never steps by sizeof. Fails with kRefused in a sentence that
/// names the field, what it says and what is allowed; `path` says where.
Result<std::vector<DetectorDecl>> ReadPlugin(const tonus_plugin* plugin, const std::string& path);

}  // namespace tonus::core
