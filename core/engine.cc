#include "core/engine.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "base/digest.h"
#include "base/topic.h"
#include "core/crew.h"
#include "core/host/catalogue.h"
#include "core/normalise/mapping.h"
#include "core/shard.h"
#include "core/sources/sources.h"
#include "tonus/v1/system.pb.h"

namespace tonus::core {
namespace {

constexpr unsigned kMostShards = 64;
/// Changes with every release of the core whose alerts may differ on the same log.
constexpr std::string_view kResults = "results 2";

enum class Take : std::uint8_t { kPass, kTick, kInput };

Take Classify(std::string_view topic) {
  const std::string_view kind = topic.substr(0, topic.find('.'));
  if (kind == "tick") return Take::kTick;
  for (const std::string_view ours : {"alert", "dead", "tech", "progress", "config", "health"}) {
    if (kind == ours) return Take::kPass;
  }
  return Take::kInput;
}

/// Which shard a topic's patient lives on: by what the part means, so that two spellings of one
/// name meet.
unsigned ShardOf(std::string_view topic, std::size_t shards) {
  if (shards == 1) return 0;
  const std::size_t unit = topic.find('.');
  const std::size_t patient = unit == std::string_view::npos ? unit : topic.find('.', unit + 1);
  if (patient == std::string_view::npos) return 0;
  const std::string_view part =
      topic.substr(patient + 1, topic.find('.', patient + 1) - patient - 1);
  const std::uint64_t hash =
      part.find('%') == std::string_view::npos ? Digest64(part) : Digest64(UnescapeTopicPart(part));
  return static_cast<unsigned>(hash % shards);
}

}  // namespace

class Engine::Impl {
 public:
  static Result<std::unique_ptr<Impl>> Make(const EngineOptions& options);

  void Process(std::span<const Record> records, std::vector<Output>* out);
  void AdvanceTo(LogTimeNs until, std::vector<Output>* out);
  EngineStats Stats() const;

  std::unique_ptr<const Mapping> mapping;
  std::unique_ptr<const Catalogue> catalogue;
  std::vector<DetectorInfo> infos;
  std::vector<std::string> trace;

 private:
  Impl()
      : sources_([this](Sources::PatientKey key) -> const std::string& {
          return shards_[key.shard]->PatientName(key.number);
        }) {}
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
  Outbox own_;  ///< Of sources, and progress.
  Offset last_offset_ = 0;
  LogTimeNs last_time_ = 0;
  std::uint64_t records_ = 0;
  std::map<std::string, std::uint64_t> alerts_of_unit_;
};

Result<std::unique_ptr<Engine::Impl>> Engine::Impl::Make(const EngineOptions& options) {
  if (options.shards == 0 || options.shards > kMostShards) {
    return Fail(ErrorCode::kUsage, std::to_string(options.shards) + " shards were asked for", {},
                "1 to " + std::to_string(kMostShards) + " are possible");
  }
  std::unique_ptr<Impl> impl(new Impl);
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
    impl->shards_.push_back(
        std::make_unique<Shard>(*impl->mapping, *impl->catalogue, options.trace));
    if (const auto open = impl->shards_.back()->Open(); !open) {
      return tl::unexpected<Error>(open.error());
    }
  }
  impl->source_numbers_.resize(options.shards);
  impl->crew_ = std::make_unique<Crew>(options.shards);
  return impl;
}

void Engine::Impl::Process(std::span<const Record> records, std::vector<Output>* out) {
  routes_.assign(records.size(), Route{});
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Record& record = records[i];
    if (record.offset <= last_offset_) continue;
    last_offset_ = record.offset;
    ++records_;
    routes_[i].take = Classify(record.topic);
    if (routes_[i].take == Take::kPass) continue;
    last_time_ = std::max(last_time_, record.recorded_ns);
    if (routes_[i].take == Take::kInput) {
      routes_[i].shard = static_cast<std::uint8_t>(ShardOf(record.topic, shards_.size()));
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
  RunSources(records);
  Merge(out);
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
    const std::size_t shard = routes_[i].shard;
    const std::vector<Heard>& heard = shards_[shard]->HeardSources();
    if (next[shard] < heard.size() && heard[next[shard]].offset == record.offset) {
      HearSource(shard, heard[next[shard]++]);
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
                          heard.refusal, heard.recorded_ns, heard.offset},
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
