#include "cli/http.h"

#include <httplib.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <charconv>
#include <thread>

#include "cli/machine.h"

namespace tonus::cli {
namespace {

constexpr std::size_t kThreads = 16;
constexpr std::size_t kMostBodyBytes = 4096;

}  // namespace

struct StatusServer::Impl {
  httplib::Server server;
  StatusSource source;
  std::string address;
  std::thread thread;
};

std::string FormatMetrics(const std::vector<Metric>& metrics) {
  std::vector<prometheus::MetricFamily> families;
  for (const Metric& metric : metrics) {
    if (families.empty() || families.back().name != metric.name) {
      families.push_back(
          {metric.name,
           metric.help,
           metric.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge,
           {}});
    }
    prometheus::ClientMetric sample;
    for (const auto& [name, value] : metric.labels) sample.label.push_back({name, value});
    sample.counter.value = metric.value;
    sample.gauge.value = metric.value;
    families.back().metric.push_back(std::move(sample));
  }
  return prometheus::TextSerializer().Serialize(families);
}

std::optional<double> FetchMetric(const std::string& address, const std::string& name) {
  const auto colon = address.rfind(':');
  httplib::Client client(address.substr(0, colon), PortOf(address));
  client.set_connection_timeout(0, 500'000);
  client.set_read_timeout(0, 500'000);
  const auto answer = client.Get("/metrics");
  if (!answer || answer->status != 200) return std::nullopt;
  const std::string needle = "\n" + name + " ";
  const std::string body = "\n" + answer->body;
  const auto at = body.find(needle);
  if (at == std::string::npos) return std::nullopt;
  double value = 0;
  const char* begin = body.c_str() + at + needle.size();
  const auto parsed = std::from_chars(begin, body.c_str() + body.size(), value);
  if (parsed.ec != std::errc()) return std::nullopt;
  return value;
}

Result<std::unique_ptr<StatusServer>> StatusServer::Start(const std::string& address,
                                                          StatusSource source) {
  const auto colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  const int port = PortOf(address);
  auto impl = std::make_unique<Impl>();
  impl->source = std::move(source);
  Impl* raw = impl.get();
  // A connection holds a thread while it is silent: a few idle ones must not keep a probe waiting
  // until it takes this process for dead. No request here has a body.
  impl->server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  impl->server.set_keep_alive_timeout(1);
  impl->server.set_read_timeout(1);
  impl->server.set_write_timeout(5);
  impl->server.set_payload_max_length(kMostBodyBytes);
  // httplib binds with SO_REUSEPORT by default, and two processes would share a port unnoticed.
  impl->server.set_socket_options([](socket_t socket) {
    int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  impl->server.Get("/healthz", [raw](const httplib::Request&, httplib::Response& response) {
    const std::string reason = raw->source.unhealthy();
    response.status = reason.empty() ? 200 : 503;
    response.set_content(reason.empty() ? "ok\n" : reason + "\n", "text/plain");
  });
  impl->server.Get("/metrics", [raw](const httplib::Request&, httplib::Response& response) {
    response.set_content(FormatMetrics(raw->source.metrics()),
                         "text/plain; version=0.0.4; charset=utf-8");
  });
  int bound = port;
  if (port == 0) {
    bound = impl->server.bind_to_any_port(host);
  } else if (!impl->server.bind_to_port(host, port)) {
    bound = -1;
  }
  if (bound <= 0) {
    return Fail(ErrorCode::kUnreachable,
                "cannot listen: the address is in use or not of this machine", "http://" + address,
                "stop what uses it, or change `http` in tonus.yaml; `tonus doctor` shows who");
  }
  impl->address = host + ":" + std::to_string(bound);
  impl->thread = std::thread([raw] { raw->server.listen_after_bind(); });
  return std::unique_ptr<StatusServer>(new StatusServer(std::move(impl)));
}

StatusServer::StatusServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

StatusServer::~StatusServer() {
  while (!impl_->server.is_running() && impl_->server.is_valid()) std::this_thread::yield();
  impl_->server.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

const std::string& StatusServer::Address() const { return impl_->address; }

}  // namespace tonus::cli
