#include "examples/retail/invoices.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <istream>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace weft::retail {
namespace {

const std::vector<std::string> kColumns = {"InvoiceNo",   "StockCode", "Description", "Quantity",
                                           "InvoiceDate", "UnitPrice", "CustomerID",  "Country"};
enum Column { kInvoice, kCode, kDescription, kQuantity, kDate, kPrice, kCustomer, kCountry };

// Where an article is kept; any stable rule will do, as the file names no warehouse.
const char* const kLocations[] = {"central", "north", "south"};

// What one order may be: beyond the first a price is a typing error, and sums must stay in 64 bits;
// beyond the second an order is larger than a message may be (256 KiB).
constexpr std::int64_t kOrderValueMax = 1'000'000'000'000;
constexpr std::size_t kOrderLinesMax = 2000;
// So many order lines make an article one that may sell out.
constexpr std::size_t kManyBuyers = 4;

// An article's code begins with five digits (85123A) or is one of the shop's own goods (DCGS0076).
// Everything else is postage, a fee, a discount, a sample or a manual entry.
bool is_article(const std::string& code) {
  if (code.starts_with("DCGS")) return true;
  return code.size() >= 5 &&
         std::all_of(code.begin(), code.begin() + 5, [](char c) { return c >= '0' && c <= '9'; });
}

std::string upper(std::string text, bool* changed) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') {
      c = static_cast<char>(c - 'a' + 'A');
      *changed = true;
    }
  }
  return text;
}

// "17850.0" is the customer 17850; the decimal stems from a spreadsheet.
std::string customer_id(const std::string& text) {
  const auto point = text.find('.');
  if (point == std::string::npos) return text;
  const bool zeros = text.find_first_not_of('0', point + 1) == std::string::npos;
  return zeros ? text.substr(0, point) : text;
}

