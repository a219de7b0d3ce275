#pragma once

#include <string>

#include "core/history.h"

namespace tonus::scenario {

/// The past as a log folder on this machine has it; opened anew for each reading, beside whoever
/// writes it.
class LogHistory : public core::History {
 public:
  explicit LogHistory(std::string folder) : folder_(std::move(folder)) {}
  Result<void> Read(LogTimeNs from, Offset before, const See& see) override;

 private:
  std::string folder_;
};

}  // namespace tonus::scenario
