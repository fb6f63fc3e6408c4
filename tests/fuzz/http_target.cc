#include <algorithm>
#include <string>

#include "adapters/messaging/json_text.h"
#include "orchestrator/app/api_requests.h"
#include "orchestrator/app/http_guard.h"
#include "orchestrator/app/http_server.h"
#include "tests/fuzz/target.h"

// input = method " " target LF { name ": " value LF } LF body
namespace weft::fuzz {
std::uint32_t http_target(std::string_view input) {
  app::HttpRequest request;
  const std::string_view line = take_line(input);
  const std::size_t blank = std::min(line.find(' '), line.size());
  request.method = line.substr(0, blank);
  const std::string_view target = line.substr(std::min(blank + 1, line.size()));
  for (std::string_view header = take_line(input); !header.empty(); header = take_line(input)) {
    const std::size_t colon = std::min(header.find(": "), header.size());
    request.headers.emplace_back(header.substr(0, colon),
                                 header.substr(std::min(colon + 2, header.size())));
  }
  request.body = input;
  const bool parsed = app::parse_target(target, request);
  static_cast<void>(app::parse_host_port(target, 80));
  const std::string host = request.header("Host");
  const auto refused =
      app::check_origin({"127.0.0.1", {"shop.example"}}, host, request.header("Origin"),
                        request.header("Sec-Fetch-Site"));
  if (refused) {
    require(refused->status >= 400 && !refused->code.empty(), "a refusal says why");
  } else {
    require(host.find("evil") == std::string::npos, "no foreign host comes in");
  }
  if (!parsed) return 1;
  const auto read = app::read_api_request(request);
  if (read) return 1000 + static_cast<std::uint32_t>(read->index());
  require(read.error().status >= 400 && read.error().status < 600, "a refusal is an error");
  return static_cast<std::uint32_t>(read.error().status) +
         kind_of(read.error().body.string_or("code", "")) % 512 * 600;
}

}  // namespace weft::fuzz
