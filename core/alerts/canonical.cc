// The canonical form has its own writer, forty lines long: what is hashed and compared must not
// follow a library's release.

#include "core/alerts/canonical.h"

#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "tonus/v1/alert.pb.h"

namespace tonus::core {
namespace {

/// Appends JSON; the caller keeps keys and values in step.
class Writer {
 public:
  void Open(char bracket) {
    Comma();
    out_ += bracket;
    first_ = true;
  }
  void Close(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void Key(std::string_view key) {
    Comma();
    Quote(key);
    out_ += ':';
    first_ = true;
  }
  void Text(std::string_view text) {
    Comma();
    Quote(text);
  }
  void Raw(std::string_view text) {
    Comma();
    out_ += text;
  }
  void Member(std::string_view key, std::string_view text) {
    Key(key);
    Text(text);
  }
  void Number(std::string_view key, bool known, double value) {
    Key(key);
    Raw(known ? FormatDouble(value) : "null");
  }
  void Whole(std::string_view key, std::uint64_t value) {
    Key(key);
    Raw(std::to_string(value));
  }
  void Bool(std::string_view key, bool value) {
    Key(key);
    Raw(value ? "true" : "false");
  }
  void Time(std::string_view key, std::int64_t ns) {
    Key(key);
    if (ns == 0) {
      Raw("null");
    } else {
      Text(FormatTime(ns));
    }
  }
  std::string Take() { return std::move(out_); }

 private:
  void Comma() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  void Quote(std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out_ += '"';
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += c;
      } else if (c == '\n') {
        out_ += "\\n";
      } else if (c == '\t') {
        out_ += "\\t";
      } else if (byte < 0x20 || byte == 0x7F) {
        out_ += "\\u00";
        out_ += kHex[byte >> 4U];
        out_ += kHex[byte & 15U];
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }

  std::string out_;
  bool first_ = true;
};

std::string_view ChangeName(v1::AlertChange change) {
  switch (change) {
    case v1::ALERT_CHANGE_RAISED:
      return "raised";
    case v1::ALERT_CHANGE_UPDATED:
      return "updated";
    case v1::ALERT_CHANGE_ESCALATED:
      return "escalated";
    case v1::ALERT_CHANGE_DEESCALATED:
      return "deescalated";
    case v1::ALERT_CHANGE_ENDED:
      return "ended";
    case v1::ALERT_CHANGE_ACTED:
      return "acted";
    case v1::ALERT_CHANGE_MOVED:
      return "moved";
    default:
      return "unspecified";
  }
}

void WriteEvidence(const v1::Alert& alert, Writer* out) {
  out->Key("evidence");
  out->Open('[');
  for (const v1::Evidence& evidence : alert.evidence()) {
    out->Open('{');
    out->Member("name", evidence.name());
    out->Member("text", evidence.text());
    out->Number("value", evidence.has_value(), evidence.value());
    out->Member("unit", evidence.unit());
    out->Number("baseline", evidence.has_baseline(), evidence.baseline());
    out->Number("threshold", evidence.has_threshold(), evidence.threshold());
    out->Member("setting", evidence.setting());
    out->Time("time", evidence.time_ns());
    out->Number("weight", evidence.has_weight(), evidence.weight());
    out->Bool("against", evidence.against());
    out->Key("records");
    out->Open('[');
    for (const v1::RecordName& record : evidence.records()) {
      out->Text(record.producer() + ":" + std::to_string(record.sequence()));
    }
    out->Close(']');
    out->Close('}');
  }
  out->Close(']');
}

void WriteOthers(const v1::Alert& alert, Writer* out) {
  out->Key("missing");
  out->Open('[');
  for (const v1::MissingInput& missing : alert.missing()) {
    out->Open('{');
    out->Member("name", missing.name());
    out->Member("text", missing.text());
    out->Number("age_s", missing.has_age_ns(), static_cast<double>(missing.age_ns()) / 1e9);
    out->Close('}');
  }
  out->Close(']');
  out->Key("competing");
  out->Open('[');
  for (const v1::CompetingExplanation& competing : alert.competing()) {
    out->Open('{');
    out->Member("condition", competing.condition());
    out->Member("text", competing.text());
    out->Bool("open", competing.open());
    out->Close('}');
  }
  out->Close(']');
  out->Key("work_up");
  out->Open('[');
  for (const std::string& step : alert.work_up()) out->Text(step);
  out->Close(']');
  out->Key("suppressed");
  out->Open('[');
  for (const v1::Suppression& suppressed : alert.suppressed()) {
    out->Open('{');
    out->Member("name", suppressed.name());
    out->Member("text", suppressed.text());
    out->Close('}');
  }
  out->Close(']');
}

void WriteActions(const v1::Alert& alert, Writer* out) {
  out->Key("actions");
  out->Open('[');
  for (const v1::AlertAction& action : alert.actions()) {
    out->Open('{');
    out->Member("kind", action.kind());
    out->Member("by", action.by());
    out->Time("time", action.time_ns());
    out->Whole("alert_sequence", action.alert_sequence());
    out->Member("text", action.text());
    out->Close('}');
  }
  out->Close(']');
}

}  // namespace

std::string_view PriorityName(v1::Priority priority) {
  switch (priority) {
    case v1::PRIORITY_INFO:
      return "info";
    case v1::PRIORITY_LOW:
      return "low";
    case v1::PRIORITY_MEDIUM:
      return "medium";
    case v1::PRIORITY_HIGH:
      return "high";
    default:
      return "unspecified";
  }
}

std::string_view StateName(v1::AlertState state) {
  switch (state) {
    case v1::ALERT_STATE_ACTIVE:
      return "active";
    case v1::ALERT_STATE_ACKNOWLEDGED:
      return "acknowledged";
    case v1::ALERT_STATE_LATCHED:
      return "latched";
    case v1::ALERT_STATE_RESOLVED:
      return "resolved";
    default:
      return "unspecified";
  }
}

std::string CanonicalJson(const v1::Alert& alert) {
  Writer out;
  out.Open('{');
  out.Member("patient", alert.patient_id());
  out.Whole("sequence", alert.sequence());
  out.Time("time", alert.time_ns());
  out.Member("detector", alert.detector());
  out.Member("condition", alert.condition());
  out.Member("priority", PriorityName(alert.priority()));
  out.Member("state", StateName(alert.state()));
  out.Member("change", ChangeName(alert.change()));
  out.Member("tier", alert.tier());
  out.Member("headline", alert.headline());
  WriteEvidence(alert, &out);
  WriteOthers(alert, &out);
  out.Member("id", alert.id());
  out.Member("unit", alert.unit());
  out.Member("bed", alert.bed());
  out.Member("title", alert.title());
  out.Time("first_seen", alert.first_seen_ns());
  out.Member("detector_version", alert.detector_version());
  out.Member("detector_digest", alert.detector_digest());
  out.Member("source", alert.source());
  out.Member("limits", alert.limits());
  WriteActions(alert, &out);
  out.Time("snoozed_until", alert.has_snoozed_until_ns() ? alert.snoozed_until_ns() : 0);
  out.Bool("late", alert.late());
  out.Close('}');
  return out.Take();
}

}  // namespace tonus::core
