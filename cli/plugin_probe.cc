// The side of a probe on which the detector runs: `tonus plugin probe`, started by RunProbe, which
// answers on descriptor kResult and leaves where it is in shared memory on kSpot.

#include "cli/plugin_probe.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/plugin_confine.h"
#include "cli/plugin_elf.h"
#include "cli/plugin_probe_pipe.h"
#include "cli/plugin_workload.h"
#include "core/host/floating_point.h"
#include "core/host/library.h"
#include "core/host/settings.h"
#include "tonus/v1/alert.pb.h"
#include "tonus/v1/system.pb.h"

namespace tonus::cli {
namespace {

using core::EngineOptions;

constexpr rlim_t kMostMemory = rlim_t{4} << 30U;

struct Options {
  std::string plugin, mode, patient;
  unsigned ward_patients = 3;
  std::int64_t ward_hours = 8;
};

/// A quarantine in the host's words: "no longer watches this patient, for it WORDS; its open …".
std::string WordsOf(const v1::TechAlert& tech) {
  const std::string text = tech.text();
  const auto begin = text.find("for it ");
  const auto end = text.find("; its open alerts");
  if (begin == std::string::npos || end == std::string::npos || end < begin) return text;
  return text.substr(begin + 7, end - begin - 7);
}

std::string RuleOf(const std::string& words) {
  const auto has = [&](const char* part) { return words.find(part) != std::string::npos; };
  if (has("not finite") || has("floating-point")) return "P13";
  if (has("units of host work") || has("without end")) return "P14";
  if (has("exception")) return "P6";
  return "P11";
}

/// Engine, workload and what came out.
class Play {
 public:
  Play(EngineOptions options, Spot* spot) : options_(std::move(options)), spot_(spot) {}

  Result<void> Open() {
    auto engine = core::Engine::Create(options_);
    if (!engine) return tl::unexpected<Error>(engine.error());
    engine_ = std::move(*engine);
    return {};
  }
  void Run(const std::vector<Record>& records) {
    std::vector<core::Output> out;
    for (const Record& record : records) {
      spot_->offset = record.offset;
      out.clear();
      engine_->Process({&record, 1}, &out);
      for (const core::Output& output : out) Take(output);
    }
    spot_->offset = 0;
  }
  void Close() { engine_.reset(); }
  core::EngineStats Stats() const { return engine_->Stats(); }
  std::vector<std::string> TakeLines() { return std::move(lines_); }

 private:
  void Take(const core::Output& output) {
    const bool alert = output.topic.starts_with("alert.");
    if (!alert && !output.topic.starts_with("tech.")) return;
    lines_.push_back(std::to_string(output.time_ns) + " " + std::to_string(output.cause) + " " +
                     output.topic + " " +
                     std::to_string(alert ? output.digest : Digest64(output.payload)));
    if (!alert) {
      v1::TechAlert tech;
      if (tech.ParseFromString(output.payload) && tech.kind() == "detector_quarantined") {
        const std::string words = WordsOf(tech);
        Watch::Get().Complain(RuleOf(words), "at record " + std::to_string(output.cause) +
                                                 ", detector '" + tech.subject() + "' " + words);
      }
      return;
    }
    v1::Alert version;
    if (!version.ParseFromString(output.payload)) return;
    const bool open = version.state() == v1::ALERT_STATE_ACTIVE;
    if (open && version.evidence().empty() && version.missing().empty()) {
      Watch::Get().Complain("P11", "states '" + version.condition() + "' at record " +
                                       std::to_string(output.cause) +
                                       " without a reason: neither evidence nor what is missing");
    }
  }

  EngineOptions options_;
  Spot* spot_;
  std::unique_ptr<core::Engine> engine_;
  std::vector<std::string> lines_;
};

/// The plugin's variables, where they lie in this process: of its writable segments, those that
/// stay writable once it is loaded.
class Variables {
 public:
  explicit Variables(const void* code) {
    Dl_info info = {};
    if (code == nullptr || dladdr(code, &info) == 0) return;
    base_ = reinterpret_cast<std::uintptr_t>(info.dli_fbase);
    dl_iterate_phdr(
        [](dl_phdr_info* object, std::size_t, void* self) {
          static_cast<Variables*>(self)->Look(*object);
          return 0;
        },
        this);
  }
  std::string Copy() const {
    std::string out;
    for (const auto& [begin, end] : parts_) {
      out.append(reinterpret_cast<const char*>(begin), end - begin);
    }
    return out;
  }
  /// Address within the object of byte `i` of a copy.
  std::uint64_t AddressOf(std::size_t i) const {
    for (const auto& [begin, end] : parts_) {
      if (i < end - begin) return begin + i - base_;
      i -= end - begin;
    }
    return 0;
  }

