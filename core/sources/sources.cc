#include "core/sources/sources.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/digest.h"
#include "base/text.h"
#include "base/topic.h"
#include "core/checkpoint/codec.h"
#include "tonus/v1/system.pb.h"

namespace tonus::core {
namespace {

constexpr std::uint64_t kFewestMessages = 5;
constexpr std::size_t kIntervals = 9;
constexpr std::int64_t kSameTime = kSecondNs;  ///< Messages closer than this are one burst.
constexpr std::int64_t kShortestSilence = 15 * kMinuteNs;
constexpr std::int64_t kEpisodic = 2 * kHourNs;
constexpr std::int64_t kPatientOfSource = kDayNs;  ///< Heard through it so lately.
constexpr std::size_t kMostPatients = 4096;
constexpr int kMostNamed = 64;
constexpr std::uint32_t kRefusedInARow = 5;
constexpr std::size_t kMostSources = 65536;
constexpr const char* kRefusedKinds[] = {"", "clock_skew", "events_rejected"};
constexpr std::uint32_t kUnknownPatient = 0xFFFFFFFF;

std::string Watched(std::size_t patients) {
  return patients == 1 ? "1 patient is" : std::to_string(patients) + " patients are";
}

}  // namespace

struct Sources::Source {
  std::string name;
  std::uint64_t messages = 0;
  LogTimeNs last = 0;
  std::array<std::int64_t, kIntervals> intervals = {};
  std::size_t intervals_seen = 0;
  bool silent = false;
  LogTimeNs silent_since = 0;
  std::uint32_t refused = 0;  ///< In a row.
  LogTimeNs refused_since = 0;
  std::uint8_t refused_kind = 0;  ///< What has been raised, of kRefusedKinds.
  LogTimeNs queued_for = 0;  ///< The deadline that counts; 0: none. Older ones in the queue do not.
  /// When each patient was heard of last through this source; one that has left is taken out.
  std::unordered_map<std::uint64_t, LogTimeNs> patients;
  std::uint64_t last_patient = ~0ULL;
  LogTimeNs* last_slot = nullptr;

  /// All but the patients, who stand under names.
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.name, self.messages, self.last, self.intervals, self.intervals_seen, self.silent,
            self.silent_since, self.refused, self.refused_since, self.refused_kind,
            self.queued_for);
  }

  /// After how long this source counts as silent; 0: it is not watched.
  std::int64_t Limit() const {
    const std::size_t n = std::min(intervals_seen, kIntervals);
    if (messages < kFewestMessages || n < kFewestMessages - 1 || patients.empty()) return 0;
    std::array<std::int64_t, kIntervals> sorted = intervals;
    std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(n));
    const std::int64_t usual = sorted[n / 2];
    if (usual > kEpisodic) return 0;
    return std::max({kShortestSilence, 3 * usual, sorted[n - 1] + sorted[n - 1] / 2});
  }
};

Sources::Sources(NameOf name_of) : name_of_(std::move(name_of)) {}
Sources::~Sources() = default;

bool Sources::Later::operator()(const Due& a, const Due& b) const {
  if (a.deadline != b.deadline) return a.deadline > b.deadline;
  return a.source->name > b.source->name;
}

void Sources::MoveTo(LogTimeNs until, bool inclusive, Offset cause, Outbox* out) {
  while (!queue_.empty() &&
         (queue_.top().deadline < until || (inclusive && queue_.top().deadline == until))) {
    const Due due = queue_.top();
    queue_.pop();
    Source& source = *due.source;
    if (due.deadline != source.queued_for) continue;
    source.queued_for = 0;
    const std::int64_t limit = source.Limit();
    if (limit == 0 || source.silent) continue;
    if (source.last + limit > due.deadline) {
      source.queued_for = source.last + limit;
      queue_.push({source.queued_for, &source});
      continue;
    }
    source.silent = true;
    source.silent_since = source.last;
    const OutputKey key{due.deadline, true, 0, 0, source.name, 0, 0};
    SaySilence(source, due.deadline, key, cause, out);
  }
}

