#include "core/checkpoint/store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/digest.h"

namespace tonus::core {
namespace {

constexpr int kBlobVersion = 1;
constexpr int kApplicationId = 0x746f6e63;  // "tonc"
constexpr int kBusyTimeoutMs = 5000;
constexpr std::size_t kReadBytes = 32U << 20U;
constexpr int kTidyRows = 64;
constexpr const char* kCannotWrite = "a checkpoint cannot be written";
constexpr const char* kCannotRead = "a checkpoint cannot be read";

constexpr const char* kSchema =
    "CREATE TABLE manifest (id INTEGER PRIMARY KEY CHECK (id = 1), cut INTEGER NOT NULL,"
    "  base INTEGER NOT NULL,"
    "  patients INTEGER NOT NULL, meta BLOB NOT NULL, digest INTEGER NOT NULL);"
    "CREATE TABLE blobs (patient BLOB NOT NULL, cut INTEGER NOT NULL, offset INTEGER NOT NULL,"
    "  version INTEGER NOT NULL, digest INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE UNIQUE INDEX blobs_by_patient ON blobs (patient, cut);";

std::int64_t Signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }

/// So that a folder that was made just now is still there after a power loss; SQLite sees to the
/// file in it. What cannot be opened for that is left to the writes, which then fail.
Result<void> SyncFolders(const std::string& folder) {
  const std::filesystem::path path(folder);
  for (const std::filesystem::path& one : {path, path.parent_path()}) {
    const int descriptor = ::open(one.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) continue;
    const int error = ::fsync(descriptor) == 0 ? 0 : errno;
    ::close(descriptor);
    if (error == 0) continue;
    return Fail(ErrorCode::kIo, std::string("the folder cannot be synced: ") + std::strerror(error),
                one.string(), "look at the disk and its file system");
  }
  return {};
}

/// Of everything that a blob's row says, so that no part of it can change unseen.
std::int64_t DigestOf(std::string_view patient, std::uint64_t cut, std::string_view bytes) {
  const std::uint64_t of_bytes = Digest64(bytes);
  return Signed(
      Digest64(std::to_string(cut) + ":" + std::to_string(of_bytes) + ":" + std::string(patient)));
}

}  // namespace

struct CheckpointStore::Impl {
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close(handle); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

  std::unique_ptr<sqlite3, Close> db;
  std::string path;
  std::uint64_t first_cut = 1, base = 1;
  std::vector<std::string> without;

  tl::unexpected<Error> Failure(const std::string& what) const {
    const int code = sqlite3_errcode(db.get()) & 0xFF;
    const std::string why = what + ": " + sqlite3_errmsg(db.get());
    switch (code) {
      case SQLITE_FULL:
        return Fail(ErrorCode::kNoSpace, why, path, "make room on this disk");
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        return Fail(ErrorCode::kUnreachable, why, path,
                    "another core has it open: end that one, or set core.checkpoint.dir");
      case SQLITE_CANTOPEN:
      case SQLITE_READONLY:
      case SQLITE_PERM:
        return Fail(ErrorCode::kUnreachable, why, path, "let the core write there");
      case SQLITE_CORRUPT:
      case SQLITE_NOTADB:
        return Fail(ErrorCode::kCorrupt, why, path);
      default:
        return Fail(ErrorCode::kIo, why, path, "look at the disk");
    }
  }
  Result<void> Run(const std::string& sql) const {
    if (sqlite3_exec(db.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
    return Failure(kCannotWrite);
  }
  Result<Statement> Prepare(const char* sql) const {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db.get(), sql, -1, &statement, nullptr) == SQLITE_OK) {
      return Statement(statement);
    }
    return Failure(kCannotRead);
  }
  Result<std::int64_t> Number(const char* sql) const {
    auto statement = Prepare(sql);
    if (!statement) return tl::unexpected<Error>(statement.error());
    const int code = sqlite3_step(statement->get());
    if (code == SQLITE_ROW) return sqlite3_column_int64(statement->get(), 0);
    if (code == SQLITE_DONE) return 0;
    return Failure(kCannotRead);
  }
  /// Runs `work` in one transaction; whatever fails leaves the database as it was.
  template <class F>
  Result<void> InTransaction(F&& work) const {
    if (auto good = Run("BEGIN IMMEDIATE"); !good) return good;
    Result<void> good = work();
    if (good) good = Run("COMMIT");
    if (!good) sqlite3_exec(db.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    return good;
  }
  Result<void> Connect();
  Result<void> SetUp();
  Result<PatientBlob> ReadBlob(std::int64_t row);
  Result<void> RemoveOlder(std::uint64_t cut);
};

namespace {

std::string_view Blob(sqlite3_stmt* statement, int column) {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
  const auto n = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  return bytes == nullptr ? std::string_view{} : std::string_view(bytes, n);
}

void BindBlob(sqlite3_stmt* statement, int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), SQLITE_STATIC);
}

}  // namespace

