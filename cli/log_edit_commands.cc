// `tonus log export` and `tonus log truncate`.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/topic.h"
#include "broker/log/log.h"
#include "broker/log/log_files.h"
#include "cli/log_commands.h"
#include "cli/show.h"
#include "scenario/import/progress_bar.h"

namespace tonus::cli {
namespace {

/// An offset or a time, as an offset: of the first record not before the time.
Result<Offset> PlaceOf(LogReader& reader, const char* option, const std::string& text) {
  Offset offset = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, failed] = std::from_chars(text.data(), end, offset);
  if (failed == std::errc() && stopped == end && offset > 0) return offset;
  const auto time = ParseTime(text);
  if (!time) {
    return Fail(ErrorCode::kUsage, "'" + text + "' is neither an offset nor a time", option,
                "write 1234 or 2024-03-01T08:00:00Z");
  }
  return reader.FindByTime(*time);
}

/// Closes a file at its end; standard output stays open.
class Output {
 public:
  static Result<std::unique_ptr<Output>> Open(const std::string& path) {
    std::FILE* file = path.empty() ? stdout : std::fopen(path.c_str(), "wb");
    if (file == nullptr) {
      return Fail(ErrorCode::kUnreachable,
                  std::string("cannot be written: ") + std::strerror(errno), path);
    }
    return std::unique_ptr<Output>(new Output(path, file));
  }
  ~Output() {
    if (file_ != stdout && file_ != nullptr) std::fclose(file_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Line(const std::string& line) const {
    std::fwrite(line.data(), 1, line.size(), file_);
    std::fputc('\n', file_);
  }

  Result<void> Finish() {
    const bool failed = std::fflush(file_) != 0 || std::ferror(file_) != 0;
    const bool closed = file_ == stdout || std::fclose(std::exchange(file_, nullptr)) == 0;
    if (!failed && closed) return {};
    return Fail(ErrorCode::kIo, std::string("cannot be written: ") + std::strerror(errno),
                path_.empty() ? "standard output" : path_, "is the disk full?");
  }

 private:
  Output(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  std::string path_;
  std::FILE* file_;
};

bool IsInput(const Record& record) {
  return IsInputKind(std::string_view(record.topic).substr(0, record.topic.find('.')));
}

struct Exported {
  std::uint64_t records = 0;
  std::uint64_t damaged = 0;
};

Result<Exported> Export(LogReader& reader, const ExportOptions& options, Output& output) {
  const Result<LogIdentity> identity = reader.Identity();
  if (!identity) return tl::unexpected<Error>(identity.error());
  ReadRequest request;
  request.from = std::max<Offset>(identity->first_offset, 1);
  request.to = identity->last_offset;
  request.prefixes = options.prefixes;
  request.skip_damaged = options.skip_damaged;
  if (!options.from.empty()) {
    const Result<Offset> from = PlaceOf(reader, "--from", options.from);
    if (!from) return tl::unexpected<Error>(from.error());
    request.from = *from;
  }
  if (!options.to.empty()) {
    const Result<Offset> to = PlaceOf(reader, "--to", options.to);
    if (!to) return tl::unexpected<Error>(to.error());
    request.to = std::min(request.to, *to);
  }
  Exported exported;
  importing::ProgressBar bar("exporting", "records", request.to);
  while (request.from <= request.to) {
    const Result<ReadSlice> slice = reader.Read(request);
    if (!slice) return tl::unexpected<Error>(slice.error());
    for (const LogGap& gap : slice->gaps) {
      exported.damaged += gap.to - gap.from + 1;
      std::fprintf(stderr, "tonus: offsets %llu to %llu are left out: %s\n",
                   static_cast<unsigned long long>(gap.from),
                   static_cast<unsigned long long>(gap.to), Printable(gap.what).c_str());
    }
    for (const Record& record : slice->records) {
      if (options.prefixes.empty() && !IsInput(record)) continue;
      output.Line(RecordJson(record));
      ++exported.records;
    }
    request.from = slice->next_offset;
    bar.Set(request.from - 1);
  }
  return exported;
}

Result<Trimmed> Truncate(const std::string& folder, const TruncateOptions& options) {
  LogOptions log_options;
  log_options.create = false;
  log_options.confirm_clock_jump = true;  // Nothing is appended.
  TrimRequest request;
  {
    auto reader = Log::OpenReadOnly(folder);
    if (!reader) return tl::unexpected<Error>(reader.error());
    const Result<LogIdentity> identity = (*reader)->Identity();
    if (!identity) return tl::unexpected<Error>(identity.error());
    log_options.clock = identity->clock;
    const Result<Offset> before = PlaceOf(**reader, "--before", options.before);
    if (!before) return tl::unexpected<Error>(before.error());
    request.before = *before;
  }
  // Takes the lock: fails in words while a broker has the log.
  auto log = Log::Open(folder, log_options);
  if (!log) return tl::unexpected<Error>(log.error());
  const bool core_wrote = (*log)->LastSequenceUnder("core") > 0 || (*log)->Needed() > 0;
  const Offset needed = (*log)->Needed();
  if (!core_wrote || options.force || request.before <= needed) return (*log)->Trim(request);
  return Fail(ErrorCode::kRefused,
              needed == 0 ? "a core has written to this log and has not said what it still needs"
                          : "the core's checkpoint needs offset " + std::to_string(needed) +
                                " and what comes after it",
              folder, "name an offset below it, or --force: the core then has to begin anew");
}

}  // namespace

int ExportLogCommand(const Globals& globals, const ExportOptions& options) {
  const std::string folder = ChooseLogFolder(globals, options.folder);
  auto reader = Log::OpenReadOnly(folder, options.skip_damaged);
  if (!reader) return Report(reader.error());
  for (const std::string& note : (*reader)->Notes()) {
    std::fprintf(stderr, "tonus: %s\n", Printable(note).c_str());
  }
  auto output = Output::Open(options.out);
  if (!output) return Report(output.error());
  const auto exported = Export(**reader, options, **output);
  if (!exported) return Report(exported.error());
  const Result<void> finished = (*output)->Finish();
  if (!finished) return Report(finished.error());
  std::fprintf(stderr, "%llu records%s%s\n", static_cast<unsigned long long>(exported->records),
               exported->damaged > 0 ? "; left out as damaged: " : "",
               exported->damaged > 0 ? std::to_string(exported->damaged).c_str() : "");
  return exported->damaged > 0 ? 1 : 0;
}

int TruncateLogCommand(const Globals& globals, const TruncateOptions& options) {
  const std::string folder = ChooseLogFolder(globals, options.folder);
  const auto trimmed = Truncate(folder, options);
  if (!trimmed) return Report(trimmed.error());
  if (globals.json) {
    const nlohmann::ordered_json answer = {{"folder", folder},
                                           {"removed_files", trimmed->files},
                                           {"removed_bytes", trimmed->bytes},
                                           {"first_offset", trimmed->first_kept}};
    std::printf("%s\n", answer.dump(2).c_str());
    return 0;
  }
  std::printf("%s: %llu files removed, %llu MiB; the log begins at offset %llu%s\n", folder.c_str(),
              static_cast<unsigned long long>(trimmed->files),
              static_cast<unsigned long long>(trimmed->bytes >> 20U),
              static_cast<unsigned long long>(trimmed->first_kept),
              trimmed->files == 0 ? " (only whole files are removed, never the newest)" : "");
  return 0;
}

}  // namespace tonus::cli
