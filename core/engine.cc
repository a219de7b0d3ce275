#include "core/engine.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <map>

#include "base/digest.h"
#include "base/text.h"
#include "base/topic.h"
#include "core/checkpoint/codec.h"
#include "core/crew.h"
#include "core/history.h"
#include "core/host/catalogue.h"
#include "core/normalise/mapping.h"
#include "core/quarantines.h"
#include "core/routing.h"
#include "core/shard.h"
#include "core/sources/sources.h"
#include "tonus/v1/system.pb.h"

namespace tonus::core {
namespace {

constexpr unsigned kMostShards = 64;
/// Changes with every release of the core whose alerts may differ on the same log.
constexpr std::string_view kResults = "results 3";

/// Raised when what BeginCut returns means something else than before.
constexpr std::uint32_t kHeadFormat = 2;

}  // namespace

class Engine::Impl {
 public:
  static Result<std::unique_ptr<Impl>> Make(const EngineOptions& options);

  void Process(std::span<const Record> records, std::vector<Output>* out);
  void AdvanceTo(LogTimeNs until, std::vector<Output>* out);
  EngineStats Stats() const;

  std::string BeginCut();
  bool SweepCut(std::size_t bytes_of_shard, std::vector<PatientBlob>* out);
  void AbandonCut();
  Result<void> BeginRestore(std::string_view head);
  void RestorePatients(std::span<const PatientBlob> blobs, bool save_again,
                       std::vector<UnreadablePatient>* bad);
  Result<void> EndRestore();
  Offset LastOffset() const { return last_offset_; }
  LogTimeNs LastTime() const { return last_time_; }
  std::vector<Output> LastAlerts() const;

  std::unique_ptr<const Mapping> mapping;
  std::unique_ptr<const Catalogue> catalogue;
  std::vector<RecordedQuarantine> quarantines;
  std::vector<DetectorInfo> infos;
  std::vector<std::string> trace;

 private:
  Impl()
      : sources_([this](Sources::PatientKey key) -> const std::string& {
          return shards_[key.shard]->PatientName(key.number);
        }) {}
  void ProcessRun(std::span<const Record> records, std::vector<Output>* out);
  void MergePatients(Shard* shard, const Record& record);
  Result<std::string> Rebuild(const MergeWish& wish, const Record& record);
  Result<void> CheckMerge(const MergeWish& wish) const;
  void RunSources(std::span<const Record> records);
  void HearSource(std::size_t shard, const Heard& heard);
  void Merge(std::vector<Output>* out);
  void Finish(KeyedOutput* keyed, std::vector<Output>* out);
  std::string ProgressAt(const OutputKey& key) const;

  struct Route {
    Take take = Take::kPass;
    std::uint8_t shard = 0;
  };

  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<Crew> crew_;
  Sources sources_;
  std::vector<std::vector<std::uint32_t>> source_numbers_;  ///< By shard and its number.
  std::vector<Route> routes_;
  History* history_ = nullptr;
  Aliases aliases_;  ///< Flat: whom a name leads to is not himself a former name.
  Outbox own_;       ///< Of sources, and progress.
  Offset last_offset_ = 0;
  LogTimeNs last_time_ = 0;
  std::uint64_t records_ = 0;
  std::map<std::string, std::uint64_t> alerts_of_unit_;
  Quarantines quarantines_;
  std::string head_;  ///< Of a restore under way.
};

Result<std::unique_ptr<Engine::Impl>> Engine::Impl::Make(const EngineOptions& options) {
  if (options.shards == 0 || options.shards > kMostShards) {
    return Fail(ErrorCode::kUsage, std::to_string(options.shards) + " shards were asked for", {},
                "1 to " + std::to_string(kMostShards) + " are possible");
  }
  std::unique_ptr<Impl> impl(new Impl);
  impl->quarantines = options.quarantines;
  auto mapping = Mapping::Load(options.signals_path, options.drugs_path);
  if (!mapping) return tl::unexpected<Error>(mapping.error());
  impl->mapping = std::move(*mapping);
  auto catalogue = Catalogue::Load(options.plugins, *impl->mapping);
  if (!catalogue) return tl::unexpected<Error>(catalogue.error());
  impl->catalogue = std::move(*catalogue);
  for (const Detector& detector : impl->catalogue->Detectors()) {
    impl->infos.push_back(detector.info);
  }
  for (unsigned i = 0; i < options.shards; ++i) {
    impl->shards_.push_back(std::make_unique<Shard>(*impl->mapping, *impl->catalogue, options.trace,
                                                    impl->quarantines));
    if (const auto open = impl->shards_.back()->Open(); !open) {
      return tl::unexpected<Error>(open.error());
    }
  }
  for (const std::unique_ptr<Shard>& shard : impl->shards_) shard->UseAliases(&impl->aliases_);
  impl->history_ = options.history;
  impl->source_numbers_.resize(options.shards);
  impl->crew_ = std::make_unique<Crew>(options.shards);
  return impl;
}

/// Cut where two patients become one, which all shards have to wait for.
void Engine::Impl::Process(std::span<const Record> records, std::vector<Output>* out) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!Merges(records[i])) continue;
    ProcessRun(records.subspan(begin, i - begin), out);
    ProcessRun(records.subspan(i, 1), out);
    begin = i + 1;
  }
  ProcessRun(records.subspan(begin), out);
}

