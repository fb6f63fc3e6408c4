// Do the books add up? Reads the five adapters' own databases, as an auditor would, and knows
// nothing of the orchestrator: neither its code nor its store.

#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

// A long list of articles is shortened: the sums and every wrong article are always shown.
constexpr std::size_t kArticlesShown = 15;
constexpr std::size_t kFindingsShown = 10;

constexpr const char* kDatabases[] = {"inventory", "payments", "erp", "wms", "notify"};

/// One rule of the books: a query that finds what breaks it, one line of text per finding.
struct Rule {
  const char* name;
  const char* findings;
};

// An order's rows are found by its number in inventory, wms and erp, and by its saga in payments.
constexpr Rule kRules[] = {
    {"every article: initial + received = on hand + shipped",
     R"sql(
SELECT a.sku || ' at ' || a.location || ': ' || coalesce(i.qty, 0) || ' + ' || coalesce(r.qty, 0) ||
       ' <> ' || a.on_hand || ' + ' || coalesce(s.qty, 0)
FROM inventory.article a
LEFT JOIN inventory.initial_stock i USING (sku, location)
LEFT JOIN (SELECT sku, location, sum(qty) qty FROM inventory.shipped GROUP BY 1, 2) s
  USING (sku, location)
LEFT JOIN (SELECT sku, location, sum(qty) qty FROM inventory.received WHERE NOT withdrawn
           GROUP BY 1, 2) r USING (sku, location)
WHERE coalesce(i.qty, 0) + coalesce(r.qty, 0) <> a.on_hand + coalesce(s.qty, 0))sql"},
    {"every article with initial stock is still listed",
     R"sql(
SELECT i.sku || ' at ' || i.location FROM inventory.initial_stock i
WHERE NOT EXISTS (SELECT 1 FROM inventory.article a
                  WHERE a.sku = i.sku AND a.location = i.location))sql"},
    {"nothing is reserved any more",
     R"sql(
SELECT sku || ' at ' || location || ': ' || reserved FROM inventory.article WHERE reserved <> 0
UNION ALL
SELECT 'order ' || order_id || ' still holds ' || qty || ' of ' || sku
FROM inventory.reservation)sql"},
    {"what left the stock left the warehouse, order by order",
     R"sql(
WITH left_stock AS (SELECT order_id, sku, location, sum(qty) qty FROM inventory.shipped GROUP BY 1, 2, 3),
     left_house AS (SELECT order_id, sku, location, sum(qty) qty FROM wms.allocation
                    WHERE state = 'shipped' GROUP BY 1, 2, 3)
SELECT 'stock only: ' || order_id || ' ' || sku || ' ' || qty
FROM (SELECT * FROM left_stock EXCEPT SELECT * FROM left_house)
UNION ALL
SELECT 'warehouse only: ' || order_id || ' ' || sku || ' ' || qty
FROM (SELECT * FROM left_house EXCEPT SELECT * FROM left_stock))sql"},
    {"no pick waits in a warehouse",
     R"sql(SELECT 'order ' || order_id || ': ' || sku FROM wms.allocation
WHERE state = 'allocated')sql"},
    {"every shipment is the sum of its picks",
     R"sql(
SELECT 'order ' || s.order_id || ': ' || s.qty || ' pieces worth ' || s.value_minor || ' <> ' ||
       coalesce(sum(a.qty), 0) || ' worth ' || coalesce(sum(a.qty * a.unit_minor), 0)
FROM wms.shipment s
LEFT JOIN wms.allocation a ON a.order_id = s.order_id AND a.state = 'shipped'
GROUP BY s.id
HAVING s.qty <> coalesce(sum(a.qty), 0) OR s.value_minor <> coalesce(sum(a.qty * a.unit_minor), 0)
UNION ALL
SELECT 'order ' || order_id || ' left ' || count(*) || ' times' FROM wms.shipment
GROUP BY order_id HAVING count(*) > 1)sql"},
    {"every authorisation: authorised = captured + voided",
     R"sql(
SELECT 'authorisation ' || id || ' (' || state || '): ' || authorised || ' <> ' || captured || ' + ' ||
       voided
FROM payments.authorisation
WHERE authorised <> captured + voided OR state NOT IN ('captured', 'voided'))sql"},
    {"what was captured is what was shipped, order by order",
     R"sql(
SELECT 'order ' || coalesce(s.order_id, a.order_id) || ': captured ' || coalesce(a.captured, 0) ||
       ', shipped for ' || coalesce(s.value_minor, 0)
FROM wms.shipment s LEFT JOIN payments.authorisation a ON a.saga = s.saga
WHERE coalesce(a.captured, 0) <> s.value_minor
UNION ALL
SELECT 'authorisation ' || a.id || ' was captured and nothing was shipped'
FROM payments.authorisation a
WHERE a.captured > 0 AND NOT EXISTS (SELECT 1 FROM wms.shipment s WHERE s.saga = a.saga))sql"},
    {"one ERP order and one invoice per shipped order, and no others",
     R"sql(
SELECT 'order ' || s.order_id || ': ' ||
       (SELECT count(*) FROM erp.erp_order e WHERE e.external_id = s.order_id AND
        e.state = 'invoiced') || ' ERP orders, ' ||
       (SELECT count(*) FROM erp.invoice i WHERE i.external_id = s.order_id AND i.qty = s.qty) ||
       ' invoices of ' || s.qty || ' pieces'
FROM wms.shipment s
WHERE 1 <> (SELECT count(*) FROM erp.erp_order e WHERE e.external_id = s.order_id AND
            e.state = 'invoiced')
   OR 1 <> (SELECT count(*) FROM erp.invoice i WHERE i.external_id = s.order_id AND i.qty = s.qty)
UNION ALL
SELECT 'ERP order ' || e.number || ' (' || e.state || ') of order ' || e.external_id
FROM erp.erp_order e
WHERE e.state = 'open' OR (e.state = 'invoiced' AND NOT EXISTS
  (SELECT 1 FROM wms.shipment s WHERE s.order_id = e.external_id))
UNION ALL
SELECT 'invoice ' || i.number || ' of order ' || i.external_id FROM erp.invoice i
WHERE NOT EXISTS (SELECT 1 FROM wms.shipment s WHERE s.order_id = i.external_id))sql"},
    {"what is invoiced is what left the warehouse, line by line",
     R"sql(
WITH invoiced AS (
  SELECT i.external_id order_id, json_extract(l.value, '$.sku') sku,
         json_extract(l.value, '$.location') location, sum(json_extract(l.value, '$.qty')) qty
  FROM erp.invoice i, json_each(i.lines) l GROUP BY 1, 2, 3),
     shipped AS (SELECT order_id, sku, location, sum(qty) qty FROM wms.allocation
                 WHERE state = 'shipped' GROUP BY 1, 2, 3)
SELECT 'invoiced only: ' || order_id || ' ' || sku || ' ' || qty
FROM (SELECT * FROM invoiced EXCEPT SELECT * FROM shipped)
UNION ALL
SELECT 'shipped only: ' || order_id || ' ' || sku || ' ' || qty
FROM (SELECT * FROM shipped EXCEPT SELECT * FROM invoiced))sql"},
    {"the ERP and the bank heard the same total",
     R"sql(
SELECT 'order ' || e.external_id || ': ' || e.total_minor || ' <> ' ||
       coalesce(a.authorised, 'nothing')
FROM erp.erp_order e LEFT JOIN payments.authorisation a ON a.saga = e.saga
WHERE a.authorised IS NULL OR a.authorised <> e.total_minor)sql"},
    {"every refund has its credit note, and none is beyond what was captured",
     R"sql(
WITH refunds AS (SELECT order_id, sum(qty) minor, count(*) n FROM payments.refund GROUP BY 1),
     credits AS (SELECT external_id order_id, sum(total_minor) minor, count(*) n
                 FROM erp.credit_note GROUP BY 1)
SELECT 'refunded only: ' || order_id || ' ' || minor
FROM (SELECT * FROM refunds EXCEPT SELECT * FROM credits)
UNION ALL
SELECT 'credited only: ' || order_id || ' ' || minor
FROM (SELECT * FROM credits EXCEPT SELECT * FROM refunds)
UNION ALL
SELECT 'order ' || s.order_id || ': ' || r.minor || ' refunded of ' || s.value_minor
FROM refunds r JOIN wms.shipment s USING (order_id) WHERE r.minor > s.value_minor)sql"},
    {"only what was shipped came back",
     R"sql(
SELECT 'order ' || r.order_id || ': ' || r.qty || ' of ' || r.sku
FROM (SELECT order_id, sku, location, sum(qty) qty FROM inventory.received
      WHERE NOT withdrawn AND order_id <> '' GROUP BY 1, 2, 3) r
LEFT JOIN (SELECT order_id, sku, location, sum(qty) qty FROM inventory.shipped GROUP BY 1, 2, 3) s
  USING (order_id, sku, location)
WHERE r.qty > coalesce(s.qty, 0))sql"},
    {"every customer was told of their refund, once",
     R"sql(
WITH told AS (SELECT json_extract(data, '$.order_id') order_id,
                     sum(json_extract(data, '$.refund_minor')) minor, count(*) n
              FROM notify.message WHERE template = 'refund' AND kind = 'forward' GROUP BY 1),
     refunds AS (SELECT order_id, sum(qty) minor, count(*) n FROM payments.refund GROUP BY 1)
SELECT 'told only: ' || order_id || ' ' || minor
FROM (SELECT * FROM told EXCEPT SELECT * FROM refunds)
UNION ALL
SELECT 'refunded only: ' || order_id || ' ' || minor
FROM (SELECT * FROM refunds EXCEPT SELECT * FROM told))sql"},
};

