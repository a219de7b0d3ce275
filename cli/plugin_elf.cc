#include "cli/plugin_elf.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

namespace tonus::cli {
namespace {

/// Bytes of a file, read only within their bounds.
class Bytes {
 public:
  explicit Bytes(std::string bytes) : bytes_(std::move(bytes)) {}
  template <class T>
  bool At(std::uint64_t at, T* out) const {
    if (at > bytes_.size() || sizeof(T) > bytes_.size() - at) return false;
    std::memcpy(out, bytes_.data() + at, sizeof(T));
    return true;
  }
  std::string Text(std::uint64_t table, std::uint64_t table_size, std::uint64_t at) const {
    if (at >= table_size || table > bytes_.size() || table_size > bytes_.size() - table) return {};
    const std::uint64_t most = table_size - at;
    const char* begin = bytes_.data() + table + at;
    return {begin, strnlen(begin, most)};
  }

 private:
  std::string bytes_;
};

class Reader {
 public:
  Reader(const Bytes& bytes, ElfFacts* out) : bytes_(bytes), out_(out) {}

  bool Run() {
    if (!bytes_.At(0, &header_) || std::memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0) return false;
    if (header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_ident[EI_DATA] != ELFDATA2LSB) {
      return false;
    }
    for (std::uint16_t i = 0; i < header_.e_shnum; ++i) {
      Elf64_Shdr section;
      if (!Section(i, &section)) return false;
      if (section.sh_type == SHT_DYNSYM || section.sh_type == SHT_SYMTAB) {
        if (!Symbols(section)) return false;
      } else if (section.sh_type == SHT_DYNAMIC) {
        if (!Dynamic(section)) return false;
      }
    }
    return true;
  }

 private:
  bool Section(std::uint32_t i, Elf64_Shdr* out) const {
    return i < header_.e_shnum && bytes_.At(header_.e_shoff + i * sizeof *out, out);
  }
  bool Symbols(const Elf64_Shdr& section) {
    Elf64_Shdr names;
    if (!Section(section.sh_link, &names)) return false;
    for (std::uint64_t i = 1; i < section.sh_size / sizeof(Elf64_Sym); ++i) {
      Elf64_Sym symbol;
      if (!bytes_.At(section.sh_offset + i * sizeof symbol, &symbol)) return false;
      const std::string name = bytes_.Text(names.sh_offset, names.sh_size, symbol.st_name);
      if (section.sh_type == SHT_SYMTAB) {
        const bool data = ELF64_ST_TYPE(symbol.st_info) == STT_OBJECT;
        if (data && symbol.st_shndx != SHN_UNDEF) {
          out_->variables.push_back({name, symbol.st_value, symbol.st_size});
        }
        continue;
      }
      const unsigned bind = ELF64_ST_BIND(symbol.st_info);
      if (bind == STB_LOCAL || name.empty()) continue;
      if (symbol.st_shndx == SHN_UNDEF) {
        out_->imports.push_back(name);
        continue;
      }
      out_->exports.push_back(name);
      if (bind == STB_GNU_UNIQUE) out_->unique.push_back(name);
    }
    return true;
  }
  bool Dynamic(const Elf64_Shdr& section) {
    Elf64_Shdr names;
    if (!Section(section.sh_link, &names)) return false;
    for (std::uint64_t i = 0; i < section.sh_size / sizeof(Elf64_Dyn); ++i) {
      Elf64_Dyn entry;
      if (!bytes_.At(section.sh_offset + i * sizeof entry, &entry)) return false;
      if (entry.d_tag != DT_NEEDED) continue;
      out_->needed.push_back(bytes_.Text(names.sh_offset, names.sh_size, entry.d_un.d_val));
    }
    return true;
  }

  const Bytes& bytes_;
  ElfFacts* out_;
  Elf64_Ehdr header_ = {};
};

struct Forbidden {
  const char* what;
  std::vector<const char*> names;
  std::vector<const char*> begins;
};

const std::vector<Forbidden>& List() {
  static const std::vector<Forbidden> list = {
      {"clock",
       {"time", "clock_gettime", "gettimeofday", "clock", "times", "ftime", "timespec_get",
        "localtime", "localtime_r", "mktime", "nanosleep", "usleep", "sleep", "clock_nanosleep",
        "timer_create", "alarm", "setitimer"},
       {"_ZNSt6chrono3_V212system_clock", "_ZNSt6chrono3_V212steady_clock"}},
      {"random numbers",
       {"rand", "rand_r", "srand", "random", "srandom", "drand48", "lrand48", "getrandom",
        "getentropy", "arc4random"},
       {"_ZNSt13random_device"}},
      {"thread or process",
       {"pthread_create", "thrd_create", "fork", "vfork", "system", "popen", "execve", "execv",
        "execvp", "posix_spawn", "posix_spawnp", "kill", "raise", "exit", "_exit", "quick_exit"},
       {"_ZNSt6thread"}},
      {"file",
       {"open",    "open64",  "openat",  "openat64", "creat",   "fopen",   "fopen64",
        "freopen", "opendir", "unlink",  "remove",   "rename",  "stat",    "lstat",
        "fstat",   "access",  "printf",  "puts",     "putchar", "vprintf", "__printf_chk",
        "scanf",   "tmpfile", "mkstemp", "syslog"},
       {"_ZSt4cout", "_ZSt4cerr", "_ZSt4clog", "_ZNSt13basic_filebuf", "_ZNSt14basic_ifstream",
        "_ZNSt14basic_ofstream"}},
      {"socket",
       {"socket", "connect", "bind", "listen", "accept", "send", "sendto", "recv", "recvfrom",
        "getaddrinfo", "gethostbyname"},
       {}},
      {"environment or locale",
       {"getenv", "secure_getenv", "setenv", "putenv",
        "set"
        "locale",
        "newlocale", "uselocale", "environ"},
       {}},
      {"loader", {"dlopen", "dlsym", "dlmopen"}, {}},
      {"jump across calls", {"longjmp", "siglongjmp", "_longjmp", "__longjmp_chk"}, {}},
  };
  return list;
}

}  // namespace

Result<ElfFacts> ReadElf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Fail(ErrorCode::kUnreachable, "cannot be read", path);
  const Bytes bytes(std::string((std::istreambuf_iterator<char>(file)), {}));
  ElfFacts facts;
  if (!Reader(bytes, &facts).Run()) {
    return Fail(ErrorCode::kRefused, "is no shared object whose tables can be read", path);
  }
  return facts;
}

std::string ForbiddenImport(const std::string& symbol) {
  for (const Forbidden& each : List()) {
    const bool named = std::any_of(each.names.begin(), each.names.end(),
                                   [&](const char* name) { return symbol == name; });
    const bool begins = std::any_of(each.begins.begin(), each.begins.end(),
                                    [&](const char* begin) { return symbol.starts_with(begin); });
    if (named || begins) return each.what;
  }
  return {};
}

}  // namespace tonus::cli