// "2010-12-01 08:26:00", or as the original file has it "12/1/2010 8:26", to
// "2010-12-01T08:26:00Z"; shop time is taken as UTC. Nothing for anything else.
std::optional<std::string> timestamp(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  const auto size = static_cast<int>(text.size());
  const bool iso = std::sscanf(text.c_str(), "%4d-%2d-%2d %2d:%2d:%2d%n", &year, &month, &day,
                               &hour, &minute, &second, &used) == 6 &&
                   used == size;
  if (!iso) {
    second = 0;
    if (std::sscanf(text.c_str(), "%2d/%2d/%4d %2d:%2d%n", &month, &day, &year, &hour, &minute,
                    &used) != 5 ||
        used != size) {
      return std::nullopt;
    }
  }
  const auto within = [](int value, int low, int high) { return low <= value && value <= high; };
  if (!within(year, 1, 9999) || !within(month, 1, 12) || !within(day, 1, 31) ||
      !within(hour, 0, 23) || !within(minute, 0, 59) || !within(second, 0, 59)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  char out[32];
  std::snprintf(out, sizeof out, "%04u-%02u-%02uT%02u:%02u:%02uZ",
                static_cast<unsigned>(year) % 10000u, static_cast<unsigned>(month) % 100u,
                static_cast<unsigned>(day) % 100u, static_cast<unsigned>(hour) % 100u,
                static_cast<unsigned>(minute) % 100u, static_cast<unsigned>(second) % 100u);
  return out;
}

// What becomes part of a key and is read by people: numbers and codes are plain in every shop.
bool is_plain(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string region_of(const std::string& country) {
  static const std::set<std::string> world = {"Japan",   "Australia", "Israel", "Bahrain",
                                              "USA",     "Canada",    "Brazil", "Singapore",
                                              "Lebanon", "Hong Kong", "RSA",    "Saudi Arabia"};
  if (country == "United Kingdom" || country == "Channel Islands") return "UK";
  return world.contains(country) ? "WORLD" : "EU";
}

std::optional<std::int64_t> parse_integer(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Row {
  std::string invoice, code, date, customer, country;
  std::int64_t qty = 0;
  Price price;
};

class Reader {
 public:
  Reader(std::istream& in, std::size_t limit) : csv_(in), limit_(limit) {}

  tl::expected<Invoices, CsvError> read() {
    std::vector<std::string> fields;
    auto more = csv_.next(fields);
    if (!more) return tl::unexpected(more.error());
    if (!*more || fields != kColumns) {
      return fail(
          "expected the columns InvoiceNo,StockCode,Description,Quantity,InvoiceDate,"
          "UnitPrice,CustomerID,Country in the first line");
    }
    while (true) {
      more = csv_.next(fields);
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      auto row = parse(fields);
      if (!row) return tl::unexpected(row.error());
      if (auto taken = take(std::move(*row)); !taken) return tl::unexpected(taken.error());
    }
    close_orders();
    match_cancellations();
    stock_up();
    return std::move(result_);
  }

 private:
  struct Cancellation {
    std::string id, customer, date;
    std::vector<OrderLine> lines;
  };

  tl::unexpected<CsvError> fail(std::string message) const {
    return tl::unexpected(CsvError{csv_.line(), std::move(message)});
  }

  tl::expected<Row, CsvError> parse(const std::vector<std::string>& fields) const {
    if (fields.size() != kColumns.size()) {
      return fail("expected 8 fields, found " + std::to_string(fields.size()));
    }
    Row row{fields[kInvoice],
            fields[kCode],
            "",
            customer_id(fields[kCustomer]),
            fields[kCountry],
            0,
            {}};
    if (row.invoice.empty() || row.invoice.size() > 60)
      return fail("InvoiceNo is empty or too long");
    if (row.code.empty() || row.code.size() > 40) return fail("StockCode is empty or too long");
    if (!is_plain(row.invoice) || !is_plain(row.code) || !is_plain(row.customer)) {
      return fail(
          "InvoiceNo, StockCode or CustomerID holds a character that is no printable ASCII; are "
          "the "
          "columns in their order, and is the file text?");
    }
    if (row.customer.size() > 50 || row.country.size() > 64) {
      return fail("CustomerID or Country is too long");
    }
    auto date = timestamp(fields[kDate]);
    if (!date) {
      return fail("InvoiceDate `" + fields[kDate].substr(0, 40) +
                  "` is no time like 2010-12-01 08:26:00");
    }
    row.date = std::move(*date);
    const auto qty = parse_integer(fields[kQuantity]);
    // A million pieces of one article: beyond that it is a typing error, and sums must not
    // overflow.
    if (!qty || *qty > 1'000'000 || *qty < -1'000'000) {
      return fail("Quantity `" + fields[kQuantity].substr(0, 40) +
                  "` is no whole number up to a million");
    }
    row.qty = *qty;
    if (!is_article(row.code)) return row;  // Its price may be anything: a bad debt is negative.
    auto price = parse_price(fields[kPrice]);
    if (!price) return fail("UnitPrice " + price.error());
    row.price = *price;
    return row;
  }

  tl::expected<void, CsvError> take(Row row) {
    auto& report = result_.report;
    ++report.lines;
    const bool cancellation = row.invoice.front() == 'C';
    if (seen_.insert(row.invoice).second) {
      ++report.invoices;
      if (cancellation) ++report.cancellations;
    }
    if (!is_article(row.code)) {
      ++report.charge_lines;
      return {};
    }
    if (row.price.rounded) ++report.rounded_prices;
    bool unified = false;
    OrderLine line{upper(row.code, &unified), "", row.qty, row.price.minor};
    if (unified) ++report.unified_codes;
    line.location = kLocations[spread(line.sku, 3)];
    if (cancellation) {
      line.qty = -line.qty;
      if (line.qty <= 0) return {};
      auto& open = cancellations_[row.invoice];
      open.id = row.invoice;
      open.customer = row.customer;
      open.date = row.date;
      open.lines.push_back(std::move(line));
      return {};
    }
    if (row.qty <= 0) {
      ++report.correction_lines;
      return {};
    }
    return add_to_order(row, std::move(line));
  }

  tl::expected<void, CsvError> add_to_order(const Row& row, OrderLine line) {
    auto [place, is_new] = order_by_invoice_.try_emplace(row.invoice, drafts_.size());
    if (is_new) {
      Order order;
      order.order_id = row.invoice;
      order.customer_id = row.customer.empty() ? "guest-" + row.invoice : row.customer;
      order.country = row.country;
      order.region = region_of(row.country);
      order.placed_at = row.date;  // A few invoices carry two times; the first one counts.
      order.allow_partial = spread(row.invoice, 2) == 0;
      drafts_.push_back({std::move(order), row.customer.empty(), 0});
    }
    Draft& draft = drafts_[place->second];
    auto& lines = draft.order.lines;
    draft.value_minor += line.qty * line.unit_minor;
    if (draft.value_minor > kOrderValueMax) {
      return fail("invoice " + row.invoice +
                  " is worth more than 10,000,000,000; is UnitPrice right?");
    }
    for (auto& other : lines) {
      if (other.sku == line.sku && other.unit_minor == line.unit_minor) {
        other.qty += line.qty;
        ++result_.report.merged_lines;
        return {};
      }
    }
    if (lines.size() >= kOrderLinesMax) {
      return fail("invoice " + row.invoice +
                  " has more than 2,000 articles; more than one order takes");
    }
    lines.push_back(std::move(line));
    return {};
  }

  void close_orders() {
    auto& report = result_.report;
    std::stable_sort(drafts_.begin(), drafts_.end(), [](const Draft& a, const Draft& b) {
      return a.order.placed_at < b.order.placed_at;
    });
    for (auto& draft : drafts_) {
      if (draft.order.total_minor() == 0) {
        ++report.free_orders;
      } else if (limit_ != 0 && result_.business.orders.size() >= limit_) {
        ++report.cut_off;
      } else {
        if (draft.guest) ++report.guest_orders;
        result_.business.orders.push_back(std::move(draft.order));
      }
    }
  }

  // A cancellation names no invoice. What its customer bought last is what is given back; when that
  // is not enough, what was bought before it.
  void match_cancellations() {
    struct Bought {
      std::size_t order;
      std::string date;
      OrderLine line;  // What is left of it.
    };
    std::map<std::pair<std::string, std::string>, std::vector<Bought>> bought;
    const auto& orders = result_.business.orders;
    for (std::size_t i = 0; i < orders.size(); ++i) {
      for (const auto& line : orders[i].lines) {
        bought[{orders[i].customer_id, line.sku}].push_back({i, orders[i].placed_at, line});
      }
    }
    std::vector<Cancellation*> in_time;
    for (auto& [id, cancellation] : cancellations_) in_time.push_back(&cancellation);
    std::stable_sort(in_time.begin(), in_time.end(),
                     [](const auto* a, const auto* b) { return a->date < b->date; });
    for (auto* cancellation : in_time) {
      std::map<std::size_t, Return> by_order;
      for (const auto& wanted : cancellation->lines) {
        std::int64_t open = wanted.qty;
        auto found = bought.find({cancellation->customer, wanted.sku});
        if (found != bought.end() && !cancellation->customer.empty()) {
          auto& list = found->second;
          for (auto it = list.rbegin(); it != list.rend() && open > 0; ++it) {
            if (it->date >= cancellation->date || it->line.qty == 0) continue;
            OrderLine part = it->line;
            part.qty = std::min(open, it->line.qty);
            it->line.qty -= part.qty;
            open -= part.qty;
            by_order[it->order].lines.push_back(std::move(part));
          }
        }
        ++(open < wanted.qty ? result_.report.cancelled_lines_matched
                             : result_.report.cancelled_lines_unmatched);
      }
      for (auto& [order, given_back] : by_order) {
        given_back.order = order;
        given_back.return_id = cancellation->id + "-" + orders[order].order_id;
        std::int64_t pieces = 0, pieces_of_order = 0;
        for (const auto& line : given_back.lines) pieces += line.qty;
        for (const auto& line : orders[order].lines) pieces_of_order += line.qty;
        given_back.whole_order = pieces == pieces_of_order;
        result_.business.returns.push_back(std::move(given_back));
      }
    }
  }

  // The file names no stock. Every article has what the month asks of it, save every tenth of those
  // that many want: it has two thirds and sells out. (Were an article short that one order wants,
  // nobody would ever get it.)
  void stock_up() {
    auto& stock = result_.business.stock;
    std::map<std::string, std::size_t> buyers;
    for (const auto& order : result_.business.orders) {
      for (const auto& line : order.lines) {
        stock[line.sku][line.location] += line.qty;
        ++buyers[line.sku];
      }
    }
    for (auto& [sku, by_location] : stock) {
      if (buyers[sku] < kManyBuyers || spread(sku + "/scarce", 10) != 0) continue;
      for (auto& [location, pieces] : by_location) pieces = pieces * 2 / 3;
    }
  }

  struct Draft {
    Order order;
    bool guest = false;
    std::int64_t value_minor = 0;
  };

  CsvReader csv_;
  std::size_t limit_;
  Invoices result_;
  std::set<std::string> seen_;
  std::vector<Draft> drafts_;
  std::map<std::string, std::size_t> order_by_invoice_;
  std::map<std::string, Cancellation> cancellations_;
};

}  // namespace

tl::expected<Price, std::string> parse_price(const std::string& text) {
  const auto wrong = [&] {
    return tl::unexpected("`" + text.substr(0, 40) + "` is no price like 2.55");
  };
  const auto point = text.find('.');
  const std::string whole = text.substr(0, point);
  const std::string decimals = point == std::string::npos ? "" : text.substr(point + 1);
  const auto digits = [](const std::string& part) {
    return std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  // Nine digits before the point, so that a million times a price stays in 64 bits.
  if (whole.empty() || whole.size() > 9 || decimals.size() > 12 || !digits(whole) ||
      !digits(decimals)) {
    return wrong();
  }
  const std::string cents = (decimals + "00").substr(0, 2);
  Price price{std::stoll(whole) * 100 + std::stoll(cents), false};
  if (decimals.size() > 2 && decimals.find_first_not_of('0', 2) != std::string::npos) {
    price.rounded = true;
    if (decimals[2] >= '5') ++price.minor;
  }
  return price;
}

tl::expected<Invoices, CsvError> read_invoices(std::istream& in, std::size_t limit) {
  return Reader(in, limit).read();
}

}  // namespace weft::retail
