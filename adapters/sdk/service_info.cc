#include "adapters/sdk/service_info.h"

#include <ctime>
#include <utility>

#include <nlohmann/json.hpp>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/subjects.h"

namespace weft::sdk {
namespace {

using nlohmann::json;

std::string now_rfc3339() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace

ServiceInfo::ServiceInfo(const Adapter& adapter, std::string id)
    : adapter_(adapter), id_(std::move(id)), started_(now_rfc3339()) {}

void ServiceInfo::count(const std::string& operation, std::chrono::nanoseconds took,
                        const std::string& error) {
  if (adapter_.find(operation) == nullptr) return;  // a caller's word must not grow the table
  const std::lock_guard lock(mutex_);
  Counts& counts = counts_[operation];
  ++counts.requests;
  counts.spent += took;
  if (error.empty()) return;
  ++counts.errors;
  counts.last_error = error;
}

std::string ServiceInfo::answer(const std::string& verb) const {
  json body = {{"name", adapter_.name()},
               {"id", id_},
               {"version", adapter_.version()},
               {"metadata",
                {{"weft_protocol", std::to_string(messaging::kProtocolVersion)},
                 {"weft_guarantee", "fenced"}}}};
  if (verb == "PING") {
    body["type"] = "io.nats.micro.v1.ping_response";
    return body.dump();
  }
  const bool stats = verb == "STATS";
  body["type"] = stats ? "io.nats.micro.v1.stats_response" : "io.nats.micro.v1.info_response";
  if (stats) {
    body["started"] = started_;
  } else {
    body["description"] = adapter_.description();
  }
  json endpoints = json::array();
  const std::lock_guard lock(mutex_);
  for (const auto& [name, operation] : adapter_.operations()) {
    json endpoint = {{"name", name},
                     {"subject", "weft.task." + adapter_.name() + "." + name},
                     {"queue_group", messaging::kQueueGroup}};
    if (stats) {
      const auto found = counts_.find(name);
      const Counts counts = found == counts_.end() ? Counts{} : found->second;
      endpoint["num_requests"] = counts.requests;
      endpoint["num_errors"] = counts.errors;
      endpoint["last_error"] = counts.last_error;
      endpoint["processing_time"] = counts.spent.count();
      endpoint["average_processing_time"] =
          counts.requests == 0 ? 0
                               : counts.spent.count() / static_cast<std::int64_t>(counts.requests);
    }
    endpoints.push_back(std::move(endpoint));
  }
  body["endpoints"] = std::move(endpoints);
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace weft::sdk
