#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/log/log.h"
#include "broker/log/text_hash.h"

namespace tonus {

/// Whether a name is the core's: `core` or `core.*`.
bool IsCoreProducer(std::string_view producer);

/// Whether a name may say HELLO; otherwise `why` says in words why not.
bool IsProducerName(std::string_view producer, std::string& why);

/// Why a record was refused.
struct Verdict {
  std::size_t index = 0;  ///< In the batch.
  std::string code;       ///< `bad_topic`, `forbidden_topic`, `payload_too_large`, `malformed`.
  std::string sentence;
};

/// Decides for each record whether it may enter the log as it is, and makes the `dead` record of
/// one that may not. The same record gets the same verdict again, so a repeat of a refused record
/// is a repeat of its dead one. Owned by the writer; its thread.
class Admission {
 public:
  /// `given_clock`: writers give the log its times, so any of them may tick.
  Admission(std::uint64_t max_payload_bytes, bool given_clock)
      : max_payload_bytes_(max_payload_bytes), given_clock_(given_clock) {}

  /// Checks topic grammar, topic rights and payload size. Refused records are replaced in `records`
  /// by their dead ones, whose bytes live here until the next Clear(); the digest stays that of
  /// the refused content. Returns the refusals, valid until the next call.
  std::span<const Verdict> Check(std::span<AppendRecord> records, bool core);

  /// Replaces one record by its dead one.
  void Bury(AppendRecord& record, const Verdict& verdict);

  /// Forgets the bytes of dead records.
  void Clear() { bytes_.clear(); }

 private:
  enum class Who { kAnyone, kCore, kNobody };
  bool Judge(const AppendRecord& record, bool core, Verdict& verdict);

  const std::uint64_t max_payload_bytes_;
  const bool given_clock_;
  ByText<Who> known_;  ///< Good topics.
  std::vector<Verdict> verdicts_;
  std::deque<std::string> bytes_;
};

}  // namespace tonus
