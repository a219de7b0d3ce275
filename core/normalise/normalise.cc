#include "core/normalise/normalise.h"

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <cmath>
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
    case RejectionCode::kNotMerged:
      return "not_merged";
    case RejectionCode::kMalformedValue:
      return "malformed_value";
  }
  return "malformed";
}

std::string UnitName(std::string_view topic_part) {
  std::string name = UnescapeTopicPart(topic_part);
  return IsUtf8(name) ? name : std::string(topic_part);
}

std::int64_t Ahead(std::int64_t age_ns) {
  return age_ns == std::numeric_limits<std::int64_t>::min()
             ? std::numeric_limits<std::int64_t>::max()
             : -age_ns;
}

std::string Shown(double value) {
  // Plain digits where a person would write them so: 1000000, not 1e+06.
  return std::fabs(value) < 1e9 ? FormatRounded(value, 6) : FormatDouble(value);
}

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

bool Normaliser::Impl::Parse(const Record& record) {
  if (!options.always_protobuf && IsObservationKind(out->topic_kind) &&
      ReadPlainEvent(record.payload, &observed)) {
    body_case = v1::Event::kObservations;
    return true;
  }
  if (!message.ParseFromString(record.payload)) {
    return Refuse(RejectionCode::kMalformed,
                  "the payload of " + std::to_string(record.payload.size()) +
                      " bytes is no tonus.v1.Event, or a text in it is not UTF-8; check the "
                      "producer's encoder");
  }
  body_case = message.body_case();
  ReadParsedEvent(message, &observed);
  return true;
}

bool Normaliser::Impl::CheckEnvelope(std::string_view patient_part) {
  std::string_view patient = patient_part;
  if (patient_part == "_" || patient_part.find('%') != std::string_view::npos) {
    topic_patient = UnescapeTopicPart(patient_part);
    patient = topic_patient;
  }
  if (observed.patient.empty()) {
    return Refuse(RejectionCode::kPatientMismatch,
                  "the event names no patient; set patient_id as in the topic");
  }
  if (observed.patient != patient) {
    return Refuse(RejectionCode::kPatientMismatch, "the event is about " + Shown(observed.patient) +
                                                       ", its topic about " + Shown(patient) +
                                                       "; both must name one patient");
  }
  if (patient.size() > kMaxNameBytes) {
    return Refuse(RejectionCode::kMalformed, "patient_id has " + std::to_string(patient.size()) +
                                                 " bytes; at most 64 are allowed");
  }
  if (observed.source.size() > kMaxNameBytes) {
    return Refuse(RejectionCode::kMalformed, "source_id has " +
                                                 std::to_string(observed.source.size()) +
                                                 " bytes; at most 64 are allowed");
  }
  out->patient = observed.patient;
  out->source = observed.source;
  out->source_sequence = observed.source_sequence;
  out->effective_ns = observed.effective_ns;
  if (out->effective_ns == 0) {
    return Refuse(RejectionCode::kMalformed, "effective_ns is not set; say when it was true");
  }
  future_ns = options.future_ns ? *options.future_ns
                                : mapping.Future().Of(out->topic_kind, observed.source);
  std::int64_t age_ns = 0;
  if (__builtin_sub_overflow(out->recorded_ns, out->effective_ns, &age_ns)) {
    return Refuse(RejectionCode::kMalformed, "effective_ns is no time that can be");
  }
  if (age_ns < -future_ns) {
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

bool Normaliser::Impl::CheckKind() {
  if (body_case == v1::Event::BODY_NOT_SET) {
    return Refuse(RejectionCode::kMalformed, "the event has no body");
  }
  const BodyName name = NameOfBody(body_case);
  const bool matches = IsObservationKind(out->topic_kind) ? body_case == v1::Event::kObservations
                                                          : out->topic_kind == name.kind;
  if (matches) return true;
  return Refuse(RejectionCode::kKindMismatch, "the topic's kind is " + Shown(out->topic_kind) +
                                                  ", the payload holds " + name.name);
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
  if (!Parse(record) || !CheckEnvelope(topic->patient) || !CheckKind()) return false;
  switch (body_case) {
    case v1::Event::kObservations:
      return ReadObservations();
    case v1::Event::kPumpStatus:
      return ReadPumpStatus(message.pump_status());
    case v1::Event::kPumpEvent:
      return ReadPumpEvent(message.pump_event());
    case v1::Event::kOrder:
      return ReadOrder(message.order());
    case v1::Event::kAdministration:
      return ReadAdministration(message.administration());
    case v1::Event::kProcedure:
      return ReadProcedure(message.procedure());
    case v1::Event::kEncounter:
      return ReadEncounter(message.encounter(), topic->unit);
    case v1::Event::kPatient:
      return ReadPatient(message.patient());
    case v1::Event::kAction:
      return ReadAction(message.action());
    case v1::Event::kCustom:
      out->kind = EventKind::kCustom;
      out->custom = {message.custom().type_url(), message.custom().value()};
      return true;
    case v1::Event::BODY_NOT_SET:
      break;
  }
  return false;
}

}  // namespace tonus::core