void Sources::Forget(std::uint64_t patient) {
  const auto found = sources_of_.find(patient);
  if (found == sources_of_.end()) return;
  for (const std::uint32_t number : found->second) {
    sources_[number]->patients.erase(patient);
    sources_[number]->last_patient = ~0ULL;
  }
  sources_of_.erase(found);
}

void Sources::Note(std::uint32_t number, std::uint64_t key, LogTimeNs now) {
  Source* source = sources_[number].get();
  if (source->last_patient == key) {
    *source->last_slot = now;
    return;
  }
  auto slot = source->patients.find(key);
  if (slot == source->patients.end()) {
    if (source->patients.size() == kMostPatients) return;
    slot = source->patients.emplace(key, now).first;
    sources_of_[key].push_back(number);
  }
  slot->second = now;
  source->last_slot = &slot->second;
  source->last_patient = key;
}

std::uint32_t Sources::Hear(std::uint32_t known, std::string_view name, const Utterance& heard,
                            Outbox* out) {
  std::uint32_t number = known;
  if (known == kNew) {
    auto at = numbers_.find(std::string(name));
    if (at == numbers_.end()) {
      if (sources_.size() == kMostSources) return kNew;
      at = numbers_.emplace(name, static_cast<std::uint32_t>(sources_.size())).first;
      sources_.push_back(std::make_unique<Source>());
      sources_.back()->name = name;
    }
    number = at->second;
  }
  Source& source = *sources_[number];
  const std::uint64_t key = std::uint64_t{heard.shard} << 32U | heard.patient;
  if (heard.leaves) {
    // Whoever reported the discharge, no device of this patient is waited for any more.
    Forget(key);
  } else if (heard.patient != kUnknownPatient) {
    Note(number, key, heard.now);
  }
  const bool later = source.messages > 0 && heard.now - source.last >= kSameTime;
  if (later) source.intervals[source.intervals_seen++ % kIntervals] = heard.now - source.last;
  ++source.messages;
  source.last = heard.now;
  if (source.silent) {
    source.silent = false;
    SaySilence(source, heard.now, {heard.now, false, heard.offset, 0, {}, 0, 0}, heard.offset, out);
  }
  NoteRefusal(&source, heard, out);
  if (source.messages >= kFewestMessages && (later || source.queued_for == 0)) {
    const std::int64_t limit = source.Limit();
    // A source that has become faster is missed sooner than it was queued for.
    if (limit != 0 && (source.queued_for == 0 || heard.now + limit < source.queued_for)) {
      source.queued_for = heard.now + limit;
      queue_.push({source.queued_for, &source});
    }
  }
  return number;
}

void Sources::Save(StateWriter* out) const {
  std::vector<const Source*> by_name;
  for (const auto& source : sources_) by_name.push_back(source.get());
  std::sort(by_name.begin(), by_name.end(),
            [](const Source* a, const Source* b) { return a->name < b->name; });
  (*out)(static_cast<std::uint32_t>(by_name.size()));
  for (const Source* source : by_name) {
    std::map<std::string, LogTimeNs> patients;
    for (const auto& [patient, heard] : source->patients) patients[NameOfKey(patient)] = heard;
    (*out)(*source, patients);
  }
}

void Sources::Load(StateReader* in,
                   const std::function<std::optional<PatientKey>(std::string_view)>& find) {
  const std::size_t n = in->Count();
  if (n > kMostSources) in->Refuse("it has more sources than can be");
  for (std::uint32_t number = 0; number < n && in->Good(); ++number) {
    auto source = std::make_unique<Source>();
    std::map<std::string, LogTimeNs> patients;
    (*in)(*source, patients);
    if (source->refused_kind >= std::size(kRefusedKinds) || patients.size() > kMostPatients ||
        !numbers_.emplace(source->name, number).second) {
      in->Refuse("a source contradicts itself");
      return;
    }
    for (const auto& [name, heard] : patients) {
      const auto patient = find(name);
      if (!patient) continue;
      const std::uint64_t key = std::uint64_t{patient->shard} << 32U | patient->number;
      source->patients.emplace(key, heard);
      sources_of_[key].push_back(number);
    }
    if (source->queued_for != 0) queue_.push({source->queued_for, source.get()});
    sources_.push_back(std::move(source));
  }
}

