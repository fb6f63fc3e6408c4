#include "examples/retail/world.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace weft::retail {
namespace {

namespace fs = std::filesystem;

// Under a full test run on two cores a start takes seconds, not milliseconds.
constexpr std::chrono::seconds kReady{60};

// What follows `mark` up to the next blank.
std::string word_after(const std::string& line, const std::string& mark) {
  const auto begin = line.find(mark) + mark.size();
  return line.substr(begin, line.find_first_of(" \t\r", begin) - begin);
}

// Debian puts servers into /usr/sbin, which is not on everybody's path.
std::optional<fs::path> find_program(const std::string& name) {
  std::string path = "/usr/sbin:/usr/local/bin:/usr/bin";
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here writes the environment.
  if (const char* given = std::getenv("PATH")) path = std::string(given) + ":" + path;
  while (!path.empty()) {
    const auto end = path.find(':');
    const fs::path candidate = fs::path(path.substr(0, end)) / name;
    if (candidate.is_absolute() && access(candidate.c_str(), X_OK) == 0) return candidate;
    path = end == std::string::npos ? "" : path.substr(end + 1);
  }
  return std::nullopt;
}

}  // namespace

tl::expected<std::unique_ptr<Child>, std::string> World::start(
    const std::string& name, std::vector<std::string> command) const {
  return Child::start(
      {name, std::move(command), places_.data / "log" / (name + ".log"), !places_.keep});
}

World::Result World::start_broker() {
  const auto server = find_program("nats-server");
  if (!server) return tl::unexpected(std::string("nats-server is not installed"));
  auto child = start("nats-server", {server->string(), "-a", "127.0.0.1", "-p", nats_port_});
  if (!child) return tl::unexpected(child.error());
  broker_ = std::move(*child);
  const std::string mark = "Listening for client connections on ";
  const auto listening = broker_->wait_for_line(mark, kReady);
  if (!listening) return tl::unexpected(listening.error());
  nats_url_ = "nats://" + word_after(*listening, mark);
  nats_port_ = nats_url_.substr(nats_url_.rfind(':') + 1);
  const auto ready = broker_->wait_for_line("Server is ready", kReady);
  if (!ready) return tl::unexpected(ready.error());
  return {};
}

World::Result World::start_adapter(const std::string& name,
                                   const std::vector<std::string>& options) {
  if (!options.empty()) adapter_options_[name] = options;
  std::vector<std::string> command = {program("weft-adapter-" + name).string(), "--nats", nats_url_,
                                      "--data", (places_.data / (name + ".db")).string()};
  const auto& more = adapter_options_[name];
  command.insert(command.end(), more.begin(), more.end());
  auto child = start("adapter-" + name, std::move(command));
  if (!child) return tl::unexpected(child.error());
  adapters_[name] = std::move(*child);
  const auto ready = adapters_[name]->wait_for_line("ready", kReady);
  if (!ready) return tl::unexpected(ready.error());
  return {};
}

World::Result World::launch_orchestrator() {
  auto child = start("weft", {program("weft").string(), "serve", "--data",
                              (places_.data / "weft").string(), "--nats", nats_url_, "--http",
                              http_listen_, "--workflows", places_.workflows.string()});
  if (!child) return tl::unexpected(child.error());
  orchestrator_ = std::move(*child);
  return {};
}

World::Result World::start_orchestrator() {
  if (auto launched = launch_orchestrator(); !launched) return launched;
  const auto ready = orchestrator_->wait_for_line("weft ready ", kReady);
  if (!ready) return tl::unexpected(ready.error());
  http_url_ = word_after(*ready, "http=");
  if (http_url_.starts_with("http://")) http_listen_ = http_url_.substr(7);
  return {};
}

World::Result World::stop() {
  std::string complaint;
  const auto end = [&complaint](Child& child, std::chrono::seconds patience) {
    const int status = child.stop(patience);
    if (status != 0 && complaint.empty()) {
      complaint = child.name() + " ended with status " + std::to_string(status) + ":\n" +
                  child.last_words();
    }
  };
  // The orchestrator may take its drain time; the others have nothing to wait for.
  if (orchestrator_) end(*orchestrator_, std::chrono::seconds(45));
  for (auto& [name, child] : adapters_) end(*child, std::chrono::seconds(15));
  // The broker's own status is no matter of ours.
  if (broker_) broker_->stop(std::chrono::seconds(10));
  orchestrator_.reset();
  adapters_.clear();
  broker_.reset();
  if (!complaint.empty()) return tl::unexpected(complaint);
  return {};
}

void World::keep_running() {
  std::ofstream script(places_.data / "stop");
  script << "#!/bin/sh\n# Ends the programs of this run, the orchestrator first.\nkill";
  std::vector<Child*> all = {orchestrator_.get()};
  for (auto& [name, child] : adapters_) all.push_back(child.get());
  all.push_back(broker_.get());
  for (Child* child : all) {
    child->let_go();
    script << ' ' << child->pid();
  }
  script << '\n';
  script.close();
  std::error_code ignored;
  fs::permissions(places_.data / "stop", fs::perms::owner_all, ignored);
}

tl::expected<void, std::string> write_stock(const Stock& stock, const fs::path& file) {
  auto items = nlohmann::json::array();
  for (const auto& [sku, by_location] : stock) {
    for (const auto& [location, pieces] : by_location) {
      items.push_back({{"sku", sku}, {"location", location}, {"qty", pieces}});
    }
  }
  std::ofstream out(file, std::ios::binary);
  out << items.dump(0) << '\n';
  out.close();
  if (!out) return tl::unexpected(file.string() + " can not be written");
  return {};
}

}  // namespace weft::retail
