#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#else
#include <cfenv>
#endif

#include <cstdint>

namespace tonus::core {

/// Keeps a foreign call from changing how this thread computes: a shared object that was linked
/// with fast-math sets flush-to-zero when it is opened, and a plugin may set a rounding mode.
///
/// Lives round the call, in the thread that makes it. Costs a few nanoseconds.
class FloatingPointGuard {
 public:
  FloatingPointGuard() : before_(Read()) {}
  ~FloatingPointGuard() { Restore(); }
  FloatingPointGuard(const FloatingPointGuard&) = delete;
  FloatingPointGuard& operator=(const FloatingPointGuard&) = delete;

  /// Puts the state back; whether it had been changed.
  bool Restore() {
    const State now = Read();
    if (now == before_) return false;
    Write(before_);
    return true;
  }

 private:
#if defined(__x86_64__)
  struct State {
    std::uint32_t mxcsr = 0;  ///< Control bits alone; the sticky flags are nobody's business.
    std::uint16_t x87 = 0;
    friend bool operator==(const State&, const State&) = default;
  };
  static State Read() {
    State state;
    state.mxcsr = _mm_getcsr() & ~0x3FU;
    __asm__ __volatile__("fnstcw %0" : "=m"(state.x87));
    return state;
  }
  static void Write(const State& state) {
    _mm_setcsr(state.mxcsr);
    __asm__ __volatile__("fldcw %0" : : "m"(state.x87));
  }
#else
  using State = int;
  static State Read() { return std::fegetround(); }
  static void Write(State state) { std::fesetround(state); }
#endif

  State before_;
};

}  // namespace tonus::core
