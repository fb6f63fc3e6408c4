#include "adapters/messaging/subjects.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <utility>

namespace weft::messaging {

/// The gate: the only code that can turn text into a Subject or a SubjectPattern.
struct SubjectGrammar {
  static SubjectResult subject(std::string text);
  static PatternResult pattern(std::string text);
};

namespace {

constexpr std::size_t kNameLengthMax = 128;
constexpr std::size_t kJetStreamNameLengthMax = 255;  // the broker's own limit

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z'); }

bool is_token_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7f && c != '.' && c != '*' && c != '>';
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

// Calls `check(token, is_last)` for each token; false as soon as one is refused.
template <typename Check>
bool every_token(std::string_view text, Check check) {
  for (;;) {
    const std::size_t end = text.find('.');
    if (!check(text.substr(0, end), end == std::string_view::npos)) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

std::string_view first_token(std::string_view text) { return text.substr(0, text.find('.')); }

// What came, fit for a message: bounded, and without characters that break a line.
std::string shown(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 60)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  return out + (text.size() > 60 ? "…\"" : "\"");
}

tl::unexpected<InvalidText> refused(std::string_view what, std::string_view text,
                                    std::string_view expected) {
  return tl::unexpected(InvalidText{std::string(what) + " " + shown(text) +
                                    " is not valid: expected " + std::string(expected)});
}

struct Part {
  std::string_view what;
  std::string_view text;
  bool (*valid)(std::string_view);
  std::string_view expected;
};

constexpr std::string_view kNameRule = "[a-z][a-z0-9_]*, at most 128 characters";
constexpr std::string_view kDottedRule = "names [a-z][a-z0-9_]* joined by dots";
constexpr std::string_view kSecretRule = "16 to 64 characters of [A-Za-z0-9_-]";

Part name_part(std::string_view what, std::string_view text) {
  return {what, text, is_name, kNameRule};
}
Part dotted_part(std::string_view what, std::string_view text) {
  return {what, text, is_dotted_name, kDottedRule};
}
Part secret_part(std::string_view what, std::string_view text) {
  return {what, text, is_secret_token, kSecretRule};
}

SubjectResult joined(std::string_view prefix, std::initializer_list<Part> parts) {
  std::string text(prefix);
  for (const Part& part : parts) {
    if (!part.valid(part.text)) return refused(part.what, part.text, part.expected);
    text += '.';
    text += part.text;
  }
  return SubjectGrammar::subject(std::move(text));
}

// A Pascal-case event type of our own, `StepSucceeded`.
bool is_event_type(std::string_view text) {
  return !text.empty() && text.size() <= kNameLengthMax && text[0] >= 'A' && text[0] <= 'Z' &&
         std::all_of(text.begin(), text.end(), is_alnum);
}

bool is_inbox_prefix(std::string_view text) {
  return !text.empty() && text.size() <= kNameLengthMax && text[0] != '$' &&
         first_token(text) != "weft" &&
         every_token(text, [](std::string_view token, bool) { return is_token(token); });
}

SubjectPattern known_pattern(std::string text) {
  return *SubjectGrammar::pattern(std::move(text));  // text of ours, valid by its tests
}

constexpr std::array<std::string_view, 8> kIntakeVerbs = {
    "start", "cancel", "query", "complete", "fail", "heartbeat", "signal", "event"};

}  // namespace

SubjectResult SubjectGrammar::subject(std::string text) {
  constexpr MessageLimits kLimits;
  if (text.size() > kLimits.subject_bytes_max) {
    return refused("subject", text,
                   "at most " + std::to_string(kLimits.subject_bytes_max) + " characters");
  }
  if (!every_token(text, [](std::string_view token, bool) { return is_token(token); })) {
    return refused("subject", text, "non-empty tokens joined by dots, no blanks, no wildcards");
  }
  return Subject(std::move(text));
}

PatternResult SubjectGrammar::pattern(std::string text) {
  constexpr MessageLimits kLimits;
  const bool valid = text.size() <= kLimits.subject_bytes_max &&
                     every_token(text, [](std::string_view token, bool is_last) {
                       return is_token(token) || token == "*" || (token == ">" && is_last);
                     });
  if (!valid) {
    return refused("subject pattern", text, "tokens, `*` for one of them, `>` only at the end");
  }
  return SubjectPattern(std::move(text));
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameLengthMax && is_lower(text[0]) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
}

bool is_dotted_name(std::string_view text) {
  return every_token(text, [](std::string_view token, bool) { return is_name(token); });
}

bool is_saga_id(std::string_view text) {
  return text.size() == 26 && std::all_of(text.begin(), text.end(), [](char c) {
           return is_lower(c) || (c >= '2' && c <= '7');
         });
}

bool is_secret_token(std::string_view text) {
  return text.size() >= 16 && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '_' || c == '-'; });
}

