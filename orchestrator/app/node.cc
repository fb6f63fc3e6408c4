#include "orchestrator/app/node.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "adapters/messaging/nats_bus.h"
#include "orchestrator/app/change_feed.h"
#include "orchestrator/app/http_api.h"
#include "orchestrator/app/http_guard.h"
#include "orchestrator/app/http_server.h"
#include "orchestrator/app/log.h"
#include "orchestrator/app/runtime.h"
#include "orchestrator/app/service_directory.h"
#include "orchestrator/app/system_clock.h"
#include "orchestrator/app/time_text.h"
#include "orchestrator/app/turn_marker.h"
#include "orchestrator/app/version.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/engine/problem.h"
#include "store/durable_file.h"
#include "store/rocksdb_event_store.h"

namespace weft::app {
namespace {

using dsl::Value;

// Room for operators and for what is under way on the day the disk is full; a table of RocksDB that
// has to be written out just then takes half of it (reliability research, 2.5).
constexpr std::uint64_t kReserveBytes = 64ULL * 1024 * 1024;
// Rot is to be found within a day, while a backup from before it still exists.
constexpr std::chrono::hours kScrubEvery{24};

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t have = 0;
  while (have < count) {
    const ssize_t got = getrandom(bytes.data() + have, count - have, 0);
    if (got > 0) have += static_cast<std::size_t>(got);
    if (got < 0 && errno != EINTR) {
      // Without randomness tokens could be guessed: nothing may go on.
      log(LogLevel::kError, "the system gives no random bytes");
      _exit(kExitFailed);
    }
  }
  return bytes;
}

/// "nats://user:secret@host" without what stands before the "@".
std::string without_password(const std::string& urls) {
  std::string shown;
  for (std::size_t from = 0; from <= urls.size();) {
    const std::size_t end = std::min(urls.find(',', from), urls.size());
    std::string url = urls.substr(from, end - from);
    const std::size_t scheme = url.find("://");
    const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
    if (const std::size_t at = url.rfind('@'); at != std::string::npos && at >= host) {
      url.erase(host, at + 1 - host);
    }
    shown += (shown.empty() ? "" : ",") + url;
    from = end + 1;
  }
  return shown;
}

std::string hex(const std::string& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4U];
    out += kDigits[static_cast<unsigned char>(c) & 0xFU];
  }
  return out;
}

/// DATA/admin.token: made at the first start, readable for its owner only.
tl::expected<std::string, std::string> admin_token(const std::string& data) {
  const std::string path = data + "/admin.token";
  const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made >= 0) {
    const std::string line = "weft_" + hex(random_bytes(32)) + "\n";
    const bool written =
        ::write(made, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
        fsync(made) == 0;
    ::close(made);
    if (!written) {
      ::unlink(path.c_str());
      return tl::unexpected(path + ": cannot be written");
    }
  }
  struct stat facts {};
  if (stat(path.c_str(), &facts) == 0 && (facts.st_mode & 077U) != 0) {
    log(LogLevel::kWarn, path + " can be read by others: chmod 600 it, or delete it for a new one");
  }
  auto text = store::read_file(path);
  if (!text) return tl::unexpected(text.error().message);
  std::string token = text->value_or("");
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) {
    token.pop_back();
  }
  if (token.size() < 16) {
    return tl::unexpected(path +
                          ": holds no token of at least 16 characters; delete it for a new one");
  }
  return token;
}

void engine_log(engine::LogLevel level, std::string_view message, const engine::LogFields& fields) {
  static constexpr std::array<LogLevel, 4> kLevels{LogLevel::kDebug, LogLevel::kInfo,
                                                   LogLevel::kWarn, LogLevel::kError};
  std::vector<LogField> copied;
  copied.reserve(fields.size());
  for (const auto& [name, value] : fields) copied.push_back({std::string(name), value});
  log(kLevels[static_cast<std::size_t>(level)], message, copied);
}

[[noreturn]] void end_for_store(const std::string& reason) {
  // SEMANTICS.md, Trouble at home: recovery trusts only the disk, so nothing is tidied up.
  log(LogLevel::kError, "the store failed; the process ends: " + reason,
      {{"code", "store_failed"}});
  _exit(kExitStore);
}

int exit_code_of(const store::StoreError& error) {
  return error.kind == store::StoreError::Kind::kInvalid ? kExitFailed : kExitStore;
}

