#include "tests/simulation/disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace tonus::simulation {
namespace {

constexpr std::size_t kSector = 512;

sqlite3_vfs* Real() {
  static sqlite3_vfs* real = sqlite3_vfs_find("unix");
  return real;
}

Disk& TheDisk() { return Disk::Install(); }

/// A file of ours, with the real one behind it in memory.
struct VfsFile {
  sqlite3_file base;
  std::string* path;
  Process* owner;
  std::uint64_t incarnation;

  sqlite3_file* Inner() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

VfsFile* Ours(sqlite3_file* file) { return reinterpret_cast<VfsFile*>(file); }
sqlite3_file* Inner(sqlite3_file* file) { return Ours(file)->Inner(); }
const sqlite3_io_methods* Methods(sqlite3_file* file) { return Inner(file)->pMethods; }
bool Dead(sqlite3_file* file) { return TheDisk().Dead(Ours(file)->owner); }

/// One operation, at which its process may die. False: it has no effect.
bool Alive(sqlite3_file* file) {
  if (Dead(file)) return false;
  World* world = TheDisk().Here();
  return world == nullptr || world->Step();
}

int Close(sqlite3_file* file) {
  delete Ours(file)->path;
  return Methods(file)->xClose(Inner(file));
}

int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 at) {
  return Methods(file)->xRead(Inner(file), out, size, at);
}

int WriteThrough(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  const int code = Methods(file)->xWrite(Inner(file), bytes, size, at);
  if (code == SQLITE_OK) {
    TheDisk().NoteWrite(*Ours(file)->path,
                        {static_cast<const char*>(bytes), static_cast<std::size_t>(size)}, at);
  }
  return code;
}

int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  if (Dead(file)) return SQLITE_IOERR_WRITE;
  TheDisk().CountWrite();
  World* world = TheDisk().Here();
  if (!Alive(file) || TheDisk().faults.fail_write) {
    // Whoever dies while writing, or finds the disk full, has written a part.
    const auto part = static_cast<int>(
        world->random.Below(static_cast<std::uint64_t>(size) / kSector + 1) * kSector);
    if (part > 0) static_cast<void>(WriteThrough(file, bytes, std::min(part, size), at));
    TheDisk().CountFailure();
    return Dead(file) ? SQLITE_IOERR_WRITE : SQLITE_FULL;
  }
  return WriteThrough(file, bytes, size, at);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (!Alive(file)) return SQLITE_IOERR_TRUNCATE;
  const int code = Methods(file)->xTruncate(Inner(file), size);
  if (code == SQLITE_OK) TheDisk().NoteTruncate(*Ours(file)->path, size);
  return code;
}

int Sync(sqlite3_file* file, int /*flags*/) {
  if (!Alive(file)) return SQLITE_IOERR_FSYNC;
  Disk& disk = TheDisk();
  disk.CountSync();
  World* world = disk.Here();
  if (world != nullptr && world->Running() != nullptr) {
    world->Sleep(world->random.Spread(20 * kMicro, disk.faults.slow_sync_ns), true);
    if (Dead(file)) return SQLITE_IOERR_FSYNC;
  }
  disk.NoteSync(*Ours(file)->path, !disk.faults.fail_sync);
  if (!disk.faults.fail_sync) return SQLITE_OK;
  disk.CountFailure();
  return SQLITE_IOERR_FSYNC;
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
  return Methods(file)->xShmUnmap(Inner(file), Dead(file) ? 0 : remove);
}

constexpr sqlite3_io_methods kMethods = {
    2,        Close,         Read,        Write,      Truncate,        Sync,   FileSize, Lock,
    Unlock,   CheckReserved, FileControl, SectorSize, Characteristics, ShmMap, ShmLock,  ShmBarrier,
    ShmUnmap, nullptr,       nullptr};

int Open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags, int* out) {
  VfsFile* ours = Ours(file);
  ours->base.pMethods = nullptr;
  World* world = TheDisk().Here();
  Process* owner = world == nullptr ? nullptr : world->Current();
  if (owner != nullptr && owner->dead) return SQLITE_CANTOPEN;
  const std::string path = name != nullptr ? name : "";
  const bool existed = !path.empty() && std::filesystem::exists(path);
  const int code = Real()->xOpen(Real(), name, ours->Inner(), flags, out);
  if (code != SQLITE_OK) return code;
  ours->path = new std::string(path);
  ours->owner = owner;
  ours->base.pMethods = &kMethods;
  if (!path.empty() && (flags & SQLITE_OPEN_READONLY) == 0) TheDisk().NoteOpen(path, existed);
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* /*vfs*/, const char* name, int /*sync*/) {
  World* world = TheDisk().Here();
  if (world != nullptr && world->Current() != nullptr && !world->Step()) {
    return SQLITE_IOERR_DELETE;
  }
  const int code = Real()->xDelete(Real(), name, 0);
  if (code == SQLITE_OK) TheDisk().NoteDelete(name);
  return code;
}

