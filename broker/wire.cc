#include "broker/wire.h"

#include <google/protobuf/io/coded_stream.h>

#include <bit>
#include <cstring>

namespace tonus {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kFixed64 = 1;
constexpr std::uint32_t kBytes = 2;
constexpr std::uint32_t kFixed32 = 5;

constexpr std::uint8_t Tag(std::uint32_t field, std::uint32_t type) {
  return static_cast<std::uint8_t>((field << 3U) | type);
}

/// Reads protobuf fields; every read says whether the bytes held it.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool AtEnd() const { return at_ == end_; }

  bool Varint(std::uint64_t& value) {
    value = 0;
    for (std::uint32_t shift = 0; shift < 70 && at_ != end_; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(*at_++);
      if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool Fixed(std::uint64_t& value) {
    if (end_ - at_ < 8) return false;
    std::memcpy(&value, at_, 8);
    at_ += 8;
    return true;
  }

  bool Bytes(std::string_view& value) {
    std::uint64_t size = 0;
    if (!Varint(size) || size > static_cast<std::uint64_t>(end_ - at_)) return false;
    value = {at_, static_cast<std::size_t>(size)};
    at_ += size;
    return true;
  }

  bool Skip(std::uint32_t type) {
    std::uint64_t ignored = 0;
    std::string_view bytes;
    switch (type) {
      case kVarint:
        return Varint(ignored);
      case kFixed64:
        return Fixed(ignored);
      case kBytes:
        return Bytes(bytes);
      case kFixed32:
        if (end_ - at_ < 4) return false;
        at_ += 4;
        return true;
      default:
        return false;
    }
  }

  /// Field number and wire type; field 0 does not exist.
  bool Next(std::uint32_t& field, std::uint32_t& type) {
    std::uint64_t tag = 0;
    if (!Varint(tag) || tag > UINT32_MAX || tag < 8) return false;
    field = static_cast<std::uint32_t>(tag) >> 3U;
    type = static_cast<std::uint32_t>(tag) & 7U;
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

bool ReadRecord(std::string_view bytes, AppendRecord& record) {
  static_assert(std::endian::native == std::endian::little);
  FieldReader reader(bytes);
  std::uint32_t field = 0;
  std::uint32_t type = 0;
  std::uint64_t value = 0;
  while (!reader.AtEnd()) {
    if (!reader.Next(field, type)) return false;
    bool good = true;
    if (field == 1 && type == kBytes) {
      good = reader.Bytes(record.topic);
    } else if (field == 2 && type == kBytes) {
      good = reader.Bytes(record.payload);
    } else if (field == 3 && type == kFixed64) {
      good = reader.Fixed(record.digest);
    } else if (field == 4 && type == kFixed64) {
      good = reader.Fixed(value);
      record.recorded_ns = static_cast<LogTimeNs>(value);
    } else if (field == 5 && type == kVarint) {
      good = reader.Varint(value);
      record.open = value != 0;
    } else {
      good = reader.Skip(type);
    }
    if (!good) return false;
  }
  return true;
}

bool ReadBatch(std::string_view bytes, IngestView& view, std::vector<AppendRecord>& records,
               std::size_t max_records) {
  FieldReader reader(bytes);
  std::uint32_t field = 0;
  std::uint32_t type = 0;
  while (!reader.AtEnd()) {
    if (!reader.Next(field, type)) return false;
    bool good = true;
    if (field == 1 && type == kVarint) {
      good = reader.Varint(view.first_sequence);
    } else if (field == 2 && type == kBytes) {
      std::string_view record;
      good = reader.Bytes(record) &&
             (records.size() > max_records || ReadRecord(record, records.emplace_back()));
    } else if (field == 3 && type == kVarint) {
      good = reader.Varint(view.epoch);
    } else {
      good = reader.Skip(type);
    }
    if (!good) return false;
  }
  return true;
}

bool ReadHello(std::string_view bytes, IngestView& view) {
  FieldReader reader(bytes);
  std::uint32_t field = 0;
  std::uint32_t type = 0;
  while (!reader.AtEnd()) {
    if (!reader.Next(field, type)) return false;
    bool good = true;
    if (field == 1 && type == kBytes) {
      good = reader.Bytes(view.producer);
    } else if (field == 2 && type == kVarint) {
      good = reader.Varint(view.version);
    } else if (field == 3 && type == kFixed64) {
      good = reader.Fixed(view.instance);
    } else if (field == 4 && type == kVarint) {
      good = reader.Varint(view.attempt);
    } else {
      good = reader.Skip(type);
    }
    if (!good) return false;
  }
  return true;
}

bool ReadKeep(std::string_view bytes, IngestView& view) {
  FieldReader reader(bytes);
  std::uint32_t field = 0;
  std::uint32_t type = 0;
  while (!reader.AtEnd()) {
    if (!reader.Next(field, type)) return false;
    const bool from = field == 1 && type == kVarint;
    if (from ? !reader.Varint(view.keep_from) : !reader.Skip(type)) return false;
  }
  return true;
}

std::size_t VarintSize(std::uint64_t value) {
  return static_cast<std::size_t>((std::bit_width(value | 1U) + 6) / 7);
}

/// Writes fields into a buffer that is known to be large enough; zero values are left out, as
/// proto3 does.
class FieldWriter {
 public:
  explicit FieldWriter(std::uint8_t* at) : at_(at) {}

  void Varint(std::uint32_t field, std::uint64_t value) {
    if (value == 0) return;
    *at_++ = Tag(field, kVarint);
    at_ = CodedOutputStream::WriteVarint64ToArray(value, at_);
  }
  void Fixed(std::uint32_t field, std::uint64_t value) {
    if (value == 0) return;
    *at_++ = Tag(field, kFixed64);
    at_ = CodedOutputStream::WriteLittleEndian64ToArray(value, at_);
  }
  void Head(std::uint32_t field, std::uint64_t size) {
    *at_++ = Tag(field, kBytes);
    at_ = CodedOutputStream::WriteVarint64ToArray(size, at_);
  }
  /// Returns where the bytes begin.
  std::uint8_t* Bytes(std::uint32_t field, std::string_view bytes) {
    if (bytes.empty()) return at_;
    Head(field, bytes.size());
    std::uint8_t* begin = at_;
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
    return begin;
  }
  std::uint8_t* At() const { return at_; }

 private:
  std::uint8_t* at_;
};

std::size_t BytesSize(std::string_view bytes) {
  return bytes.empty() ? 0 : 1 + VarintSize(bytes.size()) + bytes.size();
}

std::size_t NumberSize(std::uint64_t value) { return value == 0 ? 0 : 1 + VarintSize(value); }

}  // namespace

IngestView ReadIngest(std::string_view bytes, std::vector<AppendRecord>& records,
                      std::size_t max_records) {
  records.clear();
  IngestView view;
  FieldReader reader(bytes);
  std::uint32_t field = 0;
  std::uint32_t type = 0;
  std::string_view body;
  IngestKind kind = IngestKind::kBad;
  while (!reader.AtEnd()) {
    if (!reader.Next(field, type)) return {};
    if (field < 1 || field > 4) {
      if (!reader.Skip(type)) return {};
      continue;
    }
    if (kind != IngestKind::kBad || type != kBytes || !reader.Bytes(body)) return {};
    bool good = true;
    if (field == 1) {
      kind = IngestKind::kHello;
      good = ReadHello(body, view);
    } else if (field == 2) {
      kind = IngestKind::kBatch;
      good = ReadBatch(body, view, records, max_records);
    } else if (field == 4) {
      kind = IngestKind::kKeep;
      good = ReadKeep(body, view);
    } else {
      kind = IngestKind::kPing;
    }
    if (!good) return {};
  }
  view.kind = kind;
  return view;
}

RecordView ViewOf(const Record& record) {
  return {.offset = record.offset,
          .recorded_ns = record.recorded_ns,
          .topic = record.topic,
          .payload = record.payload,
          .producer = record.producer,
          .sequence = record.sequence,
          .previous_offset = record.previous_offset,
          .digest = record.digest,
          .open = record.open};
}

EncodedRecord EncodeRecord(const RecordView& record, std::string& buffer) {
  const std::size_t size =
      NumberSize(record.offset) + (record.recorded_ns == 0 ? 0U : 9U) + BytesSize(record.topic) +
      BytesSize(record.payload) + BytesSize(record.producer) + NumberSize(record.sequence) +
      NumberSize(record.previous_offset) + (record.digest == 0 ? 0U : 9U) + (record.open ? 2U : 0U);
  const std::size_t begin = buffer.size();
  const std::size_t total = 1 + VarintSize(size) + size;
  buffer.resize(begin + total);
  auto* base = reinterpret_cast<std::uint8_t*>(buffer.data());
  FieldWriter writer(base + begin);
  writer.Head(3, size);
  writer.Varint(1, record.offset);
  writer.Fixed(2, static_cast<std::uint64_t>(record.recorded_ns));
  const std::uint8_t* topic = writer.Bytes(3, record.topic);
  const std::uint8_t* payload = writer.Bytes(4, record.payload);
  writer.Bytes(5, record.producer);
  writer.Varint(6, record.sequence);
  writer.Varint(7, record.previous_offset);
  writer.Fixed(8, record.digest);
  writer.Varint(9, record.open ? 1 : 0);
  EncodedRecord encoded;
  encoded.begin = static_cast<std::uint32_t>(begin);
  encoded.size = static_cast<std::uint32_t>(total);
  encoded.topic_begin = static_cast<std::uint32_t>(topic - base);
  encoded.topic_size = static_cast<std::uint32_t>(record.topic.size());
  encoded.payload_begin = static_cast<std::uint32_t>(payload - base);
  encoded.payload_size = static_cast<std::uint32_t>(record.payload.size());
  encoded.previous_offset = record.previous_offset;
  encoded.recorded_ns = record.recorded_ns;
  return encoded;
}

std::string EncodeChunk(const ChunkHead& head, std::string_view records) {
  const std::size_t chunk = NumberSize(head.first_offset) + NumberSize(head.next_offset) +
                            records.size() + (head.last ? 2U : 0U) + (head.at_end ? 2U : 0U);
  std::string out(NumberSize(head.id) + 1 + VarintSize(chunk) + chunk, '\0');
  FieldWriter writer(reinterpret_cast<std::uint8_t*>(out.data()));
  writer.Varint(1, head.id);
  writer.Head(2, chunk);
  writer.Varint(1, head.first_offset);
  writer.Varint(2, head.next_offset);
  if (!records.empty()) std::memcpy(writer.At(), records.data(), records.size());
  FieldWriter tail(writer.At() + records.size());
  tail.Varint(4, head.last ? 1 : 0);
  tail.Varint(5, head.at_end ? 1 : 0);
  return out;
}

void EncodeMeta(Offset offset, Offset previous, LogTimeNs recorded_ns, char* out) {
  auto* at = reinterpret_cast<std::uint8_t*>(out);
  at = CodedOutputStream::WriteLittleEndian64ToArray(offset, at);
  at = CodedOutputStream::WriteLittleEndian64ToArray(previous, at);
  CodedOutputStream::WriteLittleEndian64ToArray(static_cast<std::uint64_t>(recorded_ns), at);
}

}  // namespace tonus
