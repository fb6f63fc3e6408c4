// The program weft-adapter-inventory.
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "adapters/reference/inventory.h"
#include "adapters/reference/rehearsal.h"
#include "adapters/sdk/program.h"

namespace {

using weft::sdk::Database;
using weft::sdk::Transaction;

tl::expected<void, std::string> load_file(const std::string& name, Database& database) {
  std::ifstream file(name);
  const auto stock = nlohmann::json::parse(file, nullptr, false);
  if (!file || stock.is_discarded()) return tl::unexpected(name + ": not a readable JSON file");
  tl::expected<int, std::string> added = 0;
  const auto written = database.write([&](Transaction& transaction) {
    added = weft::reference::load_stock(stock, transaction);
    if (!added) transaction.give_up();
  });
  if (!written) return tl::unexpected(written.error().message);
  if (!added) return tl::unexpected(name + ": " + added.error());
  std::printf("weft-adapter-inventory loaded %d articles from %s\n", *added, name.c_str());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  std::string stock_file;
  bool only_load = false;
  const auto options = std::make_shared<weft::reference::InventoryOptions>();
  weft::sdk::Program program;
  program.flags = {
      {"--seed-stock", "FILE", "Load [{\"sku\",\"location\",\"qty\"}...], then serve",
       [&](const std::string& name) {
         stock_file = name;
         return tl::expected<void, std::string>();
       }},
      {"--init", "FILE", "Load the stock and end",
       [&](const std::string& name) {
         stock_file = name;
         only_load = true;
         return tl::expected<void, std::string>();
       }},
      {"--announce", "", "Tell events stock.changed and stock.arrived",
       [&](const std::string&) {
         options->announce = true;
         return tl::expected<void, std::string>();
       }},
  };
  weft::reference::Rehearsal rehearsal;
  rehearsal.add_to(program, "inventory");
  program.prepare = [&](Database& database) -> tl::expected<void, std::string> {
    return stock_file.empty() ? tl::expected<void, std::string>() : load_file(stock_file, database);
  };
  program.only_prepare = [&] { return only_load; };
  return weft::sdk::run_adapter(weft::reference::inventory_adapter(options), argc, argv,
                                std::move(program));
}
