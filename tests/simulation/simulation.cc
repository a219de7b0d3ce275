// simulation [--seed N] [--seeds COUNT] [--from N] [--trace]
//
// Plays seeds, each twice where it is asked for by --twice, and stops at the first promise that is
// broken, with the command that plays that seed again.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/log.h"
#include "tests/simulation/run.h"

namespace {

struct Arguments {
  std::uint64_t from = 1;
  std::uint64_t count = 300;
  bool trace = false;
  bool twice = false;
  bool each = false;
};

bool Parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--trace") {
      arguments.trace = true;
    } else if (name == "--twice") {
      arguments.twice = true;
    } else if (name == "--each") {
      arguments.each = true;
    } else if (i + 1 < argc) {
      const std::uint64_t value = std::strtoull(argv[++i], nullptr, 10);
      if (name == "--seed") {
        arguments.from = value;
        arguments.count = 1;
        arguments.each = true;
      } else if (name == "--from") {
        arguments.from = value;
      } else if (name == "--seeds") {
        arguments.count = value;
      } else {
        return false;
      }
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!Parse(argc, argv, arguments)) {
    std::fprintf(
        stderr,
        "usage: simulation [--seed N | --from N --seeds COUNT] [--trace] [--twice] [--each]\n");
    return 2;
  }
  static_cast<void>(tonus::log::Setup({.process = "simulation", .level = "off", .json = false}));
  // In memory where that is possible: what a simulated disk keeps is not the machine's affair.
  std::error_code none;
  const bool memory = std::filesystem::is_directory("/dev/shm", none);
  const std::filesystem::path place =
      memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path();
  std::string folder = place / "tonus-simulation-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 2;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  int bad = 0;
  for (std::uint64_t seed = arguments.from; seed < arguments.from + arguments.count; ++seed) {
    tonus::simulation::RunOptions options;
    options.seed = seed;
    options.trace = arguments.trace;
    options.dir = folder + "/log";
    const auto result = tonus::simulation::PlaySeed(options);
    if (arguments.each) {
      std::printf("seed %llu: %s, digest %016llx\n", static_cast<unsigned long long>(seed),
                  result.summary.c_str(), static_cast<unsigned long long>(result.digest));
    }
    if (result.violation) {
      std::printf("seed %llu: %s\nagain: build/bin/simulation --seed %llu --trace\n",
                  static_cast<unsigned long long>(seed), result.violation->c_str(),
                  static_cast<unsigned long long>(seed));
      ++bad;
      continue;
    }
    if (arguments.twice && tonus::simulation::PlaySeed(options).digest != result.digest) {
      std::printf("seed %llu: two plays of it differ\n", static_cast<unsigned long long>(seed));
      ++bad;
    }
  }
  std::filesystem::remove_all(folder);
  if (arguments.count > 1) {
    std::printf("%llu seeds, %d bad\n", static_cast<unsigned long long>(arguments.count), bad);
  }
  return bad == 0 ? 0 : 1;
}