Result<void> CheckpointStore::Impl::Connect() {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  db.reset(handle);
  if (code != SQLITE_OK) return Failure("the checkpoint cannot be opened");
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return SetUp();
}

Result<void> CheckpointStore::Impl::SetUp() {
  // Exclusive: no other process writes here, and there is no shared memory beside the file.
  for (const char* pragma :
       {"PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
        "PRAGMA cell_size_check = ON", "BEGIN IMMEDIATE; COMMIT"}) {
    if (auto good = Run(pragma); !good) return good;
  }
  const auto id = Number("PRAGMA application_id");
  if (!id) return tl::unexpected<Error>(id.error());
  const auto tables = Number("SELECT count(*) FROM sqlite_master");
  if (!tables) return tl::unexpected<Error>(tables.error());
  if (*tables == 0) {
    return InTransaction([&]() -> Result<void> {
      if (auto good = Run(kSchema); !good) return good;
      return Run("PRAGMA application_id = " + std::to_string(kApplicationId));
    });
  }
  if (*id != kApplicationId) {
    return Fail(ErrorCode::kCorrupt, "this is not a checkpoint of tonus", path);
  }
  const auto cut = Number("SELECT cut FROM manifest");
  if (!cut) return tl::unexpected<Error>(cut.error());
  base = first_cut = static_cast<std::uint64_t>(*cut) + 1;
  return Run("DELETE FROM blobs WHERE cut > " + std::to_string(*cut));
}

Result<std::unique_ptr<CheckpointStore>> CheckpointStore::Open(const std::string& folder,
                                                               std::string* aside) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) {
    return Fail(ErrorCode::kUnreachable, "the folder cannot be made: " + failed.message(), folder,
                "let the core write there, or set core.checkpoint.dir");
  }
  if (const auto good = SyncFolders(folder); !good) return tl::unexpected<Error>(good.error());
  auto impl = std::make_unique<Impl>();
  impl->path = folder + "/checkpoint.db";
  auto good = impl->Connect();
  if (!good && good.error().code == ErrorCode::kCorrupt) {
    impl->db.reset();
    *aside = impl->path + ".unreadable";
    std::remove((impl->path + "-wal").c_str());
    if (std::rename(impl->path.c_str(), aside->c_str()) != 0) return tl::unexpected(good.error());
    good = impl->Connect();
  }
  if (!good) return tl::unexpected<Error>(good.error());
  return std::unique_ptr<CheckpointStore>(new CheckpointStore(std::move(impl)));
}

CheckpointStore::CheckpointStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CheckpointStore::~CheckpointStore() = default;
const std::string& CheckpointStore::Path() const { return impl_->path; }

