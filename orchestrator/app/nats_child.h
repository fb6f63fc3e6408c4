#pragma once  // orchestrator/app/nats_child.h

#include <sys/types.h>

#include <memory>
#include <string>

#include <tl/expected.hpp>

namespace weft::app {

/// A NATS server of our own for `weft dev`: loopback, a free port, JetStream on. It ends with this
/// object, and with this process however that ends.
class NatsChild final {
 public:
  /// `folder`: for its streams and its log; made if need be. The error says what to do.
  [[nodiscard]] static tl::expected<std::unique_ptr<NatsChild>, std::string> start(
      const std::string& folder);
  ~NatsChild();
  NatsChild(const NatsChild&) = delete;
  NatsChild& operator=(const NatsChild&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  NatsChild(pid_t pid, std::string url) : pid_(pid), url_(std::move(url)) {}
  pid_t pid_;
  std::string url_;
};

}  // namespace weft::app
