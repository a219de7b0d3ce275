// `tonus up`: broker, core and a simulated ward as children, and on the terminal what they see.

#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "cli/config.h"
#include "cli/http.h"
#include "cli/machine.h"
#include "cli/program.h"
#include "cli/show.h"
#include "cli/stop_signal.h"
#include "cli/supervisor.h"
#include "cli/watch.h"
#include "client/follower.h"

namespace tonus::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

struct Options {
  std::string duration;
  double speed = 0;       // 0: as configured.
  unsigned patients = 0;  // 0: as configured.
  std::vector<std::string> scenarios;
  bool no_ward = false;
};

// What is known of the running parts; drawn again and again on a terminal.
struct View {
  std::uint64_t alerts = 0;
  std::map<std::string, std::string> open;  // topic → newest line of the alerts that are open
  std::deque<std::string> newest;           // lines, newest last
  Offset last_offset = 0;
  double events_per_s = 0;
  int patients = -1;  // -1: not known
  LogTimeNs log_ns = 0;
  std::string state = "starting";
  bool disk_low = false;
};

class Up {
 public:
  Up(const Globals& globals, const Options& options)
      : globals_(globals), options_(options), terminal_(isatty(STDOUT_FILENO) == 1) {}

  int Run() {
    StopSignal::Install();
    auto config = LoadConfig(globals_.config);
    if (!config) return Report(config.error());
    config_ = std::move(*config);
    if (!options_.duration.empty()) {
      auto parsed = DurationOption("--for", options_.duration);
      if (!parsed) return Report(parsed.error());
      duration_ns_ = *parsed;
    }
    replay_ = ClientEndpoint(config_.broker.replay);
    if (config_.plugins.empty()) {
      return Report(
          {ErrorCode::kConfig, "there are no detectors", config_.plugin_folder,
           "build them with `./dev build`, or list them under plugins in " + config_.path});
    }
    if (auto free = CheckEndpoints(); !free) return Report(free.error());
    const int code = Supervise();
    supervisor_.StopAll();
    Goodbye(code);
    return code;
  }

 private:
  bool Ward() const { return !options_.no_ward; }

  // Another broker on these endpoints would answer in place of ours and be taken for it.
  Result<void> CheckEndpoints() const {
    const BrokerConfig& broker = config_.broker;
    for (const std::string& endpoint : {broker.ingest, broker.intake, broker.live, broker.replay,
                                        broker.http, config_.core.http}) {
      if (endpoint.empty() || endpoint.ends_with(":*") || endpoint.ends_with(":0")) continue;
      // What an `up` that was killed a moment ago leaves behind ends by itself.
      const auto deadline = steady_clock::now() + seconds(3);
      auto free = TryBind(endpoint);
      while (!free && steady_clock::now() < deadline && !StopSignal::Wait(100)) {
        free = TryBind(endpoint);
      }
      if (!free) return free;
    }
    return {};
  }

  std::string Folder() const {
    if (!options_.scenarios.empty()) return globals_.data + "/scenario";
    return globals_.data + (Ward() ? "/ward" : "/live");
  }

  ChildSpec Child(const std::string& name, std::vector<std::string> more) const {
    ChildSpec spec;
    spec.name = name;
    spec.arguments = {"--config",    std::filesystem::absolute(config_.path).string(),
                      "--data",      globals_.data,
                      "--log-level", globals_.log_level,
                      name};
    spec.arguments.insert(spec.arguments.end(), more.begin(), more.end());
    spec.log_path = Folder() + "/" + name + ".log";
    return spec;
  }

  ChildSpec WardChild() const {
    std::vector<std::string> more = {
        "--speed", FormatDouble(options_.speed > 0 ? options_.speed : config_.ward.speed)};
    if (options_.patients > 0) {
      more.insert(more.end(), {"--patients", std::to_string(options_.patients)});
    }
    if (!options_.scenarios.empty()) {
      more.push_back("--scenario");
      more.insert(more.end(), options_.scenarios.begin(), options_.scenarios.end());
    }
    ChildSpec spec = Child("simulate", more);
    spec.may_finish = true;
    return spec;
  }

