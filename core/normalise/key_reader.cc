#include <algorithm>
#include <cmath>

#include "core/normalise/mapping_data.h"

namespace tonus::core {

KeyReader::KeyReader(const yaml::Node& map, const std::vector<std::string>& allowed) : map_(map) {
  if (auto good = map.CheckKeys(allowed); !good) Complain(good.error());
}

void KeyReader::Complain(Error error) {
  if (!error_) error_ = std::move(error);
}

void KeyReader::Complain(const yaml::Node& node, std::string what, std::string hint) {
  Complain(node.Bad(std::move(what), std::move(hint)).value());
}

Result<void> KeyReader::Status() const {
  if (error_) return tl::unexpected<Error>(*error_);
  return {};
}

std::string KeyReader::Text(std::string_view key) {
  const auto node = map_.Get(key);
  if (!node || node->IsNull()) return {};
  auto text = node->AsText();
  if (!text) {
    Complain(text.error());
    return {};
  }
  return *text;
}

std::string KeyReader::RequiredText(std::string_view key) {
  auto node = map_.Require(key);
  if (!node) {
    Complain(node.error());
    return {};
  }
  std::string text = Text(key);
  if (text.empty()) Complain(*node, "is empty");
  return text;
}

double KeyReader::Number(std::string_view key, std::optional<double> fallback) {
  if (fallback && !map_.Get(key)) return *fallback;
  auto node = map_.Require(key);
  if (!node) {
    Complain(node.error());
    return fallback.value_or(0);
  }
  auto number = node->AsNumber();
  if (number && std::isfinite(*number)) return *number;
  if (number) {
    Complain(*node, "is not a finite number");
  } else {
    Complain(number.error());
  }
  return fallback.value_or(0);
}

bool KeyReader::Bool(std::string_view key) {
  const auto node = map_.Get(key);
  if (!node) return false;
  auto value = node->AsBool();
  if (!value) {
    Complain(value.error());
    return false;
  }
  return *value;
}

std::int64_t KeyReader::Duration(std::string_view key) {
  auto node = map_.Require(key);
  if (!node) {
    Complain(node.error());
    return 0;
  }
  auto value = node->AsDuration();
  if (!value) {
    Complain(value.error());
    return 0;
  }
  if (*value <= 0) Complain(*node, "is not a duration above zero");
  return *value;
}

std::vector<std::pair<yaml::Node, std::string>> KeyReader::Texts(std::string_view key) {
  std::vector<std::pair<yaml::Node, std::string>> texts;
  const auto node = map_.Get(key);
  if (!node || node->IsNull()) return texts;
  if (!node->IsList()) {
    Complain(*node, "is not a list", "write [a, b]");
    return texts;
  }
  for (const yaml::Node& item : node->Items()) {
    auto text = item.AsText();
    if (!text) {
      Complain(text.error());
    } else if (text->empty() || text->size() > CodeTable::kMaxCodeBytes) {
      Complain(item, "is empty or longer than 128 bytes");
    } else {
      texts.emplace_back(item, *text);
    }
  }
  return texts;
}

std::optional<yaml::Node> KeyReader::Map(std::string_view key) {
  auto node = map_.Require(key);
  if (!node) {
    Complain(node.error());
    return std::nullopt;
  }
  if (!node->IsMap()) {
    Complain(*node, "is not a map");
    return std::nullopt;
  }
  return *node;
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ' ';
  });
}

}  // namespace tonus::core
