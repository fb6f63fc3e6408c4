// An adapter of your own, with the SDK: prints labels, each at most once per key, and voids them.
#include <utility>

#include "adapters/sdk/program.h"

using weft::sdk::Outcome;
using weft::sdk::Request;
using weft::sdk::Transaction;

// Runs in the transaction that also remembers the key: both happen, or neither.
static Outcome print(const Request& request, Transaction& database) {
  const std::string address = request.input.at("address");
  if (address.size() < 5) return Outcome::refused("bad_address", "no house has such an address");
  database.run("INSERT INTO label (key, address) VALUES (?, ?)", {request.key(), address});
  const auto number = database.query("SELECT max(number) FROM label");
  return Outcome::done({{"label", number.front().integer(0)}});
}

// Only called for a key that was printed; of any other the SDK remembers that it must not be.
static Outcome void_label(const Request& request, Transaction& database) {
  database.run("UPDATE label SET voided = 1 WHERE key = ?", {request.key()});
  return Outcome::done();
}

int main(int argc, char** argv) {
  weft::sdk::Adapter adapter("printer", "1.0.0", "Prints shipping labels");
  adapter
      .schema(
          "CREATE TABLE IF NOT EXISTS label (number INTEGER PRIMARY KEY, key TEXT UNIQUE, "
          "address TEXT NOT NULL, voided INTEGER NOT NULL DEFAULT 0);")
      .forward("print", print)
      .undo("void_label", void_label)
      .probe("find_label");
  return weft::sdk::run_adapter(adapter, argc, argv);
}
