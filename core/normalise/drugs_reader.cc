#include <algorithm>

#include "core/normalise/mapping_data.h"

// Reads config/drugs.yaml: classes first, then drugs, whose classes follow from their ATC codes.

namespace tonus::core {
namespace {

/// Values of tonus.v1.Route.
const std::vector<std::string>& RouteNames() {
  static const std::vector<std::string> names = {"oral",        "enteral",     "iv",
                                                 "intrathecal", "transdermal", "other"};
  return names;
}

DrugClassId FindClass(const MappingData& data, std::string_view name) {
  return data.names.Find(NameKey(NameSpace::kDrugClass), name);
}

std::vector<std::string> ClassNames(const MappingData& data) {
  std::vector<std::string> names;
  for (const DrugClass& drug_class : data.drug_classes) names.push_back(drug_class.name);
  return names;
}

Result<void> ReadClasses(const yaml::Node& root, MappingData* data) {
  auto node = root.Require("classes");
  if (!node) return tl::unexpected(node.error());
  for (const auto& [name, value] : node->Entries()) {
    DrugClass drug_class;
    drug_class.id = static_cast<DrugClassId>(data->drug_classes.size() + 1);
    drug_class.name = name;
    if (!IsName(name)) return value.Bad("the name '" + name + "' may hold letters, digits and _");
    data->names.Insert(NameKey(NameSpace::kDrugClass), name, drug_class.id);
    data->drug_classes.push_back(drug_class);
  }
  for (const auto& [name, value] : node->Entries()) {
    DrugClass& drug_class = data->drug_classes[FindClass(*data, name) - 1];
    KeyReader reader(value, {"title", "atc", "others"});
    reader.RequiredText("title");
    for (const auto& [item, prefix] : reader.Texts("atc")) drug_class.atc.push_back(prefix);
    for (const auto& [item, other] : reader.Texts("others")) {
      const DrugClassId id = FindClass(*data, other);
      if (id == 0) {
        reader.Complain(item.AsOneOf(ClassNames(*data)).error());
      } else {
        drug_class.implied.push_back(id);
      }
    }
    if (!reader.ok()) return reader.Status();
  }
  return {};
}

void AddClass(const MappingData& data, DrugClassId id, Drug* drug) {
  if (std::find(drug->classes.begin(), drug->classes.end(), id) != drug->classes.end()) return;
  drug->classes.push_back(id);
  for (const DrugClassId implied : data.drug_classes[id - 1].implied) AddClass(data, implied, drug);
}

/// Adds every class that has a prefix of `atc`.
void AddClassesOfCode(const MappingData& data, std::string_view atc, Drug* drug) {
  for (const DrugClass& drug_class : data.drug_classes) {
    for (const std::string& prefix : drug_class.atc) {
      if (atc.substr(0, prefix.size()) == prefix) AddClass(data, drug_class.id, drug);
    }
  }
}

void ReadLimits(const yaml::Node& node, KeyReader* reader, Drug* drug) {
  for (const yaml::Node& item : node.Items()) {
    KeyReader limit_reader(item,
                           {"routes", "mg_only", "dose_mg_max", "daily_dose_ug_max", "source"});
    DoseLimit limit;
    for (const auto& [route, text] : limit_reader.Texts("routes")) {
      if (auto name = route.AsOneOf(RouteNames()); !name) {
        limit_reader.Complain(name.error());
      } else {
        const auto at = std::find(RouteNames().begin(), RouteNames().end(), *name);
        limit.routes.push_back(static_cast<std::uint32_t>(at - RouteNames().begin() + 1));
      }
    }
    limit.mg_only = limit_reader.Bool("mg_only");
    if (item.Get("dose_mg_max")) limit.dose_mg_max = limit_reader.Number("dose_mg_max");
    if (item.Get("daily_dose_ug_max")) {
      limit.daily_dose_ug_max = limit_reader.Number("daily_dose_ug_max");
    }
    limit_reader.RequiredText("source");
    if (!limit_reader.ok()) reader->Complain(limit_reader.Status().error());
    drug->limits.push_back(limit);
  }
}

void AddDrugCode(CodeSystem system, const yaml::Node& item, const std::string& code, DrugId id,
                 KeyReader* reader, MappingData* data) {
  const std::uint32_t there = data->drug_codes.Insert(system, code, id);
  if (there != 0 && there != id) {
    reader->Complain(item, "'" + code + "' belongs to " + data->drugs[there - 1].name + " already");
  }
}

Result<void> ReadDrug(const std::string& name, const yaml::Node& node, MappingData* data) {
  KeyReader reader(node, {"atc", "rxnorm", "aliases", "classes", "limits"});
  if (!IsName(name))
    reader.Complain(node, "the name '" + name + "' may hold letters, digits and _");
  Drug drug;
  drug.id = static_cast<DrugId>(data->drugs.size() + 1);
  drug.name = name;
  data->names.Insert(NameKey(NameSpace::kDrug), name, drug.id);
  data->drugs.push_back(drug);
  AddDrugCode(CodeSystem::kLocal, node, name, drug.id, &reader, data);
  for (const auto& [item, code] : reader.Texts("atc")) {
    AddDrugCode(CodeSystem::kAtc, item, code, drug.id, &reader, data);
    AddClassesOfCode(*data, code, &drug);
  }
  for (const auto& [item, code] : reader.Texts("rxnorm")) {
    AddDrugCode(CodeSystem::kRxnorm, item, code, drug.id, &reader, data);
  }
  for (const auto& [item, alias] : reader.Texts("aliases")) {
    AddDrugCode(CodeSystem::kLocal, item, alias, drug.id, &reader, data);
  }
  for (const auto& [item, text] : reader.Texts("classes")) {
    if (auto known = item.AsOneOf(ClassNames(*data)); !known) {
      reader.Complain(known.error());
    } else {
      AddClass(*data, FindClass(*data, *known), &drug);
    }
  }
  if (const auto limits = node.Get("limits")) ReadLimits(*limits, &reader, &drug);
  std::sort(drug.classes.begin(), drug.classes.end());
  data->drugs.back() = drug;
  return reader.Status();
}

/// One drug for each prefix, so that an order of a benzodiazepine that no list names still counts
/// as one. The longest prefix comes first.
void AddOtherDrugs(MappingData* data) {
  for (const DrugClass& drug_class : data->drug_classes) {
    for (const std::string& prefix : drug_class.atc) {
      data->atc_prefixes.push_back({prefix, drug_class.id, 0});
    }
  }
  std::stable_sort(
      data->atc_prefixes.begin(), data->atc_prefixes.end(),
      [](const AtcPrefix& a, const AtcPrefix& b) { return a.prefix.size() > b.prefix.size(); });
  for (AtcPrefix& prefix : data->atc_prefixes) {
    const std::string& class_name = data->drug_classes[prefix.drug_class - 1].name;
    Drug other;
    other.name = "other " + class_name;
    AddClassesOfCode(*data, prefix.prefix, &other);
    std::sort(other.classes.begin(), other.classes.end());
    // Two prefixes of one class may differ in what else they belong to.
    for (const Drug& drug : data->drugs) {
      if (drug.name == other.name && drug.classes == other.classes) prefix.other = drug.id;
    }
    if (prefix.other != 0) continue;
    if (data->names.Find(NameKey(NameSpace::kDrug), other.name) != 0) {
      other.name += " " + prefix.prefix;
    }
    other.id = static_cast<DrugId>(data->drugs.size() + 1);
    prefix.other = other.id;
    data->names.Insert(NameKey(NameSpace::kDrug), other.name, other.id);
    data->drugs.push_back(other);
  }
}

}  // namespace

Result<void> ReadDrugsFile(const yaml::Node& root, MappingData* data) {
  if (auto good = root.CheckKeys({"classes", "drugs"}); !good) return good;
  if (auto good = ReadClasses(root, data); !good) return good;
  auto drugs = root.Require("drugs");
  if (!drugs) return tl::unexpected(drugs.error());
  for (const auto& [name, node] : drugs->Entries()) {
    if (auto good = ReadDrug(name, node, data); !good) return good;
  }
  AddOtherDrugs(data);
  return {};
}

}  // namespace tonus::core
