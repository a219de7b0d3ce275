#include "cli/show.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/topic.h"
#include "tonus/v1/alert.pb.h"
#include "tonus/v1/event.pb.h"
#include "tonus/v1/system.pb.h"

namespace tonus::cli {
namespace {

using Json = nlohmann::ordered_json;

// An empty message of the kind that a topic carries, and the name of that kind in JSON.
struct Content {
  std::unique_ptr<google::protobuf::Message> message;
  const char* name;
};

Content ContentOf(std::string_view topic) {
  const std::string_view kind = topic.substr(0, topic.find('.'));
  if (kind == "alert") return {std::make_unique<v1::Alert>(), "alert"};
  if (kind == "dead") return {std::make_unique<v1::Dead>(), "dead"};
  if (kind == "tech") return {std::make_unique<v1::TechAlert>(), "tech"};
  if (kind == "tick") return {std::make_unique<v1::Tick>(), "tick"};
  if (kind == "progress") return {std::make_unique<v1::Progress>(), "progress"};
  if (kind == "config") return {std::make_unique<v1::ConfigRecord>(), "config"};
  if (kind == "health") return {std::make_unique<v1::Health>(), "health"};
  return {std::make_unique<v1::Event>(), "event"};
}

// Whether one UTF-8 letter moves the cursor or turns the direction of writing: C0 and C1 controls,
// DEL, U+200E and U+200F, U+202A to U+202E, U+2066 to U+2069.
bool Steers(std::string_view letter) {
  const auto byte = static_cast<unsigned char>(letter[0]);
  const auto last = static_cast<unsigned char>(letter.back());
  if (letter.size() == 1) return byte < 0x20 || byte == 0x7f;
  if (letter.size() == 2) return byte == 0xC2 && last < 0xA0;
  if (letter.starts_with("\xE2\x80")) {
    return last == 0x8E || last == 0x8F || (last >= 0xAA && last <= 0xAE);
  }
  return letter.starts_with("\xE2\x81") && last >= 0xA6 && last <= 0xA9;
}

// A refused topic can be anything; the sentence behind it says what is wrong with it.
std::string Shortened(std::string text) {
  constexpr std::size_t kMost = 64;
  if (text.size() <= kMost) return text;
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text + "…";
}

struct PriorityText {
  const char* word;
  const char* color;
};

PriorityText TextOf(v1::Priority priority) {
  switch (priority) {
    case v1::PRIORITY_HIGH:
      return {"HIGH  ", "\033[1;31m"};
    case v1::PRIORITY_MEDIUM:
      return {"MEDIUM", "\033[1;33m"};
    case v1::PRIORITY_LOW:
      return {"LOW   ", "\033[36m"};
    case v1::PRIORITY_INFO:
      return {"INFO  ", "\033[2m"};
    default:
      return {"?     ", ""};
  }
}

std::string Paint(const std::string& text, const char* color, bool colored) {
  if (!colored || *color == '\0') return text;
  return color + text + "\033[0m";
}

std::string ShowAlert(const v1::Alert& alert, bool color) {
  const PriorityText priority = TextOf(alert.priority());
  std::string line =
      FormatTime(alert.time_ns()) + "  " + Paint(priority.word, priority.color, color);
  line += "  " + Printable(alert.unit()) + "/" + Printable(alert.patient_id()) + "  " +
          Printable(alert.condition()) + "  " + Printable(alert.headline());
  switch (alert.change()) {
    case v1::ALERT_CHANGE_ESCALATED:
      line += " [escalated]";
      break;
    case v1::ALERT_CHANGE_DEESCALATED:
      line += " [de-escalated]";
      break;
    case v1::ALERT_CHANGE_UPDATED:
      line += " [updated]";
      break;
    case v1::ALERT_CHANGE_ENDED:
      line += " [ended]";
      break;
    case v1::ALERT_CHANGE_ACTED:
      line += " [someone acted]";
      break;
    case v1::ALERT_CHANGE_MOVED:
      line += " [moved to another unit]";
      break;
    default:
      break;
  }
  if (alert.late()) line += " [late]";
  return line;
}

// Who is watched less well, as far as a line has room for them.
std::string PatientsOf(const v1::TechAlert& tech) {
  constexpr int kMost = 4;
  std::string text;
  for (int i = 0; i < std::min(tech.patients_size(), kMost); ++i) {
    text += (i == 0 ? " (" : ", ") + Printable(tech.patients(i));
  }
  if (tech.patients_size() > kMost) {
    text += " and " + std::to_string(tech.patients_size() - kMost) + " more";
  }
  return text.empty() ? text : text + ")";
}

std::string ShowTech(const v1::TechAlert& tech, bool color) {
  const bool over = tech.state() == v1::TECH_STATE_RESOLVED;
  return FormatTime(tech.time_ns()) + "  " + Paint("TECH  ", over ? "" : "\033[1;35m", color) +
         "  " + Printable(tech.kind()) + "  " + Printable(tech.subject()) + "  " +
         Printable(tech.text()) + PatientsOf(tech) + (over ? " [ended]" : "");
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t size = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    const std::string_view letter = text.substr(i, size);
    if (!IsUtf8(letter)) {
      out += '?';
      ++i;
      continue;
    }
    if (Steers(letter)) {
      out += ' ';
    } else {
      out += letter;
    }
    i += size;
  }
  return out;
}

std::string ShowRecord(const Record& record, bool color) {
  const Content content = ContentOf(record.topic);
  const std::string head = FormatTime(record.recorded_ns) + "  " + Printable(record.topic) + "  ";
  if (!content.message->ParseFromString(record.payload)) {
    return head + "(" + std::to_string(record.payload.size()) + " bytes that do not parse)";
  }
  if (const auto* alert = dynamic_cast<const v1::Alert*>(content.message.get())) {
    return ShowAlert(*alert, color);
  }
  if (const auto* tech = dynamic_cast<const v1::TechAlert*>(content.message.get())) {
    return ShowTech(*tech, color);
  }
  if (const auto* dead = dynamic_cast<const v1::Dead*>(content.message.get())) {
    return FormatTime(record.recorded_ns) + "  " + Printable(dead->code()) + "  " +
           Shortened(Printable(dead->topic())) + "  " + Printable(dead->record().producer()) + "#" +
           std::to_string(dead->record().sequence()) + "  " + Printable(dead->sentence());
  }
  return head + Printable(content.message->ShortDebugString());
}

std::string ShowAlertInFull(const Record& record) {
  v1::Alert alert;
  if (!record.topic.starts_with("alert.") || !alert.ParseFromString(record.payload)) return {};
  std::string out;
  const auto add = [&out](const char* label, const std::string& text) {
    out += std::string("    ") + label + Printable(text) + "\n";
  };
  for (const v1::Evidence& evidence : alert.evidence()) {
    add(evidence.against() ? "against    " : "seen       ", evidence.text());
  }
  for (const v1::Suppression& one : alert.suppressed()) add("not counted", one.text());
  for (const v1::MissingInput& input : alert.missing()) add("missing    ", input.text());
  for (const v1::CompetingExplanation& other : alert.competing()) {
    add("or         ",
        other.condition() + (other.open() ? " (an alert is open): " : ": ") + other.text());
  }
  int step = 0;
  for (const std::string& work_up : alert.work_up()) {
    add("work-up    ", std::to_string(++step) + ". " + work_up);
  }
  add("source     ", alert.source());
  add("", alert.limits());
  return out;
}

bool IsAlertUpdate(const Record& record) {
  v1::Alert alert;
  return record.topic.starts_with("alert.") && alert.ParseFromString(record.payload) &&
         alert.change() == v1::ALERT_CHANGE_UPDATED;
}

std::string RecordJson(const Record& record) {
  Json line;
  line["offset"] = record.offset;
  line["recorded"] = FormatTime(record.recorded_ns);
  line["topic"] = record.topic;
  if (!record.producer.empty()) {
    line["producer"] = record.producer;
    line["sequence"] = record.sequence;
  }
  const Content content = ContentOf(record.topic);
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  if (content.message->ParseFromString(record.payload) &&
      google::protobuf::util::MessageToJsonString(*content.message, &text, options).ok()) {
    line[content.name] = Json::parse(text, nullptr, false);
  } else {
    line["unparsed_bytes"] = record.payload.size();
  }
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 2, ' ');
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

}  // namespace tonus::cli
