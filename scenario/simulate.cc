#include "scenario/simulate.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "base/text.h"
#include "client/follower.h"
#include "client/publisher.h"
#include "scenario/command.h"
#include "scenario/events.h"
#include "scenario/reader.h"
#include "scenario/ward.h"
#include "tonus/v1/system.pb.h"

namespace tonus::scenario {
namespace {

using Clock = std::chrono::steady_clock;

constexpr LogTimeNs kDefaultStartNs = 1'709'280'000LL * kSecondNs;  // 2024-03-01T08:00:00Z
constexpr std::int64_t kAnswerMs = 5000;
constexpr std::int64_t kPollMs = 20;
/// Log time that is made in one go. Bounds memory after a long pause and at high speeds.
constexpr std::int64_t kMostAtOnceNs = kHourNs;

/// Where records come from: a ward, or the scenarios of some files, merged.
class Source {
 public:
  virtual ~Source() = default;
  virtual void SeekAfter(LogTimeNs recorded_ns) = 0;
  virtual void Take(LogTimeNs until_ns, std::vector<TimedRecord>* out) = 0;
};

class WardSource : public Source {
 public:
  explicit WardSource(const WardOptions& options) : ward_(options) {}
  void SeekAfter(LogTimeNs recorded_ns) override { ward_.SeekAfter(recorded_ns); }
  void Take(LogTimeNs until_ns, std::vector<TimedRecord>* out) override {
    ward_.Take(until_ns, out);
  }

 private:
  Ward ward_;
};

class FileSource : public Source {
 public:
  explicit FileSource(std::vector<TimedRecord> records) : records_(std::move(records)) {}
  void SeekAfter(LogTimeNs recorded_ns) override {
    while (next_ < records_.size() && records_[next_].recorded_ns <= recorded_ns) ++next_;
  }
  void Take(LogTimeNs until_ns, std::vector<TimedRecord>* out) override {
    while (next_ < records_.size() && records_[next_].recorded_ns <= until_ns) {
      out->push_back(std::move(records_[next_++]));
    }
  }

 private:
  std::vector<TimedRecord> records_;
  std::size_t next_ = 0;
};

Result<std::unique_ptr<Source>> ReadFiles(const SimulateOptions& options, LogTimeNs start_ns) {
  core::EngineOptions engine_options;
  engine_options.signals_path = options.signals_path;
  engine_options.drugs_path = options.drugs_path;
  engine_options.plugins = options.plugins;
  const auto engine = core::Engine::Create(engine_options);
  if (!engine) return tl::unexpected<Error>(engine.error());
  const Vocabulary names = NamesOf(**engine);
  std::vector<TimedRecord> all;
  for (const std::string& file : options.scenario_files) {
    ReadOutcome outcome = ReadScenarioFile(file, names);
    if (!outcome.errors.empty()) return tl::unexpected<Error>(outcome.errors.front());
    outcome.scenario.start_ns = start_ns;
    auto records = BuildRecords(outcome.scenario);
    if (!records) return tl::unexpected<Error>(records.error());
    for (TimedRecord& record : *records) {
      if (record.topic != "tick.") all.push_back(std::move(record));
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const TimedRecord& a, const TimedRecord& b) {
    return a.recorded_ns < b.recorded_ns;
  });
  return std::make_unique<FileSource>(std::move(all));
}

/// One simulation. Lives for one call of Simulate.
class Simulation {
 public:
  Simulation(const SimulateOptions& options, const std::atomic<bool>& stop,
             const std::function<void(const SimulateProgress&)>& progress)
      : options_(options), stop_(stop), progress_(progress) {}

  Result<SimulateProgress> Run() {
    if (const auto opened = Open(); !opened) return tl::unexpected<Error>(opened.error());
    const Clock::time_point began = Clock::now();
    Clock::time_point next_tick = began;
    while (!stop_.load()) {
      const double elapsed_s = std::chrono::duration<double>(Clock::now() - began).count();
      const auto wanted_ns = base_ns_ + static_cast<std::int64_t>(elapsed_s * options_.speed * 1e9);
      const LogTimeNs target_ns = std::min({wanted_ns, end_ns_, done_.log_ns + kMostAtOnceNs});
      if (const auto moved = MoveTo(target_ns); !moved) return tl::unexpected<Error>(moved.error());
      if (Clock::now() >= next_tick || target_ns == end_ns_) {
        next_tick = Clock::now() + std::chrono::seconds(1);
        if (const auto ticked = Tick(target_ns); !ticked)
          return tl::unexpected<Error>(ticked.error());
        if (progress_) progress_(done_);
      }
      if (target_ns == end_ns_) break;
      const auto polled = publisher_->Poll(target_ns == wanted_ns ? kPollMs : 0);
      if (!polled) return tl::unexpected<Error>(polled.error());
      CountRefused();
    }
    const auto flushed = publisher_->Flush(stop_.load() ? kAnswerMs / 2 : kAnswerMs);
    CountRefused();
    if (!flushed) return tl::unexpected<Error>(flushed.error());
    return done_;
  }

