#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/engine.h"

namespace tonus::core {

/// What a finished checkpoint says of itself.
struct Manifest {
  std::uint64_t cut = 0;       ///< Its number, from 1.
  std::uint64_t base = 0;      ///< The first cut that it builds on; older blobs are of another log
                               ///< or configuration.
  std::uint64_t patients = 0;  ///< Whose blobs belong to it.
  std::string meta;            ///< Everything else; the service's.
};

/// The file of the checkpoints: one SQLite database with one connection, which locks out every
/// other process for as long as it is open.
///
///     manifest   one row: the finished cut
///     blobs      patient, cut, offset, version, digest, bytes
///
/// A cut is staged in as many transactions as it takes and counts only once Finish has put its
/// number into the manifest, which is one small transaction with an fsync. A patient's blob is his
/// newest one from the manifest's base to its cut. Blobs that no manifest will ever refer to are
/// removed later.
///
/// Owned by its caller; one thread at a time. Fails with kIo where a write or an fsync failed: then
/// nobody knows what is on disk, and the process has to end; with kNoSpace where the disk is full:
/// then what was staged is not there, and the finished cut is as it was.
class CheckpointStore {
 public:
  /// Opens or makes `checkpoint.db` in a folder, which is made if need be, and clears away what was
  /// not finished. A file that is no such database is put aside under another name, which `aside`
  /// gets. kUnreachable where another process has it open.
  static Result<std::unique_ptr<CheckpointStore>> Open(const std::string& folder,
                                                       std::string* aside);
  ~CheckpointStore();
  CheckpointStore(const CheckpointStore&) = delete;
  CheckpointStore& operator=(const CheckpointStore&) = delete;

  /// Of the last finished cut; nothing where there is none. kCorrupt where it cannot be read.
  Result<std::optional<Manifest>> ReadManifest();

  /// Hands out the blobs of the finished cut, some at a time. One that cannot be read or does not
  /// have its checksum is appended to `unreadable`. kCorrupt where it is not even known which
  /// patients there are.
  Result<void> ReadBlobs(const Manifest& manifest,
                         const std::function<void(std::span<const PatientBlob>)>& take,
                         std::vector<UnreadablePatient>* unreadable);

  /// What the next Finish builds on: by default on nothing before it; after GoOn on what `manifest`
  /// has, but for the patients given, whose blobs are of no use.
  void GoOn(const Manifest& manifest, std::vector<std::string> without);
  /// The number of the first cut to stage: above every one that there has been.
  std::uint64_t FirstCut() const;

  /// Adds blobs of a cut above the finished one.
  Result<void> Stage(std::uint64_t cut, std::uint64_t offset, std::span<const PatientBlob> blobs);
  /// Makes a staged cut the finished one.
  Result<void> Finish(std::uint64_t cut, std::string_view meta);
  /// Removes what was staged of a cut that will not be finished.
  Result<void> Discard(std::uint64_t cut);
  /// Removes some blobs that others have replaced; false: there were none left.
  Result<bool> Tidy();

  /// Where the file is.
  const std::string& Path() const;

 private:
  struct Impl;
  explicit CheckpointStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tonus::core
