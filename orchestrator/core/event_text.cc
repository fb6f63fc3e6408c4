#include "orchestrator/core/event_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "dsl/json_text.h"
#include "orchestrator/core/codec_traits.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_words.h"

namespace weft::core {
namespace {

using std::string_view_literals::operator""sv;

void append_number(std::string& out, std::int64_t number) {
  std::array<char, 24> digits{};
  out.append(digits.data(),
             std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

/// A member's name up to its value. Ours: nothing in it is escaped.
void append_name(std::string& out, bool is_first, std::string_view name) {
  const std::size_t begin = out.size();
  out.resize(begin + name.size() + (is_first ? 3 : 4));
  char* at = out.data() + begin;
  if (!is_first) *at++ = ',';
  *at++ = '"';
  at = std::copy(name.begin(), name.end(), at);
  *at++ = '"';
  *at = ':';
}

/// What event_data.cc makes as a value, as text: every transition is told to the world, and most
/// of what a value costs is made only to be thrown away.
class TextWriter {
 public:
  explicit TextWriter(std::string& out) : out_(out) { out_ += '{'; }

  template <class T>
  void operator()(const char* name, const T& value) {
    const std::size_t before = out_.size();
    const bool was_first = first_;
    begin(name);
    if (append(value)) return;
    out_.resize(before);  // It says nothing.
    first_ = was_first;
  }
  void document(const char* name, const dsl::Value& value) {
    begin(name);
    value.append_json(out_);
  }
  void end() { out_ += '}'; }
  [[nodiscard]] bool empty() const { return first_; }

 private:
  void begin(const char* name) {
    append_name(out_, std::exchange(first_, false), name);
  }

  bool append_text(std::string_view text) {
    dsl::append_json_string(out_, text);
    return !text.empty();
  }

  /// False: left out of a structure. In a list it stands as it is.
  template <class T>
  bool append(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      out_ += value ? "true" : "false";
      return true;
    } else if constexpr (std::is_same_v<T, std::string>) {
      return append_text(value);
    } else if constexpr (std::is_enum_v<T>) {
      return append_text(enum_word(value));
    } else if constexpr (std::is_integral_v<T>) {
      append_number(out_, static_cast<std::int64_t>(value));
      return true;
    } else if constexpr (codec::IsName<T>::value) {
      return append_text(value.str());
    } else if constexpr (std::is_same_v<T, Timestamp>) {
      return append_text(format_time(value));
    } else if constexpr (codec::IsOptional<T>::value) {
      if (value) return append(*value);
      out_ += "null";
      return false;
    } else if constexpr (codec::IsVector<T>::value) {
      out_ += '[';
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (i > 0) out_ += ',';
        append(value[i]);
      }
      out_ += ']';
      return !value.empty();
    } else {
      // `fields` serves readers too and so is not const; a writer only looks.
      TextWriter inner(out_);
      const_cast<T&>(value).fields(inner);
      inner.end();
      return !inner.empty();
    }
  }

  std::string& out_;
  bool first_ = true;
};

/// A text, or null for an empty one.
void append_text_or_null(std::string& out, std::string_view text) {
  if (text.empty()) {
    out += "null"sv;
  } else {
    dsl::append_json_string(out, text);
  }
}

/// The 32 hexadecimal digits of a W3C traceparent (`00-<trace id>-<span>-<flags>`).
std::string_view trace_id_in(std::string_view traceparent) {
  constexpr std::size_t kStart = 3, kLength = 32;
  if (traceparent.size() < kStart + kLength || traceparent[2] != '-') return {};
  return traceparent.substr(kStart, kLength);
}

}  // namespace

std::string event_json_text(const SagaState& birth_of, const Event& event,
                            std::uint64_t revision) {
  std::string out;
  out.reserve(1024);
  append_event_json_text(out, birth_of, event, revision);
  return out;
}

void append_event_json_text(std::string& out, const SagaState& birth_of, const Event& event,
                            std::uint64_t revision) {
  const Birth& birth = birth_of.birth;
  if (!birth.sensitive.empty()) {
    event_json(birth_of, event, revision).append_json(out);
    return;
  }
  const StepPath path = path_of(event);
  const std::int64_t attempt = attempt_of(event);
  out += '{';
  auto named = [&out, first = true](std::string_view name) mutable {
    append_name(out, std::exchange(first, false), name);
  };
  named("saga");
  dsl::append_json_string(out, birth.saga.str());
  named("workflow");
  dsl::append_json_string(out, birth.workflow);
  named("key");
  append_text_or_null(out, birth.key);
  named("revision");
  append_number(out, static_cast<std::int64_t>(revision));
  named("at");
  dsl::append_json_string(out, format_time(event.at));
  named("type");
  dsl::append_json_string(out, type_name(event));
  named("step");
  append_text_or_null(out, step_name(path));
  named("path");
  append_text_or_null(out, path.str());
  named("attempt");
  if (attempt > 0) {
    append_number(out, attempt);
  } else {
    out += "null"sv;
  }
  named("actor");
  out += R"({"name":)"sv;
  dsl::append_json_string(out, event.actor.name);
  out += R"(,"role":)"sv;
  dsl::append_json_string(out, event.actor.role);
  out += R"(,"via":)"sv;
  dsl::append_json_string(out, event.actor.via);
  out += event.actor.verified ? R"(,"verified":true})"sv : R"(,"verified":false})"sv;
  named("reason");
  append_text_or_null(out, event.reason);
  named("trace_id");
  append_text_or_null(out, trace_id_in(birth.traceparent));
  named("data");
  TextWriter data(out);
  std::visit(
      [&data](const auto& body) { const_cast<std::decay_t<decltype(body)>&>(body).fields(data); },
      event.body);
  data.end();
  out += '}';
}

}  // namespace weft::core
