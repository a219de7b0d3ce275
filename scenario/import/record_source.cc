#include "scenario/import/record_source.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "broker/log/log.h"
#include "scenario/import/json_lines.h"

namespace tonus::importing {
namespace {

constexpr std::size_t kSlice = 4096;
constexpr std::size_t kMaxProblems = 1000;

class LogSource : public RecordSource {
 public:
  LogSource(std::unique_ptr<LogReader> reader, LogIdentity identity)
      : reader_(std::move(reader)), identity_(std::move(identity)) {
    request_.from = std::max<Offset>(1, identity_.first_offset);
    request_.to = identity_.last_offset;
    request_.max_records = kSlice;
  }

  Result<bool> Next(std::vector<Record>* records) override {
    if (request_.to == 0 || request_.from > request_.to) return false;
    auto slice = reader_->Read(request_);
    if (!slice) return tl::unexpected(slice.error());
    request_.from = slice->next_offset;
    for (Record& record : slice->records) records->push_back(std::move(record));
    return !slice->records.empty() || !slice->at_end;
  }

  Result<std::vector<Record>> Configs() override {
    std::vector<Record> configs;
    ReadRequest request = request_;
    request.prefixes = {"config."};
    while (request.to != 0 && request.from <= request.to) {
      auto slice = reader_->Read(request);
      if (!slice) return tl::unexpected(slice.error());
      for (Record& record : slice->records) configs.push_back(std::move(record));
      request.from = slice->next_offset;
      if (slice->at_end) break;
    }
    return configs;
  }

  std::uint64_t Total() const override { return identity_.last_offset; }
  Result<LogTimeNs> NewestNs() override { return identity_.last_recorded_ns; }

 private:
  std::unique_ptr<LogReader> reader_;
  LogIdentity identity_;
  ReadRequest request_;
};

class LineSource : public RecordSource {
 public:
  LineSource(std::string path, JsonLines lines)
      : path_(std::move(path)), lines_(std::move(lines)) {}

  Result<bool> Next(std::vector<Record>* records) override {
    JsonLine line;
    for (std::size_t i = 0; i < kSlice; ++i) {
      const auto more = lines_.Next(&line);
      if (!more) return tl::unexpected(more.error());
      if (!*more) return i > 0;
      if (line.problem.empty()) {
        records->push_back(Name(std::move(line)));
      } else if (++problem_count_ <= kMaxProblems) {
        problems_.push_back(path_ + ":" + std::to_string(line.line) + ": " + line.problem);
      }
    }
    return true;
  }

  std::uint64_t Total() const override { return 0; }

  Result<LogTimeNs> NewestNs() override {
    if (path_ == "-") return Fail(ErrorCode::kUsage, "the end of standard input is not known yet");
    auto lines = JsonLines::Open(path_);
    if (!lines) return tl::unexpected(lines.error());
    LogTimeNs newest = 0;
    JsonLine line;
    while (true) {
      const auto more = lines->Next(&line);
      if (!more) return tl::unexpected(more.error());
      if (!*more) return newest;
      if (line.problem.empty()) newest = std::max(newest, line.recorded_ns);
    }
  }

  std::vector<std::string> Problems() const override { return problems_; }
  std::uint64_t ProblemCount() const override { return problem_count_; }

 private:
  Record Name(JsonLine line) {
    Record record;
    record.offset = ++count_;
    record.sequence = count_;
    record.producer = "import-jsonl";
    newest_ns_ = std::max(newest_ns_, line.recorded_ns);
    record.recorded_ns = newest_ns_;
    record.topic = std::move(line.topic);
    record.payload = std::move(line.payload);
    return record;
  }

  std::string path_;
  JsonLines lines_;
  Offset count_ = 0;
  LogTimeNs newest_ns_ = 0;
  std::vector<std::string> problems_;
  std::uint64_t problem_count_ = 0;
};

}  // namespace

Result<std::unique_ptr<RecordSource>> RecordSource::Open(const std::string& path) {
  std::error_code error;
  if (path != "-" && std::filesystem::is_directory(path, error)) {
    auto reader = Log::OpenReadOnly(path);
    if (!reader) return tl::unexpected(reader.error());
    auto identity = (*reader)->Identity();
    if (!identity) return tl::unexpected(identity.error());
    return std::make_unique<LogSource>(std::move(*reader), std::move(*identity));
  }
  auto lines = JsonLines::Open(path);
  if (!lines) {
    Error problem = lines.error();
    problem.hint = "name a log folder or a file of JSON lines";
    return tl::unexpected(problem);
  }
  return std::make_unique<LineSource>(path, std::move(*lines));
}

}  // namespace tonus::importing
