#include <cmath>
#include <cstdlib>
#include <random>

#include "tests/unit/normalise_fixture.h"

// Whatever bytes come, the normaliser answers with samples in range or with words. The seed is
// printed and can be set by TONUS_SEED.

namespace tonus::core {
namespace {

constexpr int kRounds = 40000;

class NormaliseFuzz : public NormaliseTest {
 protected:
  NormaliseFuzz() {
    const char* const chosen = std::getenv("TONUS_SEED");
    seed_ = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 20240301;
    random_.seed(seed_);
    RecordProperty("seed", std::to_string(seed_));
  }

  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }

  template <std::size_t N>
  std::string Pick(const char* const (&choices)[N]) {
    return choices[Below(N)];
  }

  double Number() {
    static constexpr double kNumbers[] = {0,    1,     -1,    37,    98.6, 120, -999, 1e308, -1e308,
                                          0.97, -99.9, 1e-30, 15000, 4,    2.5, 400,  5e9};
    if (Below(20) == 0) return std::nan("");
    if (Below(20) == 0) return HUGE_VAL;
    return kNumbers[Below(std::size(kNumbers))];
  }

  std::int64_t Time() {
    static constexpr std::int64_t kTimes[] = {kNow, kNow + kHourNs, kNow - 500 * kDayNs, 0, -1};
    if (Below(4) == 0) return static_cast<std::int64_t>(random_());
    return kTimes[Below(std::size(kTimes))];
  }

  std::string Word() {
    static const char* const kWords[] = {
        "",     "HR",    "mdc",      "loinc",       "8310-5", "147842", "16770", "MAS.left_leg",
        "1+",   "<15",   "yes",      "4 Eyes open", "Cel",    "mmHg",   "%",     "baclofen 10mg",
        "MAS.", "ETCO2", "kPa",      "+-5",         ">",      "T4",     "start", "motor_stall",
        "mri",  "bolus", "PRURITUS", "-",           "RASS",   "nan",    "1e999", "atc"};
    if (Below(12) == 0) return std::string(Below(400), static_cast<char>('a' + Below(26)));
    return kWords[Below(std::size(kWords))];
  }

  void FillObservations(v1::Event* event) {
    const std::uint64_t count = Below(6);
    for (std::uint64_t i = 0; i < count; ++i) {
      v1::Observation* item = Add(event, Word(), Word());
      switch (Below(5)) {
        case 0:
          item->set_text(Word());
          break;
        case 1:
          item->mutable_coded()->set_code(Word());
          break;
        case 2:
          item->set_flag(Below(2) == 0);
          break;
        case 3:
          item->set_quantity(Number());
          break;
        default:
          break;
      }
      item->set_unit(Word());
      item->set_body_site(Word());
      item->set_comparator(Below(4) == 0 ? Word() : "");
      item->set_quality(static_cast<v1::Quality>(Below(8)));
      if (Below(3) == 0) item->set_offset_ns(Time());
    }
  }

  v1::Event AnyEvent() {
    v1::Event event = EventOf();
    if (Below(3) == 0) event.set_effective_ns(Time());
    if (Below(20) == 0) event.set_patient_id(Word());
    switch (Below(8)) {
      case 0: {
        v1::PumpEvent* body = event.mutable_pump_event();
        body->set_kind(Word());
        body->set_daily_dose_ug(Number());
        body->set_dose_ug(Number());
        body->set_concentration_ug_per_ml(Number());
        break;
      }
      case 1: {
        v1::PumpStatus* body = event.mutable_pump_status();
        body->set_normal(true);
        body->add_faults(Word());
        body->set_therapy_state(static_cast<v1::TherapyState>(Below(9)));
        body->set_implanted_ns(Time());
        body->mutable_drug()->set_code(Word());
        body->set_computed_reservoir_ml(Number());
        break;
      }
      case 2: {
        v1::Order* body = event.mutable_order();
        body->set_action(static_cast<v1::OrderAction>(Below(8)));
        body->set_route(static_cast<v1::Route>(Below(9)));
        body->mutable_drug()->set_system(Word());
        body->mutable_drug()->set_code(Word());
        body->set_dose_mg(Number());
        if (Below(2) == 0) body->set_dose_ug(Number());
        body->set_interval_ns(random_() >> Below(40));
        body->set_since_ns(Time());
        break;
      }
      case 3: {
        v1::PatientSnapshot* body = event.mutable_patient();
        body->set_age_years(Number());
        body->set_sci_level(Word());
        body->add_implants()->set_implanted_ns(Time());
        break;
      }
      default:
        FillObservations(&event);
    }
    return event;
  }

  void Mutate(std::string* bytes) {
    const std::uint64_t changes = 1 + Below(4);
    for (std::uint64_t c = 0; c < changes && !bytes->empty(); ++c) {
      const std::size_t at = Below(bytes->size());
      switch (Below(4)) {
        case 0:
          bytes->resize(at);
          break;
        case 1:  // Repeats a piece: repeated fields, merged messages.
          *bytes += bytes->substr(at);
          break;
        default:
          (*bytes)[at] = static_cast<char>(Below(256));
      }
    }
  }

