// A broker to be killed: `broker_child DIR INGEST REPLAY`. Prints its ingest and replay endpoints
// in one line, then runs until it is killed.
#include <cstdio>

#include "broker/broker.h"

int main(int count, char** arguments) {
  if (count != 4) return 2;
  tonus::BrokerOptions options;
  options.data_dir = arguments[1];
  options.ingest_endpoint = arguments[2];
  options.replay_endpoint = arguments[3];
  options.intake_endpoint.clear();
  options.live_endpoint.clear();
  options.min_free_bytes = 0;
  options.tick_interval_ns = 50'000'000;
  options.log.checkpoint_bytes = 1U << 20U;  // Often, so that kills fall into checkpoints too.
  const auto broker = tonus::Broker::Start(options);
  if (!broker) {
    std::fprintf(stderr, "%s\n", broker.error().Message().c_str());
    return 3;
  }
  std::printf("%s %s\n", (*broker)->Endpoints().ingest.c_str(),
              (*broker)->Endpoints().replay.c_str());
  std::fflush(stdout);
  const auto done = (*broker)->Run();
  if (done) return 0;
  std::fprintf(stderr, "%s\n", done.error().Message().c_str());
  return 1;
}
