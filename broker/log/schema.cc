#include "broker/log/schema.h"

#include <bit>
#include <cstring>
#include <string>

#include "base/digest.h"

namespace tonus {

static_assert(std::endian::native == std::endian::little, "checksums are taken in memory order");
static_assert(sizeof(ChecksumFields) == 64, "no padding may enter a checksum");

std::uint64_t RecordChecksum(const ChecksumFields& fields, std::string_view payload) {
  thread_local std::string buffer;
  buffer.resize(sizeof fields + payload.size());
  std::memcpy(buffer.data(), &fields, sizeof fields);
  if (!payload.empty()) {
    std::memcpy(buffer.data() + sizeof fields, payload.data(), payload.size());
  }
  return Digest64(buffer);
}

}  // namespace tonus
