#include "base/yaml.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "base/text.h"

namespace tonus::yaml {
namespace {

Node Parse(const std::string& text) {
  auto node = Node::ParseText(text, "f.yaml");
  EXPECT_TRUE(node.has_value()) << node.error().Message();
  return node.value_or(Node());
}

std::string Refusal(const std::string& text) {
  const auto node = Node::ParseText(text, "f.yaml");
  EXPECT_FALSE(node.has_value());
  return node ? std::string() : node.error().Message();
}

TEST(Yaml, KeepsOrderPathsAndPlacesOfKeysAndValues) {
  const Node root = Parse("b: 1\na:\n  list:\n    - {x: 2}\n    - 3\n");
  ASSERT_EQ(root.Entries().size(), 2U);
  EXPECT_EQ(root.Entries()[0].first, "b");
  EXPECT_EQ(root.Entries()[1].first, "a");
  EXPECT_EQ(root.Where(), "f.yaml:1:1");
  EXPECT_EQ(root.WhereOfKey("a"), "f.yaml:2:1");
  const Node list = root.Get("a")->Get("list").value_or(Node());
  ASSERT_EQ(list.Items().size(), 2U);
  const Node x = list.Items()[0].Get("x").value_or(Node());
  EXPECT_EQ(x.Path(), "a.list[0].x");
  EXPECT_EQ(x.Where(), "f.yaml:4:11");
  EXPECT_EQ(list.Items()[1].Where(), "f.yaml:5:7");
}

TEST(Yaml, HandlesOutliveTheParse) {
  Node inner;
  {
    const Node root = Parse("a: {b: c}");
    inner = root.Get("a")->Get("b").value_or(Node());
  }
  EXPECT_EQ(inner.AsText().value_or(""), "c");
  EXPECT_EQ(inner.Where(), "f.yaml:1:8");
}

TEST(Yaml, ReadsEachKindOfScalar) {
  const Node root = Parse(
      "n: -2.5\nplus: +20\ni: 12\ny: yes\nf: false\nd: -3y\nt: 2024-03-01T08:00:00Z\nq: \"04\"\n"
      "empty:\ntilde: ~\n");
  EXPECT_EQ(root.Get("n")->AsNumber().value_or(0), -2.5);
  EXPECT_EQ(root.Get("plus")->AsNumber().value_or(0), 20);
  EXPECT_EQ(root.Get("i")->AsInteger().value_or(0), 12);
  EXPECT_TRUE(root.Get("y")->AsBool().value_or(false));
  EXPECT_FALSE(root.Get("f")->AsBool().value_or(true));
  EXPECT_EQ(root.Get("d")->AsDuration().value_or(0), -3 * 365 * kDayNs);
  EXPECT_EQ(root.Get("t")->AsTime().value_or(0), ParseTime("2024-03-01T08:00:00Z").value_or(1));
  EXPECT_EQ(root.Get("q")->AsText().value_or(""), "04");
  EXPECT_TRUE(root.Get("empty")->IsNull());
  EXPECT_TRUE(root.Get("tilde")->IsNull());
  EXPECT_EQ(root.Get("empty")->Where(), "f.yaml:9:1");
}

TEST(Yaml, NamesThePlaceTheKeyAndWhatIsThere) {
  const Node root = Parse("a:\n  n: many\n  d: 3 hours\n  t: today\n  b: maybe\n  m: {}\n");
  const Node a = root.Get("a").value_or(Node());
  EXPECT_EQ(a.Get("n")->AsNumber().error().Message(), "f.yaml:2:6: a.n is 'many', not a number");
  EXPECT_EQ(a.Get("n")->AsInteger().error().Message(),
            "f.yaml:2:6: a.n is 'many', not a whole number");
  EXPECT_EQ(
      a.Get("d")->AsDuration().error().Message(),
      "f.yaml:3:6: a.d is '3 hours', not a duration; write a number and one of s, m, h, d, w, "
      "y, such as 90s or 6h");
  EXPECT_EQ(a.Get("t")->AsTime().error().Message(),
            "f.yaml:4:6: a.t is 'today', not a time; write it as 2024-03-01T08:00:00Z");
  EXPECT_EQ(a.Get("b")->AsBool().error().Message(),
            "f.yaml:5:6: a.b is 'maybe'; allowed: yes, no, true, false");
  EXPECT_EQ(a.Get("m")->AsText().error().Message(), "f.yaml:6:6: a.m is a map, not a text");
  EXPECT_EQ(a.Require("z").error().Message(), "f.yaml:2:3: the key 'z' is missing in a");
}

TEST(Yaml, RefusesNumbersThatAreNone) {
  const Node root = Parse("a: nan\nb: inf\nc: 1e999\nd: 1,5\ne: +-1\n");
  for (const auto& [key, node] : root.Entries()) {
    EXPECT_FALSE(node.AsNumber().has_value()) << key;
  }
}

TEST(Yaml, NamesTheNearestKeyForATypo) {
  const Node root = Parse("patient:\n  agee: 3\n");
  EXPECT_EQ(root.Get("patient")->CheckKeys({"age", "unit"}).error().Message(),
            "f.yaml:2:3: unknown key 'agee' in patient; did you mean 'age'? allowed: age, unit");
  EXPECT_EQ(root.CheckKeys({"scenario"}).error().Message(),
            "f.yaml:1:1: unknown key 'patient'; allowed: scenario");
  EXPECT_TRUE(root.CheckKeys({"patient"}).has_value());
}

TEST(Yaml, NamesTheNearestValueForATypo) {
  const Node root = Parse("priority: hihg");
  EXPECT_EQ(root.Get("priority")->AsOneOf({"low", "high"}).error().Message(),
            "f.yaml:1:11: priority is 'hihg'; did you mean 'high'? allowed: low, high");
}

TEST(Yaml, RefusesADuplicateKeyWhereItStands) {
  EXPECT_EQ(Refusal("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n"),
            "f.yaml:5:3: the key 'c' is there twice; the first stands in line 3");
}

TEST(Yaml, RefusesAnchorsAliasesTagsAndSecondDocuments) {
  EXPECT_EQ(Refusal("a: &x 1\nb: 2\n"),
            "f.yaml:1:4: an anchor (&) is not supported here; write the value where it is used");
  EXPECT_EQ(Refusal("a: !!str 1\n").substr(0, 21), "f.yaml:1:4: the tag '");
  EXPECT_EQ(Refusal("a: 1\n---\nb: 2\n"),
            "f.yaml:3:1: more than one document (---) in a file; make a file of each");
  EXPECT_EQ(Refusal("[a]: 1\n"), "f.yaml:1:1: a key must be a plain name");
}

TEST(Yaml, RefusesAnExpansionBombBeforeItExpands) {
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + before + ", *a" +
            before + "]\n";
  }
  EXPECT_NE(Refusal(bomb).find("an anchor (&)"), std::string::npos);
}

TEST(Yaml, RefusesDeepNestingWithoutExhaustingTheStack) {
  EXPECT_EQ(Refusal(std::string(80, '[') + std::string(80, ']')),
            "f.yaml:1:65: nested deeper than 64 levels");
  EXPECT_NE(Refusal(std::string(100'000, '[') + std::string(100'000, ']')), "");
  EXPECT_NE(Refusal(std::string(100'000, '[')), "");
  EXPECT_NE(Refusal(std::string(100'000, '{')), "");
  std::string block;
  for (int i = 0; i < 80; ++i) block += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  EXPECT_EQ(Refusal(block), "f.yaml:65:65: nested deeper than 64 levels");
}

TEST(Yaml, RefusesAFileThatIsTooLargeOrNoYaml) {
  EXPECT_EQ(Refusal(std::string((4U << 20U) + 1, 'a')), "f.yaml: is larger than 4 MiB; split it");
  EXPECT_EQ(Refusal("a: [1, 2\nb: 3\n").substr(0, 9), "f.yaml:2:");
  EXPECT_EQ(Refusal("a:\n\tb: 1\n").substr(0, 9), "f.yaml:2:");
}

TEST(Yaml, AnEmptyFileIsNull) {
  EXPECT_TRUE(Parse("").IsNull());
  EXPECT_TRUE(Parse("# only a comment\n").IsNull());
  EXPECT_EQ(Parse("").CheckKeys({"a"}).error().Message(),
            "f.yaml:1:1: the file is nothing, not a map; allowed keys: a");
}

TEST(Yaml, SaysWhichFileCannotBeOpened) {
  const auto node = Node::ParseFile("/nonexistent/x.yaml");
  ASSERT_FALSE(node.has_value());
  EXPECT_EQ(node.error().code, ErrorCode::kUnreachable);
  EXPECT_EQ(node.error().Message(), "/nonexistent/x.yaml: cannot be opened; check path and rights");
  EXPECT_EQ(Node::ParseFile("/tmp").error().code, ErrorCode::kUnreachable);
}

TEST(Yaml, ReadsAFile) {
  const std::string path = testing::TempDir() + "yaml_test.yaml";
  std::ofstream(path) << "a: 1\n";
  const auto node = Node::ParseFile(path);
  std::remove(path.c_str());
  ASSERT_TRUE(node.has_value()) << node.error().Message();
  EXPECT_EQ(node->Get("a")->Where(), path + ":1:4");
}

}  // namespace
}  // namespace tonus::yaml
