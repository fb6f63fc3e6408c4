// weft-storm: many kills at random moments under load, longer than a test may take.
//
//   build/tests/weft-storm --data DIR --kills 40 --adapters 10 --broker 5 --pauses 5 --orders
//   FILE.csv

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "examples/retail/day.h"
#include "examples/retail/invoices.h"
#include "tests/system/storm_run.h"

namespace {

namespace fs = std::filesystem;

constexpr const char* kUsage =
    "usage: weft-storm --data DIR [--kills N] [--adapters N] [--broker N] [--pauses N] [--seed N]\n"
    "                  [--orders FILE.csv] [--limit N]\n\n"
    "Runs the retail programs in DIR, kills the orchestrator, adapters and the broker so often, "
    "stops\n"
    "the broker for a while so often, then looks whether everything ended and adds up. Without a "
    "file\n"
    "--limit orders (default 400) of the example's day. Ends with 0 if nothing is wrong, else with "
    "1.\n";

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::uint64_t> numbers = {{"--kills", 20}, {"--adapters", 5},
                                                  {"--broker", 2}, {"--pauses", 2},
                                                  {"--seed", 1},   {"--limit", 0}};
  std::map<std::string, std::string> texts = {{"--data", ""}, {"--orders", ""}};
  for (int i = 1; i < argc; i += 2) {
    const std::string word = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    const auto number = numbers.find(word);
    if (number != numbers.end()) {
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), number->second);
      if (error == std::errc() && !value.empty() && end == value.data() + value.size()) continue;
    } else if (texts.contains(word) && !value.empty()) {
      texts[word] = value;
      continue;
    }
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::error_code error;
  const fs::path data = fs::absolute(texts["--data"]);
  if (texts["--data"].empty() || !fs::create_directories(data, error)) {
    std::fprintf(stderr, "weft-storm: --data names a directory that does not exist yet\n\n%s",
                 kUsage);
    return 2;
  }
  weft::retail::Business business;
  if (texts["--orders"].empty()) {
    business = weft::retail::a_day(numbers["--limit"] == 0 ? 400 : numbers["--limit"]);
  } else {
    std::ifstream in(texts["--orders"], std::ios::binary);
    auto invoices = weft::retail::read_invoices(in, numbers["--limit"]);
    if (!invoices || invoices->business.orders.empty()) {
      std::fprintf(stderr, "weft-storm: %s can not be read\n", texts["--orders"].c_str());
      return 2;
    }
    business = std::move(invoices->business);
  }
  const auto count = [&](const char* name) { return static_cast<int>(numbers[name]); };
  const weft::test::StormPlan plan{count("--kills"), count("--adapters"), count("--broker"),
                                   count("--pauses"), numbers["--seed"]};
  const auto findings =
      weft::test::run_storm({fs::path(WEFT_BINARY_DIR) / "bin",
                             fs::path(WEFT_SOURCE_DIR) / "workflows/retail", data, false},
                            std::move(business), plan);
  for (const auto& finding : findings) std::printf("WRONG: %s\n", finding.c_str());
  std::printf("%s\n", findings.empty() ? "Nothing is wrong." : "The storm did damage.");
  return findings.empty() ? 0 : 1;
}
