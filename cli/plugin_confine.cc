#include "cli/plugin_confine.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace tonus::cli {
namespace {

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#else
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#endif

struct Range {
  std::uintptr_t begin = 0, end = 0;
};

// Of the signal handlers.
Spot* spot_of_handler = nullptr;
std::array<Range, 4> clock_pages;

void OnSystemCall(int, siginfo_t* info, void*) {
  spot_of_handler->system_call = info->si_syscall;
  _exit(kConfinedExit);
}

void OnFault(int signal, siginfo_t* info, void*) {
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (const Range& page : clock_pages) {
    if (at >= page.begin && at < page.end) spot_of_handler->read_clock = 1;
  }
  // The time stamp counter faults at no address.
  if (info->si_code == SI_KERNEL && at == 0) spot_of_handler->read_clock = 1;
  _exit(spot_of_handler->read_clock != 0 ? kConfinedExit : 128 + signal);
}

/// The pages from which the C library reads clocks without a system call.
void CloseClockPages() {
  std::ifstream maps("/proc/self/maps");
  std::size_t found = 0;
  for (std::string line; std::getline(maps, line) && found < clock_pages.size();) {
    if (line.find("[vvar") == std::string::npos) continue;
    unsigned long begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx", &begin, &end) != 2) continue;
    void* page = reinterpret_cast<void*>(begin);  // NOLINT: an address out of /proc
    if (mprotect(page, end - begin, PROT_NONE) == 0) clock_pages[found++] = {begin, end};
  }
}

std::vector<sock_filter> Filter(int result) {
  std::vector<sock_filter> out;
  const auto add = [&](unsigned code, unsigned k, unsigned yes = 0, unsigned no = 0) {
    out.push_back({static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(yes),
                   static_cast<std::uint8_t>(no), k});
  };
  constexpr unsigned kLoad = BPF_LD | BPF_W | BPF_ABS;
  constexpr unsigned kEqual = BPF_JMP | BPF_JEQ | BPF_K;
  constexpr unsigned kReturn = BPF_RET | BPF_K;
  const auto argument = [](unsigned i) {
    return static_cast<unsigned>(offsetof(seccomp_data, args) + 8 * i);  // its low half
  };
  add(kLoad, offsetof(seccomp_data, arch));
  add(kEqual, kArchitecture, 1, 0);
  add(kReturn, SECCOMP_RET_KILL_PROCESS);
  add(kLoad, offsetof(seccomp_data, nr));
  for (const long free : {SYS_brk, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_futex,
                          SYS_rt_sigreturn, SYS_exit, SYS_exit_group}) {
    add(kEqual, static_cast<unsigned>(free), 0, 1);
    add(kReturn, SECCOMP_RET_ALLOW);
  }
  // Memory of no file; writing to the result alone.
  add(kEqual, SYS_mmap, 0, 3);
  add(kLoad, argument(4));
  add(kEqual, 0xFFFFFFFFU, 5, 0);
  add(kReturn, SECCOMP_RET_TRAP);
  add(kEqual, SYS_write, 0, 2);
  add(kLoad, argument(0));
  add(kEqual, static_cast<unsigned>(result), 1, 0);
  add(kReturn, SECCOMP_RET_TRAP);
  add(kReturn, SECCOMP_RET_ALLOW);
  return out;
}

void Handle(int signal, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  sigaction(signal, &action, nullptr);
}

}  // namespace

bool Confine(Spot* spot, int result) {
  spot_of_handler = spot;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  Handle(SIGSYS, OnSystemCall);
  Handle(SIGSEGV, OnFault);
  CloseClockPages();
#if defined(__x86_64__)
  prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
#endif
  std::vector<sock_filter> filter = Filter(result);
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

const char* SystemCallName(int number) {
  struct Name {
    long number;
    const char* name;
  };
  constexpr Name kNames[] = {
    {SYS_openat, "openat"},
    {SYS_read, "read"},
    {SYS_write, "write"},
    {SYS_close, "close"},
    {SYS_lseek, "lseek"},
    {SYS_ioctl, "ioctl"},
    {SYS_fcntl, "fcntl"},
    {SYS_newfstatat, "newfstatat"},
    {SYS_mmap, "mmap of a file"},
    {SYS_socket, "socket"},
    {SYS_connect, "connect"},
    {SYS_clone, "clone"},
    {SYS_clone3, "clone3"},
    {SYS_execve, "execve"},
    {SYS_kill, "kill"},
    {SYS_tgkill, "tgkill"},
    {SYS_getpid, "getpid"},
    {SYS_gettid, "gettid"},
    {SYS_getrandom, "getrandom"},
    {SYS_clock_gettime, "clock_gettime"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_gettimeofday, "gettimeofday"},
    {SYS_rt_sigprocmask, "rt_sigprocmask"},
    {SYS_rt_sigaction, "rt_sigaction"},
#if defined(__x86_64__)
    {SYS_open, "open"},
    {SYS_time, "time"},
    {SYS_fork, "fork"},
#endif
    {SYS_uname, "uname"}
  };
  for (const Name& each : kNames) {
    if (each.number == number) return each.name;
  }
  return nullptr;
}

}  // namespace tonus::cli
