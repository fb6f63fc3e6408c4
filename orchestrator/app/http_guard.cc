#include "orchestrator/app/http_guard.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace weft::app {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool is_address(std::string_view host) {
  const bool digits = !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '.';
  });
  return digits || host.find(':') != std::string_view::npos;
}

/// A configured name without a port stands for every port.
bool listed(const std::vector<std::string>& hosts, std::string_view authority,
            const std::string& host) {
  return std::any_of(hosts.begin(), hosts.end(), [&](const std::string& allowed) {
    return lower(allowed) == lower(authority) || lower(allowed) == host;
  });
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text, int fallback) {
  HostPort result{{}, fallback};
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    result.host = lower(text.substr(1, end - 1));
    port = text.substr(end + 1);
    if (!port.empty() && port.front() != ':') return std::nullopt;
  } else {
    const std::size_t colon = text.find(':');
    result.host = lower(text.substr(0, colon));
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    if (result.host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") !=
        std::string::npos) {
      return std::nullopt;
    }
  }
  if (port.empty()) return result.host.empty() ? std::nullopt : std::optional(result);
  port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (error != std::errc() || end != port.data() + port.size() || result.port < 0 ||
      result.port > 65535) {
    return std::nullopt;
  }
  return result;
}

bool is_loopback_host(std::string_view host) {
  const std::string name = lower(host);
  return name == "localhost" || name == "::1" || (is_address(name) && name.rfind("127.", 0) == 0);
}

std::optional<Refusal> check_origin(const GuardOptions& options, std::string_view host,
                                    std::string_view origin, std::string_view fetch_site) {
  const auto parsed = parse_host_port(host, 0);
  if (!parsed) {
    return Refusal{400, "bad_host", "the Host header is missing or no host name"};
  }
  const bool any_address = options.listen_host == "0.0.0.0" || options.listen_host == "::";
  const bool known = is_loopback_host(parsed->host) || parsed->host == lower(options.listen_host) ||
                     listed(options.hosts, host, parsed->host) ||
                     (any_address && is_address(parsed->host));
  if (!known) {
    return Refusal{403, "foreign_host",
                   "this server does not answer to that Host; add the name to `http.hosts`"};
  }
  if (!origin.empty()) {
    const std::size_t scheme = origin.find("://");
    const std::string_view authority =
        scheme == std::string_view::npos ? std::string_view() : origin.substr(scheme + 3);
    const auto from = parse_host_port(authority, 0);
    const bool same = from && lower(authority) == lower(host);
    if (!same && !(from && listed(options.hosts, authority, from->host))) {
      return Refusal{403, "foreign_origin",
                     "requests from pages of another origin are refused; add the origin's host to "
                     "`http.hosts` if it is yours"};
    }
  } else if (fetch_site == "cross-site") {
    return Refusal{403, "foreign_origin", "requests from pages of another site are refused"};
  }
  return std::nullopt;
}

bool same_secret(std::string_view given, std::string_view expected) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> a{}, b{};
  SHA256(reinterpret_cast<const unsigned char*>(given.data()), given.size(), a.data());
  SHA256(reinterpret_cast<const unsigned char*>(expected.data()), expected.size(), b.data());
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace weft::app
