// `tonus plugin check FILE.so`: the rules of tonus/plugin.h, each against what the detector does.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "cli/config.h"
#include "cli/plugin.h"
#include "cli/plugin_elf.h"
#include "cli/plugin_probe.h"
#include "cli/plugin_workload.h"

namespace tonus::cli {
namespace {

struct Rule {
  const char* name;
  const char* title;
};

// The numbers stand in docs/writing-a-detector.md too; they never change their meaning.
constexpr std::array kRules = {
    Rule{"P1", "one exported symbol; the handshake; it opens"},
    Rule{"P3", "structs that have grown, strides that are not sizeof, and no pointer kept"},
    Rule{"P4", "kinds and names that it does not know are ignored"},
    Rule{"P6", "every call comes back; nothing but a return code crosses the line"},
    Rule{"P7", "no clock, random number, thread, process, file, socket, environment or locale"},
    Rule{"P8", "the same input gives the same output, in any process and at any time"},
    Rule{"P9", "saved and loaded after every call, it saves the same bytes and says the same"},
    Rule{"P10", "a saved state fits state_bytes_max"},
    Rule{"P11", "findings have reasons, and the form that the header wants"},
    Rule{"P12", "settings: allowed ones are taken, others never arrive"},
    Rule{"P13", "numbers are finite; the floating-point control word is left alone"},
    Rule{"P14", "work and time of a call are bounded"},
    Rule{"P16", "all memory is given back"},
    Rule{"P17", "no state is shared between patients"},
};

struct Options {
  std::string plugin;
  std::int64_t limit_s = 60;
};

std::string Plural(std::size_t n, const char* word) {
  return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
}

/// "time cause topic digest" for people: the topic, and when.
std::string ShowLine(const std::string& line) {
  const auto first = line.find(' ');
  const auto second = line.find(' ', first + 1), third = line.rfind(' ');
  if (third == std::string::npos || third <= second) return line;
  return "'" + line.substr(second + 1, third - second - 1) + "' at " +
         FormatTime(std::stoll(line.substr(0, first)));
}

/// Where two runs part; empty: nowhere.
std::string Difference(const std::vector<std::string>& one, const std::vector<std::string>& other) {
  const auto [a, b] = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
  if (a == one.end() && b == other.end()) return {};
  const std::string said = a == one.end() ? "nothing more" : ShowLine(*a);
  const std::string then = b == other.end() ? "nothing more" : ShowLine(*b);
  const std::string number = std::to_string(a - one.begin() + 1);
  if (said == then) return "output " + number + ", " + said + ", differs in its content";
  return "output " + number + " is " + said + " and then " + then;
}

std::vector<std::string> LinesOf(const std::vector<std::string>& lines,
                                 const std::string& patient) {
  std::vector<std::string> out;
  for (const std::string& line : lines) {
    const auto second = line.find(' ', line.find(' ') + 1);
    const std::string topic = line.substr(second + 1, line.rfind(' ') - second - 1);
    if (!topic.starts_with("alert.") || PatientOfTopic(topic) != patient) continue;
    // A timer fires at its own time, and after whichever record lets it; that may be another's.
    out.push_back(line.substr(0, line.find(' ')) + " 0" + line.substr(second));
  }
  return out;
}

class Check {
 public:
  Check(std::string config, const Options& options)
      : options_(options), config_(std::move(config)) {}

  Result<void> Run() {
    Symbols();
    auto load = Probe("load");
    if (!load) return tl::unexpected<Error>(load.error());
    if (load->error && load->error->code == ErrorCode::kConfig) {
      return tl::unexpected<Error>(*load->error);
    }
    if (!load->finished) return {};
    auto plain = Probe("plain", {{"MALLOC_PERTURB_", "85"}, {"TZ", "UTC"}});
    if (!plain) return tl::unexpected<Error>(plain.error());
    if (!plain->finished) return {};
    plain_ = std::move(*plain);
    Timing();
    for (const auto part : {&Check::Again, &Check::State, &Check::Grown, &Check::Survives,
                            &Check::Alone, &Check::Confined, &Check::Leaks}) {
      if (const auto good = (this->*part)(); !good) return good;
    }
    complete_ = true;
    return {};
  }

  bool Passed() const { return failures_.empty(); }
  void Print() const;
  void PrintJson() const;

