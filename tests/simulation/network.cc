#include "tests/simulation/network.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace tonus::simulation {
namespace {

bool StartsWith(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

}  // namespace

/// One connection, from its first attempt on. Lives as long as a message of it is under way.
struct Network::Link {
  std::string endpoint;
  SimSocket* from = nullptr;  ///< The connecting side; null: closed.
  SimSocket* to = nullptr;    ///< The listening side; null: not connected.
  Process* from_process = nullptr;
  Process* to_process = nullptr;
  std::string identity;  ///< As the listener knows it.
  std::uint64_t connection = 0;
  std::deque<Message> unsent;
  TimeNs last_up = 0;  ///< When the newest message arrives.
  TimeNs last_down = 0;
  std::size_t under_way_down = 0;
  std::set<std::string> prefixes;  ///< Of a SUB, as the listener has been told.
  bool lingering = false;          ///< From is gone, its last messages are under way.
};

class Network::SimSocket final : public FrameSocket {
 public:
  SimSocket(Network* network, SocketKind kind, const SocketOptions& options)
      : network_(*network), kind_(kind), options_(options), process_(network->world_.Current()) {}
  ~SimSocket() override { network_.Forget(this); }

  Result<std::string> Bind(const std::string& endpoint) override {
    if (!network_.listeners_.emplace(endpoint, this).second) {
      return Fail(ErrorCode::kUnreachable, "cannot listen: address in use", endpoint);
    }
    return endpoint;
  }

  Result<void> Connect(const std::string& endpoint) override {
    auto link = std::make_shared<Link>();
    link->endpoint = endpoint;
    link->from = this;
    link->from_process = process_;
    link_ = link;
    network_.links_.push_back(link);
    network_.Connect(link);
    return {};
  }

  Result<void> Subscribe(std::string_view prefix) override {
    subscriptions_.emplace(prefix);
    return {};
  }

  SocketOutcome Send(std::string_view bytes, bool more) override {
    if (!network_.world_.Step()) return SocketOutcome::kDone;
    if (kind_ == SocketKind::kRouter && parts_.empty()) {
      const auto found = network_.LinkOf(this, std::string(bytes));
      if (found == nullptr) return SocketOutcome::kGone;
      const auto queue = static_cast<std::size_t>(options_.send_queue_messages);
      if (queue > 0 && found->under_way_down >= queue) return SocketOutcome::kAgain;
    }
    parts_.emplace_back(bytes);
    if (more) return SocketOutcome::kDone;
    SendWhole(std::exchange(parts_, {}));
    return SocketOutcome::kDone;
  }

  SocketOutcome Receive(SocketMessage& message, bool* more) override {
    if (next_part_ == 0 && (inbox.empty() || !network_.world_.Step())) return SocketOutcome::kAgain;
    const Message& whole = inbox.front();
    message = SocketMessage(whole[next_part_++]);
    const bool rest = next_part_ < whole.size();
    if (more != nullptr) *more = rest;
    if (!rest) {
      inbox.pop_front();
      next_part_ = 0;
    }
    return SocketOutcome::kDone;
  }

  void Take(Message message) {
    const auto bound = static_cast<std::size_t>(options_.receive_queue_messages);
    const bool loses = kind_ == SocketKind::kSub && bound > 0 && inbox.size() >= bound;
    if (!loses) inbox.push_back(std::move(message));
    if (waiter != nullptr) network_.world_.Wake(waiter);
  }

  Network& network_;
  const SocketKind kind_;
  const SocketOptions options_;
  Process* const process_;
  std::deque<Message> inbox;
  Fiber* waiter = nullptr;
  std::set<std::string> subscriptions_;  ///< Of a SUB.
  std::map<std::string, int> wanted_;    ///< Of an XPUB: prefix → subscribers.

 private:
  friend class Network;

  void SendWhole(const Message& message) {
    if (kind_ == SocketKind::kRouter) {
      const auto link = network_.LinkOf(this, message.front());
      if (link == nullptr) return;
      network_.Transmit(link, Way::kDown, Message(message.begin() + 1, message.end()));
    } else if (kind_ == SocketKind::kXPub || kind_ == SocketKind::kPub) {
      const std::vector<std::shared_ptr<Link>> links = network_.links_;
      for (const auto& link : links) {
        if (link->to != this) continue;
        const bool wants =
            std::any_of(link->prefixes.begin(), link->prefixes.end(),
                        [&](const std::string& p) { return StartsWith(message.front(), p); });
        const auto queue = static_cast<std::size_t>(options_.send_queue_messages);
        if (wants && link->under_way_down < queue) network_.Transmit(link, Way::kDown, message);
      }
    } else if (link_ != nullptr) {
      if (link_->to == nullptr) {
        link_->unsent.push_back(message);
      } else {
        network_.Transmit(link_, Way::kUp, message);
      }
    }
  }