void Engine::Impl::ProcessRun(std::span<const Record> records, std::vector<Output>* out) {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    if (shards_[i]->ForgetManySources()) source_numbers_[i].clear();
  }
  routes_.assign(records.size(), Route{});
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Record& record = records[i];
    if (record.offset <= last_offset_) continue;
    last_offset_ = record.offset;
    ++records_;
    routes_[i].take = Classify(record);
    if (routes_[i].take == Take::kPass) continue;
    last_time_ = std::max(last_time_, record.recorded_ns);
    if (routes_[i].take == Take::kInput) {
      routes_[i].shard = static_cast<std::uint8_t>(ShardOf(record.topic, shards_.size(), aliases_));
    }
  }
  crew_->Run([&](unsigned number) {
    Shard& shard = *shards_[number];
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (routes_[i].take == Take::kPass) continue;
      shard.MoveTo(records[i]);
      if (routes_[i].take == Take::kInput && routes_[i].shard == number) shard.Take(records[i]);
    }
  });
  if (records.size() == 1 && routes_[0].take == Take::kInput) {
    MergePatients(shards_[routes_[0].shard].get(), records[0]);
  }
  RunSources(records);
  Merge(out);
}

Result<void> Engine::Impl::CheckMerge(const MergeWish& wish) const {
  const auto refuse = [](const std::string& what) { return Fail(ErrorCode::kRefused, what); };
  const auto own = aliases_.find(wish.survivor);
  if (own != aliases_.end()) {
    return refuse("'" + wish.survivor + "' is itself '" + own->second +
                  "' by a merge before; name that one as the survivor");
  }
  const auto other = aliases_.find(wish.merged);
  if (other != aliases_.end()) {
    return refuse("'" + wish.merged + "' is '" + other->second + "' by a merge before");
  }
  return {};
}

/// The survivor as he would be had all that was said of both been said of him.
Result<std::string> Engine::Impl::Rebuild(const MergeWish& wish, const Record& record) {
  std::optional<LogTimeNs> from;
  Aliases names;  // Of everybody who is one person now.
  for (const auto& [former, survivor] : aliases_) {
    if (survivor == wish.survivor || survivor == wish.merged) names[former] = wish.survivor;
  }
  names[wish.merged] = wish.survivor;
  for (const std::string& id : {wish.survivor, wish.merged}) {
    const auto seen = shards_[ShardOfPatient(id, shards_.size())]->FirstSeen(id);
    if (seen && (!from || *seen < *from)) from = seen;
  }
  if (!from) return std::string();
  // The sentence goes into the result: it must not tell where the log is read from.
  const auto gone = [] {
    return Fail(ErrorCode::kRefused, "not all that was said of both can be read again");
  };
  if (history_ == nullptr) return gone();
  Shard mill(*mapping, *catalogue, false, quarantines);
  if (auto open = mill.Open(); !open) return tl::unexpected<Error>(open.error());
  mill.UseAliases(&names);
  mill.BecomeMill();
  bool whole = false;
  const auto read = history_->Read(*from, record.offset, [&](const Record& past) {
    if (past.offset >= record.offset || Classify(past) != Take::kInput) return;
    const std::string id = UnescapeTopicPart(PatientPart(past.topic));
    if (id != wish.survivor && names.find(id) == names.end()) return;
    whole = whole || past.recorded_ns == *from;
    mill.MoveTo(past);
    mill.Take(past);
    mill.Discard();
  });
  if (!read || !whole) return gone();
  mill.MoveTo(record);
  return mill.Yield(wish.survivor);
}

