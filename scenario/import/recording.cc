#include "scenario/import/recording.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "base/text.h"
#include "base/topic.h"
#include "broker/log/log.h"
#include "scenario/import/progress_bar.h"

namespace tonus::importing {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBatch = 4096;

// Length of the UTF-8 sequence that begins `text`; 0 where it is none.
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  }
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

Result<void> RefuseOthers(Log& log, const std::string& folder, const std::string& producer) {
  if (log.LastOffset() == 0) return {};
  auto reader = log.NewReader();
  if (!reader) return tl::unexpected(reader.error());
  const auto producers = (*reader)->Producers();
  if (!producers) return tl::unexpected(producers.error());
  for (const auto& [name, sequence] : *producers) {
    if (name == producer || sequence == 0) continue;
    return Fail(ErrorCode::kRefused, "this log already holds records of '" + name + "'", folder,
                "import into a folder of its own: --out DIR");
  }
  return {};
}

}  // namespace

void Recording::Add(const Arrival& arrival, const v1::Event& event) {
  const std::string unit = EscapeTopicPart(arrival.unit);
  const std::string patient = EscapeTopicPart(event.patient_id());
  ++summary_.events[std::string(arrival.kind)];
  entries_.push_back(
      {arrival.recorded_ns, JoinTopic({arrival.kind, unit, patient}), event.SerializeAsString()});
}

void Recording::AddRaw(LogTimeNs recorded_ns, std::string topic, std::string payload) {
  ++summary_.events[topic.substr(0, topic.find('.'))];
  entries_.push_back({recorded_ns, std::move(topic), std::move(payload)});
}

void Recording::Reject(const std::string& reason, std::string where, std::string why) {
  ++summary_.rejected_rows[reason];
  summary_.rejected.push_back({std::move(where), std::move(why)});
}

void Recording::AddSyntheticPumps() {
  const std::size_t count = entries_.size();
  for (std::size_t i = 0; i < count; ++i) {
    v1::Event event;
    if (!entries_[i].topic.starts_with("patient.") || !event.ParseFromString(entries_[i].payload)) {
      continue;
    }
    const std::int64_t implanted_ns = event.effective_ns() - 3 * 365 * kDayNs;
    v1::Implant* implant = event.mutable_patient()->add_implants();
    implant->set_kind("intrathecal_pump");
    implant->set_model("SynchroMed II");
    implant->set_implanted_ns(implanted_ns);
    implant->mutable_drug()->set_code("baclofen");
    implant->set_reservoir_capacity_ml(20);
    implant->set_low_reservoir_alarm_ml(2);
    implant->set_concentration_ug_per_ml(2000);
    implant->set_programmed_daily_dose_ug(400);
    entries_[i].payload = event.SerializeAsString();

    // A second before admission: at a readmission the pump is read before anything is made of what
    // it would have left in its reservoir by now.
    v1::Event read =
        MakeEvent(event.patient_id(), "synthetic-pump", event.effective_ns() - kSecondNs);
    v1::PumpStatus* status = read.mutable_pump_status();
    status->set_model(implant->model());
    status->set_therapy_state(v1::THERAPY_STATE_SIMPLE_CONTINUOUS);
    *status->mutable_drug() = implant->drug();
    status->set_concentration_ug_per_ml(2000);
    status->set_programmed_daily_dose_ug(400);
    status->set_programmed_rate_ml_per_day(0.2);
    status->set_computed_reservoir_ml(15);
    status->set_low_reservoir_alarm_ml(2);
    status->set_reservoir_capacity_ml(20);
    status->set_months_to_eri(40);
    status->set_implanted_ns(implanted_ns);
    status->set_normal(true);
    std::string topic = "pump" + entries_[i].topic.substr(entries_[i].topic.find('.'));
    AddRaw(entries_[i].recorded_ns - kSecondNs, std::move(topic), read.SerializeAsString());
  }
}

