#include <sstream>
#include <string>
#include <vector>

#include "examples/retail/csv.h"
#include "tests/fuzz/target.h"

namespace weft::fuzz {

std::uint32_t csv_target(std::string_view input) {
  std::istringstream stream{std::string(input)};
  retail::CsvReader reader(stream);
  std::vector<std::string> fields;
  std::uint32_t records = 0;
  for (;;) {
    const auto next = reader.next(fields);
    if (!next) {
      require(next.error().line > 0 && !next.error().message.empty(), "an error has a place");
      return 1000 + kind_of(next.error().message) % 100;
    }
    if (!*next) break;
    require(!fields.empty(), "a record has fields");
    require(++records <= input.size(), "reading ends");
  }
  return records * 16 + static_cast<std::uint32_t>(fields.size() % 16);
}

}  // namespace weft::fuzz
