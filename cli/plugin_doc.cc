// `tonus plugin doc`: what a detector declares, as Markdown. It is loaded, and not opened.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/plugin.h"
#include "core/host/library.h"
#include "core/host/settings.h"

namespace tonus::cli {
namespace {

using core::DetectorDecl;
using core::InputDecl;
using core::SettingDecl;
using core::SettingText;

const char* TypeWord(std::uint32_t type) {
  constexpr const char* kWords[] = {"?",        "whole number", "number",      "text",
                                    "yes / no", "duration",     "one of these"};
  return type < std::size(kWords) ? kWords[type] : "?";
}

const char* InputWord(std::uint32_t kind) {
  constexpr const char* kWords[] = {"?",
                                    "signal",
                                    "pump events and interrogations",
                                    "orders",
                                    "administrations",
                                    "procedures",
                                    "encounters",
                                    "patient data",
                                    "finding",
                                    "custom records"};
  return kind < std::size(kWords) ? kWords[kind] : "an input that this core does not know";
}

/// A text as a cell of a table.
std::string Cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '*' || c == '`') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string Bounds(const SettingDecl& setting) {
  if (setting.type == TONUS_T_CHOICE) {
    std::string words;
    for (const std::string& word : setting.choices) words += (words.empty() ? "" : ", ") + word;
    return words;
  }
  const bool bounded = setting.type == TONUS_T_INT || setting.type == TONUS_T_REAL ||
                       setting.type == TONUS_T_DURATION;
  if (!bounded) return {};
  return SettingText(setting, setting.lo) + " to " + SettingText(setting, setting.hi);
}

std::string Settings(const DetectorDecl& detector) {
  if (detector.settings.empty()) return "It has no settings.\n";
  std::string out =
      "| setting | type | unit | default | allowed | meaning | source |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const SettingDecl& setting : detector.settings) {
    out += "| `" + setting.key + "` | " + TypeWord(setting.type) + " | " + Cell(setting.unit) +
           " | " + Cell(SettingText(setting, setting.dflt)) + " | " + Cell(Bounds(setting)) +
           " | " + Cell(setting.help) + " | " + Cell(setting.source) + " |\n";
  }
  return out;
}

std::string Inputs(const DetectorDecl& detector) {
  std::string out =
      "| input | name | wakes it | reads back | required |\n"
      "|---|---|---|---|---|\n";
  for (const InputDecl& input : detector.inputs) {
    out += std::string("| ") + InputWord(input.kind) + " | " +
           (input.name.empty() ? "any" : Cell(input.name)) + " | " + (input.wakes ? "yes" : "no") +
           " | " + (input.lookback_ns > 0 ? FormatDuration(input.lookback_ns) : "") + " | " +
           (input.required ? "yes" : "no") + " |\n";
  }
  return out;
}

std::string Conditions(const DetectorDecl& detector) {
  std::string out;
  for (const core::ConditionDecl& condition : detector.conditions) {
    out += "### " + condition.title + " (`" + condition.name + "`)\n\n";
    std::string tiers;
    for (const std::string& tier : condition.tiers) tiers += (tiers.empty() ? "" : " < ") + tier;
    out += "Tiers: " + tiers +
           ". Source: " + (condition.source.empty() ? "not said" : condition.source) + ".\n";
    if (!condition.work_up.empty()) out += "\nWork-up, in this order:\n\n";
    for (std::size_t i = 0; i < condition.work_up.size(); ++i) {
      out += std::to_string(i + 1) + ". " + condition.work_up[i] + "\n";
    }
    if (!condition.competitors.empty()) out += "\nTo be thought of beside it:\n\n";
    for (const core::CompetitorDecl& other : condition.competitors) {
      out += "- " + other.condition + ": " + other.why + "\n";
    }
    out += "\n";
  }
  return out;
}

std::string Markdown(const DetectorDecl& detector) {
  std::string out = "# " + detector.name + " " + detector.version + "\n\n";
  out += "`" + detector.id + "`";
  if (!detector.vendor.empty()) out += ", by " + detector.vendor;
  if (!detector.evidence_url.empty())
    out += ". Its logic is written down at " + detector.evidence_url;
  out += ".\nIt states what it sees and why; it is no diagnosis.\n\n";
  out += "## Settings\n\n" + Settings(detector) + "\n";
  out += "## Inputs\n\n" + Inputs(detector) + "\n";
  out += "## Conditions\n\n" + Conditions(detector);
  out += "State of a patient: version " + std::to_string(detector.state_version) + ", reads from " +
         std::to_string(detector.state_oldest) + " on, at most " +
         std::to_string(detector.state_bytes_max) + " bytes.\n";
  return out;
}

nlohmann::ordered_json Json(const DetectorDecl& detector) {
  using nlohmann::ordered_json;
  ordered_json out = {{"id", detector.id},
                      {"name", detector.name},
                      {"version", detector.version},
                      {"vendor", detector.vendor},
                      {"evidence_url", detector.evidence_url}};
  out["settings"] = ordered_json::array();
  for (const SettingDecl& setting : detector.settings) {
    out["settings"].push_back({{"key", setting.key},
                               {"type", TypeWord(setting.type)},
                               {"unit", setting.unit},
                               {"default", SettingText(setting, setting.dflt)},
                               {"allowed", Bounds(setting)},
                               {"help", setting.help},
                               {"source", setting.source}});
  }
  out["inputs"] = ordered_json::array();
  for (const InputDecl& input : detector.inputs) {
    out["inputs"].push_back({{"kind", InputWord(input.kind)},
                             {"name", input.name},
                             {"wakes", input.wakes},
                             {"required", input.required},
                             {"lookback_ns", input.lookback_ns}});
  }
  out["conditions"] = ordered_json::array();
  for (const core::ConditionDecl& condition : detector.conditions) {
    ordered_json competitors = ordered_json::array();
    for (const core::CompetitorDecl& other : condition.competitors) {
      competitors.push_back({{"condition", other.condition}, {"why", other.why}});
    }
    out["conditions"].push_back({{"name", condition.name},
                                 {"title", condition.title},
                                 {"source", condition.source},
                                 {"tiers", condition.tiers},
                                 {"work_up", condition.work_up},
                                 {"competitors", competitors}});
  }
  out["state"] = {{"version", detector.state_version},
                  {"oldest", detector.state_oldest},
                  {"bytes_max", detector.state_bytes_max}};
  return out;
}

int Doc(const Globals& globals, const std::string& path) {
  const auto library = core::OpenLibrary(path);
  if (!library) return Report(library.error());
  auto list = nlohmann::ordered_json::array();
  for (const DetectorDecl& detector : library->detectors) {
    if (globals.json) {
      list.push_back(Json(detector));
    } else {
      std::printf("%s%s", &detector == &library->detectors.front() ? "" : "\n",
                  Markdown(detector).c_str());
    }
  }
  if (globals.json) std::printf("%s\n", list.dump(2).c_str());
  return 0;
}

}  // namespace

void AddPluginDoc(CLI::App& plugin, Program& program) {
  CLI::App* doc =
      plugin.add_subcommand("doc", "a detector's settings, inputs and conditions, as Markdown");
  auto path = std::make_shared<std::string>();
  doc->add_option("FILE", *path, "the plugin, a .so")->required();
  doc->callback(
      [&program, path] { program.run = [&program, path] { return Doc(program.globals, *path); }; });
}

}  // namespace tonus::cli
