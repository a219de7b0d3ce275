#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tonus::yaml {

/// A node of a YAML file that knows where it stands, so that every complaint can name
/// file:line:column.
///
/// A cheap handle onto a parsed document that all handles share (reference-counted: the document
/// lives as long as its last handle). Not thread-safe. Accessors never throw; they fail with
/// kConfig whose `where` is "file:line:column" and whose text names the key, what is there, and
/// what is allowed.
class Node {
 public:
  /// A null node that stands nowhere.
  Node();
  ~Node();
  Node(const Node&);
  Node(Node&&) noexcept;
  Node& operator=(const Node&);
  Node& operator=(Node&&) noexcept;

  /// Parses a file (kUnreachable where it cannot be read) or a text that is named `name` in errors.
  /// Anchors, aliases, tags, duplicate keys and a second document are refused; files over 4 MiB and
  /// nesting over 64 too. An empty file is a null node.
  static Result<Node> ParseFile(const std::string& path);
  static Result<Node> ParseText(std::string_view text, const std::string& name);

  bool IsMap() const;
  bool IsList() const;
  bool IsScalar() const;
  /// Whether nothing is there: an empty value, `~` or `null`.
  bool IsNull() const;

  /// "file:line:column" of this node.
  std::string Where() const;
  /// The key path from the root, such as `patient.intrathecal.daily_dose_ug` or `steps[3].observe`.
  const std::string& Path() const;

  /// Fails unless this is a map whose keys are all among `allowed`; names the nearest allowed key
  /// for a typo.
  Result<void> CheckKeys(const std::vector<std::string>& allowed) const;
  /// The value of a key, if there.
  std::optional<Node> Get(std::string_view key) const;
  /// The value of a key that must be there.
  Result<Node> Require(std::string_view key) const;
  /// Keys in the order of the file, each with its value; WhereOfKey says where the key stands.
  std::vector<std::pair<std::string, Node>> Entries() const;
  /// Elements of a list, in order; of anything else, nothing.
  std::vector<Node> Items() const;
  /// Where the key itself (not its value) stands in this map; Where() if absent.
  std::string WhereOfKey(std::string_view key) const;
  /// A kConfig error at a key of this map that is not among `allowed`, with the nearest name for a
  /// typo.
  Error UnknownKey(std::string_view key, const std::vector<std::string>& allowed) const;

  /// The scalar's text as written.
  Result<std::string> AsText() const;
  Result<double> AsNumber() const;
  Result<std::int64_t> AsInteger() const;
  /// true, false, yes, no.
  Result<bool> AsBool() const;
  /// Nanoseconds, from "90s", "-3y", …
  Result<std::int64_t> AsDuration() const;
  /// Nanoseconds since 1970, from RFC 3339.
  Result<std::int64_t> AsTime() const;
  /// One of `allowed`; names the nearest for a typo.
  Result<std::string> AsOneOf(const std::vector<std::string>& allowed) const;

  /// A kConfig error at this node.
  tl::unexpected<Error> Bad(std::string what, std::string hint = {}) const;

 private:
  struct Impl;
  explicit Node(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace tonus::yaml
