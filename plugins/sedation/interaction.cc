#include "plugins/sedation/interaction.h"

#include <algorithm>

#include "plugins/clinical/reading.h"

namespace tonus::sedation {
namespace {

using clinical::Therapy;

double DailyOf(const tonus_order& row) {
  if ((row.flags & TONUS_HAS_DOSE_MG) == 0 || row.interval <= 0) return 0;
  return row.dose_mg * static_cast<double>(kDay) / static_cast<double>(row.interval);
}

class Reader {
 public:
  Reader(const InteractionVocabulary& names, const InteractionSettings& settings,
         const clinical::Vocabulary& shared, const Therapy& therapy, const tonus::Patient& patient)
      : n_(names), s_(settings), shared_(shared), t_(therapy), p_(patient) {}

  Interactions Done() {
    for (const tonus_order& row : p_.orders()) {
      if (row.status == TONUS_ORDER_ACTIVE && (row.flags & TONUS_AS_NEEDED) == 0) Order(row);
    }
    /* Doses of a week (unvalidated): one is a start where none was given in the days before it. */
    const Rows<tonus_dose> doses = p_.doses(t_.now - 7 * kDay, t_.now + 1);
    for (std::size_t i = 0; i < doses.size(); ++i) {
      if (doses[i].status == TONUS_DOSE_GIVEN && t_.now - doses[i].effective <= s_.recent) {
        Dose(doses, i);
      }
    }
    std::sort(out_.depressants.begin(), out_.depressants.end(),
              [](const Depressant& a, const Depressant& b) { return a.name < b.name; });
    if (!out_.tizanidine) out_.inhibitor.clear();
    if (OralBaclofen()) Kidney();
    return std::move(out_);
  }

 private:
  bool Recent(Time at) const { return at <= t_.now && t_.now - at <= s_.recent; }

  void Order(const tonus_order& row) {
    const bool raised =
        Recent(row.changed_at) && row.previous_daily_mg > 0 && DailyOf(row) > row.previous_daily_mg;
    Take(row.drug, Recent(row.since) || raised, raised ? row.changed_at : row.since, row.ref);
  }

  void Dose(const Rows<tonus_dose>& doses, std::size_t i) {
    const tonus_dose row = doses[i];
    bool before = false;
    for (std::size_t k = 0; k < doses.size(); ++k) {
      const tonus_dose other = doses[k];
      before = before || (other.drug == row.drug && other.status == TONUS_DOSE_GIVEN &&
                          !Recent(other.effective));
    }
    for (const tonus_order& order : p_.orders()) {
      before = before || (order.drug == row.drug && !Recent(order.since));
    }
    Take(row.drug, !before, row.effective, row.ref);
  }

  void Take(std::uint32_t drug, bool fresh, Time at, Ref ref) {
    if (drug == 0) return;
    if (shared_.baclofen.is(drug)) {
      out_.baclofen_fresh = out_.baclofen_fresh || fresh;
      return;
    }
    if (n_.tizanidine.is(drug)) out_.tizanidine = true, out_.tizanidine_ref = ref;
    if (p_.in_class(drug, n_.inhibitor)) {
      out_.inhibitor = p_.name(TONUS_NAME_DRUG, drug);
      out_.inhibitor_ref = ref;
    }
    const bool alcohol = n_.alcohol.is(drug), opioid = p_.in_class(drug, n_.opioid);
    if (!alcohol && !opioid && !p_.in_class(drug, n_.depressant)) return;
    const std::string name(p_.name(TONUS_NAME_DRUG, drug));
    for (Depressant& known : out_.depressants) {
      if (known.name != name) continue;
      known.fresh = known.fresh || fresh;
      if (at > known.at) known.at = at, known.ref = ref;
      return;
    }
    out_.depressants.push_back({name, fresh, opioid, alcohol, at, ref});
  }

  bool OralBaclofen() const {
    for (const clinical::OralOrder& order : t_.oral_orders) {
      if (order.active) return true;
    }
    return !t_.oral_doses.empty() && t_.oral_doses.back().given &&
           t_.now - t_.oral_doses.back().at <= kDay;
  }

  void Kidney() {
    const auto egfr = p_.latest(n_.egfr);
    if (egfr.known && t_.now - egfr.effective <= s_.kidney_fresh &&
        egfr.value.value() < s_.egfr.value()) {
      SignItem item = OfLab(egfr, "EGFR", "kidneys filter little");
      item.unit = FiltrationRate::kUcum;
      item.relation = TONUS_REL_LT;
      item.limit = s_.egfr.value();
      item.param = s_.egfr.param();
      out_.kidney = item;
      return;
    }
    const auto now = p_.latest(n_.creatinine);
    if (!now.known || t_.now - now.effective > s_.kidney_fresh) return;
    const tonus_stats before = p_.stats(n_.creatinine, now.effective - 7 * kDay, now.effective);
    if (before.n == 0) return;
    const double rise = now.value.value() - before.min;
    /* At least 0.3 mg/dL, KDIGO's least acute injury (from memory): a small number rises easily. */
    if (rise < 0.3 || 100 * rise < s_.creatinine_rise.value() * before.min) return;
    SignItem item = OfLab(now, "CREATININE", "creatinine rising");
    item.unit = MilligramPerDecilitre::kUcum;
    item.own = before.min;
    out_.kidney = item;
  }

  template <class Unit>
  static SignItem OfLab(const Reading<Unit>& reading, const char* name, const char* word) {
    SignItem item;
    item.name = name;
    item.word = word;
    item.points = 1;
    item.value = reading.value.value();
    item.relation = TONUS_REL_VALUE;
    item.at = reading.effective;
    item.ref = reading.ref;
    return item;
  }

  const InteractionVocabulary& n_;
  const InteractionSettings& s_;
  const clinical::Vocabulary& shared_;
  const Therapy& t_;
  const tonus::Patient& p_;
  Interactions out_;
};

}  // namespace

int Interactions::fresh() const {
  const auto n = std::count_if(depressants.begin(), depressants.end(),
                               [](const Depressant& d) { return d.fresh; });
  return static_cast<int>(n) + (baclofen_fresh ? 1 : 0);
}

const Depressant* Interactions::opioid_or_alcohol() const {
  for (const Depressant& d : depressants) {
    if (d.opioid || d.alcohol) return &d;
  }
  return nullptr;
}

Interactions ReadInteractions(const InteractionVocabulary& names,
                              const InteractionSettings& settings,
                              const clinical::Vocabulary& shared, const Therapy& therapy,
                              const tonus::Patient& patient) {
  return Reader(names, settings, shared, therapy, patient).Done();
}

}  // namespace tonus::sedation
