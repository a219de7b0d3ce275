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
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.producer, self.sequence);
  }
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
  friend struct StateFields;
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.producers_, self.vitals_, self.others_);
  }
  bool Valid() const;

  /// In 12 bytes, for there are thousands of them; see Add for what does not fit.
  struct Entry {
    std::uint32_t ref = 0;
    std::uint32_t sequence_low = 0;
    std::uint16_t sequence_high = 0;
    std::uint16_t producer = 0;

    std::uint64_t Sequence() const { return std::uint64_t{sequence_high} << 32U | sequence_low; }
    void SetSequence(std::uint64_t sequence) {
      sequence_low = static_cast<std::uint32_t>(sequence);
      sequence_high = static_cast<std::uint16_t>(sequence >> 32U);
    }
    template <class Self, class Archive>
    static void Fields(Self& self, Archive& archive) {
      std::uint64_t wide_ref = self.ref;
      std::uint64_t sequence = self.Sequence();
      archive(wide_ref, sequence, self.producer);
      if constexpr (Archive::kReading) {
        self.ref = static_cast<std::uint32_t>(wide_ref);
        self.SetSequence(sequence);
      }
    }
  };
  static_assert(sizeof(Entry) == 12);
  struct Ring {
    std::vector<Entry> entries;
    std::size_t head = 0;

    template <class Self, class Archive>
    static void Fields(Self& self, Archive& archive) {
      archive(self.entries, self.head);
    }
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
  friend struct StateFields;
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.vitals_, self.others_);
  }
  bool Valid() const;

  struct Ring {
    std::vector<std::uint64_t> digests;
    std::size_t head = 0;

    template <class Self, class Archive>
    static void Fields(Self& self, Archive& archive) {
      archive(self.digests, self.head);
    }
  };
  Ring vitals_, others_;
};

}  // namespace tonus::core
