#include "plugins/clinical/delivery.h"

#include <algorithm>

namespace tonus::clinical {
namespace {

struct Proof {
  Time at = 0;
  Ref ref = 0;
  std::string text;
};

/* The newest event that may have changed what an earlier study showed. A refill is checked by its
 * own interrogation, but moves no catheter. */
Time LastDisturbance(const Therapy& t, bool catheter) {
  Time last = t.fall.yes ? t.fall.at : 0;
  for (const Procedure& p : t.procedures) {
    const bool system = p.type == ProcedureType::kImplant ||
                        p.type == ProcedureType::kReplacement ||
                        p.type == ProcedureType::kCatheterRevision;
    const bool scan = p.type == ProcedureType::kMri || p.type == ProcedureType::kSurgery;
    if (system || (scan && !catheter)) last = std::max(last, p.at);
  }
  if (catheter) return last;
  for (const PumpEvent& e : t.events) {
    const bool check = e.kind == PumpKind::kAlarmHeard || e.kind == PumpKind::kRefill ||
                       e.kind == PumpKind::kMotorStall || e.kind == PumpKind::kTelemetryMode ||
                       e.kind == PumpKind::kResetLowBattery || e.kind == PumpKind::kMemoryError;
    if (check) last = std::max(last, e.at);
  }
  return last;
}

Proof LastInterrogation(const Therapy& t) {
  Proof out;
  for (const PumpEvent& e : t.events) {
    if (e.kind != PumpKind::kInterrogation) continue;
    out = e.normal ? Proof{e.at, e.ref, "pump interrogation"} : Proof{};
  }
  return out;
}

/* X-ray and side-port aspiration do not exclude a leak, so they prove nothing here (2.5). */
Proof LastCatheterProof(const Therapy& t) {
  Proof out;
  for (const Procedure& p : t.procedures) {
    if (p.type == ProcedureType::kDyeStudy) {
      out = p.normal ? Proof{p.at, p.ref, "dye study"} : Proof{};
    }
    if (p.type == ProcedureType::kTestBolus && p.improved) {
      for (const PumpEvent& e : t.events) {
        if (e.kind == PumpKind::kBolus && e.at <= p.at && p.at - e.at <= 6 * kHour) {
          out = {p.at, p.ref, "response to a bolus through the pump"};
        }
      }
    }
  }
  return out;
}

void AssessIntrathecal(const Therapy& t, const ReservoirSettings& reservoir,
                       const DeliverySettings& s, Delivery* out) {
  const Proof read = LastInterrogation(t);
  const Proof catheter = LastCatheterProof(t);
  if (read.at == 0 || t.now - read.at > s.interrogation_fresh ||
      read.at < LastDisturbance(t, false)) {
    out->outstanding.push_back({"interrogation", "pump interrogation", read.at});
  }
  const auto residuals = Residuals(t);
  out->residual_on_record = !residuals.empty();
  if (!residuals.empty() && ResidualGrade(residuals.back(), false, reservoir) > 0) {
    out->outstanding.push_back(
        {"refill", "explanation of the last residual volume", residuals.back().at});
  }
  if (catheter.at == 0 || t.now - catheter.at > s.proof_fresh ||
      catheter.at < LastDisturbance(t, true)) {
    out->outstanding.push_back({"dye_study", "catheter study", catheter.at});
  }
  /* When both proofs last stood together. */
  if (read.at != 0 && catheter.at != 0 && catheter.at - read.at <= s.interrogation_fresh &&
      read.at - catheter.at <= s.proof_fresh) {
    out->last_verified = std::max(read.at, catheter.at);
  }
  if (out->outstanding.empty()) {
    out->proof = read.text + " and " + catheter.text;
    out->refs = {read.ref, catheter.ref};
  }
}

void AssessOral(const Therapy& t, Delivery* out) {
  Time given = 0;
  Ref given_ref = 0;
  bool omitted = false;
  for (const OralDose& dose : t.oral_doses) {
    if (dose.given) given = dose.at, given_ref = dose.ref;
    if (!dose.given && t.now - dose.at <= kDay) omitted = true;
  }
  out->last_verified = given;
  Time interval = 0;
  for (const OralOrder& order : t.oral_orders) {
    if (order.active && (interval == 0 || order.interval < interval)) interval = order.interval;
  }
  /* A dose may be charted late by half its interval. Once the order has ended, what counts is that
   * doses were charted up to then. */
  Time until = t.now;
  if (interval == 0) {
    for (const OralOrder& order : t.oral_orders) {
      until = order.changed_at;
      interval = order.interval;
    }
  }
  const bool current = given != 0 && interval > 0 && until - given <= interval + interval / 2;
  if (!current || omitted) {
    out->outstanding.push_back(
        {"baclofen", omitted ? "an omitted oral dose" : "oral doses charted as given", given});
    return;
  }
  out->proof = "oral doses charted as given";
  out->refs = {given_ref};
}

}  // namespace

std::string Delivery::OutstandingText() const {
  std::string text;
  for (const Outstanding& item : outstanding) text += (text.empty() ? "" : ", ") + item.text;
  return text;
}

Delivery AssessDelivery(const Therapy& t, const std::vector<ExposureItem>& exposure,
                        const ReservoirSettings& reservoir, const DeliverySettings& s) {
  Delivery out;
  if (t.intrathecal) {
    AssessIntrathecal(t, reservoir, s, &out);
  } else if (t.oral) {
    AssessOral(t, &out);
  } else {
    return out;
  }
  if (out.outstanding.empty()) out.status = DeliveryStatus::kVerified;
  for (const ExposureItem& item : exposure) {
    if (!item.gap || (out.gap_since != 0 && out.gap_since <= item.since)) continue;
    out.status = DeliveryStatus::kGap;
    out.gap = item.text;
    out.gap_since = item.since;
    out.refs = item.refs;
  }
  return out;
}

}  // namespace tonus::clinical