 private:
  void Look(const dl_phdr_info& object) {
    if (object.dlpi_addr != base_) return;
    std::uintptr_t kept_begin = 0, kept_end = 0;
    for (std::uint16_t i = 0; i < object.dlpi_phnum; ++i) {
      const auto& segment = object.dlpi_phdr[i];
      if (segment.p_type != PT_GNU_RELRO) continue;
      kept_begin = base_ + segment.p_vaddr;
      kept_end = kept_begin + segment.p_memsz;
    }
    for (std::uint16_t i = 0; i < object.dlpi_phnum; ++i) {
      const auto& segment = object.dlpi_phdr[i];
      if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) == 0) continue;
      std::uintptr_t begin = base_ + segment.p_vaddr;
      const std::uintptr_t end = begin + segment.p_memsz;
      if (kept_begin <= begin && kept_end > begin) begin = std::min(kept_end, end);
      parts_.emplace_back(begin, end);
    }
  }
  std::uintptr_t base_ = 0;
  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> parts_;
};

/// Runs one mode and gathers the answer.
class Probe {
 public:
  Probe(const Globals& globals, Options options, Spot* spot)
      : globals_(globals), options_(std::move(options)), spot_(spot) {}

  Result<void> Run() {
    auto subject = FindSubject(globals_, options_.plugin);
    if (!subject) return tl::unexpected<Error>(subject.error());
    engine_ = subject->engine;
    engine_.plugins[0].watch = WatchCalls;
    auto mapping = core::Mapping::Load(engine_.signals_path, engine_.drugs_path);
    if (!mapping) return tl::unexpected<Error>(mapping.error());
    Watch::Get().Begin({}, spot_);
    if (options_.mode == "load") Entry();
    spot_->call = Call::kEntry;
    auto library = core::OpenLibrary(options_.plugin);
    spot_->call = Call::kNone;
    if (!library) return tl::unexpected<Error>(library.error());
    detectors_ = library->detectors;
    for (const core::DetectorDecl& detector : detectors_) {
      auto& most = answer_["numbers"]["call_us_max"];
      const double declared = detector.calls.call_us_max;
      if (most.is_null() || most.get<double>() < declared) most = declared;
    }
    // Modes that play it many times, or compare with nothing, do without the ward.
    const std::string& mode = options_.mode;
    if (mode == "leak" || mode == "missing" || mode == "strange") options_.ward_patients = 0;
    const bool rubbish = mode != "bench";
    records_ =
        MakeWorkload(detectors_, **mapping, {options_.ward_patients, options_.ward_hours, rubbish});
    answer_["numbers"]["records"] = records_.size();
    return RunMode();
  }
  nlohmann::json& Answer() {
    for (const auto& [rule, text] : Watch::Get().tally.complaints) Complain(rule, text);
    return answer_;
  }

 private:
  Result<void> RunMode() {
    const std::string& mode = options_.mode;
    if (mode == "load") return Load();
    if (mode == "leak") return Leak();
    if (mode == "missing") return Missing();
    WatchOptions watch;
    watch.timed = mode == "plain" || mode == "bench";
    watch.round_trip = mode == "state";
    watch.grown = mode == "grown";
    watch.strange = mode == "strange";
    confined_ = mode == "confined";
    if (mode == "alone") records_ = OfPatient(records_, options_.patient);
    if (const auto good = Once(watch, "lines"); !good) return good;
    if (mode == "again") return Once(watch, "second");
    return {};
  }

  /// One play from opening to closing.
  Result<void> Once(WatchOptions watch, const char* lines) {
    Watch::Get().Begin(watch, spot_);
    if (confined_) {
      confine_spot = spot_;
      Watch::Get().options.before_open = [] {
        answer_of_confine = Confine(confine_spot, kResult) ? 1 : 0;
      };
    }
    Play play(engine_, spot_);
    if (const auto good = play.Open(); !good) return good;
    // Confined, this process has no clock.
    using Clock = std::chrono::steady_clock;
    const auto begun = confined_ ? Clock::time_point() : Clock::now();
    play.Run(records_);
    if (!confined_)
      answer_["numbers"]["play_ns"] = std::chrono::nanoseconds(Clock::now() - begun).count();
    const core::EngineStats stats = play.Stats();
    play.Close();
    if (confined_) answer_["numbers"]["confined"] = answer_of_confine;
    Note(stats);
    answer_[lines] = play.TakeLines();
    return {};
  }