void Engine::Impl::MergePatients(Shard* shard, const Record& record) {
  const auto wish = shard->TakeWish();
  if (!wish) return;
  const std::string advice = "; both go on as they are: publish under one identifier from now on";
  if (const auto good = CheckMerge(*wish); !good) {
    shard->RefuseMerge(record, good.error().what);
    return;
  }
  auto state = Rebuild(*wish, record);
  if (!state) {
    shard->RefuseMerge(record, state.error().Message() + advice);
    return;
  }
  std::unique_ptr<Patient> fresh;
  if (!state->empty()) {
    auto prepared = shard->Prepare(wish->survivor, *state);
    if (!prepared) {
      shard->RefuseMerge(record, prepared.error().Message() + advice);
      return;
    }
    fresh = std::move(*prepared);
  }
  shards_[ShardOfPatient(wish->merged, shards_.size())]->Retire(*wish, record);
  if (fresh) shard->Adopt(std::move(fresh), record);
  for (auto& [former, survivor] : aliases_) {
    if (survivor == wish->merged) survivor = wish->survivor;
  }
  aliases_[wish->merged] = wish->survivor;
  const auto place = [&](const std::string& id) -> std::optional<Sources::PatientKey> {
    const auto home = static_cast<std::uint32_t>(ShardOfPatient(id, shards_.size()));
    const auto number = shards_[home]->FindPatient(id);
    if (!number) return std::nullopt;
    return Sources::PatientKey{home, *number};
  };
  const auto from = place(wish->merged);
  const auto to = place(wish->survivor);
  if (from && to) sources_.Rename(*from, *to);
}

void Engine::Impl::RunSources(std::span<const Record> records) {
  std::vector<std::size_t> next(shards_.size(), 0);
  LogTimeNs now = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (routes_[i].take == Take::kPass) continue;
    const Record& record = records[i];
    now = std::max(now, record.recorded_ns);
    sources_.MoveTo(now, false, record.offset, &own_);
    if (routes_[i].take == Take::kTick) {
      KeyedOutput progress;
      progress.key = {now, false, record.offset, 0, {}, 0, 0};
      progress.kind = KeyedOutput::Kind::kProgress;
      progress.output.time_ns = now;
      progress.output.cause = record.offset;
      own_.push_back(std::move(progress));
      continue;
    }
    if (routes_[i].take == Take::kRefused) {
      Utterance refused;
      refused.patient = kNoPatient;
      refused.refusal = Refusal::kOther;
      refused.now = now;
      refused.offset = record.offset;
      sources_.Hear(Sources::kNew, record.producer, refused, &own_);
      continue;
    }
    const std::size_t shard = routes_[i].shard;
    const std::vector<Heard>& heard = shards_[shard]->HeardSources();
    if (next[shard] < heard.size() && heard[next[shard]].offset == record.offset) {
      const Heard& one = heard[next[shard]++];
      HearSource(shard, one);
      if (one.refusal == Refusal::kNone) {
        sources_.HearAccepted(record.producer, now, record.offset, &own_);
      }
    }
  }
  for (const std::unique_ptr<Shard>& shard : shards_) shard->HeardSources().clear();
}

void Engine::Impl::HearSource(std::size_t shard, const Heard& heard) {
  std::vector<std::uint32_t>& numbers = source_numbers_[shard];
  if (numbers.size() <= heard.source) numbers.resize(heard.source + 1, Sources::kNew);
  std::uint32_t& number = numbers[heard.source];
  number = sources_.Hear(number, shards_[shard]->SourceName(heard.source),
                         {static_cast<std::uint32_t>(shard), heard.patient, heard.leaves,
                          heard.refusal, heard.recorded_ns, heard.offset, heard.effective_ns},
                         &own_);
}

void Engine::Impl::AdvanceTo(LogTimeNs until, std::vector<Output>* out) {
  crew_->Run([&](unsigned number) { shards_[number]->AdvanceTo(until, last_offset_); });
  sources_.MoveTo(until, true, last_offset_, &own_);
  last_time_ = std::max(last_time_, until);
  Merge(out);
}

void Engine::Impl::Merge(std::vector<Output>* out) {
  std::vector<std::pair<Outbox*, std::size_t>> heads;
  const auto add = [&](Outbox* box) {
    if (!box->empty()) heads.emplace_back(box, 0);
  };
  add(&own_);
  for (const std::unique_ptr<Shard>& shard : shards_) add(&shard->Out());
  const auto left = [](const auto& head) { return head.second < head.first->size(); };
  while (true) {
    std::pair<Outbox*, std::size_t>* first = nullptr;
    for (auto& head : heads) {
      if (!left(head)) continue;
      if (first == nullptr || (*head.first)[head.second].key < (*first->first)[first->second].key) {
        first = &head;
      }
    }
    if (first == nullptr) break;
    Finish(&(*first->first)[first->second++], out);
  }
  for (auto& head : heads) head.first->clear();
}

