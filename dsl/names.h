#pragma once  // dsl/names.h

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::dsl {

/// `[a-z][a-z0-9_]*`, at most 64 characters: parts, steps, adapters, operations, codes, resources.
[[nodiscard]] bool is_name(std::string_view text);
/// Names joined by dots: workflows and events. At most 128 characters.
[[nodiscard]] bool is_dotted_name(std::string_view text);
/// `[a-z][a-z0-9-]*`, at most 64 characters.
[[nodiscard]] bool is_status(std::string_view text);
/// Three whole numbers without leading zeros, joined by dots.
[[nodiscard]] bool is_version(std::string_view text);
/// `service_<number>`: an adapter's number without a name (INTERFACES.md, Replies).
[[nodiscard]] bool is_service_code(std::string_view text);

/// The closest thing to `text` that is a name (or, with `joint` '-', a status); may be empty.
[[nodiscard]] std::string as_name(std::string_view text, char joint);

/// Raised by the engine; they may be routed, never declared (DSL.md, Reserved codes).
[[nodiscard]] const std::vector<std::string_view>& reserved_codes();
/// What `errors:` of a route may name besides codes. `business` is the declared class and
/// `permanent` the outcome it leads to; both words are understood.
[[nodiscard]] const std::vector<std::string_view>& routable_classes();
/// Names expressions have of their own: no step and no `as` may take one ("item" is the default
/// `as`, so only steps may not).
[[nodiscard]] bool is_reserved_name(std::string_view text);

/// The candidate that a slip of the fingers away from `text`; nothing if none is near.
[[nodiscard]] std::optional<std::string> nearest(std::string_view text,
                                                 const std::vector<std::string>& candidates);
/// "did you mean `x`?" or, with few candidates, "one of `a`, `b`"; empty if neither helps.
[[nodiscard]] std::string suggestion(std::string_view text,
                                     const std::vector<std::string>& candidates);

/// Text in backticks, shortened to 60 characters, control characters as blanks.
[[nodiscard]] std::string quoted(std::string_view text);
/// "`a`, `b` or `c`".
[[nodiscard]] std::string any_of_words(const std::vector<std::string>& words);

}  // namespace weft::dsl
