#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tonus::sqlite {

/// A prepared statement. Owned by value beside its Database, which must outlive it; one thread.
/// Blobs are bound without a copy: they must live until the statement is reset.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  void Bind(int index, std::int64_t value);
  void Bind(int index, std::uint64_t value) { Bind(index, static_cast<std::int64_t>(value)); }
  void BindBlob(int index, std::string_view bytes);

  /// Moves to the next row: true; false at the end.
  Result<bool> Step();
  /// For statements without rows: runs it and makes it ready for the next time.
  Result<void> Run();
  /// Makes it ready for the next Bind; ends its read transaction.
  void Reset();

  std::int64_t Int(int column) const;
  std::uint64_t Unsigned(int column) const { return static_cast<std::uint64_t>(Int(column)); }
  /// Valid until the next Step or Reset.
  std::string_view Blob(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// Resets a statement at the end of a scope, so that no read transaction stays open.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(Statement& statement) : statement_(statement) {}
  ~ResetAtEnd() { statement_.Reset(); }
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;

 private:
  Statement& statement_;
};

enum class OpenMode { kCreate, kWrite, kRead, kReadImmutable };

/// A connection, one thread at a time.
class Database {
 public:
  static Result<Database> Open(const std::string& path, OpenMode mode);

  Result<void> Run(const char* sql);
  Result<Statement> Prepare(std::string_view sql);
  sqlite3* Handle() const { return handle_.get(); }
  const std::string& Path() const { return path_; }

  /// Fails with kCorrupt where the file is shorter than its own header says and no write-ahead
  /// file can hold the rest. Looks through SQLite's own descriptor: closing another one on the
  /// same file would drop the process's locks.
  Result<void> CheckLength() const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  std::unique_ptr<sqlite3, Close> handle_;
  std::string path_;
};

/// The Error of a connection's last failure, or of `code` where that is not 0.
Error ErrorOf(sqlite3* handle, int code = 0);

}  // namespace tonus::sqlite
