#pragma once  // examples/retail/orders.h

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

// The canonical documents of workflows/retail, as the example's shop fills them.
namespace weft::retail {

struct OrderLine {
  std::string sku;
  std::string location;
  std::int64_t qty = 0;
  std::int64_t unit_minor = 0;  ///< Price of one, in minor units.
};

struct Order {
  std::string channel = "web";
  std::string order_id;
  std::string customer_id;
  std::string currency = "GBP";
  std::string region;
  std::string country;
  std::string placed_at;  ///< RFC 3339, or empty.
  bool allow_partial = false;
  std::vector<OrderLine> lines;

  [[nodiscard]] std::int64_t total_minor() const;
  /// The start key that the workflow computes.
  [[nodiscard]] std::string key() const { return channel + "/" + order_id; }
};

/// Goods of one order that its customer gives back.
struct Return {
  std::string return_id;
  std::size_t order = 0;  ///< Index of the order it belongs to.
  std::vector<OrderLine> lines;
  bool whole_order = false;
};

/// Stock at the start: article -> location -> pieces.
using Stock = std::map<std::string, std::map<std::string, std::int64_t>>;

/// What is to be run: orders in the order of their coming, returns after them.
struct Business {
  std::vector<Order> orders;
  std::vector<Return> returns;
  Stock stock;
};

[[nodiscard]] nlohmann::json to_json(const Order& order);
/// `order`: the one that the goods belong to; its customer gets the money.
[[nodiscard]] nlohmann::json to_json(const Return& given_back, const Order& order);
[[nodiscard]] nlohmann::json to_json(const std::vector<OrderLine>& lines);
[[nodiscard]] std::int64_t value_minor(const std::vector<OrderLine>& lines);

/// A stable spread of text over `n` places (FNV-1a); equal on every machine and run.
[[nodiscard]] std::uint64_t spread(const std::string& text, std::uint64_t n);

}  // namespace weft::retail
