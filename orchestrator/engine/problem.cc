#include "orchestrator/engine/problem.h"

#include <algorithm>
#include <map>

#include "adapters/messaging/contract.h"

namespace weft::engine {
namespace {

std::string_view title_of(int status) {
  switch (status) {
    case 400: return "The request can not be understood";
    case 403: return "Not allowed";
    case 404: return "There is no such thing";
    case 409: return "It conflicts with what is there";
    case 410: return "It is retired";
    case 412: return "The saga has changed since you looked";
    case 413: return "It is too large";
    case 422: return "The document breaks its schema";
    case 503: return "Not now; ask again";
    default: return "The request was refused";
  }
}

int status_of(core::Rejection::Code code) {
  using Code = core::Rejection::Code;
  switch (code) {
    case Code::kMalformed: return 400;
    case Code::kSchema: return 422;
    case Code::kUnknownSaga:
    case Code::kUnknownStep: return 404;
    case Code::kStale: return 412;
    case Code::kKeyConflict:
    case Code::kPastPivot:
    case Code::kClosed:
    case Code::kNotAllowed:
    case Code::kSettled: return 409;
  }
  return 409;
}

// Header values are one visible line.
std::string header_text(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 500)) {
    out += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E ? ' ' : c;
  }
  return out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

Response success(dsl::Value body) {
  Response response;
  response.body = std::move(body);
  return response;
}

Response problem(int status, std::string_view code, std::string_view detail,
                 dsl::Value::Object members) {
  dsl::Value::Object document = {
      {"type", dsl::Value("urn:weft:problem:" + std::string(code))},
      {"title", dsl::Value(title_of(status))},
      {"status", dsl::Value(status)},
      {"code", dsl::Value(code)},
      {"detail", dsl::Value(detail)},
  };
  for (auto& member : members) document.push_back(std::move(member));
  Response response;
  response.status = status;
  response.body = dsl::Value::object(std::move(document));
  return response;
}

Response busy(std::string_view code, std::string_view detail, std::int64_t retry_after_ms) {
  return problem(503, code, detail, {{"retry_after_ms", dsl::Value(retry_after_ms)}});
}

Response unknown_name(std::string_view code, std::string_view what, std::string_view name,
                      const std::vector<std::string>& known) {
  const std::vector<std::string> near = near_matches(name, known);
  std::string detail = "there is no " + std::string(what) + " \"" + std::string(name) + "\"";
  dsl::Value::Array items;
  for (const std::string& match : near) items.emplace_back(match);
  if (!near.empty()) detail += "; did you mean \"" + near.front() + "\"?";
  return problem(404, code, detail, {{"near", dsl::Value::array(std::move(items))}});
}

Response from_rejection(const core::Rejection& rejection) {
  dsl::Value::Object members;
  if (rejection.details.is_object()) members = rejection.details.as_object();
  return problem(status_of(rejection.code), core::rejection_name(rejection.code), rejection.reason,
                 std::move(members));
}

Response from_json_error(const dsl::JsonError& error) {
  const bool large = error.kind == dsl::JsonError::Kind::kTooLarge;
  return problem(large ? 413 : 400, large ? "too_large" : "malformed",
                 error.message + " (at byte " + std::to_string(error.offset) + ")",
                 {{"offset", dsl::Value(static_cast<std::int64_t>(error.offset))}});
}

Response from_store_error(const store::StoreError& error) {
  return busy("store_failed", "the store could not do it: " + error.message, 1000);
}

std::vector<std::string> near_matches(std::string_view name,
                                      const std::vector<std::string>& known) {
  std::multimap<std::size_t, std::string> ranked;
  const std::string_view wanted = name.substr(0, 200);
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(wanted, std::string_view(candidate).substr(0, 200));
    const bool inside = wanted.size() >= 3 && candidate.find(wanted) != std::string::npos;
    if (distance <= 2 || distance * 3 <= wanted.size() || inside) {
      ranked.emplace(distance, candidate);
    }
  }
  std::vector<std::string> out;
  for (const auto& [distance, candidate] : ranked) {
    if (out.size() == 3) break;
    out.push_back(candidate);
  }
  return out;
}

messaging::Message to_message(messaging::Subject to, const Response& response) {
  messaging::Message message(std::move(to), response.body.to_json());
  if (!response.ok()) {
    message.headers.set_known(messaging::header::kServiceErrorCode,
                              std::to_string(response.status));
    message.headers.set_known(messaging::header::kServiceError,
                              header_text(response.body.string_or("detail", "refused")));
  }
  return message;
}

dsl::Value short_problem(const Response& response) {
  return dsl::Value::object({{"status", dsl::Value(response.status)},
                             {"code", dsl::Value(response.body.string_or("code", "refused"))},
                             {"detail", dsl::Value(response.body.string_or("detail", ""))}});
}

}  // namespace weft::engine
