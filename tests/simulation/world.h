#pragma once

#include <ucontext.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/random.h"

namespace tonus::simulation {

using TimeNs = std::int64_t;  ///< Virtual, since the run began.
inline constexpr TimeNs kMicro = 1000;
inline constexpr TimeNs kMilli = 1000 * kMicro;
inline constexpr TimeNs kSecond = 1000 * kMilli;

class World;
struct Fiber;

/// A simulated process: what dies together. Its fibers stand for its threads. After its death its
/// operations have no effect, and its fibers are unwound, the newest first, so that nothing leaks
/// into the next incarnation.
struct Process {
  std::string name;
  std::uint64_t incarnation = 0;
  bool running = false;
  bool dead = false;                 ///< Killed and not unwound yet.
  std::int64_t steps_to_death = -1;  ///< Dies at its n-th operation from now; negative: does not.
  bool loses_power = false;          ///< Its machine goes with it.
  TimeNs cut_up_until = 0;           ///< Nothing that it sends arrives before.
  TimeNs cut_down_until = 0;         ///< Nothing arrives at it before.
  std::vector<Fiber*> fibers;
  std::function<void()> body;           ///< Of the first fiber.
  std::function<void(bool)> when_over;  ///< Told of the end; true: it was killed.
};

/// Thrown out of waiting in a process that is dead, to unwind its fiber.
struct Killed {};

/// Thread of a process, run by the world one at a time.
struct Fiber {
  Process* process = nullptr;
  std::string name;
  std::function<void()> body;
  ucontext_t context = {};
  char* stack = nullptr;
  std::uint64_t serial = 0;
  std::uint64_t wake = 0;  ///< Of the wake-up that counts; others are stale.
  bool waiting = false;
  bool over = false;
  std::vector<int> descriptors;  ///< Waited for.
  void* fake_stack = nullptr;    ///< Of AddressSanitizer.
};

/// Time, chance and turns: a queue of events by (time, number), one fiber running at a time. With
/// the same seed the same things happen in the same order.
///
/// Owned by the run; one thread of the machine.
class World {
 public:
  World(std::uint64_t seed, bool trace);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Random random;

  TimeNs Now() const { return now_; }
  /// As Now, and time goes on a little, so that no loop over a deadline lasts for ever.
  TimeNs Tick() { return now_ += 100; }

  void At(TimeNs time, std::function<void()> action);
  void After(TimeNs delay, std::function<void()> action) { At(now_ + delay, std::move(action)); }

  /// Runs events until `done` or until `deadline`; false in the second case.
  bool RunUntil(const std::function<bool()>& done, TimeNs deadline);

  // Processes.
  void Start(Process* process);
  /// Adds a thread to the running process.
  Fiber* Spawn(const std::string& name, std::function<void()> body);
  /// Kills it now. Not from one of its own fibers.
  void Kill(Process* process);

  // From a fiber.
  Process* Current() const { return running_ == nullptr ? nullptr : running_->process; }
  /// One operation of the current process: where it may die. False when it is dead.
  bool Step();
  /// Waits until woken or until `time`. Throws Killed in a process that has died, unless `in_c`.
  void WaitUntil(TimeNs time, bool in_c = false);
  void Sleep(TimeNs time, bool in_c = false) { WaitUntil(now_ + time, in_c); }
  Fiber* Running() const { return running_; }

  /// Lets a waiting fiber look again, soon.
  void Wake(Fiber* fiber);

  // Tracing. The digest covers every line, traced or not.
  void Note(const std::string& line);
  bool Tracing() const { return trace_; }
  std::uint64_t Digest() const { return digest_; }

  // What went wrong; the first one stays.
  void Violate(const std::string& what);
  const std::optional<std::string>& Violation() const { return violation_; }

 private:
  struct Event {
    TimeNs time = 0;
    std::uint64_t number = 0;
    std::function<void()> action;
    bool operator<(const Event& other) const {
      return time != other.time ? time > other.time : number > other.number;
    }
  };
  Fiber* Make(Process* process, const std::string& name, std::function<void()> body);
  void Resume(Fiber* fiber);
  void SwitchOut();
  void Bury(Process* process);
  void LookAtDescriptors();
  void Reap(Process* process);
  static void Entry();

  const bool trace_;
  TimeNs now_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t fibers_made_ = 0;
  std::priority_queue<Event> queue_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> with_descriptors_;
  std::vector<char*> stacks_;
  Fiber* running_ = nullptr;
  ucontext_t main_ = {};
  void* main_fake_stack_ = nullptr;
  const void* main_bottom_ = nullptr;
  std::size_t main_size_ = 0;
  std::uint64_t digest_ = 0xcbf29ce484222325U;
  std::optional<std::string> violation_;
};

}  // namespace tonus::simulation
