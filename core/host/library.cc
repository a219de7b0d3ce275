#include "core/host/library.h"

#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

#include "base/digest.h"
#include "core/host/floating_point.h"

namespace tonus::core {
namespace {

constexpr std::uintmax_t kMostBytes = 256U << 20U;

#if defined(__x86_64__)
constexpr std::uint16_t kMachine = EM_X86_64;
constexpr const char* kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr std::uint16_t kMachine = EM_AARCH64;
constexpr const char* kMachineName = "AArch64";
#else
constexpr std::uint16_t kMachine = EM_NONE;
constexpr const char* kMachineName = "this machine";
#endif

Result<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    if (error) {
      return Fail(ErrorCode::kUnreachable, "cannot be reached: " + error.message(), path,
                  "check the permissions of its folders");
    }
    return Fail(ErrorCode::kUnreachable, "there is no such file", path,
                "check the path under `plugins` in tonus.yaml, or build the plugin");
  }
  if (!std::filesystem::is_regular_file(path, error)) {
    return Fail(ErrorCode::kRefused, "is not a regular file", path);
  }
  if (std::filesystem::file_size(path, error) > kMostBytes) {
    return Fail(ErrorCode::kRefused, "is larger than 256 MiB", path, "a plugin is a small object");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return Fail(ErrorCode::kUnreachable, "cannot be read", path, "check its permissions");
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) return Fail(ErrorCode::kIo, "reading failed", path);
  return bytes;
}

Result<void> CheckElf(const std::string& bytes, const std::string& path) {
  const auto refuse = [&](const std::string& what) {
    return Fail(ErrorCode::kRefused, what, path,
                "a plugin is a shared object built with -shared for this machine");
  };
  if (bytes.size() < sizeof(Elf64_Ehdr) || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) {
    return refuse("is not an ELF file");
  }
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return refuse("is not a 64-bit little-endian object");
  }
  if (header.e_machine != kMachine) {
    return refuse("was built for machine type " + std::to_string(header.e_machine) + ", not for " +
                  kMachineName);
  }
  if (header.e_type != ET_DYN) return refuse("is an ELF file, but not a shared object");
  // The loader maps what the program headers say without looking: beyond the end of a file that
  // was cut short lies a SIGBUS.
  const std::uint64_t table = std::uint64_t{header.e_phentsize} * header.e_phnum;
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > bytes.size() ||
      table > bytes.size() - header.e_phoff) {
    return refuse("is cut short, or its program headers are not where it says");
  }
  for (std::uint16_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, bytes.data() + header.e_phoff + std::size_t{i} * sizeof segment,
                sizeof segment);
    if (segment.p_offset > bytes.size() || segment.p_filesz > bytes.size() - segment.p_offset) {
      return refuse("is cut short: a segment ends beyond the file");
    }
  }
  return {};
}

/// Opens exactly the bytes that were read and hashed, from an anonymous file.
Result<void*> OpenBytes(const std::string& bytes, const std::string& name,
                        const std::string& path) {
  const auto fail = [&](const char* what) {
    return Fail(ErrorCode::kIo, std::string(what) + ": " + std::strerror(errno), path);
  };
  const int file = memfd_create(name.c_str(), MFD_CLOEXEC);
  if (file < 0) return fail("no anonymous file for the plugin");
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t wrote = write(file, bytes.data() + done, bytes.size() - done);
    if (wrote <= 0) {
      close(file);
      return fail("writing the plugin's copy failed");
    }
    done += static_cast<std::size_t>(wrote);
  }
  FloatingPointGuard guard;
  const std::string address = "/proc/self/fd/" + std::to_string(file);
  void* handle = dlopen(address.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* why = dlerror();
    close(file);
    return Fail(ErrorCode::kRefused,
                std::string("the loader refuses it: ") + (why == nullptr ? "no reason" : why), path,
                "link what it needs into it, and export " TONUS_ENTRY_SYMBOL);
  }
  // The descriptor stays open: its number is the name under which the loader knows this object,
  // and would stand for another one if it were used again.
  return handle;
}

/// The handle of these bytes: an object stays open for the life of the process, so engines that
/// load the same content share it, as they would share a file opened twice.
Result<void*> OpenOnce(const std::string& bytes, const std::string& digest,
                       const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, void*> open;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = open.find(digest);
  if (found != open.end()) return found->second;
  auto handle = OpenBytes(bytes, "tonus-" + digest.substr(0, 16), path);
  if (handle) open.emplace(digest, *handle);
  return handle;
}

}  // namespace

Result<Library> OpenLibrary(const std::string& path) {
  const auto bytes = ReadFile(path);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  if (const auto good = CheckElf(*bytes, path); !good) return tl::unexpected<Error>(good.error());
  Library library;
  library.path = path;
  library.digest = Sha256(*bytes);
  const auto handle = OpenOnce(*bytes, library.digest, path);
  if (!handle) return tl::unexpected<Error>(handle.error());
  void* symbol = dlsym(*handle, TONUS_ENTRY_SYMBOL);
  if (symbol == nullptr) {
    return Fail(ErrorCode::kRefused, "exports no symbol " TONUS_ENTRY_SYMBOL, path,
                "define it with TONUS_EXPORT, as tonus/plugin.h says");
  }
  tonus_plugin_v1_fn entry = nullptr;
  std::memcpy(&entry, &symbol, sizeof entry);
  const tonus_plugin* plugin = nullptr;
  {
    FloatingPointGuard guard;
    plugin = entry();
  }
  auto detectors = ReadPlugin(plugin, path);
  if (!detectors) return tl::unexpected<Error>(detectors.error());
  library.detectors = std::move(*detectors);
  return library;
}

}  // namespace tonus::core
