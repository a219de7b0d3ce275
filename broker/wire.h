#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/record.h"
#include "broker/log/log.h"

namespace tonus {

/// The hot parts of bus.proto, read and written by hand: a batch is read as views into the message
/// that brought it, and a committed record is encoded once for all readers. The wire test holds
/// both against protobuf.

/// What an IngestRequest asks.
enum class IngestKind { kBad, kHello, kBatch, kPing, kKeep };

/// A read IngestRequest. Views into its bytes.
struct IngestView {
  IngestKind kind = IngestKind::kBad;
  std::string_view producer;         ///< Of a hello.
  std::uint64_t version = 0;         ///< Of a hello.
  std::uint64_t instance = 0;        ///< Of a hello.
  std::uint64_t attempt = 0;         ///< Of a hello.
  std::uint64_t first_sequence = 0;  ///< Of a batch.
  std::uint64_t epoch = 0;           ///< Of a batch.
  Offset keep_from = 0;              ///< Of a keep.
};

/// Reads an IngestRequest. The records of a batch go to `records` (cleared first), with producer
/// and sequence not yet filled. kBad where the bytes do not parse or hold not exactly one request.
/// Of more than `max_records` records one more than that is kept: an empty one takes two bytes on
/// the wire and a hundred here.
IngestView ReadIngest(std::string_view bytes, std::vector<AppendRecord>& records,
                      std::size_t max_records = SIZE_MAX);

/// A committed record as a `records` field of ReplayChunk, within a buffer.
struct EncodedRecord {
  std::uint32_t begin = 0;
  std::uint32_t size = 0;
  std::uint32_t topic_begin = 0;
  std::uint32_t topic_size = 0;
  std::uint32_t payload_begin = 0;
  std::uint32_t payload_size = 0;
  Offset previous_offset = 0;
  LogTimeNs recorded_ns = 0;
};

/// What EncodeRecord writes; views, borrowed for the call.
struct RecordView {
  Offset offset = 0;
  LogTimeNs recorded_ns = 0;
  std::string_view topic;
  std::string_view payload;
  std::string_view producer;
  std::uint64_t sequence = 0;
  Offset previous_offset = 0;
  std::uint64_t digest = 0;
  bool open = false;
};

RecordView ViewOf(const Record& record);

/// Appends the record to `buffer`, as a `records` field of ReplayChunk.
EncodedRecord EncodeRecord(const RecordView& record, std::string& buffer);

/// A chunk's fields other than its records.
struct ChunkHead {
  std::uint64_t id = 0;
  Offset first_offset = 0;
  Offset next_offset = 0;
  bool last = false;
  bool at_end = false;
};

/// A whole ReplayReply with a chunk; `records` are `records` fields as EncodeRecord writes them.
std::string EncodeChunk(const ChunkHead& head, std::string_view records);

/// The third frame of a live message: offset u64, previous offset of the stream u64, recorded time
/// i64, little-endian.
inline constexpr std::size_t kMetaBytes = 24;
void EncodeMeta(Offset offset, Offset previous, LogTimeNs recorded_ns, char* out);

}  // namespace tonus
