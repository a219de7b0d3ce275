#include "core/normalise/normalise.h"

#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <limits>
#include <mutex>

#include "base/text.h"
#include "base/topic.h"
#include "core/normalise/normalise_impl.h"

// The envelope of an event: parsing, patient, kind, times. Observations are read in
// normalise_values.cc, every other body in normalise_bodies.cc.

namespace tonus::core {
namespace {

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxShown = 60;
constexpr std::size_t kMaxDistinct = 1000;
/// A message that held more observations is not kept: one large batch must not hold memory for
/// ever.
constexpr int kMaxKeptItems = 256;

/// libprotobuf writes a line to standard error for each string that is not UTF-8. The Rejection
/// says it, and a broken sender must not be able to flood a log.
void SilenceProtobufOnce() {
  static std::once_flag once;
  std::call_once(once, [] { google::protobuf::SetLogHandler(nullptr); });
}

bool IsObservationKind(std::string_view kind) {
  return kind == "vitals" || kind == "assessment" || kind == "lab";
}

/// What a body is called in sentences, and the topic kind that it belongs to.
struct BodyName {
  const char* kind;
  const char* name;
};

BodyName NameOfBody(v1::Event::BodyCase body) {
  switch (body) {
    case v1::Event::kObservations:
      return {"vitals", "observations"};
    case v1::Event::kPumpStatus:
      return {"pump", "pump_status"};
    case v1::Event::kPumpEvent:
      return {"pump", "pump_event"};
    case v1::Event::kOrder:
      return {"order", "order"};
    case v1::Event::kAdministration:
      return {"administration", "administration"};
    case v1::Event::kProcedure:
      return {"procedure", "procedure"};
    case v1::Event::kEncounter:
      return {"encounter", "encounter"};
    case v1::Event::kPatient:
      return {"patient", "patient"};
    case v1::Event::kAction:
      return {"action", "action"};
    case v1::Event::kCustom:
      return {"custom", "custom"};
    case v1::Event::BODY_NOT_SET:
      break;
  }
  return {"", "no body"};
}

/// Empties a message whose observations are to be filled again, keeping their memory.
void ClearKeepingItems(v1::Event* event) {
  if (event->body_case() != v1::Event::kObservations) {
    event->Clear();
    event->mutable_observations();
    return;
  }
  event->mutable_observations()->Clear();
  event->clear_patient_id();
  event->clear_source_id();
  event->clear_source_sequence();
  event->clear_effective_ns();
  auto* unknown = event->GetReflection()->MutableUnknownFields(event);
  if (!unknown->empty()) unknown->Clear();
}

}  // namespace

std::string_view RejectionName(RejectionCode code) {
  switch (code) {
    case RejectionCode::kBadTopic:
      return "bad_topic";
    case RejectionCode::kMalformed:
      return "malformed";
    case RejectionCode::kPatientMismatch:
      return "patient_mismatch";
    case RejectionCode::kKindMismatch:
      return "kind_mismatch";
    case RejectionCode::kUnknownCode:
      return "unknown_code";
    case RejectionCode::kUnknownUnit:
      return "unknown_unit";
    case RejectionCode::kImplausible:
      return "implausible";
    case RejectionCode::kFuture:
      return "future";
    case RejectionCode::kTooOld:
      return "too_old";
    case RejectionCode::kMalformedValue:
      return "malformed_value";
  }
  return "malformed";
}

std::int64_t Ahead(std::int64_t age_ns) {
  return age_ns == std::numeric_limits<std::int64_t>::min()
             ? std::numeric_limits<std::int64_t>::max()
             : -age_ns;
}

std::string Shown(double value) { return FormatDouble(value); }

std::string Shown(std::string_view text) {
  std::string out = "'";
  // A cut must not leave half a character behind.
  std::size_t length = std::min(text.size(), kMaxShown);
  while (length < text.size() && length > 0 &&
         (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) {
    --length;
  }
  for (const char c : text.substr(0, length)) {
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  }
  if (length < text.size()) out += "…";
  return out + "'";
}

Normaliser::Normaliser(const Mapping& mapping, const NormaliserOptions& options)
    : impl_(std::make_unique<Impl>(mapping, options)) {
  SilenceProtobufOnce();
}
Normaliser::~Normaliser() = default;

const NormaliserCounts& Normaliser::Counts() const { return impl_->counts; }

bool Normaliser::Normalise(const Record& record, NormalEvent* event,
                           std::vector<Rejection>* rejections) {
  impl_->out = event;
  impl_->rejections = rejections;
  const bool accepted = impl_->Run(record);
  if (accepted) {
    ++impl_->counts.events;
    impl_->counts.samples += event->samples.size();
  } else {
    ++impl_->counts.refused;
    event->samples.clear();
  }
  impl_->counts.dropped += event->dropped;
  return accepted;
}

bool Normaliser::Impl::Refuse(RejectionCode code, std::string sentence, std::string subject) {
  ++counts.rejections[static_cast<int>(code)];
  rejections->push_back({code, true, -1, std::move(subject), std::move(sentence)});
  return false;
}

void Normaliser::Impl::RefuseValue(RejectionCode code, int item, std::string subject,
                                   std::string sentence) {
  ++counts.rejections[static_cast<int>(code)];
  rejections->push_back({code, false, item, std::move(subject), std::move(sentence)});
}

bool Normaliser::Impl::RefuseField(bool needed, RejectionCode code, std::string subject,
                                   std::string sentence) {
  if (needed) return Refuse(code, std::move(sentence), std::move(subject));
  RefuseValue(code, -1, std::move(subject), std::move(sentence));
  return true;
}

void Normaliser::Impl::CountUnknown(std::map<std::string, std::uint64_t>* table,
                                    const std::string& key) {
  const auto found = table->find(key);
  if (found != table->end()) {
    ++found->second;
  } else if (table->size() < kMaxDistinct) {
    table->emplace(key, 1);
  }
}

bool Normaliser::Impl::Parse(const Record& record, bool observations, v1::Event** event) {
  if (observations) {
    if (!observed ||
        (observed->has_observations() && observed->observations().items_size() > kMaxKeptItems)) {
      observed = std::make_unique<v1::Event>();
    }
    ClearKeepingItems(observed.get());
    *event = observed.get();
  } else {
    other.Clear();
    *event = &other;
  }
  if ((*event)->MergeFromString(record.payload)) return true;
  return Refuse(RejectionCode::kMalformed,
                "the payload of " + std::to_string(record.payload.size()) +
                    " bytes is no tonus.v1.Event, or a text in it is not UTF-8; check the "
                    "producer's encoder");
}

bool Normaliser::Impl::CheckEnvelope(const Record& record, v1::Event* event,
                                     std::string_view patient_part) {
  std::string_view patient = patient_part;
  if (patient_part == "_" || patient_part.find('%') != std::string_view::npos) {
    topic_patient = UnescapeTopicPart(patient_part);
    patient = topic_patient;
  }
  if (event->patient_id().empty()) {
    return Refuse(RejectionCode::kPatientMismatch,
                  "the event names no patient; set patient_id as in the topic");
  }
  if (event->patient_id() != patient) {
    return Refuse(RejectionCode::kPatientMismatch,
                  "the event is about " + Shown(event->patient_id()) + ", its topic about " +
                      Shown(patient) + "; both must name one patient");
  }
  if (patient.size() > kMaxNameBytes) {
    return Refuse(RejectionCode::kMalformed, "patient_id has " + std::to_string(patient.size()) +
                                                 " bytes; at most 64 are allowed");
  }
  out->patient = event->patient_id();
  out->source = event->source_id();
  out->source_sequence = event->source_sequence();
  out->effective_ns = event->effective_ns();
  if (out->effective_ns == 0) {
    return Refuse(RejectionCode::kMalformed, "effective_ns is not set; say when it was true");
  }
  std::int64_t age_ns = 0;
  if (__builtin_sub_overflow(record.recorded_ns, out->effective_ns, &age_ns)) {
    return Refuse(RejectionCode::kMalformed, "effective_ns is no time that can be");
  }
  if (age_ns < -options.future_ns) {
    return Refuse(RejectionCode::kFuture, "effective " + FormatTime(out->effective_ns) + " is " +
                                              FormatDuration(Ahead(age_ns)) +
                                              " after it was recorded; check the source's clock");
  }
  if (age_ns > options.horizon_ns) {
    return Refuse(RejectionCode::kTooOld, "effective " + FormatTime(out->effective_ns) + " is " +
                                              FormatDuration(age_ns) +
                                              " before it was recorded; the horizon is " +
                                              FormatDuration(options.horizon_ns));
  }
  return true;
}

bool Normaliser::Impl::CheckKind(const v1::Event& event) {
  const BodyName body = NameOfBody(event.body_case());
  const bool observations = IsObservationKind(out->topic_kind);
  const bool matches = observations ? event.has_observations() : out->topic_kind == body.kind;
  if (!matches) {
    return Refuse(RejectionCode::kKindMismatch, "the topic's kind is " + Shown(out->topic_kind) +
                                                    ", the payload holds " + body.name);
  }
  if (observations && event.observations().items().empty()) {
    return Refuse(RejectionCode::kMalformed, "the event holds no observation");
  }
  return true;
}

bool Normaliser::Impl::Run(const Record& record) {
  out->samples.clear();
  out->dropped = 0;
  out->recorded_ns = record.recorded_ns;
  out->effective_ns = 0;
  out->source_sequence = 0;
  out->topic_kind = out->unit = out->patient = out->source = {};
  const auto topic = ParseTopic(record.topic);
  if (!topic) return Refuse(RejectionCode::kBadTopic, topic.error().Message());
  if (!IsInputKind(topic->kind)) {
    return Refuse(RejectionCode::kBadTopic,
                  "kind " + Shown(topic->kind) + " is none of the input kinds");
  }
  out->topic_kind = topic->kind;
  out->unit = topic->unit;
  v1::Event* event = nullptr;
  if (!Parse(record, IsObservationKind(topic->kind), &event)) return false;
  if (!CheckEnvelope(record, event, topic->patient) || !CheckKind(*event)) return false;
  switch (event->body_case()) {
    case v1::Event::kObservations:
      out->kind = EventKind::kObservations;
      ReadObservations(event->mutable_observations());
      return true;
    case v1::Event::kPumpStatus:
      return ReadPumpStatus(event->pump_status());
    case v1::Event::kPumpEvent:
      return ReadPumpEvent(event->pump_event());
    case v1::Event::kOrder:
      return ReadOrder(event->order());
    case v1::Event::kAdministration:
      return ReadAdministration(event->administration());
    case v1::Event::kProcedure:
      return ReadProcedure(event->procedure());
    case v1::Event::kEncounter:
      return ReadEncounter(event->encounter(), topic->unit);
    case v1::Event::kPatient:
      return ReadPatient(event->patient());
    case v1::Event::kAction:
      return ReadAction(event->action());
    case v1::Event::kCustom:
      out->kind = EventKind::kCustom;
      out->custom = {event->custom().type_url(), event->custom().value()};
      return true;
    case v1::Event::BODY_NOT_SET:
      break;
  }
  return Refuse(RejectionCode::kMalformed, "the event has no body");
}

}  // namespace tonus::core