engine::Limits engine_limits(const Config& config, const store::StoreStats& disk) {
  engine::Limits limits;
  limits.max_clock_skew_ms = config.nats.max_clock_skew_ms;
  limits.store_reserve_percent = config.store.reserve_percent;
  if (config.store.reserve_bytes > 0 && disk.device_bytes > 0) {
    const auto share =
        (config.store.reserve_bytes * 100 + disk.device_bytes - 1) / disk.device_bytes;
    limits.store_reserve_percent = static_cast<std::int64_t>(std::min<std::uint64_t>(share, 90));
  }
  // load_config() has refused what is unknown or too small.
  for (const auto& [name, value] : config.limits) {
    if (!engine::set_limit(limits, name, value))
      log(LogLevel::kWarn, "limits." + name + " is void");
  }
  return limits;
}

/// How long the latest syncs took. Written by the store's committer, read by HTTP's threads.
class SyncTimes final {
 public:
  void add(std::int64_t us) {
    const double seconds = static_cast<double>(us) / 1e6;
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
    const std::lock_guard lock(mutex_);
    times_[next_++ % times_.size()] = us;
    ++buckets_[static_cast<std::size_t>(bound - kBounds.begin())];
    sum_ += seconds;
  }
  /// All of this process, for Prometheus.
  [[nodiscard]] engine::MetricFamily family() const {
    engine::MetricFamily made;
    made.name = "weft_store_sync_duration_seconds";
    made.help = "A group of commits: its write and sync.";
    made.kind = engine::MetricFamily::Kind::kHistogram;
    made.bounds.assign(kBounds.begin(), kBounds.end());
    const std::lock_guard lock(mutex_);
    engine::HistogramSample sample;
    sample.buckets.assign(buckets_.begin(), buckets_.end());
    sample.count = next_;
    sample.sum = sum_;
    made.histograms.push_back(std::move(sample));
    return made;
  }
  /// 99 of 100 were no slower; nothing before the first.
  [[nodiscard]] std::optional<std::int64_t> p99_us() const {
    std::vector<std::int64_t> sorted;
    {
      const std::lock_guard lock(mutex_);
      sorted.assign(times_.begin(),
                    times_.begin() + static_cast<std::ptrdiff_t>(std::min(next_, times_.size())));
    }
    if (sorted.empty()) return std::nullopt;
    const auto place = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) * 99 / 100);
    std::nth_element(sorted.begin(), place, sorted.end());
    return *place;
  }

 private:
  mutable std::mutex mutex_;
  std::array<std::int64_t, 1000>
      times_{};  // Some seconds of a busy server, minutes of a quiet one.
  std::size_t next_ = 0;
  // From a disk with a battery behind its cache to one that is dying.
  static constexpr std::array<double, 12> kBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                  0.05,   0.1,   0.25,   0.5,   1,    5};
  std::array<std::uint64_t, kBounds.size() + 1> buckets_{};
  double sum_ = 0;
};

}  // namespace

struct Node::Parts {
  explicit Parts(Config given) : config(std::move(given)) {}

  Config config;
  SystemClock clock;
  Runtime runtime;
  SyncTimes syncs;
  std::unique_ptr<TurnMarker> marker;
  std::unique_ptr<store::RocksdbEventStore> store;
  std::unique_ptr<ChangeFeed> changes;
  std::unique_ptr<messaging::MessageBus> bus;
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<ServiceDirectory> services;
  std::unique_ptr<HttpApi> api;
  std::unique_ptr<HttpServer> http;
  std::string url;
  std::atomic<std::int64_t> last_backup_ms{0};
  std::atomic<bool> stopping{false};
  bool ready = false, stopped = false;

  tl::expected<void, StartError> open_http();
  tl::expected<void, StartError> open_store();
  tl::expected<void, StartError> open_engine(const DefinitionFiles& definitions);
  void publish_api(const std::string& token);
  engine::Response ask(engine::Request request);
  engine::Response backup(const std::string& dir);
  engine::MetricsSnapshot metrics();
};

