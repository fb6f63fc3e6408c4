#pragma once  // adapters/reference/flags.h

#include <cstdint>
#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "adapters/sdk/program.h"

namespace weft::reference {

/// A flag that sets an integer of at least 0.
template <typename Set>
[[nodiscard]] sdk::Flag number_flag(std::string name, std::string value, std::string help,
                                    Set set) {
  return {std::move(name), std::move(value), std::move(help),
          [set](const std::string& text) -> tl::expected<void, std::string> {
            std::int64_t number = 0;
            for (const char c : text) {
              if (c < '0' || c > '9' || number > 1'000'000'000'000) {
                return tl::unexpected("expected a whole number, got " + text);
              }
              number = number * 10 + (c - '0');
            }
            if (text.empty()) return tl::unexpected(std::string("expected a whole number"));
            set(number);
            return {};
          }};
}

}  // namespace weft::reference
