#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "core/history.h"

namespace tonus {
class Environment;
}

namespace tonus::core {

/// The past as the broker has it on disk, over its replay socket.
///
/// A broker that is away says nothing about the log, and what follows from a merge must not depend
/// on that: Read waits, and where it cannot end, Failed() says so and the engine's answer is void.
class BrokerHistory : public History {
 public:
  BrokerHistory(std::string endpoint, Environment* environment)
      : endpoint_(std::move(endpoint)), environment_(environment) {}

  Result<void> Read(LogTimeNs from, Offset before, const See& see) override;
  const std::optional<Error>& Failed() const { return failed_; }

 private:
  std::string endpoint_;
  Environment* environment_;
  std::optional<Error> failed_;
};

}  // namespace tonus::core
