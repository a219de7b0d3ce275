#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "cli/config.h"
#include "cli/program.h"
#include "cli/show.h"
#include "cli/stop_signal.h"
#include "cli/watch.h"
#include "client/follower.h"

namespace tonus::cli {
namespace {

struct Options {
  std::vector<std::string> prefixes;
  std::uint64_t count = 0;
  std::string duration;
  std::string since;
  bool no_snapshot = false;
  bool full = false;
};

bool Wanted(const Record& record, const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    if (record.topic.starts_with(prefix)) return true;
  }
  return false;
}

class Tail {
 public:
  Tail(const Globals& globals, Options options)
      : globals_(globals), options_(std::move(options)), color_(isatty(STDOUT_FILENO) == 1) {}

  int Run() {
    StopSignal::Install();
    auto config = LoadConfig(globals_.config);
    if (!config) return Report(config.error());
    if (!options_.duration.empty()) {
      auto parsed = DurationOption("--for", options_.duration);
      if (!parsed) return Report(parsed.error());
      duration_ns_ = *parsed;
    }
    if (options_.prefixes.empty()) options_.prefixes = {"alert."};
    FollowerOptions follow;
    follow.endpoint = ClientEndpoint(config->broker.replay);
    follow.prefixes = options_.prefixes;
    follow.prefixes.insert(follow.prefixes.end(), {"tick.", "progress."});
    if (auto begun = Begin(&follow); !begun) return Report(begun.error());
    auto follower = Follower::Open(follow);
    if (!follower) return Report(follower.error());
    return Loop(**follower, follow.endpoint);
  }

 private:
  // Decides where to begin; prints the alerts that are open already.
  Result<void> Begin(FollowerOptions* follow) {
    if (!options_.since.empty()) {
      auto time = ParseTime(options_.since);
      if (!time) {
        return Fail(ErrorCode::kUsage, time.error().what, "--since", time.error().hint);
      }
      follow->from = FollowFrom::kRecordedTime;
      follow->recorded_ns = *time;
      return {};
    }
    follow->from = FollowFrom::kEnd;
    if (options_.no_snapshot) return {};
    std::vector<std::string> alerts;
    for (const std::string& prefix : options_.prefixes) {
      if (prefix.starts_with("alert.") || prefix.empty()) alerts.push_back(prefix);
    }
    if (alerts.empty()) return {};
    const auto open = WaitForSnapshot(follow->endpoint, alerts);
    if (!open) return tl::unexpected(open.error());
    follow->from = FollowFrom::kOffset;
    follow->offset = open->next_offset;
    for (const Record& record : open->records) Print(record);
    Note(std::to_string(open->records.size()) + " open; waiting for what comes");
    return {};
  }

  // Waits for a broker as long as the person does: `tail` may be started first.
  Result<AlertSnapshot> WaitForSnapshot(const std::string& endpoint,
                                        const std::vector<std::string>& prefixes) {
    bool said = false;
    while (true) {
      auto open = AskOpenAlerts(endpoint, prefixes, 1000);
      if (open || open.error().code != ErrorCode::kUnreachable) return open;
      if (!said) Note("BLIND: no broker answers at " + endpoint + "; waiting for one");
      said = true;
      if (StopSignal::Requested() || Over()) return open;
    }
  }

  bool Over() const {
    return duration_ns_ != 0 &&
           std::chrono::steady_clock::now() - begin_ > std::chrono::nanoseconds(duration_ns_);
  }

  int Loop(Follower& follower, const std::string& endpoint) {
    Watch watch(std::chrono::steady_clock::now());
    while (!StopSignal::Requested()) {
      auto batch = follower.Next(1024, 200);
      if (!batch) return Report(batch.error());
      const auto now = std::chrono::steady_clock::now();
      for (const Record& record : batch->records) {
        watch.See(record, now);
        if (Wanted(record, options_.prefixes)) Print(record);
        if (options_.count != 0 && printed_ >= options_.count) return 0;
      }
      if (auto change = watch.Change(now, endpoint)) Note(*change);
      if (Over()) return 0;
    }
    return 0;
  }

  void Print(const Record& record) {
    ++printed_;
    const std::string line = globals_.json ? RecordJson(record) : ShowRecord(record, color_);
    std::printf("%s\n", line.c_str());
    if (options_.full && !globals_.json) std::printf("%s", ShowAlertInFull(record).c_str());
    std::fflush(stdout);
  }

  // About the watching itself; never on standard output, where programs read records.
  static void Note(const std::string& text) {
    std::fprintf(stderr, "tonus tail: %s\n", text.c_str());
  }

  const Globals& globals_;
  Options options_;
  const bool color_;
  std::uint64_t printed_ = 0;
  std::int64_t duration_ns_ = 0;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

void AddTail(CLI::App& app, Program& program) {
  CLI::App* tail = app.add_subcommand(
      "tail", "prints records as they are written: alerts unless told otherwise");
  auto options = std::make_shared<Options>();
  tail->add_option("PREFIX", options->prefixes,
                   "topic prefixes, such as alert.icu. or vitals.icu.p1. ; default: alert.");
  tail->add_option("--count", options->count, "end after so many records");
  tail->add_option("--for", options->duration, "end after this time, such as 30s")
      ->type_name("TIME");
  tail->add_option("--since", options->since, "begin at this recorded time, RFC 3339")
      ->type_name("TIME");
  tail->add_flag("--full", options->full, "evidence, what is missing, other explanations, work-up");
  tail->add_flag("--no-snapshot", options->no_snapshot, "without the alerts that are open already");
  tail->callback([&program, options] {
    program.run = [&program, options] { return Tail(program.globals, *options).Run(); };
  });
}

}  // namespace tonus::cli
