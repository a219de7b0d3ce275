#include "base/digest.h"

#include <sodium.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>

namespace tonus {
namespace {

std::string Hex(const unsigned char* bytes, std::size_t size) {
  std::string out(size * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), bytes, size);
  out.pop_back();
  return out;
}

}  // namespace

std::uint64_t Digest64(std::string_view bytes) {
  static constexpr std::array<unsigned char, crypto_shorthash_KEYBYTES> kKey = {};
  std::array<unsigned char, crypto_shorthash_BYTES> out = {};
  crypto_shorthash(out.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                   kKey.data());
  std::uint64_t value = 0;
  std::memcpy(&value, out.data(), sizeof value);
  return value;
}

std::uint64_t ContentDigest(std::string_view topic, std::string_view payload) {
  thread_local std::string buffer;
  buffer.assign(topic);
  buffer.push_back('\0');
  buffer.append(payload);
  const std::uint64_t digest = Digest64(buffer);
  return digest == 0 ? 1 : digest;
}

Result<std::string> Sha256OfFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Fail(ErrorCode::kUnreachable, "cannot be read", path);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) return Fail(ErrorCode::kIo, "reading failed", path);
  return Sha256(bytes);
}

std::string Sha256(std::string_view bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> out = {};
  crypto_hash_sha256(out.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size());
  return Hex(out.data(), out.size());
}

}  // namespace tonus
