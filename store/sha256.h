#pragma once  // store/sha256.h

#include <cstdint>
#include <string_view>

#include "store/event.h"

namespace weft::store {

/// SHA-256 of the pieces added, one after another. At most one lives in a thread at a time: they
/// share the thread's context, because making one costs more than hashing a small event.
class Sha256 final {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  Sha256& add(std::string_view bytes);
  Sha256& add(const Digest& digest);
  /// Big endian, `bytes` wide.
  Sha256& add_number(std::uint64_t value, int bytes);
  [[nodiscard]] Digest finish();
};

[[nodiscard]] inline std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// `bytes` must have 32.
[[nodiscard]] Digest digest_from(std::string_view bytes);

/// Lower-case hexadecimal.
[[nodiscard]] std::string to_hex(std::string_view bytes);

}  // namespace weft::store
