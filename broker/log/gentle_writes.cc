#include "broker/log/gentle_writes.h"

#include <sqlite3.h>

#include <array>
#include <chrono>
#include <utility>

namespace tonus {
namespace {

/// What a commit waits for at worst; about a millisecond of a middling disk.
constexpr sqlite3_int64 kPieceBytes = 512LL * 1024;
constexpr sqlite3_int64 kFreedBytes = 1LL * 1024 * 1024;
/// Rest after a sync, as a multiple of what it took: most of the disk is left to the commits.
constexpr int kRest = 3;

/// One file whose methods are replaced. SQLite hands a method nothing but the file.
struct Stand {
  sqlite3_file* file = nullptr;
  const sqlite3_io_methods* methods = nullptr;  ///< As they were.
  sqlite3_io_methods replaced = {};
  sqlite3_int64 unsynced = 0;
};
struct Stands {
  Stand main, write_ahead;
  GentleWrites::Rest rest;
  bool hurry = false;
};
thread_local Stands stands;

int SyncAndRest(const Stand& stand) {
  const auto begin = std::chrono::steady_clock::now();
  const int synced = stand.methods->xSync(stand.file, SQLITE_SYNC_NORMAL);
  stands.hurry = !stands.rest(kRest * (std::chrono::steady_clock::now() - begin));
  return synced;
}

int WriteMain(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  Stand& stand = stands.main;
  const int written = stand.methods->xWrite(file, bytes, size, at);
  stand.unsynced += size;
  if (written != SQLITE_OK || stand.unsynced < kPieceBytes || stands.hurry) return written;
  stand.unsynced = 0;
  return SyncAndRest(stand);
}

/// Giving blocks back is work too, above all where the file system discards them on the device. The
/// header goes first: what a kill leaves of the file would otherwise be taken for a write-ahead log
/// of older pages, and read in place of the newer ones that the checkpoint has written.
int TruncateWriteAhead(sqlite3_file* file, sqlite3_int64 size) {
  const Stand& stand = stands.write_ahead;
  constexpr std::array<char, 32> kNoHeader = {};
  sqlite3_int64 now = 0;
  int code = stand.methods->xFileSize(file, &now);
  if (code == SQLITE_OK && now - kFreedBytes > size) {
    code = stand.methods->xWrite(file, kNoHeader.data(), static_cast<int>(kNoHeader.size()), 0);
    if (code == SQLITE_OK) code = stand.methods->xSync(file, SQLITE_SYNC_NORMAL);
  }
  while (code == SQLITE_OK && now - kFreedBytes > size && !stands.hurry) {
    now -= kFreedBytes;
    code = stand.methods->xTruncate(file, now);
    if (code == SQLITE_OK) code = SyncAndRest(stand);
  }
  return code == SQLITE_OK ? stand.methods->xTruncate(file, size) : code;
}

bool Take(const sqlite::Database& database, int which, Stand* stand) {
  *stand = Stand();
  sqlite3_file_control(database.Handle(), "main", which, static_cast<void*>(&stand->file));
  if (stand->file == nullptr || stand->file->pMethods == nullptr) return false;
  stand->methods = stand->file->pMethods;
  stand->replaced = *stand->methods;
  return true;
}

}  // namespace

GentleWrites::GentleWrites(sqlite::Database& database, Rest rest) : database_(database) {
  stands.rest = std::move(rest);
  stands.hurry = false;
  if (Take(database, SQLITE_FCNTL_FILE_POINTER, &stands.main)) {
    stands.main.replaced.xWrite = WriteMain;
    stands.main.file->pMethods = &stands.main.replaced;
  }
  if (Take(database, SQLITE_FCNTL_JOURNAL_POINTER, &stands.write_ahead)) {
    stands.write_ahead.replaced.xTruncate = TruncateWriteAhead;
    stands.write_ahead.file->pMethods = &stands.write_ahead.replaced;
  }
}

GentleWrites::~GentleWrites() {
  for (const Stand* stand : {&stands.main, &stands.write_ahead}) {
    if (stand->file != nullptr && stand->methods != nullptr) stand->file->pMethods = stand->methods;
  }
  stands.rest = nullptr;
}

}  // namespace tonus
