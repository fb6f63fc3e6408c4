#include "tests/fuzz/target.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace weft::fuzz {

void require(bool kept, const char* promise) {
  if (kept) return;
  std::fprintf(stderr, "a promise is broken: %s\n", promise);
  std::abort();
}

// FNV-1a, 32 bits.
std::uint32_t kind_of(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

std::string_view take_line(std::string_view& input) {
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view line = input.substr(0, end);
  input.remove_prefix(std::min(end + 1, input.size()));
  return line;
}

const std::vector<Target>& targets() {
  static const std::vector<std::string> kJsonWords = {
      "{\"",     "\":",         "null", "true",    "false",
      "[",       "]",           "}",    "\\u0000", "\\ud83d",
      "\\ude00", "1e999",       "-0",   "0.1",     "12345678901234567890123456789",
      "\xff",    "\xef\xbb\xbf"};
  static const std::vector<Target> all = {
      {"yaml",
       "definitions of workflows and adapters",
       yaml_target,
       {"workflows", "tests/dsl/good", "tests/dsl/bad", "tests/fuzz/corpus/yaml"},
       {"steps:",  "- step: ",    "call: ",      "foreach: ",    "parallel:", "race:",
        "choice:", "compensate:", "pivot: true", "on_error:",    "when: ",    "listen: ",
        "wait: ",  "deadline: ",  "${ .a }",     "${",           "}",         "&a",
        "*a",      "<<: ",        "!!binary ",   "|\n",          ">-\n",      "? ",
        "---\n",   "\t",          "'",           "\"",           "{",         "[",
        ": ",      "0o17",        "1e400",       "\xef\xbb\xbf", "\xff"},
       16 * 1024},
      {"expression",
       "expressions of the workflow language",
       expression_target,
       {"tests/dsl/oracle_programs.txt", "tests/fuzz/corpus/expression"},
       {"map(",      "select(",  "reduce ",  "foreach ", "as $x",   "|",      ",",
        "//",        "?",        "..",       "[]",       "[1:2]",   "if ",    " then ",
        " else ",    " end",     "try ",     "catch ",   "def f: ", "\\(",    "sort_by(",
        "group_by(", "limit(3;", "range(5)", "$a",       ".a",      "@json",  "tojson",
        "fromjson",  "tostring", "tonumber", "add",      "length",  "keys",   "to_entries",
        "test(\"",   "split(\"", "now",      "env",      "input",   "1e1000", "9223372036854775807",
        "-1",        "null"},
       1024},
      {"json",
       "JSON documents",
       json_target,
       {"tests/fuzz/corpus/json", "workflows"},
       kJsonWords,
       4096},
      {"event",
       "stored events, effects, snapshots and outbox rows",
       event_target,
       {"tests/golden/format-1", "tests/fuzz/corpus/event"},
       {std::string(1, '\0'), "\xff\xff\xff\xff", "\x80\x80\x80"},
       8192},
      {"message",
       "NATS messages: subjects, headers, replies, CloudEvents",
       message_target,
       {"tests/fuzz/corpus/message"},
       {"weft.start.",
        "weft.task.",
        "weft.event.",
        "weft.signal.",
        "_INBOX.",
        "$JS.",
        ">",
        "*",
        "..",
        "Weft-Attempt: ",
        "Weft-Idempotency-Key: ",
        "Weft-Effect: none",
        "Nats-Service-Error-Code: ",
        "Nats-Service-Error: ",
        "Weft-Pending: true",
        "Weft-Protocol: 1",
        "Status: 503",
        "Content-Type: application/cloudevents+json",
        "\r\n",
        "\n\n",
        "{\"stream\":\"S\",\"seq\":1}",
        "\"specversion\":\"1.0\"",
        "\"retry_after_ms\":",
        "\"code\":"},
       4096},
      {"http",
       "HTTP targets, headers and bodies of the API",
       http_target,
       {"tests/fuzz/corpus/http"},
       {"GET ",
        "POST ",
        "PUT ",
        "DELETE ",
        "/sagas",
        "/workflows",
        "/adapters",
        "/hooks/",
        "/changes",
        "/stuck",
        "/orders",
        "%2e%2e",
        "%00",
        "%",
        "?",
        "&",
        "=",
        "limit=",
        "where=",
        "cursor=",
        "Host: ",
        "Origin: ",
        "Idempotency-Key: ",
        "If-Match: ",
        "[::1]:80",
        "127.0.0.1",
        "localhost",
        "{\"reason\":\"x\"}"},
       4096},
      {"intake",
       "whole messages into a running engine",
       intake_target,
       {"tests/fuzz/corpus/intake"},
       kJsonWords,
       2048},
      {"csv",
       "CSV files of the retail example",
       csv_target,
       {"tests/fuzz/corpus/csv"},
       {"\"", "\"\"", ",", "\r\n", "\n", "\xef\xbb\xbf", "\r"},
       4096},
      {"store",
       "keys, rows, logs, watermarks and small files of the store",
       store_target,
       {"tests/fuzz/corpus/store"},
       {std::string(1, '\0'), std::string("\0\1", 2), std::string("\0\xff", 2), "\x80", "WEFTMARK",
        "weft-store ", "needs ", "weft-backup 1\n", "store ", "epoch ", "position ", "hash ",
        "taken_at_ms "},
       9000},
  };
  return all;
}

}  // namespace weft::fuzz
