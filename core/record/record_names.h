#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/record/series.h"

namespace tonus::core {

/// Name of one record: who said it, and as which of its records.
struct RecordName {
  std::string producer;
  std::uint64_t sequence = 0;

  friend bool operator==(const RecordName&, const RecordName&) = default;
};

/// Which record a ref of one patient is: of vitals the last 2048, of everything else the last 4096.
///
/// Refs come in rising order. Owned by its patient; one thread.
class RecordNames {
 public:
  void Add(Ref ref, bool vitals, std::string_view producer, std::uint64_t sequence);
  /// False: forgotten, or never there.
  bool Find(Ref ref, RecordName* out) const;

 private:
  struct Entry {
    Ref ref = 0;
    std::uint64_t sequence = 0;
    std::uint16_t producer = 0;
  };
  struct Ring {
    std::vector<Entry> entries;
    std::size_t head = 0;
  };
  static void Push(Ring* ring, std::size_t bound, const Entry& entry);
  std::uint16_t Intern(std::string_view producer);

  Ring vitals_, others_;
  std::vector<std::string> producers_;
};

/// Digests of a patient's last inputs, to drop what a device says twice: 64 of vitals, 128 of
/// everything else.
class Repeats {
 public:
  /// Whether this digest is among the last ones; remembers it.
  bool Seen(std::uint64_t digest, bool vitals);

 private:
  struct Ring {
    std::vector<std::uint64_t> digests;
    std::size_t head = 0;
  };
  Ring vitals_, others_;
};

}  // namespace tonus::core