void Engine::Impl::Finish(KeyedOutput* keyed, std::vector<Output>* out) {
  switch (keyed->kind) {
    case KeyedOutput::Kind::kTrace:
      trace.push_back(std::move(keyed->output.payload));
      return;
    case KeyedOutput::Kind::kProgress:
      keyed->output.topic = "progress.";
      keyed->output.payload = ProgressAt(keyed->key);
      keyed->output.digest = ContentDigest(keyed->output.topic, keyed->output.payload);
      break;
    case KeyedOutput::Kind::kQuarantine: {
      v1::TechAlert alert;
      alert.ParseFromString(keyed->output.payload);
      if (!quarantines_.Note(&alert)) return;
      keyed->output.payload = alert.SerializeAsString();
      keyed->output.digest = ContentDigest(keyed->output.topic, keyed->output.payload);
      break;
    }
    case KeyedOutput::Kind::kRecord:
      if (keyed->output.topic.rfind("alert.", 0) == 0) ++alerts_of_unit_[keyed->unit];
  }
  out->push_back(std::move(keyed->output));
}

std::string Engine::Impl::ProgressAt(const OutputKey& key) const {
  v1::Progress progress;
  progress.set_processed_offset(key.offset);
  progress.set_processed_ns(key.time);
  for (const auto& [unit, alerts] : alerts_of_unit_) {
    v1::UnitProgress* of_unit = progress.add_units();
    of_unit->set_unit(unit);
    of_unit->set_alerts(alerts);
  }
  return progress.SerializeAsString();
}

EngineStats Engine::Impl::Stats() const {
  EngineStats stats;
  stats.records = records_;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    const ShardCounts& counts = shard->Counts();
    stats.events += counts.events;
    stats.observations += counts.observations;
    stats.dropped += counts.repeats + shard->Normalised().dropped;
    for (const auto& [code, n] : counts.rejected) stats.rejected[code] += n;
    stats.alerts += counts.alerts;
    stats.detector_calls += shard->Calls();
    stats.patients += shard->Patients();
  }
  return stats;
}

std::string Engine::Impl::BeginCut() {
  for (const std::unique_ptr<Shard>& shard : shards_) shard->BeginCut();
  StateWriter writer;
  writer(kHeadFormat, last_offset_, last_time_, alerts_of_unit_, quarantines_);
  sources_.Save(&writer);
  return std::move(writer.Bytes());
}

bool Engine::Impl::SweepCut(std::size_t bytes_of_shard, std::vector<PatientBlob>* out) {
  crew_->Run([&](unsigned number) { shards_[number]->SweepCut(bytes_of_shard); });
  bool more = false;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    std::move(shard->CutBlobs().begin(), shard->CutBlobs().end(), std::back_inserter(*out));
    shard->CutBlobs().clear();
    more = more || shard->Cutting();
  }
  return more;
}

void Engine::Impl::AbandonCut() {
  for (const std::unique_ptr<Shard>& shard : shards_) shard->AbandonCut();
}

Result<void> Engine::Impl::BeginRestore(std::string_view head) {
  StateReader reader(head);
  std::uint32_t format = 0;
  reader(format);
  if (!reader.Good() || format != kHeadFormat) {
    return Fail(ErrorCode::kRefused,
                "the checkpoint is of a format that this program does not read");
  }
  reader(last_offset_, last_time_, alerts_of_unit_, quarantines_);
  if (!reader.Good()) return Fail(ErrorCode::kCorrupt, "the checkpoint's head cannot be read");
  head_ = head;
  for (const std::unique_ptr<Shard>& shard : shards_) shard->RestoreTime(last_time_);
  return {};
}

void Engine::Impl::RestorePatients(std::span<const PatientBlob> blobs, bool save_again,
                                   std::vector<UnreadablePatient>* bad) {
  std::vector<std::vector<UnreadablePatient>> bad_of(shards_.size());
  crew_->Run([&](unsigned number) {
    for (const PatientBlob& blob : blobs) {
      if (ShardOfPatient(blob.patient, shards_.size()) != number) continue;
      if (const auto good = shards_[number]->Restore(blob, last_time_, save_again); !good) {
        bad_of[number].push_back({blob.patient, good.error().what});
      }
    }
  });
  for (std::vector<UnreadablePatient>& some : bad_of) {
    std::move(some.begin(), some.end(), std::back_inserter(*bad));
  }
}

