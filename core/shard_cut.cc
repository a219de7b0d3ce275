// A cut without a pause. At the cut every patient touched since the one before is marked. Between
// batches a few of them are saved; one that a record or a timer is about to touch is saved first:
//
//   cut at O ──► p1* p2* p3*      * marked
//   record for p2: save p2, then touch it; it is dirty for the next cut
//   sweep:         save p1
//   sweep:         save p3  ── all saved: the cut is complete, each as it was at O
//
// A patient not touched since the cut before keeps the blob that he has.

#include "core/checkpoint/patient_state.h"
#include "core/shard.h"

namespace tonus::core {

void Shard::Touch(Patient* patient) {
  if (patient->marked) SaveMarked(patient);
  if (patient->dirty) return;
  patient->dirty = true;
  dirty_patients_.push_back(patient);
}

void Shard::SaveMarked(Patient* patient) {
  patient->marked = false;
  --marked_left_;
  cut_blobs_.push_back({patient->record.Id(), SavePatient(patient, catalogue_, &host_, now_)});
}

void Shard::BeginCut() {
  cut_blobs_.clear();
  marked_.clear();
  marked_.swap(dirty_patients_);
  marked_left_ = marked_.size();
  sweep_at_ = 0;
  for (Patient* patient : marked_) {
    patient->dirty = false;
    patient->marked = true;
  }
}

void Shard::SweepCut(std::size_t bytes) {
  for (std::size_t saved = 0; marked_left_ > 0 && saved < bytes; ++sweep_at_) {
    if (!marked_[sweep_at_]->marked) continue;
    SaveMarked(marked_[sweep_at_]);
    saved += cut_blobs_.back().bytes.size();
  }
}

void Shard::AbandonCut() {
  for (Patient* patient : marked_) {
    patient->marked = false;
    if (patient->dirty) continue;
    patient->dirty = true;
    dirty_patients_.push_back(patient);
  }
  marked_.clear();
  marked_left_ = 0;
  cut_blobs_.clear();
}

Result<void> Shard::Restore(const PatientBlob& blob, LogTimeNs now, bool dirty) {
  if (patients_.find(blob.patient) != patients_.end()) {
    return Fail(ErrorCode::kCorrupt, "it is there twice");
  }
  auto patient = std::make_unique<Patient>(mapping_, catalogue_, blob.patient);
  if (auto good = LoadPatient(blob.bytes, catalogue_, &host_, now, patient.get()); !good) {
    return good;
  }
  patient->number = static_cast<std::uint32_t>(by_number_.size());
  by_number_.push_back(patient.get());
  for (auto& [key, timer] : patient->timers) {
    timer.queued = timer.deadline;
    queue_.push({timer.deadline, patient.get(), key});
  }
  if (dirty) Touch(patient.get());
  patients_.emplace(blob.patient, std::move(patient));
  return {};
}

std::optional<std::uint32_t> Shard::FindPatient(std::string_view id) const {
  const auto found = patients_.find(id);
  if (found == patients_.end()) return std::nullopt;
  return found->second->number;
}

void Shard::ShowLastAlerts(std::vector<std::pair<std::string, Output>>* out) {
  struct Collect : AlertSink {
    void Take(const AlertVersion& version) override {
      out->emplace_back(*patient, OutputOf(version));
    }
    const std::string* patient = nullptr;
    std::vector<std::pair<std::string, Output>>* out = nullptr;
  } sink;
  sink.out = out;
  for (const Patient* patient : by_number_) {
    sink.patient = &patient->record.Id();
    patient->alerts.ShowLast(&sink);
  }
}

}  // namespace tonus::core