 private:
  /// Runs a mode; what it complains of, or how it ended, are failures already.
  Result<ProbeAnswer> Probe(const char* mode, std::map<std::string, std::string> environment = {},
                            const std::string& patient = {}) {
    ProbeRequest request;
    request.plugin = options_.plugin;
    request.config = config_;
    request.mode = mode;
    request.patient = patient;
    request.environment = std::move(environment);
    request.limit_ms = options_.limit_s * 1000;
    auto answer = RunProbe(request);
    if (!answer) return answer;
    most_memory_kib_ = std::max(most_memory_kib_, answer->most_memory_kib);
    for (const auto& [rule, text] : answer->complaints) FailRule(rule, text);
    if (!answer->finished) FailRule(answer->ended_rule, answer->ended);
    return answer;
  }
  void FailRule(const std::string& rule, const std::string& text) { failures_.emplace(rule, text); }

  void Symbols() {
    const auto facts = ReadElf(options_.plugin);
    if (!facts) return;  // The loader says why, in its own words.
    const auto& exports = facts->exports;
    if (std::find(exports.begin(), exports.end(), TONUS_ENTRY_SYMBOL) == exports.end()) return;
    std::string others;
    for (const std::string& name : exports) {
      if (name != TONUS_ENTRY_SYMBOL) others += (others.empty() ? "" : ", ") + name;
    }
    if (!others.empty()) {
      FailRule("P1", "exports " + others +
                         " beside " TONUS_ENTRY_SYMBOL
                         "; link with the version script plugin.map, or tonus_add_plugin");
    }
    if (!facts->unique.empty()) {
      FailRule("P1", "exports " + facts->unique[0] +
                         " as a unique symbol, which two versions of a plugin would share; compile "
                         "with -fno-gnu-unique");
    }
    for (const std::string& name : facts->imports) {
      const std::string what = ForbiddenImport(name);
      if (!what.empty()) FailRule("P7", "imports " + name + ": a detector has no " + what);
    }
  }

  void Timing() {
    const double declared_us = plain_.numbers["call_us_max"];
    const double seen_us = plain_.numbers["call_ns_p99"] / 1e3;
    if (declared_us > 0 && seen_us > declared_us) {
      FailRule("P14", "takes " + FormatRounded(seen_us, 1) +
                          " us for one call in a hundred; its "
                          "call_us_max says " +
                          FormatRounded(declared_us, 0));
    }
  }

  Result<void> Again() {
    const auto again = Probe("again", {{"MALLOC_PERTURB_", "170"},
                                       {"TZ", "Pacific/Chatham"},
                                       {"LC_ALL", "tr_TR.UTF-8"},
                                       {"TONUS_CHECK", "again"}});
    if (!again) return tl::unexpected<Error>(again.error());
    if (!again->finished) return {};
    const std::string process = Difference(plain_.lines, again->lines);
    if (!process.empty()) {
      FailRule("P8",
               "says something else in another process, where addresses, memory's old "
               "content, time zone and locale differ: " +
                   process);
    }
    const std::string second = Difference(again->lines, again->second);
    if (!second.empty()) {
      FailRule("P8",
               "says something else when the same log is played a second time in one "
               "process: " +
                   second);
    }
    return {};
  }

  Result<void> State() {
    auto state = Probe("state");
    if (!state) return tl::unexpected<Error>(state.error());
    if (!state->finished) return {};
    for (const char* name : {"states", "state_bytes_mean", "state_bytes_most"}) {
      plain_.numbers[name] = state->numbers[name];
    }
    const std::string where = Difference(plain_.lines, state->lines);
    if (!where.empty()) {
      FailRule("P9", "says something else once its states were saved and loaded: " + where +
                         "; something that it goes by is not in what save() writes");
    }
    return {};
  }

  Result<void> Grown() {
    const auto grown = Probe("grown");
    if (!grown) return tl::unexpected<Error>(grown.error());
    if (!grown->finished) return {};
    const std::string where = Difference(plain_.lines, grown->lines);
    if (!where.empty()) {
      FailRule("P3",
               "says something else when the host's structs are larger, or are gone after "
               "the call: " +
                   where + "; step by stride, keep no pointer");
    }
    return {};
  }

  Result<void> Survives() {
    for (const char* mode : {"strange", "missing"}) {
      if (const auto answer = Probe(mode); !answer) return tl::unexpected<Error>(answer.error());
    }
    return {};
  }

  Result<void> Alone() {
    for (const char* patient : {kSweptPatients[0], kSweptPatients[2], "sim-01"}) {
      const auto alone = Probe("alone", {}, patient);
      if (!alone) return tl::unexpected<Error>(alone.error());
      if (!alone->finished) return {};
      const std::string where =
          Difference(LinesOf(plain_.lines, patient), LinesOf(alone->lines, patient));
      if (!where.empty()) {
        FailRule("P17", std::string("says something else of patient ") + patient +
                            " when there are no other patients: " + where);
      }
    }
    return {};
  }

