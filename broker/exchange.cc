#include "broker/exchange.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace tonus {
namespace {

/// How long a stop from a signal handler, which cannot notify a condition, may go unseen.
constexpr std::chrono::milliseconds kLongestWait{100};

void Raise(int descriptor) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(descriptor, &one, sizeof one);
}

void TakeLane(std::deque<std::unique_ptr<Job>>& lane, std::uint64_t max_bytes, std::uint64_t& bytes,
              std::vector<std::unique_ptr<Job>>& jobs) {
  while (!lane.empty() && bytes < max_bytes) {
    bytes += lane.front()->bytes;
    jobs.push_back(std::move(lane.front()));
    lane.pop_front();
  }
}

}  // namespace

Exchange::Exchange()
    : front_descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      stop_descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Exchange::~Exchange() {
  close(front_descriptor_);
  close(stop_descriptor_);
}

void Exchange::Put(std::unique_ptr<Job> job) {
  queued_bytes_.fetch_add(job->bytes, std::memory_order_relaxed);
  bool was_empty = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    was_empty = core_jobs_.empty() && input_jobs_.empty();
    (job->core ? core_jobs_ : input_jobs_).push_back(std::move(job));
  }
  if (was_empty) jobs_there_.notify_one();
}

std::vector<Outcome> Exchange::TakeOutcomes() {
  std::uint64_t ignored = 0;
  [[maybe_unused]] const ssize_t size = read(front_descriptor_, &ignored, sizeof ignored);
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(outcomes_, {});
}

void Exchange::TakeJobs(std::chrono::steady_clock::time_point deadline, std::uint64_t max_bytes,
                        std::vector<std::unique_ptr<Job>>& jobs) {
  jobs.clear();
  std::unique_lock<std::mutex> lock(mutex_);
  while (core_jobs_.empty() && input_jobs_.empty() && !Stopped()) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) return;
    jobs_there_.wait_until(lock, std::min(deadline, now + kLongestWait));
  }
  std::uint64_t bytes = 0;
  TakeLane(core_jobs_, max_bytes, bytes, jobs);
  TakeLane(input_jobs_, max_bytes, bytes, jobs);
  queued_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

void Exchange::PutOutcome(Outcome outcome) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    outcomes_.push_back(std::move(outcome));
  }
  WakeFront();
}

void Exchange::WakeFront() const { Raise(front_descriptor_); }

void Exchange::Stop() {
  stopped_.store(true, std::memory_order_release);
  Raise(front_descriptor_);
  Raise(stop_descriptor_);
}

void Exchange::Fail(const Error& error) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!failure_) failure_ = error;
  }
  Stop();
}

std::optional<Error> Exchange::Failure() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return failure_;
}

}  // namespace tonus
