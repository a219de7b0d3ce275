#include "scenario/import/publish_command.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/topic.h"
#include "client/publisher.h"
#include "scenario/import/progress_bar.h"
#include "scenario/import/record_source.h"
#include "scenario/import/shift_times.h"

namespace tonus::importing {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::int64_t kOldNs = kHourNs;   // A record this old is a recording, not news.
constexpr std::int64_t kWaitStepMs = 200;  // Between looks at the stop signal.
constexpr int kPatienceS = 60;             // How long a broker may not answer.
// A larger record is never sent and takes no sequence, whatever the broker allows, so that a second
// run numbers the rest alike. The broker's default limit.
constexpr std::size_t kMaxPayloadBytes = 1U << 20U;
constexpr std::size_t kMaxProducerBytes = 64;

volatile std::sig_atomic_t stop_requested = 0;

void OnStop(int) { stop_requested = 1; }

// Catches SIGINT and SIGTERM while it lives.
class StopSignals {
 public:
  StopSignals() {
    stop_requested = 0;
    struct sigaction action {};
    action.sa_handler = OnStop;
    sigaction(SIGINT, &action, &old_int_);
    sigaction(SIGTERM, &action, &old_term_);
  }
  ~StopSignals() {
    sigaction(SIGINT, &old_int_, nullptr);
    sigaction(SIGTERM, &old_term_, nullptr);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  struct sigaction old_int_ {};
  struct sigaction old_term_ {};
};

std::int64_t WallNowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string ProducerName(const PublishOptions& options) {
  if (!options.producer.empty()) return options.producer;
  // Standard input is another one each time, so each run needs a name of its own.
  if (options.from == "-") return "publish-stdin-" + std::to_string(WallNowNs() / kSecondNs);
  std::filesystem::path path = std::filesystem::absolute(options.from).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::string name = "publish-" + path.filename().string();
  for (char& c : name) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!allowed) c = '_';
  }
  name.resize(std::min(name.size(), kMaxProducerBytes));
  return name;
}

struct Outcome {
  std::string producer;
  std::uint64_t read = 0;
  std::uint64_t there = 0;     // The broker had them before.
  std::uint64_t no_input = 0;  // Alerts, ticks and the like of a log: not published.
  std::uint64_t sent = 0;
  std::uint64_t acked = 0;
  std::map<std::string, std::uint64_t> refused;
  std::map<std::string, std::string> refused_example;
  bool stopped = false;
  double seconds = 0;
};

class Publishing {
 public:
  Publishing(const PublishOptions* options, RecordSource* source, Publisher* publisher,
             Outcome* outcome)
      : options_(options), source_(source), publisher_(publisher), outcome_(outcome) {}

  Result<void> Run() {
    const Offset skip = publisher_->ResumedAfter();
    ProgressBar bar("publishing", "records", source_->Total());
    std::vector<Record> records;
    while (stop_requested == 0) {
      records.clear();
      const auto more = source_->Next(&records);
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      for (const Record& record : records) {
        bar.Set(++outcome_->read);
        if (!IsInput(record)) {
          ++outcome_->no_input;
        } else if (record.payload.size() > kMaxPayloadBytes) {
          RefuseHere(record);
        } else if (++position_ <= skip) {
          ++outcome_->there;
        } else if (auto sent = Send(record); !sent) {
          return sent;
        }
        if (stop_requested != 0) break;
      }
    }
    outcome_->stopped = stop_requested != 0;
    return Patiently([&] { return publisher_->Flush(1000); });
  }

  void TakeRefused() {
    for (RefusedPublish& refused : publisher_->TakeRefused()) {
      if (outcome_->refused[refused.code]++ == 0) {
        outcome_->refused_example[refused.code] = refused.sentence;
      }
    }
  }

 private:
  static bool IsInput(const Record& record) {
    const auto parts = ParseTopic(record.topic);
    return parts && IsInputKind(parts->kind);
  }

