// Plays a log through an engine in one of the ways that must not matter, and prints what was said
// as one digest: `engine_digest LOG SHARDS BATCH RESTORE_SEED`.
//
// With a RESTORE_SEED other than 0 the engine is checkpointed and killed at random points, and each
// time restored from its last finished checkpoint into 1 to 4 shards. BATCH is then the most that
// is processed between two of these decisions.
//
// A process of its own, so that its environment (TZ, LANG) and its build (Debug, Release, another
// compiler) can differ from those of whoever compares. The digest covers topic, time, cause, flag
// and payload of every output in order; of an alert it leaves out `detector_digest`, which names
// the build of the plugin and so differs between builds by intent.
#include <algorithm>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/digest.h"
#include "broker/log/log.h"
#include "core/alerts/canonical.h"
#include "core/engine.h"
#include "tonus/v1/alert.pb.h"

namespace tonus::core {
namespace {

constexpr int kMostKills = 8;

template <class T>
T Must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "engine_digest: %s\n", result.error().Message().c_str());
    std::exit(3);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::vector<Record> ReadLog(const std::string& folder) {
  const auto reader = Must(Log::OpenReadOnly(folder));
  std::vector<Record> records;
  ReadRequest request;
  for (bool more = true; more;) {
    ReadSlice slice = Must(reader->Read(request));
    for (Record& record : slice.records) records.push_back(std::move(record));
    request.from = slice.next_offset;
    more = !slice.at_end;
  }
  return records;
}

std::unique_ptr<Engine> MakeEngine(unsigned shards) {
  EngineOptions options;
  options.signals_path = TONUS_SOURCE_DIR "/config/signals.yaml";
  options.drugs_path = TONUS_SOURCE_DIR "/config/drugs.yaml";
  options.shards = shards;
  std::set<std::string> plugins;
  for (const auto& entry : std::filesystem::directory_iterator(TONUS_BINARY_DIR "/plugins")) {
    if (entry.path().extension() == ".so") plugins.insert(entry.path().string());
  }
  for (const std::string& path : plugins) options.plugins.push_back({path, {}, ""});
  return Must(Engine::Create(options));
}

std::uint64_t DigestOf(const Output& output) {
  std::string line = output.topic + " " + std::to_string(output.time_ns) + " " +
                     std::to_string(output.cause) + (output.open ? " open " : " shut ");
  v1::Alert alert;
  if (output.topic.rfind("alert.", 0) == 0 && alert.ParseFromString(output.payload)) {
    alert.clear_detector_digest();
    line += CanonicalJson(alert);
  } else {
    line += output.payload;
  }
  return Digest64(line);
}

/// One run over the records. Owned by main.
class Run {
 public:
  Run(const std::vector<Record>& records, unsigned shards, std::size_t batch, std::uint64_t seed)
      : records_(records), shards_(shards), batch_(batch), disturbed_(seed != 0), random_(seed) {}

  void Play() {
    engine_ = MakeEngine(shards_);
    while (at_ < records_.size()) {
      Process();
      if (disturbed_) Disturb();
    }
  }
  const std::vector<std::uint64_t>& Said() const { return said_; }
  std::size_t Alerts() const { return engine_->Stats().alerts; }
  int restores = 0;

 private:
  struct Saved {
    std::string head;
    std::map<std::string, std::string> patients;
    std::size_t said = 0;
    bool there = false;
  };

  bool Chance(std::uint64_t one_in) { return random_() % one_in == 0; }

  void Process() {
    const std::size_t n = std::min(batch_, records_.size() - at_);
    outputs_.clear();
    engine_->Process(std::span(records_).subspan(at_, n), &outputs_);
    at_ += n;
    for (const Output& output : outputs_) said_.push_back(DigestOf(output));
  }

  /// Decisions fall after about every fiftieth part of the log, whatever the batch.
  void Disturb() {
    if (at_ < next_decision_) return;
    next_decision_ = at_ + 1 + random_() % (records_.size() / 25 + 1);
    if (cutting_) {
      Sweep();
    } else if (Chance(2)) {
      cut_.head = engine_->BeginCut();
      cut_.said = said_.size();
      cutting_ = true;
    }
    if (saved_.there && restores < kMostKills && Chance(4)) Restore();
  }

  void Sweep() {
    if (Chance(10)) {
      engine_->AbandonCut();
      cutting_ = false;
      swept_.clear();
      return;
    }
    if (engine_->SweepCut(random_() % (1U << 20U), &swept_)) return;
    for (PatientBlob& blob : swept_) saved_.patients[blob.patient] = std::move(blob.bytes);
    swept_.clear();
    saved_.head = cut_.head;
    saved_.said = cut_.said;
    saved_.there = true;
    cutting_ = false;
  }

  void Restore() {
    cutting_ = false;
    swept_.clear();
    constexpr unsigned kShards[] = {1, 2, 3, 4};
    engine_ = MakeEngine(kShards[random_() % 4]);
    Must(engine_->BeginRestore(saved_.head));
    std::vector<PatientBlob> blobs;
    for (const auto& [patient, bytes] : saved_.patients) blobs.push_back({patient, bytes});
    std::vector<UnreadablePatient> unreadable;
    engine_->RestorePatients(blobs, false, &unreadable);
    for (const UnreadablePatient& bad : unreadable) {
      std::fprintf(stderr, "engine_digest: %s: %s\n", bad.patient.c_str(), bad.words.c_str());
      std::exit(3);
    }
    Must(engine_->EndRestore());
    said_.resize(saved_.said);
    at_ = engine_->LastOffset() - records_.front().offset + 1;
    ++restores;
  }

  const std::vector<Record>& records_;
  const unsigned shards_;
  const std::size_t batch_;
  const bool disturbed_;
  std::mt19937_64 random_;
  std::unique_ptr<Engine> engine_;
  std::size_t at_ = 0, next_decision_ = 0;
  std::vector<Output> outputs_;
  std::vector<std::uint64_t> said_;
  Saved saved_, cut_;
  std::vector<PatientBlob> swept_;
  bool cutting_ = false;
};

}  // namespace
}  // namespace tonus::core

int main(int count, char** arguments) {
  if (count != 5) {
    std::fprintf(stderr, "usage: engine_digest LOG SHARDS BATCH RESTORE_SEED\n");
    return 2;
  }
  // A program of ours never asks for the environment's locale; a library in its process may.
  std::setlocale(LC_ALL, "");
  tzset();
  const auto number = [&](int i) { return std::strtoull(arguments[i], nullptr, 10); };
  const auto records = tonus::core::ReadLog(arguments[1]);
  if (records.empty()) {
    std::fprintf(stderr, "engine_digest: %s: no records\n", arguments[1]);
    return 3;
  }
  tonus::core::Run run(records, static_cast<unsigned>(number(2)), number(3), number(4));
  run.Play();
  std::string all;
  for (const std::uint64_t digest : run.Said()) all += std::to_string(digest) + "\n";
  std::printf("%s %zu outputs %zu records %d restores decimal%s zone%s\n",
              tonus::Sha256(all).c_str(), run.Said().size(), records.size(), run.restores,
              std::localeconv()->decimal_point, tzname[0]);
  return 0;
}
