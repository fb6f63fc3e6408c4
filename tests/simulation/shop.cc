#include "tests/simulation/shop.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "adapters/messaging/contract.h"

namespace weft::simulation {
namespace {

using sim::AdapterTask;
using sim::Chance;

constexpr const char* kSkus[] = {"jacket", "socks", "scarf", "boots"};
constexpr const char* kPlaces[] = {"north", "south"};

std::vector<dsl::SourceFile> files_in(const std::string& folder, const std::string& suffix) {
  std::vector<dsl::SourceFile> files;
  const std::filesystem::path root = std::filesystem::path(WEFT_SOURCE_DIR) / "workflows/retail";
  for (const auto& entry : std::filesystem::directory_iterator(root / folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(suffix) || name.ends_with(".test.yaml")) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    files.push_back({folder.empty() ? name : folder + "/" + name,
                     {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()}});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

Shop::Lines lines_in(const std::string& body) {
  Shop::Lines lines;
  const auto document = dsl::Value::parse(body);
  const dsl::Value* list = document ? document->find("lines") : nullptr;
  if (list == nullptr || !list->is_array()) return lines;
  for (const dsl::Value& line : list->as_array()) {
    lines[{line.string_or("sku", ""), line.string_or("location", "")}] += line.integer_or("qty", 0);
  }
  return lines;
}

std::string json_of(const Shop::Lines& lines) {
  std::string text;
  for (const auto& [item, quantity] : lines) {
    if (quantity <= 0) continue;
    text += std::string(text.empty() ? "" : ",") + R"({"sku":")" + item.first + R"(","location":")" + item.second +
            R"(","qty":)" + std::to_string(quantity) + "}";
  }
  return "[" + text + "]";
}

void add(Shop::Lines& to, const Shop::Lines& lines) {
  for (const auto& [item, quantity] : lines) to[item] += quantity;
}

std::int64_t total(const Shop::Lines& lines) {
  std::int64_t sum = 0;
  for (const auto& [item, quantity] : lines) sum += quantity;
  return sum;
}

std::string order_json(Chance& chance, const std::string& id) {
  std::string lines;
  std::set<Shop::Item> named;
  for (std::uint64_t i = 1 + chance.below(3); i > 0; --i) {
    const Shop::Item item{kSkus[chance.below(4)], kPlaces[chance.below(2)]};
    const std::string quantity = std::to_string(1 + chance.below(3));
    if (!named.insert(item).second) continue;
    lines += std::string(lines.empty() ? "" : ",") + R"({"sku":")" + item.first + R"(","location":")" + item.second +
             R"(","qty":)" + quantity + R"(,"unit_minor":500})";
  }
  return R"({"channel":"web","order_id":")" + id + R"(","customer_id":"c)" + std::to_string(chance.below(8)) +
         R"(","currency":"EUR","total_minor":)" + std::to_string(500 + chance.below(5000)) +
         R"(,"allow_partial":)" + (chance.below(2) == 0 ? "true" : "false") +
         R"(,"ship_to":{"region":"EU"},"lines":[)" + lines + "]}";
}

std::string return_json(Chance& chance, const std::string& id, const std::string& order) {
  return R"({"return_id":")" + id + R"(","channel":"web","order_id":")" + order +
         R"(","customer_id":"c1","currency":"EUR","refund_minor":500,"lines":[{"sku":")" + kSkus[chance.below(4)] +
         R"(","location":"north","qty":1}]})";
}

}  // namespace

std::string Shop::text_of(const Lines& lines) { return json_of(lines); }

const std::vector<dsl::SourceFile>& Shop::definitions() {
  static const std::vector<dsl::SourceFile> all = [] {
    std::vector<dsl::SourceFile> files = files_in("", ".yaml");
    for (auto& file : files_in("adapters", ".yaml")) files.push_back(std::move(file));
    return files;
  }();
  return all;
}
const std::vector<dsl::SourceFile>& Shop::schemas() {
  static const std::vector<dsl::SourceFile> all = files_in("canonical", ".json");
  return all;
}
const std::vector<std::string>& Shop::adapters() {
  static const std::vector<std::string> all = {"erp", "inventory", "notify", "payments", "wms"};
  return all;
}

Shop::Shop(Chance chance) : chance_(chance) {
  for (const char* sku : kSkus) {
    // Some articles are short in some worlds.
    for (const char* place : kPlaces) on_hand_[{sku, place}] = chance_.between(5, 200);
  }
}

// --- What it is asked ----------------------------------------------------------------------------

sim::Trade Shop::trade(const std::string& adapter) {
  sim::Trade trade;
  trade.done = [this](const AdapterTask& task) { return done(task); };
  trade.undone = [this](const AdapterTask& undo, const std::string& forward) { undone(undo, forward); };
  trade.refuses = [this](const AdapterTask& task) { return refuses(task); };
  trade.takes_long = [](const std::string& operation) { return operation == "ship"; };
  trade.whim = [adapter](const std::string& operation) -> std::string {
    // Declared business errors only, and none after the pivot.
    if (operation == "reserve" || operation == "allocate") return "out_of_stock";
    if (operation == "authorise") return "payment_declined";
    if (operation == "create_order") return "erp_rejected";
    return "";
  };
  return trade;
}

