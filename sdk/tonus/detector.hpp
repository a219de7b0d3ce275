/* SPDX-License-Identifier: Apache-2.0
 *
 * tonus/detector.hpp: write a detector in C++17. Header only, on tonus/plugin.h and the standard
 * library alone.
 *
 * A detector is a class that derives from Detector<Self, State>. What it declares (settings,
 * signals, drugs, conditions) are its members: each is said once and is then used under its own
 * name. The host makes one object for each shard, opens it (which fills the members in), and calls
 * On() with what happened to a patient, that patient's State, and the patient's record. A small
 * complete one is in examples/detector; docs/writing-a-detector.md walks through it.
 *
 * Values carry their unit in their type: a Quantity<Celsius> does not compare with a
 * Quantity<MmHg>. Whatever a call hands over (views, names, texts) is valid until that call
 * returns. An exception that leaves On() becomes an error of that call, with its text.
 */
#ifndef TONUS_DETECTOR_HPP
#define TONUS_DETECTOR_HPP

#include <array>
#include <cstdint>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "tonus/patient.hpp"

namespace tonus {

/* ---- State ------------------------------------------------------------------------------------
 */

/* Lists the fields of a state once: save, load and size follow from it. Fields are numbers, bools,
 * enums, std::array of these, and structs that list their own fields. */
#define TONUS_STATE(...)        \
  template <class Visitor>      \
  void Fields(Visitor& visit) { \
    visit(__VA_ARGS__);         \
  }

struct NoState {
  TONUS_STATE()
};

namespace detail {

/* Calls Leaf on every number of a state, in the order of its fields. */
template <class Leaf>
class Walk {
 public:
  explicit Walk(Leaf* leaf) : leaf_(leaf) {}
  template <class... Field>
  void operator()(Field&... fields) {
    (One(fields), ...);
  }

 private:
  template <class T>
  void One(T& field) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      static_assert(!std::is_same_v<T, long double>, "long double differs between machines");
      (*leaf_)(field);
    } else {
      field.Fields(*this);
    }
  }
  template <class T, std::size_t N>
  void One(std::array<T, N>& field) {
    for (T& element : field) One(element);
  }
  Leaf* leaf_;
};

struct Bytes {
  std::vector<unsigned char> bytes;
  template <class T>
  void operator()(T& field) {
    const auto* p = reinterpret_cast<const unsigned char*>(&field);
    bytes.insert(bytes.end(), p, p + sizeof field);
  }
};

struct Unbytes {
  const std::vector<unsigned char>* bytes;
  std::size_t at = 0;
  template <class T>
  void operator()(T& field) {
    if (bytes->size() - at < sizeof field) throw std::runtime_error("the saved state is cut short");
    if constexpr (std::is_same_v<T, bool>) {
      if ((*bytes)[at] > 1) throw std::runtime_error("the saved state is damaged");
      field = (*bytes)[at] == 1;
    } else {
      std::memcpy(&field, bytes->data() + at, sizeof field);
    }
    at += sizeof field;
  }
};

template <class State>
std::vector<unsigned char> Save(const State& state) {
  State copy = state;
  Bytes bytes;
  Walk<Bytes> walk(&bytes);
  copy.Fields(walk);
  return bytes.bytes;
}

template <class State>
void Load(const std::vector<unsigned char>& bytes, State* state) {
  Unbytes unbytes{&bytes};
  Walk<Unbytes> walk(&unbytes);
  state->Fields(walk);
  if (unbytes.at != bytes.size()) throw std::runtime_error("the saved state is too long");
}

}  // namespace detail

/* ---- The detector ------------------------------------------------------------------------------
 */

/* Self defines:
 *   static constexpr tonus::Info kInfo{…};
 *   void On(const Event&, State&, Patient&) const;
 * and, where it sets timers:
 *   void OnTimer(std::uint32_t id, State&, Patient&) const;
 * It may raise kStateVersion when the fields of State change: older saved states are then refused,
 * and the host rebuilds them from the log. */
template <class Self, class StateType = NoState>
class Detector : public DetectorBase {
 public:
  using State = StateType;
  static constexpr std::uint32_t kStateVersion = 1;
  static constexpr std::uint32_t kFuelPerCall = 0; /* 0: the host's default */
  void OnTimer(std::uint32_t, State&, Patient&) const {}

 protected:
  ~Detector() = default;
};

namespace detail {

template <class D>
struct Entry {
  using State = typename D::State;

  static D* Of(tonus_instance* p) { return reinterpret_cast<D*>(p); }
  static State* Of(tonus_state* p) { return reinterpret_cast<State*>(p); }

  /* Runs f and turns whatever it throws into an error said in words. */
  template <class F>
  static tonus_rc Guard(const tonus_host* host, tonus_ctx* ctx, F&& f) noexcept {
    try {
      f();
      return TONUS_OK;
    } catch (const HostError& e) {
      return Fail(host, ctx, e.code(), e.what());
    } catch (const std::exception& e) {
      return Fail(host, ctx, TONUS_ERROR, e.what());
    } catch (...) {
      return Fail(host, ctx, TONUS_ERROR, "the detector threw something unknown");
    }
  }
  static tonus_rc Fail(const tonus_host* host, tonus_ctx* ctx, tonus_rc code, const char* text) {
    host->fail(ctx, code, {text, std::strlen(text)});
    return code;
  }

