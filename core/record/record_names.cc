#include "core/record/record_names.h"

#include <algorithm>

namespace tonus::core {
namespace {

constexpr std::size_t kVitals = 2048;
constexpr std::size_t kOthers = 4096;
constexpr std::size_t kProducers = 256;
constexpr std::size_t kVitalsDigests = 64;
constexpr std::size_t kOtherDigests = 128;

/// A ring that is not full begins at its first element.
bool GoodRing(std::size_t size, std::size_t head, std::size_t bound) {
  return size == bound ? head < bound : size < bound && head == 0;
}

}  // namespace

bool RecordNames::Valid() const {
  if (producers_.size() > kProducers) return false;
  for (const Ring* ring : {&vitals_, &others_}) {
    const bool known =
        std::all_of(ring->entries.begin(), ring->entries.end(),
                    [&](const Entry& entry) { return entry.producer < producers_.size(); });
    const std::size_t bound = ring == &vitals_ ? kVitals : kOthers;
    if (!known || !GoodRing(ring->entries.size(), ring->head, bound)) return false;
  }
  return true;
}

bool Repeats::Valid() const {
  return GoodRing(vitals_.digests.size(), vitals_.head, kVitalsDigests) &&
         GoodRing(others_.digests.size(), others_.head, kOtherDigests);
}

void RecordNames::Push(Ring* ring, std::size_t bound, const Entry& entry) {
  if (ring->entries.size() < bound) {
    if (ring->entries.size() == ring->entries.capacity()) {
      ring->entries.reserve(std::min(bound, ring->entries.size() + ring->entries.size() / 2 + 4));
    }
    ring->entries.push_back(entry);
    return;
  }
  ring->entries[ring->head] = entry;
  ring->head = (ring->head + 1) % bound;
}

std::uint16_t RecordNames::Intern(std::string_view producer) {
  for (std::size_t i = producers_.size(); i > 0; --i) {
    if (producers_[i - 1] == producer) return static_cast<std::uint16_t>(i - 1);
  }
  // A patient of so many producers loses the names of the newest: their evidence lists no record.
  if (producers_.size() == kProducers) return kProducers;
  producers_.emplace_back(producer);
  return static_cast<std::uint16_t>(producers_.size() - 1);
}

void RecordNames::Add(Ref ref, bool vitals, std::string_view producer, std::uint64_t sequence) {
  // No patient has 2^32 records, no producer 2^48: such a one is not named.
  if (ref > 0xFFFFFFFF || sequence >> 48U != 0) return;
  Entry entry;
  entry.ref = static_cast<std::uint32_t>(ref);
  entry.SetSequence(sequence);
  entry.producer = Intern(producer);
  if (entry.producer == kProducers) return;
  Push(vitals ? &vitals_ : &others_, vitals ? kVitals : kOthers, entry);
}

bool RecordNames::Find(Ref ref, RecordName* out) const {
  for (const Ring* ring : {&vitals_, &others_}) {
    const std::vector<Entry>& entries = ring->entries;
    const auto by_ref = [](const Entry& entry, Ref wanted) { return entry.ref < wanted; };
    const auto split = entries.begin() + static_cast<std::ptrdiff_t>(ring->head);
    for (const auto& [begin, end] :
         {std::pair(entries.begin(), split), std::pair(split, entries.end())}) {
      const auto found = std::lower_bound(begin, end, ref, by_ref);
      if (found == end || found->ref != ref) continue;
      *out = RecordName{producers_[found->producer], found->Sequence()};
      return true;
    }
  }
  return false;
}

bool Repeats::Seen(std::uint64_t digest, bool vitals) {
  Ring& ring = vitals ? vitals_ : others_;
  if (std::find(ring.digests.begin(), ring.digests.end(), digest) != ring.digests.end()) {
    return true;
  }
  const std::size_t bound = vitals ? kVitalsDigests : kOtherDigests;
  if (ring.digests.size() < bound) {
    ring.digests.push_back(digest);
  } else {
    ring.digests[ring.head] = digest;
    ring.head = (ring.head + 1) % bound;
  }
  return false;
}

}  // namespace tonus::core
