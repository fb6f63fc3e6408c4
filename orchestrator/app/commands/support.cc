#include "orchestrator/app/commands/support.h"

#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "orchestrator/app/time_text.h"

namespace weft::app {

int with_client(const Invocation& invocation,
                const std::function<int(ApiClient&, const Output&)>& work) {
  const Output output(invocation.global);
  auto client = ApiClient::create(invocation.global);
  if (!client) return output.fail(client.error());
  return work(**client, output);
}

int usage_failure(const Output& output, const std::string& detail) {
  return output.fail(make_failure(kExitUsage, "usage", "wrong usage", detail));
}

int print_result(const ApiResult& result, const Output& output,
                 const std::function<void(const dsl::Value&)>& show) {
  if (!result) return output.fail(result.error());
  if (output.structured()) {
    output.document(result->body);
  } else {
    show(result->body);
  }
  return kExitDone;
}

std::string field(const dsl::Value& value, std::string_view name) {
  return cell_text(value.find(name));
}

std::string field(const dsl::Value& value, std::string_view outer, std::string_view name) {
  const dsl::Value* inner = value.find(outer);
  return inner == nullptr ? std::string() : field(*inner, name);
}

std::string fact(const std::string& name, const std::string& text) {
  if (text.empty()) return {};
  return "  " + name + std::string(name.size() < 10 ? 10 - name.size() : 1, ' ') + text + "\n";
}

std::string ago(const dsl::Value& value, std::string_view name) {
  const std::string at = field(value, name);
  return at.empty() ? at : format_age(at, wall_clock_ms());
}

tl::expected<std::string, Failure> read_input(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
    return std::move(text).str();
  }
  std::ifstream file(path, std::ios::binary);
  if (file && file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  if (!file.is_open() || file.bad()) {
    return tl::unexpected(make_failure(kExitUsage, "unreadable", "the file cannot be read", path));
  }
  return std::move(text).str();
}

std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string counted(std::int64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

bool is_end_state(std::string_view state) {
  return state == "completed" || state == "compensated" || state == "failed" ||
         state == "terminated";
}

}  // namespace weft::app
