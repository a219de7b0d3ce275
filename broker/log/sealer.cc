#include "broker/log/sealer.h"

#include <pthread.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
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

/// The database goes first: what is left after a kill in between belongs to no segment.
Result<void> RemoveOne(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Fail(ErrorCode::kIo, std::string("cannot be removed: ") + std::strerror(errno), path,
                "give this user the right to remove files from the log's folder");
  }
  for (const char* suffix : {"-wal", "-shm"}) unlink((path + suffix).c_str());
  return {};
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
  Start();
}

void Sealer::Remove(std::string path) {
  if (at_once_) {
    const Result<void> removed = RemoveOne(path);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!removed && !not_removed_) not_removed_ = removed.error();
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    unwanted_.push_back(std::move(path));
  }
  Start();
}

void Sealer::Start() {
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

std::optional<Error> Sealer::RemovalFailure() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return not_removed_;
}

Result<void> Sealer::SealOne(sqlite::Database& database) {
  // The write-ahead file has no content before somebody has looked at it.
  const Result<void> looked = database.Run("SELECT count(*) FROM meta");
  if (!looked) return looked;
  std::optional<GentleWrites> gently;
  if (gently_) {
    gently.emplace(database, [this](std::chrono::nanoseconds time) { return Rest(time); });
  }
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

bool Sealer::Rest(std::chrono::nanoseconds time) {
  std::unique_lock<std::mutex> lock(mutex_);
  return !there_.wait_for(lock, time, [this] { return stop_; });
}

void Sealer::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    there_.wait(lock, [this] { return stop_ || !waiting_.empty() || !unwanted_.empty(); });
    if (waiting_.empty() && unwanted_.empty()) return;
    if (waiting_.empty()) {
      const std::string path = std::move(unwanted_.front());
      unwanted_.pop_front();
      lock.unlock();
      const Result<void> removed = RemoveOne(path);
      lock.lock();
      if (!removed && !not_removed_) not_removed_ = removed.error();
    } else {
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
