#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/host/call.h"
#include "core/host/catalogue.h"

namespace tonus::core {

/// Calls the detectors of one shard, each with its own instance, and keeps what a call does from
/// reaching further than its answer: fuel, floating-point state, exceptions, memory.
///
/// Owned by its shard, one thread. Opened once; instances are closed with it. The patients' states
/// must have been ended before.
class DetectorHost {
 public:
  DetectorHost(const Catalogue& catalogue, const Mapping& mapping);
  ~DetectorHost();
  DetectorHost(const DetectorHost&) = delete;
  DetectorHost& operator=(const DetectorHost&) = delete;

  /// Opens every detector. Fails with kRefused in the detector's own words.
  Result<void> Open();

  /// Each returns whether the call did what the header allows; if not, Words() says what was wrong
  /// and nothing that it asked for counts. After a good call Asked() holds what it asked for.
  bool Begin(Patient* patient, std::size_t detector, LogTimeNs now);
  bool OnEvent(Patient* patient, std::size_t detector, LogTimeNs now, const tonus_event& event);
  bool OnTimer(Patient* patient, std::size_t detector, LogTimeNs now, std::uint32_t timer);
  /// Writes a patient's state, and reads one in place of Begin. What a detector asks for meanwhile
  /// never counts.
  bool Save(Patient* patient, std::size_t detector, LogTimeNs now, std::string* out);
  bool Load(Patient* patient, std::size_t detector, LogTimeNs now, std::uint32_t version,
            std::string_view state);
  /// Gives a patient's state back.
  void End(Patient* patient, std::size_t detector);

  Wishes& Asked() { return ctx_->wishes; }
  const std::string& Words() const { return words_; }
  /// Whether what was wrong was measured, as a crash in another process or its time would be, and
  /// so does not follow from the log. In this process nothing is measured.
  bool Measured() const { return false; }
  std::uint64_t Calls() const { return calls_; }

 private:
  struct Facade;
  template <class F>
  bool Call(Patient* patient, std::size_t detector, LogTimeNs now, F&& function);
  void Judge(std::size_t detector, tonus_rc rc, bool threw, bool bent_floats);

  const Catalogue& catalogue_;
  std::vector<std::unique_ptr<Facade>> facades_;
  std::vector<tonus_instance*> instances_;
  std::unique_ptr<tonus_ctx> ctx_;
  std::string words_;
  std::uint64_t calls_ = 0;
};

/// Copies and checks what a detector reports; the slot `report` of tonus_host. TONUS_BAD_ARG where
/// it breaks the header's rules; the ctx then holds the words.
tonus_rc TakeReport(tonus_ctx* ctx, const tonus_finding* finding) noexcept;

}  // namespace tonus::core
