#include "core/normalise/mapping.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/digest.h"
#include "core/normalise/mapping_data.h"

namespace tonus::core {
namespace {

constexpr std::size_t kMaxPhraseWords = 3;

const UnitConversion kIdentity{};

template <class T>
const T& At(const std::vector<T>& entries, std::uint32_t id) {
  if (id == 0 || id > entries.size()) std::abort();
  return entries[id - 1];
}

template <class T>
std::string_view NameAt(const std::vector<T>& entries, std::uint32_t id) {
  if (id == 0 || id > entries.size()) return {};
  return entries[id - 1].name;
}

template <class T>
void CollectNames(const std::vector<T>& entries, std::vector<std::string>* names) {
  for (const T& entry : entries) names->push_back(entry.name);
}

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

Result<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    return Fail(ErrorCode::kUnreachable, "the file cannot be read", path,
                "check that it exists and may be read");
  }
  return text.str();
}

}  // namespace

struct Mapping::Impl {
  MappingData data;

  CodeSystem SystemOf(std::string_view system) const {
    if (system.empty() || system == "local") return CodeSystem::kLocal;
    if (system == "mdc") return CodeSystem::kMdc;
    if (system == "loinc") return CodeSystem::kLoinc;
    return static_cast<CodeSystem>(data.systems.Find(CodeSystem::kLocal, system));
  }

  DrugId FindIngredient(std::string_view text) const;
};

CodeSystem NameKey(NameSpace space) { return static_cast<CodeSystem>(space); }

std::string_view Signal::WordFor(double value) const {
  if (!show_words) return {};
  for (const ValueWord& word : words) {
    if (word.value == value) return word.word;
  }
  return {};
}

Mapping::Mapping(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Mapping::~Mapping() = default;

Result<std::unique_ptr<const Mapping>> Mapping::Load(const std::string& signals_path,
                                                     const std::string& drugs_path) {
  auto signals = ReadWhole(signals_path);
  if (!signals) return tl::unexpected(signals.error());
  auto drugs = ReadWhole(drugs_path);
  if (!drugs) return tl::unexpected(drugs.error());
  return LoadText(*signals, signals_path, *drugs, drugs_path);
}

Result<std::unique_ptr<const Mapping>> Mapping::LoadText(std::string_view signals,
                                                         const std::string& signals_name,
                                                         std::string_view drugs,
                                                         const std::string& drugs_name) {
  auto impl = std::make_unique<Impl>();
  auto signals_root = yaml::Node::ParseText(signals, signals_name);
  if (!signals_root) return tl::unexpected(signals_root.error());
  if (auto good = ReadSignalsFile(*signals_root, &impl->data); !good) {
    return tl::unexpected(good.error());
  }
  auto drugs_root = yaml::Node::ParseText(drugs, drugs_name);
  if (!drugs_root) return tl::unexpected(drugs_root.error());
  if (auto good = ReadDrugsFile(*drugs_root, &impl->data); !good) {
    return tl::unexpected(good.error());
  }
  impl->data.digest = Sha256(Sha256(signals) + Sha256(drugs));
  return std::unique_ptr<const Mapping>(new Mapping(std::move(impl)));
}

std::uint32_t Mapping::Count(NameSpace space) const {
  const MappingData& data = impl_->data;
  switch (space) {
    case NameSpace::kSignal:
      return static_cast<std::uint32_t>(data.signals.size());
    case NameSpace::kPumpEvent:
      return static_cast<std::uint32_t>(data.pump_events.size());
    case NameSpace::kProcedure:
      return static_cast<std::uint32_t>(data.procedures.size());
    case NameSpace::kDrug:
      return static_cast<std::uint32_t>(data.drugs.size());
    case NameSpace::kDrugClass:
      return static_cast<std::uint32_t>(data.drug_classes.size());
  }
  return 0;
}

std::uint32_t Mapping::Find(NameSpace space, std::string_view name) const {
  return impl_->data.names.Find(NameKey(space), name);
}

std::string_view Mapping::Name(NameSpace space, std::uint32_t id) const {
  const MappingData& data = impl_->data;
  switch (space) {
    case NameSpace::kSignal:
      return NameAt(data.signals, id);
    case NameSpace::kPumpEvent:
      return NameAt(data.pump_events, id);
    case NameSpace::kProcedure:
      return NameAt(data.procedures, id);
    case NameSpace::kDrug:
      return NameAt(data.drugs, id);
    case NameSpace::kDrugClass:
      return NameAt(data.drug_classes, id);
  }
  return {};
}

std::vector<std::string> Mapping::Names(NameSpace space) const {
  std::vector<std::string> names;
  for (std::uint32_t id = 1; id <= Count(space); ++id) names.emplace_back(Name(space, id));
  std::sort(names.begin(), names.end());
  return names;
}

const Signal& Mapping::SignalOf(SignalId id) const { return At(impl_->data.signals, id); }
const FactType& Mapping::PumpEventOf(PumpEventId id) const {
  return At(impl_->data.pump_events, id);
}
const FactType& Mapping::ProcedureOf(ProcedureId id) const {
  return At(impl_->data.procedures, id);
}
const Drug& Mapping::DrugOf(DrugId id) const { return At(impl_->data.drugs, id); }

bool Mapping::DrugInClass(DrugId drug, DrugClassId drug_class) const {
  if (drug == 0 || drug > impl_->data.drugs.size()) return false;
  const std::vector<DrugClassId>& classes = impl_->data.drugs[drug - 1].classes;
  return std::binary_search(classes.begin(), classes.end(), drug_class);
}

std::int64_t FutureBounds::Of(std::string_view kind, std::string_view source) const {
  for (const auto& [prefix, bound] : sources) {
    if (source.substr(0, prefix.size()) == prefix) return bound;
  }
  for (const auto& [name, bound] : kinds) {
    if (kind == name) return bound;
  }
  return device_ns;
}

const FutureBounds& Mapping::Future() const { return impl_->data.future; }
const PumpLimits& Mapping::Pump() const { return impl_->data.pump; }

SignalId Mapping::ResolveSignal(std::string_view system, std::string_view code) const {
  return impl_->data.signal_codes.Find(impl_->SystemOf(system), code);
}

PumpEventId Mapping::ResolvePumpEvent(std::string_view name) const {
  return impl_->data.pump_event_names.Find(CodeSystem::kLocal, name);
}

ProcedureId Mapping::ResolveProcedure(std::string_view name) const {
  return impl_->data.procedure_names.Find(CodeSystem::kLocal, name);
}

/// The first run of one to three words of `text` that names a drug; of several that begin at one
/// word, the longest. "neo-synephrine 10 mg" is two words that belong together; "a/b" are not.
DrugId Mapping::Impl::FindIngredient(std::string_view text) const {
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    if (!IsWordByte(text[begin]) || (begin > 0 && IsWordByte(text[begin - 1]))) continue;
    DrugId found = 0;
    std::size_t end = begin;
    for (std::size_t words = 0; words < kMaxPhraseWords; ++words) {
      while (end < text.size() && IsWordByte(text[end])) ++end;
      if (const DrugId id =
              data.drug_codes.Find(CodeSystem::kLocal, text.substr(begin, end - begin))) {
        found = id;
      }
      if (end + 1 >= text.size() || !IsWordByte(text[end + 1])) break;
      if (text[end] != ' ' && text[end] != '-' && text[end] != '_') break;
      ++end;
    }
    if (found != 0) return found;
  }
  return 0;
}

