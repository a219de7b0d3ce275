// An engine that is killed again and again, and each time restored from its last finished
// checkpoint into another number of shards, says byte for byte what an undisturbed one says.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>

#include "base/digest.h"
#include "base/text.h"
#include "core/engine.h"
#include "scenario/command.h"
#include "scenario/events.h"
#include "scenario/reader.h"
#include "scenario/ward.h"

namespace tonus::scenario {
namespace {

using core::Engine;
using core::Output;
using core::PatientBlob;
using core::UnreadablePatient;

const std::string kSource = TONUS_SOURCE_DIR;

std::unique_ptr<Engine> MustMake(unsigned shards) {
  core::EngineOptions options;
  options.signals_path = kSource + "/config/signals.yaml";
  options.drugs_path = kSource + "/config/drugs.yaml";
  options.shards = shards;
  for (const char* name : {"withdrawal", "malfunction", "paradox", "infection", "sedation",
                           "tolerance", "neuro", "dysreflexia"}) {
    const std::string path = std::string(TONUS_BINARY_DIR) + "/plugins/" + name + ".so";
    options.plugins.push_back({path, {}, ""});
  }
  auto engine = Engine::Create(options);
  if (!engine) throw std::runtime_error(engine.error().Message());
  return std::move(*engine);
}

std::vector<Record> ToRecords(const std::vector<TimedRecord>& made) {
  std::vector<Record> records;
  for (const TimedRecord& one : made) {
    Record& record = records.emplace_back();
    record.offset = record.sequence = records.size();
    record.producer = "ward";
    record.recorded_ns = one.recorded_ns;
    record.topic = one.topic;
    record.payload = one.payload;
    record.digest = ContentDigest(one.topic, one.payload);
  }
  return records;
}

std::string LineOf(const Output& output) {
  return output.topic + " " + std::to_string(output.time_ns) + " " + std::to_string(output.cause) +
         (output.open ? " open " : " ") + std::to_string(output.digest) + " " + output.payload;
}

std::vector<std::string> Undisturbed(const std::vector<Record>& records) {
  std::vector<Output> outputs;
  MustMake(1)->Process(records, &outputs);
  std::vector<std::string> lines;
  for (const Output& output : outputs) lines.push_back(LineOf(output));
  return lines;
}

/// What a checkpoint's file would hold.
struct Saved {
  std::string head;
  std::map<std::string, std::string> blobs;
  std::size_t outputs = 0;
  bool there = false;
};

class KilledAgainAndAgain {
 public:
  KilledAgainAndAgain(const std::vector<Record>& records, std::uint64_t seed)
      : most_kills(records.size() < 20000 ? 6 : 12), records_(records), random_(seed) {}

  std::vector<std::string> Run() {
    Restore();
    while (at_ < records_.size()) {
      Process();
      if (!cutting_ && Chance(5)) BeginCut();
      if (cutting_ && Chance(2)) Sweep();
      if (cutting_ && Chance(40)) {
        engine_->AbandonCut();
        cutting_ = false;
      }
      if (kills < most_kills && Chance(15)) Restore();
    }
    return lines_;
  }
  const int most_kills;
  int kills = -1, restores = 0, finished = 0;

 private:
  bool Chance(std::uint64_t one_in) { return random_() % one_in == 0; }

  void Restore() {
    ++kills;
    cutting_ = false;
    constexpr unsigned kShards[] = {1, 2, 4};
    engine_ = MustMake(kShards[random_() % 3]);
    lines_.resize(saved_.there ? saved_.outputs : 0);
    at_ = 0;
    if (!saved_.there) return;
    Fill(engine_.get(), false);
    at_ = engine_->LastOffset();
    ++restores;
    if (!Chance(4)) return;
    // Saved again at once it is the same bytes: nothing was lost in between.
    const auto again = MustMake(kShards[random_() % 3]);
    Fill(again.get(), true);
    EXPECT_TRUE(again->BeginCut() == saved_.head);
    std::vector<PatientBlob> blobs;
    while (again->SweepCut(1U << 20U, &blobs)) {
    }
    EXPECT_EQ(blobs.size(), saved_.blobs.size());
    for (const PatientBlob& blob : blobs) {
      EXPECT_TRUE(blob.bytes == saved_.blobs[blob.patient]) << blob.patient;
    }
  }

