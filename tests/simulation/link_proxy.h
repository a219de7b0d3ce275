#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <string>
#include <thread>

namespace tonus::simulation {

/// Carries TCP connections to a port of this machine, and spoils them: holds bytes back, and cuts
/// connections with what is under way in them.
///
/// Owned by the test; has a thread, which the destructor ends. Cut and Hold from any thread.
class LinkProxy {
 public:
  explicit LinkProxy(const std::string& target);
  ~LinkProxy();
  LinkProxy(const LinkProxy&) = delete;
  LinkProxy& operator=(const LinkProxy&) = delete;

  /// `tcp://127.0.0.1:PORT`, to connect to in place of the target.
  const std::string& Endpoint() const { return endpoint_; }

  /// Cuts all connections.
  void Cut() { cut_ = true; }
  /// Lets nothing through for a while.
  void Hold(std::chrono::milliseconds time) { hold_ms_ = time.count(); }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Way {
    int from = -1;
    int to = -1;
    std::string waiting;
  };
  struct Pair {
    Way up;
    Way down;
    bool over = false;
  };
  void Run();
  void Accept();
  static bool Read(Way& way);
  static bool Write(Way& way);
  static void Close(Pair& pair);

  std::uint16_t target_port_ = 0;
  std::string endpoint_;
  int listener_ = -1;
  std::list<Pair> pairs_;
  TimePoint held_until_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> cut_{false};
  std::atomic<std::int64_t> hold_ms_{0};
  std::thread thread_;
};

}  // namespace tonus::simulation
