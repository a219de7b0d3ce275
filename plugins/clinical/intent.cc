#include "plugins/clinical/intent.h"

#include <algorithm>

namespace tonus::clinical {
namespace {

constexpr Time kParalysis = 12 * kHour; /* of one dose of a relaxant; unvalidated */
constexpr double kTubePoints = 4;       /* of the Glasgow scale: verbal response 5 to 1 */

bool Sedates(const IntentVocabulary& names, std::uint32_t drug, const tonus::Patient& patient) {
  return drug != 0 && (patient.in_class(drug, names.benzodiazepine) ||
                       patient.in_class(drug, names.anaesthetic) ||
                       patient.in_class(drug, names.barbiturate) || names.dexmedetomidine.is(drug));
}

bool SystemSurgery(ProcedureType type) {
  return type == ProcedureType::kSurgery || type == ProcedureType::kImplant ||
         type == ProcedureType::kReplacement || type == ProcedureType::kCatheterRevision ||
         type == ProcedureType::kExplant;
}

}  // namespace

std::string SedationIntent::Covers(std::optional<double> rass) const {
  if (target && (!rass || *rass >= *target - margin)) {
    return "sedation with a RASS target of " + Number(*target, 0) + " is ordered";
  }
  /* Deeper than the target is not meant, whatever runs. */
  if (target) return "";
  if (ventilated && sedative) return "ventilated, and sedation is ordered";
  if (anaesthetic) return "an anaesthetic or sedative infusion runs";
  return procedural ? procedure : "";
}

SedationIntent ReadIntent(const IntentVocabulary& names, const Therapy& therapy,
                          const Bedside& bedside, const tonus::Patient& patient) {
  SedationIntent out;
  out.margin = names.target_margin.value();
  out.ventilated = bedside.ventilated.yes;
  const Time now = therapy.now;
  for (const tonus_order& row : patient.orders()) {
    const bool active = row.status == TONUS_ORDER_ACTIVE;
    if (patient.in_class(row.drug, names.neuromuscular_blocker) &&
        (active || now - row.changed_at <= kParalysis)) {
      out.paralysed = true;
    }
    if (!active) continue;
    if ((row.flags & TONUS_HAS_RASS_TARGET) != 0) {
      out.target = out.target ? std::min(*out.target, row.rass_target) : row.rass_target;
    }
    const bool vein = row.route == TONUS_ROUTE_IV || row.route == TONUS_ROUTE_UNKNOWN;
    const bool running = vein && (row.flags & TONUS_AS_NEEDED) == 0;
    if (!running || !Sedates(names, row.drug, patient)) continue;
    out.sedative = true;
    out.anaesthetic = out.anaesthetic || names.dexmedetomidine.is(row.drug) ||
                      names.midazolam.is(row.drug) || patient.in_class(row.drug, names.anaesthetic);
  }
  for (const tonus_dose& row : patient.doses(now - kParalysis, now + 1)) {
    if (row.status != TONUS_DOSE_GIVEN || row.drug == 0) continue;
    if (patient.in_class(row.drug, names.neuromuscular_blocker)) out.paralysed = true;
    if (now - row.effective <= names.procedural && patient.in_class(row.drug, names.anaesthetic)) {
      out.procedural = true;
      out.procedure = "an anaesthetic was given within " + DurationText(names.procedural);
    }
  }
  for (const Procedure& p : therapy.procedures) {
    if (SystemSurgery(p.type) && p.at <= now && now - p.at <= names.anaesthesia) {
      out.procedural = true;
      out.procedure = "surgery within " + DurationText(names.anaesthesia);
    }
  }
  return out;
}

void CountWaking(const IntentVocabulary& names, const Bedside& b, Time rated, Time* sedated,
                 SedationIntent* intent) {
  const auto rass = b.rass.known ? std::optional<double>(b.rass.now) : std::nullopt;
  if (!intent->Covers(rass).empty()) {
    *sedated = b.now;
  } else if (*sedated != 0 && !intent->target && rated <= *sedated + names.procedural) {
    intent->procedural = true;
    intent->procedure = "rated before or soon after sedation that was meant had ended";
  }
}

double GcsFall(const Bedside& b, bool agreed) {
  if (!b.gcs.known || !b.gcs.own) return 0;
  if (agreed && !b.gcs.twice) return 0;
  const double fall = *b.gcs.own - (agreed ? b.gcs.at_most : b.gcs.now);
  return std::max(0.0, b.ventilated.yes ? fall - kTubePoints : fall);
}

}  // namespace tonus::clinical
