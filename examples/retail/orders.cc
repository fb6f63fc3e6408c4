#include "examples/retail/orders.h"

namespace weft::retail {

std::int64_t value_minor(const std::vector<OrderLine>& lines) {
  std::int64_t sum = 0;
  for (const auto& line : lines) sum += line.qty * line.unit_minor;
  return sum;
}

std::int64_t Order::total_minor() const { return value_minor(lines); }

nlohmann::json to_json(const std::vector<OrderLine>& lines) {
  auto list = nlohmann::json::array();
  for (const auto& line : lines) {
    list.push_back({{"sku", line.sku},
                    {"location", line.location},
                    {"qty", line.qty},
                    {"unit_minor", line.unit_minor}});
  }
  return list;
}

nlohmann::json to_json(const Order& order) {
  nlohmann::json document = {{"channel", order.channel},
                             {"order_id", order.order_id},
                             {"customer_id", order.customer_id},
                             {"currency", order.currency},
                             {"total_minor", order.total_minor()},
                             {"allow_partial", order.allow_partial},
                             {"ship_to", {{"region", order.region}, {"country", order.country}}},
                             {"lines", to_json(order.lines)}};
  if (!order.placed_at.empty()) document["placed_at"] = order.placed_at;
  return document;
}

nlohmann::json to_json(const Return& given_back, const Order& order) {
  return {{"return_id", given_back.return_id}, {"channel", order.channel},
          {"order_id", order.order_id},        {"customer_id", order.customer_id},
          {"currency", order.currency},        {"refund_minor", value_minor(given_back.lines)},
          {"lines", to_json(given_back.lines)}};
}

std::uint64_t spread(const std::string& text, std::uint64_t n) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ull;
  }
  return (hash ^ (hash >> 29)) % n;
}

}  // namespace weft::retail
