#pragma once  // examples/retail/story.h

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <tl/expected.hpp>

#include "examples/retail/orders.h"
#include "examples/retail/progress.h"
#include "examples/retail/shop_client.h"
#include "examples/retail/world.h"

namespace weft::retail {

/// A shop's day with everything that goes wrong on such a day, told while it happens, and what is
/// left of it in the books at the end.
class Story final {
 public:
  Story(World& world, Business business);
  ~Story();
  Story(const Story&) = delete;
  Story& operator=(const Story&) = delete;

  using Result = tl::expected<void, std::string>;
  /// Runs the day. An error says what could not be done; orders that fail are no error.
  [[nodiscard]] Result live();
  /// Prints outcomes and three timelines, then runs the balance. True if the books add up and every
  /// saga ended.
  [[nodiscard]] tl::expected<bool, std::string> account();

 private:
  class Ticker;

  Result open();
  Result slow_erp(std::size_t first, std::size_t last);
  Result lost_payments(std::size_t first, std::size_t last);
  Result killed_orchestrator(std::size_t first, std::size_t last);
  Result wait_until_quiet();
  Result give_back();
  Result new_goods();
  Result book_in(const Order& order);
  /// Some orders that were refused because an article had sold out.
  std::vector<const Order*> without_stock();
  void send(std::size_t first, std::size_t last);
  void send_one(std::size_t index);
  void cancel(std::size_t index);
  /// Tells an adapter how to behave from now on (adapters/reference/rehearsal.h).
  Result behave(const std::string& adapter, const std::string& plan);
  void say(const std::string& text) const;

  Result print_outcomes();
  void print_timeline(const std::string& title, const std::string& saga);

  World& world_;
  Business business_;
  Progress progress_{"retail.order_fulfilment"};
  std::unique_ptr<ShopClient> client_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Ticker> ticker_;
  std::chrono::steady_clock::time_point began_;
  std::size_t cancelled_ = 0;
  std::size_t returned_ = 0;
  std::size_t not_returned_ = 0;
  bool all_ended_well_ = true;
};

}  // namespace weft::retail
