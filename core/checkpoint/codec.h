#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tonus::core {

/// Lets the codec see what a class keeps. A class whose state goes into a checkpoint lists it once,
///
///     template <class Self, class Archive>
///     static void Fields(Self& self, Archive& archive) {
///       archive(self.first_, self.second_);
///     }
///     bool Valid() const;  // optional: whether what was read can be used
///
/// and, where these are private, befriends StateFields.
struct StateFields {
  template <class T, class Archive>
  static void Visit(T& value, Archive& archive) {
    std::remove_const_t<T>::Fields(value, archive);
  }
  template <class T>
  static bool Good(const T& value) {
    if constexpr (requires { value.Valid(); }) {
      return value.Valid();
    } else {
      return true;
    }
  }
};

/// Writes state as bytes: canonical (one state, one encoding), the same on every machine, and
/// compact without a compressor. Integers of 64 bits are varints of the difference to the last one
/// of their kind, since times and refs come in rows; doubles are what differs from the last double.
///
/// A value of one thread, used once.
class StateWriter {
 public:
  static constexpr bool kReading = false;

  template <class... T>
  void operator()(const T&... fields) {
    (One(fields), ...);
  }
  std::string& Bytes() { return bytes_; }

 private:
  void Byte(std::uint8_t byte) { bytes_.push_back(static_cast<char>(byte)); }
  void Varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) Byte(static_cast<std::uint8_t>(value | 0x80U));
    Byte(static_cast<std::uint8_t>(value));
  }
  void Delta(std::uint64_t value, std::uint64_t* last) {
    const auto step = static_cast<std::int64_t>(value - *last);
    *last = value;
    Varint((static_cast<std::uint64_t>(step) << 1U) ^ static_cast<std::uint64_t>(step >> 63));
  }
  void Double(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    std::uint64_t rest = bits ^ last_double_;
    last_double_ = bits;
    // The high bytes first: a number with few digits has its low bytes zero.
    const int n = rest == 0 ? 0 : 8 - std::countr_zero(rest) / 8;
    Byte(static_cast<std::uint8_t>(n));
    for (int i = 0; i < n; ++i, rest <<= 8U) Byte(static_cast<std::uint8_t>(rest >> 56U));
  }

  template <class T>
  void One(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      Byte(value ? 1 : 0);
    } else if constexpr (std::is_same_v<T, double>) {
      Double(value);
    } else if constexpr (std::is_enum_v<T>) {
      Varint(static_cast<std::uint64_t>(value));
    } else if constexpr (std::is_integral_v<T> && sizeof(T) == 8) {
      Delta(static_cast<std::uint64_t>(value),
            std::is_signed_v<T> ? &last_signed_ : &last_unsigned_);
    } else if constexpr (std::is_integral_v<T>) {
      static_assert(std::is_unsigned_v<T>, "small signed numbers are not used in states");
      Varint(value);
    } else {
      StateFields::Visit(value, *this);
    }
  }
  void One(const std::string& value) {
    Varint(value.size());
    bytes_ += value;
  }
  template <class T>
  void One(const std::optional<T>& value) {
    Byte(value ? 1 : 0);
    if (value) One(*value);
  }
  template <class T>
  void One(const std::vector<T>& values) {
    Varint(values.size());
    for (const T& value : values) One(value);
  }
  template <class T, std::size_t N>
  void One(const std::array<T, N>& values) {
    for (const T& value : values) One(value);
  }
  template <class K, class V>
  void One(const std::map<K, V>& values) {
    Varint(values.size());
    for (const auto& [key, value] : values) {
      One(key);
      One(value);
    }
  }
  template <class A, class B>
  void One(const std::pair<A, B>& value) {
    One(value.first);
    One(value.second);
  }

  std::string bytes_;
  std::uint64_t last_signed_ = 0, last_unsigned_ = 0, last_double_ = 0;
};

/// Reads what a StateWriter wrote, out of any bytes at all: what is not such an encoding is an
/// error, never a crash, and never takes more memory than a small multiple of the bytes given.
///
/// After a failure every further field is read as zero or empty. The bytes are borrowed for the
/// reader's life; one thread.
class StateReader {
 public:
  static constexpr bool kReading = true;

  explicit StateReader(std::string_view bytes) : bytes_(bytes) {}

