#include <cstdlib>
#include <new>

// Replaces operator new by one that counts. In a file of its own: inlined into its callers it would
// look to the compiler like a delete that does not fit its new.

namespace tonus::tests {
namespace {
std::size_t allocations = 0;
}
std::size_t Allocations();
std::size_t Allocations() { return allocations; }
}  // namespace tonus::tests

void* operator new(std::size_t size) {
  ++tonus::tests::allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