  void Note(const core::EngineStats& stats) {
    Tally& tally = Watch::Get().tally;
    const auto at = [&](Call call) { return static_cast<std::size_t>(call); };
    auto& numbers = answer_["numbers"];
    numbers["events"] = stats.events;
    numbers["patients"] = stats.patients;
    numbers["alerts"] = stats.alerts;
    numbers["on_event"] = tally.calls[at(Call::kOnEvent)];
    numbers["on_timer"] = tally.calls[at(Call::kOnTimer)];
    numbers["open_us"] = static_cast<double>(tally.most_ns[at(Call::kOpen)]) / 1e3;
    numbers["call_ns_sum"] = tally.ns[at(Call::kOnEvent)] + tally.ns[at(Call::kOnTimer)];
    auto& times = tally.event_ns;
    std::sort(times.begin(), times.end());
    const auto part = [&](double share) -> std::uint32_t {
      if (times.empty()) return 0;
      return times[static_cast<std::size_t>(static_cast<double>(times.size() - 1) * share)];
    };
    numbers["call_ns_median"] = part(0.5);
    numbers["call_ns_p99"] = part(0.99);
    numbers["call_ns_most"] = part(1);
    numbers["states"] = tally.states;
    numbers["state_bytes_mean"] = tally.states == 0 ? 0.0
                                                    : static_cast<double>(tally.state_bytes) /
                                                          static_cast<double>(tally.states);
    numbers["state_bytes_most"] = tally.most_state_bytes;
  }

  /// What opening the object does to this process, before the host's own guard stands round it.
  void Entry() {
    core::FloatingPointGuard guard;
    spot_->call = Call::kEntry;
    void* handle = dlopen(options_.plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
    spot_->call = Call::kNone;
    if (guard.Restore()) {
      Complain("P13",
               "changes the floating-point control word when it is opened, as an object does that "
               "was linked with -ffast-math; build and link it without");
    }
    if (handle == nullptr) return;  // OpenLibrary says why.
    dlclose(handle);
  }

  /// Settings: what is wrong is refused by the host, what is allowed is taken by the detector.
  Result<void> Load() {
    if (const auto good = TryOpen({}); !good) return good;
    for (const core::DetectorDecl& detector : detectors_) {
      if (const auto refused = TryOpen({{"no_such_setting_", "1"}}); refused) {
        Complain("P12", "a setting that does not exist is not refused");
      }
      for (const core::SettingDecl& setting : detector.settings) Bounds(detector, setting);
    }
    answer_["numbers"]["settings_opened"] = opened_;
    return {};
  }
  Result<void> TryOpen(const std::map<std::string, std::string>& settings) {
    EngineOptions options = engine_;
    for (const auto& [key, value] : settings) options.plugins[0].settings[key] = value;
    Watch::Get().Begin({}, spot_);
    auto engine = core::Engine::Create(options);
    if (!engine) return tl::unexpected<Error>(engine.error());
    ++opened_;
    return {};
  }
  void Bounds(const core::DetectorDecl& detector, const core::SettingDecl& setting) {
    const bool bounded = setting.type == TONUS_T_INT || setting.type == TONUS_T_REAL ||
                         setting.type == TONUS_T_DURATION;
    if (!bounded) return;
    for (const bool high : {false, true}) {
      const core::SettingValue& bound = high ? setting.hi : setting.lo;
      const std::string allowed = core::SettingText(setting, bound);
      const auto taken = TryOpen({{setting.key, allowed}});
      if (!taken && taken.error().code != ErrorCode::kRefused) {
        Complain("P12", "its own bound '" + setting.key + ": " + allowed +
                            "' is not taken: " + taken.error().what);
      }
      core::SettingValue beyond = bound;
      const double step = std::max(1.0, std::abs(bound.f));
      beyond.f += high ? step : -step;
      const bool room = high ? bound.i < std::numeric_limits<std::int64_t>::max()
                             : bound.i > std::numeric_limits<std::int64_t>::min();
      if (setting.type != TONUS_T_REAL && !room) continue;
      beyond.i += high ? 1 : -1;
      const std::string wrong = core::SettingText(setting, beyond);
      if (core::ResolveSettings(detector, {{setting.key, wrong}}, "check")) {
        Complain("P12", "detector '" + detector.name + "' is opened with '" + setting.key + ": " +
                            wrong + "', which is outside its bounds");
      }
    }
  }

  /// The same over and over in one process: memory that stays taken, variables that change.
  Result<void> Leak() {
    constexpr int kRuns = 4;
    std::vector<std::size_t> taken;
    std::string before;
    for (int run = 0; run < kRuns; ++run) {
      Watch::Get().Begin({}, spot_);
      {
        Play play(engine_, spot_);
        if (const auto good = play.Open(); !good) return good;
        play.Run(records_);
        play.Close();
      }
      const struct mallinfo2 info = mallinfo2();
      taken.push_back(info.uordblks + info.hblkhd);
      const Variables variables(Watch::Get().code);
      std::string now = variables.Copy();
      if (run == kRuns - 1) CompareVariables(variables, before, now);
      before = std::move(now);
    }
    const auto grew = [&](std::size_t i) {
      return taken[i] > taken[i - 1] ? taken[i] - taken[i - 1] : 0;
    };
    const std::size_t least = std::min(grew(kRuns - 2), grew(kRuns - 1));
    if (least > 0) {
      Complain("P16", "keeps at least " + std::to_string(least) +
                          " bytes after every state was ended and every instance closed; end() "
                          "frees what begin() and load() made, close() what open() made");
    }
    answer_["numbers"]["leaked"] = least;
    return {};
  }
  void CompareVariables(const Variables& variables, const std::string& a, const std::string& b) {
    const std::size_t same = std::min(a.size(), b.size());
    std::size_t i = 0;
    while (i < same && a[i] == b[i]) ++i;
    if (i == same) return;
    const std::uint64_t at = variables.AddressOf(i);
    std::string name;
    if (const auto facts = ReadElf(options_.plugin)) {
      for (const ElfFacts::Variable& each : facts->variables) {
        if (at >= each.at && at < each.at + each.size) name = " '" + each.name + "'";
      }
    }
    Complain("P17", "writes the global or static variable" + name + " at address " +
                        std::to_string(at) +
                        " of the object; shards run at the same time and patients are strangers: "
                        "keep it in the state");
  }

  /// Inputs that are not there: one kind after the other.
  Result<void> Missing() {
    std::set<std::string> kinds;
    for (const Record& record : records_)
      kinds.insert(record.topic.substr(0, record.topic.find('.')));
    const std::vector<Record> all = records_;
    for (const std::string& kind : kinds) {
      if (kind == "tick") continue;
      records_ = Without(all, kind);
      Watch::Get().Begin({}, spot_);
      Play play(engine_, spot_);
      if (const auto good = play.Open(); !good) return good;
      play.Run(records_);
      play.Close();
      for (const auto& [rule, text] : Watch::Get().tally.complaints) {
        Complain(rule, text + ", where no '" + kind + "' arrives");
      }
      Watch::Get().tally.complaints.clear();
    }
    return {};
  }

  void Complain(const std::string& rule, const std::string& text) {
    if (!answer_["complaints"].contains(rule)) answer_["complaints"][rule] = text;
  }

  static inline Spot* confine_spot = nullptr;
  static inline int answer_of_confine = -1;

  const Globals& globals_;
  Options options_;
  Spot* spot_;
  EngineOptions engine_;
  std::vector<core::DetectorDecl> detectors_;
  std::vector<Record> records_;
  nlohmann::json answer_ = {{"complaints", nlohmann::json::object()},
                            {"numbers", nlohmann::json::object()}};
  bool confined_ = false;
  int opened_ = 0;
};

void Tell(const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = write(kResult, text.data() + done, text.size() - done);
    if (wrote <= 0) break;
    done += static_cast<std::size_t>(wrote);
  }
}

