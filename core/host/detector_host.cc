#include "core/host/detector_host.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "core/host/crash.h"
#include "core/host/floating_point.h"
#include "core/host/views.h"

namespace tonus::core {
namespace {

constexpr std::uint64_t kMostWords = 512;
constexpr std::uint32_t kLogLines = 100;

}  // namespace

/// The host's table as one detector sees it; the table comes first, so a pointer to it leads here.
struct DetectorHost::Facade {
  tonus_host table = {};
  const Catalogue* catalogue = nullptr;
  const Mapping* mapping = nullptr;
  const Detector* detector = nullptr;
  bool opening = false;
  std::uint32_t log_left = kLogLines;

  static Facade& Of(const tonus_host* host) {
    return *const_cast<Facade*>(reinterpret_cast<const Facade*>(host));
  }
  static const void* Query(const tonus_host* host, const char* id) noexcept;
  static tonus_rc Resolve(const tonus_host* host, std::uint32_t space, tonus_str name,
                          std::uint32_t* id) noexcept;
  static tonus_rc NameOf(const tonus_host* host, std::uint32_t space, std::uint32_t id,
                         tonus_str* name) noexcept;
  static tonus_rc Config(const tonus_host* host, std::uint32_t param, tonus_value* out) noexcept;
  static void Log(const tonus_host* host, std::uint32_t level, tonus_str text) noexcept;
};

const void* DetectorHost::Facade::Query(const tonus_host* host, const char* id) noexcept {
  if (host == nullptr || id == nullptr) return nullptr;
  return std::strcmp(id, TONUS_RECORD_1) == 0 ? RecordTable() : nullptr;
}

tonus_rc DetectorHost::Facade::Resolve(const tonus_host* host, std::uint32_t space, tonus_str name,
                                       std::uint32_t* id) noexcept {
  if (host == nullptr || id == nullptr) return TONUS_BAD_ARG;
  const Facade& self = Of(host);
  *id = 0;
  if (!self.opening) return TONUS_BAD_ARG;
  if (space == TONUS_NAME_CONDITION) {
    *id = self.catalogue->FindCondition(TextOf(name));
  } else if (space >= TONUS_NAME_SIGNAL && space <= TONUS_NAME_DRUG_CLASS) {
    *id = self.mapping->Find(static_cast<NameSpace>(space), TextOf(name));
  } else {
    return TONUS_BAD_ARG;
  }
  return *id == 0 ? TONUS_NOT_KNOWN : TONUS_OK;
}

tonus_rc DetectorHost::Facade::NameOf(const tonus_host* host, std::uint32_t space, std::uint32_t id,
                                      tonus_str* name) noexcept {
  if (host == nullptr || name == nullptr) return TONUS_BAD_ARG;
  const Facade& self = Of(host);
  *name = {};
  if (space == TONUS_NAME_CONDITION) {
    if (id == 0 || id > self.catalogue->Conditions().size()) return TONUS_NOT_KNOWN;
    *name = StrOf(self.catalogue->ConditionOf(id).decl->name);
    return TONUS_OK;
  }
  if (space < TONUS_NAME_SIGNAL || space > TONUS_NAME_DRUG_CLASS) return TONUS_BAD_ARG;
  *name = StrOf(self.mapping->Name(static_cast<NameSpace>(space), id));
  return name->n == 0 ? TONUS_NOT_KNOWN : TONUS_OK;
}

tonus_rc DetectorHost::Facade::Config(const tonus_host* host, std::uint32_t param,
                                      tonus_value* out) noexcept {
  if (host == nullptr || out == nullptr) return TONUS_BAD_ARG;
  const Facade& self = Of(host);
  if (!self.opening || param >= self.detector->settings.size()) return TONUS_BAD_ARG;
  const SettingValue& value = self.detector->settings[param];
  *out = {};
  out->type = value.type;
  out->i = value.i;
  out->f = value.f;
  out->s = StrOf(value.text);
  return TONUS_OK;
}

void DetectorHost::Facade::Log(const tonus_host* host, std::uint32_t level,
                               tonus_str text) noexcept {
  if (host == nullptr) return;
  Facade& self = Of(host);
  if (self.log_left == 0) return;
  --self.log_left;
  const std::string line(TextOf(text).substr(0, kMostWords));
  const log::Level kind = level >= TONUS_LOG_WARN   ? log::Level::kWarn
                          : level == TONUS_LOG_INFO ? log::Level::kInfo
                                                    : log::Level::kDebug;
  log::Write(kind, line, {{"detector", self.detector->decl.name}});
}

namespace {

tonus_ns Now(tonus_ctx* ctx) noexcept { return ctx == nullptr ? 0 : ctx->now; }

tonus_rc SetTimer(tonus_ctx* ctx, std::uint32_t id, tonus_ns deadline) noexcept {
  if (ctx == nullptr || ctx->patient == nullptr || id >= kTimersOfDetector || deadline < 0) {
    return TONUS_BAD_ARG;
  }
  if (!ctx->Charge(1)) return TONUS_NO_FUEL;
  ctx->wishes.timers.emplace_back(id, deadline);
  return TONUS_OK;
}

tonus_rc CancelTimer(tonus_ctx* ctx, std::uint32_t id) noexcept {
  if (ctx == nullptr || ctx->patient == nullptr || id >= kTimersOfDetector) return TONUS_BAD_ARG;
  if (!ctx->Charge(1)) return TONUS_NO_FUEL;
  ctx->wishes.timers.emplace_back(id, kCancelled);
  return TONUS_OK;
}

tonus_rc FailWith(tonus_ctx* ctx, tonus_rc code, tonus_str text) noexcept {
  if (ctx == nullptr) return TONUS_BAD_ARG;
  if (!ctx->misused) {
    ctx->words = TextOf(text).substr(0, kMostWords);
    if (!IsUtf8(ctx->words)) ctx->words = "explained itself in bytes that are not UTF-8";
  }
  ctx->failed = code;
  return TONUS_OK;
}

std::uint32_t Fuel(tonus_ctx* ctx) noexcept { return ctx == nullptr ? 0 : ctx->fuel; }

}  // namespace

DetectorHost::DetectorHost(const Catalogue& catalogue, const Mapping& mapping)
    : catalogue_(catalogue), ctx_(std::make_unique<tonus_ctx>()) {
  ctx_->catalogue = &catalogue;
  for (const Detector& detector : catalogue.Detectors()) {
    auto facade = std::make_unique<Facade>();
    facade->table = {
        sizeof(tonus_host), TONUS_ABI_MAJOR, TONUS_ABI_MINOR, 0,           Facade::Query,
        Facade::Resolve,    Facade::NameOf,  Facade::Config,  Facade::Log, Now,
        SetTimer,           CancelTimer,     TakeReport,      FailWith,    Fuel};
    facade->catalogue = &catalogue;
    facade->mapping = &mapping;
    facade->detector = &detector;
    facades_.push_back(std::move(facade));
  }
  instances_.resize(facades_.size(), nullptr);
}

DetectorHost::~DetectorHost() {
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    if (instances_[i] == nullptr) continue;
    FloatingPointGuard guard;
    const InsideDetector inside(catalogue_.Detectors()[i].decl.name.c_str());
    catalogue_.Detectors()[i].decl.calls.close(instances_[i]);
  }
}