int Randomness(sqlite3_vfs* vfs, int size, char* out) {
  World* world = TheDisk().Here();
  if (world == nullptr) return Real()->xRandomness(vfs, size, out);
  for (int i = 0; i < size; ++i) out[i] = static_cast<char>(world->random.Next());
  return size;
}

int SleepMicro(sqlite3_vfs* vfs, int micro) {
  World* world = TheDisk().Here();
  if (world == nullptr || world->Running() == nullptr) return Real()->xSleep(vfs, micro);
  world->Sleep(micro * kMicro, true);
  return micro;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace

Disk& Disk::Install() {
  static sqlite3_vfs vfs = [] {
    sqlite3_initialize();
    sqlite3_vfs made = *Real();
    made.zName = "simulated";
    made.szOsFile = static_cast<int>(sizeof(VfsFile)) + Real()->szOsFile;
    made.xOpen = Open;
    made.xDelete = Delete;
    made.xRandomness = Randomness;
    made.xSleep = SleepMicro;
    made.pNext = nullptr;
    return made;
  }();
  static Disk disk;
  static const int registered = sqlite3_vfs_register(&vfs, 1);
  static_cast<void>(registered);
  return disk;
}

void Disk::Attach(World* world) {
  world_ = world;
  files_.clear();
  heads_.clear();
  faults = DiskFaults();
  counts_ = Counts();
  // SQLite seeds its generator once; a run begins with a seed of its own.
  sqlite3_randomness(0, nullptr);
}

void Disk::Apply(const Change& change, std::string& content) {
  const auto at = static_cast<std::size_t>(change.at);
  if (change.truncate) {
    content.resize(at);
    return;
  }
  if (content.size() < at + change.bytes.size()) content.resize(at + change.bytes.size());
  std::copy(change.bytes.begin(), change.bytes.end(),
            content.begin() + static_cast<std::ptrdiff_t>(at));
}

void Disk::NoteOpen(const std::string& path, bool existed) {
  if (files_.count(path) > 0) return;
  File& file = files_[path];
  file.named = existed;
  if (existed) file.kept = ReadFile(path);
}

void Disk::NoteWrite(const std::string& path, std::string_view bytes, std::int64_t at) {
  if (path.empty()) return;
  files_[path].pending.push_back({.at = at, .bytes = std::string(bytes), .truncate = false});
}

void Disk::NoteTruncate(const std::string& path, std::int64_t size) {
  if (path.empty()) return;
  files_[path].pending.push_back({.at = size, .bytes = {}, .truncate = true});
}

void Disk::NoteSync(const std::string& path, bool succeeded) {
  if (path.empty()) return;
  File& file = files_[path];
  for (const Change& change : file.pending) {
    if (succeeded || world_->random.Chance(500000)) Apply(change, file.kept);
  }
  file.pending.clear();
  file.named = file.named || succeeded;
  const std::string head = std::filesystem::path(path).parent_path() / "head";
  heads_.push_back(ReadFile(head));
  if (heads_.size() > 8) heads_.erase(heads_.begin());
}

void Disk::LoseFile(const std::string& path, File& file) {
  // All, none or some of what was never synced may have reached the disk all the same.
  const std::uint64_t chances[] = {0, 0, 1000000, 500000, 900000};
  const std::uint64_t chance = chances[world_->random.Below(5)];
  for (const Change& change : file.pending) {
    if (change.truncate) {
      if (world_->random.Chance(chance)) Apply(change, file.kept);
      continue;
    }
    for (std::size_t begin = 0; begin < change.bytes.size(); begin += kSector) {
      if (!world_->random.Chance(chance)) continue;
      Apply({.at = change.at + static_cast<std::int64_t>(begin),
             .bytes = change.bytes.substr(begin, kSector),
             .truncate = false},
            file.kept);
    }
  }
  file.pending.clear();
  if (!file.named) {
    std::filesystem::remove(path);
    return;
  }
  WriteFile(path, file.kept);
}

void Disk::LoseHead(const std::string& dir) {
  const std::string path = dir + "/head";
  if (!std::filesystem::exists(path)) return;
  std::string content = ReadFile(path);
  const std::uint64_t fate = world_->random.Below(4);
  if (fate == 0 && !heads_.empty()) content = heads_[world_->random.Below(heads_.size())];
  if (fate == 1) content.clear();
  if (fate == 2) content.resize(std::min<std::size_t>(content.size(), 8));
  WriteFile(path, content);
}

void Disk::LosePower(const std::string& dir) {
  for (auto file = files_.begin(); file != files_.end();) {
    if (file->first.starts_with(dir + "/") && std::filesystem::exists(file->first)) {
      LoseFile(file->first, file->second);
      if (!file->second.named) {
        file = files_.erase(file);
        continue;
      }
    }
    ++file;
  }
  std::vector<std::string> shared;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir)) {
    const std::string path = entry.path().string();
    if (path.ends_with("-shm")) shared.push_back(path);
  }
  for (const std::string& path : shared) std::filesystem::remove(path);
  LoseHead(dir);
}

}  // namespace tonus::simulation
