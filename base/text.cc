#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace tonus {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (Lower(a[i - 1]) == Lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

/// Days since 1970-01-01 of a civil date. Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms".
std::int64_t DaysFromCivil(std::int64_t y, unsigned m, unsigned d) {
  y -= m <= 2 ? 1 : 0;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<std::int64_t>(doe) - 719468;
}

struct Civil {
  std::int64_t year;
  unsigned month;
  unsigned day;
};

Civil CivilFromDays(std::int64_t z) {
  z += 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const auto doe = static_cast<unsigned>(z - era * 146097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned day = doy - (153 * mp + 2) / 5 + 1;
  const unsigned month = mp < 10 ? mp + 3 : mp - 9;
  return {static_cast<std::int64_t>(yoe) + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

/// Reads exactly `width` digits at `*at`, or fails.
bool Digits(std::string_view text, std::size_t* at, std::size_t width, unsigned* out) {
  if (*at + width > text.size()) return false;
  const auto [end, error] = std::from_chars(text.data() + *at, text.data() + *at + width, *out);
  if (error != std::errc() || end != text.data() + *at + width) return false;
  *at += width;
  return true;
}

bool Literal(std::string_view text, std::size_t* at, char c) {
  if (*at >= text.size() || Lower(text[*at]) != Lower(c)) return false;
  ++*at;
  return true;
}

}  // namespace

std::optional<std::string> NearestName(std::string_view word,
                                       const std::vector<std::string>& candidates) {
  // Where every letter would have to change, nothing is left of the word.
  std::size_t best = std::min(std::max<std::size_t>(2, word.size() / 3) + 1, word.size());
  std::optional<std::string> nearest;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = EditDistance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string FormatDouble(double value) {
  std::array<char, 32> buffer = {};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return error == std::errc() ? std::string(buffer.data(), end) : std::string("nan");
}

std::string FormatRounded(double value, int decimals) {
  if (!std::isfinite(value)) return FormatDouble(value);
  std::array<char, 400> buffer = {};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                          std::chars_format::fixed, decimals);
  if (error != std::errc()) return FormatDouble(value);
  std::string text(buffer.data(), end);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

bool IsUtf8(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    const auto first = static_cast<unsigned char>(bytes[i]);
    if (first < 0x80) {
      ++i;
      continue;
    }
    const std::size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC2 || first > 0xF4 || i + more >= bytes.size()) return false;
    std::uint32_t point = first & (0x3FU >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(bytes[i + k]);
      if ((next & 0xC0U) != 0x80) return false;
      point = point << 6U | (next & 0x3FU);
    }
    if ((more == 2 && point < 0x800) || (more == 3 && point < 0x10000) || point > 0x10FFFF ||
        (point >= 0xD800 && point <= 0xDFFF)) {
      return false;
    }
    i += more + 1;
  }
  return true;
}

std::string CutText(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
  return std::string(text.substr(0, bytes));
}

std::string FormatTime(std::int64_t ns) {
  std::int64_t seconds = ns / kSecondNs;
  std::int64_t rest = ns % kSecondNs;
  if (rest < 0) {
    rest += kSecondNs;
    --seconds;
  }
  std::int64_t days = seconds / 86400;
  std::int64_t of_day = seconds % 86400;
  if (of_day < 0) {
    of_day += 86400;
    --days;
  }
  const Civil civil = CivilFromDays(days);
  std::array<char, 64> buffer = {};
  const auto h = static_cast<int>(of_day / 3600);
  const auto m = static_cast<int>(of_day / 60 % 60);
  const auto s = static_cast<int>(of_day % 60);
  const auto ms = static_cast<int>(rest / 1'000'000);
  if (ms == 0) {
    std::snprintf(buffer.data(), buffer.size(), "%04lld-%02u-%02uT%02d:%02d:%02dZ",
                  static_cast<long long>(civil.year), civil.month, civil.day, h, m, s);
  } else {
    std::snprintf(buffer.data(), buffer.size(), "%04lld-%02u-%02uT%02d:%02d:%02d.%03dZ",
                  static_cast<long long>(civil.year), civil.month, civil.day, h, m, s, ms);
  }
  return buffer.data();
}

Result<std::int64_t> ParseTime(std::string_view text) {
  const auto bad = [&text]() {
    return Fail(ErrorCode::kMalformed, "'" + std::string(text) + "' is not a time", "",
                "write it as 2024-03-01T08:00:00Z");
  };
  std::size_t at = 0;
  unsigned year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  if (!Digits(text, &at, 4, &year) || !Literal(text, &at, '-') || !Digits(text, &at, 2, &month) ||
      !Literal(text, &at, '-') || !Digits(text, &at, 2, &day)) {
    return bad();
  }
  if (at >= text.size() || (Lower(text[at]) != 't' && text[at] != ' ')) return bad();
  ++at;
  if (!Digits(text, &at, 2, &hour) || !Literal(text, &at, ':') || !Digits(text, &at, 2, &minute)) {
    return bad();
  }
  if (Literal(text, &at, ':') && !Digits(text, &at, 2, &second)) return bad();
  std::int64_t fraction_ns = 0;
  if (Literal(text, &at, '.')) {
    std::int64_t scale = kSecondNs / 10;
    const std::size_t first = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      fraction_ns += (text[at] - '0') * scale;
      scale /= 10;
      ++at;
    }
    if (at == first) return bad();
  }
  std::int64_t zone_minutes = 0;
  if (!Literal(text, &at, 'z')) {
    if (at >= text.size() || (text[at] != '+' && text[at] != '-')) return bad();
    const int sign = text[at] == '-' ? -1 : 1;
    ++at;
    unsigned zone_hour = 0;
    unsigned zone_minute = 0;
    if (!Digits(text, &at, 2, &zone_hour)) return bad();
    Literal(text, &at, ':');
    if (!Digits(text, &at, 2, &zone_minute)) return bad();
    zone_minutes = sign * static_cast<std::int64_t>(zone_hour * 60 + zone_minute);
  }
  static constexpr std::array<unsigned, 12> kDays = {31, 29, 31, 30, 31, 30,
                                                     31, 31, 30, 31, 30, 31};
  if (at != text.size() || year < 1900 || year > 2261 || month < 1 || month > 12 || day < 1 ||
      day > kDays[month - 1] || hour > 23 || minute > 59 || second > 59) {
    return bad();
  }
  const std::int64_t days = DaysFromCivil(year, month, day);
  const Civil back = CivilFromDays(days);
  if (back.day != day) return bad();
  return (days * 86400 + static_cast<std::int64_t>(hour) * 3600 +
          static_cast<std::int64_t>(minute) * 60 + second - zone_minutes * 60) *
             kSecondNs +
         fraction_ns;
}

