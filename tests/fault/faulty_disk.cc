#include "tests/fault/faulty_disk.h"

#include <sqlite3.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>

namespace tonus {
namespace {

sqlite3_vfs* Real() {
  static sqlite3_vfs* real = sqlite3_vfs_find("unix");
  return real;
}

/// A file of ours, with the real one behind it in memory.
struct File {
  sqlite3_file base;
  std::string* path;

  sqlite3_file* Inner() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File* Ours(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* Inner(sqlite3_file* file) { return Ours(file)->Inner(); }
const sqlite3_io_methods* Methods(sqlite3_file* file) { return Inner(file)->pMethods; }

int Close(sqlite3_file* file) {
  delete Ours(file)->path;
  return Methods(file)->xClose(Inner(file));
}
int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 at) {
  return Methods(file)->xRead(Inner(file), out, size, at);
}
int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  if (FaultyDisk::Install().fail_write) return SQLITE_FULL;
  return Methods(file)->xWrite(Inner(file), bytes, size, at);
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return Methods(file)->xTruncate(Inner(file), size);
}
int Sync(sqlite3_file* file, int flags) {
  if (FaultyDisk::Install().fail_sync) return SQLITE_IOERR_FSYNC;
  const int code = Methods(file)->xSync(Inner(file), flags);
  if (code == SQLITE_OK) FaultyDisk::Install().NoteSync(*Ours(file)->path);
  return code;
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Methods(file)->xFileSize(Inner(file), size);
}
int Lock(sqlite3_file* file, int level) { return Methods(file)->xLock(Inner(file), level); }
int Unlock(sqlite3_file* file, int level) { return Methods(file)->xUnlock(Inner(file), level); }
int CheckReserved(sqlite3_file* file, int* out) {
  return Methods(file)->xCheckReservedLock(Inner(file), out);
}
int FileControl(sqlite3_file* file, int op, void* argument) {
  return Methods(file)->xFileControl(Inner(file), op, argument);
}
int SectorSize(sqlite3_file* file) { return Methods(file)->xSectorSize(Inner(file)); }
int Characteristics(sqlite3_file* file) {
  return Methods(file)->xDeviceCharacteristics(Inner(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  return Methods(file)->xShmMap(Inner(file), page, size, extend, out);
}
int ShmLock(sqlite3_file* file, int at, int count, int flags) {
  return Methods(file)->xShmLock(Inner(file), at, count, flags);
}
void ShmBarrier(sqlite3_file* file) { Methods(file)->xShmBarrier(Inner(file)); }
int ShmUnmap(sqlite3_file* file, int remove) {
  return Methods(file)->xShmUnmap(Inner(file), remove);
}

constexpr sqlite3_io_methods kMethods = {
    2,        Close,         Read,        Write,      Truncate,        Sync,   FileSize, Lock,
    Unlock,   CheckReserved, FileControl, SectorSize, Characteristics, ShmMap, ShmLock,  ShmBarrier,
    ShmUnmap, nullptr,       nullptr};

int Open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags, int* out) {
  File* ours = Ours(file);
  ours->base.pMethods = nullptr;
  const int code = Real()->xOpen(Real(), name, ours->Inner(), flags, out);
  if (code != SQLITE_OK) return code;
  ours->path = new std::string(name != nullptr ? name : "");
  ours->base.pMethods = &kMethods;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* /*vfs*/, const char* name, int sync) {
  FaultyDisk::Install().NoteDelete(name);
  return Real()->xDelete(Real(), name, sync);
}

}  // namespace

FaultyDisk& FaultyDisk::Install() {
  static sqlite3_vfs vfs = [] {
    sqlite3_initialize();
    sqlite3_vfs made = *Real();
    made.zName = "faulty";
    made.szOsFile = static_cast<int>(sizeof(File)) + Real()->szOsFile;
    made.xOpen = Open;
    made.xDelete = Delete;
    made.pNext = nullptr;
    return made;
  }();
  static FaultyDisk disk;
  static const int registered = sqlite3_vfs_register(&vfs, 1);
  static_cast<void>(registered);
  return disk;
}

void FaultyDisk::NoteSync(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::lock_guard<std::mutex> lock(mutex_);
  synced_[path].assign(std::istreambuf_iterator<char>(file), {});
}

bool FaultyDisk::IsSynced(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string content(std::istreambuf_iterator<char>(file), {});
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto kept = synced_.find(path);
  return kept != synced_.end() && kept->second == content;
}

void FaultyDisk::NoteDelete(const std::string& path) {
  const std::lock_guard<std::mutex> lock(mutex_);
  synced_.erase(path);
}

void FaultyDisk::LosePower(const std::string& dir) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    const std::string path = entry.path().string();
    if (path.find("segment-") == std::string::npos) continue;
    const auto kept = synced_.find(path);
    if (kept == synced_.end()) {
      std::filesystem::remove(path);
    } else {
      std::ofstream(path, std::ios::binary | std::ios::trunc) << kept->second;
    }
  }
}

}  // namespace tonus