  void Fill(Engine* engine, bool save_again) {
    const auto begun = engine->BeginRestore(saved_.head);
    ASSERT_TRUE(begun) << begun.error().Message();
    std::vector<UnreadablePatient> unreadable;
    for (const auto& [patient, bytes] : saved_.blobs) {
      const std::vector<PatientBlob> one = {{patient, bytes}};
      engine->RestorePatients(one, save_again, &unreadable);
    }
    for (const auto& bad : unreadable) ADD_FAILURE() << bad.patient << ": " << bad.words;
    const auto ended = engine->EndRestore();
    ASSERT_TRUE(ended) << ended.error().Message();
  }

  void Process() {
    const std::size_t most = std::min<std::size_t>(records_.size() - at_, 1 + records_.size() / 50);
    const std::size_t n = 1 + random_() % most;
    std::vector<Output> outputs;
    engine_->Process(std::span(records_).subspan(at_, n), &outputs);
    at_ += n;
    for (const Output& output : outputs) lines_.push_back(LineOf(output));
  }

  void BeginCut() {
    cut_.head = engine_->BeginCut();
    cut_.outputs = lines_.size();
    blobs_.clear();
    cutting_ = true;
  }

  void Sweep() {
    if (engine_->SweepCut(random_() % 60'000, &blobs_)) return;
    for (PatientBlob& blob : blobs_) saved_.blobs[blob.patient] = std::move(blob.bytes);
    saved_.head = cut_.head;
    saved_.outputs = cut_.outputs;
    saved_.there = true;
    cutting_ = false;
    ++finished;
  }

  const std::vector<Record>& records_;
  std::mt19937_64 random_;
  std::unique_ptr<Engine> engine_;
  std::size_t at_ = 0;
  std::vector<std::string> lines_;
  Saved saved_, cut_;
  std::vector<PatientBlob> blobs_;
  bool cutting_ = false;
};

std::uint64_t Seed() {
  const char* given = std::getenv("TONUS_SEED");
  return given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
}

void ExpectSame(const std::vector<std::string>& got, const std::vector<std::string>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_TRUE(got[i] == expected[i]) << "output " << i << "\n" << got[i] << "\n" << expected[i];
  }
}

TEST(CheckpointRun, AWardThatIsKilledAgainAndAgainSaysTheSame) {
  Ward ward({12, 1, 1709280000LL * kSecondNs});
  std::vector<TimedRecord> made;
  ward.Take(1709280000LL * kSecondNs + 3 * kHourNs, &made);
  const std::vector<Record> records = ToRecords(made);
  const std::vector<std::string> expected = Undisturbed(records);
  int restores = 0;
  for (std::uint64_t round = 0; round < 4; ++round) {
    const std::uint64_t seed = Seed() + round;
    SCOPED_TRACE("TONUS_SEED=" + std::to_string(seed));
    KilledAgainAndAgain run(records, seed);
    ExpectSame(run.Run(), expected);
    restores += run.restores;
  }
  EXPECT_GT(restores, 4);
}

std::vector<std::string> ScenarioFiles() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kSource + "/scenarios")) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(CheckpointRun, EveryScenarioSaysTheSameAfterRestarts) {
  int restores = 0;
  std::uint64_t seed = Seed();
  for (const std::string& file : ScenarioFiles()) {
    SCOPED_TRACE(file + " TONUS_SEED=" + std::to_string(seed));
    const ReadOutcome outcome = ReadScenarioFile(file, NamesOf(*MustMake(1)));
    ASSERT_TRUE(outcome.errors.empty());
    const auto made = BuildRecords(outcome.scenario);
    ASSERT_TRUE(made);
    const std::vector<Record> records = ToRecords(*made);
    KilledAgainAndAgain run(records, seed++);
    ExpectSame(run.Run(), Undisturbed(records));
    restores += run.restores;
  }
  EXPECT_GT(restores, 10);
}

}  // namespace
}  // namespace tonus::scenario
