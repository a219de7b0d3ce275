#include "broker/log/log_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/digest.h"

namespace tonus {
namespace {

constexpr std::size_t kOffsetBytes = 16;

void PutLittleEndian64(char* out, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>((value >> (8 * i)) & 0xffU);
}

std::uint64_t GetLittleEndian64(const char* in) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(in[i])) << (8 * i);
  }
  return value;
}

void CloseDescriptor(int& descriptor) {
  if (descriptor >= 0) close(descriptor);
  descriptor = -1;
}

}  // namespace

std::string SegmentPath(const std::string& dir, Offset first) {
  std::string digits = std::to_string(first);
  digits.insert(0, 20 - digits.size(), '0');
  return dir + "/segment-" + digits + ".db";
}

Result<void> SyncDirectory(const std::string& dir) {
  const int descriptor = open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  if (synced) return {};
  return Fail(ErrorCode::kIo, std::string("cannot be synced: ") + std::strerror(error), dir,
              "check the disk and its file system");
}

Result<LogLock> LogLock::Take(const std::string& dir) {
  const std::string path = dir + "/lock";
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return Fail(ErrorCode::kUnreachable, std::string("cannot be written: ") + std::strerror(errno),
                path, "give this user the right to write into the log's folder");
  }
  LogLock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> owner = {};
    const ssize_t size = pread(descriptor, owner.data(), owner.size() - 1, 0);
    const std::string who = size > 0 ? " (process " + std::string(owner.data()) + ")" : "";
    return Fail(ErrorCode::kUnreachable, "another process is writing this log" + who, dir,
                "stop it, or give each broker a data directory of its own");
  }
  const std::string pid = std::to_string(getpid());
  // For the message above only, so a failure to write it changes nothing.
  if (ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] const ssize_t written = pwrite(descriptor, pid.data(), pid.size(), 0);
  }
  return lock;
}

LogLock::LogLock(LogLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

LogLock& LogLock::operator=(LogLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

LogLock::~LogLock() { CloseDescriptor(descriptor_); }

Result<OffsetFile> OffsetFile::Open(const std::string& path, Offset initial) {
  const Content before = Read(path);
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return Fail(ErrorCode::kUnreachable, std::string("cannot be written: ") + std::strerror(errno),
                path, "give this user the right to write into the log's folder");
  }
  OffsetFile file(descriptor, path);
  if (!before.missing && !before.torn) return file;
  const Result<void> written = file.Write(initial);
  if (!written) return tl::unexpected<Error>(written.error());
  if (fsync(descriptor) != 0) {
    return Fail(ErrorCode::kIo, std::string("cannot be synced: ") + std::strerror(errno), path,
                "check the disk and its file system");
  }
  return file;
}

OffsetFile::OffsetFile(OffsetFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

OffsetFile& OffsetFile::operator=(OffsetFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

OffsetFile::~OffsetFile() { CloseDescriptor(descriptor_); }

Result<void> OffsetFile::Write(Offset offset) const {
  std::array<char, kOffsetBytes> bytes = {};
  PutLittleEndian64(bytes.data(), offset);
  PutLittleEndian64(bytes.data() + 8, Digest64({bytes.data(), 8}));
  const ssize_t size = pwrite(descriptor_, bytes.data(), bytes.size(), 0);
  if (size == static_cast<ssize_t>(bytes.size())) return {};
  const int error = size < 0 ? errno : ENOSPC;
  return Fail(error == ENOSPC || error == EFBIG ? ErrorCode::kNoSpace : ErrorCode::kIo,
              std::string("cannot be written: ") + std::strerror(error), path_,
              "check the disk and its file system");
}

OffsetFile::Content OffsetFile::Read(const std::string& path) {
  Content content;
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  content.missing = descriptor < 0 && errno == ENOENT;
  content.torn = descriptor < 0 && !content.missing;
  if (descriptor < 0) return content;
  std::array<char, kOffsetBytes> bytes = {};
  const ssize_t size = pread(descriptor, bytes.data(), bytes.size(), 0);
  close(descriptor);
  content.torn = size != static_cast<ssize_t>(bytes.size()) ||
                 GetLittleEndian64(bytes.data() + 8) != Digest64({bytes.data(), 8});
  if (!content.torn) content.offset = GetLittleEndian64(bytes.data());
  return content;
}

std::string HeadPath(const std::string& dir) { return dir + "/head"; }
std::string NeededPath(const std::string& dir) { return dir + "/needed"; }

}  // namespace tonus
