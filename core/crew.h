#pragma once

#include <functional>
#include <memory>

namespace tonus::core {

/// The threads of the shards: the one place in the core where threads meet.
///
/// Owned by the engine. Run is called from one thread; it returns when every member has finished,
/// so what the members wrote is visible after it. A crew of one has no thread and runs in the
/// caller's. Invariant: no member runs outside Run.
class Crew {
 public:
  explicit Crew(unsigned members);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Calls `work` once for each member, with its number from 0.
  void Run(const std::function<void(unsigned)>& work);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tonus::core
