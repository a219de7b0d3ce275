#include "tests/simulation/link_proxy.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <vector>

namespace tonus::simulation {
namespace {

constexpr std::size_t kMostWaiting = 1U << 20U;
constexpr int kRoundMs = 5;

sockaddr_in Here(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

LinkProxy::LinkProxy(const std::string& target)
    : target_port_(static_cast<std::uint16_t>(
          std::strtoul(target.substr(target.rfind(':') + 1).c_str(), nullptr, 10))) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = Here(0);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, raw, size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, raw, &size) != 0) {
    std::abort();
  }
  endpoint_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this] { Run(); });
}

LinkProxy::~LinkProxy() {
  stop_ = true;
  thread_.join();
  for (Pair& pair : pairs_) Close(pair);
  close(listener_);
}

void LinkProxy::Close(Pair& pair) {
  close(pair.up.from);
  close(pair.up.to);
  pair.over = true;
}

void LinkProxy::Accept() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Here(target_port_);
  // Nobody there: the client is sent away and comes back, as it would without a proxy.
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(server);
    close(client);
    return;
  }
  const int on = 1;
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  pairs_.push_back({.up = {.from = client, .to = server, .waiting = {}},
                    .down = {.from = server, .to = client, .waiting = {}},
                    .over = false});
}

bool LinkProxy::Read(Way& way) {
  std::array<char, 65536> bytes;
  if (way.waiting.size() >= kMostWaiting) return true;
  const ssize_t size = recv(way.from, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size > 0) way.waiting.append(bytes.data(), static_cast<std::size_t>(size));
  return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

bool LinkProxy::Write(Way& way) {
  if (way.waiting.empty()) return true;
  const ssize_t size =
      send(way.to, way.waiting.data(), way.waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (size > 0) way.waiting.erase(0, static_cast<std::size_t>(size));
  return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

void LinkProxy::Run() {
  while (!stop_) {
    std::vector<pollfd> items = {{listener_, POLLIN, 0}};
    for (const Pair& pair : pairs_) {
      if (pair.up.waiting.size() < kMostWaiting) items.push_back({pair.up.from, POLLIN, 0});
      if (pair.down.waiting.size() < kMostWaiting) items.push_back({pair.down.from, POLLIN, 0});
    }
    poll(items.data(), items.size(), kRoundMs);
    if (cut_.exchange(false)) {
      for (Pair& pair : pairs_) Close(pair);
    }
    const TimePoint now = std::chrono::steady_clock::now();
    const std::int64_t hold = hold_ms_.exchange(0);
    if (hold > 0) held_until_ = now + std::chrono::milliseconds(hold);
    if ((items[0].revents & POLLIN) != 0) Accept();
    for (Pair& pair : pairs_) {
      if (pair.over) continue;
      bool good = Read(pair.up) && Read(pair.down);
      if (now >= held_until_) good = Write(pair.up) && Write(pair.down) && good;
      if (!good) Close(pair);
    }
    pairs_.remove_if([](const Pair& pair) { return pair.over; });
  }
}

}  // namespace tonus::simulation
