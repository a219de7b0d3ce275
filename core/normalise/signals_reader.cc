#include <algorithm>
#include <charconv>
#include <map>

#include "base/text.h"
#include "core/normalise/mapping_data.h"

// Reads config/signals.yaml. Each function reads one section; the first complaint ends the reading.

namespace tonus::core {
namespace {

constexpr std::uint32_t kMdcPartition = 65536;

const std::vector<std::pair<std::string, CodeSystem>>& SystemNames() {
  static const std::vector<std::pair<std::string, CodeSystem>> names = {
      {"local", CodeSystem::kLocal},   {"mdc", CodeSystem::kMdc},
      {"loinc", CodeSystem::kLoinc},   {"snomed", CodeSystem::kSnomed},
      {"rxnorm", CodeSystem::kRxnorm}, {"atc", CodeSystem::kAtc}};
  return names;
}

std::vector<std::string> SystemKeys() {
  std::vector<std::string> keys;
  for (const auto& [name, system] : SystemNames()) keys.push_back(name);
  return keys;
}

/// The number that all of `text` spells; nothing else.
std::optional<std::uint32_t> WholeNumber(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<void> ReadSystems(const yaml::Node& root, MappingData* data) {
  for (const auto& [name, system] : SystemNames()) {
    data->systems.Insert(CodeSystem::kLocal, name, static_cast<std::uint32_t>(system));
  }
  const auto node = root.Get("systems");
  if (!node) return {};
  KeyReader reader(*node, SystemKeys());
  for (const auto& [name, system] : SystemNames()) {
    for (const auto& [item, alias] : reader.Texts(name)) {
      const auto id = static_cast<std::uint32_t>(system);
      const std::uint32_t there = data->systems.Insert(CodeSystem::kLocal, alias, id);
      if (there != 0 && there != id) reader.Complain(item, "names two code systems");
    }
  }
  return reader.Status();
}

Result<void> ReadUnits(const yaml::Node& root, MappingData* data) {
  auto node = root.Require("units");
  if (!node) return tl::unexpected(node.error());
  std::vector<std::string> names;
  for (const auto& [name, value] : node->Entries()) names.push_back(name);
  KeyReader reader(*node, names);
  for (const std::string& name : names) {
    data->units.push_back(name);
    const auto id = static_cast<std::uint32_t>(data->units.size());
    if (data->unit_spellings.Insert(CodeSystem::kLocal, name, id) != 0) {
      reader.Complain(*node, "spells unit '" + name + "' twice");
    }
    for (const auto& [item, spelling] : reader.Texts(name)) {
      const std::uint32_t there = data->unit_spellings.Insert(CodeSystem::kLocal, spelling, id);
      if (there != 0) {
        reader.Complain(
            item, "'" + spelling + "' is a spelling of '" + data->units[there - 1] + "' already");
      }
    }
  }
  return reader.Status();
}

Result<void> ReadSentinels(const yaml::Node& root, MappingData* data) {
  const auto node = root.Get("sentinels");
  if (!node) return {};
  for (const yaml::Node& item : node->Items()) {
    auto number = item.AsNumber();
    if (!number) return tl::unexpected(number.error());
    data->sentinels.push_back(*number);
  }
  return {};
}

Result<std::vector<ValueWord>> ReadWords(const std::optional<yaml::Node>& node) {
  std::vector<ValueWord> words;
  if (!node) return words;
  for (const auto& [word, value] : node->Entries()) {
    auto number = value.AsNumber();
    if (!number) return tl::unexpected(number.error());
    words.push_back({FoldCode(word), *number});
  }
  return words;
}

Result<void> ReadRefusedCodes(const yaml::Node& root, MappingData* data) {
  const auto node = root.Get("refused_codes");
  if (!node) return {};
  for (const yaml::Node& item : node->Items()) {
    KeyReader reader(item, {"system", "code", "why"});
    const std::string system = reader.RequiredText("system");
    const std::string code = reader.RequiredText("code");
    data->refused_reasons.push_back(reader.RequiredText("why"));
    const std::uint32_t id = data->systems.Find(CodeSystem::kLocal, system);
    if (reader.ok() && id == 0) {
      reader.Complain(item, "names the unknown code system '" + system + "'");
    }
    if (!reader.ok()) return reader.Status();
    data->refused.Insert(static_cast<CodeSystem>(id), code,
                         static_cast<std::uint32_t>(data->refused_reasons.size()));
  }
  return {};
}

Result<void> ReadIgnoredCodes(const yaml::Node& root, MappingData* data) {
  const auto node = root.Get("ignored_codes");
  if (!node) return {};
  KeyReader reader(*node, SystemKeys());
  for (const auto& [name, system] : SystemNames()) {
    for (const auto& [item, code] : reader.Texts(name)) {
      if (data->signal_codes.Find(system, code) != 0) {
        reader.Complain(item, name + " code '" + code + "' belongs to a signal");
      }
      data->ignored.Insert(system, code, 1);
    }
  }
  return reader.Status();
}

/// Units besides the canonical one.
void ReadConversions(const yaml::Node& node, MappingData* data, KeyReader* reader, Signal* signal) {
  for (const auto& [unit, value] : node.Entries()) {
    const std::uint32_t id = data->unit_spellings.Find(CodeSystem::kLocal, unit);
    if (id == 0 || data->units[id - 1] != unit) {
      reader->Complain(node.UnknownKey(unit, data->units));
      return;
    }
    UnitConversion conversion;
    conversion.unit = unit;
    KeyReader numbers(value, {"subtract", "times", "over"});
    conversion.subtract = numbers.Number("subtract", 0);
    conversion.times = numbers.Number("times", 1);
    conversion.over = numbers.Number("over", 1);
    if (numbers.ok() && (conversion.times == 0 || conversion.over == 0)) {
      numbers.Complain(value, "multiplies or divides by zero");
    }
    if (!numbers.ok()) reader->Complain(numbers.Status().error());
    signal->units.push_back(conversion);
  }
}

void AddSignalCodes(KeyReader* reader, MappingData* data, const Signal& signal) {
  for (const auto& [key, system] : SystemNames()) {
    if (system == CodeSystem::kRxnorm || system == CodeSystem::kAtc) continue;
    for (const auto& [item, code] : reader->Texts(key)) {
      if (const std::uint32_t why = data->refused.Find(system, code)) {
        reader->Complain(item, key + " code " + code +
                                   " is one of refused_codes: " + data->refused_reasons[why - 1]);
      }
      const auto number = WholeNumber(code);
      if (system == CodeSystem::kMdc && number && *number < kMdcPartition) {
        reader->Complain(item, "MDC code " + code + " has no partition",
                         "write partition · 65536 + term; for most measurements that is " +
                             std::to_string(2 * kMdcPartition + *number));
      }
      const std::uint32_t there = data->signal_codes.Insert(system, code, signal.id);
      if (there != 0 && there != signal.id) {
        reader->Complain(item, key + " code '" + code + "' belongs to " +
                                   data->signals[there - 1].name + " already");
      }
    }
  }
}

void ReadRange(KeyReader* reader, Signal* signal) {
  if (signal->yes_no) {
    signal->plausible_high = 1;
    signal->meaningful_change = 1;
    return;
  }
  if (const auto node = reader->Map("plausible")) {
    KeyReader range(*node, {"low", "high", "source"});
    signal->plausible_low = range.Number("low");
    signal->plausible_high = range.Number("high");
    range.RequiredText("source");
    if (range.ok() && signal->plausible_low >= signal->plausible_high) {
      range.Complain(*node, "has a low that is not below its high");
    }
    if (!range.ok()) reader->Complain(range.Status().error());
  }
  if (const auto node = reader->Map("change")) {
    KeyReader change(*node, {"at_least", "source"});
    signal->meaningful_change = change.Number("at_least");
    change.RequiredText("source");
    if (!change.ok()) reader->Complain(change.Status().error());
  }
}

void ReadStale(KeyReader* reader, Signal* signal) {
  if (const auto node = reader->Map("stale")) {
    KeyReader stale(*node, {"after", "source"});
    signal->stale_after_ns = stale.Duration("after");
    stale.RequiredText("source");
    if (!stale.ok()) reader->Complain(stale.Status().error());
  }
}

/// What the values of a signal may be: words, and sentinels that no plausible value is.
void ReadValues(const yaml::Node& node, const MappingData& data, KeyReader* reader,
                Signal* signal) {
  auto words = ReadWords(node.Get("words"));
  if (!words) {
    reader->Complain(words.error());
    return;
  }
  signal->words = std::move(*words);
  const bool two_valued = signal->plausible_low == 0 && signal->plausible_high == 1;
  if (two_valued) {
    signal->words.insert(signal->words.end(), data.answers.begin(), data.answers.end());
    signal->show_words = true;
  }
  for (const double sentinel : data.sentinels) {
    if (sentinel < signal->plausible_low || sentinel > signal->plausible_high) {
      signal->sentinels.push_back(sentinel);
    }
  }
  const auto own = node.Get("sentinels");
  if (!own) return;
  for (const yaml::Node& item : own->Items()) {
    auto number = item.AsNumber();
    if (!number) {
      reader->Complain(number.error());
    } else if (*number >= signal->plausible_low && *number <= signal->plausible_high) {
      reader->Complain(item, "is a sentinel inside the plausible range");
    } else {
      signal->sentinels.push_back(*number);
    }
  }
}

Result<void> ReadSignal(const std::string& name, const yaml::Node& node, MappingData* data) {
  KeyReader reader(
      node,
      {"title",         "kind",       "unit",       "display", "dense", "sites",     "yes_no",
       "unit_required", "decimals",   "plausible",  "change",  "stale", "sentinels", "units",
       "words",         "show_words", "except_lab", "mdc",     "loinc", "snomed",    "local"});
  if (!IsName(name))
    reader.Complain(node, "the name '" + name + "' may hold letters, digits and _");
  Signal signal;
  signal.id = static_cast<SignalId>(data->signals.size() + 1);
  signal.name = name;
  signal.title = reader.RequiredText("title");
  if (auto kind_node = node.Require("kind"); !kind_node) {
    reader.Complain(kind_node.error());
  } else if (auto kind = kind_node->AsOneOf({"vitals", "assessment", "lab"}); !kind) {
    reader.Complain(kind.error());
  } else {
    signal.kind = *kind == "vitals" ? SignalKind::kVitals
                                    : (*kind == "lab" ? SignalKind::kLab : SignalKind::kAssessment);
  }
  signal.unit = reader.Text("unit");
  const std::uint32_t unit = data->unit_spellings.Find(CodeSystem::kLocal, signal.unit);
  if (!signal.unit.empty() && (unit == 0 || data->units[unit - 1] != signal.unit)) {
    reader.Complain(*node.Get("unit"), "'" + signal.unit + "' is not the first spelling of a unit",
                    "declare it under units");
  }
  signal.display_unit = reader.Text("display");
  signal.dense = reader.Bool("dense");
  signal.sites = reader.Bool("sites");
  signal.yes_no = reader.Bool("yes_no");
  signal.unit_required = reader.Bool("unit_required");
  signal.show_words = reader.Bool("show_words");
  signal.except_lab = reader.Bool("except_lab");
  signal.decimals = static_cast<int>(std::clamp(reader.Number("decimals", 0), 0.0, 6.0));
  ReadRange(&reader, &signal);
  ReadStale(&reader, &signal);
  if (const auto units = node.Get("units")) ReadConversions(*units, data, &reader, &signal);
  ReadValues(node, *data, &reader, &signal);
  data->names.Insert(NameKey(NameSpace::kSignal), name, signal.id);
  data->signals.push_back(signal);
  const std::uint32_t there = data->signal_codes.Insert(CodeSystem::kLocal, name, signal.id);
  if (there != 0 && there != signal.id) {
    reader.Complain(node, "the name '" + name + "' is a local code of " +
                              data->signals[there - 1].name + " already");
  }
  AddSignalCodes(&reader, data, signal);
  return reader.Status();
}

/// The 16-bit term alone is accepted where it can only be one signal's.
void AddContextFreeTerms(MappingData* data) {
  std::map<std::uint32_t, std::uint32_t> owner;  // Term → signal; 0: of two.
  for (const CodeTable::Entry& entry : data->signal_codes.Entries()) {
    if (entry.system != CodeSystem::kMdc) continue;
    const auto code = WholeNumber(entry.code);
    if (!code) continue;
    const auto [it, inserted] = owner.emplace(*code % kMdcPartition, entry.id);
    if (!inserted && it->second != entry.id) it->second = 0;
  }
  for (const auto& [term, id] : owner) {
    if (id != 0) data->signal_codes.Insert(CodeSystem::kMdc, std::to_string(term), id);
  }
}

const std::vector<std::pair<std::string, std::uint32_t>>& FieldNames() {
  static const std::vector<std::pair<std::string, std::uint32_t>> names = {
      {"expected_ml", kFieldExpectedMl},
      {"aspirated_ml", kFieldAspiratedMl},
      {"filled_ml", kFieldFilledMl},
      {"concentration_ug_per_ml", kFieldConcentration},
      {"daily_dose_ug", kFieldDailyDoseUg},
      {"dose_ug", kFieldDoseUg},
      {"phase", kFieldPhase},
      {"result", kFieldResult},
      {"response", kFieldResponse}};
  return names;
}

std::uint32_t ReadFields(KeyReader* reader, std::string_view key) {
  std::vector<std::string> allowed;
  for (const auto& [name, bit] : FieldNames()) allowed.push_back(name);
  std::uint32_t fields = 0;
  for (const auto& [item, text] : reader->Texts(key)) {
    const auto name = item.AsOneOf(allowed);
    if (!name) {
      reader->Complain(name.error());
      continue;
    }
    for (const auto& [field, bit] : FieldNames()) {
      if (field == *name) fields |= bit;
    }
  }
  return fields;
}

/// pump_events or procedures.
Result<void> ReadFactTypes(const yaml::Node& root, const std::string& key, NameSpace space,
                           std::vector<FactType>* types, CodeTable* aliases, MappingData* data) {
  auto node = root.Require(key);
  if (!node) return tl::unexpected(node.error());
  for (const auto& [name, value] : node->Entries()) {
    KeyReader reader(value, {"title", "fields", "required", "aliases"});
    if (!IsName(name))
      reader.Complain(value, "the name '" + name + "' may hold letters, digits and _");
    FactType type;
    type.id = static_cast<std::uint32_t>(types->size() + 1);
    type.name = name;
    type.title = reader.RequiredText("title");
    type.required = ReadFields(&reader, "required");
    type.allowed = ReadFields(&reader, "fields") | type.required;
    data->names.Insert(NameKey(space), name, type.id);
    types->push_back(type);
    std::vector<std::pair<yaml::Node, std::string>> names = reader.Texts("aliases");
    names.emplace_back(value, name);
    for (const auto& [item, alias] : names) {
      const std::uint32_t there = aliases->Insert(CodeSystem::kLocal, alias, type.id);
      if (there != 0 && there != type.id) {
        reader.Complain(item,
                        "'" + alias + "' stands for " + (*types)[there - 1].name + " already");
      }
    }
    if (!reader.ok()) return reader.Status();
  }
  return {};
}

Result<void> ReadPumpLimits(const yaml::Node& root, MappingData* data) {
  auto node = root.Require("pump_limits");
  if (!node) return tl::unexpected(node.error());
  KeyReader reader(*node, {"daily_dose_ug_max", "dose_ug_max", "concentration_max_ug_per_ml",
                           "volume_max_ml", "usual_concentrations_ug_per_ml", "source"});
  data->pump.daily_dose_ug_max = reader.Number("daily_dose_ug_max");
  data->pump.dose_ug_max = reader.Number("dose_ug_max");
  data->pump.concentration_max_ug_per_ml = reader.Number("concentration_max_ug_per_ml");
  data->pump.volume_max_ml = reader.Number("volume_max_ml");
  reader.RequiredText("source");
  const auto usual = node->Get("usual_concentrations_ug_per_ml");
  for (const yaml::Node& item : usual ? usual->Items() : std::vector<yaml::Node>{}) {
    auto number = item.AsNumber();
    if (!number) return tl::unexpected(number.error());
    data->pump.usual_concentrations_ug_per_ml.push_back(*number);
  }
  return reader.Status();
}

/// A map of names to durations below `key`.
std::vector<std::pair<std::string, std::int64_t>> ReadBounds(KeyReader* reader, const char* key) {
  std::vector<std::pair<std::string, std::int64_t>> bounds;
  const auto node = reader->Map(key);
  if (!node) return bounds;
  std::vector<std::string> names;
  for (const auto& [name, value] : node->Entries()) names.push_back(name);
  KeyReader inner(*node, names);
  for (const std::string& name : names) bounds.emplace_back(name, inner.Duration(name));
  if (const auto good = inner.Status(); !good) reader->Complain(good.error());
  return bounds;
}

Result<void> ReadFuture(const yaml::Node& root, MappingData* data) {
  const auto node = root.Get("future");
  if (!node) return {};
  KeyReader reader(*node, {"device", "kinds", "sources", "source"});
  data->future.device_ns = reader.Duration("device");
  data->future.kinds = ReadBounds(&reader, "kinds");
  data->future.sources = ReadBounds(&reader, "sources");
  reader.RequiredText("source");
  return reader.Status();
}

}  // namespace

Result<void> ReadSignalsFile(const yaml::Node& root, MappingData* data) {
  const std::vector<std::string> keys = {
      "systems", "units",       "sentinels",   "refused_codes", "ignored_codes", "signals",
      "answers", "pump_limits", "pump_events", "procedures",    "future"};
  if (auto good = root.CheckKeys(keys); !good) return good;
  if (auto good = ReadSystems(root, data); !good) return good;
  if (auto good = ReadUnits(root, data); !good) return good;
  if (auto good = ReadSentinels(root, data); !good) return good;
  if (auto good = ReadRefusedCodes(root, data); !good) return good;
  if (auto good = ReadFuture(root, data); !good) return good;
  auto answers = ReadWords(root.Get("answers"));
  if (!answers) return tl::unexpected(answers.error());
  data->answers = std::move(*answers);
  auto signals = root.Require("signals");
  if (!signals) return tl::unexpected(signals.error());
  for (const auto& [name, node] : signals->Entries()) {
    if (auto good = ReadSignal(name, node, data); !good) return good;
  }
  if (auto good = ReadIgnoredCodes(root, data); !good) return good;
  AddContextFreeTerms(data);
  if (auto good = ReadPumpLimits(root, data); !good) return good;
  if (auto good = ReadFactTypes(root, "pump_events", NameSpace::kPumpEvent, &data->pump_events,
                                &data->pump_event_names, data);
      !good) {
    return good;
  }
  return ReadFactTypes(root, "procedures", NameSpace::kProcedure, &data->procedures,
                       &data->procedure_names, data);
}

}  // namespace tonus::core
