#pragma once

#include <string>
#include <string_view>

#include "core/alerts/finding.h"
#include "core/host/declaration.h"
#include "core/normalise/mapping.h"

namespace tonus::core {

/// "Not a diagnosis…": what every alert says of itself.
extern const std::string_view kLimitsText;

/// What people call a canonical name: "motor stall", "HR", "baclofen". A name that configuration
/// does not know reads with spaces for underscores.
std::string LabelOf(std::string_view name, const Mapping& mapping);

/// One piece of evidence in words: "TEMP 38.4 °C, own normal 36.8 (limit ≥ 38)".
std::string EvidenceSentence(const Reason& reason, const Mapping& mapping);

/// What is absent: "TEMP: newest value is 5 h 20 min old", "interrogation: never seen".
std::string MissingSentence(const Reason& reason, LogTimeNs now, const Mapping& mapping);

/// The condition's template, filled: {tier}, {title}, {reasons} (up to three, the weightiest
/// first), {first}, {text}.
std::string Headline(const ConditionDecl& condition, const Finding& finding,
                     const Mapping& mapping);

/// A number with its unit as people read it: "38.4 °C", "1+", "yes".
std::string ValueText(std::string_view name, double value, std::string_view unit,
                      const Mapping& mapping);

}  // namespace tonus::core
