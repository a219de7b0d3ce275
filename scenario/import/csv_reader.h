#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace tonus::importing {

/// One row: its fields in order, and the line of the file on which it begins, from 1.
struct CsvRow {
  std::uint64_t line = 0;
  std::vector<std::string> fields;
};

/// Reads a file of separated values row by row, with the quoting of RFC 4180 (libcsv, strict): a
/// quoted field may hold delimiters, doubled quotes and line ends. White space around an unquoted
/// field, empty lines and a byte order mark are dropped. Lines end in LF, CRLF or CR.
///
/// Owned by its caller, used from one thread; holds one row and 64 KiB of the file.
class CsvReader {
 public:
  /// Opens `path`; `-` is standard input. Fails with kUnreachable.
  static Result<CsvReader> Open(const std::string& path, char delimiter);
  ~CsvReader();
  CsvReader(CsvReader&&) noexcept;
  CsvReader& operator=(CsvReader&&) noexcept;

  /// Reads the next row into `row`; false at the end. Fails with kMalformed and file:line where the
  /// file is not text, a quote stands where none may or is never closed, or a row is longer than
  /// 1 MiB; with kIo where reading fails. After a failure the reader is at the end.
  Result<bool> Next(CsvRow* row);

  const std::string& Path() const;

 private:
  struct Impl;
  explicit CsvReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A file whose first row names the columns. Rows with another number of fields are an error of the
/// row, not of the file.
class CsvTable {
 public:
  /// Opens the file and reads its header. Fails as CsvReader, and with kMalformed for an empty file
  /// or a column named twice.
  static Result<CsvTable> Open(const std::string& path, char delimiter);

  /// Position of each column; fails with kMalformed, naming the file and the nearest column there
  /// is, where one is absent.
  Result<std::vector<std::size_t>> Columns(const std::vector<std::string>& names) const;

  const std::vector<std::string>& Header() const { return header_; }
  Result<bool> Next(CsvRow* row) { return reader_.Next(row); }
  const std::string& Path() const { return reader_.Path(); }

  /// Empty where the row has as many fields as the header; otherwise what is wrong.
  std::string WidthProblem(const CsvRow& row) const;

 private:
  CsvTable(CsvReader reader, std::vector<std::string> header);
  CsvReader reader_;
  std::vector<std::string> header_;
};

}  // namespace tonus::importing
