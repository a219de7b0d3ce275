#include "tests/simulation/oracle.h"

#include <algorithm>

#include "base/digest.h"
#include "base/topic.h"

namespace tonus::simulation {
namespace {

/// What every reader of an offset has to see; a plain subscriber is not told the name.
std::uint64_t DigestOf(const Record& record) {
  return Digest64(record.topic + '\n' + std::to_string(record.recorded_ns) + '\n' +
                  std::to_string(record.previous_offset) + '\n' + record.payload);
}

bool Matches(const std::string& topic, const std::vector<std::string>& prefixes) {
  return prefixes.empty() ||
         std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) {
           return topic.compare(0, prefix.size(), prefix) == 0;
         });
}

std::string At(Offset offset) { return " at offset " + std::to_string(offset); }

}  // namespace

void Oracle::Acknowledged(const std::string& producer, std::uint64_t sequence) {
  std::uint64_t& known = acknowledged_[producer];
  known = std::max(known, sequence);
}

std::uint64_t Oracle::AcknowledgedOf(const std::string& producer) const {
  const auto found = acknowledged_.find(producer);
  return found == acknowledged_.end() ? 0 : found->second;
}

void Oracle::See(const Record& record, const std::string& who) {
  const std::uint64_t digest = DigestOf(record);
  const auto [known, fresh] = seen_.emplace(record.offset, digest);
  if (!fresh && known->second != digest) {
    world_.Violate("one order: " + who + " sees another record than an earlier reader" +
                   At(record.offset));
  }
}

void Oracle::Delivered(Reading& reading, const Record& record) {
  const Offset last = reading.offsets.empty() ? 0 : reading.offsets.back();
  if (record.offset <= last || record.offset < reading.from) {
    world_.Violate("order: " + reading.reader + " is given offset " +
                   std::to_string(record.offset) + " after " + std::to_string(last));
  }
  reading.offsets.push_back(record.offset);
  See(record, reading.reader);
}

void Oracle::Live(LiveReading& reading, const std::vector<Record>& records,
                  std::uint64_t unfilled) {
  const bool gap_is_known = unfilled > reading.unfilled;
  reading.unfilled = unfilled;
  for (const Record& record : records) {
    See(record, "a subscriber");
    if (!reading.offsets.insert(record.offset).second) {
      world_.Violate("live: a subscriber is given a record twice" + At(record.offset));
    }
    Offset& last = reading.last[std::string(StreamOf(record.topic))];
    // What could not be brought back at once may be brought back after the next tick.
    if (record.offset < last && reading.unfilled == 0) {
      world_.Violate("live: a stream goes back" + At(record.offset));
    }
    if (!gap_is_known && last != 0 && record.previous_offset > last) {
      world_.Violate("live: a gap goes unnoticed in " + record.topic + " between offsets " +
                     std::to_string(last) + " and " + std::to_string(record.offset));
    }
    last = std::max(last, record.offset);
  }
}

void Oracle::CheckStart(const std::function<std::uint64_t(const std::string&)>& last_sequence,
                        Offset last_offset) {
  for (const auto& [producer, acknowledged] : acknowledged_) {
    const std::uint64_t last = last_sequence(producer);
    if (last < acknowledged) {
      world_.Violate("acknowledged is on the log: " + producer + " was told " +
                     std::to_string(acknowledged) + ", a broker starts with " +
                     std::to_string(last));
    }
  }
  if (!seen_.empty() && seen_.rbegin()->first > last_offset) {
    world_.Violate("one order: readers were shown offset " + std::to_string(seen_.rbegin()->first) +
                   ", a broker starts with " + std::to_string(last_offset));
  }
}

void Oracle::CheckLog(const std::vector<Record>& log, bool at_end) {
  Offset due = 1;
  for (const Record& record : log) {
    if (record.offset != due++) {
      world_.Violate("dense offsets: " + std::to_string(record.offset) + " stands where " +
                     std::to_string(due - 1) + " is due");
      return;
    }
    const auto seen = seen_.find(record.offset);
    if (seen != seen_.end() && seen->second != DigestOf(record)) {
      world_.Violate("one order: the log has another record than readers were shown" +
                     At(record.offset));
    }
  }
  if (!seen_.empty() && seen_.rbegin()->first > log.size()) {
    world_.Violate("one order: readers were shown offset " + std::to_string(seen_.rbegin()->first) +
                   ", the log ends at " + std::to_string(log.size()));
  }
  CheckNames(log, at_end);
  CheckReadings(log);
}

void Oracle::CheckNames(const std::vector<Record>& log, bool at_end) {
  std::map<std::string, std::uint64_t> last;
  for (const Record& record : log) {
    const std::uint64_t sequence = ++last[record.producer];
    if (record.sequence != sequence) {
      world_.Violate("names: " + record.producer + " " + std::to_string(record.sequence) +
                     " stands where " + std::to_string(sequence) + " is due" + At(record.offset));
      return;
    }
    const auto script = scripts_.find(record.producer);
    if (script == scripts_.end()) continue;
    const Script& said = *script->second;
    if (sequence > said.payloads.size() || record.payload != said.payloads[sequence - 1] ||
        record.topic != said.topics[sequence - 1]) {
      world_.Violate("content: " + record.producer + " did not say what stands under " +
                     std::to_string(sequence) + At(record.offset));
    }
  }
  for (const auto& [producer, sequence] : acknowledged_) {
    if (last[producer] < sequence) {
      world_.Violate("acknowledged is on the log: " + producer + " was told " +
                     std::to_string(sequence) + ", the log has " + std::to_string(last[producer]));
    }
  }
  if (!at_end) return;
  for (const auto& [producer, script] : scripts_) {
    if (last[producer] != script->payloads.size()) {
      world_.Violate("none missing: of " + producer + " the log has " +
                     std::to_string(last[producer]) + " of " +
                     std::to_string(script->payloads.size()));
    }
  }
}

void Oracle::CheckReadings(const std::vector<Record>& log) {
  for (const Reading* reading : readings_) {
    std::size_t given = 0;
    for (const Record& record : log) {
      if (record.offset < reading->from || record.offset >= reading->next) continue;
      if (!Matches(record.topic, reading->prefixes)) continue;
      if (given >= reading->offsets.size() || reading->offsets[given] != record.offset) {
        world_.Violate("no gap: " + reading->reader + " was not given" + At(record.offset));
        return;
      }
      ++given;
    }
    if (given != reading->offsets.size()) {
      world_.Violate("no gap: " + reading->reader + " was given what it did not ask for");
    }
  }
}

}  // namespace tonus::simulation
