// What the core costs by itself, over the workload of bench/workload.h with all bundled detectors:
// speed from memory and from the log on disk, as patients grow, memory and checkpoint of a patient,
// and how long a restart from a checkpoint takes. `core_bench [--quick]`.
//
// `core_bench --instructions N THERAPY_EVERY` processes N events and does nothing else worth
// counting: `./dev bench` runs it under callgrind, which counts inside Engine::Process alone.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "base/text.h"
#include "bench/bench_support.h"
#include "bench/workload.h"
#include "broker/log/log.h"
#include "core/checkpoint/store.h"
#include "core/engine.h"
#include "core/normalise/mapping.h"
#include "core/normalise/normalise.h"
#include "tonus/v1/event.pb.h"

namespace tonus::bench {
namespace {

using core::Engine;
using core::Output;
using core::PatientBlob;

constexpr std::uint64_t kPatients = 200;
constexpr std::size_t kBatch = 4096;

/// CPU seconds of this thread: on a machine with other work to do they are steadier than time.
double CpuSeconds() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  double resident = 0;
  file >> pages >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::vector<Record> MakeRecords(const Workload& workload, std::uint64_t from, std::uint64_t count) {
  std::vector<Record> records;
  records.reserve(count);
  for (std::uint64_t n = from; n < from + count; ++n) records.push_back(workload.Make(n));
  return records;
}

std::size_t ProcessAll(Engine* engine, const std::vector<Record>& records) {
  std::vector<Output> outputs;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < records.size(); i += kBatch) {
    outputs.clear();
    engine->Process(std::span(records).subspan(i, std::min(kBatch, records.size() - i)), &outputs);
    for (const Output& output : outputs) bytes += output.payload.size();
  }
  return bytes;
}

void PrintWorkload(const Workload& workload, const std::vector<Record>& records,
                   const core::EngineStats& stats) {
  std::size_t bytes = 0;
  for (const Record& record : records) bytes += record.topic.size() + record.payload.size();
  const auto events = static_cast<double>(records.size());
  const double log_seconds =
      static_cast<double>(records.back().recorded_ns - records.front().recorded_ns) / 1e9;
  std::printf(
      "workload: %zu events of %llu patients, on baclofen one in %llu (0: nobody), %.0f s of log "
      "time; "
      "%.1f values and %.0f bytes an event; 2 %% late\n"
      "          %.2f calls of detectors an event, %.2f alerts in a second of log time\n",
      records.size(), static_cast<unsigned long long>(stats.patients),
      static_cast<unsigned long long>(workload.TherapyEvery()), log_seconds,
      static_cast<double>(stats.observations) / events, static_cast<double>(bytes) / events,
      static_cast<double>(stats.detector_calls) / events,
      static_cast<double>(stats.alerts) / std::max(1.0, log_seconds));
}

void PrintSpeed(const char* what, double events, double cpu, double seconds) {
  std::printf("%-44s %9.0f events/s by its CPU time, %9.0f by the clock   (%.2f us an event)\n",
              what, events / cpu, events / seconds, cpu / events * 1e6);
  std::fflush(stdout);
}

/// Processes what is in memory already; then decodes and normalises it alone.
void BenchMemory(const Workload& workload, std::uint64_t events) {
  const std::vector<Record> records = MakeRecords(workload, 0, events);
  auto engine = Must(Engine::Create(BundledEngine()));
  const double cpu = CpuSeconds();
  const double begin = Seconds();
  ProcessAll(engine.get(), records);
  const double engine_cpu = CpuSeconds() - cpu;
  const double engine_s = Seconds() - begin;
  PrintWorkload(workload, records, engine->Stats());
  const auto count = static_cast<double>(events);
  PrintSpeed("core, records in memory, 1 shard", count, engine_cpu, engine_s);

  const core::EngineOptions options = BundledEngine();
  const auto mapping = Must(core::Mapping::Load(options.signals_path, options.drugs_path));
  core::Normaliser normaliser(*mapping);
  core::NormalEvent event;
  std::vector<core::Rejection> rejections;
  const double normalise_begin = CpuSeconds();
  const double normalise_begin_s = Seconds();
  for (const Record& record : records) {
    rejections.clear();
    static_cast<void>(normaliser.Normalise(record, &event, &rejections));
  }
  const double normalise_cpu = CpuSeconds() - normalise_begin;
  PrintSpeed("  of it decoding and normalising", count, normalise_cpu,
             Seconds() - normalise_begin_s);
  PrintSpeed("  so with events decoded before (difference)", count, engine_cpu - normalise_cpu,
             engine_cpu - normalise_cpu);
}

std::string WriteLog(const std::string& dir, std::uint64_t events) {
  LogOptions options;
  options.clock = LogClock::kGiven;
  options.fsync = false;
  const std::string folder = dir + "/core-log";
  auto log = Must(Log::Open(folder, options));
  const Workload workload(kPatients);
  for (std::uint64_t n = 0; n < events;) {
    const std::vector<Record> records =
        MakeRecords(workload, n, std::min<std::uint64_t>(kBatch, events - n));
    std::vector<AppendRecord> batch;
    for (const Record& record : records) {
      AppendRecord& append = batch.emplace_back();
      append.producer = record.producer;
      append.sequence = record.sequence;
      append.topic = record.topic;
      append.payload = record.payload;
      append.digest = record.digest;
      append.recorded_ns = record.recorded_ns;
    }
    Must(log->Append(batch));
    Must(log->Commit());
    n += records.size();
  }
  return folder;
}

void BenchLog(const std::string& dir, std::uint64_t events) {
  const std::string folder = WriteLog(dir, events);
  double on_disk = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file()) on_disk += static_cast<double>(entry.file_size());
  }
  std::printf("log: %.0f bytes an event on disk\n", on_disk / static_cast<double>(events));
  auto reader = Must(Log::OpenReadOnly(folder));
  auto engine = Must(Engine::Create(BundledEngine()));
  std::vector<Output> outputs;
  ReadRequest request;
  double read_cpu = 0;
  const double cpu = CpuSeconds();
  const double begin = Seconds();
  for (bool more = true; more;) {
    const double before = CpuSeconds();
    const ReadSlice slice = Must(reader->Read(request));
    read_cpu += CpuSeconds() - before;
    outputs.clear();
    engine->Process(slice.records, &outputs);
    request.from = slice.next_offset;
    more = !slice.at_end;
  }
  PrintSpeed("core from the log on disk, 1 shard", static_cast<double>(events), CpuSeconds() - cpu,
             Seconds() - begin);
  PrintSpeed("  of it reading the log", static_cast<double>(events), read_cpu, read_cpu);
}

