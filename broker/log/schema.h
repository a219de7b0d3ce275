#pragma once

#include <cstdint>
#include <string_view>

namespace tonus {

/// The tables of a segment file.
///
/// - `meta`: format, log_id, clock (0 wall, 1 given), streams_as_of; first_offset of the segment,
/// and
///   the recorded time of the record before it (both absent in a log's first segment).
/// - `topics`, `producers`, `streams`: names interned as small integers. A stream's last offset is
///   written now and then, with `streams_as_of`; opening reads on from there.
/// - `records`: the log. `checksum` is RecordChecksum.
/// - `runs`: which of a producer's sequences stand where: `count` records from first_sequence on at
///   first_offset on. One row for each run without an interruption, in place of an index over all
///   records; the last run of a producer also says its highest sequence.
/// - `open_alerts`: `<patient>.<condition>` → newest record, while its envelope says open.
/// - `carried`, `carried_sequences`: what a new segment takes over, so that older ones can be
/// removed:
///   the records of the alerts that are open, and each producer's highest sequence. Topics,
///   producers and streams are taken over with their numbers.
inline constexpr char kSchema[] = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE topics(id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, topic BLOB NOT NULL);
CREATE TABLE producers(id INTEGER PRIMARY KEY, name BLOB NOT NULL);
CREATE TABLE streams(id INTEGER PRIMARY KEY, last_offset INTEGER NOT NULL, name BLOB NOT NULL);
CREATE TABLE records(offset INTEGER PRIMARY KEY, recorded_ns INTEGER NOT NULL,
  topic INTEGER NOT NULL, producer INTEGER NOT NULL, sequence INTEGER NOT NULL,
  previous INTEGER NOT NULL, digest INTEGER NOT NULL, open INTEGER NOT NULL,
  checksum INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE TABLE runs(producer INTEGER NOT NULL, first_sequence INTEGER NOT NULL,
  first_offset INTEGER NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY(producer, first_sequence)) WITHOUT ROWID;
CREATE TABLE open_alerts(alert BLOB PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
)";

/// Tables that a segment written by an earlier version may lack.
inline constexpr char kSchemaCarried[] = R"(
CREATE TABLE IF NOT EXISTS carried(offset INTEGER PRIMARY KEY, recorded_ns INTEGER NOT NULL,
  topic INTEGER NOT NULL, producer INTEGER NOT NULL, sequence INTEGER NOT NULL,
  previous INTEGER NOT NULL, digest INTEGER NOT NULL, open INTEGER NOT NULL,
  checksum INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS carried_sequences(producer INTEGER PRIMARY KEY,
  last_sequence INTEGER NOT NULL);
)";

inline constexpr std::int64_t kFormat = 1;

/// What a record's checksum covers; names by their digests, so that a changed name is noticed too.
struct ChecksumFields {
  std::uint64_t offset = 0;
  std::int64_t recorded_ns = 0;
  std::uint64_t topic_digest = 0;
  std::uint64_t producer_digest = 0;
  std::uint64_t sequence = 0;
  std::uint64_t previous = 0;
  std::uint64_t digest = 0;
  std::uint64_t open = 0;
};

/// Digest64 over the fields as eight little-endian words, then the payload.
std::uint64_t RecordChecksum(const ChecksumFields& fields, std::string_view payload);

}  // namespace tonus