Result<std::int64_t> ParseDuration(std::string_view text) {
  const auto bad = [&text]() {
    return Fail(ErrorCode::kMalformed, "'" + std::string(text) + "' is not a duration", "",
                "write a number and one of s, m, h, d, w, y, such as 90s or 6h");
  };
  if (text.size() < 2) return bad();
  std::int64_t unit = 0;
  switch (text.back()) {
    case 's':
      unit = kSecondNs;
      break;
    case 'm':
      unit = kMinuteNs;
      break;
    case 'h':
      unit = kHourNs;
      break;
    case 'd':
      unit = kDayNs;
      break;
    case 'w':
      unit = 7 * kDayNs;
      break;
    case 'y':
      unit = 365 * kDayNs;
      break;
    default:
      return bad();
  }
  std::string_view number = text.substr(0, text.size() - 1);
  if (number.front() == '+') number.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value,
                                            std::chars_format::fixed);
  if (error != std::errc() || end != number.data() + number.size()) return bad();
  const double ns = value * static_cast<double>(unit);
  if (!(std::abs(ns) < 9.0e18)) return bad();
  return static_cast<std::int64_t>(std::llround(ns));
}

std::string FormatDuration(std::int64_t ns) {
  const std::string sign = ns < 0 ? "-" : "";
  const std::int64_t s = (ns < 0 ? -ns : ns) / kSecondNs;
  const auto two = [&sign](std::int64_t a, const char* unit_a, std::int64_t b, const char* unit_b) {
    std::string out = sign + std::to_string(a) + " " + unit_a;
    if (b != 0) out += " " + std::to_string(b) + " " + unit_b;
    return out;
  };
  if (s >= 86400) return two(s / 86400, "d", s / 3600 % 24, "h");
  if (s >= 3600) return two(s / 3600, "h", s / 60 % 60, "min");
  if (s >= 60) return two(s / 60, "min", s % 60, "s");
  return sign + std::to_string(s) + " s";
}

}  // namespace tonus