  int Supervise() {
    begin_ = steady_clock::now();
    std::error_code ignored;
    resumed_ = std::filesystem::exists(Folder() + "/log", ignored);
    std::vector<std::string> broker = {"--log", Folder() + "/log"};
    if (Ward()) broker.push_back("--given");
    if (auto started = supervisor_.Start(Child("broker", broker)); !started) {
      return Report(started.error());
    }
    if (auto code = WaitForBroker()) return *code == kStopped ? 0 : *code;
    answered_ = true;
    std::vector<ChildSpec> rest = {Child("core", {})};
    if (Ward()) rest.push_back(WardChild());
    for (ChildSpec& spec : rest) {
      if (auto started = supervisor_.Start(std::move(spec)); !started) {
        return Report(started.error());
      }
    }
    Introduce();
    return Follow();
  }

  static constexpr int kStopped = -1;

  // Nothing once the broker answers; else the exit code, or kStopped.
  std::optional<int> WaitForBroker() {
    const auto deadline = steady_clock::now() + seconds(30);
    while (true) {
      if (StopSignal::Requested()) return kStopped;
      for (const ChildEvent& event : supervisor_.Tend()) {
        Say(event.text);
        if (event.give_up) return event.exit_code;
      }
      if (auto log = AskLog(replay_, 200)) {
        first_offset_ = log->last_offset;
        view_.last_offset = log->last_offset;
        view_.log_ns = log->last_recorded_ns;
        return std::nullopt;
      }
      if (steady_clock::now() > deadline) {
        return Report({ErrorCode::kTimeout, "the broker does not answer", replay_,
                       "see " + Folder() + "/broker.log"});
      }
    }
  }

  void Introduce() const {
    const BrokerConfig& broker = config_.broker;
    std::printf("tonus is up: %s. Logs and data in %s%s.\n", supervisor_.Running().c_str(),
                Folder().c_str(), resumed_ ? ", going on where it stopped" : "");
    std::printf("  subscribe (SUB):      %s   topics such as alert.icu.\n", broker.live.c_str());
    std::printf("  publish (DEALER):     %s\n", broker.ingest.c_str());
    std::printf("  publish (plain PUB):  %s\n", broker.intake.c_str());
    std::printf("  replay (DEALER):      %s\n", broker.replay.c_str());
    for (const std::string& http : {broker.http, config_.core.http}) {
      if (!http.empty()) std::printf("  health and metrics:   http://%s/metrics\n", http.c_str());
    }
    std::printf("try next, in another terminal:  %s tail\n", Invocation().c_str());
    std::fflush(stdout);
  }

  // The program as this person would have to type it.
  std::string Invocation() const {
    std::error_code ignored;
    const auto relative = std::filesystem::relative(ProgramPath(), ignored);
    const bool near = !ignored && !relative.string().starts_with("..");
    std::string text = near ? relative.string() : ProgramPath();
    if (!globals_.config.empty()) text += " --config " + globals_.config;
    return text;
  }

