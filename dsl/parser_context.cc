#include "dsl/parser_context.h"

#include <algorithm>
#include <set>
#include <utility>

#include "dsl/durations.h"
#include "dsl/hints.h"
#include "dsl/names.h"

namespace weft::dsl {

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMapping:
      return "a mapping";
    case YamlNode::Kind::kScalar:
      break;
  }
  if (node.plain) {
    const Value value = resolve_plain(node.text).value;
    if (value.is_number()) return "a number";
    if (value.is_boolean()) return "`" + node.text + "`";
  }
  return "text";
}

bool ParserContext::expect_mapping(const YamlNode& node, std::string_view what,
                                   std::string_view example) {
  if (node.is_mapping()) return true;
  error(node.at, "form.type", std::string(what) + " must be a mapping, not " + describe(node),
        example.empty() ? std::string() : "write `" + std::string(example) + "`");
  return false;
}

bool ParserContext::expect_list(const YamlNode& node, std::string_view what,
                                std::string_view example) {
  if (node.is_sequence()) return true;
  error(node.at, "form.type", std::string(what) + " must be a list, not " + describe(node),
        example.empty() ? std::string() : "write `" + std::string(example) + "`");
  return false;
}

bool ParserContext::scalar_text(const YamlNode& node, std::string_view what,
                                std::string_view example, std::string& out) {
  const bool plain = node.is_scalar() && node.plain;
  const PlainScalar resolved = plain ? resolve_plain(node.text) : PlainScalar{};
  if (!node.is_scalar() || (plain && !resolved.value.is_string())) {
    std::string instead = example.empty() ? std::string() : "write `" + std::string(example) + "`";
    if (example.empty()) instead = "write one text";
    if (plain && example.empty()) {
      instead = "write it in quotes: `\"" + node.text.substr(0, 40) + "\"`";
    }
    error(node.at, "form.type", std::string(what) + " must be text, not " + describe(node),
          std::move(instead));
    return false;
  }
  if (!resolved.quarrel.empty()) {
    error(node.at, "yaml.ambiguous", resolved.quarrel, resolved.instead);
    return false;
  }
  out = node.text;
  return true;
}

std::optional<Word> ParserContext::text(const YamlNode& node, std::string_view what) {
  std::string value;
  if (!scalar_text(node, what, {}, value)) return std::nullopt;
  if (std::all_of(value.begin(), value.end(), is_blank)) {
    error(node.at, "form.value", std::string(what) + " must not be empty",
          "write some text, or leave the key out");
    return std::nullopt;
  }
  return Word{std::move(value), node.at};
}

std::optional<Word> ParserContext::constant_text(const YamlNode& node, std::string_view what) {
  auto word = text(node, what);
  if (word && word->text.find("${") != std::string::npos) {
    error(node.at, "expression.here", std::string(what) + " is fixed text; it cannot hold `${ }`",
          "write the text itself, or use a step of its own");
    return std::nullopt;
  }
  return word;
}

bool ParserContext::check_name(const Word& word, std::string_view what) {
  if (is_name(word.text)) return true;
  const std::string better = as_name(word.text, '_');
  error(word.at, "form.name",
        std::string(what) + " must match `[a-z][a-z0-9_]*` (64 characters at most), not " +
            quoted(word.text),
        better.empty() || better == word.text ? "write a name like `order_lines`"
                                              : "write " + quoted(better));
  return false;
}

std::optional<Word> ParserContext::name(const YamlNode& node, std::string_view what) {
  std::string value;
  if (!scalar_text(node, what, {}, value)) return std::nullopt;
  Word word{std::move(value), node.at};
  if (!check_name(word, what)) return std::nullopt;
  return word;
}

std::optional<Word> ParserContext::code(const YamlNode& node, std::string_view what) {
  return name(node, what);
}

std::optional<Word> ParserContext::dotted_name(const YamlNode& node, std::string_view what) {
  std::string value;
  if (!scalar_text(node, what, {}, value)) return std::nullopt;
  if (is_dotted_name(value)) return Word{std::move(value), node.at};
  std::string better;
  std::string_view rest = std::string_view(value).substr(0, value.find('@'));
  while (value.size() <= 200) {
    const std::size_t dot = rest.find('.');
    const std::string part = as_name(rest.substr(0, dot), '_');
    if (!part.empty()) better += (better.empty() ? "" : ".") + part;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  error(node.at, "form.name",
        std::string(what) + " must be names `[a-z][a-z0-9_]*` joined by dots, not " + quoted(value),
        better.empty() || better == value ? "write a name like `order.shipped`"
                                          : "write " + quoted(better));
  return std::nullopt;
}

std::optional<Word> ParserContext::status(const YamlNode& node, std::string_view what) {
  std::string value;
  if (!scalar_text(node, what, {}, value)) return std::nullopt;
  if (is_status(value)) return Word{std::move(value), node.at};
  const std::string better = as_name(value, '-');
  error(node.at, "form.name",
        std::string(what) + " must match `[a-z][a-z0-9-]*` (64 characters at most), not " +
            quoted(value),
        better.empty() || better == value ? "write a status like `in-transit`"
                                          : "write " + quoted(better));
  return std::nullopt;
}

std::optional<Length> ParserContext::duration(const YamlNode& node, std::string_view what,
                                              bool zero) {
  if (!node.is_scalar()) {
    error(node.at, "form.duration",
          std::string(what) + " must be a duration, not " + describe(node),
          "write it like `200ms`, `30s`, `10m`, `6h` or `3d`");
    return std::nullopt;
  }
  const auto ms = parse_duration(node.text);
  if (!ms) {
    error(node.at, "form.duration", std::string(what) + ": " + ms.error().message,
          ms.error().instead);
    return std::nullopt;
  }
  if (*ms == 0 && !zero) {
    error(node.at, "form.duration", std::string(what) + " must be longer than 0",
          "leave it out if there is nothing to wait for");
    return std::nullopt;
  }
  return Length{*ms, node.at};
}

std::optional<Count> ParserContext::integer(const YamlNode& node, std::string_view what,
                                            std::int64_t min, std::int64_t max) {
  const Value value = node.is_scalar() && node.plain ? resolve_plain(node.text).value : Value();
  const std::string range =
      "write a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  if (!value.is_integer()) {
    std::string found = describe(node);
    if (value.is_number()) found = quoted(node.text);
    error(node.at, "form.type", std::string(what) + " must be a whole number, not " + found, range);
    return std::nullopt;
  }
  if (value.as_integer() < min || value.as_integer() > max) {
    error(node.at, "form.value", std::string(what) + " is out of range: " + quoted(node.text),
          range);
    return std::nullopt;
  }
  return Count{value.as_integer(), node.at};
}