Result<std::optional<Manifest>> CheckpointStore::ReadManifest() {
  auto statement = impl_->Prepare("SELECT cut, patients, meta, digest, base FROM manifest");
  if (!statement) return tl::unexpected<Error>(statement.error());
  const int code = sqlite3_step(statement->get());
  if (code == SQLITE_DONE) return std::nullopt;
  if (code != SQLITE_ROW) return impl_->Failure(kCannotRead);
  Manifest manifest;
  manifest.cut = static_cast<std::uint64_t>(sqlite3_column_int64(statement->get(), 0));
  manifest.patients = static_cast<std::uint64_t>(sqlite3_column_int64(statement->get(), 1));
  manifest.meta = Blob(statement->get(), 2);
  manifest.base = static_cast<std::uint64_t>(sqlite3_column_int64(statement->get(), 4));
  const std::string counted =
      std::to_string(manifest.patients) + " from " + std::to_string(manifest.base);
  if (sqlite3_column_int64(statement->get(), 3) != DigestOf(counted, manifest.cut, manifest.meta)) {
    return Fail(ErrorCode::kCorrupt, "the checkpoint's manifest does not have its checksum",
                impl_->path);
  }
  return manifest;
}

Result<PatientBlob> CheckpointStore::Impl::ReadBlob(std::int64_t row) {
  auto statement =
      Prepare("SELECT patient, cut, version, digest, bytes FROM blobs WHERE rowid = ?");
  if (!statement) return tl::unexpected<Error>(statement.error());
  sqlite3_bind_int64(statement->get(), 1, row);
  if (sqlite3_step(statement->get()) != SQLITE_ROW) return Failure("it cannot be read");
  PatientBlob blob;
  blob.patient = Blob(statement->get(), 0);
  blob.bytes = Blob(statement->get(), 4);
  const auto cut = static_cast<std::uint64_t>(sqlite3_column_int64(statement->get(), 1));
  const int version = sqlite3_column_int(statement->get(), 2);
  if (version != kBlobVersion) {
    return Fail(ErrorCode::kCorrupt, "it is of version " + std::to_string(version) +
                                         ", and this program reads " +
                                         std::to_string(kBlobVersion));
  }
  if (sqlite3_column_int64(statement->get(), 3) != DigestOf(blob.patient, cut, blob.bytes)) {
    return Fail(ErrorCode::kCorrupt, "it does not have its checksum");
  }
  return blob;
}

Result<void> CheckpointStore::ReadBlobs(
    const Manifest& manifest, const std::function<void(std::span<const PatientBlob>)>& take,
    std::vector<UnreadablePatient>* unreadable) {
  // The index alone tells who there is, so a page lost with somebody's blob loses only that.
  auto list = impl_->Prepare(
      "SELECT patient, max(cut), rowid FROM blobs INDEXED BY blobs_by_patient"
      " WHERE cut BETWEEN ? AND ? GROUP BY patient ORDER BY patient");
  if (!list) return tl::unexpected<Error>(list.error());
  sqlite3_bind_int64(list->get(), 1, Signed(manifest.base));
  sqlite3_bind_int64(list->get(), 2, Signed(manifest.cut));
  std::uint64_t patients = 0;
  std::size_t bytes = 0;
  std::vector<PatientBlob> blobs;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(list->get())) == SQLITE_ROW) {
    ++patients;
    auto blob = impl_->ReadBlob(sqlite3_column_int64(list->get(), 2));
    std::string patient(Blob(list->get(), 0));
    if (blob && blob->patient != patient) {
      blob = Fail(ErrorCode::kCorrupt, "it is another patient's");
    }
    if (!blob) {
      unreadable->push_back({std::move(patient), blob.error().what});
      continue;
    }
    bytes += blob->bytes.size();
    blobs.push_back(std::move(*blob));
    if (bytes < kReadBytes) continue;
    take(blobs);
    blobs.clear();
    bytes = 0;
  }
  if (code != SQLITE_DONE) return impl_->Failure(kCannotRead);
  if (!blobs.empty()) take(blobs);
  if (patients == manifest.patients) return {};
  return Fail(ErrorCode::kCorrupt,
              "the checkpoint has " + std::to_string(patients) + " patients and should have " +
                  std::to_string(manifest.patients),
              impl_->path);
}