  int Follow() {
    FollowerOptions follow;
    follow.endpoint = replay_;
    follow.prefixes = {"alert.", "tech.", "tick.", "progress."};
    follow.offset = 1;
    if (auto open = AskOpenAlerts(replay_, {"alert."}, 2000)) {
      follow.offset = open->next_offset;
      for (const Record& record : open->records) {
        view_.open[record.topic] = ShowRecord(record, terminal_);
        view_.newest.push_back(view_.open[record.topic]);
      }
      if (!terminal_ && resumed_) {
        std::printf("%zu alerts are open from before\n", open->records.size());
      }
    }
    auto follower = Follower::Open(follow);
    if (!follower) return Report(follower.error());
    Watch watch(steady_clock::now());
    auto next_draw = steady_clock::now() + seconds(1);
    while (!StopSignal::Requested() && !Over()) {
      for (const ChildEvent& event : supervisor_.Tend()) {
        Say(event.text);
        if (event.give_up) return event.exit_code;
      }
      auto batch = (*follower)->Next(4096, 100);
      if (!batch) return Report(batch.error());
      const auto now = steady_clock::now();
      for (const Record& record : batch->records) {
        watch.See(record, now);
        Take(record);
      }
      if (auto change = watch.Change(now, replay_)) Say(*change);
      view_.state = watch.Blind() ? "BLIND" : "watching";
      if (now >= next_draw) {
        Measure(now);
        if (terminal_) {
          Draw();
        } else if (++draws_ % 5 == 1) {
          std::printf("%s\n", StatusLine().c_str());
          std::fflush(stdout);
        }
        next_draw = now + seconds(1);
      }
    }
    return 0;
  }

  bool Over() const {
    return duration_ns_ != 0 &&
           steady_clock::now() - begin_ > std::chrono::nanoseconds(duration_ns_);
  }

  void Take(const Record& record) {
    view_.last_offset = std::max(view_.last_offset, record.offset);
    view_.log_ns = std::max(view_.log_ns, record.recorded_ns);
    const bool alert = record.topic.starts_with("alert.");
    if (!alert && !record.topic.starts_with("tech.")) return;
    const std::string line = ShowRecord(record, terminal_);
    if (alert) {
      ++view_.alerts;
      if (record.open) {
        view_.open[record.topic] = line;
      } else {
        view_.open.erase(record.topic);
      }
    }
    // New reasons for what was said before would drown what is new; `tail` shows them.
    if (!IsAlertUpdate(record)) Say(line);
  }

  // A line for the person: printed as it is, or among the newest on a terminal.
  void Say(const std::string& line) {
    if (!terminal_ || view_.last_offset == 0) {
      std::printf("%s\n", line.c_str());
      std::fflush(stdout);
    }
    view_.newest.push_back(line);
    while (view_.newest.size() > 200) view_.newest.pop_front();
  }

  void Measure(steady_clock::time_point now) {
    const double span = std::chrono::duration<double>(now - measured_at_).count();
    if (measured_offset_ != 0 && span > 0 && view_.last_offset >= measured_offset_) {
      const double rate = static_cast<double>(view_.last_offset - measured_offset_) / span;
      view_.events_per_s = view_.events_per_s == 0 ? rate : 0.6 * view_.events_per_s + 0.4 * rate;
    }
    measured_at_ = now;
    measured_offset_ = view_.last_offset;
    WatchDisk();
    if (config_.core.http.empty() || PortOf(config_.core.http) == 0) return;
    if (auto patients = FetchMetric(config_.core.http, "tonus_core_patients")) {
      view_.patients = static_cast<int>(*patients);
    }
  }

  // Input that is refused for want of disk looks like a silent ward otherwise.
  void WatchDisk() {
    const std::string& http = config_.broker.http;
    if (http.empty() || PortOf(http) == 0) return;
    const auto low = FetchMetric(http, "tonus_broker_disk_low");
    if (!low || (*low > 0) == view_.disk_low) return;
    view_.disk_low = *low > 0;
    Say(view_.disk_low ? "DISK LOW: " + Folder() + " has less than " +
                             std::to_string(config_.broker.free_bytes >> 20U) +
                             " MiB left: new input is refused, alerts and reading go on; make room"
                       : "there is room on the disk again: input is taken");
  }

  std::string LogTime() const {
    return view_.log_ns == 0 ? "" : ", log time " + FormatTime(view_.log_ns);
  }

