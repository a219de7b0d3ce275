// Functions that stand between the host and a detector, so that `plugin check` sees every call. A
// patient's state is held in a box, so that it can be replaced by what was loaded of it.

#include "cli/plugin_watch.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

#include "core/host/call.h"

namespace tonus::cli {
namespace {

constexpr std::size_t kMostDetectors = 16;  // of one object, as the loader allows
constexpr std::uint64_t kOddLoadsEvery = 997;
constexpr std::size_t kMostTimes = 4'000'000;
constexpr std::size_t kPiece = 7;  // bytes that a reader gives at once: no round number

struct Box {
  tonus_state* state = nullptr;
};
Box* BoxOf(tonus_state* state) { return reinterpret_cast<Box*>(state); }

std::array<tonus_detector, kMostDetectors> inner;
bool opened = false;

/// Marks where the detector is, and takes the time.
class Inside {
 public:
  Inside(std::size_t place, Call call) : call_(call) {
    Watch& watch = Watch::Get();
    outer_ = watch.spot->call;
    watch.spot->detector = static_cast<std::uint32_t>(place);
    watch.spot->call = call;
    ++watch.tally.calls[Index()];
    if (watch.options.timed) begun_ = std::chrono::steady_clock::now();
  }
  ~Inside() {
    Watch& watch = Watch::Get();
    if (watch.options.timed) {
      const std::int64_t took = std::chrono::duration_cast<std::chrono::nanoseconds>(
                                    std::chrono::steady_clock::now() - begun_)
                                    .count();
      watch.tally.ns[Index()] += took;
      watch.tally.most_ns[Index()] = std::max(watch.tally.most_ns[Index()], took);
      const bool main = call_ == Call::kOnEvent || call_ == Call::kOnTimer;
      if (main && watch.tally.event_ns.size() < kMostTimes) {
        watch.tally.event_ns.push_back(
            static_cast<std::uint32_t>(std::min<std::int64_t>(took, UINT32_MAX)));
      }
    }
    watch.spot->call = outer_;
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  std::size_t Index() const { return static_cast<std::size_t>(call_); }
  Call call_, outer_ = Call::kNone;
  std::chrono::steady_clock::time_point begun_;
};

struct Sink {
  std::string bytes;
  std::uint64_t most = 0;
  bool over = false;
  tonus_writer Writer() {
    return {this, [](void* self, const void* p, std::uint64_t n) noexcept -> tonus_rc {
              auto* to = static_cast<Sink*>(self);
              if (p == nullptr && n > 0) return TONUS_BAD_ARG;
              if (n > to->most - to->bytes.size()) {
                to->over = true;
                return TONUS_BAD_ARG;
              }
              to->bytes.append(static_cast<const char*>(p), n);
              return TONUS_OK;
            }};
  }
};

struct Source {
  std::string_view left;
  tonus_reader Reader() {
    return {this, [](void* self, void* p, std::uint64_t n) noexcept -> std::int64_t {
              auto* from = static_cast<Source*>(self);
              const auto taken = std::min<std::size_t>({n, from->left.size(), kPiece});
              if (taken > 0) std::memcpy(p, from->left.data(), taken);
              from->left.remove_prefix(taken);
              return static_cast<std::int64_t>(taken);
            }};
  }
};

/// Saves and loads one detector's states behind the host's back.
class RoundTrip {
 public:
  RoundTrip(std::size_t place, tonus_instance* instance, tonus_ctx* ctx)
      : place_(place), calls_(inner[place]), instance_(instance), ctx_(ctx) {}

