#pragma once

#include <string>
#include <vector>

#include "plugins/clinical/exposure.h"
#include "plugins/clinical/reservoir.h"

namespace tonus::clinical {

struct DeliverySettings {
  explicit DeliverySettings(DetectorBase* d) : owner(d) {}
  DetectorBase* owner;
  DurationSetting interrogation_fresh{owner,
                                      "interrogation_fresh",
                                      24 * kHour,
                                      kHour,
                                      7 * kDay,
                                      "An interrogation older than this verifies nothing",
                                      "unvalidated: clinical-reference 3.2"};
  DurationSetting proof_fresh{owner,
                              "catheter_proof_fresh",
                              7 * kDay,
                              kDay,
                              90 * kDay,
                              "A catheter study or response to a bolus older than this is void",
                              "unvalidated: clinical-reference 3.2"};
};

enum class DeliveryStatus { kVerified, kUnknown, kGap };

/// What is still lacking before delivery may be called verified.
struct Outstanding {
  std::string name;  ///< Canonical: interrogation, refill, dye_study, baclofen.
  std::string text;
  Time newest = 0;  ///< Newest of its kind; 0: never on record.
};

/// Whether the drug arrives (clinical-reference 3.2, reading R4): VERIFIED takes an interrogation
/// without fault, no residual outside limits, and a catheter study or a response to a bolus through
/// the pump, with no event since that could have changed it. For oral baclofen: every dose charted
/// as given. A normal interrogation alone verifies nothing.
struct Delivery {
  DeliveryStatus status = DeliveryStatus::kUnknown;
  std::vector<Outstanding> outstanding;
  std::string proof;      ///< In words, where verified.
  std::vector<Ref> refs;  ///< Of the proof, or of the gap.
  std::string gap;        ///< In words, where there is one.
  Time gap_since = 0;
  Time last_verified = 0;           ///< 0: never on record.
  bool residual_on_record = false;  ///< A measured residual volume was compared with the expected.
  std::string OutstandingText() const;
};

Delivery AssessDelivery(const Therapy& therapy, const std::vector<ExposureItem>& exposure,
                        const ReservoirSettings& reservoir, const DeliverySettings& settings);

}  // namespace tonus::clinical
