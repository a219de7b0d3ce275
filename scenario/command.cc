#include "scenario/command.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <tuple>

#include "base/text.h"
#include "scenario/reader.h"
#include "scenario/runner.h"

namespace tonus::scenario {
namespace {

using nlohmann::ordered_json;

/// A line of `--alerts FILE` and what it is sorted by.
struct AlertLine {
  std::string patient;
  std::uint64_t sequence = 0;
  std::string line;
};

std::string FileName(const std::string& path) { return std::filesystem::path(path).stem(); }

/// The plugins that `--detectors` leaves, by file name or by id.
Result<std::vector<core::PluginSpec>> Chosen(const ScenarioCommandOptions& options,
                                             const std::vector<core::DetectorInfo>& loaded) {
  if (options.detectors.empty()) return options.plugins;
  std::vector<core::PluginSpec> chosen;
  std::vector<std::string> known;
  for (const core::PluginSpec& plugin : options.plugins) {
    std::vector<std::string> names = {FileName(plugin.path)};
    for (const core::DetectorInfo& info : loaded) {
      if (info.path == plugin.path && !Contains(names, info.id)) names.push_back(info.id);
    }
    const bool wanted = std::any_of(names.begin(), names.end(), [&options](const auto& name) {
      return Contains(options.detectors, name);
    });
    if (wanted) chosen.push_back(plugin);
    known.insert(known.end(), names.begin(), names.end());
  }
  for (const std::string& name : options.detectors) {
    if (Contains(known, name)) continue;
    std::string hint;
    if (const auto nearest = NearestName(name, known)) hint = "did you mean '" + *nearest + "'? ";
    hint += "loaded:";
    for (const std::string& one : known) hint += " " + one;
    return Fail(ErrorCode::kUsage, "no detector is named '" + name + "'", "--detectors", hint);
  }
  return chosen;
}

/// Reads every file. Errors and warnings go to `err`; the code is 0 where all are right.
int ReadAll(const std::vector<std::string>& files, const Vocabulary& names,
            std::vector<Scenario>* out, std::ostream& err) {
  int code = 0;
  std::map<std::string, std::string> first_file;
  for (const std::string& file : files) {
    ReadOutcome outcome = ReadScenarioFile(file, names);
    for (const std::string& warning : outcome.warnings) err << "warning: " << warning << "\n";
    for (const Error& error : outcome.errors) {
      err << error.Message() << "\n";
      code = code == 2 ? 2 : ExitCode(error);
    }
    if (!outcome.errors.empty()) continue;
    const auto [first, is_new] = first_file.try_emplace(outcome.scenario.name, file);
    if (!is_new) {
      err << file << ": the scenario '" << outcome.scenario.name << "' is already in "
          << first->second << "; give one of them another name\n";
      code = 2;
    }
    out->push_back(std::move(outcome.scenario));
  }
  return code;
}

void PrintPlain(const Scenario& scenario, const RunResult& result, std::ostream& out) {
  std::size_t held = 0;
  for (const Verdict& verdict : result.verdicts) held += verdict.passed ? 1 : 0;
  out << (result.passed ? "PASS  " : "FAIL  ") << scenario.name << "  " << held << " of "
      << result.verdicts.size() << " expectations hold  (" << scenario.file << ")\n";
  for (const std::string& line : result.trace) out << "  trace  " << line << "\n";
  // Sentences name times and values: one example of each code is enough to find the place.
  std::map<std::string, std::pair<std::size_t, std::string>> rejected;
  for (const std::string& line : result.rejected) {
    auto& [count, example] = rejected[line.substr(0, line.find(':'))];
    if (count++ == 0) example = line;
  }
  for (const auto& [code, seen] : rejected) {
    out << "  rejected " << seen.first << " ×  " << seen.second << "\n";
  }
  for (std::size_t i = 0; i < result.verdicts.size(); ++i) {
    const Verdict& verdict = result.verdicts[i];
    out << "  " << (verdict.passed ? "pass  " : "FAIL  ") << scenario.expectations[i].text << "\n"
        << "        " << verdict.why;
    if (!verdict.alert_id.empty()) {
      out << "  [" << verdict.alert_id << " #" << verdict.alert_sequence << "]";
    }
    out << "\n";
  }
}

void PrintJson(const Scenario& scenario, const RunResult& result, std::ostream& out) {
  ordered_json expectations = ordered_json::array();
  for (std::size_t i = 0; i < result.verdicts.size(); ++i) {
    const Verdict& verdict = result.verdicts[i];
    ordered_json one = {
        {"text", scenario.expectations[i].text}, {"passed", verdict.passed}, {"why", verdict.why}};
    if (!verdict.alert_id.empty()) {
      one["alert"] = verdict.alert_id;
      one["sequence"] = verdict.alert_sequence;
    }
    if (verdict.at_ns) one["time"] = FormatTime(scenario.start_ns + *verdict.at_ns);
    expectations.push_back(std::move(one));
  }
  const auto dump = [](const ordered_json& json) {
    return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  };
  // Alerts are spliced in as they are: their canonical form is what runs are compared by.
  out << "{\"scenario\":" << dump(scenario.name) << ",\"file\":" << dump(scenario.file)
      << ",\"passed\":" << (result.passed ? "true" : "false")
      << ",\"expectations\":" << dump(expectations) << ",\"alerts\":[";
  for (std::size_t i = 0; i < result.alert_lines.size(); ++i) {
    out << (i == 0 ? "" : ",") << result.alert_lines[i];
  }
  out << "],\"rejected\":" << dump(result.rejected);
  if (!result.trace.empty()) out << ",\"trace\":" << dump(result.trace);
  out << "}\n";
}

/// Sorted by patient and sequence; where two conditions share a sequence, in log order.
Result<void> WriteAlerts(std::vector<AlertLine> lines, const std::string& path) {
  std::stable_sort(lines.begin(), lines.end(), [](const AlertLine& a, const AlertLine& b) {
    return std::tie(a.patient, a.sequence) < std::tie(b.patient, b.sequence);
  });
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  for (const AlertLine& line : lines) file << line.line << "\n";
  file.flush();
  if (!file)
    return Fail(ErrorCode::kUnreachable, "cannot be written", path, "check path and rights");
  return {};
}

int Complain(const Error& error, std::ostream& err) {
  err << error.Message() << "\n";
  return ExitCode(error);
}

/// Plays the scenarios in order. 0 all hold, 1 one fails, or the code of an error.
int PlayAll(const std::vector<Scenario>& scenarios, const RunOptions& run,
            const ScenarioCommandOptions& options, std::ostream& out, std::ostream& err) {
  std::vector<AlertLine> lines;
  std::size_t passed = 0;
  for (const Scenario& scenario : scenarios) {
    const auto result = RunScenario(scenario, run);
    if (!result) return Complain(result.error(), err);
    passed += result->passed ? 1 : 0;
    if (options.json) {
      PrintJson(scenario, *result, out);
    } else {
      PrintPlain(scenario, *result, out);
    }
    for (std::size_t i = 0; i < result->alert_lines.size(); ++i) {
      const v1::Alert& alert = result->said.alerts[i];
      lines.push_back({alert.patient_id(), alert.sequence(), result->alert_lines[i]});
    }
  }
  if (!options.alerts_path.empty()) {
    if (const auto written = WriteAlerts(std::move(lines), options.alerts_path); !written) {
      return Complain(written.error(), err);
    }
  }
  if (!options.json && scenarios.size() > 1) {
    out << passed << " of " << scenarios.size() << " scenarios pass\n";
  }
  return passed == scenarios.size() ? 0 : 1;
}

}  // namespace

Vocabulary NamesOf(const core::Engine& engine) {
  Vocabulary names = Vocabulary::Standard();
  names.Add(engine.SignalNames(), engine.PumpEventNames(), engine.ProcedureNames(),
            engine.DrugNames(), engine.ConditionNames());
  return names;
}

int RunScenarioCommand(const ScenarioCommandOptions& options, std::ostream& out,
                       std::ostream& err) {
  if (options.files.empty()) {
    return Complain({ErrorCode::kUsage, "no scenario file is named", "",
                     "write tonus scenario run scenarios/*.yaml"},
                    err);
  }
  if (options.shards < 1 || options.batch < 1) {
    return Complain({ErrorCode::kUsage, "--shards and --batch must be at least 1", "", ""}, err);
  }
  RunOptions run;
  run.engine.signals_path = options.signals_path;
  run.engine.drugs_path = options.drugs_path;
  run.engine.plugins = options.plugins;
  run.engine.shards = options.shards;
  run.engine.trace = options.trace;
  run.batch = options.batch;
  // Names come from everything that is configured, also with --detectors.
  const auto probe = core::Engine::Create(run.engine);
  if (!probe) return Complain(probe.error(), err);
  auto chosen = Chosen(options, (*probe)->Detectors());
  if (!chosen) return Complain(chosen.error(), err);
  run.engine.plugins = std::move(*chosen);

  std::vector<Scenario> scenarios;
  if (const int code = ReadAll(options.files, NamesOf(**probe), &scenarios, err); code != 0) {
    return code;
  }
  return PlayAll(scenarios, run, options, out, err);
}

}  // namespace tonus::scenario
