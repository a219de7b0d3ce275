#include "base/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.h"

// The tree is built from the parser's events and not from YAML::Node: events carry the mark of
// every key, and they let duplicate keys, anchors and deep nesting be refused where they stand,
// before anything is copied.

namespace tonus::yaml {

namespace {

constexpr std::size_t kMaxBytes = 4U << 20U;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxShown = 60;

enum class Kind { kNull, kScalar, kList, kMap };

/// A text from the file, quoted for an error and cut where it is long.
std::string Shown(std::string_view text) {
  std::string out = "'" + std::string(text.substr(0, kMaxShown));
  if (text.size() > kMaxShown) out += "…";
  return out + "'";
}

std::string JoinNames(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

/// "did you mean 'x'? allowed: …", as far as either can be said.
std::string AllowedHint(std::string_view word, const std::vector<std::string>& allowed) {
  std::string hint;
  if (const auto nearest = NearestName(word, allowed)) hint = "did you mean '" + *nearest + "'? ";
  return hint + "allowed: " + JoinNames(allowed);
}

}  // namespace

struct Node::Impl {
  Kind kind = Kind::kNull;
  std::string text;  ///< Of a scalar.
  std::string path;
  const std::string* file = nullptr;  ///< Owned by the document that owns this node.
  int line = 0;                       ///< From 1; 0: nowhere.
  int column = 0;

  struct Key {
    std::string name;
    int line = 0;
    int column = 0;
  };
  std::vector<Key> keys;                        ///< Of a map, in order.
  std::vector<std::unique_ptr<Impl>> children;  ///< Values of keys, or elements.

  static std::string At(const std::string* file, int line, int column) {
    if (file == nullptr) return {};
    return *file + ":" + std::to_string(line) + ":" + std::to_string(column);
  }

  std::optional<std::size_t> Find(std::string_view key) const {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (keys[i].name == key) return i;
    }
    return std::nullopt;
  }

  /// What is there, for "is … , not a number".
  std::string Describe() const {
    switch (kind) {
      case Kind::kNull:
        return "nothing";
      case Kind::kScalar:
        return Shown(text);
      case Kind::kList:
        return "a list";
      default:
        return "a map";
    }
  }

  /// The key path, as the beginning of a sentence.
  std::string Name() const { return path.empty() ? "the file" : path; }
};

namespace {

/// Thrown by the builder through the parser and caught in ParseText.
struct Refused {
  int line;
  int column;
  std::string what;
  std::string hint;
};

}  // namespace

namespace {

/// Builds the tree of one document out of the parser's events. Lives for one call of ParseText.
template <class Impl>
class Builder : public YAML::EventHandler {
 public:
  Builder(const std::string* file, Impl* root) : file_(file), root_(root) {}

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RefuseAnchor(mark, anchor);
    if (ExpectsKey()) Refuse(mark, "an empty key", "write a name before the colon");
    Place(mark, Kind::kNull);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    Refuse(mark, "an alias (*) is not supported here", "write the value out");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    if (ExpectsKey()) {
      AddKey(mark, value);
      return;
    }
    Place(mark, Kind::kScalar)->text = value;
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, Kind::kList);
  }
  void OnSequenceEnd() override { open_.pop_back(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, Kind::kMap);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  [[noreturn]] static void Refuse(const YAML::Mark& mark, std::string what, std::string hint) {
    throw Refused{mark.line + 1, mark.column + 1, std::move(what), std::move(hint)};
  }

  static void RefuseAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) {
      Refuse(mark, "an anchor (&) is not supported here", "write the value where it is used");
    }
  }

  /// The parser reports "?" for no tag and "!" for a quoted scalar.
  static void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      Refuse(mark, "the tag " + Shown(tag) + " is not supported here", "leave it out");
    }
  }

  bool ExpectsKey() const {
    return !open_.empty() && open_.back()->kind == Kind::kMap &&
           open_.back()->keys.size() == open_.back()->children.size();
  }

  void AddKey(const YAML::Mark& mark, const std::string& name) {
    Impl* map = open_.back();
    if (const auto first = map->Find(name)) {
      Refuse(mark, "the key " + Shown(name) + " is there twice",
             "the first stands in line " + std::to_string(map->keys[*first].line));
    }
    map->keys.push_back({name, mark.line + 1, mark.column + 1});
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Kind kind) {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    if (ExpectsKey()) Refuse(mark, "a key must be a plain name", "");
    if (open_.size() >= kMaxDepth) {
      Refuse(mark, "nested deeper than " + std::to_string(kMaxDepth) + " levels", "");
    }
    open_.push_back(Place(mark, kind));
  }

  Impl* Place(const YAML::Mark& mark, Kind kind) {
    Impl* node = root_;
    if (!open_.empty()) {
      Impl* parent = open_.back();
      node = parent->children.emplace_back(std::make_unique<Impl>()).get();
      node->path = ChildPath(*parent);
    }
    node->kind = kind;
    node->file = file_;
    node->line = mark.line + 1;
    node->column = mark.column + 1;
    // An absent value is marked by the parser at whatever follows; the key is what a person looks
    // at.
    if (kind == Kind::kNull && !open_.empty() && open_.back()->kind == Kind::kMap) {
      node->line = open_.back()->keys.back().line;
      node->column = open_.back()->keys.back().column;
    }
    return node;
  }

  static std::string ChildPath(const Impl& parent) {
    if (parent.kind == Kind::kList) {
      return parent.path + "[" + std::to_string(parent.children.size() - 1) + "]";
    }
    return parent.path.empty() ? parent.keys.back().name
                               : parent.path + "." + parent.keys.back().name;
  }

  const std::string* file_;
  Impl* root_;
  std::vector<Impl*> open_;
};