Result<void> Recording::WriteLog(const std::string& folder, const std::string& producer) {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.recorded_ns < b.recorded_ns; });
  LogOptions options;
  options.clock = LogClock::kGiven;
  options.fsync = false;
  auto log = Log::Open(folder, options);
  if (!log) return tl::unexpected(log.error());
  if (auto alone = RefuseOthers(**log, folder, producer); !alone) return alone;
  ProgressBar bar("writing", "events", entries_.size());
  std::vector<AppendRecord> batch;
  for (std::size_t begin = 0; begin < entries_.size(); begin += kBatch) {
    const std::size_t end = std::min(entries_.size(), begin + kBatch);
    batch.clear();
    for (std::size_t i = begin; i < end; ++i) {
      batch.push_back({.producer = producer,
                       .sequence = i + 1,
                       .topic = entries_[i].topic,
                       .payload = entries_[i].payload,
                       .recorded_ns = entries_[i].recorded_ns});
    }
    if (auto placed = (*log)->Append(batch); !placed) {
      Error error = placed.error();
      if (error.code == ErrorCode::kDiverged) {
        error.hint = "the folder holds another import; choose a new one: --out DIR";
      }
      return tl::unexpected(error);
    }
    if (auto committed = (*log)->Commit(); !committed) return tl::unexpected(committed.error());
    if ((*log)->WantsCheckpoint(end == entries_.size())) {
      if (auto done = (*log)->Checkpoint(); !done) return done;
    }
    bar.Set(end);
  }
  return {};
}

v1::Event MakeEvent(std::string_view patient, std::string_view source, std::int64_t effective_ns) {
  v1::Event event;
  event.set_patient_id(std::string(patient));
  event.set_source_id(std::string(source));
  event.set_effective_ns(effective_ns);
  return event;
}

namespace {

v1::Observation* AddObservation(v1::Event* event, const CodeName& name) {
  v1::Observation* item = event->mutable_observations()->add_items();
  item->mutable_code()->set_system(std::string(name.system));
  item->mutable_code()->set_code(ToUtf8(name.code));
  return item;
}

}  // namespace

v1::Observation* AddQuantity(v1::Event* event, const CodeName& name, double value,
                             std::string_view unit) {
  v1::Observation* item = AddObservation(event, name);
  item->set_quantity(value);
  item->set_unit(ToUtf8(unit));
  return item;
}

v1::Observation* AddText(v1::Event* event, const CodeName& name, std::string_view text) {
  v1::Observation* item = AddObservation(event, name);
  item->set_text(ToUtf8(text));
  return item;
}

v1::Observation* AddFlag(v1::Event* event, const CodeName& name, bool value) {
  v1::Observation* item = AddObservation(event, name);
  item->set_flag(value);
  return item;
}

std::string ToUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length > 0) {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
      continue;
    }
    const auto byte = static_cast<unsigned char>(text.front());
    out.push_back(static_cast<char>(0xC0U | (byte >> 6U)));
    out.push_back(static_cast<char>(0x80U | (byte & 0x3FU)));
    text.remove_prefix(1);
  }
  return out;
}

bool ParseNumber(std::string_view text, double* value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return false;
  double parsed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(parsed)) {
    return false;
  }
  *value = parsed;
  return true;
}

Result<std::int64_t> ParseLocalTime(std::string_view text) {
  std::string rfc3339(text);
  if (rfc3339.size() > 10) rfc3339[10] = 'T';
  if (rfc3339.size() == 10) rfc3339 += "T00:00:00";
  if (rfc3339.size() == 16) rfc3339 += ":00";
  auto time = ParseTime(rfc3339 + "Z");
  if (!time) {
    return Fail(ErrorCode::kMalformed, "'" + std::string(text) + "' is not a time", {},
                "expected YYYY-MM-DD HH:MM:SS");
  }
  return *time;
}

Result<std::vector<std::string>> FindFiles(const std::vector<std::string>& paths,
                                           std::string_view suffix) {
  std::set<std::string> found;
  for (const std::string& path : paths) {
    std::error_code error;
    if (fs::is_regular_file(path, error)) {
      found.insert(path);
      continue;
    }
    if (!fs::is_directory(path, error)) {
      return Fail(ErrorCode::kUnreachable, "there is no such file or folder", path);
    }
    const std::size_t before = found.size();
    fs::recursive_directory_iterator walk(path, error);
    for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
      const std::string name = walk->path().string();
      if (name.ends_with(suffix) && walk->is_regular_file(error)) found.insert(name);
    }
    if (error) {
      return Fail(ErrorCode::kUnreachable, "cannot be searched: " + error.message(), path);
    }
    if (found.size() == before) {
      return Fail(ErrorCode::kUnreachable,
                  "there is no file that ends in '" + std::string(suffix) + "'", path);
    }
  }
  return std::vector<std::string>(found.begin(), found.end());
}

}  // namespace tonus::importing