Result<void> CheckpointStore::Stage(std::uint64_t cut, std::uint64_t offset,
                                    std::span<const PatientBlob> blobs) {
  return impl_->InTransaction([&]() -> Result<void> {
    auto insert = impl_->Prepare("INSERT INTO blobs VALUES (?, ?, ?, ?, ?, ?)");
    if (!insert) return tl::unexpected<Error>(insert.error());
    for (const PatientBlob& blob : blobs) {
      sqlite3_stmt* statement = insert->get();
      BindBlob(statement, 1, blob.patient);
      sqlite3_bind_int64(statement, 2, Signed(cut));
      sqlite3_bind_int64(statement, 3, Signed(offset));
      sqlite3_bind_int(statement, 4, kBlobVersion);
      sqlite3_bind_int64(statement, 5, DigestOf(blob.patient, cut, blob.bytes));
      BindBlob(statement, 6, blob.bytes);
      if (sqlite3_step(statement) != SQLITE_DONE) {
        return impl_->Failure(kCannotWrite);
      }
      sqlite3_reset(statement);
    }
    return {};
  });
}

void CheckpointStore::GoOn(const Manifest& manifest, std::vector<std::string> without) {
  impl_->base = manifest.base;
  impl_->without = std::move(without);
}

std::uint64_t CheckpointStore::FirstCut() const { return impl_->first_cut; }

Result<void> CheckpointStore::Impl::RemoveOlder(std::uint64_t cut) {
  for (const std::string& patient : without) {
    auto remove = Prepare("DELETE FROM blobs WHERE patient = ? AND cut < ?");
    if (!remove) return tl::unexpected<Error>(remove.error());
    BindBlob(remove->get(), 1, patient);
    sqlite3_bind_int64(remove->get(), 2, Signed(cut));
    if (sqlite3_step(remove->get()) != SQLITE_DONE) return Failure(kCannotWrite);
  }
  return {};
}

Result<void> CheckpointStore::Finish(std::uint64_t cut, std::string_view meta) {
  auto good = impl_->InTransaction([&]() -> Result<void> {
    if (auto removed = impl_->RemoveOlder(cut); !removed) return removed;
    const std::string from = std::to_string(impl_->base);
    const std::string count = "SELECT count(DISTINCT patient) FROM blobs WHERE cut >= " + from;
    const auto patients = impl_->Number(count.c_str());
    if (!patients) return tl::unexpected<Error>(patients.error());
    auto replace = impl_->Prepare(
        "INSERT OR REPLACE INTO manifest (id, cut, base, patients, meta, digest)"
        " VALUES (1, ?, ?, ?, ?, ?)");
    if (!replace) return tl::unexpected<Error>(replace.error());
    sqlite3_stmt* statement = replace->get();
    sqlite3_bind_int64(statement, 1, Signed(cut));
    sqlite3_bind_int64(statement, 2, Signed(impl_->base));
    sqlite3_bind_int64(statement, 3, *patients);
    BindBlob(statement, 4, meta);
    sqlite3_bind_int64(statement, 5,
                       DigestOf(std::to_string(*patients) + " from " + from, cut, meta));
    if (sqlite3_step(statement) == SQLITE_DONE) return {};
    return impl_->Failure(kCannotWrite);
  });
  if (good) impl_->without.clear();
  return good;
}

Result<void> CheckpointStore::Discard(std::uint64_t cut) {
  return impl_->Run("DELETE FROM blobs WHERE cut = " + std::to_string(cut));
}

Result<bool> CheckpointStore::Tidy() {
  const std::string limit = " LIMIT " + std::to_string(kTidyRows) + ")";
  for (const char* which :
       {"SELECT rowid FROM blobs WHERE cut < (SELECT base FROM manifest)",
        "SELECT old.rowid FROM blobs AS old, blobs AS new WHERE new.patient = old.patient"
        " AND new.cut > old.cut AND new.cut <= (SELECT cut FROM manifest)"}) {
    const auto good = impl_->Run(std::string("DELETE FROM blobs WHERE rowid IN (") + which + limit);
    if (!good) return tl::unexpected<Error>(good.error());
    if (sqlite3_changes(impl_->db.get()) > 0) return true;
  }
  return false;
}

}  // namespace tonus::core
