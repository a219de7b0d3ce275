#include <cstdlib>
#include <new>

#include "tests/unit/normalise_fixture.h"

// Counts every allocation of this program, so that a monitor's event, a million of them an hour,
// is known to need none.

namespace {
// One thread; GoogleTest allocates too, so only differences are looked at.
std::size_t allocations = 0;
}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace tonus::core {
namespace {

class NormaliseAllocation : public NormaliseTest {
 protected:
  std::size_t InSteadyState(const v1::Event& event) {
    EXPECT_TRUE(Normalise("vitals", event));
    EXPECT_TRUE(rejections_.empty());
    const std::size_t before = allocations;
    for (int i = 0; i < 100; ++i) normaliser_.Normalise(record_, &out_, &rejections_);
    return allocations - before;
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
