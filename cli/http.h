#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tonus::cli {

/// One sample for /metrics. Never carries a patient's identifier, neither in name nor label.
struct Metric {
  std::string name;  ///< tonus_…; counters end in _total.
  std::string help;
  bool counter = false;  ///< Else a gauge.
  double value = 0;
  std::vector<std::pair<std::string, std::string>> labels;
};

/// What a process says of itself. Called from the server's threads; must be thread-safe.
struct StatusSource {
  std::function<std::string()> unhealthy;  ///< Why it is not healthy; empty: it is.
  std::function<std::vector<Metric>()> metrics;
};

/// Serves /healthz (200 or 503 with the reason) and /metrics (Prometheus text) from two threads of
/// its own. Owned by the process that it tells about; stops when destroyed.
class StatusServer {
 public:
  /// `address` is HOST:PORT; port 0 takes a free one. Fails with kUnreachable where it cannot be
  /// bound.
  static Result<std::unique_ptr<StatusServer>> Start(const std::string& address,
                                                     StatusSource source);
  ~StatusServer();
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

  /// HOST:PORT that was bound.
  const std::string& Address() const;

 private:
  struct Impl;
  explicit StatusServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// One unlabelled sample of a running process's /metrics; nothing where it cannot be had within
/// half a second.
std::optional<double> FetchMetric(const std::string& address, const std::string& name);

/// Metrics in Prometheus' text format; samples of one name must stand together.
std::string FormatMetrics(const std::vector<Metric>& metrics);

}  // namespace tonus::cli