  void Run(Box* box) {
    const std::size_t wished = ctx_->wishes.findings.size() + ctx_->wishes.timers.size();
    std::string first, second;
    if (!Save(box->state, &first)) return;
    Count(first.size());
    tonus_state* loaded = nullptr;
    const tonus_rc rc = Load(first, &loaded);
    if (rc < 0) {
      Say("P9", "does not load the " + std::to_string(first.size()) +
                    " bytes that it has just saved: it returns " + std::to_string(rc) + Words());
      return;
    }
    if (!Save(loaded, &second)) return;
    if (first != second) {
      Say("P9", "save, load and save again give different bytes: " + std::to_string(first.size()) +
                    " and then " + std::to_string(second.size()) + ", the first at byte " +
                    std::to_string(Differs(first, second)));
    }
    if (Watch::Get().tally.states % kOddLoadsEvery < 2) OddLoads(first);
    End(box->state);
    box->state = loaded;
    if (ctx_->wishes.findings.size() + ctx_->wishes.timers.size() != wished) {
      Say("P9", "reports or sets timers while it saves or loads");
    }
  }

 private:
  void Say(const char* rule, const std::string& text) { Watch::Get().Complain(rule, text); }
  std::string Words() const {
    return ctx_->words.empty() ? " without a word" : ", '" + ctx_->words + "'";
  }
  static std::size_t Differs(const std::string& a, const std::string& b) {
    return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                                    a.begin());
  }
  void Count(std::size_t bytes) {
    Tally& tally = Watch::Get().tally;
    ++tally.states;
    tally.state_bytes += bytes;
    tally.most_state_bytes = std::max<std::uint64_t>(tally.most_state_bytes, bytes);
  }
  bool Save(const tonus_state* state, std::string* out) {
    Sink sink;
    sink.most = calls_.state_bytes_max;
    const tonus_writer writer = sink.Writer();
    tonus_rc rc = TONUS_OK;
    {
      const Inside inside(place_, Call::kSave);
      rc = calls_.save(instance_, state, ctx_, &writer);
    }
    if (sink.over) {
      Say("P10", "saves more than the " + std::to_string(calls_.state_bytes_max) +
                     " bytes of its state_bytes_max");
      return false;
    }
    if (rc < 0) Say("P9", "cannot save its state: it returns " + std::to_string(rc) + Words());
    *out = std::move(sink.bytes);
    return rc >= 0;
  }
  tonus_rc Load(std::string_view bytes, tonus_state** out) {
    Source source{bytes};
    const tonus_reader reader = source.Reader();
    const Inside inside(place_, Call::kLoad);
    return calls_.load(instance_, ctx_, calls_.state_version, &reader, out);
  }
  void End(tonus_state* state) {
    const Inside inside(place_, Call::kEnd);
    calls_.end(instance_, state);
  }
  /// A state that is cut short is an error, and so is one from nowhere, unless it happens to be
  /// one.
  void OddLoads(const std::string& good) {
    std::string noise(good.size() + 3, '\0');
    std::uint64_t state = good.size() + 1;
    for (char& c : noise) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      c = static_cast<char>(state >> 56U);
    }
    const std::pair<std::string, bool> cases[] = {
        {"", !good.empty()},
        {good.substr(0, good.size() - (good.empty() ? 0 : 1)), !good.empty()},
        {noise, false}};
    for (const auto& [bytes, must_fail] : cases) {
      tonus_state* loaded = nullptr;
      const std::string words = ctx_->words;
      const tonus_rc rc = Load(bytes, &loaded);
      ctx_->words = words;
      ctx_->failed = 0;
      if (rc < 0) continue;
      End(loaded);
      if (must_fail) {
        Say("P9", "loads " + std::to_string(bytes.size()) + " of the " +
                      std::to_string(good.size()) + " bytes of a state as if nothing were amiss");
      }
    }
  }

