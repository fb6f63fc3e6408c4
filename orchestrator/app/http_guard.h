#pragma once  // orchestrator/app/http_guard.h

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::app {

/// Who may address the server. A loopback port can be reached from any web page that the user has
/// open (DNS rebinding, cross-site requests), so Host and Origin are checked on every request.
struct GuardOptions {
  std::string listen_host;         ///< As bound: "127.0.0.1", "0.0.0.0", "weft.internal".
  std::vector<std::string> hosts;  ///< Configured names, "shop.example" or "shop.example:8443".
};

struct Refusal {
  int status = 403;
  std::string code, detail;
};

/// Nothing if the request may come in. `host`: the Host header; `origin`: empty if there is none;
/// `fetch_site`: the Sec-Fetch-Site header.
[[nodiscard]] std::optional<Refusal> check_origin(const GuardOptions& options,
                                                  std::string_view host, std::string_view origin,
                                                  std::string_view fetch_site);

/// "127.0.0.1:7717", "[::1]:80", ":7717", "localhost" as host and port (default `fallback`);
/// nothing if it is none of that.
struct HostPort {
  std::string host;
  int port = 0;
};
[[nodiscard]] std::optional<HostPort> parse_host_port(std::string_view text, int fallback);

/// True for localhost, 127.0.0.0/8 and ::1.
[[nodiscard]] bool is_loopback_host(std::string_view host);

/// `Authorization: Bearer` against the token, in time that does not depend on where they differ.
[[nodiscard]] bool same_secret(std::string_view given, std::string_view expected);

}  // namespace weft::app
