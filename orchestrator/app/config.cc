#include "orchestrator/app/config.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "adapters/messaging/subjects.h"
#include "orchestrator/app/http_guard.h"
#include "orchestrator/app/near_match.h"
#include "orchestrator/app/time_text.h"

namespace weft::app {
namespace {

using LimitsLeast = std::map<std::string, std::int64_t>;
using Applied = tl::expected<void, std::string>;  // The error says what is expected.

std::optional<std::int64_t> parse_integer(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Applied set_duration(std::int64_t& target, const std::string& text) {
  const auto ms = parse_duration_ms(text);
  if (!ms) return tl::unexpected<std::string>("a duration such as 500ms, 30s, 10m or 6h");
  target = *ms;
  return {};
}

Applied set_choice(std::string& target, const std::string& text,
                   const std::vector<std::string>& choices) {
  if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
    std::string expected = "one of";
    for (const std::string& choice : choices) expected += " " + choice;
    return tl::unexpected(expected + near_match_hint(text, choices));
  }
  target = text;
  return {};
}

/// "5%" or a number of bytes with an optional unit: "500MiB", "2GiB".
Applied set_reserve(StoreConfig& store, const std::string& text) {
  constexpr std::pair<const char*, std::int64_t> kUnits[] = {
      {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}};
  const auto expected = tl::unexpected<std::string>("a share from 0% to 90%, or bytes like 500MiB");
  if (!text.empty() && text.back() == '%') {
    const auto percent = parse_integer(text.substr(0, text.size() - 1));
    if (!percent || *percent < 0 || *percent > 90) return expected;
    store.reserve_percent = static_cast<int>(*percent);
    store.reserve_bytes = 0;
    return {};
  }
  std::string number = text;
  std::int64_t factor = 1;
  for (const auto& [unit, bytes] : kUnits) {
    const std::size_t length = std::strlen(unit);
    if (number.size() > length && number.compare(number.size() - length, length, unit) == 0) {
      number.resize(number.size() - length);
      factor = bytes;
    }
  }
  const auto count = parse_integer(number);
  if (!count || *count <= 0 || *count > INT64_MAX / factor) return expected;
  store.reserve_bytes = static_cast<std::uint64_t>(*count * factor);
  return {};
}

Applied set_limit(Config& config, const std::string& name, const std::string& text,
                  const LimitsLeast& known) {
  const auto limit = known.find(name);
  if (limit == known.end()) {
    std::vector<std::string> names;
    for (const auto& [one, least] : known) names.push_back(one);
    return tl::unexpected("the name of a limit" + near_match_hint(name, names));
  }
  const auto value = parse_integer(text);
  if (!value || *value < limit->second) {
    return tl::unexpected("a whole number from " + std::to_string(limit->second));
  }
  config.limits.emplace_back(name, *value);
  return {};
}

Applied set_boolean(bool& target, const std::string& text) {
  if (text != "true" && text != "false") return tl::unexpected<std::string>("true or false");
  target = text == "true";
  return {};
}

/// HOST:PORT, HOST, or a port alone.
Applied set_address(std::string& target, const std::string& text) {
  const bool only_port =
      !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (!parse_host_port((only_port ? ":" : "") + text, 1)) {
    return tl::unexpected<std::string>("HOST:PORT such as 127.0.0.1:7717");
  }
  target = text;
  return {};
}

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (from <= text.size()) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    if (comma > from) parts.push_back(text.substr(from, comma - from));
    from = comma + 1;
  }
  return parts;
}

/// One server or several with commas: [nats://|tls://|ws://|wss://]HOST[:PORT].
Applied set_nats_url(std::string& target, const std::string& text) {
  const auto expected = tl::unexpected<std::string>(
      "nats://HOST:PORT (or tls://, ws://, wss://), several with commas between");
  for (std::string url : split_commas(text)) {
    url.erase(0, url.find_first_not_of(' '));
    const std::size_t scheme = url.find("://");
    if (scheme != std::string::npos) {
      const std::string name = url.substr(0, scheme);
      if (name != "nats" && name != "tls" && name != "ws" && name != "wss") return expected;
      url.erase(0, scheme + 3);
    }
    // What stands before an "@" are credentials.
    if (const std::size_t at = url.rfind('@'); at != std::string::npos) url.erase(0, at + 1);
    if (!parse_host_port(url.substr(0, url.find('/')), 4222)) return expected;
  }
  if (split_commas(text).empty()) return expected;
  target = text;
  return {};
}

