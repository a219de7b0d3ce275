#pragma once

#include <string>
#include <vector>

#include "plugins/clinical/delivery.h"
#include "plugins/clinical/signs.h"

namespace tonus::clinical {

/// How the detectors put shared facts into a finding, so that one fact reads the same everywhere.

void SayExposure(const ExposureItem& item, double weight, Finding* finding);
void SaySign(const SignItem& item, Finding* finding);
/// Missing inputs, what did not count.
void SayAbsent(const Signs& signs, Finding* finding);
/// Outstanding parts as missing; the last verified delivery as a time; a proof as what speaks
/// against where `proof_counts_against`.
void SayDelivery(const Delivery& delivery, Time now, bool proof_counts_against, Finding* finding);

/// "fever, tone up, itching without rash": the weightiest words, at most `most`.
std::string Words(const std::vector<SignItem>& items, std::size_t most);

}  // namespace tonus::clinical
