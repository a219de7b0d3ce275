#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/checkpoint/store.h"

namespace tonus::core {

/// Writes checkpoints in a thread of its own, so that nobody waits for the disk. The second place
/// in the core where threads meet: one queue, one mutex, both in the .cc.
///
/// Owned by the service, called from its thread. Takes the store over; ends, unfinished work thrown
/// away, with its life.
class CheckpointWriter {
 public:
  /// `at_once`: without a thread, each call returns when it is done: for simulations, which have
  /// one thread.
  explicit CheckpointWriter(std::unique_ptr<CheckpointStore> store, bool at_once = false);
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// Each returns at once; done in this order.
  void Stage(std::uint64_t cut, std::uint64_t offset, std::vector<PatientBlob> blobs);
  void Finish(std::uint64_t cut, std::string meta);
  void Discard(std::uint64_t cut);

  /// Bytes of blobs that wait for the disk.
  std::size_t Waiting() const;
  /// The last cut that is on disk as a finished one, by this writer; 0: none.
  std::uint64_t Finished() const;
  /// A cut that came to nothing since the last call, for want of disk space.
  std::optional<Error> TakeSetback();
  /// What ended the writing for good: a failed write or fsync.
  std::optional<Error> Failure() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tonus::core
