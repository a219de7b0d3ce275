// A second process for the log's tests. `log_child read DIR` prints the last offset it can read,
// `log_child hold DIR` tries to open the log for writing.
#include <cstdio>
#include <string>

#include "broker/log/log.h"

namespace {

int Say(const tonus::Error& error) {
  std::fprintf(stderr, "%s\n", error.Message().c_str());
  return 3;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  if (std::string(arguments[1]) == "hold") {
    tonus::LogOptions options;
    options.clock = tonus::LogClock::kGiven;
    const auto log = tonus::Log::Open(arguments[2], options);
    return log ? 0 : Say(log.error());
  }
  const auto reader = tonus::Log::OpenReadOnly(arguments[2]);
  if (!reader) return Say(reader.error());
  tonus::ReadRequest request;
  while (true) {
    const auto slice = (*reader)->Read(request);
    if (!slice) return Say(slice.error());
    request.from = slice->next_offset;
    if (slice->at_end) break;
  }
  std::printf("%llu\n", static_cast<unsigned long long>(request.from - 1));
  return 0;
}
