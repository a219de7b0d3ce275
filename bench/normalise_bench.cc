#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "core/normalise/normalise.h"
#include "tonus/v1/event.pb.h"

// What one record costs between log and patient record: parsing, codes, units, ranges. A shard does
// this for each event of its patients; the goal is 400 ns for a monitor's event of four signals.

namespace tonus::core {
namespace {

constexpr LogTimeNs kNow = 1709280000LL * kSecondNs;

const Mapping& ShippedMapping() {
  static const std::unique_ptr<const Mapping> mapping = [] {
    const std::string folder = std::string(TONUS_SOURCE_DIR) + "/config/";
    auto loaded = Mapping::Load(folder + "signals.yaml", folder + "drugs.yaml");
    if (!loaded) std::abort();
    return std::move(*loaded);
  }();
  return *mapping;
}

struct Value {
  const char* system;
  const char* code;
  double value;
  const char* unit;
};

Record RecordOf(std::initializer_list<Value> values) {
  v1::Event event;
  event.set_patient_id("patient-0042");
  event.set_source_id("monitor-17");
  event.set_source_sequence(123456);
  event.set_effective_ns(kNow);
  for (const Value& value : values) {
    v1::Observation* item = event.mutable_observations()->add_items();
    item->mutable_code()->set_system(value.system);
    item->mutable_code()->set_code(value.code);
    item->set_quantity(value.value);
    item->set_unit(value.unit);
  }
  Record record;
  record.offset = 1;
  record.recorded_ns = kNow;
  record.topic = "vitals.icu.patient-0042.";
  record.payload = event.SerializeAsString();
  return record;
}

void Run(benchmark::State& state, const Record& record) {
  Normaliser normaliser(ShippedMapping());
  NormalEvent event;
  std::vector<Rejection> rejections;
  for (auto _ : state) {
    rejections.clear();
    benchmark::DoNotOptimize(normaliser.Normalise(record, &event, &rejections));
    benchmark::DoNotOptimize(event.samples.data());
  }
  state.SetItemsProcessed(state.iterations());
  state.SetLabel(std::to_string(event.samples.size()) + " values, " +
                 std::to_string(rejections.size()) + " refused, " +
                 std::to_string(record.payload.size()) + " bytes");
}

void FourLocalNames(benchmark::State& state) {
  Run(state,
      RecordOf(
          {{"", "HR", 76, ""}, {"", "SPO2", 98, ""}, {"", "RR", 16, ""}, {"", "SBP", 118, ""}}));
}
BENCHMARK(FourLocalNames);

void FourMdcCodesWithUnits(benchmark::State& state) {
  Run(state, RecordOf({{"mdc", "147842", 76, "264864"},
                       {"mdc", "150456", 98, "262688"},
                       {"mdc", "151562", 16, "264928"},
                       {"mdc", "150344", 98.6, "[degF]"}}));
}
BENCHMARK(FourMdcCodesWithUnits);

void OneLocalName(benchmark::State& state) { Run(state, RecordOf({{"", "HR", 76, ""}})); }
BENCHMARK(OneLocalName);

void OneImplausibleValue(benchmark::State& state) { Run(state, RecordOf({{"", "HR", 760, ""}})); }
BENCHMARK(OneImplausibleValue);

/// The floor: parsing alone, with a message that is kept.
void ParseAlone(benchmark::State& state) {
  const Record record = RecordOf(
      {{"", "HR", 76, ""}, {"", "SPO2", 98, ""}, {"", "RR", 16, ""}, {"", "SBP", 118, ""}});
  v1::Event event;
  for (auto _ : state) {
    event.mutable_observations()->Clear();
    benchmark::DoNotOptimize(event.MergeFromString(record.payload));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ParseAlone);

}  // namespace
}  // namespace tonus::core

BENCHMARK_MAIN();
