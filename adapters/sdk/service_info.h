#pragma once  // adapters/sdk/service_info.h

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "adapters/sdk/adapter.h"

namespace weft::sdk {

/// What a NATS micro service tells about itself on `$SRV.…` (the public services protocol), so that
/// `weft adapters` and NATS' own tools see it. Any thread.
class ServiceInfo final {
 public:
  /// `id` names this running instance.
  ServiceInfo(const Adapter& adapter, std::string id);

  void count(const std::string& operation, std::chrono::nanoseconds took,
             const std::string& error);  ///< `error` empty: it went well.

  [[nodiscard]] const std::string& id() const { return id_; }
  /// The JSON answer for verb PING, INFO or STATS.
  [[nodiscard]] std::string answer(const std::string& verb) const;

 private:
  struct Counts {
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
    std::string last_error;
    std::chrono::nanoseconds spent{0};
  };
  const Adapter& adapter_;
  const std::string id_;
  const std::string started_;
  mutable std::mutex mutex_;
  std::map<std::string, Counts> counts_;
};

}  // namespace weft::sdk
