#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "broker/log/verify.h"
#include "cli/log_commands.h"
#include "cli/show.h"
#include "scenario/import/progress_bar.h"

namespace tonus::cli {
namespace {

std::string Place(const LogFault& fault) {
  if (fault.from == 0) return "the log";
  if (fault.to <= fault.from) return "offset " + std::to_string(fault.from);
  return "offsets " + std::to_string(fault.from) + " to " + std::to_string(fault.to);
}

void PrintJson(const std::string& folder, const LogVerdict& verdict) {
  nlohmann::ordered_json answer = {{"folder", folder},
                                   {"good", verdict.fault_count == 0},
                                   {"records", verdict.records},
                                   {"files", verdict.files},
                                   {"first_offset", verdict.first_offset},
                                   {"last_offset", verdict.last_offset},
                                   {"fault_count", verdict.fault_count},
                                   {"faults", nlohmann::ordered_json::array()},
                                   {"notes", verdict.notes}};
  for (const LogFault& fault : verdict.faults) {
    answer["faults"].push_back({{"from", fault.from}, {"to", fault.to}, {"what", fault.what}});
  }
  std::printf("%s\n", answer.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

}  // namespace

int VerifyLogCommand(const Globals& globals, const std::string& named) {
  const std::string folder = ChooseLogFolder(globals, named);
  std::unique_ptr<importing::ProgressBar> bar;
  const auto verdict = VerifyLog(folder, [&](Offset at, Offset last) {
    if (bar == nullptr) {
      bar = std::make_unique<importing::ProgressBar>("verifying " + folder, "records", last);
    }
    bar->Set(at);
  });
  bar.reset();
  if (!verdict) return Report(verdict.error());
  const bool good = verdict->fault_count == 0;
  if (globals.json) {
    PrintJson(folder, *verdict);
    return good ? 0 : 1;
  }
  for (const std::string& note : verdict->notes) {
    std::fprintf(stderr, "tonus: %s\n", Printable(note).c_str());
  }
  const auto records = static_cast<unsigned long long>(verdict->records);
  if (good) {
    std::printf(
        "%s: %llu records in %llu files, every checksum right, no hole, in order, every name "
        "known\n",
        folder.c_str(), records, static_cast<unsigned long long>(verdict->files));
    return 0;
  }
  for (const LogFault& fault : verdict->faults) {
    std::fprintf(stderr, "tonus: %s: %s: %s\n", folder.c_str(), Place(fault).c_str(),
                 Printable(fault.what).c_str());
  }
  std::fprintf(stderr,
               "tonus: %s: %llu faults beside %llu good records; `tonus log export --skip-damaged` "
               "saves what can be read\n",
               folder.c_str(), static_cast<unsigned long long>(verdict->fault_count), records);
  return 1;
}

}  // namespace tonus::cli
