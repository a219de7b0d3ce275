#include "core/host/catalogue.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"

namespace tonus::core {
namespace {

constexpr std::uint32_t kDefaultFuel = 10'000;

tl::unexpected<Error> Unexpected(const Error& error) { return tl::unexpected<Error>(error); }

std::string Joined(const std::vector<std::string>& names, const char* between) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : between) + name;
  return out;
}

DetectorInfo InfoOf(const Detector& detector, const Library& library) {
  DetectorInfo info;
  info.id = detector.decl.id;
  info.version = detector.decl.version;
  info.path = library.path;
  info.digest = library.digest;
  for (const ConditionDecl& condition : detector.decl.conditions) {
    info.conditions.push_back(condition.name);
  }
  for (std::size_t i = 0; i < detector.settings.size(); ++i) {
    const SettingDecl& decl = detector.decl.settings[i];
    info.settings.push_back(decl.key + "=" + SettingText(decl, detector.settings[i]));
  }
  std::sort(info.settings.begin(), info.settings.end());
  return info;
}

/// The settings without those that only another detector of the same object has.
std::map<std::string, std::string> MeantFor(const DetectorDecl& detector, const Library& library,
                                            const std::map<std::string, std::string>& given) {
  const auto has = [](const DetectorDecl& decl, const std::string& key) {
    return std::any_of(decl.settings.begin(), decl.settings.end(),
                       [&](const SettingDecl& setting) { return setting.key == key; });
  };
  std::map<std::string, std::string> out = given;
  std::erase_if(out, [&](const auto& setting) {
    return !has(detector, setting.first) &&
           std::any_of(library.detectors.begin(), library.detectors.end(),
                       [&](const DetectorDecl& other) { return has(other, setting.first); });
  });
  return out;
}

/// Takes each detector once all whose findings it reads have been taken; among those that may go
/// next, the first by name.
class Sorter {
 public:
  explicit Sorter(const std::vector<Detector>& detectors) : detectors_(detectors) {
    for (std::size_t i = 0; i < detectors.size(); ++i) {
      for (const ConditionDecl& condition : detectors[i].decl.conditions)
        owner_[condition.name] = i;
    }
    needs_.resize(detectors.size());
    for (std::size_t i = 0; i < detectors.size(); ++i) {
      for (const InputDecl& input : detectors[i].decl.inputs) {
        const auto owner = owner_.find(input.name);
        if (input.kind != TONUS_IN_FINDING || owner == owner_.end() || owner->second == i) continue;
        needs_[i].insert(owner->second);
      }
    }
  }

  Result<std::vector<std::size_t>> Sorted() {
    std::vector<std::size_t> out;
    std::set<std::pair<std::string, std::size_t>> left;
    for (std::size_t i = 0; i < detectors_.size(); ++i) left.insert({Name(i), i});
    while (!left.empty()) {
      const auto next = std::find_if(left.begin(), left.end(), [&](const auto& candidate) {
        return std::none_of(needs_[candidate.second].begin(), needs_[candidate.second].end(),
                            [&](std::size_t need) {
                              return left.count({Name(need), need}) != 0;
                            });
      });
      if (next == left.end()) return Circle(left.begin()->second, left);
      out.push_back(next->second);
      left.erase(next);
    }
    return out;
  }

 private:
  const std::string& Name(std::size_t i) const { return detectors_[i].decl.name; }

  tl::unexpected<Error> Circle(std::size_t start,
                               const std::set<std::pair<std::string, std::size_t>>& left) const {
    std::vector<std::size_t> path{start};
    while (true) {
      std::size_t next = path.back();
      for (const auto& [name, i] : left) {
        if (needs_[path.back()].count(i) != 0) {
          next = i;
          break;
        }
      }
      const auto seen = std::find(path.begin(), path.end(), next);
      if (seen != path.end()) {
        std::vector<std::string> names;
        for (auto at = seen; at != path.end(); ++at) names.push_back(Name(*at));
        names.push_back(Name(next));
        return Fail(ErrorCode::kRefused,
                    "the detectors wait for each other's findings: " + Joined(names, " reads "),
                    detectors_[next].info.path,
                    "take one TONUS_IN_FINDING out; competing conditions need none");
      }
      path.push_back(next);
    }
  }