/// The same number of events, of more and more patients.
void BenchPatients(std::uint64_t events) {
  for (const std::uint64_t patients : {100U, 1'000U, 10'000U, 50'000U}) {
    const std::vector<Record> records = MakeRecords(Workload(patients), 0, events);
    auto engine = Must(Engine::Create(BundledEngine()));
    const double empty = ResidentBytes();
    const double cpu = CpuSeconds();
    const double begin = Seconds();
    ProcessAll(engine.get(), records);
    const double cpu_s = CpuSeconds() - cpu;
    PrintSpeed((std::to_string(patients) + " patients").c_str(), static_cast<double>(events), cpu_s,
               Seconds() - begin);
    std::printf("%44s %9.1f KiB resident a patient, after %.0f events each\n", "",
                (ResidentBytes() - empty) / static_cast<double>(patients) / 1024,
                static_cast<double>(events) / static_cast<double>(patients));
  }
}

/// Cut, write, read and restore of `patients`, as a core that is started again does it.
void BenchRestart(const std::string& dir, std::uint64_t patients, std::uint64_t events) {
  auto engine = Must(Engine::Create(BundledEngine()));
  ProcessAll(engine.get(), MakeRecords(Workload(patients), 0, events));
  std::string head;
  double bytes = 0;
  {
    auto store = Must(core::CheckpointStore::Open(dir + "/checkpoint", nullptr));
    const double begin = Seconds();
    head = engine->BeginCut();
    const std::uint64_t cut = store->FirstCut();
    for (bool more = true; more;) {
      std::vector<PatientBlob> blobs;
      more = engine->SweepCut(1U << 20U, &blobs);
      for (const PatientBlob& blob : blobs) bytes += static_cast<double>(blob.bytes.size());
      if (!blobs.empty()) Must(store->Stage(cut, engine->LastOffset(), blobs));
    }
    Must(store->Finish(cut, head));
    std::printf("checkpoint of %llu patients: %.2f s, %.1f KiB a patient\n",
                static_cast<unsigned long long>(patients), Seconds() - begin,
                bytes / static_cast<double>(patients) / 1024);
  }
  const double begin = Seconds();
  auto store = Must(core::CheckpointStore::Open(dir + "/checkpoint", nullptr));
  const auto manifest = Must(store->ReadManifest());
  auto restored = Must(Engine::Create(BundledEngine()));
  Must(restored->BeginRestore(manifest->meta));
  std::vector<core::UnreadablePatient> unreadable;
  Must(store->ReadBlobs(
      *manifest,
      [&](std::span<const PatientBlob> blobs) {
        restored->RestorePatients(blobs, false, &unreadable);
      },
      &unreadable));
  Must(restored->EndRestore());
  std::printf("restart from it: %.2f s until the first record can be processed, %zu unreadable\n",
              Seconds() - begin, unreadable.size());
}

std::string MonitorSecond(const std::string& patient, LogTimeNs now,
                          std::span<const char* const> signals, std::span<const double> values) {
  v1::Event event;
  event.set_patient_id(patient);
  event.set_source_id("monitor-" + patient);
  event.set_effective_ns(now);
  for (std::size_t i = 0; i < signals.size(); ++i) {
    v1::Observation* item = event.mutable_observations()->add_items();
    item->mutable_code()->set_code(signals[i]);
    item->set_quantity(values[i] + static_cast<double>(now / kSecondNs % 5) / 5);
  }
  return event.SerializeAsString();
}

/// The dense case that patients' memory is bounded for: 24 h of eight signals at 1 Hz.
void BenchFullPatients(std::uint64_t patients) {
  const char* const signals[] = {"HR", "RR", "SPO2", "ETCO2", "SBP", "DBP", "MAP", "TEMP"};
  const double values[] = {75, 15, 97, 36, 118, 70, 86, 36.9};
  auto engine = Must(Engine::Create(BundledEngine()));
  const double empty = ResidentBytes();
  std::vector<Output> outputs;
  std::vector<Record> batch;
  Offset offset = 0;
  for (int second = 0; second < 24 * 3600; ++second) {
    for (std::uint64_t patient = 0; patient < patients; ++patient) {
      Record& record = batch.emplace_back();
      record.offset = record.sequence = ++offset;
      record.producer = "bench";
      record.recorded_ns = (1'700'000'000LL + second) * kSecondNs;
      const std::string name = "full" + std::to_string(patient);
      record.topic = "vitals.icu." + name + ".";
      record.payload = MonitorSecond(name, record.recorded_ns, signals, values);
    }
    if (batch.size() < kBatch) continue;
    engine->Process(batch, &outputs);
    outputs.clear();
    batch.clear();
  }
  engine->Process(batch, &outputs);
  batch = {};
  const double resident = (ResidentBytes() - empty) / static_cast<double>(patients) / 1024;
  static_cast<void>(engine->BeginCut());
  double bytes = 0;
  for (bool more = true; more;) {
    std::vector<PatientBlob> blobs;
    more = engine->SweepCut(1U << 20U, &blobs);
    for (const PatientBlob& blob : blobs) bytes += static_cast<double>(blob.bytes.size());
  }
  std::printf(
      "24 h of eight signals at 1 Hz: %.0f KiB resident a patient, %.0f KiB in a checkpoint "
      "(of %llu patients)\n",
      resident, bytes / static_cast<double>(patients) / 1024,
      static_cast<unsigned long long>(patients));
}

int Run(bool quick) {
  const std::string dir = ScratchDir();
  // Before anything has been freed, so that what is resident is what patients take.
  BenchFullPatients(quick ? 4 : 16);
  for (const std::uint64_t therapy_every : {0U, 10U, 1U}) {
    const std::uint64_t events = therapy_every == 1 ? 100'000 : 500'000;
    BenchMemory(Workload(kPatients, therapy_every), quick ? events / 5 : events);
  }
  BenchLog(dir, quick ? 100'000 : 1'000'000);
  BenchPatients(quick ? 100'000 : 500'000);
  BenchRestart(dir, quick ? 500 : 5'000, quick ? 50'000 : 1'000'000);
  std::filesystem::remove_all(dir);
  return 0;
}

int RunForInstructions(std::uint64_t events, std::uint64_t therapy_every) {
  const Workload workload(kPatients, therapy_every);
  const std::vector<Record> records = MakeRecords(workload, 0, events);
  auto engine = Must(Engine::Create(BundledEngine()));
  ProcessAll(engine.get(), records);
  return 0;
}

}  // namespace
}  // namespace tonus::bench

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "--instructions" && argc > 3) {
    return tonus::bench::RunForInstructions(std::strtoull(argv[2], nullptr, 10),
                                            std::strtoull(argv[3], nullptr, 10));
  }
  return tonus::bench::Run(mode == "--quick");
}