/// The nodes of one file, and its name.
template <class Impl>
struct Document {
  std::string file;
  Impl root;
};

}  // namespace

Node::Node() : impl_(std::make_shared<const Impl>()) {}
Node::~Node() = default;
Node::Node(const Node&) = default;
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(const Node&) = default;
Node& Node::operator=(Node&&) noexcept = default;
Node::Node(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<Node> Node::ParseFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Fail(ErrorCode::kUnreachable, "cannot be opened", path, "check path and rights");
  std::string text(kMaxBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (in.fail() && !in.eof())) {
    return Fail(ErrorCode::kUnreachable, "cannot be read", path, "is it a file?");
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  return ParseText(text, path);
}

Result<Node> Node::ParseText(std::string_view text, const std::string& name) {
  if (text.size() > kMaxBytes) {
    return Fail(ErrorCode::kConfig, "is larger than 4 MiB", name, "split it");
  }
  const auto document = std::make_shared<Document<Impl>>();
  document->file = name;
  document->root.file = &document->file;
  document->root.line = 1;
  document->root.column = 1;
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    Builder<Impl> builder(&document->file, &document->root);
    if (parser.HandleNextDocument(builder)) {
      Document<Impl> second;
      Builder<Impl> ignored(&document->file, &second.root);
      if (parser.HandleNextDocument(ignored)) {
        return Fail(ErrorCode::kConfig, "more than one document (---) in a file",
                    Impl::At(&document->file, second.root.line, second.root.column),
                    "make a file of each");
      }
    }
  } catch (const Refused& refused) {
    return Fail(ErrorCode::kConfig, refused.what,
                Impl::At(&document->file, refused.line, refused.column), refused.hint);
  } catch (const YAML::Exception& e) {
    return Fail(ErrorCode::kConfig, "not readable as YAML: " + e.msg,
                Impl::At(&document->file, e.mark.line + 1, e.mark.column + 1),
                "check indentation, colons and brackets here and in the line above");
  }
  return Node(std::shared_ptr<const Impl>(document, &document->root));
}

bool Node::IsMap() const { return impl_->kind == Kind::kMap; }
bool Node::IsList() const { return impl_->kind == Kind::kList; }
bool Node::IsScalar() const { return impl_->kind == Kind::kScalar; }
bool Node::IsNull() const { return impl_->kind == Kind::kNull; }

std::string Node::Where() const { return Impl::At(impl_->file, impl_->line, impl_->column); }
const std::string& Node::Path() const { return impl_->path; }

Error Node::UnknownKey(std::string_view key, const std::vector<std::string>& allowed) const {
  std::string what = "unknown key " + Shown(key);
  if (!impl_->path.empty()) what += " in " + impl_->path;
  return Error{ErrorCode::kConfig, std::move(what), WhereOfKey(key), AllowedHint(key, allowed)};
}

