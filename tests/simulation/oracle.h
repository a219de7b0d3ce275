#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/record.h"
#include "tests/simulation/world.h"

namespace tonus::simulation {

/// What a device has to say: the same records under the same names however often it is restarted.
struct Script {
  std::string producer;
  std::vector<std::string> topics;    ///< By sequence − 1.
  std::vector<std::string> payloads;  ///< By sequence − 1.
  std::vector<LogTimeNs> times;       ///< By sequence − 1.
};

/// One life of a reader: what it was given, from where on.
struct Reading {
  std::string reader;
  std::vector<std::string> prefixes;  ///< None: everything.
  Offset from = 1;
  Offset next = 1;  ///< Everything before has been given to it.
  std::vector<Offset> offsets;
};

/// One life of a subscriber of `live`, stream by stream.
struct LiveReading {
  std::map<std::string, Offset> last;  ///< Of each stream.
  std::set<Offset> offsets;
  std::uint64_t unfilled = 0;
};

/// Knows what was promised, and says when a promise is broken. It hears of what is promised when
/// that happens, and compares with the log when the run is over:
///
/// 1. what was acknowledged is on the log; 2. offsets are dense; 3. every reader sees the same
/// record at an offset, the one that the log has there at the end; 4. a reader gets every record
/// that it asked for, once, in order; 5. no name stands twice on the log, none is left out, and
/// each has the content that its producer gave it.
class Oracle {
 public:
  explicit Oracle(World* world) : world_(*world) {}

  void Expect(const Script& script) { scripts_[script.producer] = &script; }
  void Acknowledged(const std::string& producer, std::uint64_t sequence);
  void Delivered(Reading& reading, const Record& record);
  /// What one call gave to a subscriber of everything: each record once, each stream in order and,
  /// as long as every gap was filled, without a gap.
  void Live(LiveReading& reading, const std::vector<Record>& records, std::uint64_t unfilled);
  /// Without an end of the script: may be more than once, while the run goes on.
  void CheckLog(const std::vector<Record>& log, bool at_end);
  /// The log as a broker finds it when it starts: whatever was promised must be there already,
  /// before anyone can send it again.
  void CheckStart(const std::function<std::uint64_t(const std::string&)>& last_sequence,
                  Offset last_offset);
  void Begin(const Reading* reading) { readings_.push_back(reading); }

  std::uint64_t AcknowledgedOf(const std::string& producer) const;

 private:
  void See(const Record& record, const std::string& who);
  void CheckNames(const std::vector<Record>& log, bool at_end);
  void CheckReadings(const std::vector<Record>& log);

  World& world_;
  std::map<std::string, const Script*> scripts_;
  std::map<std::string, std::uint64_t> acknowledged_;
  std::map<Offset, std::uint64_t> seen_;  ///< Offset → digest of what a reader was shown there.
  std::vector<const Reading*> readings_;
};

}  // namespace tonus::simulation
