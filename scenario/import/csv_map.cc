#include "scenario/import/csv_map.h"

#include <cmath>
#include <utility>

#include "base/text.h"
#include "base/topic.h"
#include "base/yaml.h"
#include "scenario/import/recording.h"

namespace tonus::importing {
namespace {

using yaml::Node;

const std::vector<std::string> kKinds = {"vitals", "assessment", "lab"};

Result<void> ReadText(const Node& map, const char* key, std::string* out) {
  const auto node = map.Get(key);
  if (!node) return {};
  auto text = node->AsText();
  if (!text) return tl::unexpected(text.error());
  *out = *text;
  return {};
}

Result<MapName> ReadName(const Node& map, const char* key) {
  const auto node = map.Require(key);
  if (!node) return tl::unexpected(node.error());
  auto text = node->AsText();
  if (!text) return tl::unexpected(text.error());
  return MapName{*text, node->Where()};
}

Result<void> ReadOptionalName(const Node& map, const char* key, std::optional<MapName>* out) {
  if (!map.Get(key)) return {};
  auto name = ReadName(map, key);
  if (!name) return tl::unexpected(name.error());
  *out = *name;
  return {};
}

Result<void> ReadKind(const Node& map, std::string* kind) {
  const auto node = map.Get("kind");
  if (!node) return {};
  auto text = node->AsOneOf(kKinds);
  if (!text) return tl::unexpected(text.error());
  *kind = *text;
  return {};
}

// "+01:00" → nanoseconds east of UTC, by way of a time that is written with it.
Result<std::int64_t> ReadZone(const Node& node) {
  const auto text = node.AsText();
  if (!text) return tl::unexpected(text.error());
  const auto time = ParseTime("2000-01-01T00:00:00" + *text);
  if (!time) return node.Bad("'" + *text + "' is not a zone", "write it as +01:00 or Z");
  return 946684800LL * kSecondNs - *time;
}

Result<TimeColumn> ReadTime(const Node& node) {
  if (const auto keys = node.CheckKeys({"column", "format", "zone", "origin"}); !keys) {
    return tl::unexpected(keys.error());
  }
  TimeColumn time;
  auto column = ReadName(node, "column");
  if (!column) return tl::unexpected(column.error());
  time.column = *column;
  static const std::vector<std::string> forms = {"rfc3339", "local", "unix_s", "unix_ms", "hours"};
  if (const auto format = node.Get("format")) {
    const auto form = format->AsOneOf(forms);
    if (!form) return tl::unexpected(form.error());
    for (std::size_t i = 0; i < forms.size(); ++i) {
      if (forms[i] == *form) time.form = static_cast<TimeForm>(i);
    }
  }
  if (const auto zone = node.Get("zone")) {
    if (time.form != TimeForm::kLocal) return zone->Bad("a zone belongs to `format: local` alone");
    const auto zone_ns = ReadZone(*zone);
    if (!zone_ns) return tl::unexpected(zone_ns.error());
    time.zone_ns = *zone_ns;
  }
  const auto origin = node.Get("origin");
  if (origin.has_value() != (time.form == TimeForm::kHours)) {
    return (origin ? *origin : node)
        .Bad("`origin` and `format: hours` go together",
             "hours count from `origin: 2024-01-01T00:00:00Z`");
  }
  if (origin) {
    const auto origin_ns = origin->AsTime();
    if (!origin_ns) return tl::unexpected(origin_ns.error());
    time.origin_ns = *origin_ns;
  }
  return time;
}

Result<SignalMeaning> ReadMeaning(const Node& node, const std::string& kind) {
  SignalMeaning meaning;
  meaning.kind = kind;
  if (node.IsScalar()) {  // HR: HR
    auto code = node.AsText();
    if (!code) return tl::unexpected(code.error());
    meaning.code = *code;
    return meaning;
  }
  if (const auto keys =
          node.CheckKeys({"code", "system", "unit", "kind", "method", "body_site", "type"});
      !keys) {
    return tl::unexpected(keys.error());
  }
  const auto code = ReadName(node, "code");
  if (!code) return tl::unexpected(code.error());
  meaning.code = code->text;
  for (const auto& [key, out] : {std::pair<const char*, std::string*>{"system", &meaning.system},
                                 {"unit", &meaning.unit},
                                 {"method", &meaning.method},
                                 {"body_site", &meaning.body_site}}) {
    if (auto read = ReadText(node, key, out); !read) return tl::unexpected(read.error());
  }
  if (auto read = ReadKind(node, &meaning.kind); !read) return tl::unexpected(read.error());
  if (!meaning.unit.empty()) meaning.type = ValueType::kNumber;
  if (const auto type = node.Get("type")) {
    const auto text = type->AsOneOf({"number", "text", "auto"});
    if (!text) return tl::unexpected(text.error());
    meaning.type = *text == "number" ? ValueType::kNumber
                   : *text == "text" ? ValueType::kText
                                     : ValueType::kAuto;
  }
  return meaning;
}

Result<void> ReadSignals(const Node& root, CsvMap* map) {
  const char* const key = map->wide ? "columns" : "signals";
  const auto node = root.Get(key);
  if (!node) {
    if (!map->wide) return {};
    return root.Bad("`format: wide` needs `columns`", "name each column that holds values");
  }
  if (!node->IsMap()) return node->Bad(std::string("`") + key + "` is a map of names");
  for (const auto& [name, value] : node->Entries()) {
    auto meaning = ReadMeaning(value, map->kind);
    if (!meaning) return tl::unexpected(meaning.error());
    if (map->wide) {
      map->columns.emplace_back(MapName{name, node->WhereOfKey(name)}, std::move(*meaning));
    } else {
      map->signals.emplace(name, std::move(*meaning));
    }
  }
  return {};
}

Result<void> ReadPatient(const Node& root, CsvMap* map) {
  const auto node = root.Require("patient");
  if (!node) return tl::unexpected(node.error());
  if (auto keys = node->CheckKeys({"column", "prefix"}); !keys) return keys;
  auto column = ReadName(*node, "column");
  if (!column) return tl::unexpected(column.error());
  map->patient_column = *column;
  return ReadText(*node, "prefix", &map->patient_prefix);
}

Result<void> ReadTimes(const Node& root, CsvMap* map) {
  const auto node = root.Require("time");
  if (!node) return tl::unexpected(node.error());
  auto time = ReadTime(*node);
  if (!time) return tl::unexpected(time.error());
  map->time = *time;
  const auto recorded = root.Get("recorded");
  if (!recorded) return {};
  time = ReadTime(*recorded);
  if (!time) return tl::unexpected(time.error());
  map->recorded = *time;
  return {};
}

Result<void> ReadFormat(const Node& root, CsvMap* map) {
  const auto node = root.Require("format");
  if (!node) return tl::unexpected(node.error());
  const auto format = node->AsOneOf({"wide", "long"});
  if (!format) return tl::unexpected(format.error());
  map->wide = *format == "wide";
  std::vector<std::string> keys = {"format",   "delimiter", "missing",     "patient", "time",
                                   "recorded", "unit",      "unit_column", "source",  "kind"};
  for (const char* key : map->wide ? std::vector<const char*>{"columns"}
                                   : std::vector<const char*>{"signal_column", "value_column",
                                                              "value_unit_column", "signals"}) {
    keys.emplace_back(key);
  }
  return root.CheckKeys(keys);
}

Result<void> ReadDelimiter(const Node& root, CsvMap* map) {
  const auto node = root.Get("delimiter");
  if (!node) return {};
  const auto text = node->AsText();
  if (!text) return tl::unexpected(text.error());
  if (*text == "tab" || *text == "\t") {
    map->delimiter = '\t';
  } else if (text->size() == 1 && *text != "\"") {
    map->delimiter = text->front();
  } else {
    return node->Bad("a delimiter is one character, or `tab`");
  }
  return {};
}

Result<void> ReadMissing(const Node& root, CsvMap* map) {
  map->missing = {"", "NaN", "NA", "null"};
  const auto node = root.Get("missing");
  if (!node) return {};
  if (!node->IsList()) return node->Bad("`missing` is a list of texts that stand for no value");
  for (const Node& item : node->Items()) {
    const auto text = item.AsText();
    if (!text) return tl::unexpected(text.error());
    map->missing.insert(*text);
  }
  return {};
}

}  // namespace

Result<CsvMap> ReadCsvMap(const std::string& path) {
  const auto root = Node::ParseFile(path);
  if (!root) return tl::unexpected(root.error());
  if (!root->IsMap()) return root->Bad("the file must be a map of keys", "see docs/importing.md");
  CsvMap map;
  for (const auto read : {ReadFormat, ReadDelimiter, ReadMissing, ReadPatient, ReadTimes}) {
    if (auto done = read(*root, &map); !done) return tl::unexpected(done.error());
  }
  for (const auto& [key, out] :
       {std::pair<const char*, std::string*>{"unit", &map.unit}, {"source", &map.source}}) {
    if (auto read = ReadText(*root, key, out); !read) return tl::unexpected(read.error());
  }
  if (auto read = ReadKind(*root, &map.kind); !read) return tl::unexpected(read.error());
  if (auto read = ReadOptionalName(*root, "unit_column", &map.unit_column); !read) {
    return tl::unexpected(read.error());
  }
  if (!map.wide) {
    for (const auto& [key, out] :
         {std::pair<const char*, MapName*>{"signal_column", &map.signal_column},
          {"value_column", &map.value_column}}) {
      auto name = ReadName(*root, key);
      if (!name) return tl::unexpected(name.error());
      *out = *name;
    }
    if (auto read = ReadOptionalName(*root, "value_unit_column", &map.value_unit_column); !read) {
      return tl::unexpected(read.error());
    }
  }
  if (auto read = ReadSignals(*root, &map); !read) return tl::unexpected(read.error());
  return map;
}

Result<std::int64_t> ParseTimeAs(const TimeColumn& column, const std::string& text) {
  double number = 0;
  switch (column.form) {
    case TimeForm::kRfc3339:
      return ParseTime(text);
    case TimeForm::kLocal: {
      auto time = ParseLocalTime(text);
      if (time) *time -= column.zone_ns;
      return time;
    }
    default:
      break;
  }
  if (!ParseNumber(text, &number)) {
    return Fail(ErrorCode::kMalformed, "'" + text + "' is not a number");
  }
  const double scale = column.form == TimeForm::kUnixS    ? 1e9
                       : column.form == TimeForm::kUnixMs ? 1e6
                                                          : 3600e9;
  if (std::abs(number * scale) > 9e18) {
    return Fail(ErrorCode::kMalformed, "'" + text + "' is no time between 1684 and 2255");
  }
  return column.origin_ns + std::llround(number * scale);
}

}  // namespace tonus::importing
