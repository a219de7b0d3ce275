#include "plugins/clinical/statement.h"

#include <algorithm>

namespace tonus::clinical {

void SayExposure(const ExposureItem& item, double weight, Finding* finding) {
  Evidence& e = finding->For(item.name).Weight(weight);
  if (!BareWords(item.text)) e.Text(item.text);
  if (item.gap) {
    e.Since(item.since);
  } else {
    e.Happened(item.since);
  }
  for (const Ref ref : item.refs) e.Ref(ref);
}

void SaySign(const SignItem& item, Finding* finding) {
  Evidence& e = item.points < 0 ? finding->Against(item.name) : finding->For(item.name);
  if (item.relation == TONUS_REL_EVENT) {
    e.Happened(item.at);
  } else if (item.relation != TONUS_REL_NONE) {
    e.Value(item.value, item.unit).At(item.at);
    if (item.limit) e.Limit(item.relation, *item.limit);
    if (item.param != SignItem::kNoParam) e.Param(item.param);
    if (item.own) e.Baseline(*item.own);
  }
  e.Weight(item.points).Ref(item.ref).Text(item.word);
}

void SayAbsent(const Signs& signs, Finding* finding) {
  for (const MissingInput& missing : signs.missing) finding->Missing(missing.name, missing.newest);
  for (const NotCounted& item : signs.suppressed) finding->Suppressed(item.name, item.why);
}

void SayDelivery(const Delivery& delivery, tonus_ns now, bool proof_counts_against,
                 Finding* finding) {
  for (const Outstanding& item : delivery.outstanding) {
    /* The names of the tests say it all; the others need words. */
    Evidence& e = finding->Missing(item.name, item.newest);
    if (item.name == "refill" || item.name == "baclofen") e.Text(item.text);
  }
  if (delivery.status == DeliveryStatus::kVerified) {
    Evidence& e = proof_counts_against ? finding->Against("delivery") : finding->For("delivery");
    e.Text("delivery verified: " + delivery.proof);
    for (const Ref ref : delivery.refs) e.Ref(ref);
    return;
  }
  Evidence& e = finding->For("last_verified_delivery").Weight(0);
  if (delivery.last_verified != 0) {
    const Time hours = (now - delivery.last_verified) / kHour;
    e.Happened(delivery.last_verified)
        .Text(hours == 0 ? "within the last hour" : DurationText(hours * kHour) + " ago");
  } else {
    e.Text("delivery has never been verified on record");
  }
}

std::string Words(const std::vector<SignItem>& items, std::size_t most) {
  std::vector<const SignItem*> order;
  for (const SignItem& item : items) {
    if (item.points > 0) order.push_back(&item);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const SignItem* a, const SignItem* b) { return a->points > b->points; });
  std::string text;
  for (std::size_t i = 0; i < order.size() && i < most; ++i) {
    text += (i == 0 ? "" : ", ") + order[i]->word;
  }
  return text;
}

}  // namespace tonus::clinical