Result<void> Engine::Impl::EndRestore() {
  StateReader reader(head_);
  std::uint32_t format = 0;
  reader(format, last_offset_, last_time_, alerts_of_unit_, quarantines_);
  sources_.Load(&reader, [&](std::string_view patient) -> std::optional<Sources::PatientKey> {
    const auto shard = static_cast<std::uint32_t>(ShardOfPatient(patient, shards_.size()));
    const auto number = shards_[shard]->FindPatient(patient);
    if (!number) return std::nullopt;
    return Sources::PatientKey{shard, *number};
  });
  head_.clear();
  for (const std::unique_ptr<Shard>& shard : shards_) shard->CollectAliases(&aliases_);
  for (auto& [former, survivor] : aliases_) {
    for (auto next = aliases_.find(survivor); next != aliases_.end();
         next = aliases_.find(survivor)) {
      if (next->second == former) break;
      survivor = next->second;
    }
  }
  for (const std::unique_ptr<Shard>& shard : shards_) shard->MarkSurvivors(aliases_);
  return reader.Finish();
}

std::vector<Output> Engine::Impl::LastAlerts() const {
  std::vector<std::pair<std::string, Output>> all;
  for (const std::unique_ptr<Shard>& shard : shards_) shard->ShowLastAlerts(&all);
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Output> out;
  out.reserve(all.size());
  for (auto& [patient, output] : all) out.push_back(std::move(output));
  return out;
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::Create(const EngineOptions& options) {
  auto impl = Impl::Make(options);
  if (!impl) return tl::unexpected<Error>(impl.error());
  return std::unique_ptr<Engine>(new Engine(std::move(*impl)));
}

void Engine::Process(std::span<const Record> records, std::vector<Output>* out) {
  impl_->Process(records, out);
}

void Engine::AdvanceTo(LogTimeNs until_ns, std::vector<Output>* out) {
  impl_->AdvanceTo(until_ns, out);
}

std::string Engine::BeginCut() { return impl_->BeginCut(); }
bool Engine::SweepCut(std::size_t bytes_of_shard, std::vector<PatientBlob>* out) {
  return impl_->SweepCut(bytes_of_shard, out);
}
void Engine::AbandonCut() { impl_->AbandonCut(); }
Result<void> Engine::BeginRestore(std::string_view head) { return impl_->BeginRestore(head); }
void Engine::RestorePatients(std::span<const PatientBlob> blobs, bool save_again,
                             std::vector<UnreadablePatient>* unreadable) {
  impl_->RestorePatients(blobs, save_again, unreadable);
}
Result<void> Engine::EndRestore() { return impl_->EndRestore(); }
Offset Engine::LastOffset() const { return impl_->LastOffset(); }
LogTimeNs Engine::LastTime() const { return impl_->LastTime(); }
std::vector<Output> Engine::LastAlerts() const { return impl_->LastAlerts(); }

EngineStats Engine::Stats() const { return impl_->Stats(); }

const std::vector<DetectorInfo>& Engine::Detectors() const { return impl_->infos; }

std::vector<std::string> Engine::SignalNames() const {
  return impl_->mapping->Names(NameSpace::kSignal);
}
std::vector<std::string> Engine::PumpEventNames() const {
  return impl_->mapping->Names(NameSpace::kPumpEvent);
}
std::vector<std::string> Engine::ProcedureNames() const {
  return impl_->mapping->Names(NameSpace::kProcedure);
}
std::vector<std::string> Engine::DrugNames() const {
  return impl_->mapping->Names(NameSpace::kDrug);
}
std::vector<std::string> Engine::ConditionNames() const {
  std::vector<std::string> names;
  for (const Condition& condition : impl_->catalogue->Conditions()) {
    names.push_back(condition.decl->name);
  }
  return names;
}

std::string Engine::ConfigDigest() const {
  std::string text(kResults);
  const auto add = [&](std::string_view part) {
    text += '\n';
    text += part;
  };
  add(impl_->mapping->Digest());
  std::vector<DetectorInfo> infos = impl_->infos;
  std::sort(infos.begin(), infos.end(),
            [](const DetectorInfo& a, const DetectorInfo& b) { return a.id < b.id; });
  for (const DetectorInfo& info : infos) {
    add(info.id);
    add(info.version);
    add(info.digest);
    for (const std::string& setting : info.settings) add(setting);
  }
  std::array<unsigned char, 32> hash = {};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : hash) {
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
  return out;
}

std::string Engine::MappingDigest() const { return impl_->mapping->Digest(); }

std::vector<std::string> Engine::TakeTrace() { return std::exchange(impl_->trace, {}); }

}  // namespace tonus::core