std::optional<std::string> Shop::refuses(const AdapterTask& task) const {
  if (task.operation != "reserve") return std::nullopt;
  for (const auto& [item, quantity] : lines_in(task.body)) {
    const auto there = on_hand_.find(item);
    if (there == on_hand_.end()) return "unknown_article";
    const auto taken = reserved_.find(item);
    if (there->second - (taken == reserved_.end() ? 0 : taken->second) < quantity) return "out_of_stock";
  }
  return std::nullopt;
}

void Shop::take(Lines& from, const Lines& lines, const std::string& what) {
  for (const auto& [item, quantity] : lines) {
    std::int64_t& there = from[item];
    if (there < quantity) {
      overdrawn_.push_back(what + ": " + std::to_string(quantity) + " " + item.first + " in " + item.second + ", and there are " +
                           std::to_string(there));
    }
    there -= quantity;
    if (there == 0) from.erase(item);
  }
}

std::string Shop::done(const AdapterTask& task) {
  const std::string saga = task.header(messaging::header::kSaga);
  Account& account = accounts_[saga];
  const Lines lines = lines_in(task.body);
  const std::string& asked = task.operation;
  if (asked == "reserve") {
    add(account.reserved, lines);
    add(reserved_, lines);
    return R"({"lines":)" + json_of(lines) + "}";
  }
  if (asked == "release" || asked == "commit") {
    take(account.reserved, lines, asked + " of saga " + saga);
    take(reserved_, lines, asked);
    if (asked == "commit") {
      take(on_hand_, lines, "commit");
      add(account.committed, lines);
    }
  } else if (asked == "receive") {
    add(on_hand_, lines);
  } else if (asked == "availability") {
    return R"({"items":)" + json_of(on_hand_) + "}";
  } else if (asked == "authorise") {
    ++account.authorisations;
    const std::string id = "a-" + saga;
    const bool pending = chance_.below(4) == 0;
    if (pending && on_pending) on_pending(id);
    const auto body = dsl::Value::parse(task.body);
    return R"({"id":")" + id + R"(","state":")" + (pending ? "pending" : "ok") + R"(","currency":"EUR","qty":)" +
           std::to_string(body ? body->integer_or("qty", 0) : 0) + "}";
  } else if (asked == "capture") {
    ++account.captures;
  } else if (asked == "create_order") {
    ++account.erp_orders;
  } else if (asked == "post_invoice") {
    ++account.invoices;
  } else if (asked == "allocate") {
    add(account.picked, lines);
  } else if (asked == "ship") {
    account.shipped = account.picked;
    return R"({"lines":)" + json_of(account.picked) + R"(,"value_minor":)" + std::to_string(500 * total(account.picked)) + "}";
  }
  return "{}";
}

void Shop::undone(const AdapterTask& undo, const std::string& forward) {
  const std::string saga = undo.header(messaging::header::kSaga);
  Account& account = accounts_[saga];
  const std::string& asked = undo.operation;
  if (asked == "release") {
    const Lines lines = lines_in(undo.body);
    take(account.reserved, lines, "release of saga " + saga);
    take(reserved_, lines, "release");
  } else if (asked == "withdraw") {
    take(on_hand_, lines_in(forward), "withdrawal of saga " + saga);
  } else if (asked == "void") {
    --account.authorisations;
  } else if (asked == "cancel_order") {
    --account.erp_orders;
  } else if (asked == "deallocate") {
    take(account.picked, lines_in(forward), "deallocation of saga " + saga);
  }
}

// --- What people ask for -------------------------------------------------------------------------

std::pair<std::string, std::string> Shop::start(Chance& chance, std::size_t number) const {
  const std::string id = "o" + std::to_string(number);
  const std::string earlier = "o" + std::to_string(chance.below(number + 1));
  switch (chance.below(10)) {
    case 0: return {"retail.returns", return_json(chance, "r" + id, earlier)};
    case 1:
      return {"retail.order_cancellation",
              R"({"cancellation_id":"x)" + id + R"(","channel":"web","order_id":")" + earlier + R"(","reason":"changed my mind","return":)" +
                  return_json(chance, "rx" + id, earlier) + "}"};
    case 2:
      return {"retail.backorder", R"({"awaited_sku":")" + std::string(kSkus[chance.below(4)]) + R"(","order":)" + order_json(chance, "b" + id) + "}"};
    case 3:
      return {"retail.stock_publication",
              R"({"change_id":"s)" + id + R"(","sku":")" + std::string(kSkus[chance.below(4)]) + R"("})"};
    default: return {"retail.order_fulfilment", order_json(chance, id)};
  }
}

std::pair<std::string, std::string> Shop::event(Chance& chance, std::size_t starts) const {
  if (chance.below(2) == 0) {
    return {"stock.arrived", R"({"sku":")" + std::string(kSkus[chance.below(4)]) + R"("})"};
  }
  return {"order.cancel_requested", R"({"order_id":"o)" + std::to_string(chance.below(starts)) + R"("})"};
}

}  // namespace weft::simulation