template <class F>
bool DetectorHost::Call(Patient* patient, std::size_t detector, LogTimeNs now, F&& function) {
  tonus_ctx& ctx = *ctx_;
  ctx.patient = patient;
  ctx.detector = detector;
  ctx.now = now;
  ctx.fuel = catalogue_.Detectors()[detector].fuel;
  ctx.out_of_fuel = ctx.misused = false;
  ctx.failed = 0;
  ctx.words.clear();
  ctx.wishes.Clear();
  ctx.arena.release();
  ++calls_;
  tonus_rc rc = TONUS_OK;
  bool threw = false;
  FloatingPointGuard guard;
  try {
    const InsideDetector inside(catalogue_.Detectors()[detector].decl.name.c_str());
    rc = function(catalogue_.Detectors()[detector].decl.calls, &ctx);
  } catch (...) {
    threw = true;
  }
  words_.clear();
  Judge(detector, rc, threw, guard.Restore());
  return words_.empty();
}

void DetectorHost::Judge(std::size_t detector, tonus_rc rc, bool threw, bool bent_floats) {
  const tonus_ctx& ctx = *ctx_;
  if (threw) {
    words_ = "let an exception out of its call";
  } else if (ctx.misused) {
    words_ = ctx.words;
  } else if (ctx.out_of_fuel) {
    words_ = "used up the " + std::to_string(catalogue_.Detectors()[detector].fuel) +
             " units of host work that one call may use";
  } else if (bent_floats) {
    words_ = "changed the floating-point control word";
  } else if (rc < 0) {
    words_ = ctx.words.empty() ? "returned " + std::to_string(rc) + " without a word" : ctx.words;
  }
}

