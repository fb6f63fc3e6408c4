// Runs the retail example. `examples/quickstart` builds it first and calls it.

#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "examples/retail/day.h"
#include "examples/retail/invoices.h"
#include "examples/retail/process.h"
#include "examples/retail/story.h"
#include "examples/retail/world.h"

namespace weft::retail {
namespace {

namespace fs = std::filesystem;

// Enough for every phase of the day to hold some dozens of orders.
constexpr std::size_t kOrdersOfTheDay = 320;

struct Options {
  fs::path programs, workflows, data, orders;
  std::size_t limit = 0;
  bool keep = false;
};

tl::expected<Options, std::string> parse(const std::vector<std::string>& words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    if (word == "--keep") {
      options.keep = true;
      continue;
    }
    if (i + 1 == words.size()) return tl::unexpected(word + ": unknown, or its value is missing");
    const auto& value = words[++i];
    if (word == "--programs") {
      options.programs = fs::absolute(value);
    } else if (word == "--workflows") {
      options.workflows = fs::absolute(value);
    } else if (word == "--data") {
      options.data = fs::absolute(value);
    } else if (word == "--orders") {
      options.orders = value;
    } else if (word == "--limit") {
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), options.limit);
      if (error != std::errc() || end != value.data() + value.size() || options.limit == 0) {
        return tl::unexpected("--limit: `" + value + "` is no number above 0");
      }
    } else {
      return tl::unexpected("unknown argument: " + word);
    }
  }
  if (options.programs.empty() || options.workflows.empty()) {
    return tl::unexpected(std::string("--programs DIR and --workflows DIR are needed"));
  }
  return options;
}

tl::expected<fs::path, std::string> make_data(const fs::path& wanted) {
  std::error_code error;
  if (!wanted.empty()) {
    fs::create_directories(wanted, error);
    if (error) return tl::unexpected(wanted.string() + ": " + error.message());
    if (!fs::is_empty(wanted, error) || error) {
      return tl::unexpected(wanted.string() + " is not empty; this run begins with empty books");
    }
    return wanted;
  }
  auto name = (fs::temp_directory_path(error) / "weft-retail-XXXXXX").string();
  if (error || mkdtemp(name.data()) == nullptr) {
    return tl::unexpected(std::string("no temporary directory could be made"));
  }
  return fs::path(name);
}

void print_report(const InvoiceReport& report, const Business& business) {
  std::printf(
      "%lld lines of %lld invoices are %zu orders (%lld of guests, without a customer).\n"
      "Left out, as they are no sale of goods: %lld lines of postage, fees and discounts, %lld "
      "stock\ncorrections, %lld invoices worth nothing.\n"
      "The same article again in one invoice: %lld lines merged; %lld codes brought to upper "
      "case.\n"
      "%lld invoices cancel earlier ones: %lld lines found their order (%zu returns), %lld did "
      "not, "
      "as it\nwas before this file, named no customer, or is no article.\n",
      static_cast<long long>(report.lines), static_cast<long long>(report.invoices),
      business.orders.size(), static_cast<long long>(report.guest_orders),
      static_cast<long long>(report.charge_lines), static_cast<long long>(report.correction_lines),
      static_cast<long long>(report.free_orders), static_cast<long long>(report.merged_lines),
      static_cast<long long>(report.unified_codes), static_cast<long long>(report.cancellations),
      static_cast<long long>(report.cancelled_lines_matched), business.returns.size(),
      static_cast<long long>(report.cancelled_lines_unmatched));
  if (report.cut_off > 0) {
    std::printf("%lld orders beyond --limit are left out.\n",
                static_cast<long long>(report.cut_off));
  }
  std::fflush(stdout);
}

tl::expected<Business, std::string> read_business(const Options& options) {
  if (options.orders.empty()) return a_day(kOrdersOfTheDay);
  std::ifstream in(options.orders, std::ios::binary);
  if (!in) return tl::unexpected(options.orders.string() + " can not be read");
  auto invoices = read_invoices(in, options.limit);
  if (!invoices) {
    return tl::unexpected(options.orders.string() + ":" + std::to_string(invoices.error().line) +
                          ": " + invoices.error().message);
  }
  if (invoices->business.orders.empty()) {
    return tl::unexpected(options.orders.string() + " holds no order");
  }
  print_report(invoices->report, invoices->business);
  return std::move(invoices->business);
}

// A Ctrl-C ends this process at once, and with it every program that it started.
void end_on_signals() {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  std::thread([ending] {
    int number = 0;
    sigwait(&ending, &number);
    kill_all_children();
    std::fputs("\nquickstart: interrupted; every program it started was ended\n", stderr);
    _exit(128 + number);
  }).detach();
}

int quickstart(const std::vector<std::string>& words) {
  const auto complain = [](const std::string& message) {
    std::fflush(stdout);
    std::cerr << "quickstart: " << message << '\n';
    return 1;
  };
  const auto options = parse(words);
  if (!options) {
    complain(options.error());
    return 2;
  }
  auto business = read_business(*options);
  if (!business) return complain(business.error());
  const auto data = make_data(options->data);
  if (!data) return complain(data.error());
  end_on_signals();

  World world({options->programs, options->workflows, *data, options->keep});
  bool adds_up = false;
  {
    Story story(world, std::move(*business));
    if (const auto lived = story.live(); !lived) return complain(lived.error());
    const auto accounted = story.account();
    if (!accounted) return complain(accounted.error());
    adds_up = *accounted;
  }
  std::printf("\nStores, databases and logs of this run: %s\n", data->c_str());
  std::fflush(stdout);
  if (options->keep) {
    world.keep_running();
    std::printf(
        "Everything keeps running. Look around with\n"
        "  export WEFT_SERVER=%s PATH=%s:$PATH\n"
        "  weft status; weft list; weft adapters\n"
        "NATS listens on %s. End it all with %s/stop\n",
        world.http_url().c_str(), options->programs.c_str(), world.nats_url().c_str(),
        data->c_str());
    std::fflush(stdout);
  } else if (const auto stopped = world.stop(); !stopped) {
    return complain(stopped.error());
  }
  return adds_up ? 0 : 1;
}

}  // namespace
}  // namespace weft::retail

int main(int argc, char** argv) {
  return weft::retail::quickstart(std::vector<std::string>(argv + 1, argv + argc));
}
