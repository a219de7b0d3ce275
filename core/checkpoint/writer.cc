#include "core/checkpoint/writer.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace tonus::core {

struct CheckpointWriter::Impl {
  struct Job {
    enum class Kind { kStage, kFinish, kDiscard } kind = Kind::kStage;
    std::uint64_t cut = 0, offset = 0;
    std::vector<PatientBlob> blobs;
    std::string meta;
    std::size_t bytes = 0;
  };

  std::unique_ptr<CheckpointStore> store;  ///< The thread's alone.
  mutable std::mutex mutex;                ///< Guards everything below.
  std::condition_variable something;
  std::deque<Job> jobs;
  std::size_t waiting = 0;
  std::uint64_t finished = 0;
  std::optional<Error> setback, failure;
  bool stop = false;
  std::uint64_t lost = 0;  ///< The cut that ran out of disk space: nothing more of it is written.
  bool tidy = true;
  bool at_once = false;  ///< There is no thread.
  std::thread thread;

  void Push(Job job) {
    for (const PatientBlob& blob : job.blobs) job.bytes += blob.bytes.size();
    {
      const std::lock_guard lock(mutex);
      waiting += job.bytes;
      jobs.push_back(std::move(job));
    }
    something.notify_one();
    if (at_once) Main();
  }

  Result<void> Do(const Job& job) {
    switch (job.kind) {
      case Job::Kind::kStage:
        return store->Stage(job.cut, job.offset, job.blobs);
      case Job::Kind::kFinish:
        return store->Finish(job.cut, job.meta);
      default:
        return store->Discard(job.cut);
    }
  }

  void Note(const Job& job, const Result<void>& good) {
    const std::lock_guard lock(mutex);
    waiting -= job.bytes;
    if (good && job.kind == Job::Kind::kFinish && job.cut != lost) finished = job.cut;
    if (good) return;
    if (good.error().code == ErrorCode::kNoSpace) {
      setback = good.error();
      lost = job.cut;
    } else {
      failure = good.error();
    }
  }

  void Main() {
    std::unique_lock lock(mutex);
    while (!failure) {
      if (jobs.empty() && !tidy && at_once) return;
      if (jobs.empty() && !stop && !tidy)
        something.wait(lock, [&] { return stop || !jobs.empty(); });
      if (stop) return;
      if (jobs.empty()) {
        lock.unlock();
        const auto more = store->Tidy();
        lock.lock();
        // Without room for it the rest stays until the next time.
        tidy = more && *more;
        if (!more && more.error().code != ErrorCode::kNoSpace) failure = more.error();
        continue;
      }
      const Job job = std::move(jobs.front());
      jobs.pop_front();
      const bool given_up = job.cut == lost && job.kind != Job::Kind::kDiscard;
      lock.unlock();
      const Result<void> good = given_up ? Result<void>() : Do(job);
      Note(job, good);
      lock.lock();
      tidy = tidy || job.kind == Job::Kind::kFinish;
    }
  }
};

CheckpointWriter::CheckpointWriter(std::unique_ptr<CheckpointStore> store, bool at_once)
    : impl_(std::make_unique<Impl>()) {
  impl_->store = std::move(store);
  impl_->at_once = at_once;
  if (at_once) return;
  impl_->thread = std::thread([impl = impl_.get()] { impl->Main(); });
}

CheckpointWriter::~CheckpointWriter() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->something.notify_one();
  if (impl_->thread.joinable()) impl_->thread.join();
}

void CheckpointWriter::Stage(std::uint64_t cut, std::uint64_t offset,
                             std::vector<PatientBlob> blobs) {
  impl_->Push({Impl::Job::Kind::kStage, cut, offset, std::move(blobs), {}, 0});
}

void CheckpointWriter::Finish(std::uint64_t cut, std::string meta) {
  impl_->Push({Impl::Job::Kind::kFinish, cut, 0, {}, std::move(meta), 0});
}

void CheckpointWriter::Discard(std::uint64_t cut) {
  impl_->Push({Impl::Job::Kind::kDiscard, cut, 0, {}, {}, 0});
}

std::size_t CheckpointWriter::Waiting() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->waiting;
}

std::uint64_t CheckpointWriter::Finished() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->finished;
}

std::optional<Error> CheckpointWriter::TakeSetback() {
  const std::lock_guard lock(impl_->mutex);
  return std::exchange(impl_->setback, std::nullopt);
}

std::optional<Error> CheckpointWriter::Failure() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->failure;
}

}  // namespace tonus::core