Applied set_inbox(std::string& target, const std::string& text) {
  const std::string some_store(26, 'a');
  const auto pattern = messaging::inbox_pattern(text, some_store);
  if (!pattern) {
    return tl::unexpected<std::string>(
        "tokens such as _INBOX.weft, without wildcards, outside `weft.` and `$`");
  }
  target = text;
  return {};
}

Applied set_stream(std::string& target, const std::string& text) {
  if (!messaging::is_jetstream_name(text)) {
    return tl::unexpected<std::string>(
        "a stream's name: one word without `.`, `*`, `>` and blanks");
  }
  target = text;
  return {};
}

Applied set_text(std::string& target, const std::string& text) {
  if (text.empty()) return tl::unexpected<std::string>("a value that is not empty");
  target = text;
  return {};
}

/// `values`: all of them for a list, else one.
Applied apply(Config& config, const std::string& path, const std::vector<std::string>& values,
              const LimitsLeast& limits) {
  if (path == "http.hosts") {
    config.http.hosts = values;
    return {};
  }
  if (path == "workflows") {
    config.workflows = values;
    return {};
  }
  if (path == "notify") {
    if (values.empty()) return {};
    return tl::unexpected<std::string>("an empty list: this version sends no notifications");
  }
  if (path == "limits") {
    for (const std::string& value : values) {
      const std::size_t equals = value.find('=');
      if (equals == std::string::npos) return tl::unexpected<std::string>("NAME=NUMBER");
      auto done = set_limit(config, value.substr(0, equals), value.substr(equals + 1), limits);
      if (!done) return done;
    }
    return {};
  }
  if (values.size() != 1) return tl::unexpected<std::string>("one value");
  const std::string& text = values.front();
  if (path.rfind("limits.", 0) == 0) return set_limit(config, path.substr(7), text, limits);
  if (path == "nats.url") return set_nats_url(config.nats.url, text);
  if (path == "nats.inbox") return set_inbox(config.nats.inbox, text);
  if (path == "nats.stream") return set_stream(config.nats.stream, text);
  if (path == "http.listen") return set_address(config.http.listen, text);
  if (path == "http.require_token") return set_boolean(config.http.require_token, text);
  if (path == "nats.max_clock_skew") return set_duration(config.nats.max_clock_skew_ms, text);
  if (path == "drain") return set_duration(config.drain_ms, text);
  if (path == "store.reserve") return set_reserve(config.store, text);
  if (path == "log.format") return set_choice(config.log.format, text, {"json", "text"});
  if (path == "log.level") {
    return set_choice(config.log.level, text, {"trace", "debug", "info", "warn", "error", "off"});
  }
  const std::pair<const char*, std::string*> texts[] = {
      {"data", &config.data},
      {"http.tls.cert", &config.http.tls_cert},
      {"http.tls.key", &config.http.tls_key},
      {"nats.creds", &config.nats.creds},
      {"nats.tls.ca", &config.nats.tls_ca},
      {"nats.tls.cert", &config.nats.tls_cert},
      {"nats.tls.key", &config.nats.tls_key},
      {"store.watermark_dir", &config.store.watermark_dir},
  };
  for (const auto& [name, target] : texts) {
    if (path == name) return set_text(*target, text);
  }
  return tl::unexpected<std::string>("a known setting");
}

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ",") + value;
  return text;
}

