#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/outbox.h"
#include "core/sources/source_quality.h"

namespace tonus::v1 {
class TechAlert;
}

namespace tonus::core {

class StateReader;
class StateWriter;

/// One event as heard.
struct Utterance {
  std::uint32_t shard = 0;
  std::uint32_t patient = 0;  ///< Number within the shard; 0xFFFFFFFF: unknown.
  bool leaves = false;        ///< It discharges the patient, or moves him to another unit.
  Refusal refusal = Refusal::kNone;
  LogTimeNs now = 0;
  Offset offset = 0;
  LogTimeNs effective = 0;  ///< Of a device's own message; 0: says nothing of a clock.
};

/// Watches the sources across all patients: one that is usually heard and falls silent raises the
/// technical alert `source_silent`, one of whose words too many are refused `events_rejected`, one
/// whose clock stands off `clock_skew`. Each names the patients who are watched less well.
///
/// A source is watched once five messages were heard. It is silent when nothing came for longer
/// than 15 minutes, three times its usual interval (the median of the last nine between messages at
/// different times) and one and a half times the longest of those nine. One whose usual interval is
/// over two hours speaks by occasion and is not watched; nor is one all of whose patients have
/// left: were discharged, or moved to another unit, where what is heard of them counts anew.
/// Figures unvalidated.
///
/// Owned by the engine, used from its thread alone. It is fed in the order of the log, so what it
/// says does not depend on shards.
class Sources {
 public:
  /// A patient as the engine knows it; `name` turns it into an identifier.
  struct PatientKey {
    std::uint32_t shard = 0, number = 0;
  };
  using NameOf = std::function<const std::string&(PatientKey)>;

  explicit Sources(NameOf name_of);
  ~Sources();

  /// Lets silences show that are due before `until` (or at it, if inclusive).
  void MoveTo(LogTimeNs until, bool inclusive, Offset cause, Outbox* out);
  /// A source speaks. `known` is a number that the caller keeps for it, or kNew. Returns its
  /// number; kNew: there are 65536 others, and it is not watched.
  std::uint32_t Hear(std::uint32_t known, std::string_view name, const Utterance& heard,
                     Outbox* out);

  /// Everything for a checkpoint, patients by name; Load is for an object that has heard nothing.
  /// `find` may not know a patient: then he is nobody's.
  void Save(StateWriter* out) const;
  void Load(StateReader* in,
            const std::function<std::optional<PatientKey>(std::string_view)>& find);

  /// Something of a producer was accepted; matters where it has been refused under its own name,
  /// because the broker or nobody could read which source spoke.
  void HearAccepted(std::string_view producer, LogTimeNs now, Offset offset, Outbox* out);

  /// Two patients turned out to be one: whoever speaks of `from` speaks of `to`.
  void Rename(PatientKey from, PatientKey to);

  static constexpr std::uint32_t kNew = 0xFFFFFFFF;

 private:
  struct Source;
  struct Due {
    LogTimeNs deadline;
    Source* source;
  };
  struct Later {
    bool operator()(const Due& a, const Due& b) const;
  };
  void Note(std::uint32_t number, std::uint64_t patient, LogTimeNs now);
  void Forget(std::uint64_t patient);
  const std::string& NameOfKey(std::uint64_t patient) const;
  void NoteRefusal(std::uint32_t number, const Utterance& heard, Outbox* out);
  void NoteClock(Source* source, const Utterance& heard, Outbox* out);
  void SaySilence(const Source& source, LogTimeNs now, const OutputKey& key, Offset cause,
                  Outbox* out) const;
  void Say(const Source& source, v1::TechAlert* alert, const OutputKey& key, Offset cause,
           Outbox* out) const;

  NameOf name_of_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  /// By patient (shard and number): the sources that count him among theirs.
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> sources_of_;
  std::priority_queue<Due, std::vector<Due>, Later> queue_;
  std::size_t doubted_ = 0;  ///< Sources that were refused lately.
};

}  // namespace tonus::core
