#include "scenario/import/watch_time.h"

#include "base/text.h"
#include "base/topic.h"

namespace tonus::importing {

void WatchTime::Add(const Record& record) {
  const auto parts = ParseTopic(record.topic);
  if (!parts || !IsInputKind(parts->kind)) return;
  const auto found = patients_.find(parts->patient);
  if (found == patients_.end()) {
    patients_.emplace(std::string(parts->patient), Watched{record.recorded_ns, 0});
    return;
  }
  Watched& watched = found->second;
  const std::int64_t gap_ns = record.recorded_ns - watched.last_ns;
  if (gap_ns <= kDayNs) watched.sum_ns += gap_ns;
  watched.last_ns = record.recorded_ns;
}

double WatchTime::PatientDays() const {
  double days = 0;
  for (const auto& [patient, watched] : patients_) {
    days += static_cast<double>(watched.sum_ns) / static_cast<double>(kDayNs);
  }
  return days;
}

}  // namespace tonus::importing
