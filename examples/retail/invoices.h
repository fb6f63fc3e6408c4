#pragma once  // examples/retail/invoices.h

#include <cstdint>
#include <iosfwd>
#include <string>

#include <tl/expected.hpp>

#include "examples/retail/csv.h"
#include "examples/retail/orders.h"

namespace weft::retail {

/// What the file held and what became of it, for the reader's report. Nothing is dropped silently.
struct InvoiceReport {
  std::int64_t lines = 0;
  std::int64_t invoices = 0;
  std::int64_t charge_lines = 0;      ///< Postage, fees, discounts: no article, nothing to ship.
  std::int64_t correction_lines = 0;  ///< Negative without being a cancellation: stock was lost.
  std::int64_t merged_lines = 0;      ///< The same article at the same price again.
  std::int64_t unified_codes = 0;     ///< Lines whose article code was in lower case.
  std::int64_t rounded_prices = 0;    ///< More than two decimals.
  std::int64_t free_orders = 0;       ///< Worth nothing in all: a stock movement, no sale.
  std::int64_t guest_orders = 0;      ///< No customer named.
  std::int64_t cancellations = 0;     ///< `C` invoices.
  std::int64_t cancelled_lines_matched = 0;
  std::int64_t cancelled_lines_unmatched = 0;  ///< No earlier order of that customer and article.
  std::int64_t cut_off = 0;                    ///< Orders beyond the limit asked for.
};

struct Invoices {
  Business business;
  InvoiceReport report;
};

/// Reads invoices in the format of UCI "Online Retail" (Daqing Chen, 2015). One invoice is one
/// order; a `C` invoice is matched to earlier orders by customer, article and date, newest first.
/// `limit`: at most so many orders; 0 = all.
[[nodiscard]] tl::expected<Invoices, CsvError> read_invoices(std::istream& in, std::size_t limit);

/// "2.55" -> 255; exact, half away from zero beyond two decimals. Nothing if it is no price.
struct Price {
  std::int64_t minor = 0;
  bool rounded = false;
};
[[nodiscard]] tl::expected<Price, std::string> parse_price(const std::string& text);

}  // namespace weft::retail
