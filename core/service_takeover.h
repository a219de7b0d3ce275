#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/record.h"
#include "core/checkpoint/codec.h"
#include "core/engine.h"

namespace tonus::core {

/// What a new configuration's core owes to the alerts that older ones published.
///
/// A function of the log up to the offset after which the new core publishes: it is shown every
/// alert record of the predecessors up to there, and every alert that the new engine derived from
/// the same records and did not publish. Owned by the service; one thread.
class Takeover {
 public:
  /// Alerts as this engine restored them, which it has in common with the predecessor that saved
  /// them; `before` is what that one had taken over itself.
  void SeeRestored(const std::vector<Output>& alerts, const Takeover& before);
  /// These patients begin anew, so their alerts that a predecessor left open are not closed: nobody
  /// knows whether they are over.
  void LeaveAlone(std::vector<std::string> patients);

  /// An `alert.*` record of a predecessor.
  void SeePredecessor(const Record& record);
  /// An alert that this engine derived and that is not published.
  void SeeOwn(const Output& output);

  /// What is published right after the `config.` record: a last, resolved version of each alert
  /// that was left open and that this engine has not, then every alert that this engine has open,
  /// as it stands. `closed` gets the ids of the first.
  std::vector<Output> Begin(LogTimeNs now, Offset cause, std::vector<std::string>* closed);

  /// Makes an alert derived after that follow on what receivers already have: sequences go on
  /// above the predecessor's, and an alert that was open in both keeps the predecessor's id.
  void Rename(Output* output) const;

 private:
  friend struct StateFields;
  /// What still counts once it has begun.
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.names_);
  }

  using Place = std::pair<std::string, std::string>;  ///< Patient, condition.
  struct Seen {
    std::uint64_t sequence = 0;
    std::string id, topic, payload;
    bool open = false;
  };
  struct Names {
    std::uint64_t add = 0;  ///< To every sequence.
    std::string own_id, their_id;

    template <class Self, class Archive>
    static void Fields(Self& self, Archive& archive) {
      archive(self.add, self.own_id, self.their_id);
    }
  };
  static bool See(const std::string& topic, const std::string& payload, bool open,
                  std::map<Place, Seen>* into);

  std::map<Place, Seen> theirs_, own_;
  std::map<Place, Names> names_;
  std::set<std::string> left_alone_;
};

}  // namespace tonus::core