  std::shared_ptr<Link> link_;  ///< Of a connecting socket.
  Message parts_;
  std::size_t next_part_ = 0;
};

std::shared_ptr<Network::Link> Network::LinkOf(const SimSocket* router,
                                               const std::string& identity) {
  for (const auto& link : links_) {
    if (link->to == router && link->identity == identity && !link->lingering) return link;
  }
  return nullptr;
}

std::unique_ptr<FrameSocket> Network::MakeSocket(SocketKind kind, const SocketOptions& options) {
  return std::make_unique<SimSocket>(this, kind, options);
}

Environment::TimePoint Network::Now() {
  return TimePoint(std::chrono::nanoseconds(kSecond + world_.Tick()));
}

int Network::Poll(std::span<PollItem> items, std::int64_t timeout_ms) {
  const auto look = [&] {
    int ready = 0;
    for (PollItem& item : items) {
      if (item.socket != nullptr) {
        item.readable = !static_cast<SimSocket*>(item.socket->Frames())->inbox.empty();
      } else {
        struct pollfd raw = {item.descriptor, POLLIN, 0};
        item.readable = ::poll(&raw, 1, 0) > 0;
      }
      if (item.readable) ++ready;
    }
    return ready;
  };
  world_.Step();
  if (world_.Current()->dead) world_.WaitUntil(0);
  int ready = look();
  // A thread may be put aside at any time.
  if ((ready > 0 || timeout_ms == 0) && world_.random.Chance(100000)) {
    world_.Sleep(world_.random.Spread(1, 3000) * kMicro);
    ready = look();
  }
  if (ready > 0 || timeout_ms == 0) return ready;
  Fiber* fiber = world_.Running();
  for (const PollItem& item : items) {
    if (item.socket != nullptr) {
      static_cast<SimSocket*>(item.socket->Frames())->waiter = fiber;
    } else {
      fiber->descriptors.push_back(item.descriptor);
    }
  }
  const TimeNs until =
      timeout_ms < 0 ? world_.Now() + 3600 * kSecond : world_.Now() + timeout_ms * kMilli;
  // Sockets go only with their fiber, whose unwinding comes after this wait.
  world_.WaitUntil(until);
  for (const PollItem& item : items) {
    if (item.socket != nullptr) static_cast<SimSocket*>(item.socket->Frames())->waiter = nullptr;
  }
  return look();
}

void Network::Connect(const std::shared_ptr<Link>& link) {
  const TimeNs delay = world_.random.Spread(1, 200) * kMilli;
  world_.After(delay, [this, link] {
    if (link->from == nullptr || link->to != nullptr) return;
    const auto listener = listeners_.find(link->endpoint);
    const bool there = listener != listeners_.end() && !listener->second->process_->dead &&
                       link->from_process->cut_up_until <= world_.Now();
    if (!there) {
      Connect(link);
      return;
    }
    link->to = listener->second;
    link->to_process = listener->second->process_;
    link->identity = "peer-" + std::to_string(++identities_);
    ++link->connection;
    link->last_up = link->last_down = world_.Now();
    link->under_way_down = 0;
    for (const std::string& prefix : link->from->subscriptions_) {
      Carry(link, Way::kUp, {std::string(1, '\1') + prefix});
    }
    for (const Message& message : std::exchange(link->unsent, {})) {
      Transmit(link, Way::kUp, message);
    }
  });
}

void Network::Break(const std::shared_ptr<Link>& link, bool connect_again) {
  SimSocket* to = std::exchange(link->to, nullptr);
  ++link->connection;
  if (to != nullptr && to->kind_ == SocketKind::kXPub) {
    for (const std::string& prefix : std::exchange(link->prefixes, {})) {
      if (--to->wanted_[prefix] == 0) to->Take({std::string(1, '\0') + prefix});
    }
  }
  link->lingering = false;
  if (connect_again && link->from != nullptr) Connect(link);
}

void Network::BreakSome(const Process* process) {
  const std::vector<std::shared_ptr<Link>> links = links_;
  std::vector<std::shared_ptr<Link>> connected;
  for (const auto& link : links) {
    if (link->to == nullptr || link->from == nullptr) continue;
    if (process == nullptr || link->from_process == process) connected.push_back(link);
  }
  if (connected.empty()) return;
  const std::size_t only = world_.random.Below(connected.size());
  for (std::size_t i = 0; i < connected.size(); ++i) {
    if (process == nullptr && i != only) continue;
    ++counts_.broken;
    world_.Note("link of " + connected[i]->from_process->name + " to " + connected[i]->endpoint +
                " breaks");
    Break(connected[i], true);
  }
}

bool Network::Fault(const std::string& endpoint, bool duplicate) {
  std::uint64_t chance = 0;
  if (endpoint == "ingest") chance = duplicate ? faults.duplicate_ingest : faults.drop_ingest;
  if (endpoint == "replay") chance = duplicate ? faults.duplicate_replay : faults.drop_replay;
  if (endpoint == "live" && !duplicate) chance = faults.drop_live;
  return chance > 0 && world_.random.Chance(chance);
}

void Network::Transmit(const std::shared_ptr<Link>& link, Way way, const Message& message) {
  ++counts_.messages;
  if (Fault(link->endpoint, false)) {
    ++counts_.dropped;
    world_.Note("a message of " + link->from_process->name + " on " + link->endpoint + " is lost");
    return;
  }
  if (Fault(link->endpoint, true)) {
    ++counts_.duplicated;
    world_.Note("a message of " + link->from_process->name + " on " + link->endpoint +
                " comes twice");
    Carry(link, way, message);
  }
  Carry(link, way, message);
}

void Network::Carry(const std::shared_ptr<Link>& link, Way way, Message message) {
  const bool slow = world_.random.Chance(20000);
  const TimeNs delay = slow ? world_.random.Between(0, faults.slow_ns)
                            : world_.random.Between(10 * kMicro, faults.latency_ns);
  TimeNs at = world_.Now() + delay;
  const TimeNs cut =
      way == Way::kUp ? link->from_process->cut_up_until : link->from_process->cut_down_until;
  TimeNs& last = way == Way::kUp ? link->last_up : link->last_down;
  at = std::max({at, cut, last + 1});
  last = at;
  if (way == Way::kDown) ++link->under_way_down;
  world_.At(at,
            [this, link, way, connection = link->connection, moved = std::move(message)]() mutable {
              if (link->connection != connection) return;
              if (way == Way::kDown) --link->under_way_down;
              Arrive(link, way, std::move(moved));
            });
}

void Network::Arrive(const std::shared_ptr<Link>& link, Way way, Message message) {
  if (way == Way::kDown) {
    if (link->from != nullptr) link->from->Take(std::move(message));
    return;
  }
  SimSocket* to = link->to;
  if (to == nullptr) return;
  if (to->kind_ == SocketKind::kRouter) {
    message.insert(message.begin(), link->identity);
    to->Take(std::move(message));
  } else if (to->kind_ == SocketKind::kXPub) {
    const std::string prefix = message.front().substr(1);
    if (!link->prefixes.insert(prefix).second) return;
    if (++to->wanted_[prefix] == 1) to->Take(std::move(message));
  } else {
    to->Take(std::move(message));
  }
}

void Network::Forget(SimSocket* socket) {
  for (auto listener = listeners_.begin(); listener != listeners_.end();) {
    listener = listener->second == socket ? listeners_.erase(listener) : std::next(listener);
  }
  const std::vector<std::shared_ptr<Link>> links = links_;
  for (const auto& link : links) {
    if (link->to == socket) {
      link->to = nullptr;
      link->prefixes.clear();
      // What a listener had sent may still arrive.
      if (link->from != nullptr) {
        if (world_.random.Chance(500000)) ++link->connection;
        Connect(link);
      }
    } else if (link->from == socket) {
      link->from = nullptr;
      link->unsent.clear();
      if (link->to == nullptr || world_.random.Chance(500000)) {
        Break(link, false);
        continue;
      }
      // What a dead or closed producer had sent may still arrive, after its successor's HELLO.
      link->lingering = true;
      world_.At(std::max(link->last_up, world_.Now()) + 1,
                [this, link, connection = link->connection] {
                  if (link->connection == connection) Break(link, false);
                });
    }
  }
  links_.erase(
      std::remove_if(links_.begin(), links_.end(),
                     [](const auto& link) { return link->from == nullptr && link->to == nullptr; }),
      links_.end());
}

}  // namespace tonus::simulation
