// Prints alerts as they come, and says when it is blind. Usage: example_subscribe [LIVE [REPLAY]]
#include <cstdio>
#include <optional>

#include "client/live.h"
#include "tonus/v1/alert.pb.h"

int main(int argc, char** argv) {
  tonus::LiveOptions options;
  options.live_endpoint = argc > 1 ? argv[1] : "tcp://127.0.0.1:7603";
  options.replay_endpoint = argc > 2 ? argv[2] : "tcp://127.0.0.1:7604";  // fills gaps
  options.prefixes = {"alert."};
  auto reader = tonus::LiveReader::Open(options);
  if (!reader) {
    std::fprintf(stderr, "%s\n", reader.error().Message().c_str());
    return tonus::ExitCode(reader.error());
  }
  std::optional<tonus::Liveness> state;
  while (true) {
    auto records = (*reader)->Next(1000);
    if (!records) {
      std::fprintf(stderr, "%s\n", records.error().Message().c_str());
      return tonus::ExitCode(records.error());
    }
    for (const tonus::Record& record : *records) {
      tonus::v1::Alert alert;
      if (!record.topic.starts_with("alert.") || !alert.ParseFromString(record.payload)) continue;
      std::printf("%s %s %s %s %s\n", tonus::v1::Priority_Name(alert.priority()).c_str(),
                  alert.unit().c_str(), alert.patient_id().c_str(), alert.condition().c_str(),
                  alert.headline().c_str());
    }
    if (state != (*reader)->State()) {
      state = (*reader)->State();
      std::puts(state == tonus::Liveness::kLive       ? "watching"
                : state == tonus::Liveness::kCoreLate ? "BLIND: the core is down or late"
                                                      : "BLIND: the broker or the link is down");
    }
    std::fflush(stdout);
  }
}
