#include "core/crew.h"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace tonus::core {

struct Crew::Impl {
  std::mutex mutex;
  std::condition_variable begin, done;
  const std::function<void(unsigned)>* work = nullptr;
  std::uint64_t round = 0;
  unsigned busy = 0;
  bool stop = false;
  std::vector<std::thread> threads;

  void Member(unsigned number) {
    std::uint64_t seen = 0;
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      begin.wait(lock, [&] { return stop || round != seen; });
      if (stop) return;
      seen = round;
      const std::function<void(unsigned)>& mine = *work;
      lock.unlock();
      mine(number);
      lock.lock();
      if (--busy == 0) done.notify_one();
    }
  }
};

Crew::Crew(unsigned members) : impl_(std::make_unique<Impl>()) {
  for (unsigned number = 1; number < members; ++number) {
    impl_->threads.emplace_back([this, number] { impl_->Member(number); });
  }
}

Crew::~Crew() {
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->begin.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
}

void Crew::Run(const std::function<void(unsigned)>& work) {
  if (impl_->threads.empty()) {
    work(0);
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->work = &work;
    impl_->busy = static_cast<unsigned>(impl_->threads.size());
    ++impl_->round;
  }
  impl_->begin.notify_all();
  work(0);
  std::unique_lock<std::mutex> lock(impl_->mutex);
  impl_->done.wait(lock, [&] { return impl_->busy == 0; });
}

}  // namespace tonus::core