  static tonus_rc Open(const tonus_host* host, tonus_ctx* ctx, tonus_instance** out) noexcept {
    D* made = nullptr;
    const tonus_rc rc = Guard(host, ctx, [&] {
      made = new D;
      made->Bind(host);
      *out = reinterpret_cast<tonus_instance*>(made);
    });
    if (rc != TONUS_OK) delete made;
    return rc;
  }
  static void Close(tonus_instance* instance) noexcept { delete Of(instance); }
  static tonus_rc Begin(tonus_instance* instance, tonus_ctx* ctx, tonus_state** out) noexcept {
    return Guard(Of(instance)->host(), ctx,
                 [&] { *out = reinterpret_cast<tonus_state*>(new State()); });
  }
  static void End(tonus_instance*, tonus_state* state) noexcept { delete Of(state); }
  static tonus_rc OnEvent(tonus_instance* instance, tonus_state* state, tonus_ctx* ctx,
                          const tonus_event* event) noexcept {
    const D* d = Of(instance);
    return Guard(d->host(), ctx, [&] {
      Patient patient(*d, ctx);
      d->On(Event(event), *Of(state), patient);
    });
  }
  static tonus_rc OnTimer(tonus_instance* instance, tonus_state* state, tonus_ctx* ctx,
                          std::uint32_t id) noexcept {
    const D* d = Of(instance);
    return Guard(d->host(), ctx, [&] {
      Patient patient(*d, ctx);
      d->OnTimer(id, *Of(state), patient);
    });
  }
  static tonus_rc SaveState(tonus_instance* instance, const tonus_state* state, tonus_ctx* ctx,
                            const tonus_writer* writer) noexcept {
    return Guard(Of(instance)->host(), ctx, [&] {
      const auto bytes = Save(*reinterpret_cast<const State*>(state));
      const tonus_rc rc = writer->write(writer->self, bytes.data(), bytes.size());
      if (rc != TONUS_OK) throw HostError(rc, "the state could not be written");
    });
  }
  static tonus_rc LoadState(tonus_instance* instance, tonus_ctx* ctx, std::uint32_t version,
                            const tonus_reader* reader, tonus_state** out) noexcept {
    State* made = nullptr;
    const tonus_rc rc = Guard(Of(instance)->host(), ctx, [&] {
      if (version != D::kStateVersion) throw std::runtime_error("a state of another version");
      made = new State();
      const std::size_t most = Save(*made).size() + 1;
      std::vector<unsigned char> bytes(most);
      std::size_t have = 0;
      while (have < most) {
        const std::int64_t got = reader->read(reader->self, bytes.data() + have, most - have);
        if (got < 0) throw HostError(static_cast<tonus_rc>(got), "the state could not be read");
        if (got == 0) break;
        have += static_cast<std::size_t>(got);
      }
      bytes.resize(have);
      Load(bytes, made);
      *out = reinterpret_cast<tonus_state*>(made);
    });
    if (rc != TONUS_OK) delete made;
    return rc;
  }

  static tonus_detector Table() {
    static const D* const prototype = new D; /* its tables are the plugin's static data */
    tonus_detector table{};
    table.struct_size = sizeof table;
    table.id = Str(D::kInfo.id);
    table.name = Str(D::kInfo.name);
    table.version = Str(D::kInfo.version);
    table.vendor = Str(D::kInfo.vendor);
    table.evidence_url = Str(D::kInfo.evidence_url);
    table.params = prototype->params();
    table.inputs = prototype->inputs();
    table.conditions = prototype->conditions();
    table.state_version = table.state_oldest = D::kStateVersion;
    table.state_bytes_max = Save(State()).size();
    table.fuel_per_call = D::kFuelPerCall;
    table.open = Open;
    table.close = Close;
    table.begin = Begin;
    table.end = End;
    table.on_event = OnEvent;
    table.on_timer = OnTimer;
    table.save = SaveState;
    table.load = LoadState;
    return table;
  }
};

template <class... D>
const tonus_plugin* Plugin() noexcept {
  try {
    static const std::array<tonus_detector, sizeof...(D)> detectors{Entry<D>::Table()...};
    static const tonus_plugin plugin{
        TONUS_MAGIC,
        sizeof(tonus_plugin),
        TONUS_ABI_MAJOR,
        TONUS_ABI_MINOR,
        {detectors.data(), static_cast<std::uint32_t>(detectors.size()), sizeof(tonus_detector)}};
    return &plugin;
  } catch (...) {
    return nullptr;
  }
}

}  // namespace detail
}  // namespace tonus

/* Exports the one symbol of a plugin; at the end of one source file, outside any namespace. */
#define TONUS_PLUGIN(...)                                             \
  extern "C" TONUS_EXPORT const tonus_plugin* tonus_plugin_v1(void) { \
    return ::tonus::detail::Plugin<__VA_ARGS__>();                    \
  }

#endif
