#pragma once  // store/byte_codec.h

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::store {

// The small pieces that the grammars of key_layout.h and event_record.h are made of.
//
//   be16, be64   big endian, so that bytewise order is numeric order
//   varint       7 bits a byte, lowest first, the high bit says that more follow; at most 10 bytes
//   sized        varint length, then that many bytes

inline void append_be(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xffU));
  }
}

inline void append_be16(std::string& out, std::uint16_t value) { append_be(out, value, 2); }
inline void append_be64(std::string& out, std::uint64_t value) { append_be(out, value, 8); }

inline void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80U) {
    out.push_back(static_cast<char>((value & 0x7fU) | 0x80U));
    value >>= 7U;
  }
  out.push_back(static_cast<char>(value));
}

inline void append_sized(std::string& out, std::string_view bytes) {
  append_varint(out, bytes.size());
  out.append(bytes);
}

/// Small negative numbers become small positive ones.
inline std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
}

inline std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
}

/// Reads what the functions above wrote. Bytes that do not follow the grammar make it not `ok` for
/// good; every later read then gives zero or nothing. The text must outlive the views taken.
class ByteReader final {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return ok_ && bytes_.empty(); }

  std::string_view take(std::size_t count) {
    if (!ok_ || count > bytes_.size()) return fail();
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

  std::string_view rest() { return take(bytes_.size()); }

  std::uint64_t be(std::size_t count) {
    std::uint64_t value = 0;
    for (const char byte : take(count)) value = (value << 8U) | static_cast<unsigned char>(byte);
    return value;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const std::string_view byte = take(1);
      if (byte.empty()) return 0;
      const auto bits = static_cast<unsigned char>(byte.front());
      if (shift == 63 && bits > 1) break;  // more than 64 bits
      value |= static_cast<std::uint64_t>(bits & 0x7fU) << shift;
      if (bits < 0x80U) return value;
    }
    fail();
    return 0;
  }

  std::string_view sized() {
    const std::uint64_t size = varint();
    return size > bytes_.size() ? fail() : take(static_cast<std::size_t>(size));
  }

 private:
  std::string_view fail() {
    ok_ = false;
    bytes_ = {};
    return {};
  }

  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace weft::store
