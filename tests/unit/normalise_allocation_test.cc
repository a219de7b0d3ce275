#include <cstddef>

#include "tests/unit/normalise_fixture.h"

// A monitor's event, a million of them an hour, needs no allocation: every one of this program is
// counted. GoogleTest allocates too, so only differences are looked at.

namespace tonus::tests {
std::size_t Allocations();  // counted_new.cc
}

namespace tonus::core {
namespace {

class NormaliseAllocation : public NormaliseTest {
 protected:
  std::size_t InSteadyState(const v1::Event& event) {
    EXPECT_TRUE(Normalise("vitals", event));
    EXPECT_TRUE(rejections_.empty());
    const std::size_t before = tests::Allocations();
    for (int i = 0; i < 100; ++i) normaliser_.Normalise(record_, &out_, &rejections_);
    return tests::Allocations() - before;
  }
};

TEST_F(NormaliseAllocation, AVitalsEventNeedsNone) {
  v1::Event event = EventOf();
  Add(&event, "mdc", "147842")->set_quantity(76);
  Add(&event, "", "SPO2")->set_quantity(98);
  v1::Observation* temperature = Add(&event, "loinc", "8310-5");
  temperature->set_quantity(98.6);
  temperature->set_unit("[degF]");
  v1::Observation* grade = Add(&event, "", "MAS");
  grade->set_quantity(2);
  grade->set_body_site("left_leg");
  Add(&event, "", "SEIZURE")->set_flag(false);
  EXPECT_EQ(InSteadyState(event), 0U);
}

TEST_F(NormaliseAllocation, DroppedValuesNeedNone) {
  v1::Event event = EventOf();
  Add(&event, "", "HR")->set_quantity(-999);
  Add(&event, "loinc", "718-7")->set_quantity(12);
  v1::Observation* off = Add(&event, "", "SPO2");
  off->set_quality(v1::QUALITY_INVALID);
  EXPECT_EQ(InSteadyState(event), 0U);
}

}  // namespace
}  // namespace tonus::core
