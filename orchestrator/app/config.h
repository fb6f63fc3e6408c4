#pragma once  // orchestrator/app/config.h

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace weft::app {

struct HttpConfig {
  std::string listen = "127.0.0.1:7717";
  std::string tls_cert, tls_key;   ///< Both or neither.
  std::vector<std::string> hosts;  ///< Names this server may be addressed by, `host[:port]`.
  bool require_token = false;      ///< Also on loopback.
};

struct NatsConfig {
  std::string url = "nats://127.0.0.1:4222";
  std::string creds, tls_ca, tls_cert, tls_key;
  std::string inbox = "_INBOX.weft";
  std::string stream;  ///< Empty: events go to whoever listens, unconfirmed.
  std::int64_t max_clock_skew_ms = 5'000;
};

struct StoreConfig {
  int reserve_percent = 5;  ///< Of the device; used where reserve_bytes is 0.
  std::uint64_t reserve_bytes = 0;
  std::string watermark_dir;  ///< Empty: beside the store.
};

struct LogConfig {
  std::string level = "info";  ///< trace debug info warn error off
  std::string format;          ///< json, text; empty: text on a terminal, else json.
};

/// What `weft serve` and `weft dev` are told: by weft.yaml, then WEFT_* variables, then flags; the
/// later wins.
struct Config {
  std::string data;
  HttpConfig http;
  NatsConfig nats;
  std::vector<std::string> workflows;
  StoreConfig store;
  std::vector<std::pair<std::string, std::int64_t>> limits;  ///< Names of the engine's limits.
  LogConfig log;
  std::int64_t drain_ms = 30'000;
};

/// One thing that can be configured, and by which names.
struct Setting {
  const char* path;  ///< In weft.yaml, with dots.
  const char* flag;
  const char* variable;
  const char* value;  ///< What stands for its value in the help.
  const char* help;
  bool list;  ///< A list in weft.yaml, separated by commas in a variable, a repeated flag.
};
[[nodiscard]] const std::vector<Setting>& settings();

/// Where a configuration comes from. Nothing here is read by load_config itself but the functions.
struct ConfigSources {
  std::string file;  ///< Path of weft.yaml for messages; empty: there is none.
  std::string text;  ///< Its content.
  std::function<const char*(const char*)> variable;       ///< getenv, or a test's.
  std::map<std::string, std::vector<std::string>> flags;  ///< By Setting::flag.
  /// The engine's limits, each with the least that works.
  std::map<std::string, std::int64_t> limits_least;
};

/// One sentence: where, what came, what to write instead.
struct ConfigError {
  std::string message;
};

/// Refuses unknown keys (with the nearest known one), duplicate keys and values that make no sense.
[[nodiscard]] tl::expected<Config, ConfigError> load_config(const ConfigSources& sources);

/// One value found in weft.yaml.
struct YamlSetting {
  std::string path;
  std::vector<std::string> values;  ///< One, or the items of a list.
  int line = 0, column = 0;         ///< From 1.
};
/// The leaves of a weft.yaml (config_yaml.cc). `open`: paths whose children are free names.
[[nodiscard]] tl::expected<std::vector<YamlSetting>, ConfigError> read_config_yaml(
    const std::string& file, const std::string& text, const std::vector<std::string>& leaves,
    const std::vector<std::string>& open);

}  // namespace weft::app
