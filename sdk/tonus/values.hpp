/* SPDX-License-Identifier: Apache-2.0
 *
 * tonus/values.hpp: units, quantities and what crosses the line, for C++.
 * Part of tonus/detector.hpp. */
#ifndef TONUS_VALUES_HPP
#define TONUS_VALUES_HPP

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "tonus/plugin.h"

namespace tonus {

inline constexpr tonus_ns kSecond = 1'000'000'000;
inline constexpr tonus_ns kMinute = 60 * kSecond;
inline constexpr tonus_ns kHour = 60 * kMinute;
inline constexpr tonus_ns kDay = 24 * kHour;

/* ---- Units and quantities ------------------------------------------------------------------ */

/* A unit is a type with its UCUM code. Authors add their own in the same way. */
struct One {
  static constexpr const char* kUcum = "1";
};
struct Percent {
  static constexpr const char* kUcum = "%";
};
struct Points {
  static constexpr const char* kUcum = "{score}";
};
struct PerMinute {
  static constexpr const char* kUcum = "/min";
};
struct MmHg {
  static constexpr const char* kUcum = "mm[Hg]";
};
struct Celsius {
  static constexpr const char* kUcum = "Cel";
};
struct UnitsPerLitre {
  static constexpr const char* kUcum = "U/L";
};
struct GigaPerLitre {
  static constexpr const char* kUcum = "10*9/L";
};
struct MilligramPerLitre {
  static constexpr const char* kUcum = "mg/L";
};
struct NanogramPerMillilitre {
  static constexpr const char* kUcum = "ng/mL";
};
struct MillimolePerLitre {
  static constexpr const char* kUcum = "mmol/L";
};
struct Millilitre {
  static constexpr const char* kUcum = "mL";
};
struct MilligramPerDay {
  static constexpr const char* kUcum = "mg/d";
};
struct MicrogramPerDay {
  static constexpr const char* kUcum = "ug/d";
};
struct Hours {
  static constexpr const char* kUcum = "h";
};
struct Days {
  static constexpr const char* kUcum = "d";
};
struct YesNo {
  static constexpr const char* kUcum = "";
};

/* A number with its unit in its type. */
template <class Unit>
class Quantity {
 public:
  constexpr Quantity() = default;
  constexpr explicit Quantity(double value) : value_(value) {}
  constexpr double value() const { return value_; }

  friend constexpr bool operator<(Quantity a, Quantity b) { return a.value_ < b.value_; }
  friend constexpr bool operator>(Quantity a, Quantity b) { return a.value_ > b.value_; }
  friend constexpr bool operator<=(Quantity a, Quantity b) { return a.value_ <= b.value_; }
  friend constexpr bool operator>=(Quantity a, Quantity b) { return a.value_ >= b.value_; }
  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    return Quantity(a.value_ + b.value_);
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity(a.value_ - b.value_);
  }
  friend constexpr Quantity operator*(Quantity a, double k) { return Quantity(a.value_ * k); }
  friend constexpr double operator/(Quantity a, Quantity b) { return a.value_ / b.value_; }

 private:
  double value_ = 0;
};

/* ---- Small things across the line ---------------------------------------------------------- */

/* A service of the host refused. `code` is a tonus_rc below 0. */
class HostError : public std::runtime_error {
 public:
  HostError(tonus_rc code, const std::string& what) : std::runtime_error(what), code_(code) {}
  tonus_rc code() const { return code_; }

 private:
  tonus_rc code_;
};

inline std::string_view View(tonus_str s) {
  return s.p == nullptr ? std::string_view() : std::string_view(s.p, static_cast<std::size_t>(s.n));
}
inline tonus_str Str(std::string_view s) { return {s.data(), s.size()}; }

/* `value` with at most `decimals` digits after the point, trailing zeros cut. No locale. */
inline std::string Number(double value, int decimals = 1) {
  std::array<char, 400> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::fixed, decimals);
  if (end.ec != std::errc()) return "?";
  std::string text(buffer.data(), end.ptr);
  if (text.find('.') != std::string::npos) {
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

/* "3 d 4 h", "2 h 5 min", "40 min": the two largest units down to minutes, for short clauses. */
inline std::string DurationText(tonus_ns ns) {
  const tonus_ns minutes = (ns < 0 ? -ns : ns) / kMinute;
  const tonus_ns d = minutes / (24 * 60);
  const tonus_ns h = minutes / 60 % 24;
  const tonus_ns m = minutes % 60;
  if (d > 0) return std::to_string(d) + " d" + (h > 0 ? " " + std::to_string(h) + " h" : "");
  if (h > 0) return std::to_string(h) + " h" + (m > 0 ? " " + std::to_string(m) + " min" : "");
  return std::to_string(m) + " min";
}

/* Elements that the host shows, each copied when it is looked at: an older host's elements may be
 * shorter than ours, and what they lack reads as zero. Valid until the call returns. */
template <class T>
class Rows {
 public:
  class Iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = const T*;
    using reference = T;
    using iterator_category = std::input_iterator_tag;
    Iterator(const Rows* rows, std::size_t at) : rows_(rows), at_(at) {}
    T operator*() const { return (*rows_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    friend bool operator==(Iterator a, Iterator b) { return a.at_ == b.at_; }
    friend bool operator!=(Iterator a, Iterator b) { return a.at_ != b.at_; }

   private:
    const Rows* rows_;
    std::size_t at_;
  };

  Rows() : array_{nullptr, 0, 0} {}
  explicit Rows(tonus_array array) : array_(array) {}
  std::size_t size() const { return array_.p == nullptr ? 0 : array_.n; }
  bool empty() const { return size() == 0; }
  T operator[](std::size_t i) const {
    T element{};
    const auto* first = static_cast<const unsigned char*>(array_.p);
    const std::size_t have = array_.stride < sizeof(T) ? array_.stride : sizeof(T);
    std::memcpy(&element, first + i * array_.stride, have);
    return element;
  }
  T back() const { return (*this)[size() - 1]; }
  Iterator begin() const { return Iterator(this, 0); }
  Iterator end() const { return Iterator(this, size()); }

 private:
  tonus_array array_;
};

}  // namespace tonus

#endif