constexpr const char* kArticles = R"sql(
SELECT a.sku, coalesce(sum(i.qty), 0), coalesce(sum(r.qty), 0), sum(a.on_hand),
       coalesce(sum(s.qty), 0), sum(a.reserved)
FROM inventory.article a
LEFT JOIN inventory.initial_stock i USING (sku, location)
LEFT JOIN (SELECT sku, location, sum(qty) qty FROM inventory.shipped GROUP BY 1, 2) s
  USING (sku, location)
LEFT JOIN (SELECT sku, location, sum(qty) qty FROM inventory.received WHERE NOT withdrawn
           GROUP BY 1, 2) r USING (sku, location)
GROUP BY a.sku ORDER BY a.sku)sql";

constexpr const char* kMoney = R"sql(
SELECT currency, sum(authorised), sum(captured), sum(voided),
       (SELECT coalesce(sum(qty), 0) FROM payments.refund r WHERE r.currency = a.currency)
FROM payments.authorisation a GROUP BY currency ORDER BY currency)sql";

constexpr const char* kCounts = R"sql(
SELECT (SELECT count(*) FROM wms.shipment),
       (SELECT count(*) FROM erp.erp_order WHERE state = 'invoiced'),
       (SELECT count(*) FROM erp.invoice),
       (SELECT count(*) FROM erp.erp_order WHERE state = 'cancelled'),
       (SELECT count(*) FROM erp.credit_note))sql";