tl::expected<void, StartError> Node::Parts::open_http() {
  const bool only_port = !config.http.listen.empty() &&
                         config.http.listen.find_first_not_of("0123456789") == std::string::npos;
  auto where = parse_host_port((only_port ? ":" : "") + config.http.listen, 7717);
  if (!where) {
    return tl::unexpected(
        StartError{kExitUsage, "--http: expected HOST:PORT, found `" + config.http.listen + "`"});
  }
  // Without a host only this computer may come in; 0.0.0.0 has to be said.
  if (where->host.empty()) where->host = "127.0.0.1";
  auto bound = HttpServer::bind(
      {where->host, where->port, config.http.tls_cert, config.http.tls_key},
      [this](const HttpRequest& request) -> HttpResponse { return api->handle(request); });
  if (!bound) return tl::unexpected(StartError{kExitFailed, bound.error()});
  http = std::move(*bound);
  const std::string shown = where->host.find(':') != std::string::npos ? "[" + where->host + "]"
                            : where->host == "0.0.0.0"                 ? "127.0.0.1"
                                                                       : where->host;
  url = (http->tls() ? "https://" : "http://") + shown + ":" + std::to_string(http->port());
  if (!is_loopback_host(where->host) && !http->tls()) {
    log(LogLevel::kWarn, "HTTP listens beyond this computer without TLS: tokens can be overheard");
  }
  return {};
}

tl::expected<void, StartError> Node::Parts::open_store() {
  store::RocksdbOptions options;
  options.data_dir = config.data;
  options.watermark_dir = config.store.watermark_dir;
  options.on_fatal = [](const std::string& reason) { end_for_store(reason); };
  options.reserve_bytes = kReserveBytes;
  options.scrub_every = kScrubEvery;
  options.on_damage = [](const store::Finding& finding) {
    log(LogLevel::kError, "damage in the store: " + finding.place + ": " + finding.what,
        {{"code", "store_damaged"}});
  };
  options.on_group = [this](const store::GroupWritten& group) { syncs.add(group.sync_us); };
  auto opened = store::RocksdbEventStore::open(std::move(options));
  if (!opened) {
    return tl::unexpected(StartError{exit_code_of(opened.error()), opened.error().message});
  }
  store = std::move(*opened);
  for (const std::string& note : store->facts().notes) log(LogLevel::kWarn, note);
  auto opened_marker = TurnMarker::open(config.data);
  if (!opened_marker) return tl::unexpected(StartError{kExitStore, opened_marker.error()});
  marker = std::move(*opened_marker);
  if (auto text = store::read_file(config.data + "/LAST_BACKUP"); text && *text) {
    std::int64_t at = 0;
    std::from_chars((*text)->data(), (*text)->data() + (*text)->size(), at);
    last_backup_ms = at;
  }
  changes = std::make_unique<ChangeFeed>(store->head_position());
  return {};
}

tl::expected<void, StartError> Node::Parts::open_engine(const DefinitionFiles& definitions) {
  messaging::NatsOptions nats;
  nats.url = config.nats.url;
  nats.credentials_file = config.nats.creds;
  nats.tls_ca_file = config.nats.tls_ca;
  nats.tls_cert_file = config.nats.tls_cert;
  nats.tls_key_file = config.nats.tls_key;
  for (const std::string* file : {&nats.credentials_file, &nats.tls_ca_file, &nats.tls_cert_file,
                                  &nats.tls_key_file}) {
    // The library would try again for ever and say nothing.
    if (!file->empty() && ::access(file->c_str(), R_OK) != 0) {
      return tl::unexpected(StartError{kExitUsage, "NATS: " + *file + " cannot be read"});
    }
  }
  // A broker takes 1 MiB unless told otherwise; a saga that is asked for may be larger than what
  // may come in, which the engine limits.
  nats.limits.body_bytes_max = 1024 * 1024;
  const std::string where = "NATS at " + without_password(config.nats.url) + ": ";
  nats.on_refused = [where](const std::string& why) {
    log(LogLevel::kWarn, where + why, {{"code", "nats_refused"}});
  };
  auto made = messaging::make_nats_bus(nats);
  if (!made) return tl::unexpected(StartError{kExitFailed, "NATS: " + made.error().message});
  bus = std::move(*made);
  bus->set_state_handler([this](messaging::BusState state) {
    if (state == messaging::BusState::kClosed || stopping.load()) return;
    const bool connected = state == messaging::BusState::kConnected;
    log(connected ? LogLevel::kInfo : LogLevel::kWarn,
        connected ? "connected to NATS" : "the connection to NATS is lost; trying again");
    runtime.bus_state(connected);
  });

  engine::EngineConfig options;
  options.limits = engine_limits(config, store->stats());
  options.inbox_prefix = config.nats.inbox;
  options.notify_stream = config.nats.stream;
  options.version = kVersion;
  options.commit = build_commit();
  options.random_bytes = random_bytes;
  options.secret = [](std::string_view name) -> std::optional<std::string> {
    // Nobody changes the environment once threads run.
    const char* value = std::getenv(std::string(name).c_str());  // NOLINT(concurrency-mt-unsafe)
    return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
  };
  options.turn_marker = [this](const core::SagaId& saga) { marker->mark(saga); };
  options.crashed_in = marker->blamed();
  options.on_change = [this](const engine::Change& change) { changes->push(change); };
  options.on_fatal = [](const store::StoreError& error) { end_for_store(error.message); };
  options.log = engine_log;
  options.log_debug = config.log.level == "debug" || config.log.level == "trace";
  for (const core::SagaId& saga : options.crashed_in) {
    log(LogLevel::kError, "this saga was being decided at three abnormal exits; it is quarantined",
        {{"saga", saga.str()}});
  }
  engine =
      std::make_unique<engine::Engine>(std::move(options), *store, *bus, clock, runtime.executor());
  if (auto recovered = engine->recover(); !recovered) {
    return tl::unexpected(StartError{kExitStore, recovered.error()});
  }
  if (!definitions.files.empty()) {
    const dsl::CompileResult compiled =
        engine->register_definitions(definitions.files, definitions.attachments);
    if (dsl::has_errors(compiled.diagnostics)) {
      return tl::unexpected(
          StartError{kExitFailed, diagnostics_text(compiled.diagnostics, definitions)});
    }
    for (const dsl::Diagnostic& diagnostic : compiled.diagnostics) {
      if (diagnostic.severity != dsl::Diagnostic::Severity::kWarning) continue;
      log(LogLevel::kWarn, dsl::format_diagnostic(diagnostic, ""));
    }
  }
  return {};
}

