#include "base/topic.h"

#include <algorithm>
#include <array>

namespace tonus {
namespace {

constexpr std::array<std::string_view, 11> kInputKinds = {
    "vitals",    "pump",      "order",   "administration", "assessment", "lab",
    "procedure", "encounter", "patient", "action",         "custom"};

constexpr std::string_view kGrammarHint =
    "a topic is <kind>.<unit>.<patient>. in letters, digits, '-', '_' and %XX, at most 255 bytes, "
    "with a dot at its end";

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool IsPart(std::string_view part) {
  if (part.empty()) return false;
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (IsPlain(part[i])) continue;
    if (part[i] != '%' || i + 2 >= part.size()) return false;
    if (HexValue(part[i + 1]) < 0 || HexValue(part[i + 2]) < 0) return false;
    i += 2;
  }
  return true;
}

/// How many parts a kind's topics have, the kind itself included; 0 for an unknown kind.
std::size_t PartsOf(std::string_view kind) {
  if (IsInputKind(kind) || kind == "dead") return 3;
  if (kind == "alert") return 4;
  if (kind == "tech" || kind == "health") return 2;
  if (kind == "tick" || kind == "progress" || kind == "config") return 1;
  return 0;
}

}  // namespace

bool IsInputKind(std::string_view kind) {
  return std::find(kInputKinds.begin(), kInputKinds.end(), kind) != kInputKinds.end();
}

Result<TopicParts> ParseTopic(std::string_view topic) {
  const auto bad = [](std::string what) {
    return Fail(ErrorCode::kMalformed, std::move(what), "topic", std::string(kGrammarHint));
  };
  if (topic.empty()) return bad("the topic is empty");
  if (topic.size() > kMaxTopicBytes) {
    return bad("the topic has " + std::to_string(topic.size()) + " bytes");
  }
  if (topic.back() != '.') return bad("the topic does not end with a dot");
  std::array<std::string_view, 4> parts;
  std::size_t count = 0;
  std::size_t begin = 0;
  while (begin < topic.size()) {
    const std::size_t end = topic.find('.', begin);
    if (count == parts.size()) return bad("the topic has more than four parts");
    parts[count] = topic.substr(begin, end - begin);
    if (!IsPart(parts[count])) {
      return bad("part " + std::to_string(count + 1) +
                 " of the topic is empty or holds other bytes");
    }
    ++count;
    begin = end + 1;
  }
  const std::size_t wanted = PartsOf(parts[0]);
  if (wanted == 0) return bad("no kind of topic is named '" + std::string(parts[0]) + "'");
  if (count != wanted) {
    return bad("topics of kind '" + std::string(parts[0]) + "' have " + std::to_string(wanted) +
               " parts, this one has " + std::to_string(count));
  }
  TopicParts result;
  result.kind = parts[0];
  if (wanted >= 3) {
    result.unit = parts[1];
    result.patient = parts[2];
  }
  if (wanted == 4) result.condition = parts[3];
  return result;
}

std::string_view StreamOf(std::string_view topic) {
  const std::size_t first = topic.find('.');
  if (first == std::string_view::npos) return topic;
  const std::size_t second = topic.find('.', first + 1);
  if (second == std::string_view::npos) return topic.substr(0, first);
  return topic.substr(0, second);
}

std::string EscapeTopicPart(std::string_view name) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  if (name.empty()) return "_";
  if (name == "_") return "%5F";
  std::string out;
  out.reserve(name.size());
  for (const char c : name) {
    if (IsPlain(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
  return out;
}

std::string UnescapeTopicPart(std::string_view part) {
  if (part == "_") return {};
  std::string out;
  out.reserve(part.size());
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '%' && i + 2 < part.size()) {
      const int high = HexValue(part[i + 1]);
      const int low = HexValue(part[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += part[i];
  }
  return out;
}

std::string JoinTopic(const std::vector<std::string_view>& parts) {
  std::string out;
  for (const std::string_view part : parts) {
    out += part;
    out += '.';
  }
  return out;
}

}  // namespace tonus
