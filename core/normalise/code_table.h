#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tonus::core {

/// Code systems that configuration can name.
enum class CodeSystem : std::uint8_t { kUnknown, kLocal, kMdc, kLoinc, kSnomed, kRxnorm, kAtc };

/// Whether a table tells upper from lower case.
enum class Folding { kExact, kFolded };

/// From (code system, code) to an id: one probe of an open-addressing table, no allocation.
///
/// Folded tables ignore the case of ASCII letters and take `-`, `_` and space for the same. Built
/// once, then read by any thread. Iteration is in order of insertion.
class CodeTable {
 public:
  explicit CodeTable(Folding folding) : folding_(folding) {}

  /// Longer codes are never found.
  static constexpr std::size_t kMaxCodeBytes = 128;

  /// Adds a code; where it is there already, keeps what it stands for and returns that id. Returns
  /// 0 where it was added. `id` is not 0.
  std::uint32_t Insert(CodeSystem system, std::string_view code, std::uint32_t id);

  /// 0: not there.
  std::uint32_t Find(CodeSystem system, std::string_view code) const;

  struct Entry {
    std::uint64_t hash = 0;
    std::string code;  ///< Folded where the table folds.
    CodeSystem system = CodeSystem::kUnknown;
    std::uint32_t id = 0;
  };
  const std::vector<Entry>& Entries() const { return entries_; }

 private:
  std::uint64_t Hash(CodeSystem system, std::string_view code) const;
  bool Equal(const Entry& entry, std::string_view code) const;
  void Grow();

  Folding folding_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  ///< Index into entries_ plus one; 0: free. A power of two.
};

/// `code` as a folded table sees it.
std::string FoldCode(std::string_view code);

}  // namespace tonus::core