  void RefuseHere(const Record& record) {
    if (outcome_->refused["too_large"]++ == 0) {
      outcome_->refused_example["too_large"] = record.topic + " has " +
                                               std::to_string(record.payload.size()) +
                                               " bytes; it was not sent";
    }
  }

  Result<void> Send(const Record& record) {
    if (!begun_) {
      if (auto ready = Begin(record); !ready) return ready;
    }
    if (auto waited = WaitFor(record.recorded_ns); !waited) return waited;
    if (stop_requested != 0) return {};
    std::string payload;
    PublishRecord out{.topic = record.topic,
                      .payload = record.payload,
                      .recorded_ns = record.recorded_ns + shift_ns_};
    if (shift_ns_ != 0) {
      payload = ShiftTimes(record.payload, shift_ns_);
      out.payload = payload;
    }
    auto sent = Patiently([&]() -> Result<void> {
      const auto sequence = publisher_->Publish(out);
      if (!sequence) return tl::unexpected(sequence.error());
      return {};
    });
    if (sent) ++outcome_->sent;
    TakeRefused();
    return sent;
  }

  Result<void> Begin(const Record& first) {
    begun_ = true;
    begun_at_ = Steady::now();
    first_ns_ = first.recorded_ns;
    if (options_->shift_to_now) {
      LogTimeNs anchor_ns = first_ns_;
      if (options_->speed <= 0) {
        const auto newest = source_->NewestNs();
        if (!newest) return tl::unexpected(newest.error());
        anchor_ns = *newest;
      }
      shift_ns_ = WallNowNs() - anchor_ns;
      return {};
    }
    if (!publisher_->GivenClock() && WallNowNs() - first_ns_ > kOldNs) {
      return Fail(ErrorCode::kRefused,
                  "the recording begins at " + FormatTime(first_ns_) +
                      " and this broker's log has a wall clock: it takes what happens now",
                  options_->from,
                  "move the recording to now with --shift-to-now, or publish to a broker whose log "
                  "has a given clock");
    }
    return {};
  }

  // At a speed: until the record is due.
  Result<void> WaitFor(LogTimeNs recorded_ns) {
    if (options_->speed <= 0) return {};
    const double due_s = static_cast<double>(recorded_ns - first_ns_) / 1e9 / options_->speed;
    while (stop_requested == 0) {
      const double now_s = std::chrono::duration<double>(Steady::now() - begun_at_).count();
      if (now_s >= due_s) return {};
      const auto left_ms = static_cast<std::int64_t>((due_s - now_s) * 1000) + 1;
      if (auto polled = publisher_->Poll(std::min(left_ms, kWaitStepMs)); !polled) return polled;
    }
    return {};
  }

  // A broker that is restarted, or has no disk for the moment, is waited for.
  template <class Call>
  Result<void> Patiently(const Call& call) {
    const auto give_up = Steady::now() + std::chrono::seconds(kPatienceS);
    while (true) {
      Result<void> done = call();
      const bool again = !done && (done.error().code == ErrorCode::kTimeout ||
                                   done.error().code == ErrorCode::kNoSpace);
      if (!again || Steady::now() >= give_up || stop_requested != 0) {
        if (again) {
          Error error = done.error();
          error.hint = "run the same command again: it goes on after the last acknowledged record";
          return tl::unexpected(error);
        }
        return done;
      }
    }
  }

  const PublishOptions* options_;
  RecordSource* source_;
  Publisher* publisher_;
  Outcome* outcome_;
  Offset position_ = 0;
  bool begun_ = false;
  Steady::time_point begun_at_;
  LogTimeNs first_ns_ = 0;
  std::int64_t shift_ns_ = 0;
};

std::uint64_t RefusedCount(const Outcome& outcome) {
  std::uint64_t sum = 0;
  for (const auto& [code, count] : outcome.refused) sum += count;
  return sum;
}

