#include "adapters/reference/lines.h"

#include <cstddef>
#include <utility>

namespace weft::reference {
namespace {

using nlohmann::json;
using sdk::Outcome;

constexpr std::size_t kLinesMax = 5000;
constexpr std::int64_t kQuantityMax = 1'000'000'000;  // sums of kLinesMax of them fit 64 bits
constexpr std::size_t kTextMax = 200;

tl::unexpected<Outcome> bad(std::string message) {
  return tl::unexpected(Outcome::refused("bad_input", std::move(message), nullptr, 400));
}

}  // namespace

tl::expected<std::int64_t, Outcome> read_integer(const json& input, const char* member,
                                                 std::int64_t minimum) {
  const auto found = input.is_object() ? input.find(member) : input.end();
  if (!input.is_object() || found == input.end() || !found->is_number_integer()) {
    return bad(std::string(member) + " must be a whole number");
  }
  const auto value = found->get<std::int64_t>();
  if (value < minimum || value > 1'000'000'000'000) {
    return bad(std::string(member) + " must be at least " + std::to_string(minimum));
  }
  return value;
}

tl::expected<std::string, Outcome> read_text(const json& input, const char* member) {
  std::string text = text_or_empty(input, member);
  if (text.empty() || text.size() > kTextMax) {
    return bad(std::string(member) + " must be text of 1 to " + std::to_string(kTextMax) +
               " characters");
  }
  return text;
}

std::string text_or_empty(const json& input, const char* member) {
  if (!input.is_object()) return {};
  const auto found = input.find(member);
  return found != input.end() && found->is_string() ? found->get<std::string>() : std::string();
}

tl::expected<std::vector<Line>, Outcome> read_lines(const json& input, const char* member) {
  const auto found = input.is_object() ? input.find(member) : input.end();
  if (!input.is_object() || found == input.end() || !found->is_array()) {
    return bad(std::string(member) + " must be a list of {sku, qty, location}");
  }
  if (found->size() > kLinesMax) return bad("more than " + std::to_string(kLinesMax) + " lines");
  std::vector<Line> lines;
  for (const json& item : *found) {
    Line line;
    const auto sku = read_text(item, "sku");
    if (!sku) return tl::unexpected(sku.error());
    const auto qty = read_integer(item, "qty", 1);
    if (!qty) return tl::unexpected(qty.error());
    if (*qty > kQuantityMax) return bad("qty is beyond " + std::to_string(kQuantityMax));
    line.sku = *sku;
    line.qty = *qty;
    line.location = text_or_empty(item, "location");
    line.raw = item;
    lines.push_back(std::move(line));
  }
  return lines;
}

json line_json(const Line& line, const std::string& location, std::int64_t qty) {
  json out = line.raw.is_object() ? line.raw : json::object();
  out["sku"] = line.sku;
  out["location"] = location;
  out["qty"] = qty;
  return out;
}

}  // namespace weft::reference
