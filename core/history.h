#pragma once

#include <functional>

#include "base/record.h"
#include "base/result.h"

namespace tonus::core {

/// The records of the past, for the one thing that the core cannot do with what it holds: rebuild a
/// patient from the records of two.
///
/// Borrowed by an engine for its life and called from its thread, within Process. Invariant: what
/// it shows is the log that the engine reads, so that a result depends on the log alone.
class History {
 public:
  using See = std::function<void(const Record&)>;

  virtual ~History() = default;

  /// Shows, in the order of the log, every input record from log time `from` on whose offset is
  /// below `before`; more may be shown. Fails in a sentence where some of them are gone.
  virtual Result<void> Read(LogTimeNs from, Offset before, const See& see) = 0;
};

}  // namespace tonus::core
