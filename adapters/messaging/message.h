#pragma once  // adapters/messaging/message.h

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace weft::messaging {

/// What a message may cost us (SEMANTICS.md, Limits).
struct MessageLimits {
  std::size_t body_bytes_max = 256 * 1024;
  std::size_t subject_bytes_max =
      1024;  // a quarter of NATS' 4 KiB control line: reply and sizes too
  std::size_t header_value_bytes_max = 4096;
  std::size_t headers_max = 64;
};

/// Why a name, subject or header was refused: one sentence saying what was expected and what came.
struct InvalidText {
  std::string message;
};

/// A subject one may publish to. Only the functions of subjects.h make one, and each checks every
/// token, so nothing a caller wrote can add a token, a wildcard or a line to the wire.
class Subject {
 public:
  [[nodiscard]] const std::string& text() const { return text_; }
  friend bool operator==(const Subject&, const Subject&) = default;

 private:
  friend struct SubjectGrammar;  // subjects.cc
  explicit Subject(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// A subject with wildcards, for subscriptions; made by subjects.h only.
class SubjectPattern {
 public:
  [[nodiscard]] const std::string& text() const { return text_; }
  /// NATS matching: `*` is one token, `>` one or more at the end.
  [[nodiscard]] bool matches(std::string_view subject) const;
  friend bool operator==(const SubjectPattern&, const SubjectPattern&) = default;

 private:
  friend struct SubjectGrammar;
  explicit SubjectPattern(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

struct Header {
  std::string name;
  std::string value;
  friend bool operator==(const Header&, const Header&) = default;
};

/// Header fields in the order added. Names and values are checked when added: a name is an HTTP
/// token, a value is visible text without CR, LF, NUL or other control characters.
class Headers {
 public:
  /// Refuses an invalid name or value, and more than MessageLimits::headers_max fields. An empty
  /// value is the same as none and is not kept: libnats cannot read it (nats_bus.cc).
  [[nodiscard]] tl::expected<void, InvalidText> add(std::string_view name, std::string_view value);
  /// As `add`, for text that the program itself wrote; asserts that it is valid.
  void set_known(std::string_view name, std::string_view value);
  /// The first value of `name`, or nullptr. ASCII case is ignored: clients of other languages
  /// rewrite it.
  [[nodiscard]] const std::string* find(std::string_view name) const;
  /// The first value of `name`, or `fallback`.
  [[nodiscard]] std::string_view get(std::string_view name, std::string_view fallback = {}) const;

  [[nodiscard]] bool empty() const { return fields_.empty(); }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }
  [[nodiscard]] auto begin() const { return fields_.begin(); }
  [[nodiscard]] auto end() const { return fields_.end(); }
  friend bool operator==(const Headers&, const Headers&) = default;

 private:
  std::vector<Header> fields_;
};

/// A message to send.
struct Message {
  explicit Message(Subject to, std::string text = {})
      : subject(std::move(to)), body(std::move(text)) {}

  Subject subject;
  std::optional<Subject> reply;  ///< Where the answer goes; none is wanted without.
  Headers headers;
  std::string body;
};

/// A message that came. Everything in it was written by others: check before use. Move-only, so
/// that a body is never copied by accident between the library's thread and the engine.
struct Received {
  Received() = default;
  Received(Received&&) = default;
  Received& operator=(Received&&) = default;
  Received(const Received&) = delete;
  Received& operator=(const Received&) = delete;
  ~Received() = default;

  std::string subject;
  std::string reply;  ///< Where to answer; empty: nobody waits. Pass it through reply_subject().
  Headers headers;
  std::string body;
  /// False: there were headers that could not be read, one of them perhaps of those that decide
  /// what the message means; nothing may be concluded from what `headers` lacks.
  bool headers_readable = true;
  /// The broker's own status, 0 for an ordinary message. 503 = nobody listens on that subject.
  int status = 0;
};

inline constexpr int kStatusNoResponders = 503;

}  // namespace weft::messaging