engine::Response Node::Parts::backup(const std::string& dir) {
  const auto begun = std::chrono::steady_clock::now();
  const std::int64_t now = wall_clock_ms();
  auto info = store->backup(dir, now);
  if (!info) {
    const bool ours = info.error().kind == store::StoreError::Kind::kInvalid;
    return engine::problem(ours ? 409 : 503, ours ? "backup_refused" : "store_backup_failed",
                           info.error().message);
  }
  last_backup_ms = now;
  if (auto noted = store::replace_file(config.data + "/LAST_BACKUP", std::to_string(now) + "\n");
      !noted) {
    log(LogLevel::kWarn, "the time of the backup could not be noted: " + noted.error().message);
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
  engine::Response response;
  response.body = Value::object({{"dir", dir},
                                 {"store", info->store_id},
                                 {"position", static_cast<std::int64_t>(info->position)},
                                 {"bytes", static_cast<std::int64_t>(info->bytes)},
                                 {"taken_at", format_timestamp(info->taken_at_ms)},
                                 {"took_ms", static_cast<std::int64_t>(took.count())}});
  return response;
}

engine::MetricsSnapshot Node::Parts::metrics() {
  engine::MetricsSnapshot snapshot = runtime.metrics();
  snapshot.families.push_back(syncs.family());
  engine::MetricFamily backup;
  backup.name = "weft_last_backup_timestamp_seconds";
  backup.help = "When the last backup was taken.";
  backup.kind = engine::MetricFamily::Kind::kGauge;
  if (const std::int64_t at = last_backup_ms.load(); at > 0) {
    backup.samples.push_back({{}, static_cast<double>(at) / 1000.0});
  }
  snapshot.families.push_back(std::move(backup));
  return snapshot;
}

engine::Response Node::Parts::ask(engine::Request request) {
  const bool status = std::holds_alternative<engine::GetStatus>(request.body);
  const bool adapters = std::holds_alternative<engine::ListAdapters>(request.body);
  engine::Response response = runtime.call(std::move(request));
  if (!response.ok()) return response;
  // What the engine cannot know: backups are made out here, and it keeps no list of instances.
  if (status) {
    const Value* known = response.body.find("store");
    Value about = known == nullptr ? Value::empty_object() : *known;
    const auto p99 = syncs.p99_us();
    about = about.with("sync_p99_us", p99 ? Value(*p99) : Value());
    const std::int64_t at = last_backup_ms.load();
    about = about.with("last_backup_at", at > 0 ? Value(format_timestamp(at)) : Value());
    response.body = response.body.with("store", std::move(about));
  }
  if (adapters && services) response.body = with_instances(response.body, services->ask());
  return response;
}

void Node::Parts::publish_api(const std::string& token) {
  const auto where = parse_host_port(config.http.listen, 7717);
  const std::string host = where && !where->host.empty() ? where->host : "127.0.0.1";
  ApiOptions options;
  options.guard = {host, config.http.hosts};
  options.token = token;
  const bool only_port = config.http.listen.find_first_not_of("0123456789") == std::string::npos;
  options.require_token = config.http.require_token || !(only_port || is_loopback_host(host));
  ApiBackend backend;
  backend.ask = [this](engine::Request request) { return ask(std::move(request)); };
  backend.metrics = [this] { return metrics(); };
  backend.alive = [this] { return runtime.alive(); };
  backend.last_checks = [this] { return runtime.last_checks(); };
  backend.backup = [this](const std::string& dir) { return backup(dir); };
  api = std::make_unique<HttpApi>(std::move(options), std::move(backend), *changes);
}

Node::Node(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Node::~Node() { stop(); }

tl::expected<std::unique_ptr<Node>, StartError> Node::start(const Config& config,
                                                            const DefinitionFiles& definitions) {
  auto parts = std::make_unique<Parts>(config);
  Parts& node = *parts;
  // From here on the destructor takes apart what was put together.
  auto made = std::unique_ptr<Node>(new Node(std::move(parts)));
  // The store first: who starts a second server by mistake shall hear that, not of its port.
  if (auto done = node.open_store(); !done) return tl::unexpected(done.error());
  if (auto done = node.open_http(); !done) return tl::unexpected(done.error());
  if (auto told = node.store->set_owner_info(node.url); !told) {
    return tl::unexpected(StartError{kExitStore, told.error().message});
  }
  auto token = admin_token(config.data);
  if (!token) return tl::unexpected(StartError{kExitFailed, token.error()});
  // Before recovery, which may take long: /healthz answers, everything else says `recovering`.
  node.publish_api(*token);
  node.http->start();
  if (auto done = node.open_engine(definitions); !done) return tl::unexpected(done.error());
  // Subscribed before the engine runs: it sends again what was open, and the answers must be heard.
  node.runtime.set_bus(*node.bus);
  for (const engine::Subscription& wanted : node.engine->subscriptions()) {
    auto subscribed = node.bus->subscribe(
        wanted.pattern, wanted.queue_group,
        [&node](messaging::Received message) { node.runtime.deliver(std::move(message)); });
    if (!subscribed) {
      return tl::unexpected(StartError{kExitFailed, "NATS: " + subscribed.error().message});
    }
  }
  // Seen by HTTP's threads once the runtime takes requests.
  node.services = std::make_unique<ServiceDirectory>(*node.bus);
  node.runtime.start(*node.engine);
  // What was registered is durable before anybody hears `ready`.
  if (node.runtime.run([](engine::Engine&) {})) node.store->flush();
  if (!node.bus->connected()) {
    log(LogLevel::kWarn,
        "no connection to NATS at " + without_password(config.nats.url) +
            " yet: starts by HTTP are taken, tasks wait; it is tried for ever",
        {{"code", "nats_down"}});
  }
  node.ready = true;
  return made;
}

const std::string& Node::url() const { return parts_->url; }

engine::Response Node::ask(const std::string& name, engine::RequestBody body) {
  engine::Request request;
  request.actor.name = name;
  request.actor.via = "cli";
  request.actor.verified = true;
  request.body = std::move(body);
  return parts_->runtime.call(std::move(request));
}

void Node::begin_drain(int drained_fd) {
  parts_->runtime.drain([drained_fd] {
    const std::uint64_t one = 1;
    const ssize_t written = ::write(drained_fd, &one, sizeof(one));
    static_cast<void>(written);  // An eventfd takes eight bytes or the process has other troubles.
  });
}

void Node::stop() {
  Parts& node = *parts_;
  if (node.stopped) return;
  node.stopped = true;
  node.stopping = true;
  if (node.changes) node.changes->close();
  if (node.http) node.http->stop();
  if (node.bus) node.bus->close();
  node.runtime.stop();
  node.http.reset();
  node.api.reset();
  if (node.store) node.store->flush();
  node.engine.reset();
  node.services.reset();
  node.bus.reset();
  if (node.store) {
    if (auto closed = node.store->close(); !closed) {
      log(LogLevel::kWarn, "the store did not close cleanly: " + closed.error().message);
    }
    node.store.reset();
  }
  if (node.marker && node.ready) node.marker->forget();
}

std::map<std::string, std::int64_t> engine_limits_least() {
  std::map<std::string, std::int64_t> least;
  for (const engine::LimitName& limit : engine::limit_names()) {
    least.emplace(limit.name, limit.at_least);
  }
  return least;
}

}  // namespace weft::app
