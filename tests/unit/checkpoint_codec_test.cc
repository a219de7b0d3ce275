// The encoding of saved state: what was written is read back, and nothing else ever crashes.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include "core/checkpoint/codec.h"
#include "core/record/patient_record.h"
#include "tests/unit/engine_fixture.h"

namespace tonus::core {
namespace {

struct Everything {
  bool yes = false;
  std::uint8_t small = 0;
  std::uint32_t medium = 0;
  std::uint64_t large = 0;
  std::int64_t time = 0;
  double value = 0;
  std::string text;
  std::optional<double> maybe;
  std::vector<std::int64_t> times;
  std::map<std::string, double> named;
  std::array<double, 3> three = {};

  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.yes, self.small, self.medium, self.large, self.time, self.value, self.text,
            self.maybe, self.times, self.named, self.three);
  }
};

template <class T>
std::string Saved(const T& value) {
  StateWriter writer;
  writer(value);
  return writer.Bytes();
}

std::uint64_t Seed() {
  const char* given = std::getenv("TONUS_SEED");
  return given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
}

TEST(StateCodec, ReadsBackWhatWasWritten) {
  const double values[] = {0.0,
                           -0.0,
                           37.2,
                           82,
                           std::numeric_limits<double>::infinity(),
                           std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::denorm_min(),
                           -1e300};
  for (const double value : values) {
    Everything in;
    in.yes = true;
    in.small = 255;
    in.medium = 0xFFFFFFFF;
    in.large = 0xFFFFFFFFFFFFFFFF;
    in.time = std::numeric_limits<std::int64_t>::min();
    in.value = value;
    in.text = std::string("a\0b", 3);
    in.maybe = value;
    in.times = {kStart, kStart + 1, std::numeric_limits<std::int64_t>::max(), 0};
    in.named = {{"a", 1}, {"b", value}};
    in.three = {1, value, 3};
    const std::string bytes = Saved(in);
    Everything out;
    StateReader reader(bytes);
    reader(out);
    ASSERT_TRUE(reader.Finish());
    EXPECT_EQ(std::bit_cast<std::uint64_t>(out.value), std::bit_cast<std::uint64_t>(value));
    EXPECT_EQ(out.time, in.time);
    EXPECT_EQ(out.times, in.times);
    EXPECT_EQ(out.text, in.text);
    EXPECT_EQ(Saved(out), bytes);
  }
}

TEST(StateCodec, RefusesEveryShorterAndLongerForm) {
  Everything in;
  in.text = "text";
  in.times = {kStart, kStart + kMinuteNs};
  in.named = {{"a", 1.5}};
  const std::string bytes = Saved(in);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    Everything out;
    StateReader reader(std::string_view(bytes).substr(0, n));
    reader(out);
    EXPECT_FALSE(reader.Finish()) << n;
  }
  Everything out;
  const std::string longer = bytes + '\0';
  StateReader reader(longer);
  reader(out);
  EXPECT_FALSE(reader.Finish());
}

TEST(StateCodec, RowsOfTimesAndValuesTakeFewBytes) {
  TimeRing<Sample> ring(512);
  for (int i = 0; i < 512; ++i) {
    Sample sample;
    sample.effective = kStart + i * kSecondNs;
    sample.ref = static_cast<Ref>(i);
    sample.value = 60 + i % 9;
    ring.Insert(sample);
  }
  EXPECT_LT(Saved(ring).size(), 512U * 12);
}

std::unique_ptr<const Mapping> MustLoad() {
  const EngineOptions options = OptionsWith({});
  auto mapping = Mapping::Load(options.signals_path, options.drugs_path);
  if (!mapping) throw std::runtime_error(mapping.error().Message());
  return std::move(*mapping);
}

/// A record with something of everything in it.
PatientRecord RichRecord(const Mapping& mapping) {
  PatientRecord record(mapping, "p1");
  Normaliser normaliser(mapping);
  NormalEvent event;
  std::vector<Rejection> rejections;
  Amended amended;
  LogByHand log;
  for (int i = 0; i < 3000; ++i) {
    const std::int64_t at = kStart + i * kMinuteNs;
    log.Observe(at, "p1", i % 2 == 0 ? "HR" : "RR", 60 + i % 40, "m" + std::to_string(i % 3));
    if (i % 50 == 0) log.Observe(at - kHourNs, "p1", "TEMP", 37.1 + i % 3);
    if (i % 700 == 0) log.Move(at, "p1", "unit" + std::to_string(i));
    v1::Event more = log.EventOf(at, "p1", "pump");
    if (i % 40 == 0) {
      more.mutable_pump_event()->set_kind("refill");
      more.mutable_pump_event()->set_filled_ml(20 + i % 7);
      log.Add(at, "pump.icu.p1.", more.SerializeAsString());
    } else if (i % 40 == 1) {
      more.mutable_order()->mutable_drug()->set_code("baclofen");
      more.mutable_order()->set_action(v1::ORDER_ACTION_START);
      more.mutable_order()->set_route(v1::ROUTE_ORAL);
      more.mutable_order()->set_order_id("o" + std::to_string(i));
      log.Add(at, "order.icu.p1.", more.SerializeAsString());
    } else if (i % 40 == 2) {
      more.mutable_administration()->mutable_drug()->set_code("baclofen");
      more.mutable_administration()->set_status(v1::ADMINISTRATION_STATUS_GIVEN);
      more.mutable_administration()->set_route(v1::ROUTE_ORAL);
      log.Add(at, "administration.icu.p1.", more.SerializeAsString());
    }
  }
  for (const Record& from : log.records) {
    if (!normaliser.Normalise(from, &event, &rejections)) continue;
    static_cast<void>(record.Repeated(from.offset, event.topic_kind == "vitals"));
    record.Amend(from, event, &amended);
    record.SetFrozen(from.offset % 500 < 100, from.recorded_ns);
    static_cast<void>(
        record.OwnNormal(mapping.Find(NameSpace::kSignal, "HR"), {}, from.recorded_ns));
  }
  return record;
}

TEST(StateCodec, APatientRecordComesBackAsItWas) {
  const auto mapping = MustLoad();
  const PatientRecord record = RichRecord(*mapping);
  EXPECT_FALSE(record.Pump().Facts().empty());
  const std::string bytes = Saved(record);
  PatientRecord out(*mapping, "p1");
  StateReader reader(bytes);
  reader(out);
  const auto good = reader.Finish();
  ASSERT_TRUE(good) << good.error().Message();
  EXPECT_EQ(Saved(out), bytes);
}

TEST(StateCodec, DamagedRecordsAreReadOrRefusedAndNeverCrash) {
  const std::uint64_t seed = Seed();
  SCOPED_TRACE("TONUS_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto mapping = MustLoad();
  const std::string bytes = Saved(RichRecord(*mapping));
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = bytes;
    if (round % 4 == 0) {
      damaged.resize(random() % 4096);
      for (char& c : damaged) c = static_cast<char>(random());
    } else {
      for (std::uint64_t i = 0; i <= random() % 8; ++i) {
        damaged[random() % damaged.size()] = static_cast<char>(random());
      }
      if (round % 4 == 1) damaged.resize(random() % damaged.size());
    }
    PatientRecord out(*mapping, "p1");
    StateReader reader(damaged);
    reader(out);
    if (!reader.Finish()) {
      ++refused;
    } else {
      static_cast<void>(Saved(out));
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace tonus::core