std::optional<int> ParserContext::percent(const YamlNode& node, std::string_view what, int min) {
  if (!node.is_scalar()) {
    error(node.at, "form.value", std::string(what) + " must be a share, not " + describe(node),
          "write a whole number and %, like `50%`");
    return std::nullopt;
  }
  const auto share = parse_percent(node.text);
  if (!share) {
    error(node.at, "form.value", std::string(what) + ": " + share.error().message,
          share.error().instead);
    return std::nullopt;
  }
  if (*share < min) {
    error(node.at, "form.value",
          std::string(what) + " must be at least " + std::to_string(min) + "%",
          "write a whole number and %, like `50%`");
    return std::nullopt;
  }
  return *share;
}

std::optional<bool> ParserContext::boolean(const YamlNode& node, std::string_view what) {
  if (node.is_scalar() && node.plain && node.text == "true") return true;
  if (node.is_scalar() && node.plain && node.text == "false") return false;
  error(node.at, "form.type",
        std::string(what) + " must be true or false, not " +
            (node.is_scalar() ? quoted(node.text) : describe(node)),
        "write `true` or `false`, without quotes");
  return std::nullopt;
}

std::optional<std::size_t> ParserContext::one_of(const YamlNode& node, std::string_view what,
                                                 const std::vector<std::string>& words) {
  if (node.is_scalar()) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (node.text == words[i]) return i;
    }
  }
  const std::string found = node.is_scalar() ? quoted(node.text) : describe(node);
  const auto near = node.is_scalar() ? nearest(node.text, words) : std::nullopt;
  error(node.at, "form.value", std::string(what) + " cannot be " + found,
        near ? "did you mean " + quoted(*near) + "?" : "write " + any_of_words(words));
  return std::nullopt;
}

std::optional<std::vector<Word>> ParserContext::words(const YamlNode& node, std::string_view what,
                                                      ItemReader read, bool empty_allowed) {
  if (!expect_list(node, what, "[a, b]")) return std::nullopt;
  if (node.items.empty() && !empty_allowed) {
    error(node.at, "form.empty", std::string(what) + " must name at least one",
          "name one, like `[a]`");
    return std::nullopt;
  }
  std::vector<Word> words;
  std::set<std::string> seen;
  bool good = true;
  for (const auto& item : node.items) {
    auto word = (this->*read)(*item, std::string("an item of ") + std::string(what));
    if (!word) {
      good = false;
      continue;
    }
    if (!seen.insert(word->text).second) {
      error(word->at, "form.duplicate",
            quoted(word->text) + " is in " + std::string(what) + " twice", "remove one of the two");
      good = false;
      continue;
    }
    words.push_back(std::move(*word));
  }
  if (!good) return std::nullopt;
  return words;
}

const YamlMember* Fields::find(std::string_view key) {
  known_.emplace_back(key);
  return node_.find(key);
}

const YamlMember* Fields::require(std::string_view key, std::string_view example) {
  const YamlMember* member = find(key);
  if (member == nullptr) {
    context_.error(owner_, "form.missing-key", what_ + " lacks the key `" + std::string(key) + "`",
                   "add `" + std::string(example) + "`");
  }
  return member;
}

void Fields::refuse(std::string_view key, std::string message, std::string instead) {
  if (std::find(known_.begin(), known_.end(), key) != known_.end()) return;
  const YamlMember* member = node_.find(key);
  if (member == nullptr) return;
  context_.error(member->key_at, "form.unknown-key", std::move(message), std::move(instead));
  known_.emplace_back(key);
}

void Fields::finish() {
  std::vector<std::string> unused;
  for (const std::string& key : known_) {
    if (node_.find(key) == nullptr) unused.push_back(key);
  }
  for (const YamlMember& member : node_.members) {
    if (std::find(known_.begin(), known_.end(), member.key) != known_.end()) continue;
    std::string instead;
    if (!context_.reporter().full()) {
      std::vector<std::string> close = unused;
      close.insert(close.end(), meant_.begin(), meant_.end());
      const auto word = our_word(member.key, close);
      instead = word ? "did you mean " + quoted(*word) + "?"
                     : suggestion_or(member.key, unused, "remove it, or mend its spelling");
    }
    context_.error(member.key_at, "form.unknown-key", what_ + " has no key " + quoted(member.key),
                   std::move(instead));
  }
}

}  // namespace weft::dsl