  /// What must hold after any call.
  void Check(bool accepted) {
    int whole = 0;
    for (const Rejection& rejection : rejections_) {
      whole += rejection.whole_event ? 1 : 0;
      EXPECT_FALSE(rejection.sentence.empty());
      EXPECT_LT(rejection.sentence.size(), 1000U);
    }
    ASSERT_EQ(whole, accepted ? 0 : 1);
    for (const NormalSample& sample : out_.samples) {
      const Signal& signal = ShippedMapping().SignalOf(sample.signal);
      ASSERT_GE(sample.value, signal.plausible_low);
      ASSERT_LE(sample.value, signal.plausible_high);
      ASSERT_LE(sample.effective_ns, kNow + 5 * kMinuteNs);
      ASSERT_GE(sample.effective_ns, kNow - 400 * kDayNs);
    }
    if (accepted && out_.kind == EventKind::kPump && out_.pump.daily_dose_ug) {
      ASSERT_LE(*out_.pump.daily_dose_ug, 2500);
    }
  }

  std::string AnyTopic() {
    static const char* const kTopics[] = {"vitals.icu.p1.", "pump.icu.p1.",    "order.icu.p1.",
                                          "lab.icu.p1.",    "patient.icu.p1.", "assessment._.p1.",
                                          "custom.icu.p1.", "tick.",           "",
                                          "\xff.x."};
    return Pick(kTopics);
  }

  std::uint64_t seed_ = 0;
  std::mt19937_64 random_;
};

TEST_F(NormaliseFuzz, RandomEventsAreAnsweredInRangeOrInWords) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  int accepted = 0;
  for (int i = 0; i < kRounds; ++i) {
    const v1::Event event = AnyEvent();
    std::string topic = AnyTopic();
    if (Below(2) == 0) {
      topic = event.has_observations() ? "vitals.icu.p1." : topic;
      topic = event.has_pump_event() || event.has_pump_status() ? "pump.icu.p1." : topic;
      topic = event.has_order() ? "order.icu.p1." : topic;
      topic = event.has_patient() ? "patient.icu.p1." : topic;
    }
    const bool good = NormaliseBytes(topic, event.SerializeAsString());
    accepted += good ? 1 : 0;
    Check(good);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(accepted, kRounds / 20) << "the generator has to reach the inside";
}

TEST_F(NormaliseFuzz, MutatedBytesNeverGetThrough) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int i = 0; i < kRounds; ++i) {
    std::string bytes = AnyEvent().SerializeAsString();
    Mutate(&bytes);
    Check(NormaliseBytes(AnyTopic(), bytes));
    if (HasFatalFailure()) return;
  }
}

TEST_F(NormaliseFuzz, RandomBytesNeverGetThrough) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int i = 0; i < kRounds; ++i) {
    std::string bytes(Below(200), '\0');
    for (char& c : bytes) c = static_cast<char>(Below(256));
    Check(NormaliseBytes(AnyTopic(), bytes));
    if (HasFatalFailure()) return;
  }
}

TEST_F(NormaliseFuzz, BothReadersAgreeWhateverCameBefore) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = AnyEvent().SerializeAsString();
    if (Below(3) == 0) Mutate(&bytes);
    const std::string topic = Below(2) == 0 ? AnyTopic() : "vitals.icu.p1.";
    const bool first = NormaliseBytes(topic, bytes);
    // The second one reads through protobuf alone: what is read by hand must mean the same.
    Normaliser fresh(ShippedMapping(), {.always_protobuf = true});
    NormalEvent event;
    std::vector<Rejection> rejections;
    ASSERT_EQ(fresh.Normalise(record_, &event, &rejections), first);
    ASSERT_EQ(rejections.size(), rejections_.size());
    ASSERT_EQ(event.patient, out_.patient);
    ASSERT_EQ(event.source, out_.source);
    ASSERT_EQ(event.source_sequence, out_.source_sequence);
    ASSERT_EQ(event.effective_ns, out_.effective_ns);
    ASSERT_EQ(event.dropped, out_.dropped);
    for (std::size_t r = 0; r < rejections.size(); ++r) {
      ASSERT_EQ(rejections[r].sentence, rejections_[r].sentence);
    }
    ASSERT_EQ(event.samples.size(), out_.samples.size());
    for (std::size_t s = 0; s < event.samples.size(); ++s) {
      ASSERT_EQ(event.samples[s].value, out_.samples[s].value);
      ASSERT_EQ(event.samples[s].signal, out_.samples[s].signal);
      ASSERT_EQ(event.samples[s].effective_ns, out_.samples[s].effective_ns);
      ASSERT_EQ(event.samples[s].site, out_.samples[s].site);
      ASSERT_EQ(event.samples[s].flags, out_.samples[s].flags);
    }
  }
}

}  // namespace
}  // namespace tonus::core
