#include "scenario/import/json_lines.h"

#include <google/protobuf/util/json_util.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "base/topic.h"
#include "scenario/import/importers.h"
#include "scenario/import/progress_bar.h"
#include "tonus/v1/event.pb.h"

namespace tonus::importing {
namespace {

constexpr std::size_t kMaxLineBytes = 4U << 20U;

std::string TopicProblem(const std::string& topic) {
  const auto parts = ParseTopic(topic);
  if (!parts) return parts.error().Message();
  if (!IsInputKind(parts->kind)) {
    return "'" + std::string(parts->kind) + "' is not a kind that producers publish";
  }
  return {};
}

}  // namespace

struct JsonLines::Impl {
  std::string path;
  std::ifstream file;
  std::istream* in = nullptr;
  std::uint64_t line = 0;
};

JsonLines::JsonLines(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonLines::~JsonLines() = default;
JsonLines::JsonLines(JsonLines&&) noexcept = default;
JsonLines& JsonLines::operator=(JsonLines&&) noexcept = default;

Result<JsonLines> JsonLines::Open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->in = &std::cin;
  if (path != "-") {
    impl->file.open(path, std::ios::binary);
    if (!impl->file) {
      return Fail(ErrorCode::kUnreachable, std::string("cannot be opened: ") + std::strerror(errno),
                  path);
    }
    impl->in = &impl->file;
  }
  return JsonLines(std::move(impl));
}

Result<bool> JsonLines::Next(JsonLine* line) {
  std::string text;
  while (std::getline(*impl_->in, text)) {
    ++impl_->line;
    if (text.ends_with('\r')) text.pop_back();
    if (text.find_first_not_of(" \t") == std::string::npos) continue;
    *line = {};
    line->line = impl_->line;
    if (text.size() > kMaxLineBytes) {
      line->problem = "the line is longer than 4 MiB";
    } else {
      ParseJsonLine(text, line);
    }
    return true;
  }
  if (impl_->in->bad()) return Fail(ErrorCode::kIo, "cannot be read", impl_->path);
  return false;
}

void ParseJsonLine(const std::string& text, JsonLine* line) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) {
    line->problem = "this is not a JSON object";
    return;
  }
  const auto topic = json.find("topic");
  const auto event = json.find("event");
  if (topic == json.end() || !topic->is_string() || event == json.end() || !event->is_object()) {
    line->problem = "a line is {\"topic\": text, \"recorded\": time, \"event\": object}";
    return;
  }
  line->topic = topic->get<std::string>();
  line->problem = TopicProblem(line->topic);
  if (!line->problem.empty()) return;
  v1::Event message;
  const auto parsed = google::protobuf::util::JsonStringToMessage(event->dump(), &message);
  if (!parsed.ok()) {
    line->problem = "`event` is not a tonus.v1.Event: " + std::string(parsed.message());
    return;
  }
  line->recorded_ns = message.effective_ns();
  if (const auto recorded = json.find("recorded"); recorded != json.end()) {
    const auto time = ParseTime(recorded->is_string() ? recorded->get<std::string>() : "");
    if (!time) {
      line->problem = "`recorded` is not a time; write it as 2024-03-01T08:00:00Z";
      return;
    }
    line->recorded_ns = *time;
  }
  line->patient = message.patient_id();
  line->payload = message.SerializeAsString();
}

Result<void> ImportJsonLines(const ImportOptions& options, Recording* recording) {
  const auto files = FindFiles(options.paths, ".jsonl");
  if (!files) return tl::unexpected(files.error());
  std::set<std::string> patients;
  ImportSummary& summary = recording->Summary();
  for (const std::string& path : *files) {
    auto lines = JsonLines::Open(path);
    if (!lines) return tl::unexpected(lines.error());
    ++summary.files;
    ProgressBar bar("reading " + path, "lines", 0);
    JsonLine line;
    while (true) {
      const auto more = lines->Next(&line);
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      bar.Set(++summary.rows);
      if (!line.problem.empty()) {
        recording->Reject("not an event", path + ":" + std::to_string(line.line), line.problem);
        continue;
      }
      patients.insert(line.patient);
      recording->AddRaw(line.recorded_ns, std::move(line.topic), std::move(line.payload));
    }
  }
  summary.patients = patients.size();
  return {};
}

}  // namespace tonus::importing
