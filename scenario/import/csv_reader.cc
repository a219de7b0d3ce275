#include "scenario/import/csv_reader.h"

#include <csv.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <set>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace tonus::importing {
namespace {

constexpr std::size_t kMaxRowBytes = 1U << 20U;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

}  // namespace

struct CsvReader::Impl {
  std::string path;
  std::unique_ptr<std::FILE, CloseFile> file;
  csv_parser parser{};
  std::array<char, 65536> buffer{};
  std::size_t used = 0;    // Bytes of the buffer that have been parsed.
  std::size_t held = 0;    // Bytes in the buffer.
  std::uint64_t line = 1;  // Line that is being parsed.
  std::uint64_t row_line = 1;
  std::size_t row_bytes = 0;
  bool row_begun = false;
  bool ended = false;
  CsvRow row;
  std::deque<CsvRow> ready;

  ~Impl() { csv_free(&parser); }

  static void OnField(void* data, std::size_t size, void* self) {
    auto* impl = static_cast<Impl*>(self);
    impl->row.fields.emplace_back(static_cast<const char*>(data), size);
  }

  static void OnRow(int, void* self) {
    auto* impl = static_cast<Impl*>(self);
    impl->row.line = impl->row_line;
    impl->ready.push_back(std::exchange(impl->row, {}));
    impl->row_begun = false;
    impl->row_bytes = 0;
  }

  std::string Where(std::uint64_t at) const { return path + ":" + std::to_string(at); }

  tl::unexpected<Error> Stop(ErrorCode code, std::string what, std::string where,
                             std::string hint = {}) {
    ended = true;
    ready.clear();
    return Fail(code, std::move(what), std::move(where), std::move(hint));
  }

  // Parses up to the end of the line, so that `line` is right in every callback.
  Result<void> Feed(std::string_view piece) {
    if (!row_begun) {
      row_begun = true;
      row_line = line;
    }
    row_bytes += piece.size();
    if (piece.find('\0') != std::string_view::npos) {
      return Stop(ErrorCode::kMalformed, "this is not a text file: it holds a zero byte",
                  Where(line), "save it as UTF-8 text");
    }
    if (csv_parse(&parser, piece.data(), piece.size(), OnField, OnRow, this) != piece.size()) {
      return Stop(ErrorCode::kMalformed, "a quote stands inside a field", Where(line),
                  "quote the whole field and double the quotes in it (RFC 4180)");
    }
    if (row_bytes > kMaxRowBytes) {
      return Stop(ErrorCode::kMalformed, "the row that begins here is longer than 1 MiB",
                  Where(row_line), "a quote in it is probably never closed");
    }
    if (piece.back() == '\n') {
      // Only inside quotes does a row go on; an empty line yields no row.
      row_begun = parser.quoted != 0;
      if (!row_begun) row_bytes = 0;
      ++line;
    }
    return {};
  }

  Result<void> Finish() {
    ended = true;
    if (csv_fini(&parser, OnField, OnRow, this) == 0) return {};
    return Stop(ErrorCode::kMalformed, "a quote in the row that begins here is never closed",
                Where(row_line), "close it, or double it if it belongs to the text");
  }

  Result<void> Fill() {
    held = std::fread(buffer.data(), 1, buffer.size(), file.get());
    used = 0;
    if (held != 0) {
      if (line == 1 && std::string_view(buffer.data(), held).starts_with(kByteOrderMark)) {
        used = row_bytes == 0 ? kByteOrderMark.size() : 0;
      }
      return {};
    }
    if (std::ferror(file.get()) != 0) {
      return Stop(ErrorCode::kIo, std::string("cannot be read: ") + std::strerror(errno), path);
    }
    return Finish();
  }
};

CsvReader::CsvReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CsvReader::~CsvReader() = default;
CsvReader::CsvReader(CsvReader&&) noexcept = default;
CsvReader& CsvReader::operator=(CsvReader&&) noexcept = default;

Result<CsvReader> CsvReader::Open(const std::string& path, char delimiter) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->file.reset(path == "-" ? stdin : std::fopen(path.c_str(), "rb"));
  if (!impl->file) {
    return Fail(ErrorCode::kUnreachable, std::string("cannot be opened: ") + std::strerror(errno),
                path);
  }
  if (csv_init(&impl->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
    return Fail(ErrorCode::kIo, "the CSV parser cannot be set up", path);
  }
  csv_set_delim(&impl->parser, static_cast<unsigned char>(delimiter));
  return CsvReader(std::move(impl));
}

Result<bool> CsvReader::Next(CsvRow* row) {
  while (impl_->ready.empty()) {
    if (impl_->ended) return false;
    if (impl_->used == impl_->held) {
      if (auto filled = impl_->Fill(); !filled) return tl::unexpected(filled.error());
      continue;
    }
    const std::string_view rest(impl_->buffer.data() + impl_->used, impl_->held - impl_->used);
    const auto line_end = rest.find('\n');
    const auto piece = rest.substr(0, line_end == rest.npos ? rest.npos : line_end + 1);
    if (auto fed = impl_->Feed(piece); !fed) return tl::unexpected(fed.error());
    impl_->used += piece.size();
  }
  *row = std::move(impl_->ready.front());
  impl_->ready.pop_front();
  return true;
}

const std::string& CsvReader::Path() const { return impl_->path; }

CsvTable::CsvTable(CsvReader reader, std::vector<std::string> header)
    : reader_(std::move(reader)), header_(std::move(header)) {}

Result<CsvTable> CsvTable::Open(const std::string& path, char delimiter) {
  auto reader = CsvReader::Open(path, delimiter);
  if (!reader) return tl::unexpected(reader.error());
  CsvRow row;
  const auto any = reader->Next(&row);
  if (!any) return tl::unexpected(any.error());
  if (!*any) {
    return Fail(ErrorCode::kMalformed, "the file is empty", path,
                "its first line must name the columns");
  }
  std::set<std::string> names;
  for (const std::string& name : row.fields) {
    if (names.insert(name).second) continue;
    return Fail(ErrorCode::kMalformed, "two columns are named '" + name + "'",
                path + ":" + std::to_string(row.line), "give each column a name of its own");
  }
  return CsvTable(std::move(*reader), std::move(row.fields));
}

Result<std::vector<std::size_t>> CsvTable::Columns(const std::vector<std::string>& names) const {
  std::vector<std::size_t> positions;
  for (const std::string& name : names) {
    std::size_t position = 0;
    while (position < header_.size() && header_[position] != name) ++position;
    if (position == header_.size()) {
      const auto nearest = NearestName(name, header_);
      return Fail(ErrorCode::kMalformed, "there is no column '" + name + "'", Path() + ":1",
                  nearest ? "the nearest is '" + *nearest + "'"
                          : "is this file of the set that was named?");
    }
    positions.push_back(position);
  }
  return positions;
}

std::string CsvTable::WidthProblem(const CsvRow& row) const {
  if (row.fields.size() == header_.size()) return {};
  return std::to_string(row.fields.size()) + " fields where the header has " +
         std::to_string(header_.size());
}

}  // namespace tonus::importing
