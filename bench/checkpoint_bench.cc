// What a checkpoint costs and how long a restart from it takes: `./dev bench checkpoint`.
//
// Patients with a day of four vitals a minute, a dose and an assessment each hour, all of them
// touched. Measured: how long the engine stands still at the cut and for each piece of it, how long
// the whole takes beside the disk, bytes for each patient, and how long it takes to open the file,
// read it and restore an engine.
//
//   checkpoint_bench [PATIENTS [FOLDER]]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/text.h"
#include "bench/bench_support.h"
#include "core/service_checkpoint.h"
#include "tonus/v1/event.pb.h"

namespace tonus::bench {
namespace {

constexpr LogTimeNs kBegin = 1'700'000'000 * kSecondNs;

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void Observe(const std::string& patient, const char* kind, LogTimeNs at,
             const std::vector<std::pair<const char*, double>>& values, std::vector<Record>* out) {
  v1::Event event;
  event.set_patient_id(patient);
  event.set_source_id("monitor-" + patient);
  event.set_source_sequence(out->size() + 1);
  event.set_effective_ns(at);
  for (const auto& [name, value] : values) {
    v1::Observation* item = event.mutable_observations()->add_items();
    item->mutable_code()->set_code(name);
    item->set_quantity(value);
  }
  Record& record = out->emplace_back();
  record.recorded_ns = at;
  record.topic = std::string(kind) + ".icu." + patient + ".";
  record.payload = event.SerializeAsString();
  record.producer = "bench";
}

/// A day of all patients, an hour at a time.
void Fill(core::Engine* engine, int patients) {
  Offset offset = 0;
  std::vector<core::Output> outputs;
  for (int hour = 0; hour < 24; ++hour) {
    std::vector<Record> records;
    for (int minute = 0; minute < 60; ++minute) {
      const LogTimeNs at = kBegin + (hour * 60 + minute) * kMinuteNs;
      for (int i = 0; i < patients; ++i) {
        const double n = (i * 7 + minute * 3 + hour) % 11;
        Observe("b" + std::to_string(i), "vitals", at + i,
                {{"HR", 70 + n}, {"SPO2", 97 - n / 11}, {"RR", 14 + n / 4}, {"MAP", 85 + n}},
                &records);
        if (minute != 0) continue;
        Observe("b" + std::to_string(i), "assessment", at + i, {{"MAS", n / 4}}, &records);
      }
    }
    for (Record& record : records) record.offset = record.sequence = ++offset;
    engine->Process(records, &outputs);
    outputs.clear();
  }
}

int Main(int argc, char** argv) {
  const int patients = argc > 1 ? std::atoi(argv[1]) : 5000;
  const std::string folder = argc > 2 ? argv[2] : ScratchDir();
  core::CheckpointOptions options;
  options.folder = folder + "/checkpoint";
  std::uint64_t bytes = 0;
  std::string head;
  {
    auto engine = Must(core::Engine::Create(BundledEngine()));
    Fill(engine.get(), patients);
    auto keeper = Must(core::CheckpointKeeper::Open(options));
    keeper->Start(false, {});
    core::CheckpointMeta meta;
    meta.offset = engine->LastOffset();
    meta.time_ns = engine->LastTime();
    const auto begin = std::chrono::steady_clock::now();
    keeper->Begin(engine.get(), meta);
    const double cut = SecondsSince(begin);
    double longest = 0;
    while (keeper->NeededFrom() == 0) {
      const auto piece = std::chrono::steady_clock::now();
      Must(keeper->Step(engine.get(), 0));
      longest = std::max(longest, SecondsSince(piece));
    }
    std::printf("checkpoint of %d patients: cut %.2f ms, longest piece %.2f ms, whole %.2f s\n",
                patients, cut * 1e3, longest * 1e3, SecondsSince(begin));
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options.folder)) {
    bytes += entry.file_size();
  }
  std::printf("on disk: %.1f KiB a patient\n",
              static_cast<double>(bytes) / 1024 / std::max(1, patients));
  const auto begin = std::chrono::steady_clock::now();
  auto engine = Must(core::Engine::Create(BundledEngine()));
  const double loaded = SecondsSince(begin);
  const auto keeper = Must(core::CheckpointKeeper::Open(options));
  std::vector<core::UnreadablePatient> unreadable;
  Must(keeper->Restore(engine.get(), &unreadable));
  std::printf(
      "cold start: %.2f s for %llu patients (%.2f s of it detectors and mapping), %zu bad\n",
      SecondsSince(begin), static_cast<unsigned long long>(engine->Stats().patients), loaded,
      unreadable.size());
  std::filesystem::remove_all(options.folder);
  return 0;
}

}  // namespace
}  // namespace tonus::bench

int main(int argc, char** argv) { return tonus::bench::Main(argc, argv); }