  const std::vector<Detector>& detectors_;
  std::map<std::string, std::size_t> owner_;
  std::vector<std::set<std::size_t>> needs_;
};

}  // namespace

Result<std::unique_ptr<const Catalogue>> Catalogue::Load(const std::vector<PluginSpec>& specs,
                                                         const Mapping& mapping) {
  std::unique_ptr<Catalogue> out(new Catalogue);
  for (const PluginSpec& spec : specs) {
    auto library = OpenLibrary(spec.path);
    if (!library) return Unexpected(library.error());
    for (const DetectorDecl& decl : library->detectors) {
      Detector detector;
      const std::string where = spec.settings_where.empty() ? spec.path : spec.settings_where;
      auto settings = ResolveSettings(decl, MeantFor(decl, *library, spec.settings), where);
      if (!settings) return Unexpected(settings.error());
      detector.decl = decl;
      if (spec.watch != nullptr) {
        spec.watch(static_cast<std::size_t>(&decl - library->detectors.data()),
                   &detector.decl.calls);
      }
      detector.settings = std::move(*settings);
      detector.fuel = detector.decl.fuel_per_call == 0 ? kDefaultFuel : detector.decl.fuel_per_call;
      detector.info = InfoOf(detector, *library);
      for (const Detector& other : out->detectors_) {
        if (other.decl.name != detector.decl.name && other.decl.id != detector.decl.id) continue;
        return Fail(ErrorCode::kRefused,
                    "detector '" + detector.decl.name + "' (" + detector.decl.id +
                        ") is loaded already, from " + other.info.path,
                    spec.path, "list each detector once");
      }
      out->detectors_.push_back(std::move(detector));
    }
  }
  if (out->detectors_.size() > kMostDetectors) {
    return Fail(ErrorCode::kRefused,
                std::to_string(out->detectors_.size()) + " detectors are loaded", {},
                "at most " + std::to_string(kMostDetectors) + " are allowed");
  }
  if (const auto good = out->Order(); !good) return Unexpected(good.error());
  if (const auto good = out->NameConditions(); !good) return Unexpected(good.error());
  if (const auto good = out->WireInputs(mapping); !good) return Unexpected(good.error());
  return std::unique_ptr<const Catalogue>(std::move(out));
}

Result<void> Catalogue::Order() {
  const auto sorted = Sorter(detectors_).Sorted();
  if (!sorted) return Unexpected(sorted.error());
  std::vector<Detector> ordered;
  for (const std::size_t i : *sorted) ordered.push_back(std::move(detectors_[i]));
  detectors_ = std::move(ordered);
  for (Detector& detector : detectors_) {
    detector.rank = static_cast<std::uint32_t>(
        std::count_if(detectors_.begin(), detectors_.end(),
                      [&](const Detector& other) { return other.decl.name < detector.decl.name; }));
  }
  return {};
}

Result<void> Catalogue::NameConditions() {
  std::map<std::string, Condition> by_name;
  for (std::size_t i = 0; i < detectors_.size(); ++i) {
    const Detector& detector = detectors_[i];
    for (std::uint32_t k = 0; k < detector.decl.conditions.size(); ++k) {
      const ConditionDecl& decl = detector.decl.conditions[k];
      const auto [at, fresh] = by_name.try_emplace(decl.name, Condition{0, i, k, &decl});
      if (fresh) continue;
      return Fail(ErrorCode::kRefused,
                  "condition '" + decl.name + "' belongs to detector '" +
                      detectors_[at->second.detector].decl.name + "' already",
                  detector.info.path, "name it <vendor>." + decl.name);
    }
  }
  for (auto& [name, condition] : by_name) {
    condition.id = static_cast<ConditionId>(conditions_.size() + 1);
    conditions_.push_back(condition);
  }
  for (Detector& detector : detectors_) {
    for (const ConditionDecl& decl : detector.decl.conditions) {
      detector.conditions.push_back(FindCondition(decl.name));
    }
  }
  return {};
}

