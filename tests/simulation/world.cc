// Fibers by ucontext. A fiber runs real code, which believes that it waits in poll(); the wait is a
// switch to the world, which goes on with the next event. A killed fiber is resumed once more and
// finds an exception where its wait was, which unwinds it; meanwhile nothing that it does has any
// effect (Step() says so to the disk and the network).
#include "tests/simulation/world.h"

#include <poll.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace tonus::simulation {
namespace {

constexpr std::size_t kStackBytes = 1U << 20U;

World* world_of_entry = nullptr;

void BeforeSwitch([[maybe_unused]] void** save, [[maybe_unused]] const void* bottom,
                  [[maybe_unused]] std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(save, bottom, size);
#endif
}

void AfterSwitch([[maybe_unused]] void* saved, [[maybe_unused]] const void** bottom,
                 [[maybe_unused]] std::size_t* size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(saved, bottom, size);
#endif
}

}  // namespace

World::World(std::uint64_t seed, bool trace) : random(seed), trace_(trace) {}

World::~World() {
  for (const std::unique_ptr<Fiber>& fiber : fibers_) {
    if (fiber->stack != nullptr) munmap(fiber->stack, kStackBytes);
  }
  for (char* stack : stacks_) munmap(stack, kStackBytes);
}

void World::At(TimeNs time, std::function<void()> action) {
  queue_.push({std::max(time, now_), ++events_, std::move(action)});
}

bool World::RunUntil(const std::function<bool()>& done, TimeNs deadline) {
  while (!violation_ && !done()) {
    if (queue_.empty() || queue_.top().time > deadline) return false;
    // The action is moved out of the queue's top before the queue changes.
    auto action = std::move(const_cast<Event&>(queue_.top()).action);
    now_ = std::max(now_, queue_.top().time);
    queue_.pop();
    action();
  }
  return true;
}

Fiber* World::Make(Process* process, const std::string& name, std::function<void()> body) {
  Fiber* fiber = fibers_.emplace_back(std::make_unique<Fiber>()).get();
  fiber->process = process;
  fiber->name = name;
  fiber->body = std::move(body);
  fiber->serial = ++fibers_made_;
  if (stacks_.empty()) {
    void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) std::abort();
    stacks_.push_back(static_cast<char*>(stack));
  }
  fiber->stack = stacks_.back();
  stacks_.pop_back();
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = fiber->stack;
  fiber->context.uc_stack.ss_size = kStackBytes;
  fiber->context.uc_link = nullptr;
  makecontext(&fiber->context, &World::Entry, 0);
  process->fibers.push_back(fiber);
  fiber->waiting = true;
  Wake(fiber);
  return fiber;
}

void World::Entry() {
  World* world = world_of_entry;
  AfterSwitch(nullptr, &world->main_bottom_, &world->main_size_);
  Fiber* fiber = world->running_;
  try {
    if (!fiber->process->dead) fiber->body();
  } catch (const Killed&) {
    // It has been unwound, as it should be.
  }
  fiber->body = nullptr;
  fiber->over = true;
  BeforeSwitch(nullptr, world->main_bottom_, world->main_size_);
  setcontext(&world->main_);
}

void World::Resume(Fiber* fiber) {
  running_ = fiber;
  fiber->waiting = false;
  world_of_entry = this;
  BeforeSwitch(&main_fake_stack_, fiber->stack, kStackBytes);
  swapcontext(&main_, &fiber->context);
  AfterSwitch(main_fake_stack_, nullptr, nullptr);
  running_ = nullptr;
  LookAtDescriptors();
}

void World::SwitchOut() {
  Fiber* fiber = running_;
  BeforeSwitch(&fiber->fake_stack, main_bottom_, main_size_);
  swapcontext(&fiber->context, &main_);
  AfterSwitch(fiber->fake_stack, &main_bottom_, &main_size_);
}

void World::LookAtDescriptors() {
  for (std::size_t i = 0; i < with_descriptors_.size();) {
    Fiber* fiber = with_descriptors_[i];
    bool ready = false;
    for (const int descriptor : fiber->descriptors) {
      struct pollfd item = {descriptor, POLLIN, 0};
      ready = ready || poll(&item, 1, 0) > 0;
    }
    if (ready || !fiber->waiting) {
      with_descriptors_.erase(with_descriptors_.begin() + static_cast<std::ptrdiff_t>(i));
      if (ready) Wake(fiber);
    } else {
      ++i;
    }
  }
}

