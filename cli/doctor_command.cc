// Looks at everything that can keep tonus from running here, and says what to do about it.

#include <google/protobuf/stubs/common.h>
#include <sqlite3.h>
#include <unistd.h>
#include <zmq.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/text.h"
#include "broker/log/log.h"
#include "cli/config.h"
#include "cli/engine_options.h"
#include "cli/machine.h"
#include "cli/program.h"
#include "cli/show.h"
#include "client/follower.h"

namespace tonus::cli {
namespace {

enum class Verdict { kOk, kWarn, kFail };

struct Finding {
  Verdict verdict;
  std::string subject;
  std::string text;
  std::string advice;
};

class Doctor {
 public:
  explicit Doctor(const Globals& globals) : globals_(globals) {}

  int Run() {
    Versions();
    auto config = LoadConfig(globals_.config);
    if (config) {
      Add(Verdict::kOk, "configuration", config->path);
      Ports(*config);
      Disk(*config);
      Plugins(*config);
    } else {
      Add(Verdict::kFail, "configuration", config.error().Message(),
          "correct it; nothing starts with it");
    }
    Clock();
    return Print();
  }

 private:
  void Add(Verdict verdict, std::string subject, std::string text, std::string advice = {}) {
    findings_.push_back({verdict, std::move(subject), std::move(text), std::move(advice)});
  }

  void Versions() {
    int major = 0;
    int minor = 0;
    int patch = 0;
    zmq_version(&major, &minor, &patch);
    const std::string zmq =
        std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
    const bool old_zmq = major < 4 || (major == 4 && minor < 3);
    Add(old_zmq ? Verdict::kFail : Verdict::kOk, "libzmq", zmq,
        old_zmq ? "4.3 or later is needed" : "");
    Add(Verdict::kOk, "protobuf",
        google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION));
    Add(Verdict::kOk, "sqlite", sqlite3_libversion());
  }

  void Ports(const Config& config) {
    auto log = AskLog(ClientEndpoint(config.broker.replay), 300);
    broker_runs_ = log.has_value();
    if (broker_runs_) {
      Add(Verdict::kOk, "broker",
          "one runs here: log " + log->log_id + ", " + std::to_string(log->last_offset) +
              " records");
    }
    for (const auto& [name, endpoint] :
         {std::pair("ingest", config.broker.ingest), std::pair("intake", config.broker.intake),
          std::pair("live", config.broker.live), std::pair("replay", config.broker.replay),
          std::pair("broker http", config.broker.http), std::pair("core http", config.core.http)}) {
      Port(name, endpoint);
    }
  }

  void Port(const std::string& name, const std::string& endpoint) {
    if (endpoint.empty() || endpoint.ends_with(":*") || endpoint.ends_with(":0")) return;
    const std::string subject = "port " + name;
    if (IsExposed(endpoint)) {
      Add(Verdict::kWarn, subject, endpoint + " can be reached from other machines",
          "it neither encrypts nor asks who is there: keep it on loopback or behind a firewall");
    }
    auto bound = TryBind(endpoint);
    if (bound) return Add(Verdict::kOk, subject, endpoint + " is free");
    const auto user =
        endpoint.starts_with("ipc://") ? std::nullopt : FindPortUser(PortOf(endpoint));
    const std::string text = endpoint + " " + Printable(bound.error().what);
    const bool ours = !user || user->program == "tonus";
    if (broker_runs_ && ours) return Add(Verdict::kOk, subject, text);
    Add(Verdict::kFail, subject, text, bound.error().hint);
  }