  std::string StatusLine() const {
    std::string text = view_.state + (view_.disk_low ? ", DISK LOW: " : ": ");
    if (view_.patients >= 0) text += std::to_string(view_.patients) + " patients, ";
    text += FormatRounded(view_.events_per_s, view_.events_per_s < 10 ? 1 : 0) + " records/s, " +
            std::to_string(view_.open.size()) + " alerts open" + LogTime();
    if (supervisor_.Restarts() > 0) {
      text += ", " + std::to_string(supervisor_.Restarts()) + " restarts";
    }
    return text;
  }

  void Draw() const {
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 12) size.ws_row = 24;
    const std::size_t width = size.ws_col > 20 ? size.ws_col : 80;
    std::printf("\033[H\033[J");
    Introduce();
    std::printf("\n%s\n\nnewest:\n", StatusLine().c_str());
    const std::size_t room = static_cast<std::size_t>(size.ws_row) - 12;
    std::size_t first = view_.newest.size() > room ? view_.newest.size() - room : 0;
    for (; first < view_.newest.size(); ++first) {
      std::printf("%s\033[0m\n", Cut(view_.newest[first], width).c_str());
    }
    std::printf("\033[2mCtrl-C stops; everything stays in %s\033[0m", Folder().c_str());
    std::fflush(stdout);
  }

  // At most `width` columns; colour sequences take none, and no UTF-8 letter is cut in two.
  static std::string Cut(const std::string& line, std::size_t width) {
    std::string out;
    std::size_t columns = 0;
    for (std::size_t i = 0; i < line.size();) {
      std::size_t bytes = 1;
      if (line[i] == '\033') {
        bytes = line.find('m', i) - i + 1;
      } else {
        if (columns == width - 1) return out + "…";
        while (i + bytes < line.size() &&
               (static_cast<unsigned char>(line[i + bytes]) & 0xC0U) == 0x80U)
          ++bytes;
        ++columns;
      }
      out += line.substr(i, bytes);
      i += bytes;
    }
    return out;
  }

  void Goodbye(int code) const {
    if (!answered_) return;  // What happened has been said, and nothing else has.
    if (terminal_) std::printf("\n");
    std::printf(
        "stopped%s: %llu alert records, %llu records written%s. Everything is in %s; "
        "`up` again goes on from here.\n",
        code == 0 ? "" : " with an error", static_cast<unsigned long long>(view_.alerts),
        static_cast<unsigned long long>(view_.last_offset - first_offset_), LogTime().c_str(),
        Folder().c_str());
  }

  const Globals& globals_;
  const Options& options_;
  const bool terminal_;
  Config config_;
  std::string replay_;
  Supervisor supervisor_;
  View view_;
  std::int64_t duration_ns_ = 0;
  steady_clock::time_point begin_;
  bool answered_ = false;  // The broker has spoken at least once.
  bool resumed_ = false;
  Offset first_offset_ = 0;
  std::uint64_t draws_ = 0;
  steady_clock::time_point measured_at_;
  Offset measured_offset_ = 0;
};

}  // namespace

void AddUp(CLI::App& app, Program& program) {
  CLI::App* up =
      app.add_subcommand("up", "starts broker, core and a simulated ward, and shows what they see");
  auto options = std::make_shared<Options>();
  up->add_option("--for", options->duration, "stop after this time, such as 30s")
      ->type_name("TIME");
  up->add_option("--speed", options->speed,
                 "seconds of the ward in one second; default: tonus.yaml")
      ->check(WhyNoSpeed);
  up->add_option("--patients", options->patients, "patients of the ward; default: tonus.yaml")
      ->check(CLI::Range(1U, kMostPatients));
  up->add_option("--scenario", options->scenarios, "play these scenario files in place of the ward")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  up->add_flag("--no-ward", options->no_ward,
               "no simulated patients: live data, in live/ of --data");
  up->callback([&program, options] {
    program.run = [&program, options] { return Up(program.globals, *options).Run(); };
  });
}

}  // namespace tonus::cli
