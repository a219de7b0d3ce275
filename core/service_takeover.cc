#include "core/service_takeover.h"

#include <algorithm>

#include "base/digest.h"
#include "core/alerts/canonical.h"
#include "tonus/v1/alert.pb.h"

namespace tonus::core {
namespace {

Output MakeOutput(const std::string& topic, const v1::Alert& alert, bool open, LogTimeNs now,
                  Offset cause) {
  Output output;
  output.topic = topic;
  output.payload = alert.SerializeAsString();
  output.digest = Digest64(CanonicalJson(alert));
  if (output.digest == 0) output.digest = 1;
  output.open = open;
  output.time_ns = now;
  output.cause = cause;
  return output;
}

}  // namespace

bool Takeover::See(const std::string& topic, const std::string& payload, bool open,
                   std::map<Place, Seen>* into) {
  v1::Alert alert;
  if (!alert.ParseFromString(payload)) return false;
  Seen& seen = (*into)[{alert.patient_id(), alert.condition()}];
  seen = {alert.sequence(), alert.id(), topic, payload, open};
  return true;
}

void Takeover::SeeRestored(const std::vector<Output>& alerts, const Takeover& before) {
  for (const Output& own : alerts) {
    See(own.topic, own.payload, own.open, &own_);
    Output theirs = own;
    before.Rename(&theirs);
    See(theirs.topic, theirs.payload, theirs.open, &theirs_);
  }
  // What only those before the predecessor have said is over, and its sequences are used up.
  for (const auto& [place, names] : before.names_) {
    if (own_.count(place) == 0) theirs_[place].sequence = names.add;
  }
}

void Takeover::LeaveAlone(std::vector<std::string> patients) {
  left_alone_.insert(patients.begin(), patients.end());
}

void Takeover::SeePredecessor(const Record& record) {
  See(record.topic, record.payload, record.open, &theirs_);
}

void Takeover::SeeOwn(const Output& output) {
  if (output.topic.rfind("alert.", 0) == 0) See(output.topic, output.payload, output.open, &own_);
}

std::vector<Output> Takeover::Begin(LogTimeNs now, Offset cause, std::vector<std::string>* closed) {
  std::vector<Output> out;
  for (const auto& [place, theirs] : theirs_) {
    if (left_alone_.count(place.first) != 0) continue;
    const auto own = own_.find(place);
    const bool both = theirs.open && own != own_.end() && own->second.open;
    Names& names = names_[place];
    std::uint64_t last = theirs.sequence;
    if (theirs.open && !both) {
      v1::Alert alert;
      alert.ParseFromString(theirs.payload);
      alert.set_sequence(++last);
      alert.set_time_ns(now);
      alert.set_state(v1::ALERT_STATE_RESOLVED);
      alert.set_change(v1::ALERT_CHANGE_ENDED);
      alert.clear_snoozed_until_ns();
      alert.set_headline(alert.title() +
                         ": closed, the detectors and settings now in force do not state it");
      closed->push_back(alert.id());
      out.push_back(MakeOutput(theirs.topic, alert, false, now, cause));
    }
    const std::uint64_t own_last = own == own_.end() ? 0 : own->second.sequence;
    // An alert that this engine has open is published once more below, one above what was last.
    const std::uint64_t next = own != own_.end() && own->second.open ? last + 1 : last;
    names.add = next > own_last ? next - own_last : 0;
    if (both) {
      names.own_id = own->second.id;
      names.their_id = theirs.id;
    }
  }
  for (const auto& [place, own] : own_) {
    if (!own.open) continue;
    v1::Alert alert;
    alert.ParseFromString(own.payload);
    out.push_back(MakeOutput(own.topic, alert, true, now, cause));
    Rename(&out.back());
  }
  own_.clear();
  theirs_.clear();
  return out;
}

void Takeover::Rename(Output* output) const {
  if (names_.empty() || output->topic.rfind("alert.", 0) != 0) return;
  v1::Alert alert;
  if (!alert.ParseFromString(output->payload)) return;
  const auto found = names_.find({alert.patient_id(), alert.condition()});
  if (found == names_.end()) return;
  const Names& names = found->second;
  alert.set_sequence(alert.sequence() + names.add);
  if (!names.own_id.empty() && alert.id() == names.own_id) alert.set_id(names.their_id);
  *output = MakeOutput(output->topic, alert, output->open, output->time_ns, output->cause);
}

}  // namespace tonus::core
