// A core as a process of its own, to be killed: core_child REPLAY INGEST SIGNALS DRUGS PLUGIN
// [CHECKPOINTS [EVERY]]. With a folder for checkpoints it makes one after every few hundred
// records, or every EVERY, so that kills fall into their making too.

#include <cstdio>
#include <cstdlib>

#include "core/service.h"

int main(int argc, char** argv) {
  if (argc < 6 || argc > 8) return 2;
  tonus::core::ServiceOptions options;
  options.replay_endpoint = argv[1];
  options.ingest_endpoint = argv[2];
  options.engine.signals_path = argv[3];
  options.engine.drugs_path = argv[4];
  options.engine.plugins.push_back({argv[5], {}, {}});
  options.engine.shards = 2;
  options.batch = 64;
  if (argc >= 7) {
    options.checkpoint.folder = argv[6];
    options.checkpoint.every_records = argc == 8 ? std::strtoull(argv[7], nullptr, 10) : 300;
  }
  const auto service = tonus::core::Service::Open(options);
  if (!service) {
    std::fprintf(stderr, "%s\n", service.error().Message().c_str());
    return 1;
  }
  while (true) {
    if (const auto good = (*service)->Step(20); !good) {
      std::fprintf(stderr, "%s\n", good.error().Message().c_str());
      return 1;
    }
  }
}
