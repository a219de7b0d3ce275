// A finding on its way in: copied at once, every number finite, every text UTF-8 and bounded, every
// index within what the detector declared.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "core/host/call.h"
#include "core/host/detector_host.h"
#include "core/host/views.h"

namespace tonus::core {
namespace {

constexpr std::uint32_t kMostReasons = 128;
constexpr std::uint32_t kMostRefs = 64;
constexpr std::uint64_t kMostText = 1024;
constexpr std::uint64_t kMostBytes = 128U
                                     << 10U;  ///< Of a finding: its alert has to pass a broker.
constexpr std::uint64_t kRefBytes = 80;       ///< A ref as the name of a record.

/// Copies a struct that begins with its size, as far as both sides know it.
template <class T>
T Sized(const void* at, std::uint32_t bound) {
  T out = {};
  std::uint32_t size = 0;
  std::memcpy(&size, at, sizeof size);
  std::memcpy(&out, at, std::min<std::size_t>({size, bound, sizeof out}));
  return out;
}

class ReportReader {
 public:
  explicit ReportReader(tonus_ctx* ctx)
      : ctx_(*ctx), detector_(ctx->catalogue->Detectors()[ctx->detector]) {}

  tonus_rc Read(const tonus_finding* given);

 private:
  tonus_rc Misuse(std::string words) {
    if (!ctx_.misused) ctx_.words = "reported a finding " + std::move(words);
    ctx_.misused = true;
    return TONUS_BAD_ARG;
  }
  bool Text(const tonus_str& text, std::string* out);
  tonus_rc ReadReason(const tonus_evidence& given, const Finding& before, Reason* out);
  void NameRecords(const Finding& before, Reason* out) const;

