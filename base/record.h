#pragma once

#include <cstdint>
#include <string>

namespace tonus {

/// Position in a log: dense from 1; 0 means none.
using Offset = std::uint64_t;

/// Nanoseconds since 1970-01-01T00:00:00Z on the log's clock. Never wall time of this process.
using LogTimeNs = std::int64_t;

/// One record of the log, owned. The same shape comes from the log, the bus and a scenario, so the
/// core cannot tell where it reads.
struct Record {
  Offset offset = 0;
  LogTimeNs recorded_ns = 0;
  std::string topic;    ///< Full topic, ending in a dot.
  std::string payload;  ///< One serialized message; which one, the topic's kind says.
  std::string producer;
  std::uint64_t sequence = 0;
  Offset previous_offset =
      0;                     ///< The record before it in the same stream `<kind>.<unit>`; 0: none.
  std::uint64_t digest = 0;  ///< Of the content, by the producer's canonical form.
  bool open = false;         ///< Envelope flag of `alert.*`: whether the alert is still open.
};

}  // namespace tonus
