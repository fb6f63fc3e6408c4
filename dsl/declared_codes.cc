#include "dsl/declared_codes.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "dsl/names.h"

namespace weft::dsl {
namespace {

bool among(const std::vector<std::string_view>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string shown(Position at) { return std::to_string(at.line) + ":" + std::to_string(at.column); }

}  // namespace

void check_declared_codes(const std::vector<ErrorSyntax>& errors, Reporter& reporter) {
  std::map<std::int64_t, std::pair<std::string, Position>> numbers;
  for (const ErrorSyntax& error : errors) {
    const std::string& code = error.code.text;
    const bool engine = among(reserved_codes(), code) || is_service_code(code);
    const bool a_class = among(routable_classes(), code) || code == "any" || code == "invalid" ||
                         code == "none" || code == "all";
    if (engine || a_class) {
      reporter.error(error.code.at, "codes.reserved",
                     engine ? "the code " + quoted(code) + " is raised by the engine itself"
                            : quoted(code) + " is a class of errors, not a code",
                     "give the code a name of the business, like " + quoted("payment_" + code));
    }
    for (std::size_t i = 0; i < error.declaration.service_codes.size(); ++i) {
      const std::int64_t number = error.declaration.service_codes[i];
      const Position at = error.service_codes_at[i];
      const auto [found, added] = numbers.emplace(number, std::pair(code, at));
      if (added) continue;
      reporter.error(at, "codes.service",
                     "the service code " + std::to_string(number) + " already means " +
                         quoted(found->second.first) + " (" + shown(found->second.second) + ")",
                     "list every number once");
    }
  }
}

}  // namespace weft::dsl