  template <class... T>
  void operator()(T&... fields) {
    (One(fields), ...);
  }
  bool Good() const { return words_ == nullptr; }
  std::size_t Left() const { return bytes_.size() - at_; }
  /// Everything after the first failure is void; `words` must be a literal.
  void Refuse(const char* words) {
    if (words_ == nullptr) words_ = words;
    at_ = bytes_.size();
  }
  /// kCorrupt in a sentence where something was wrong or bytes are left over.
  Result<void> Finish() {
    if (Good() && Left() > 0) Refuse("there are more bytes than the state needs");
    if (Good()) return {};
    return Fail(ErrorCode::kCorrupt, words_);
  }
  /// The number of elements that follow, each of which takes at least one byte.
  std::size_t Count() {
    const std::uint64_t n = Varint();
    if (n > Left()) Refuse("the state is cut short");
    return Good() ? static_cast<std::size_t>(n) : 0;
  }

 private:
  std::uint8_t Byte() {
    if (at_ == bytes_.size()) {
      Refuse("the state is cut short");
      return 0;
    }
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = Byte();
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if ((byte & 0x80U) != 0) continue;
      const bool wide = shift == 63 && byte > 1;
      if (wide || (byte == 0 && shift > 0)) Refuse("a number is not written as it should be");
      return Good() ? value : 0;
    }
    Refuse("a number is too long");
    return 0;
  }
  std::uint64_t Delta(std::uint64_t* last) {
    const std::uint64_t step = Varint();
    *last += (step >> 1U) ^ (0 - (step & 1U));
    return *last;
  }
  double Double() {
    const std::uint8_t n = Byte();
    if (n > 8) Refuse("a number is not written as it should be");
    std::uint64_t rest = 0;
    for (unsigned i = 0; i < n && Good(); ++i) {
      rest |= static_cast<std::uint64_t>(Byte()) << (56 - 8 * i);
    }
    last_double_ ^= rest;
    return Good() ? std::bit_cast<double>(last_double_) : 0;
  }

  template <class T>
  void One(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      const std::uint8_t byte = Byte();
      if (byte > 1) Refuse("a yes or no is neither");
      value = byte == 1;
    } else if constexpr (std::is_same_v<T, double>) {
      value = Double();
    } else if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(Small<std::uint8_t>());
    } else if constexpr (std::is_integral_v<T> && sizeof(T) == 8) {
      value = static_cast<T>(Delta(std::is_signed_v<T> ? &last_signed_ : &last_unsigned_));
    } else if constexpr (std::is_integral_v<T>) {
      value = Small<T>();
    } else {
      StateFields::Visit(value, *this);
      if (Good() && !StateFields::Good(value)) Refuse("a part of the state contradicts itself");
    }
  }
  template <class T>
  T Small() {
    const std::uint64_t value = Varint();
    if (value > static_cast<T>(-1)) Refuse("a number is too large");
    return Good() ? static_cast<T>(value) : T{};
  }
  void One(std::string& value) {
    const std::size_t n = Count();
    value.assign(bytes_.substr(at_, n));
    at_ += n;
  }
  template <class T>
  void One(std::optional<T>& value) {
    bool there = false;
    One(there);
    value.reset();
    if (there && Good()) One(value.emplace());
  }
  template <class T>
  void One(std::vector<T>& values) {
    values.clear();
    const std::size_t n = Count();
    for (std::size_t i = 0; i < n && Good(); ++i) One(values.emplace_back());
  }
  template <class T, std::size_t N>
  void One(std::array<T, N>& values) {
    for (T& value : values) One(value);
  }
  template <class K, class V>
  void One(std::map<K, V>& values) {
    values.clear();
    const std::size_t n = Count();
    for (std::size_t i = 0; i < n && Good(); ++i) {
      K key{};
      One(key);
      if (!values.empty() && !(values.rbegin()->first < key)) Refuse("names are out of order");
      One(values[key]);
    }
  }
  template <class A, class B>
  void One(std::pair<A, B>& value) {
    One(value.first);
    One(value.second);
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  const char* words_ = nullptr;
  std::uint64_t last_signed_ = 0, last_unsigned_ = 0, last_double_ = 0;
};

}  // namespace tonus::core
