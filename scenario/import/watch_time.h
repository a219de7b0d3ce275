#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/record.h"

namespace tonus::importing {

/// How long patients were watched: from a patient's first record to the last, by recorded time,
/// leaving out every gap without any record that is longer than a day (the patient was elsewhere,
/// or the recording has none of it).
class WatchTime {
 public:
  /// Takes a record of an input kind.
  void Add(const Record& record);

  std::uint64_t Patients() const { return patients_.size(); }
  double PatientDays() const;

 private:
  struct Watched {
    LogTimeNs last_ns = 0;
    std::int64_t sum_ns = 0;
  };
  std::map<std::string, Watched, std::less<>> patients_;
};

}  // namespace tonus::importing