void World::Start(Process* process) {
  ++process->incarnation;
  process->running = true;
  process->dead = false;
  process->steps_to_death = -1;
  process->loses_power = false;
  Note(process->name + " starts, incarnation " + std::to_string(process->incarnation));
  Make(process, process->name, process->body);
}

Fiber* World::Spawn(const std::string& name, std::function<void()> body) {
  return Make(Current(), name, std::move(body));
}

void World::Wake(Fiber* fiber) {
  if (!fiber->waiting || fiber->over) return;
  const std::uint64_t wake = ++fiber->wake;
  // A thread that has become ready does not always run at once.
  const TimeNs delay =
      random.Chance(900000) ? random.Between(1, 60) * kMicro : random.Spread(60, 20000) * kMicro;
  After(delay, [this, fiber, wake] {
    if (fiber->over || fiber->wake != wake || !fiber->waiting || fiber->process->dead) return;
    Process* process = fiber->process;
    Resume(fiber);
    Reap(process);
  });
}

void World::WaitUntil(TimeNs time, bool in_c) {
  Fiber* fiber = running_;
  if (fiber->process->dead) {
    if (in_c || std::uncaught_exceptions() > 0) return;
    // Bury() resumes the fibers in their order.
    fiber->waiting = true;
    SwitchOut();
    throw Killed();
  }
  fiber->waiting = true;
  const std::uint64_t wake = ++fiber->wake;
  At(time, [this, fiber, wake] {
    if (fiber->over || fiber->wake != wake || !fiber->waiting || fiber->process->dead) return;
    Process* process = fiber->process;
    Resume(fiber);
    Reap(process);
  });
  if (!fiber->descriptors.empty()) with_descriptors_.push_back(fiber);
  SwitchOut();
  fiber->descriptors.clear();
  if (fiber->process->dead && !in_c) throw Killed();
}

bool World::Step() {
  Process* process = Current();
  if (process == nullptr) return true;
  if (process->dead) return false;
  if (process->steps_to_death < 0) return true;
  if (process->steps_to_death-- > 0) return true;
  process->dead = true;
  Note(process->name + " dies in " + running_->name);
  After(0, [this, process] { Bury(process); });
  return false;
}

void World::Kill(Process* process) {
  if (!process->running || process->dead) return;
  process->dead = true;
  Note(process->name + " is killed");
  Bury(process);
}

void World::Bury(Process* process) {
  if (!process->running) return;
  for (std::size_t i = process->fibers.size(); i > 0; --i) {
    Fiber* fiber = process->fibers[i - 1];
    // In C code a wait returns and the next one throws.
    for (int turns = 0; !fiber->over; ++turns) {
      if (turns > 100) {
        std::fprintf(stderr, "fiber %s cannot be unwound\n", fiber->name.c_str());
        std::abort();
      }
      Resume(fiber);
    }
  }
  Reap(process);
}

void World::Reap(Process* process) {
  if (!process->running) return;
  if (process->dead) {
    // Died by itself: Bury() is on its way, and comes back here.
    if (std::any_of(process->fibers.begin(), process->fibers.end(),
                    [](const Fiber* fiber) { return !fiber->over; })) {
      return;
    }
  } else if (!process->fibers.front()->over) {
    return;
  }
  for (Fiber* fiber : process->fibers) {
    if (!fiber->over) std::abort();  // The first fiber joins the others.
    stacks_.push_back(std::exchange(fiber->stack, nullptr));
  }
  process->fibers.clear();
  process->running = false;
  const bool killed = std::exchange(process->dead, false);
  if (process->when_over) process->when_over(killed);
}

void World::Note(const std::string& line) {
  for (const char c : line) {
    digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  digest_ = (digest_ ^ static_cast<std::uint64_t>(now_)) * 0x100000001b3U;
  if (trace_) {
    std::fprintf(stderr, "%12.6f %s\n", static_cast<double>(now_) / 1e9, line.c_str());
  }
}

void World::Violate(const std::string& what) {
  if (violation_) return;
  Note("VIOLATION " + what);
  violation_ = what;
}

}  // namespace tonus::simulation