  Result<void> Confined() {
    auto confined = Probe("confined");
    if (!confined) return tl::unexpected<Error>(confined.error());
    if (confined->finished && confined->numbers["confined"] != 1) {
      notes_.push_back("P7 was checked by imports alone: this kernel does not take the filter");
    }
    return {};
  }

  Result<void> Leaks() {
    const auto leak =
        Probe("leak", {{"GLIBC_TUNABLES", "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"}});
    return leak ? Result<void>{} : tl::unexpected<Error>(leak.error());
  }

  double Number(const char* name) const {
    const auto found = plain_.numbers.find(name);
    return found == plain_.numbers.end() ? 0 : found->second;
  }
  std::string Figures() const;

  const Options& options_;
  std::string config_;
  std::map<std::string, std::string> failures_;
  std::vector<std::string> notes_;
  ProbeAnswer plain_;
  std::int64_t most_memory_kib_ = 0;
  bool complete_ = false;
};

std::string Check::Figures() const {
  const auto us = [&](const char* name) { return FormatRounded(Number(name) / 1e3, 1) + " us"; };
  return Plural(static_cast<std::size_t>(Number("events")), "event") + " of " +
         Plural(static_cast<std::size_t>(Number("patients")), "patient") + ": " +
         Plural(static_cast<std::size_t>(Number("on_event") + Number("on_timer")), "call") + ", " +
         Plural(static_cast<std::size_t>(Number("alerts")), "alert version") + "; a call took " +
         us("call_ns_median") + " (half), " + us("call_ns_p99") + " (99 %), " + us("call_ns_most") +
         " (longest); a state at most " +
         Plural(static_cast<std::size_t>(Number("state_bytes_most")), "byte") + "; process " +
         std::to_string(most_memory_kib_ / 1024) + " MiB";
}

void Check::Print() const {
  for (const Rule& rule : kRules) {
    const auto failed = failures_.find(rule.name);
    if (failed != failures_.end()) {
      std::printf("FAIL  %-4s %s\n            %s\n", rule.name, rule.title, failed->second.c_str());
    } else if (complete_) {
      std::printf("ok    %-4s %s\n", rule.name, rule.title);
    } else {
      std::printf("-     %-4s %s\n", rule.name, rule.title);
    }
  }
  for (const std::string& note : notes_) std::printf("note: %s\n", note.c_str());
  if (complete_) std::printf("%s\n", Figures().c_str());
  if (Passed()) {
    std::printf("passed\n");
  } else {
    std::printf("failed: %s%s\n", Plural(failures_.size(), "rule").c_str(),
                complete_ ? "" : "; those with a dash could not be looked at");
  }
}

void Check::PrintJson() const {
  auto rules = nlohmann::ordered_json::array();
  for (const Rule& rule : kRules) {
    const auto failed = failures_.find(rule.name);
    const bool bad = failed != failures_.end();
    rules.push_back({{"rule", rule.name},
                     {"title", rule.title},
                     {"verdict", bad         ? "fail"
                                 : complete_ ? "ok"
                                             : "unknown"},
                     {"text", bad ? failed->second : std::string()}});
  }
  const nlohmann::ordered_json out = {
      {"passed", Passed()}, {"rules", rules}, {"notes", notes_}, {"numbers", plain_.numbers}};
  std::printf("%s\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

int RunCheck(const Globals& globals, const Options& options) {
  const auto subject = FindSubject(globals, options.plugin);
  if (!subject) return Report(subject.error());
  const auto config = FindConfig(globals.config);
  if (!config) return Report(config.error());
  Check check(*config, options);
  if (const auto good = check.Run(); !good) return Report(good.error());
  if (globals.json) {
    check.PrintJson();
  } else {
    check.Print();
  }
  return check.Passed() ? 0 : 1;
}

}  // namespace

void AddPluginCheck(CLI::App& plugin, Program& program) {
  CLI::App* check = plugin.add_subcommand(
      "check", "plays to a detector, in processes of its own, and says which rules it breaks");
  auto options = std::make_shared<Options>();
  check->add_option("FILE", options->plugin, "the plugin, a .so")->required();
  check->add_option("--limit", options->limit_s, "seconds that one play may take")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  check->callback([&program, options] {
    program.run = [&program, options] { return RunCheck(program.globals, *options); };
  });
}

}  // namespace tonus::cli
