#pragma once  // orchestrator/app/node.h

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "orchestrator/app/config.h"
#include "orchestrator/app/definitions.h"
#include "orchestrator/app/exit_code.h"
#include "orchestrator/engine/request.h"

namespace weft::app {

/// Why a node did not start. `message` may have several lines.
struct StartError {
  int exit_code = kExitFailed;
  std::string message;
};

/// One orchestrator: store, broker connection, engine, HTTP, each on its threads, put together.
class Node final {
 public:
  /// Returns when the node is ready: recovered, `definitions` registered, HTTP open. NATS may be
  /// down. Block SIGTERM and SIGINT before, so that they reach the main thread only.
  [[nodiscard]] static tl::expected<std::unique_ptr<Node>, StartError> start(
      const Config& config, const DefinitionFiles& definitions);
  /// As stop().
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] const std::string& url() const;  ///< "http://127.0.0.1:7717"
  /// Asks the engine as actor `name`, as if on the command line.
  [[nodiscard]] engine::Response ask(const std::string& name, engine::RequestBody body);

  /// Takes no new work from now on. `drained_fd` (an eventfd) becomes readable once nothing is in
  /// flight.
  void begin_drain(int drained_fd);
  /// Ends everything and closes the store; what is still in flight is sent again by the next start.
  void stop();

 private:
  struct Parts;
  explicit Node(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// The names in `limits:` of weft.yaml, each with the least that works.
[[nodiscard]] std::map<std::string, std::int64_t> engine_limits_least();

}  // namespace weft::app
