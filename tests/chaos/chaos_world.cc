#include "tests/chaos/chaos_world.h"

#include <csignal>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "tests/support/nats_server.h"

namespace weft::chaos {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWorkflow = R"(weft: 1
workflow: chaos.order
version: 1.0.0
owner: chaos@example.org
key: ${ .order_id }
errors:
  out_of_stock:     {class: business}
  payment_declined: {class: business}
retries:
  stubborn: {errors: [transient, unknown], max_attempts: 200, delay: 100ms, backoff: 2, max_delay: 2s, jitter: full}
defaults: {timeout: 2s, retry: stubborn}
steps:
  - step: reserve
    call: inventory.reserve
    with: {order_id: '${ .order_id }', lines: '${ .lines }'}
    compensate: {call: inventory.release}
  - step: authorise
    call: payments.authorise
    with: {order_id: '${ .order_id }', currency: EUR, qty: '${ .amount }'}
    compensate: {call: payments.void}
  - step: capture
    pivot: true
    call: payments.capture
    with: {order_id: '${ .order_id }', qty: '${ .amount }'}
  - step: issue
    call: inventory.commit
    with: {order_id: '${ .order_id }', lines: '${ $reserve.lines }'}
)";

// A test run on two busy cores takes its time.
constexpr std::chrono::seconds kReady{60};

}  // namespace

ChaosWorld::ChaosWorld(fs::path programs, const fs::path& source, fs::path data, std::uint64_t seed)
    : programs_(std::move(programs)), data_(std::move(data)), broker_port_(test::free_port()) {
  fs::create_directories(data_ / "workflows");
  std::ofstream(data_ / "workflows" / "order.yaml") << kWorkflow;
  for (const char* adapter : {"inventory.yaml", "payments.yaml"}) {
    fs::copy_file(source / "workflows/retail/adapters" / adapter, data_ / "workflows" / adapter,
                  fs::copy_options::overwrite_existing);
  }
  std::ofstream stock(data_ / "stock.json");
  for (int i = 0; i < kArticles; ++i) {
    stock << (i == 0 ? "[" : ",") << R"({"sku":"A)" << i << R"(","location":"main","qty":)"
          << kStock << "}";
  }
  stock << "]";
  proxy_ = std::make_unique<NatsProxy>(broker_port_, seed);
}

std::vector<std::string> ChaosWorld::command(const std::string& name) const {
  if (name == "broker") {
    return {"/usr/sbin/nats-server", "-a", "127.0.0.1", "-p", std::to_string(broker_port_)};
  }
  if (name == "weft") {
    return {(programs_ / "weft").string(),
            "serve",
            "--data",
            (data_ / "weft").string(),
            "--nats",
            proxy_->url(),
            "--http",
            http_listen_,
            "--workflows",
            (data_ / "workflows").string()};
  }
  std::vector<std::string> words = {(programs_ / ("weft-adapter-" + name)).string(), "--nats",
                                    proxy_->url(), "--data", database(name).string()};
  if (name == "inventory")
    words.insert(words.end(), {"--seed-stock", (data_ / "stock.json").string()});
  if (name == "payments") words.insert(words.end(), {"--decline-ending", "13"});
  return words;
}

void ChaosWorld::start(const std::string& name) {
  children_.erase(name);
  auto child = retail::Child::start({name, command(name), data_ / (name + ".log"), true});
  if (!child) throw std::runtime_error(name + ": " + child.error());
  children_[name] = std::move(*child);
  const char* mark = name == "broker" ? "Server is ready"
                     : name == "weft" ? "weft ready "
                                      : "ready";
  const auto line = children_[name]->wait_for_line(mark, kReady);
  if (!line) throw std::runtime_error(name + ": " + line.error());
  if (name != "weft") return;
  const auto at = line->find("http=") + 5;
  http_url_ = line->substr(at, line->find_first_of(" \t\r", at) - at);
  if (http_url_.starts_with("http://")) http_listen_ = http_url_.substr(7);
}

void ChaosWorld::start_all() {
  for (const char* name : {"broker", "inventory", "payments", "weft"}) start(name);
}

void ChaosWorld::kill(const std::string& name) { children_.at(name)->kill_now(); }
void ChaosWorld::freeze(const std::string& name) { ::kill(children_.at(name)->pid(), SIGSTOP); }
void ChaosWorld::thaw(const std::string& name) { ::kill(children_.at(name)->pid(), SIGCONT); }

std::vector<std::string> ChaosWorld::stop_all() {
  std::vector<std::string> complaints;
  for (const char* name : {"weft", "inventory", "payments", "broker"}) {
    const int status = children_.at(name)->stop(std::chrono::seconds(60));
    if (status != 0 && std::string(name) != "broker") {
      complaints.push_back(std::string(name) + " ended with status " + std::to_string(status) +
                           ": " + last_words(name));
    }
  }
  return complaints;
}

std::string ChaosWorld::last_words(const std::string& name) const {
  return children_.at(name)->last_words();
}

}  // namespace weft::chaos
