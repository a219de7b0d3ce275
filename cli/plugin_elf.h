#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace tonus::cli {

/// What a shared object's symbol tables say.
struct ElfFacts {
  struct Variable {
    std::string name;
    std::uint64_t at = 0, size = 0;
  };
  std::vector<std::string> exports;  ///< Defined and visible to others.
  std::vector<std::string> unique;   ///< Of those, the ones that one process has once (GNU unique).
  std::vector<std::string> imports;  ///< Needed from others.
  std::vector<std::string> needed;   ///< Libraries, by file name.
  std::vector<Variable> variables;   ///< Named data, where the file is not stripped.
};

/// Reads a 64-bit little-endian object without loading it, and without trust in its numbers.
/// kUnreachable where it cannot be read, kRefused where its tables make no sense.
Result<ElfFacts> ReadElf(const std::string& path);

/// What an import that no detector may have stands for ("clock"); empty: it may have it.
std::string ForbiddenImport(const std::string& symbol);

}  // namespace tonus::cli