  void Disk(const Config& config) {
    auto free = FreeBytes(globals_.data);
    if (!free) return Add(Verdict::kFail, "disk", free.error().Message());
    const std::string text = globals_.data + ": " + std::to_string(*free >> 20U) + " MiB free";
    const std::uint64_t floor = config.broker.free_bytes;
    if (*free < floor) {
      Add(Verdict::kFail, "disk", text,
          "new input is refused below " + std::to_string(floor >> 20U) + " MiB: make room");
    } else if (*free < 4 * floor) {
      Add(Verdict::kWarn, "disk", text,
          "input is refused below " + std::to_string(floor >> 20U) + " MiB");
    } else {
      Add(Verdict::kOk, "disk", text);
    }
  }

  void Plugins(const Config& config) {
    if (config.plugins.empty()) {
      return Add(Verdict::kFail, "detectors", "none in " + config.plugin_folder,
                 "build them (`./dev build`) or list them under plugins in tonus.yaml");
    }
    auto engine = core::Engine::Create(ToEngineOptions(config));
    if (!engine) return Add(Verdict::kFail, "detectors", engine.error().Message());
    for (const core::DetectorInfo& detector : (*engine)->Detectors()) {
      Add(Verdict::kOk, "detector", detector.id + " " + detector.version);
    }
  }

  void Clock() {
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    constexpr std::int64_t kYear2024 = 1'704'067'200 * kSecondNs;
    if (now < kYear2024) {
      return Add(Verdict::kFail, "clock", "says " + FormatTime(now), "set it");
    }
    std::error_code ignored;
    const std::string folder = LogFolder(globals_, false);
    if (std::filesystem::exists(folder, ignored)) {
      auto reader = Log::OpenReadOnly(folder);
      auto identity = reader ? (*reader)->Identity() : tl::unexpected(reader.error());
      if (!identity) {
        Add(Verdict::kFail, "log", identity.error().Message());
      } else if (identity->last_recorded_ns > now + kMinuteNs) {
        return Add(Verdict::kFail, "clock",
                   "stands at " + FormatTime(now) + ", before the newest record of " + folder +
                       ", " + FormatTime(identity->last_recorded_ns),
                   "set the clock, or start the broker with --confirm-clock-jump");
      } else {
        Add(Verdict::kOk, "log",
            folder + ": " + std::to_string(identity->last_offset) + " records");
      }
    }
    const auto synchronised = ClockSynchronised();
    if (synchronised && *synchronised) return Add(Verdict::kOk, "clock", "kept by a time service");
    Add(Verdict::kWarn, "clock", "no time service keeps it",
        "run chrony or systemd-timesyncd: recorded times are compared with devices' times");
  }

  int Print() const {
    static constexpr const char* kWords[] = {"ok", "warn", "FAIL"};
    static constexpr const char* kColors[] = {"\033[32m", "\033[33m", "\033[1;31m"};
    bool good = true;
    auto list = nlohmann::ordered_json::array();
    const bool color = isatty(STDOUT_FILENO) == 1;
    for (const Finding& finding : findings_) {
      const auto index = static_cast<std::size_t>(finding.verdict);
      good = good && finding.verdict != Verdict::kFail;
      if (globals_.json) {
        list.push_back({{"verdict", kWords[index]},
                        {"subject", finding.subject},
                        {"text", finding.text},
                        {"advice", finding.advice}});
        continue;
      }
      std::printf("%s%-4s%s  %-16s %s\n", color ? kColors[index] : "", kWords[index],
                  color ? "\033[0m" : "", finding.subject.c_str(), finding.text.c_str());
      if (!finding.advice.empty()) std::printf("%23s→ %s\n", "", finding.advice.c_str());
    }
    if (globals_.json) std::printf("%s\n", list.dump(2).c_str());
    return good ? 0 : 1;
  }

  const Globals& globals_;
  bool broker_runs_ = false;
  std::vector<Finding> findings_;
};

}  // namespace

void AddDoctor(CLI::App& app, Program& program) {
  CLI::App* doctor = app.add_subcommand("doctor", "looks for what keeps tonus from running here");
  doctor->callback(
      [&program] { program.run = [&program] { return Doctor(program.globals).Run(); }; });
}

}  // namespace tonus::cli