  std::size_t place_;
  const tonus_detector& calls_;
  tonus_instance* instance_;
  tonus_ctx* ctx_;
};

/// An event as a host of a later minor version shows it: structs that have grown, arrays whose
/// stride is not sizeof; and gone, overwritten, once the call is over.
class GrownEvent {
 public:
  explicit GrownEvent(const tonus_event& event)
      : bytes_(sizeof event + kTail, kFill),
        samples_((sizeof(tonus_sample) + kTail) * event.samples.n + 1, kFill) {
    tonus_event copy = event;
    copy.struct_size = static_cast<std::uint32_t>(bytes_.size());
    for (std::uint32_t i = 0; i < event.samples.n; ++i) {
      std::memcpy(samples_.data() + (sizeof(tonus_sample) + kTail) * i,
                  static_cast<const char*>(event.samples.p) + std::size_t{event.samples.stride} * i,
                  sizeof(tonus_sample));
    }
    copy.samples = {samples_.data(), event.samples.n, sizeof(tonus_sample) + kTail};
    std::memcpy(bytes_.data(), &copy, sizeof copy);
  }
  ~GrownEvent() {
    // Through volatile: the compiler may not leave it out because nobody reads it.
    for (std::vector<char>* part : {&bytes_, &samples_}) {
      for (volatile char& c : *part) c = '\x5D';
    }
  }
  GrownEvent(const GrownEvent&) = delete;
  GrownEvent& operator=(const GrownEvent&) = delete;
  const tonus_event* Get() const {
    return static_cast<const tonus_event*>(static_cast<const void*>(bytes_.data()));
  }

 private:
  static constexpr std::uint32_t kTail = 24;
  static constexpr char kFill = '\xA5';
  std::vector<char> bytes_, samples_;
};

template <std::size_t N>
struct Shim {
  static tonus_rc Open(const tonus_host* host, tonus_ctx* ctx, tonus_instance** out) {
    if (!std::exchange(opened, true) && Watch::Get().options.before_open != nullptr) {
      Watch::Get().options.before_open();
    }
    const Inside inside(N, Call::kOpen);
    return inner[N].open(host, ctx, out);
  }
  static void Close(tonus_instance* instance) {
    const Inside inside(N, Call::kClose);
    inner[N].close(instance);
  }
  static tonus_rc Begin(tonus_instance* instance, tonus_ctx* ctx, tonus_state** out) {
    auto box = std::make_unique<Box>();
    tonus_rc rc = TONUS_OK;
    {
      const Inside inside(N, Call::kBegin);
      rc = inner[N].begin(instance, ctx, &box->state);
    }
    if (rc >= 0) *out = reinterpret_cast<tonus_state*>(box.release());
    return rc;
  }
  static void End(tonus_instance* instance, tonus_state* state) {
    const std::unique_ptr<Box> box(BoxOf(state));
    const Inside inside(N, Call::kEnd);
    inner[N].end(instance, box == nullptr ? nullptr : box->state);
  }
  static tonus_rc OnEvent(tonus_instance* instance, tonus_state* state, tonus_ctx* ctx,
                          const tonus_event* event) {
    tonus_rc rc = TONUS_OK;
    const WatchOptions& options = Watch::Get().options;
    if (options.strange) Strange(instance, state, ctx, *event);
    if (options.grown) {
      const GrownEvent grown(*event);
      rc = Deliver(instance, state, ctx, grown.Get());
    } else {
      rc = Deliver(instance, state, ctx, event);
    }
    if (rc >= 0 && options.round_trip) RoundTrip(N, instance, ctx).Run(BoxOf(state));
    return rc;
  }
  static tonus_rc OnTimer(tonus_instance* instance, tonus_state* state, tonus_ctx* ctx,
                          std::uint32_t id) {
    tonus_rc rc = TONUS_OK;
    {
      const Inside inside(N, Call::kOnTimer);
      rc = inner[N].on_timer(instance, BoxOf(state)->state, ctx, id);
    }
    if (rc >= 0 && Watch::Get().options.round_trip) {
      RoundTrip(N, instance, ctx).Run(BoxOf(state));
    }
    return rc;
  }
  static tonus_rc Save(tonus_instance* instance, const tonus_state* state, tonus_ctx* ctx,
                       const tonus_writer* writer) {
    const Inside inside(N, Call::kSave);
    return inner[N].save(instance, reinterpret_cast<const Box*>(state)->state, ctx, writer);
  }
  static tonus_rc Load(tonus_instance* instance, tonus_ctx* ctx, std::uint32_t version,
                       const tonus_reader* reader, tonus_state** out) {
    auto box = std::make_unique<Box>();
    const Inside inside(N, Call::kLoad);
    const tonus_rc rc = inner[N].load(instance, ctx, version, reader, &box->state);
    if (rc >= 0) *out = reinterpret_cast<tonus_state*>(box.release());
    return rc;
  }

