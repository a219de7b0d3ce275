#include "bench/bench_support.h"

#include <algorithm>
#include <filesystem>

#include "core/service.h"

namespace tonus::bench {

std::string ScratchDir() {
  const char* tmp = std::getenv("TMPDIR");
  std::string path = std::string(tmp != nullptr ? tmp : TONUS_BINARY_DIR) + "/bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    std::fprintf(stderr, "bench: cannot make a folder like %s\n", path.c_str());
    std::exit(3);
  }
  return path;
}

core::EngineOptions BundledEngine() {
  core::EngineOptions options;
  options.signals_path = TONUS_SOURCE_DIR "/config/signals.yaml";
  options.drugs_path = TONUS_SOURCE_DIR "/config/drugs.yaml";
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(TONUS_BINARY_DIR "/plugins")) {
    if (entry.path().extension() == ".so") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) options.plugins.push_back({path, {}, ""});
  return options;
}

RunningCore::RunningCore(core::EngineOptions engine, const BrokerEndpoints& broker) {
  core::ServiceOptions options;
  options.engine = std::move(engine);
  options.replay_endpoint = broker.replay;
  options.ingest_endpoint = broker.ingest;
  std::atomic<bool> ready{false};
  thread_ = std::thread([this, options = std::move(options), &ready] {
    auto service = Must(core::Service::Open(options));
    ready = true;
    ready.notify_one();
    while (!stop_) Must(service->Step(20));
  });
  ready.wait(false);
}

RunningCore::~RunningCore() {
  stop_ = true;
  thread_.join();
}

}  // namespace tonus::bench
