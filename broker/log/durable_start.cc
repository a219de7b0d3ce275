#include "broker/log/durable_start.h"

#include <sqlite3.h>

#include <algorithm>
#include <string>
#include <vector>

namespace tonus {
namespace {

/// SQLite writes less than 128 KiB at once.
constexpr sqlite3_int64 kPieceBytes = 1 << 16;
constexpr sqlite3_int64 kHeadBytes = 4096;

/// Writes the first `bytes` of a file again as they are, and syncs it.
int WriteAgain(sqlite3_file* file, sqlite3_int64 bytes) {
  std::vector<char> piece(static_cast<std::size_t>(std::min(bytes, kPieceBytes)));
  for (sqlite3_int64 at = 0; at < bytes; at += kPieceBytes) {
    const int size = static_cast<int>(std::min(kPieceBytes, bytes - at));
    int code = file->pMethods->xRead(file, piece.data(), size, at);
    if (code == SQLITE_OK) code = file->pMethods->xWrite(file, piece.data(), size, at);
    if (code != SQLITE_OK) return code;
  }
  return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}

}  // namespace

Result<void> MakeFoundDurable(sqlite::Database& database) {
  // The write-ahead file is open only once somebody has read.
  const Result<void> looked = database.Run("SELECT count(*) FROM sqlite_master");
  if (!looked) return looked;
  const struct {
    int operation;
    sqlite3_int64 most_bytes;
  } files[] = {{SQLITE_FCNTL_JOURNAL_POINTER, INT64_MAX}, {SQLITE_FCNTL_FILE_POINTER, kHeadBytes}};
  for (const auto& [operation, most_bytes] : files) {
    sqlite3_file* file = nullptr;
    sqlite3_file_control(database.Handle(), "main", operation, &file);
    if (file == nullptr || file->pMethods == nullptr) continue;
    sqlite3_int64 size = 0;
    int code = file->pMethods->xFileSize(file, &size);
    if (code == SQLITE_OK && size > 0) code = WriteAgain(file, std::min(size, most_bytes));
    if (code != SQLITE_OK) return tl::unexpected<Error>(sqlite::ErrorOf(database.Handle(), code));
  }
  return {};
}

}  // namespace tonus