DrugId Mapping::ResolveDrug(std::string_view system, std::string_view code) const {
  const MappingData& data = impl_->data;
  const CodeSystem where = impl_->SystemOf(system);
  if (const DrugId id = data.drug_codes.Find(where, code)) return id;
  if (where == CodeSystem::kLocal) {
    return code.size() > 512 ? 0 : impl_->FindIngredient(code);
  }
  if (where != CodeSystem::kAtc) return 0;
  for (const AtcPrefix& prefix : data.atc_prefixes) {
    if (code.substr(0, prefix.prefix.size()) == prefix.prefix) return prefix.other;
  }
  return 0;
}

std::string_view Mapping::RefusedCode(std::string_view system, std::string_view code) const {
  const std::uint32_t index = impl_->data.refused.Find(impl_->SystemOf(system), code);
  if (index == 0) return {};
  return impl_->data.refused_reasons[index - 1];
}

bool Mapping::IgnoredCode(std::string_view system, std::string_view code) const {
  return impl_->data.ignored.Find(impl_->SystemOf(system), code) != 0;
}

std::string_view Mapping::ResolveUnit(std::string_view spelling) const {
  const std::uint32_t id = impl_->data.unit_spellings.Find(CodeSystem::kLocal, spelling);
  if (id == 0) return {};
  return impl_->data.units[id - 1];
}

const UnitConversion* Mapping::Conversion(const Signal& signal, std::string_view unit) const {
  if (unit.empty() || unit == signal.unit) return &kIdentity;
  const std::string_view canonical = ResolveUnit(unit);
  if (canonical.empty()) return nullptr;
  if (canonical == signal.unit) return &kIdentity;
  for (const UnitConversion& conversion : signal.units) {
    if (conversion.unit == canonical) return &conversion;
  }
  return nullptr;
}

const std::string& Mapping::Digest() const { return impl_->data.digest; }

}  // namespace tonus::core
