#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/host/declaration.h"

namespace tonus::core {

/// The values in force of a detector's settings, in the order of its declaration: what `given` says
/// where it says it, the declared default elsewhere. Fails with kConfig at `where` for an unknown
/// key (with the nearest name), a value that does not parse, and one outside its bounds.
Result<std::vector<SettingValue>> ResolveSettings(const DetectorDecl& detector,
                                                  const std::map<std::string, std::string>& given,
                                                  const std::string& where);

/// A value as configuration would write it.
std::string SettingText(const SettingDecl& decl, const SettingValue& value);

}  // namespace tonus::core
