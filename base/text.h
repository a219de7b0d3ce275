#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tonus {

/// The candidate nearest to `word` in edit distance, case ignored; nothing where none is near
/// enough to be a typo (more than a third of the word, and more than two letters, would have to
/// change).
std::optional<std::string> NearestName(std::string_view word,
                                       const std::vector<std::string>& candidates);

/// Shortest decimal text that reads back as the same double; locale never matters. "nan", "inf" as
/// such.
std::string FormatDouble(double value);

/// `value` with at most `decimals` digits after the point, trailing zeros cut: for sentences.
std::string FormatRounded(double value, int decimals);

/// Whether bytes are well-formed UTF-8 (no overlong forms, surrogates or values above U+10FFFF).
bool IsUtf8(std::string_view bytes);

/// At most `bytes` of a UTF-8 text, cut between two characters.
std::string CutText(std::string_view text, std::size_t bytes);

/// "2024-03-01T08:00:00Z", with milliseconds where they are not zero.
std::string FormatTime(std::int64_t ns_since_1970);

/// Reads RFC 3339 with `Z` or a numeric zone. Fails with kMalformed.
Result<std::int64_t> ParseTime(std::string_view text);

/// Reads "90s", "20m", "6h", "1d", "2w", "3y" (365 d), with a sign, as nanoseconds. Fails with
/// kMalformed.
Result<std::int64_t> ParseDuration(std::string_view text);

/// "3 d 4 h", "2 h 5 min", "40 s": the two largest units, for sentences.
std::string FormatDuration(std::int64_t ns);

inline constexpr std::int64_t kSecondNs = 1'000'000'000;
inline constexpr std::int64_t kMinuteNs = 60 * kSecondNs;
inline constexpr std::int64_t kHourNs = 60 * kMinuteNs;
inline constexpr std::int64_t kDayNs = 24 * kHourNs;

}  // namespace tonus
