// A heart rate well above the patient's own normal; it ends only well below that limit again.
#include "tonus/detector.hpp"

struct Memory {
  bool high = false;
  tonus_ns since = 0;
  TONUS_STATE(high, since)
};

class __CLASS__ : public tonus::Detector<__CLASS__, Memory> {
 public:
  static constexpr tonus::Info kInfo{"org.example.__NAME__", "__NAME__", "0.1.0",
                                     "Example Hospital", "https://example.org/__NAME__"};
  tonus::Signal<tonus::PerMinute> hr{this, "HR", tonus::kWakes};
  tonus::Setting<tonus::Percent> rise{
      this, "rise_percent", 30, 5, 200, "Rise over the own normal that is stated", "unvalidated"};
  tonus::Setting<tonus::Percent> fall{
      this, "fall_percent", 15, 0, 200, "Rise at which it is over again", "unvalidated"};
  tonus::Condition condition{
      this,
      {"example.__NAME__", "Heart rate above own normal", "{title}: {reasons}.", "unvalidated"},
      {"raised"},
      {"Look for pain and fever"}};

  void On(const tonus::Event&, Memory& memory, tonus::Patient& patient) const {
    const auto now = patient.latest(hr);
    const auto own = patient.baseline(hr);
    if (!now.fresh() || !own.known()) return;
    const double percent = 100 * (now.value / own.median - 1);
    const bool high = percent >= (memory.high ? fall : rise).value();
    if (high != memory.high) memory = {high, patient.now()};
    if (!high) return patient.clear(condition);
    auto finding = patient.finding(condition, 0, tonus::Priority::kLow);
    finding.For(hr.name()).Value(now.value).Baseline(own.median).At(now.effective).Ref(now.ref);
    finding.For("rise").Value(percent, "%").Limit(TONUS_REL_GE, rise).Since(memory.since);
    finding.Report();
  }
};
TONUS_PLUGIN(__CLASS__)