 private:
  Result<void> Open() {
    if (!(options_.speed > 0) || options_.speed > 1e6) {
      return Fail(ErrorCode::kUsage, "the speed must be above 0 and at most 1000000", "--speed");
    }
    const auto log = AskLog(options_.replay_endpoint, kAnswerMs);
    if (!log) return tl::unexpected<Error>(log.error());
    if (!log->given_clock) {
      return Fail(ErrorCode::kRefused, "the broker's log has a wall clock",
                  options_.replay_endpoint,
                  "simulated data is kept apart from live data: run the broker with --given");
    }
    const LogTimeNs start_ns = options_.start_ns != 0 ? options_.start_ns : kDefaultStartNs;
    if (options_.scenario_files.empty()) {
      source_ =
          std::make_unique<WardSource>(WardOptions{options_.patients, options_.seed, start_ns});
    } else {
      auto files = ReadFiles(options_, start_ns);
      if (!files) return tl::unexpected<Error>(files.error());
      source_ = std::move(*files);
    }
    base_ns_ = start_ns;
    if (log->last_offset > 0) {
      source_->SeekAfter(log->last_recorded_ns);
      base_ns_ = std::max(base_ns_, log->last_recorded_ns);
      done_.resumed = true;
    }
    done_.log_ns = base_ns_;
    if (options_.for_ns > 0) end_ns_ = base_ns_ + options_.for_ns;
    PublisherOptions publisher;
    publisher.endpoint = options_.ingest_endpoint;
    publisher.producer = options_.producer;
    auto opened = Publisher::Open(publisher);
    if (!opened) return tl::unexpected<Error>(opened.error());
    publisher_ = std::move(*opened);
    return {};
  }

  Result<void> MoveTo(LogTimeNs target_ns) {
    batch_.clear();
    source_->Take(target_ns, &batch_);
    for (const TimedRecord& record : batch_) {
      if (const auto sent = Send(record.topic, record.payload, record.recorded_ns); !sent) {
        return sent;
      }
    }
    done_.log_ns = target_ns;
    return {};
  }

  Result<void> Tick(LogTimeNs at_ns) {
    v1::Tick tick;
    tick.set_number(publisher_->NextSequence());
    return Send("tick.", tick.SerializeAsString(), at_ns);
  }

  /// Waits for the broker where it is away or short of disk, until stopped.
  Result<void> Send(std::string_view topic, std::string_view payload, LogTimeNs recorded_ns) {
    PublishRecord record;
    record.topic = topic;
    record.payload = payload;
    record.recorded_ns = recorded_ns;
    while (true) {
      const auto sent = publisher_->Publish(record);
      if (sent) {
        ++done_.records;
        return {};
      }
      const bool passes =
          sent.error().code == ErrorCode::kTimeout || sent.error().code == ErrorCode::kNoSpace;
      if (!passes || stop_.load()) return tl::unexpected<Error>(sent.error());
    }
  }

  void CountRefused() {
    for (const RefusedPublish& refused : publisher_->TakeRefused()) {
      ++done_.refused;
      done_.refusal = refused.code + ": " + refused.sentence;
    }
  }

  const SimulateOptions& options_;
  const std::atomic<bool>& stop_;
  const std::function<void(const SimulateProgress&)>& progress_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Publisher> publisher_;
  LogTimeNs base_ns_ = 0;
  LogTimeNs end_ns_ = INT64_MAX;
  SimulateProgress done_;
  std::vector<TimedRecord> batch_;
};

}  // namespace

Result<SimulateProgress> Simulate(const SimulateOptions& options, const std::atomic<bool>& stop,
                                  const std::function<void(const SimulateProgress&)>& progress) {
  return Simulation(options, stop, progress).Run();
}

}  // namespace tonus::scenario