const std::string& Sources::NameOfKey(std::uint64_t patient) const {
  return name_of_(
      {static_cast<std::uint32_t>(patient >> 32U), static_cast<std::uint32_t>(patient)});
}

void Sources::NoteRefusal(Source* source, const Utterance& heard, Outbox* out) {
  const bool refused = heard.refusal != Refusal::kNone;
  if (!refused && source->refused_kind == 0) {
    source->refused = 0;
    return;
  }
  if (refused && source->refused++ == 0) source->refused_since = heard.now;
  if (refused && (source->refused < kRefusedInARow || source->refused_kind != 0)) return;
  if (refused) source->refused_kind = heard.refusal == Refusal::kClock ? 1 : 2;
  v1::TechAlert alert;
  alert.set_kind(kRefusedKinds[source->refused_kind]);
  alert.set_state(refused ? v1::TECH_STATE_ACTIVE : v1::TECH_STATE_RESOLVED);
  alert.set_since_ns(source->refused_since);
  alert.set_time_ns(heard.now);
  const std::string what = heard.refusal == Refusal::kClock
                               ? "for their times cannot be; set its clock"
                               : "see `dead` for the reasons";
  alert.set_text(refused ? "nothing that '" + source->name + "' says is taken since " +
                               FormatTime(source->refused_since) + ", " + what
                         : "'" + source->name + "' is taken again");
  Say(*source, &alert, {heard.now, false, heard.offset, 0, {}, 0, 0}, heard.offset, out);
  if (refused) return;
  source->refused = 0;
  source->refused_kind = 0;
}

void Sources::SaySilence(const Source& source, LogTimeNs now, const OutputKey& key, Offset cause,
                         Outbox* out) const {
  v1::TechAlert alert;
  alert.set_kind("source_silent");
  alert.set_state(source.silent ? v1::TECH_STATE_ACTIVE : v1::TECH_STATE_RESOLVED);
  alert.set_since_ns(source.silent_since);
  alert.set_time_ns(now);
  const std::string since = FormatTime(source.silent_since);
  alert.set_text(source.silent
                     ? "'" + source.name + "' has said nothing since " + since +
                           "; check the device, its cable and its network"
                     : "'" + source.name + "' speaks again; it was silent since " + since);
  Say(source, &alert, key, cause, out);
}

void Sources::Say(const Source& source, v1::TechAlert* alert, const OutputKey& key, Offset cause,
                  Outbox* out) const {
  alert->set_subject(source.name);
  std::vector<std::string> names;
  for (const auto& [patient, heard] : source.patients) {
    if (alert->since_ns() - heard > kPatientOfSource) continue;
    names.push_back(NameOfKey(patient));
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (alert->patients_size() == kMostNamed) break;
    alert->add_patients(name);
  }
  if (alert->state() == v1::TECH_STATE_ACTIVE && !names.empty()) {
    alert->set_text(alert->text() + "; " + Watched(names.size()) + " watched less well");
  }
  KeyedOutput keyed;
  keyed.key = key;
  keyed.output.topic = JoinTopic({"tech", EscapeTopicPart(source.name)});
  keyed.output.payload = alert->SerializeAsString();
  keyed.output.digest = ContentDigest(keyed.output.topic, keyed.output.payload);
  keyed.output.time_ns = alert->time_ns();
  keyed.output.cause = cause;
  out->push_back(std::move(keyed));
}

}  // namespace tonus::core