void PrintTable(const Outcome& outcome, const RecordSource& source) {
  const auto print = [](const std::string& name, std::uint64_t count) {
    std::printf("%-44s %12llu\n", name.c_str(), static_cast<unsigned long long>(count));
  };
  std::printf("%-44s %12s\n", "producer", outcome.producer.c_str());
  print("records read", outcome.read);
  print("lines that are no event", source.ProblemCount());
  print("no input (alerts, ticks and the like)", outcome.no_input);
  print("at the broker before", outcome.there);
  print("published", outcome.sent);
  print("acknowledged (on the broker's disk)", outcome.acked);
  for (const auto& [code, count] : outcome.refused) {
    print("refused: " + code, count);
    std::printf("    such as: %s\n", outcome.refused_example.at(code).c_str());
  }
  const double rate = outcome.seconds > 0 ? static_cast<double>(outcome.sent) / outcome.seconds : 0;
  std::printf("%-44s %12s\n", "records/s", FormatRounded(rate, 0).c_str());
  if (outcome.stopped) std::printf("stopped early; the same command goes on from here\n");
  for (const std::string& problem : source.Problems()) {
    std::fprintf(stderr, "%s\n", problem.c_str());
  }
}

void PrintJson(const Outcome& outcome, const RecordSource& source) {
  const nlohmann::ordered_json json = {{"producer", outcome.producer},
                                       {"read", outcome.read},
                                       {"not_an_event", source.ProblemCount()},
                                       {"no_input", outcome.no_input},
                                       {"there_before", outcome.there},
                                       {"published", outcome.sent},
                                       {"acknowledged", outcome.acked},
                                       {"refused", outcome.refused},
                                       {"stopped", outcome.stopped},
                                       {"seconds", outcome.seconds}};
  std::printf("%s\n", json.dump(2).c_str());
}

Result<void> CheckOptions(const PublishOptions& options) {
  if (options.from.empty()) {
    return Fail(ErrorCode::kUsage, "nothing to publish", {}, "name a log folder, a file or -");
  }
  if (!(options.speed >= 0)) {
    return Fail(ErrorCode::kUsage, "a speed is 0 (as fast as possible) or more");
  }
  if (options.from == "-" && options.shift_to_now && options.speed <= 0) {
    return Fail(ErrorCode::kUsage,
                "--shift-to-now needs the newest record, and the end of "
                "standard input is not known",
                {}, "add --speed, or write it to a file first");
  }
  return {};
}

}  // namespace

Result<int> RunPublishCommand(const PublishOptions& options) {
  if (auto good = CheckOptions(options); !good) return tl::unexpected(good.error());
  auto source = RecordSource::Open(options.from);
  if (!source) return tl::unexpected(source.error());
  Outcome outcome;
  outcome.producer = ProducerName(options);
  const StopSignals signals;
  PublisherOptions publisher_options;
  publisher_options.endpoint = options.endpoint;
  publisher_options.producer = outcome.producer;
  auto publisher = Publisher::Open(publisher_options);
  if (!publisher) return tl::unexpected(publisher.error());
  const auto begun = Steady::now();
  Publishing publishing(&options, source->get(), publisher->get(), &outcome);
  auto published = publishing.Run();
  publishing.TakeRefused();
  outcome.seconds = std::chrono::duration<double>(Steady::now() - begun).count();
  const std::uint64_t resumed = (*publisher)->ResumedAfter();
  outcome.acked = std::max((*publisher)->AckedSequence(), resumed) - resumed;
  if (!published) return tl::unexpected(published.error());
  if (options.json) {
    PrintJson(outcome, **source);
  } else {
    PrintTable(outcome, **source);
  }
  std::fflush(stdout);
  const bool whole =
      !outcome.stopped && RefusedCount(outcome) == 0 && (*source)->ProblemCount() == 0;
  return whole ? 0 : 1;
}

}  // namespace tonus::importing
