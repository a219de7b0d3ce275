#include "broker/log/sealer.h"

#include <pthread.h>
#include <sqlite3.h>

#include <csignal>
#include <utility>

#include "broker/log/gentle_writes.h"

namespace tonus {
namespace {

/// Signals are for the main thread.
void BlockSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

Sealer::~Sealer() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  there_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Sealer::Seal(sqlite::Database database) {
  if (at_once_) {
    const Result<void> sealed = SealOne(database);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!sealed && !failure_) failure_ = sealed.error();
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(std::move(database));
  }
  if (!thread_.joinable()) {
    thread_ = std::thread([this] {
      BlockSignals();
      Run();
    });
  }
  there_.notify_all();
}

std::optional<Error> Sealer::Failure() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return failure_;
}

Result<void> Sealer::SealOne(sqlite::Database& database) {
  // The write-ahead file has no content before somebody has looked at it.
  const Result<void> looked = database.Run("SELECT count(*) FROM meta");
  if (!looked) return looked;
  std::optional<GentleWrites> gently;
  if (gently_) gently.emplace(database, stop_);
  const int code = sqlite3_wal_checkpoint_v2(database.Handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                             nullptr, nullptr);
  gently.reset();
  // Readers may hold on to it; then the next start of the broker seals it.
  if ((code & 0xff) == SQLITE_BUSY) return {};
  if (code != SQLITE_OK) {
    return tl::unexpected<Error>(sqlite::ErrorOf(database.Handle(), code));
  }
  // Without a write-ahead log any reader may open the file as it stands; where a reader has it open
  // now, it stays as it is, which is as safe.
  sqlite3_busy_timeout(database.Handle(), 0);
  static_cast<void>(database.Run("PRAGMA journal_mode=DELETE"));
  return {};
}

void Sealer::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    there_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    {
      sqlite::Database database = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      const Result<void> sealed = SealOne(database);
      lock.lock();
      if (!sealed && !failure_) failure_ = sealed.error();
    }
  }
}

}  // namespace tonus