  tonus_ctx& ctx_;
  const Detector& detector_;
  std::uint64_t bytes_ = 0;  ///< Of texts and refs so far.
};

bool ReportReader::Text(const tonus_str& text, std::string* out) {
  if (text.n == 0) return true;
  if (text.p == nullptr || text.n > kMostText) return false;
  bytes_ += text.n;
  out->assign(text.p, text.n);
  return IsUtf8(*out);
}

void ReportReader::NameRecords(const Finding& before, Reason* out) const {
  for (const Ref ref : out->refs) {
    RecordName name;
    if (ctx_.patient->record.Refs().Find(ref, &name)) out->records.push_back(std::move(name));
  }
  if (out->records.size() == out->refs.size()) return;
  // The record may be too old by now; the finding before this one still knows it.
  for (const Reason& reason : before.reasons) {
    if (reason.name == out->name && reason.refs == out->refs && !reason.records.empty()) {
      out->records = reason.records;
      return;
    }
  }
}

tonus_rc ReportReader::ReadReason(const tonus_evidence& given, const Finding& before, Reason* out) {
  out->role = given.role;
  out->relation = given.relation;
  out->known = given.known;
  if (!Text(given.name, &out->name) || !Text(given.text, &out->text) ||
      !Text(given.unit, &out->unit)) {
    return Misuse("whose evidence has a text that is not UTF-8 or longer than " +
                  std::to_string(kMostText) + " bytes");
  }
  if (out->name.empty() && out->text.empty())
    return Misuse("whose evidence has neither name nor text");
  const std::pair<std::uint32_t, double> numbers[] = {{TONUS_EVI_VALUE, given.value},
                                                      {TONUS_EVI_BASELINE, given.baseline},
                                                      {TONUS_EVI_THRESHOLD, given.threshold},
                                                      {TONUS_EVI_WEIGHT, given.weight}};
  for (const auto& [known, number] : numbers) {
    if ((given.known & known) != 0 && !std::isfinite(number)) {
      return Misuse("whose evidence '" + out->name + "' holds a number that is not finite");
    }
  }
  out->value = (given.known & TONUS_EVI_VALUE) != 0 ? given.value : 0;
  out->baseline = (given.known & TONUS_EVI_BASELINE) != 0 ? given.baseline : 0;
  out->threshold = (given.known & TONUS_EVI_THRESHOLD) != 0 ? given.threshold : 0;
  out->weight = (given.known & TONUS_EVI_WEIGHT) != 0 ? given.weight : 0;
  if ((given.known & TONUS_EVI_PARAM) != 0) {
    if (given.param >= detector_.decl.settings.size()) {
      return Misuse("whose evidence names setting " + std::to_string(given.param) + " of " +
                    std::to_string(detector_.decl.settings.size()));
    }
    out->setting = detector_.decl.settings[given.param].key;
  }
  out->at = given.at;
  if (given.refs.n > kMostRefs || (given.refs.n != 0 && given.refs.p == nullptr) ||
      (given.refs.n != 0 && given.refs.stride < sizeof(tonus_ref))) {
    return Misuse("whose evidence '" + out->name + "' has a bad array of refs");
  }
  for (std::uint32_t i = 0; i < given.refs.n; ++i) {
    tonus_ref ref = 0;
    std::memcpy(&ref, static_cast<const char*>(given.refs.p) + std::size_t{given.refs.stride} * i,
                sizeof ref);
    if (ref != 0) out->refs.push_back(ref);
  }
  bytes_ += out->refs.size() * kRefBytes;
  NameRecords(before, out);
  return TONUS_OK;
}

tonus_rc ReportReader::Read(const tonus_finding* given) {
  const auto finding = Sized<tonus_finding>(given, sizeof(tonus_finding));
  if (!ctx_.Charge(1 + finding.evidence.n)) return TONUS_NO_FUEL;
  if (finding.condition >= detector_.conditions.size()) {
    return Misuse("on condition " + std::to_string(finding.condition) + " of " +
                  std::to_string(detector_.conditions.size()));
  }
  Finding out;
  out.holds = (finding.flags & TONUS_FINDING_CLEAR) == 0;
  out.hold = (finding.flags & TONUS_FINDING_HOLD) != 0;
  const ConditionDecl& decl = detector_.decl.conditions[finding.condition];
  if (out.holds) {
    out.tier = finding.tier;
    out.priority = finding.priority;
    if (out.tier >= decl.tiers.size()) {
      return Misuse("at tier " + std::to_string(out.tier) + " of " +
                    std::to_string(decl.tiers.size()));
    }
    if (out.priority < TONUS_INFO || out.priority > TONUS_HIGH) {
      return Misuse("of priority " + std::to_string(out.priority) + ", which does not exist");
    }
  }
  if (!Text(finding.text, &out.text)) return Misuse("whose text is not UTF-8 or is too long");
  const tonus_array& evidence = finding.evidence;
  if (evidence.n > kMostReasons ||
      (evidence.n != 0 && (evidence.p == nullptr || evidence.stride < 4))) {
    return Misuse("with a bad array of evidence: " + std::to_string(evidence.n) + " elements");
  }
  const ConditionId condition = detector_.conditions[finding.condition];
  const Finding& before = ctx_.patient->findings[condition];
  for (std::uint32_t i = 0; i < evidence.n; ++i) {
    const auto one = Sized<tonus_evidence>(
        static_cast<const char*>(evidence.p) + std::size_t{evidence.stride} * i, evidence.stride);
    if (one.role < TONUS_FOR || one.role > TONUS_WORK_UP) continue;
    if (const tonus_rc rc = ReadReason(one, before, &out.reasons.emplace_back()); rc != TONUS_OK) {
      return rc;
    }
  }
  if (bytes_ > kMostBytes) {
    return Misuse("whose texts and refs take " + std::to_string(bytes_) + " bytes of at most " +
                  std::to_string(kMostBytes));
  }
  ctx_.wishes.findings.emplace_back(condition, std::move(out));
  return TONUS_OK;
}

}  // namespace

tonus_rc TakeReport(tonus_ctx* ctx, const tonus_finding* finding) noexcept {
  if (ctx == nullptr || ctx->patient == nullptr || finding == nullptr) return TONUS_BAD_ARG;
  return ReportReader(ctx).Read(finding);
}

}  // namespace tonus::core
