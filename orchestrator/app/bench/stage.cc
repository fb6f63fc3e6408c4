#include "orchestrator/app/bench/stage.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "adapters/messaging/nats_bus.h"
#include "adapters/messaging/requester.h"
#include "adapters/messaging/subjects.h"
#include "orchestrator/app/api_client.h"
#include "orchestrator/app/bench/answering.h"
#include "orchestrator/app/bench/workload.h"

namespace weft::app::bench {
namespace {

namespace fs = std::filesystem;

// A store with a million sagas is to be ready in two seconds; a slow disk is to be seen, not cut
// off.
constexpr std::chrono::seconds kReadyWithin{120};

bool write_file(const fs::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  return static_cast<bool>(file);
}

/// A shipped adapter without the quota of the system it stands for: that would be measured instead.
std::string without_quotas(const std::string& yaml) {
  std::istringstream lines(yaml);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("concurrency:", 0) == 0 || line.rfind("rate:", 0) == 0) continue;
    kept += line + "\n";
  }
  return kept;
}

}  // namespace

tl::expected<std::unique_ptr<Stage>, std::string> Stage::set(const Options& options) {
  auto stage = std::unique_ptr<Stage>(new Stage());
  stage->keep_ = options.keep;
  std::error_code error;
  stage->program_ = fs::read_symlink("/proc/self/exe", error).string();
  if (error) return tl::unexpected("this program can not be found: " + error.message());
  const fs::path parent =
      options.folder.empty() ? fs::temp_directory_path(error) : fs::path(options.folder);
  fs::create_directories(parent, error);
  std::string name = (fs::absolute(parent) / "weft-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    return tl::unexpected(parent.string() +
                          ": no folder can be made there; --dir names another one");
  }
  stage->folder_ = name;
  if (auto written = stage->write_definitions(options.shipped_workflows); !written) {
    return tl::unexpected(written.error());
  }
  auto nats = NatsChild::start(stage->folder_ + "/nats");
  if (!nats) return tl::unexpected(nats.error());
  stage->nats_ = std::move(*nats);
  if (auto started = stage->start_orchestrator(); !started) return tl::unexpected(started.error());
  auto adapter = Child::start(
      {stage->program_, "bench", std::string(kAnsweringName), "--nats", stage->nats_->url()},
      stage->folder_ + "/adapter.log", "bench adapter ready", kReadyWithin);
  if (!adapter) return tl::unexpected(adapter.error());
  stage->adapter_ = std::move(*adapter);
  messaging::NatsOptions client;
  client.url = stage->nats_->url();
  client.name = "weft-bench-client";
  auto bus = messaging::make_nats_bus(client);
  if (!bus) return tl::unexpected("NATS: " + bus.error().message);
  stage->bus_ = std::move(*bus);
  const auto end = std::chrono::steady_clock::now() + kReadyWithin;
  while (!stage->bus_->connected()) {
    if (std::chrono::steady_clock::now() > end)
      return tl::unexpected<std::string>("NATS can not be reached");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return stage;
}

Stage::~Stage() {
  if (bus_) bus_->close();
  orchestrator_.reset();
  adapter_.reset();
  nats_.reset();
  if (folder_.empty() || keep_) return;
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

tl::expected<void, std::string> Stage::write_definitions(const std::string& shipped) {
  std::error_code error;
  const fs::path folder = fs::path(folder_) / "workflows";
  fs::create_directories(folder, error);
  bool written = !error && write_file(folder / "order.v1.json", order_schema());
  for (const Workload& workload : workloads()) {
    if (workload.yaml.empty()) continue;
    written = written && write_file(folder / (workload.name + ".yaml"), workload.yaml);
  }
  if (written && !shipped.empty()) {
    fs::copy(shipped, folder / "shipped", fs::copy_options::recursive, error);
    if (error) {
      return tl::unexpected(shipped + ": " + error.message() +
                            "; --workflows names the folder of the shipped definitions");
    }
    for (const auto& entry : fs::directory_iterator(folder / "shipped" / "adapters", error)) {
      std::ifstream file(entry.path());
      std::ostringstream text;
      text << file.rdbuf();
      written = written && write_file(entry.path(), without_quotas(text.str()));
    }
  }
  if (!written)
    return tl::unexpected(folder.string() + ": the definitions can not be written there");
  return {};
}

tl::expected<void, std::string> Stage::start_orchestrator() {
  auto started =
      Child::start({program_, "serve", "--data", folder_ + "/store", "--nats", nats_->url(),
                    "--http", "127.0.0.1:0", "--workflows", folder_ + "/workflows"},
                   folder_ + "/orchestrator.log", "weft ready http=", kReadyWithin);
  if (!started) return tl::unexpected(started.error());
  orchestrator_ = std::move(*started);
  url_ = orchestrator_->ready_line().substr(std::string("weft ready http=").size());
  return {};
}

std::int64_t Stage::syncs() const {
  GlobalOptions options;
  options.server = url_;
  options.token_file = folder_ + "/store/admin.token";
  options.token_file_given = true;
  auto client = ApiClient::create(options);
  if (!client) return 0;
  const auto metrics = (*client)->get_text(ApiPath("/metrics"));
  if (!metrics) return 0;
  const std::string name = "\nweft_store_sync_duration_seconds_count ";
  const std::size_t at = metrics->find(name);
  return at == std::string::npos ? 0 : std::atoll(metrics->c_str() + at + name.size());
}

Reading Stage::read() const {
  Reading reading;
  reading.syncs = syncs();
  reading.device_flushes = device_flushes(folder_);
  reading.orchestrator = use_of(orchestrator_->pid());
  reading.nats = use_of(nats_->pid());
  reading.adapter = use_of(adapter_->pid());
  reading.client = use_of(getpid());
  return reading;
}

bool Stage::stands() { return orchestrator_->runs() && adapter_->runs(); }

tl::expected<void, std::string> Stage::crash_and_restart() {
  orchestrator_->kill_at_once();
  return start_orchestrator();
}

std::int64_t Stage::repeated_attempts() {
  messaging::Requester requester(*bus_);
  auto subject = messaging::custom_subject(kRepeatsSubject);
  if (!subject) return -1;
  // Shared with a callback that may come when nobody waits any more.
  auto answer = std::make_shared<std::promise<std::int64_t>>();
  auto result = answer->get_future();
  requester.send(messaging::Message(std::move(*subject)),
                 std::chrono::steady_clock::now() + std::chrono::seconds(5),
                 [answer](tl::expected<messaging::Received, messaging::Requester::Failure> reply) {
                   answer->set_value(reply ? std::atoll(reply->body.c_str()) : -1);
                 });
  for (int looks = 0; looks < 600; ++looks) {
    if (result.wait_for(std::chrono::milliseconds(10)) == std::future_status::ready)
      return result.get();
    requester.tick(std::chrono::steady_clock::now());
  }
  return -1;
}

std::string Stage::logs() const { return folder_ + "/orchestrator.log"; }

}  // namespace weft::app::bench