ConfigError wrong(const std::string& where, const std::vector<std::string>& values,
                  const std::string& expected) {
  return {where + ": expected " + expected + ", found `" + joined(values) + "`"};
}

}  // namespace

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = {
      {"data", "--data", "WEFT_DATA", "DIR", "the store's folder", false},
      {"nats.url", "--nats", "WEFT_NATS", "URL", "NATS server (nats://127.0.0.1:4222)", false},
      {"http.listen", "--http", "WEFT_HTTP", "ADDR", "where HTTP listens (127.0.0.1:7717)", false},
      {"workflows", "--workflows", "WEFT_WORKFLOWS", "DIR", "definitions, this folder and below",
       true},
      {"drain", "--drain", "WEFT_DRAIN", "TIME", "how long SIGTERM waits for answers (30s)", false},
      {"http.hosts", "--http-host", "WEFT_HTTP_HOSTS", "NAME", "a further name of this server",
       true},
      {"http.require_token", "--require-token", "WEFT_REQUIRE_TOKEN", "BOOL",
       "ask for the token on loopback, too (false)", false},
      {"http.tls.cert", "--http-tls-cert", "WEFT_HTTP_TLS_CERT", "FILE", "certificate for HTTPS",
       false},
      {"http.tls.key", "--http-tls-key", "WEFT_HTTP_TLS_KEY", "FILE", "its private key", false},
      {"nats.creds", "--nats-creds", "WEFT_NATS_CREDS", "FILE", "NATS credentials", false},
      {"nats.tls.ca", "--nats-tls-ca", "WEFT_NATS_TLS_CA", "FILE", "NATS: authority", false},
      {"nats.tls.cert", "--nats-tls-cert", "WEFT_NATS_TLS_CERT", "FILE", "NATS: certificate",
       false},
      {"nats.tls.key", "--nats-tls-key", "WEFT_NATS_TLS_KEY", "FILE", "NATS: private key", false},
      {"nats.inbox", "--nats-inbox", "WEFT_NATS_INBOX", "PREFIX", "reply subjects (_INBOX.weft)",
       false},
      {"nats.stream", "--nats-stream", "WEFT_NATS_STREAM", "NAME",
       "stream that confirms published events", false},
      {"nats.max_clock_skew", "--max-clock-skew", "WEFT_MAX_CLOCK_SKEW", "TIME",
       "how far adapters' clocks may be off (5s)", false},
      {"store.reserve", "--store-reserve", "WEFT_STORE_RESERVE", "SIZE",
       "free space below which starts are refused (5%)", false},
      {"store.watermark_dir", "--watermark-dir", "WEFT_WATERMARK_DIR", "DIR",
       "a copy of the store's high-water mark on another disk", false},
      {"limits", "--limit", "WEFT_LIMITS", "NAME=N", "change one limit", true},
      {"log.level", "--log-level", "WEFT_LOG_LEVEL", "LEVEL", "trace debug info warn error off",
       false},
      {"log.format", "--log-format", "WEFT_LOG_FORMAT", "FORMAT", "json or text", false},
      {"notify", nullptr, nullptr, "", "", true},
  };
  return all;
}

tl::expected<Config, ConfigError> load_config(const ConfigSources& sources) {
  Config config;
  if (!sources.file.empty()) {
    std::vector<std::string> leaves;
    for (const Setting& setting : settings()) {
      if (std::string_view(setting.path) != "limits") leaves.emplace_back(setting.path);
    }
    auto found = read_config_yaml(sources.file, sources.text, leaves, {"limits"});
    if (!found) return tl::unexpected(found.error());
    for (const YamlSetting& setting : *found) {
      auto done = apply(config, setting.path, setting.values, sources.limits_least);
      if (!done) {
        return tl::unexpected(wrong(sources.file + ":" + std::to_string(setting.line) + ":" +
                                        std::to_string(setting.column) + ": `" + setting.path + "`",
                                    setting.values, done.error()));
      }
    }
  }
  for (const Setting& setting : settings()) {
    if (setting.variable == nullptr) continue;
    const char* value = sources.variable ? sources.variable(setting.variable) : nullptr;
    if (value != nullptr && *value != '\0') {
      const std::vector<std::string> values =
          setting.list ? split_commas(value) : std::vector<std::string>{value};
      auto done = apply(config, setting.path, values, sources.limits_least);
      if (!done) return tl::unexpected(wrong(setting.variable, values, done.error()));
    }
  }
  for (const Setting& setting : settings()) {
    if (setting.flag == nullptr) continue;
    const auto flag = sources.flags.find(setting.flag);
    if (flag == sources.flags.end()) continue;
    auto done = apply(config, setting.path, flag->second, sources.limits_least);
    if (!done) return tl::unexpected(wrong(setting.flag, flag->second, done.error()));
  }
  if (config.http.tls_cert.empty() != config.http.tls_key.empty()) {
    return tl::unexpected(ConfigError{
        "http.tls: a certificate and its key belong together; give both `cert` and `key`"});
  }
  return config;
}

}  // namespace weft::app
