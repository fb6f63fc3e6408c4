#include "examples/retail/day.h"

#include <array>
#include <cstdio>
#include <string>

namespace weft::retail {
namespace {

struct Article {
  const char* sku;
  std::int64_t unit_minor;
  std::int64_t share;  ///< How often it is asked for, out of kShares.
  bool scarce;         ///< The shop has about half of what is asked for.
};

constexpr std::array<Article, 12> kArticles{{
    {"lantern-white", 339, 12, false},
    {"heart-holder", 255, 12, false},
    {"coat-hanger", 275, 9, false},
    {"hot-water-bottle", 375, 9, true},
    {"tea-light-set", 420, 9, false},
    {"cake-stand", 1275, 6, true},
    {"bunting-pink", 545, 9, false},
    {"bread-bin", 1695, 6, false},
    {"doormat", 750, 9, false},
    {"jumbo-bag", 195, 9, false},
    {"music-box", 1250, 4, true},
    {"paper-chain", 295, 6, false},
}};
constexpr std::uint64_t kShares = 100;

constexpr std::array<const char*, 3> kChannels{"web", "store", "marketplace"};
constexpr std::array<const char*, 3> kRegions{"EU", "UK", "WORLD"};

const Article& pick_article(const std::string& seed) {
  auto at = static_cast<std::int64_t>(spread(seed, kShares));
  for (const auto& article : kArticles) {
    at -= article.share;
    if (at < 0) return article;
  }
  return kArticles.front();
}

Order make_order(std::size_t number) {
  char id[16];
  std::snprintf(id, sizeof id, "%05zu", number);
  const std::string seed = std::string("order-") + id;
  Order order;
  order.channel = kChannels[spread(seed + "/channel", kChannels.size())];
  order.order_id = id;
  // Fewer customers than orders: some order again while their last order is still at work.
  order.customer_id = "customer-" + std::to_string(spread(seed + "/customer", 240));
  order.currency = "EUR";
  order.region = kRegions[spread(seed + "/region", kRegions.size())];
  order.country = order.region;
  order.allow_partial = spread(seed + "/partial", 10) < 6;
  const auto lines = 1 + spread(seed + "/lines", 3);
  for (std::uint64_t i = 0; i < lines; ++i) {
    const std::string line_seed = seed + "/line/" + std::to_string(i);
    const auto& article = pick_article(line_seed);
    const char* location = spread(line_seed + "/location", 2) == 0 ? "north" : "south";
    const auto qty = static_cast<std::int64_t>(1 + spread(line_seed + "/qty", 4));
    bool merged = false;
    for (auto& line : order.lines) {
      if (line.sku == article.sku && line.location == location) {
        line.qty += qty;
        merged = true;
      }
    }
    if (!merged) order.lines.push_back({article.sku, location, qty, article.unit_minor});
  }
  return order;
}

}  // namespace

Business a_day(std::size_t orders) {
  Business business;
  Stock demand;
  for (std::size_t i = 1; i <= orders; ++i) {
    business.orders.push_back(make_order(i));
    for (const auto& line : business.orders.back().lines) {
      demand[line.sku][line.location] += line.qty;
    }
  }
  for (const auto& article : kArticles) {
    for (const char* location : {"north", "south"}) {
      const auto asked = demand[article.sku][location];
      business.stock[article.sku][location] = article.scarce ? asked / 2 + 1 : asked + 10;
    }
  }
  return business;
}

}  // namespace weft::retail
