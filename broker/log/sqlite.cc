#include "broker/log/sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tonus::sqlite {
namespace {

ErrorCode CodeOf(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return ErrorCode::kNoSpace;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorrupt;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return ErrorCode::kUnreachable;
    default:
      return ErrorCode::kIo;
  }
}

std::string HintOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNoSpace:
      return "make room on this file system, then start again";
    case ErrorCode::kCorrupt:
      return "the file is damaged or no log of tonus: restore it from a backup, or move it away";
    case ErrorCode::kUnreachable:
      return "check that the file exists and that this user may read and write it and its folder";
    default:
      return "check the disk and its file system";
  }
}

std::uint32_t BigEndian32(const unsigned char* bytes) {
  return (std::uint32_t{bytes[0]} << 24U) | (std::uint32_t{bytes[1]} << 16U) |
         (std::uint32_t{bytes[2]} << 8U) | std::uint32_t{bytes[3]};
}

}  // namespace

Error ErrorOf(sqlite3* handle, int code) {
  const int extended = code != 0 ? code : sqlite3_extended_errcode(handle);
  const ErrorCode kind = CodeOf(extended);
  std::string what = code != 0 ? sqlite3_errstr(code) : sqlite3_errmsg(handle);
  what += " (SQLite " + std::to_string(extended) + ")";
  const int system = handle != nullptr ? sqlite3_system_errno(handle) : 0;
  if (system != 0) what += std::string(", ") + std::strerror(system);
  const char* path = handle != nullptr ? sqlite3_db_filename(handle, "main") : nullptr;
  return Error{kind, std::move(what), path != nullptr ? path : "", HintOf(kind)};
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

void Statement::Bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
}

void Statement::BindBlob(int index, std::string_view bytes) {
  // A null pointer would bind NULL; an empty payload is an empty blob.
  const char* data = bytes.data() != nullptr ? bytes.data() : "";
  sqlite3_bind_blob64(statement_.get(), index, data, bytes.size(), SQLITE_STATIC);
}

Result<bool> Statement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return tl::unexpected<Error>(ErrorOf(sqlite3_db_handle(statement_.get())));
}

Result<void> Statement::Run() {
  const int code = sqlite3_step(statement_.get());
  if (code != SQLITE_DONE && code != SQLITE_ROW) {
    Error error = ErrorOf(sqlite3_db_handle(statement_.get()));
    sqlite3_reset(statement_.get());
    return tl::unexpected<Error>(std::move(error));
  }
  sqlite3_reset(statement_.get());
  return {};
}

void Statement::Reset() { sqlite3_reset(statement_.get()); }

std::int64_t Statement::Int(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::Blob(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close(handle); }

Result<Database> Database::Open(const std::string& path, OpenMode mode) {
  // Counting every allocation would cost a lock each. Takes effect if nobody has used SQLite yet.
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(configured);
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE;
  std::string name = path;
  switch (mode) {
    case OpenMode::kCreate:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
    case OpenMode::kWrite:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case OpenMode::kRead:
      flags |= SQLITE_OPEN_READONLY;
      break;
    case OpenMode::kReadImmutable: {
      flags |= SQLITE_OPEN_READONLY;
      name = "file:";
      for (const char c : path) {
        if (c == '%') {
          name += "%25";
        } else if (c == '?') {
          name += "%3F";
        } else if (c == '#') {
          name += "%23";
        } else {
          name += c;
        }
      }
      name += "?immutable=1";
      break;
    }
  }
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  Database database;
  database.handle_.reset(handle);
  database.path_ = path;
  if (code != SQLITE_OK) {
    Error error = ErrorOf(nullptr, code);
    error.where = path;
    return tl::unexpected<Error>(std::move(error));
  }
  sqlite3_busy_timeout(handle, 5000);
  return database;
}

Result<void> Database::Run(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return tl::unexpected<Error>(ErrorOf(handle_.get()));
  }
  return {};
}

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return tl::unexpected<Error>(ErrorOf(handle_.get()));
  return Statement(statement);
}

Result<void> Database::CheckLength() const {
  struct stat wal = {};
  if (stat((path_ + "-wal").c_str(), &wal) == 0 && wal.st_size > 0) return {};
  sqlite3_file* file = nullptr;
  sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (file == nullptr || file->pMethods == nullptr) return {};
  sqlite3_int64 size = 0;
  std::array<unsigned char, 100> header = {};
  if (file->pMethods->xFileSize(file, &size) != SQLITE_OK) return {};
  if (size == 0) return {};
  if (file->pMethods->xRead(file, header.data(), static_cast<int>(header.size()), 0) != SQLITE_OK) {
    return Fail(ErrorCode::kCorrupt, "is shorter than the header of a log", path_,
                HintOf(ErrorCode::kCorrupt));
  }
  const std::uint32_t page = (std::uint32_t{header[16]} << 8U) | header[17];
  const auto wanted = static_cast<sqlite3_int64>(page == 1 ? 65536 : page) *
                      static_cast<sqlite3_int64>(BigEndian32(&header[28]));
  // The length in the header counts only where the program that wrote last kept it.
  const bool kept = BigEndian32(&header[24]) == BigEndian32(&header[92]);
  if (kept && size < wanted) {
    return Fail(
        ErrorCode::kCorrupt,
        "is cut off: it has " + std::to_string(size) + " bytes of " + std::to_string(wanted), path_,
        HintOf(ErrorCode::kCorrupt));
  }
  return {};
}

}  // namespace tonus::sqlite