Result<void> Node::CheckKeys(const std::vector<std::string>& allowed) const {
  if (!IsMap()) {
    return Bad("is " + impl_->Describe() + ", not a map", "allowed keys: " + JoinNames(allowed));
  }
  for (const Impl::Key& key : impl_->keys) {
    if (std::find(allowed.begin(), allowed.end(), key.name) == allowed.end()) {
      return tl::unexpected<Error>(UnknownKey(key.name, allowed));
    }
  }
  return {};
}

std::optional<Node> Node::Get(std::string_view key) const {
  const auto index = impl_->Find(key);
  if (!index) return std::nullopt;
  return Node(std::shared_ptr<const Impl>(impl_, impl_->children[*index].get()));
}

Result<Node> Node::Require(std::string_view key) const {
  if (!IsMap()) return Bad("is " + impl_->Describe() + ", not a map", "");
  if (auto node = Get(key)) return *node;
  std::string what = "the key '" + std::string(key) + "' is missing";
  if (!impl_->path.empty()) what += " in " + impl_->path;
  return Fail(ErrorCode::kConfig, std::move(what), Where());
}

std::vector<std::pair<std::string, Node>> Node::Entries() const {
  std::vector<std::pair<std::string, Node>> entries;
  for (std::size_t i = 0; i < impl_->keys.size(); ++i) {
    entries.emplace_back(impl_->keys[i].name,
                         Node(std::shared_ptr<const Impl>(impl_, impl_->children[i].get())));
  }
  return entries;
}

std::vector<Node> Node::Items() const {
  std::vector<Node> items;
  if (!IsList()) return items;
  for (const auto& child : impl_->children) {
    items.push_back(Node(std::shared_ptr<const Impl>(impl_, child.get())));
  }
  return items;
}

std::string Node::WhereOfKey(std::string_view key) const {
  const auto index = impl_->Find(key);
  if (!index) return Where();
  return Impl::At(impl_->file, impl_->keys[*index].line, impl_->keys[*index].column);
}

Result<std::string> Node::AsText() const {
  if (!IsScalar()) return Bad("is " + impl_->Describe() + ", not a text");
  return impl_->text;
}

Result<double> Node::AsNumber() const {
  if (IsScalar()) {
    std::string_view text = impl_->text;
    if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && std::isfinite(value)) {
      return value;
    }
  }
  return Bad("is " + impl_->Describe() + ", not a number");
}

Result<std::int64_t> Node::AsInteger() const {
  if (IsScalar()) {
    std::string_view text = impl_->text;
    if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return value;
  }
  return Bad("is " + impl_->Describe() + ", not a whole number");
}

Result<bool> Node::AsBool() const {
  if (IsScalar()) {
    if (impl_->text == "true" || impl_->text == "yes") return true;
    if (impl_->text == "false" || impl_->text == "no") return false;
  }
  return Bad("is " + impl_->Describe(), "allowed: yes, no, true, false");
}

Result<std::int64_t> Node::AsDuration() const {
  if (IsScalar()) {
    if (const auto ns = ParseDuration(impl_->text)) return *ns;
  }
  return Bad("is " + impl_->Describe() + ", not a duration",
             "write a number and one of s, m, h, d, w, y, such as 90s or 6h");
}

Result<std::int64_t> Node::AsTime() const {
  if (IsScalar()) {
    if (const auto ns = ParseTime(impl_->text)) return *ns;
  }
  return Bad("is " + impl_->Describe() + ", not a time", "write it as 2024-03-01T08:00:00Z");
}

Result<std::string> Node::AsOneOf(const std::vector<std::string>& allowed) const {
  if (!IsScalar()) {
    return Bad("is " + impl_->Describe(), "allowed: " + JoinNames(allowed));
  }
  if (std::find(allowed.begin(), allowed.end(), impl_->text) != allowed.end()) return impl_->text;
  return Bad("is " + Shown(impl_->text), AllowedHint(impl_->text, allowed));
}

tl::unexpected<Error> Node::Bad(std::string what, std::string hint) const {
  return tl::unexpected<Error>(
      Error{ErrorCode::kConfig, impl_->Name() + " " + std::move(what), Where(), std::move(hint)});
}

}  // namespace tonus::yaml