 private:
  static tonus_rc Deliver(tonus_instance* instance, tonus_state* state, tonus_ctx* ctx,
                          const tonus_event* event) {
    const Inside inside(N, Call::kOnEvent);
    return inner[N].on_event(instance, BoxOf(state)->state, ctx, event);
  }
  /// What a later host may send: to be ignored, never fatal.
  static void Strange(tonus_instance* instance, tonus_state* state, tonus_ctx* ctx,
                      const tonus_event& event) {
    tonus_event odd = event;
    odd.kind = 99;
    odd.flags = 0xFFFFFFF0U;
    odd.name_id = 0x7FFFFFFFU;
    odd.samples = {};
    odd.body = nullptr;
    if (const tonus_rc rc = Deliver(instance, state, ctx, &odd); rc < 0) {
      Watch::Get().Complain("P4", "fails with " + std::to_string(rc) +
                                      " on an event of a kind that it does not know; ignore it");
    }
    tonus_sample sample = {};
    sample.effective = event.effective;
    sample.ref = event.ref;
    sample.value = 1;
    sample.signal = 0x7FFFFFFFU;
    sample.flags = 0xFFFFFFF0U | TONUS_KNOWN;
    odd = event;
    odd.kind = TONUS_EV_OBSERVATIONS;
    odd.body = nullptr;
    odd.samples = {&sample, 1, sizeof sample};
    if (const tonus_rc rc = Deliver(instance, state, ctx, &odd); rc < 0) {
      Watch::Get().Complain("P4", "fails with " + std::to_string(rc) +
                                      " on a sample of a signal that it does not know; ignore it");
    }
  }
};

template <std::size_t N>
void Put(tonus_detector* calls) {
  using S = Shim<N>;
  inner[N] = *calls;
  calls->open = S::Open;
  calls->close = S::Close;
  calls->begin = S::Begin;
  calls->end = S::End;
  calls->on_event = S::OnEvent;
  calls->on_timer = S::OnTimer;
  calls->save = S::Save;
  calls->load = S::Load;
}

template <std::size_t... N>
void PutAt(std::size_t place, tonus_detector* calls, std::index_sequence<N...>) {
  using Function = void (*)(tonus_detector*);
  constexpr Function kPut[] = {Put<N>...};
  kPut[place](calls);
}

}  // namespace

const char* CallName(Call call) {
  constexpr const char* kNames[] = {"the host", "tonus_plugin_v1 or a constructor",
                                    "open",     "close",
                                    "begin",    "end",
                                    "on_event", "on_timer",
                                    "save",     "load"};
  const auto i = static_cast<std::size_t>(call);
  return i < std::size(kNames) ? kNames[i] : "?";
}

Watch& Watch::Get() {
  static Watch watch;
  return watch;
}

void Watch::Begin(const WatchOptions& how, Spot* where) {
  options = how;
  spot = where;
  opened = false;
  tally = {};
}

void Watch::Complain(const std::string& rule, const std::string& text) {
  tally.complaints.emplace(rule, text);
}

void WatchCalls(std::size_t place, tonus_detector* calls) {
  if (place >= kMostDetectors) return;
  Watch::Get().code = nullptr;
  std::memcpy(&Watch::Get().code, &calls->on_event, sizeof(void*));
  PutAt(place, calls, std::make_index_sequence<kMostDetectors>());
}

}  // namespace tonus::cli