ConditionId Catalogue::FindCondition(std::string_view name) const {
  const auto found = std::lower_bound(conditions_.begin(), conditions_.end(), name,
                                      [](const Condition& condition, std::string_view wanted) {
                                        return condition.decl->name < wanted;
                                      });
  return found != conditions_.end() && found->decl->name == name ? found->id : 0;
}

Result<void> Catalogue::WireInputs(const Mapping& mapping) {
  wakes_.signals.resize(mapping.Count(NameSpace::kSignal) + 1);
  wakes_.drugs_ordered.resize(mapping.Count(NameSpace::kDrug) + 1);
  wakes_.drugs_given.resize(mapping.Count(NameSpace::kDrug) + 1);
  wakes_.procedures.resize(mapping.Count(NameSpace::kProcedure) + 1);
  wakes_.findings.resize(conditions_.size() + 1);
  for (std::size_t i = 0; i < detectors_.size(); ++i) {
    for (const InputDecl& input : detectors_[i].decl.inputs) {
      if (const auto good = WireInput(input, i, mapping); !good) return good;
    }
  }
  return {};
}

Result<void> Catalogue::WireInput(const InputDecl& input, std::size_t detector,
                                  const Mapping& mapping) {
  const DetectorMask bit = input.wakes ? DetectorMask{1} << detector : 0;
  bool known = true;
  const auto one = [&](std::vector<DetectorMask>* masks, std::uint32_t id) {
    known = id != 0;
    if (known) (*masks)[id] |= bit;
  };
  const auto drugs = [&](std::vector<DetectorMask>* masks) {
    const DrugClassId group = mapping.Find(NameSpace::kDrugClass, input.name);
    const DrugId named = mapping.Find(NameSpace::kDrug, input.name);
    known = input.name.empty() || group != 0 || named != 0;
    for (DrugId drug = 0; drug < masks->size(); ++drug) {
      const bool in = input.name.empty() || (named != 0 && drug == named) ||
                      (group != 0 && drug != 0 && mapping.DrugInClass(drug, group));
      if (in) (*masks)[drug] |= bit;
    }
  };
  switch (input.kind) {
    case TONUS_IN_SIGNAL:
      one(&wakes_.signals, mapping.Find(NameSpace::kSignal, input.name));
      break;
    case TONUS_IN_PUMP:
      wakes_.pump |= bit;
      break;
    case TONUS_IN_ORDER:
      drugs(&wakes_.drugs_ordered);
      break;
    case TONUS_IN_ADMINISTRATION:
      drugs(&wakes_.drugs_given);
      break;
    case TONUS_IN_PROCEDURE:
      if (input.name.empty()) {
        for (DetectorMask& mask : wakes_.procedures) mask |= bit;
      } else {
        one(&wakes_.procedures, mapping.Find(NameSpace::kProcedure, input.name));
      }
      break;
    case TONUS_IN_ENCOUNTER:
      wakes_.encounter |= bit;
      break;
    case TONUS_IN_PATIENT:
      wakes_.patient |= bit;
      break;
    case TONUS_IN_FINDING:
      one(&wakes_.findings, FindCondition(input.name));
      break;
    case TONUS_IN_CUSTOM:
      wakes_.custom |= bit;
      break;
    default:
      known = false;
  }
  if (known || !input.required) return {};
  return Fail(ErrorCode::kRefused,
              "detector '" + detectors_[detector].decl.name + "' needs the input '" + input.name +
                  "', which nothing here declares",
              detectors_[detector].info.path,
              "declare it in config/signals.yaml or config/drugs.yaml, or load the detector that "
              "states it");
}

}  // namespace tonus::core