struct DatabaseCloser {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};
using DatabasePointer = std::unique_ptr<sqlite3, DatabaseCloser>;

std::int64_t number(sqlite3_stmt* row, int column) { return sqlite3_column_int64(row, column); }

std::string text(sqlite3_stmt* row, int column) {
  const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return value == nullptr ? "" : value;
}

/// Runs a query; the problem, or nothing.
std::optional<std::string> each_row(sqlite3* database, const char* sql,
                                    const std::function<void(sqlite3_stmt*)>& on_row) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database, sql, -1, &raw, nullptr) != SQLITE_OK) {
    return sqlite3_errmsg(database);
  }
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, sqlite3_finalize);
  int status = SQLITE_ROW;
  while ((status = sqlite3_step(raw)) == SQLITE_ROW) on_row(raw);
  if (status != SQLITE_DONE) return sqlite3_errmsg(database);
  return std::nullopt;
}

std::optional<std::string> open_all(const fs::path& folder, DatabasePointer* out) {
  sqlite3* raw = nullptr;
  const int opened =
      sqlite3_open_v2(":memory:", &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, nullptr);
  out->reset(raw);
  if (opened != SQLITE_OK) return "SQLite can not be opened";
  sqlite3_busy_timeout(raw, 10'000);  // An adapter may be committing.
  for (const char* name : kDatabases) {
    const auto file = folder / (std::string(name) + ".db");
    std::error_code error;
    if (!fs::exists(file, error)) return file.string() + " does not exist";
    // Bound as a value: a path may hold any character. Only '?', '#' and '%' mean something in it.
    std::string uri = "file:";
    for (const char c : file.string()) {
      if (c == '?')
        uri += "%3f";
      else if (c == '#')
        uri += "%23";
      else if (c == '%')
        uri += "%25";
      else
        uri += c;
    }
    uri += "?mode=ro";
    sqlite3_stmt* attach = nullptr;
    const std::string sql = std::string("ATTACH ? AS ") + name;
    if (sqlite3_prepare_v2(raw, sql.c_str(), -1, &attach, nullptr) != SQLITE_OK) {
      return sqlite3_errmsg(raw);
    }
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(attach, sqlite3_finalize);
    sqlite3_bind_text(attach, 1, uri.c_str(), -1, SQLITE_TRANSIENT);
    if (sqlite3_step(attach) != SQLITE_DONE) return file.string() + ": " + sqlite3_errmsg(raw);
  }
  // One view of all five, even while adapters work.
  sqlite3_exec(raw, "BEGIN", nullptr, nullptr, nullptr);
  return std::nullopt;
}

void print_article(const char* name, const std::vector<std::int64_t>& sums) {
  const bool even = sums[0] + sums[1] == sums[2] + sums[3] && sums[4] == 0;
  std::printf("  %-18s %9lld %9lld %9lld %9lld %9lld  %s\n", name, static_cast<long long>(sums[0]),
              static_cast<long long>(sums[1]), static_cast<long long>(sums[2]),
              static_cast<long long>(sums[3]), static_cast<long long>(sums[4]),
              even ? "even" : "NOT EVEN");
}

std::optional<std::string> print_articles(sqlite3* database, bool all) {
  std::printf("  %-18s %9s %9s %9s %9s %9s\n", "article", "initial", "received", "on hand",
              "shipped", "reserved");
  std::vector<std::int64_t> totals(5, 0);
  std::size_t count = 0, hidden = 0;
  const auto problem = each_row(database, kArticles, [&](sqlite3_stmt* row) {
    std::vector<std::int64_t> sums;
    for (int i = 0; i < 5; ++i) sums.push_back(number(row, i + 1));
    for (std::size_t i = 0; i < 5; ++i) totals[i] += sums[i];
    const bool even = sums[0] + sums[1] == sums[2] + sums[3] && sums[4] == 0;
    if (all || ++count <= kArticlesShown || !even) {
      print_article(text(row, 0).c_str(), sums);
    } else {
      ++hidden;
    }
  });
  if (problem) return problem;
  if (hidden > 0) std::printf("  ... and %zu more articles, all even (--all shows them)\n", hidden);
  print_article("all", totals);
  return std::nullopt;
}

std::optional<std::string> print_money(sqlite3* database) {
  auto problem = each_row(database, kMoney, [](sqlite3_stmt* row) {
    std::printf(
        "\n  %s, minor units: authorised %lld = captured %lld + voided %lld; refunded %lld\n",
        text(row, 0).c_str(), static_cast<long long>(number(row, 1)),
        static_cast<long long>(number(row, 2)), static_cast<long long>(number(row, 3)),
        static_cast<long long>(number(row, 4)));
  });
  if (problem) return problem;
  return each_row(database, kCounts, [](sqlite3_stmt* row) {
    std::printf(
        "  shipped orders %lld, invoiced ERP orders %lld, invoices %lld; ERP orders cancelled "
        "%lld; credit notes %lld\n\n",
        static_cast<long long>(number(row, 0)), static_cast<long long>(number(row, 1)),
        static_cast<long long>(number(row, 2)), static_cast<long long>(number(row, 3)),
        static_cast<long long>(number(row, 4)));
  });
}

// True if every rule holds.
std::optional<std::string> check_rules(sqlite3* database, bool* good) {
  for (const Rule& rule : kRules) {
    std::vector<std::string> findings;
    const auto problem = each_row(database, rule.findings,
                                  [&](sqlite3_stmt* row) { findings.push_back(text(row, 0)); });
    if (problem) return std::string(rule.name) + ": " + *problem;
    std::printf("  [%s] %s\n", findings.empty() ? "ok" : "NO", rule.name);
    for (std::size_t i = 0; i < std::min(findings.size(), kFindingsShown); ++i) {
      std::printf("         %s\n", findings[i].c_str());
    }
    if (findings.size() > kFindingsShown) {
      std::printf("         ... and %zu more\n", findings.size() - kFindingsShown);
    }
    *good = *good && findings.empty();
  }
  return std::nullopt;
}

constexpr const char* kUsage =
    "usage: weft-example-balance DIR [--all]\n\n"
    "Reads inventory.db, payments.db, erp.db, wms.db and notify.db in DIR and says whether the "
    "books\n"
    "add up. Ends with 0 if they do, 1 if not, 2 if it was called wrongly or can not read them.\n"
    "  --all  show every article, not only the first and the wrong ones\n\n"
    "example: weft-example-balance /tmp/weft-retail-x1y2z3\n";

}  // namespace

int main(int argc, char** argv) {
  std::string folder;
  bool all = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help" || word == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (word == "--all") {
      all = true;
    } else if (folder.empty() && !word.starts_with("-")) {
      folder = word;
    } else {
      std::fprintf(stderr, "weft-example-balance: unknown argument: %s\n\n%s", argv[i], kUsage);
      return 2;
    }
  }
  if (folder.empty()) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  DatabasePointer database;
  bool good = true;
  auto problem = open_all(folder, &database);
  if (!problem) problem = print_articles(database.get(), all);
  if (!problem) problem = print_money(database.get());
  if (!problem) problem = check_rules(database.get(), &good);
  if (problem) {
    std::fflush(stdout);
    std::fprintf(stderr, "weft-example-balance: %s\n", problem->c_str());
    return 2;
  }
  std::printf("\n  %s\n", good ? "The books add up." : "THE BOOKS DO NOT ADD UP.");
  return good ? 0 : 1;
}