Result<void> DetectorHost::Open() {
  for (std::size_t i = 0; i < facades_.size(); ++i) {
    Facade& facade = *facades_[i];
    facade.opening = true;
    const bool good = Call(nullptr, i, 0, [&](const tonus_detector& calls, tonus_ctx* ctx) {
      return calls.open(&facade.table, ctx, &instances_[i]);
    });
    facade.opening = false;
    if (good) continue;
    instances_[i] = nullptr;
    const Detector& detector = catalogue_.Detectors()[i];
    return Fail(ErrorCode::kRefused,
                "detector '" + detector.decl.name + "' will not start: " + words_,
                detector.info.path);
  }
  return {};
}

bool DetectorHost::Begin(Patient* patient, std::size_t detector, LogTimeNs now) {
  patient->states[detector] = nullptr;
  return Call(patient, detector, now, [&](const tonus_detector& calls, tonus_ctx* ctx) {
    return calls.begin(instances_[detector], ctx, &patient->states[detector]);
  });
}

bool DetectorHost::OnEvent(Patient* patient, std::size_t detector, LogTimeNs now,
                           const tonus_event& event) {
  return Call(patient, detector, now, [&](const tonus_detector& calls, tonus_ctx* ctx) {
    return calls.on_event(instances_[detector], patient->states[detector], ctx, &event);
  });
}

bool DetectorHost::OnTimer(Patient* patient, std::size_t detector, LogTimeNs now,
                           std::uint32_t timer) {
  return Call(patient, detector, now, [&](const tonus_detector& calls, tonus_ctx* ctx) {
    return calls.on_timer(instances_[detector], patient->states[detector], ctx, timer);
  });
}

bool DetectorHost::Save(Patient* patient, std::size_t detector, LogTimeNs now, std::string* out) {
  struct Target {
    std::string* bytes;
    std::uint64_t most;
  };
  Target target{out, catalogue_.Detectors()[detector].decl.state_bytes_max};
  const tonus_writer writer = {&target, [](void* self, const void* p, std::uint64_t n) noexcept {
                                 auto* to = static_cast<Target*>(self);
                                 if (p == nullptr && n > 0) return TONUS_BAD_ARG;
                                 if (n > to->most - to->bytes->size()) return TONUS_BAD_ARG;
                                 to->bytes->append(static_cast<const char*>(p), n);
                                 return TONUS_OK;
                               }};
  out->clear();
  return Call(patient, detector, now, [&](const tonus_detector& calls, tonus_ctx* ctx) {
    return calls.save(instances_[detector], patient->states[detector], ctx, &writer);
  });
}

bool DetectorHost::Load(Patient* patient, std::size_t detector, LogTimeNs now,
                        std::uint32_t version, std::string_view state) {
  std::string_view left = state;
  const tonus_reader reader = {&left, [](void* self, void* p, std::uint64_t n) noexcept {
                                 auto* from = static_cast<std::string_view*>(self);
                                 if (p == nullptr && n > 0) return std::int64_t{TONUS_BAD_ARG};
                                 const std::size_t taken = std::min<std::uint64_t>(n, from->size());
                                 if (taken > 0) std::memcpy(p, from->data(), taken);
                                 from->remove_prefix(taken);
                                 return static_cast<std::int64_t>(taken);
                               }};
  patient->states[detector] = nullptr;
  const bool good = Call(patient, detector, now, [&](const tonus_detector& calls, tonus_ctx* ctx) {
    return calls.load(instances_[detector], ctx, version, &reader, &patient->states[detector]);
  });
  if (!good) patient->states[detector] = nullptr;
  return good;
}

void DetectorHost::End(Patient* patient, std::size_t detector) {
  FloatingPointGuard guard;
  const InsideDetector inside(catalogue_.Detectors()[detector].decl.name.c_str());
  catalogue_.Detectors()[detector].decl.calls.end(instances_[detector], patient->states[detector]);
  patient->states[detector] = nullptr;
}

}  // namespace tonus::core