bool is_jetstream_name(std::string_view text) {
  return is_token(text) && text.size() <= kJetStreamNameLengthMax &&
         text.find_first_of("/\\") == std::string_view::npos;
}

SubjectResult task_subject(std::string_view adapter, std::string_view operation) {
  return joined("weft.task", {name_part("adapter", adapter), name_part("operation", operation)});
}

SubjectResult dryrun_subject(std::string_view adapter, std::string_view operation) {
  return joined("weft.dryrun", {name_part("adapter", adapter), name_part("operation", operation)});
}

SubjectResult custom_subject(std::string_view text) {
  if (first_token(text) == "weft" || first_token(text) == "_INBOX" || text.substr(0, 1) == "$") {
    return refused("subject", text, "a subject outside `weft.`, `_INBOX.` and `$`");
  }
  return SubjectGrammar::subject(std::string(text));
}

SubjectResult inbox_subject(std::string_view prefix, std::string_view store,
                            std::string_view token) {
  if (!is_inbox_prefix(prefix)) {
    return refused("inbox prefix", prefix, "literal tokens outside `weft.` and `$`");
  }
  return joined(prefix, {secret_part("store", store), secret_part("token", token)});
}

SubjectResult start_subject(std::string_view workflow) {
  return joined("weft.start", {dotted_part("workflow", workflow)});
}
SubjectResult cancel_subject(std::string_view workflow) {
  return joined("weft.cancel", {dotted_part("workflow", workflow)});
}
SubjectResult query_subject(std::string_view workflow) {
  return joined("weft.query", {dotted_part("workflow", workflow)});
}
SubjectResult complete_subject(std::string_view token) {
  return joined("weft.complete", {secret_part("token", token)});
}
SubjectResult fail_subject(std::string_view token) {
  return joined("weft.fail", {secret_part("token", token)});
}
SubjectResult heartbeat_subject(std::string_view token) {
  return joined("weft.heartbeat", {secret_part("token", token)});
}
SubjectResult signal_subject(std::string_view saga, std::string_view name) {
  return joined("weft.signal", {{"saga", saga, is_saga_id, "26 characters of [a-z2-7]"},
                                dotted_part("signal", name)});
}
SubjectResult event_subject(std::string_view name) {
  return joined("weft.event", {dotted_part("event", name)});
}
SubjectResult out_subject(std::string_view name) {
  return joined("weft.out", {dotted_part("event", name)});
}
SubjectResult changed_subject(std::string_view type, std::string_view workflow) {
  return joined("weft.changed", {{"event type", type, is_event_type, "[A-Z][A-Za-z0-9]*"},
                                 dotted_part("workflow", workflow)});
}

SubjectResult reply_subject(std::string_view reply) {
  if (first_token(reply) == "weft" || reply.substr(0, 1) == "$") {
    return refused("reply subject", reply, "an inbox of the sender, outside `weft.` and `$`");
  }
  return SubjectGrammar::subject(std::string(reply));
}

SubjectResult acknowledgement_subject(std::string_view reply) {
  if (reply.substr(0, 8) != "$JS.ACK.") {
    return refused("acknowledgement subject", reply, "`$JS.ACK.…`");
  }
  return SubjectGrammar::subject(std::string(reply));
}

SubjectResult jetstream_subject(std::string_view verb, const std::vector<std::string>& names) {
  std::string text = "$JS.API." + std::string(verb);
  for (const std::string& name : names) {
    if (!is_jetstream_name(name)) {
      return refused(
          "stream or consumer name", name,
          "one token without blanks, `.`, `*`, `>`, `/` and `\\`, at most 255 characters");
    }
    text += '.';
    text += name;
  }
  return SubjectGrammar::subject(std::move(text));
}

