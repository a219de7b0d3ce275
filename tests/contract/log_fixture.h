#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/text.h"
#include "broker/log/log.h"
#include "tests/contract/temp_dir.h"

namespace tonus {

inline constexpr char kVitals[] = "vitals.icu.p1.";

class ManualClock final : public Clock {
 public:
  LogTimeNs NowNs() override { return now_ns; }
  LogTimeNs now_ns = 1000 * kSecondNs;
};

inline LogOptions Given() {
  LogOptions options;
  options.clock = LogClock::kGiven;
  return options;
}

inline std::unique_ptr<Log> MustOpen(const std::string& dir, const LogOptions& options = Given()) {
  auto log = Log::Open(dir, options);
  if (!log) throw std::runtime_error(log.error().Message());
  return std::move(*log);
}

inline std::unique_ptr<LogReader> MustRead(const std::string& dir) {
  auto reader = Log::OpenReadOnly(dir);
  if (!reader) throw std::runtime_error(reader.error().Message());
  return std::move(*reader);
}

inline AppendRecord One(std::string_view producer, std::uint64_t sequence, std::string_view payload,
                        std::string_view topic = kVitals) {
  AppendRecord record;
  record.producer = producer;
  record.sequence = sequence;
  record.topic = topic;
  record.payload = payload;
  return record;
}

/// Appends and commits `count` records of `producer` from `first` on, recorded at sequence × 10,
/// payload "<producer>-<sequence>".
inline Result<Offset> Put(Log& log, const std::string& producer, std::uint64_t first,
                          std::uint64_t count, const std::string& topic = kVitals,
                          bool open = false) {
  std::vector<std::string> payloads;
  std::vector<AppendRecord> records;
  for (std::uint64_t i = first; i < first + count; ++i) {
    payloads.push_back(producer + "-" + std::to_string(i));
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    AppendRecord record = One(producer, first + i, payloads[i], topic);
    record.recorded_ns = static_cast<LogTimeNs>(record.sequence * 10);
    record.open = open;
    records.push_back(record);
  }
  const auto placed = log.Append(records);
  if (!placed) return tl::unexpected<Error>(placed.error());
  return log.Commit();
}

inline ReadRequest From(Offset from, Offset to = 0, std::vector<std::string> prefixes = {}) {
  ReadRequest request;
  request.from = from;
  request.to = to;
  request.prefixes = std::move(prefixes);
  return request;
}

inline std::vector<Record> ReadAll(LogReader& reader,
                                   const std::vector<std::string>& prefixes = {}) {
  std::vector<Record> all;
  ReadRequest request = From(1, 0, prefixes);
  while (true) {
    auto slice = reader.Read(request);
    if (!slice) throw std::runtime_error(slice.error().Message());
    std::move(slice->records.begin(), slice->records.end(), std::back_inserter(all));
    request.from = slice->next_offset;
    if (slice->at_end) return all;
  }
}

/// Runs log_child; its exit code, and what it prints, stderr included.
inline std::pair<int, std::string> RunChild(const std::string& what, const std::string& dir) {
  const std::string command = TONUS_BINARY_DIR "/bin/log_child " + what + " " + dir + " 2>&1";
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 512> buffer = {};
  while (fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr) {
    output += buffer.data();
  }
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

inline std::string SegmentOf(const TempDir& dir) {
  return dir.Path("segment-00000000000000000001.db");
}

inline std::string Bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

inline void SetBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A log of small segments: rotates about every `kSmall` bytes of content.
inline LogOptions SmallSegments() {
  LogOptions options = Given();
  options.segment_bytes = 20000;
  return options;
}

/// Puts records of two producers and an alert until there are several segments.
inline void PutSeveralSegments(Log& log, std::uint64_t rounds) {
  for (std::uint64_t i = log.LastSequence("a") / 50; rounds > 0; ++i, --rounds) {
    ASSERT_TRUE(Put(log, "a", i * 50 + 1, 50, "vitals.icu.p" + std::to_string(i % 7) + "."));
    ASSERT_TRUE(Put(log, "b", i * 50 + 1, 50, "lab.icu.p1."));
    if (log.WantsCheckpoint(false)) {
      ASSERT_TRUE(log.Checkpoint());
    }
  }
}

inline std::size_t CountSegments(const TempDir& dir) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.Path())) {
    if (entry.path().extension() == ".db") ++count;
  }
  return count;
}

}  // namespace tonus