int RunProbeCommand(const Globals& globals, const Options& options) {
  void* page = mmap(nullptr, sizeof(Spot), PROT_READ | PROT_WRITE, MAP_SHARED, kSpot, 0);
  if (page == MAP_FAILED) {
    return Report({ErrorCode::kUsage,
                   "is started by `tonus plugin check` and `bench` alone",
                   "plugin probe",
                   {}});
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const rlimit limit = {kMostMemory, kMostMemory};
  setrlimit(RLIMIT_AS, &limit);
#endif
  static_cast<void>(log::Setup({"probe", "off", false}));
  Probe probe(globals, options, new (page) Spot);
  const auto good = probe.Run();
  nlohmann::json& answer = probe.Answer();
  if (!good) {
    answer["error"] = {{"code", static_cast<int>(good.error().code)},
                       {"what", good.error().what},
                       {"where", good.error().where},
                       {"hint", good.error().hint}};
  }
  Tell(answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  // Confined, this process may do nothing else.
  _exit(0);
}

}  // namespace

void AddPluginProbe(CLI::App& plugin, Program& program) {
  CLI::App* probe = plugin.add_subcommand("probe", "runs a detector for `check` and `bench`");
  probe->group("");
  auto options = std::make_shared<Options>();
  probe->add_option("FILE", options->plugin)->required();
  probe->add_option("--mode", options->mode)->required();
  probe->add_option("--patient", options->patient);
  probe->add_option("--ward-patients", options->ward_patients);
  probe->add_option("--ward-hours", options->ward_hours);
  probe->callback([&program, options] {
    program.run = [&program, options] { return RunProbeCommand(program.globals, *options); };
  });
}

}  // namespace tonus::cli
