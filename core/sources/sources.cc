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
constexpr std::size_t kMostSources = 65536;
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
  RefusalRate refusals;
  ClockOffset clock;
  LogTimeNs queued_for = 0;  ///< The deadline that counts; 0: none. Older ones in the queue do not.
  /// When each patient was heard of last through this source; one that has left is taken out.
  std::unordered_map<std::uint64_t, LogTimeNs> patients;
  std::uint64_t last_patient = ~0ULL;
  LogTimeNs* last_slot = nullptr;

  /// All but the patients, who stand under names.
  template <class Self, class Archive>
  static void Fields(Self& self, Archive& archive) {
    archive(self.name, self.messages, self.last, self.intervals, self.intervals_seen, self.silent,
            self.silent_since, self.refusals, self.clock, self.queued_for);
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

void Sources::Rename(PatientKey from, PatientKey to) {
  const std::uint64_t old_key = std::uint64_t{from.shard} << 32U | from.number;
  const std::uint64_t new_key = std::uint64_t{to.shard} << 32U | to.number;
  const auto found = sources_of_.find(old_key);
  if (found == sources_of_.end()) return;
  const std::vector<std::uint32_t> speakers = found->second;
  std::vector<LogTimeNs> heard;
  for (const std::uint32_t number : speakers) {
    heard.push_back(sources_[number]->patients[old_key]);
  }
  Forget(old_key);
  for (std::size_t i = 0; i < speakers.size(); ++i) {
    const auto there = sources_[speakers[i]]->patients.find(new_key);
    const bool later = there != sources_[speakers[i]]->patients.end() && there->second > heard[i];
    Note(speakers[i], new_key, later ? there->second : heard[i]);
  }
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
  NoteRefusal(number, heard, out);
  NoteClock(&source, heard, out);
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
    if (patients.size() > kMostPatients || !numbers_.emplace(source->name, number).second) {
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
    if (!source->refusals.Idle()) ++doubted_;
    if (source->queued_for != 0) queue_.push({source->queued_for, source.get()});
    sources_.push_back(std::move(source));
  }
}

const std::string& Sources::NameOfKey(std::uint64_t patient) const {
  return name_of_(
      {static_cast<std::uint32_t>(patient >> 32U), static_cast<std::uint32_t>(patient)});
}

void Sources::HearAccepted(std::string_view producer, LogTimeNs now, Offset offset, Outbox* out) {
  if (doubted_ == 0) return;
  const auto found = numbers_.find(std::string(producer));
  if (found == numbers_.end()) return;
  Utterance heard;
  heard.patient = kUnknownPatient;
  heard.now = now;
  heard.offset = offset;
  NoteRefusal(found->second, heard, out);
}

void Sources::NoteRefusal(std::uint32_t number, const Utterance& heard, Outbox* out) {
  Source& source = *sources_[number];
  const bool idle = source.refusals.Idle();
  if (idle && heard.refusal == Refusal::kNone) return;
  const Turn turn = source.refusals.Note(heard.refusal, heard.now);
  if (idle && !source.refusals.Idle()) ++doubted_;
  if (!idle && source.refusals.Idle()) --doubted_;
  if (turn == Turn::kNone) return;
  const bool begins = turn == Turn::kBegins;
  const bool of_clock = source.refusals.OfItsClock();
  // Said already, and not over, where the clock was seen to stand off before.
  if (of_clock && source.clock.Off()) return;
  v1::TechAlert alert;
  alert.set_kind(of_clock ? "clock_skew" : "events_rejected");
  alert.set_state(begins ? v1::TECH_STATE_ACTIVE : v1::TECH_STATE_RESOLVED);
  alert.set_since_ns(source.refusals.Since());
  alert.set_time_ns(heard.now);
  const std::string since = FormatTime(source.refusals.Since());
  const std::string what =
      of_clock ? "for their times cannot be; set its clock" : "see `dead` for the reasons";
  alert.set_text(begins ? "of what '" + source.name + "' says, five events or more in twenty are " +
                              "refused since " + since + ", " + what
                        : "what '" + source.name + "' says is taken again; it was refused since " +
                              since);
  Say(source, &alert, {heard.now, false, heard.offset, 0, {}, 0, 0}, heard.offset, out);
}

void Sources::NoteClock(Source* source, const Utterance& heard, Outbox* out) {
  if (heard.effective == 0 || heard.refusal != Refusal::kNone) return;
  const Turn turn = source->clock.Note(heard.effective, heard.now);
  if (turn == Turn::kNone) return;
  if (source->refusals.TooMuch() && source->refusals.OfItsClock()) return;
  v1::TechAlert alert;
  alert.set_kind("clock_skew");
  alert.set_state(turn == Turn::kBegins ? v1::TECH_STATE_ACTIVE : v1::TECH_STATE_RESOLVED);
  alert.set_since_ns(source->clock.Since());
  alert.set_time_ns(heard.now);
  const std::int64_t behind = source->clock.BehindNs();
  alert.set_text(turn == Turn::kBegins
                     ? "the clock of '" + source->name + "' stands " +
                           FormatDuration(behind < 0 ? -behind : behind) +
                           (behind < 0 ? " ahead of" : " behind") +
                           " the log's, so its values count at wrong times; set it"
                     : "the clock of '" + source->name + "' is right again");
  Say(*source, &alert, {heard.now, false, heard.offset, 0, {}, 0, 0}, heard.offset, out);
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
