#include "base/text.h"
#include "scenario/reading.h"
#include "tonus/v1/alert.pb.h"

namespace tonus::scenario {
namespace {

const std::vector<std::string> kPriorities = {"info", "low", "medium", "high"};

/// `medium` and `">=medium"` mean the same: at least medium.
void ReadPriority(const yaml::Node& map, Reading* r, int* out) {
  const auto node = map.Get("priority");
  if (!node) return;
  std::string text = node->AsText().value_or("");
  if (text.rfind(">=", 0) == 0) {
    text.erase(0, 2);
    text.erase(0,
               text.find_first_not_of(' ') == std::string::npos ? 0 : text.find_first_not_of(' '));
  }
  for (std::size_t i = 0; i < kPriorities.size(); ++i) {
    if (kPriorities[i] == text) {
      *out = static_cast<int>(i) + v1::PRIORITY_INFO;
      return;
    }
  }
  std::vector<std::string> allowed = kPriorities;
  allowed.emplace_back("\">=medium\"");
  const auto named = node->AsOneOf(allowed);
  r->Report(named ? node->Bad("is '" + *named + "'").value() : named.error());
}

void ReadList(const yaml::Node& map, Reading* r, AlertList* out) {
  std::string text;
  r->OneOf(map, "as", {"competing", "missing", "evidence", "work_up", "suppressed"}, &text);
  if (text == "competing") *out = AlertList::kCompeting;
  if (text == "missing") *out = AlertList::kMissing;
  if (text == "evidence") *out = AlertList::kEvidence;
  if (text == "work_up") *out = AlertList::kWorkUp;
  if (text == "suppressed") *out = AlertList::kSuppressed;
}

/// The entry as one line: "alert: withdrawal, priority: high, by: 3h".
std::string OneLine(const yaml::Node& map) {
  std::string text;
  for (const auto& [key, node] : map.Entries()) {
    if (!text.empty()) text += ", ";
    text += key + ": " + node.AsText().value_or("");
  }
  return text;
}

struct Form {
  const char* key;
  ExpectationKind kind;
  std::vector<std::string> keys;
};

const std::vector<Form>& Forms() {
  static const std::vector<Form> forms = {
      {"alert", ExpectationKind::kAlert, {"alert", "priority", "by", "not_before"}},
      {"open", ExpectationKind::kOpen, {"open", "at", "priority"}},
      {"cleared", ExpectationKind::kCleared, {"cleared", "by"}},
      {"never", ExpectationKind::kNever, {"never", "priority"}},
      {"mentions", ExpectationKind::kMentions, {"mentions", "in", "as", "by"}},
      {"tech", ExpectationKind::kTech, {"tech", "by"}},
  };
  return forms;
}

/// The form of an entry; null, with a report, where it has none or two.
const Form* FormOf(const yaml::Node& line, Reading* r) {
  const Form* found = nullptr;
  for (const Form& form : Forms()) {
    if (!line.Get(form.key)) continue;
    if (found != nullptr) {
      r->Report({ErrorCode::kConfig, line.Path() + " has both " + found->key + " and " + form.key,
                 line.WhereOfKey(form.key), "write one expectation a line"});
      return nullptr;
    }
    found = &form;
  }
  if (found != nullptr) return found;
  const std::vector<std::string> kinds = {"alert", "open", "cleared", "never", "mentions", "tech"};
  for (const auto& [key, node] : line.Entries()) {
    if (NearestName(key, kinds)) {
      r->Report(line.UnknownKey(key, kinds));
      return nullptr;
    }
  }
  r->Bad(line, "expects nothing", "write one of alert, open, cleared, never, mentions, tech");
  return nullptr;
}

void ReadExpectation(const yaml::Node& line, Reading* r) {
  if (!line.IsMap()) {
    r->Bad(line, "is not a map", "write {alert: withdrawal, by: 9h}");
    return;
  }
  const Form* form = FormOf(line, r);
  if (form == nullptr) return;
  r->Keys(line, form->keys);
  Expectation e;
  e.kind = form->kind;
  e.text = OneLine(line);
  if (e.kind == ExpectationKind::kMentions || e.kind == ExpectationKind::kTech) {
    r->Text(line, form->key, &e.name);
    if (e.name.empty()) r->Bad(*line.Get(form->key), "is empty", "write a name");
  } else {
    r->Name(line, form->key, "condition", r->Names().conditions, &e.name);
  }
  if (line.Get("in")) r->Name(line, "in", "condition", r->Names().conditions, &e.in);
  ReadPriority(line, r, &e.priority);
  ReadList(line, r, &e.as);
  r->AfterStart(line, "by", &e.by_ns);
  r->AfterStart(line, "not_before", &e.not_before_ns);
  if (e.kind == ExpectationKind::kOpen && r->Has(line, "at")) r->AfterStart(line, "at", &e.at_ns);
  if (e.by_ns && e.not_before_ns && *e.by_ns < *e.not_before_ns) {
    r->Bad(*line.Get("by"), "is before not_before", "allowed: not_before or later");
  }
  r->Out()->expectations.push_back(std::move(e));
}

}  // namespace

void ReadExpectations(const yaml::Node& list, Reading* reading) {
  if (!list.IsList()) {
    reading->Bad(list, "is not a list", "write one expectation a line, after a dash");
    return;
  }
  for (const yaml::Node& line : list.Items()) ReadExpectation(line, reading);
}

}  // namespace tonus::scenario