std::vector<SubjectPattern> intake_patterns() {
  std::vector<SubjectPattern> patterns;
  for (const std::string_view verb : kIntakeVerbs) {
    patterns.push_back(known_pattern("weft." + std::string(verb) + ".>"));
  }
  return patterns;
}

std::vector<SubjectPattern> request_trees() {
  std::vector<SubjectPattern> patterns = intake_patterns();
  patterns.push_back(known_pattern("weft.task.>"));
  patterns.push_back(known_pattern("weft.dryrun.>"));
  return patterns;
}

PatternResult inbox_pattern(std::string_view prefix, std::string_view store) {
  if (!is_inbox_prefix(prefix)) {
    return refused("inbox prefix", prefix, "literal tokens outside `weft.` and `$`");
  }
  if (!is_secret_token(store)) return refused("store", store, kSecretRule);
  return SubjectGrammar::pattern(std::string(prefix) + "." + std::string(store) + ".*");
}

PatternResult task_pattern(std::string_view adapter) {
  if (!is_name(adapter)) return refused("adapter", adapter, kNameRule);
  return SubjectGrammar::pattern("weft.task." + std::string(adapter) + ".*");
}

PatternResult dryrun_pattern(std::string_view adapter) {
  if (!is_name(adapter)) return refused("adapter", adapter, kNameRule);
  return SubjectGrammar::pattern("weft.dryrun." + std::string(adapter) + ".*");
}

PatternResult service_pattern(std::string_view verb, std::string_view service,
                              std::string_view id) {
  std::string text = "$SRV." + std::string(verb);
  if (!service.empty()) text += "." + std::string(service);
  if (!id.empty()) text += "." + std::string(id);
  return SubjectGrammar::pattern(std::move(text));
}

SubjectResult service_subject(std::string_view verb, std::string_view service) {
  std::string text = "$SRV." + std::string(verb);
  if (!service.empty()) text += "." + std::string(service);
  return SubjectGrammar::subject(std::move(text));
}

PatternResult any_pattern(std::string_view text) {
  return SubjectGrammar::pattern(std::string(text));
}

SubjectPattern exactly(const Subject& subject) { return known_pattern(subject.text()); }

tl::expected<IntakeSubject, InvalidText> parse_intake_subject(std::string_view text) {
  using Kind = IntakeSubject::Kind;
  const auto bad = [&](std::string_view expected) { return refused("subject", text, expected); };
  std::string_view rest = text;
  if (rest.substr(0, 5) != "weft.") return bad("`weft.…`");
  rest.remove_prefix(5);
  const std::string_view verb = first_token(rest);
  const auto place = std::find(kIntakeVerbs.begin(), kIntakeVerbs.end(), verb);
  if (place == kIntakeVerbs.end() || verb.size() == rest.size()) {
    return bad("`weft.start.<workflow>` or another request of the protocol");
  }
  rest.remove_prefix(verb.size() + 1);

  IntakeSubject parsed;
  parsed.kind = static_cast<Kind>(place - kIntakeVerbs.begin());
  switch (parsed.kind) {
    case Kind::kComplete:
    case Kind::kFail:
    case Kind::kHeartbeat:
      if (!is_secret_token(rest)) return bad("a token as `Weft-Token` gave it");
      parsed.token = rest;
      return parsed;
    case Kind::kSignal: {
      parsed.saga = first_token(rest);
      if (!is_saga_id(parsed.saga) || parsed.saga.size() == rest.size()) {
        return bad("`weft.signal.<saga>.<name>` with the saga's id of 26 characters");
      }
      rest.remove_prefix(parsed.saga.size() + 1);
      break;
    }
    case Kind::kStart:
    case Kind::kCancel:
    case Kind::kQuery:
    case Kind::kEvent:
      break;
  }
  if (!is_dotted_name(rest)) return bad(kDottedRule);
  parsed.name = rest;
  return parsed;
}

std::string_view inbox_token(std::string_view subject) {
  const std::size_t dot = subject.rfind('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view token = subject.substr(dot + 1);
  return is_secret_token(token) ? token : std::string_view{};
}

std::string_view operation_of(std::string_view subject) {
  const std::size_t dot = subject.rfind('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view operation = subject.substr(dot + 1);
  return is_name(operation) ? operation : std::string_view{};
}

}  // namespace weft::messaging
