#include "dsl/yaml_reader.h"

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <sstream>
#include <unordered_set>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "dsl/names.h"
#include "dsl/utf8.h"

namespace weft::dsl {
namespace {

/// Thrown through yaml-cpp once an error has been reported that makes reading on pointless.
struct StopReading {};

/// How to write the expression that begins at `at` (its `$`) so that YAML leaves it alone.
std::string quote_hint(std::string_view text, std::size_t at) {
  std::size_t end = at;
  int open = 0;
  while (end < text.size() && text[end] != '\n') {
    if (text[end] == '{') ++open;
    if (text[end] == '}' && --open == 0) {
      const std::string expression(text.substr(at, end + 1 - at));
      if (expression.size() > 80) break;
      if (expression.find('\'') == std::string::npos) return "write `'" + expression + "'`";
      if (expression.find_first_of("\"\\") == std::string::npos) {
        return "write `\"" + expression + "\"`";
      }
      break;
    }
    ++end;
  }
  return "put quotes around the whole expression: `'${ … }'`";
}

/// The last `${` before `at` that nothing closes before `at` and that no quote protects.
std::optional<std::size_t> open_expression(std::string_view text, std::size_t at) {
  const std::size_t found = text.substr(0, std::min(at + 2, text.size())).rfind("${");
  if (found == std::string_view::npos) return std::nullopt;
  int open = 0;
  for (std::size_t i = found; i < at && i < text.size(); ++i) {
    if (text[i] == '{') ++open;
    if (text[i] == '}' && --open == 0) return std::nullopt;
  }
  const std::size_t newline = text.substr(0, found).rfind('\n');
  const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
  const std::string_view before = text.substr(start, found - start);
  if (std::count(before.begin(), before.end(), '"') % 2 != 0 ||
      std::count(before.begin(), before.end(), '\'') % 2 != 0) {
    return std::nullopt;
  }
  return found;
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const SourceText& source, Reporter& reporter, const YamlLimits& limits)
      : source_(source), reporter_(reporter), limits_(limits) {}

  [[nodiscard]] std::shared_ptr<const YamlNode> take_root() { return std::move(root_); }
  /// Where the innermost `[` or `{` that is still open stands; nothing in block style.
  [[nodiscard]] std::optional<std::size_t> open_flow() const {
    if (stack_.empty() || !stack_.back().flow) return std::nullopt;
    return stack_.back().node->offset;
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 1) return;
    stop(offset(mark), "yaml.documents", "a second document begins here",
         "write one definition per file, without `---` between");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const std::size_t at = content(mark);
    auto node = begin(at, YamlNode::Kind::kNull);
    const std::string_view rest = std::string_view(source_.text()).substr(at);
    const bool written = rest.starts_with('~') || rest.starts_with("null") ||
                         rest.starts_with("Null") || rest.starts_with("NULL");
    if (expects_key()) {
      stop(at, "yaml.key", "a key is missing here", "write `key: value`");
    }
    if (!written && !stack_.empty()) {
      const Frame& frame = stack_.back();
      node->at = frame.key ? frame.key->key_at : node->at;
    }
    if (written && !rest.starts_with('~') && !rest.starts_with("null")) {
      node->kind = YamlNode::Kind::kScalar;  // `Null` is only null to some: let the value say so.
      node->plain = true;
      node->text = std::string(rest.substr(0, 4));
    }
    finish(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const std::size_t at = offset(mark);
    if (expects_key()) {
      stop(at, "yaml.key", "an alias cannot be a key", "write the key itself");
    }
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) {
      stop(at, "yaml.alias", "this alias stands inside the value it names",
           "an alias repeats a finished value; write the value out");
    }
    count(known->second->nodes, at);
    if (static_cast<int>(stack_.size()) + known->second->depth > limits_.depth_max) too_deep(at);
    append(known->second);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const std::size_t at = content(mark);
    auto node = begin(at, YamlNode::Kind::kScalar);
    refuse_tag(mark, tag);
    node->plain = tag == "?" || tag.empty();
    node->text = value;
    if (node->plain) {
      refuse_broken_expression(at, value);
    } else {
      refuse_open_quote(at);
    }
    if (expects_key()) {
      take_key(*node);
      return;
    }
    finish(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(mark, tag, anchor, style, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(mark, tag, anchor, style, YamlNode::Kind::kMapping);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor = 0;
    bool flow = false;
    std::optional<YamlMember> key;  ///< Of a mapping: read, its value still to come.
    std::unordered_set<std::string> keys;
  };

  static std::size_t offset(const YAML::Mark& mark) {
    return mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos);
  }

  /// The first byte of the value itself: marks point at an anchor or tag before it.
  [[nodiscard]] std::size_t content(const YAML::Mark& mark) const {
    const std::string& text = source_.text();
    std::size_t at = std::min(offset(mark), text.size());
    while (at < text.size() && (text[at] == '&' || text[at] == '!')) {
      while (at < text.size() && text[at] != ' ' && text[at] != '\n' && text[at] != '\t') ++at;
      while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t')) ++at;
    }
    return at;
  }

  [[noreturn]] void stop(std::size_t at, std::string rule, std::string message,
                         std::string instead) {
    reporter_.error(source_.position(at), std::move(rule), std::move(message), std::move(instead));
    throw StopReading{};
  }

  [[noreturn]] void too_deep(std::size_t at) {
    stop(at, "yaml.depth",
         "values are nested deeper than " + std::to_string(limits_.depth_max) + " levels",
         "move the inner steps into a workflow of their own");
  }

  [[nodiscard]] bool expects_key() const {
    return !stack_.empty() && stack_.back().node->is_mapping() && !stack_.back().key;
  }

  void count(std::size_t nodes, std::size_t at) {
    nodes_ += nodes;
    if (nodes_ > limits_.nodes_max) {
      stop(at, "yaml.size",
           "the file has more than " + std::to_string(limits_.nodes_max) +
               " values, aliases written out",
           "use fewer aliases");
    }
  }

  std::shared_ptr<YamlNode> begin(std::size_t at, YamlNode::Kind kind) {
    count(1, at);
    if (static_cast<int>(stack_.size()) + 1 > limits_.depth_max) too_deep(at);
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->offset = at;
    node->at = source_.position(at);
    return node;
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    const std::size_t at = offset(mark);
    const bool written = at < source_.text().size() && source_.text()[at] == '!';
    if (!written && (tag == "?" || tag == "!" || tag.empty())) return;
    stop(at, "yaml.tag", "tags are not allowed: " + quoted(tag),
         "write the value without a tag; quotes make it text");
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style, YamlNode::Kind kind) {
    const std::size_t at = content(mark);
    if (expects_key()) {
      stop(at, "yaml.key", "a key must be a plain name, not a list or a mapping",
           "an expression that stands alone needs quotes: `'${ … }'`");
    }
    auto node = begin(at, kind);
    refuse_tag(mark, tag);
    Frame frame;
    frame.node = std::move(node);
    frame.anchor = anchor;
    frame.flow = style == YAML::EmitterStyle::Flow;
    stack_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    finish(std::move(frame.node), frame.anchor);
  }

  void finish(std::shared_ptr<YamlNode> node, YAML::anchor_t anchor) {
    if (anchor != 0) {
      if (anchors_.size() >= limits_.anchors_max) {
        stop(node->offset, "yaml.anchors",
             "the file has more than " + std::to_string(limits_.anchors_max) + " anchors",
             "name what is shared under `retries` or `defaults`");
      }
      anchors_[anchor] = node;
    }
    append(std::move(node));
  }

  void append(std::shared_ptr<const YamlNode> node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    frame.node->nodes += node->nodes;
    frame.node->depth = std::max(frame.node->depth, node->depth + 1);
    if (frame.node->is_sequence()) {
      frame.node->items.push_back(std::move(node));
      return;
    }
    frame.key->value = std::move(node);
    frame.node->members.push_back(std::move(*frame.key));
    frame.key.reset();
  }

  void take_key(const YamlNode& key) {
    if (key.plain) {
      if (key.text == "<<") {
        stop(key.offset, "yaml.merge", "merge keys (`<<`) are not allowed",
             "write the members out, or share a policy by its name under `retries`");
      }
      const PlainScalar plain = resolve_plain(key.text);
      if (!plain.value.is_string() || !plain.quarrel.empty()) {
        stop(key.offset, "yaml.key", "a key must be text: " + quoted(key.text),
             "write it in quotes: `\"" + key.text.substr(0, 40) + "\"`");
      }
    }
    Frame& frame = stack_.back();
    if (!frame.keys.insert(key.text).second) {
      Position first;
      for (const YamlMember& member : frame.node->members) {
        if (member.key == key.text) first = member.key_at;
      }
      stop(key.offset, "yaml.duplicate-key",
           "the key " + quoted(key.text) + " is already given at " + std::to_string(first.line) +
               ":" + std::to_string(first.column),
           "keep one of the two");
    }
    frame.key = YamlMember{key.text, key.at, nullptr};
  }

  /// YAML ends a plain scalar at `{` inside `{ }` or `[ ]`, at ` #` and at `: `; then half an
  /// expression arrives here, and YAML's own complaint would come lines later or never.
  void refuse_broken_expression(std::size_t at, const std::string& value) {
    const std::string& text = source_.text();
    const std::size_t end = at + value.size();
    const bool in_flow = !stack_.empty() && stack_.back().flow;
    if (in_flow && value.ends_with('$') && end < text.size() && text[end] == '{') {
      stop(end - 1, "yaml.expression-quotes", "an expression inside `{ }` or `[ ]` needs quotes",
           quote_hint(text, end - 1));
    }
    if (value.find("${") == std::string::npos) return;
    const auto start = open_expression(text, end);
    // Only where the value stands on one line as it is do the bytes after it mean anything.
    if (!start || *start < at || *start >= end || text.compare(at, value.size(), value) != 0)
      return;
    const std::size_t next = text.find_first_not_of(" \t", end);
    if (next == std::string::npos) return;
    if (text[next] == '#' && next > end) {
      stop(*start, "yaml.expression-quotes",
           "` #` begins a comment, so this expression ends too early", quote_hint(text, *start));
    }
    if (text[next] == ':') {
      stop(*start, "yaml.expression-quotes", "an expression that contains `: ` needs quotes",
           quote_hint(text, *start));
    }
    if (in_flow && std::string_view(",]}").find(text[next]) != std::string_view::npos) {
      stop(*start, "yaml.expression-quotes", "an expression inside `{ }` or `[ ]` needs quotes",
           quote_hint(text, *start));
    }
  }

  /// yaml-cpp takes the end of the file for the closing quote if a line end stands before it.
  void refuse_open_quote(std::size_t at) {
    const std::string& text = source_.text();
    if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return;
    const char quote = text[at];
    for (std::size_t i = at + 1; i < text.size(); ++i) {
      if (quote == '"' && text[i] == '\\') {
        ++i;
      } else if (text[i] == quote) {
        if (quote == '"' || i + 1 >= text.size() || text[i + 1] != quote) return;
        ++i;
      }
    }
    stop(at, "yaml.syntax", "this quoted text is never closed", "add the closing quote");
  }

  const SourceText& source_;
  Reporter& reporter_;
  const YamlLimits& limits_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, std::shared_ptr<const YamlNode>> anchors_;
  std::shared_ptr<const YamlNode> root_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

struct Explanation {
  std::string_view theirs;
  std::string_view message;
  std::string_view instead;
};

/// yaml-cpp's words, in ours. What is not listed is passed on.
const std::array<Explanation, 17>& explanations() {
  static const std::array<Explanation, 17> kAll{{
      {YAML::ErrorMsg::MAP_VALUE, "a value cannot begin here: this line has a `: ` too many",
       "put quotes around text that contains `: `, or mend the indentation"},
      {YAML::ErrorMsg::MAP_KEY, "a key cannot begin here", "mend the indentation"},
      {YAML::ErrorMsg::BLOCK_ENTRY, "a list item cannot begin here",
       "begin the list on a line of its own"},
      {YAML::ErrorMsg::END_OF_MAP, "this fits neither the mapping before it nor its end",
       "indent it like the keys it belongs to"},
      {YAML::ErrorMsg::END_OF_SEQ, "this fits neither the list before it nor its end",
       "indent it like the other items, and begin each with `- `"},
      {YAML::ErrorMsg::END_OF_MAP_FLOW, "`,` or `}` is missing before this",
       "close the `{`, or put quotes around the text"},
      {YAML::ErrorMsg::END_OF_SEQ_FLOW, "`,` or `]` is missing before this",
       "close the `[`, or put quotes around the text"},
      {YAML::ErrorMsg::FLOW_END, "there is no open bracket that this closes", "remove it"},
      {YAML::ErrorMsg::EOF_IN_SCALAR, "the file ends inside a quoted text",
       "add the closing quote"},
      {YAML::ErrorMsg::DOC_IN_SCALAR, "a line `---` or `...` stands inside a quoted text",
       "add the closing quote before it"},
      {YAML::ErrorMsg::UNKNOWN_TOKEN, "no value can begin with this character",
       "put quotes around the text"},
      {YAML::ErrorMsg::TAB_IN_INDENTATION, "a tab stands where YAML wants blanks",
       "indent with blanks only"},
      {YAML::ErrorMsg::INVALID_ESCAPE, "this escape is unknown inside double quotes",
       "write `\\\\` for a backslash, or use single quotes"},
      {YAML::ErrorMsg::CHAR_IN_BLOCK, "only `+`, `-`, a digit or a comment may follow `|` and `>`",
       "begin the text on the next line"},
      {YAML::ErrorMsg::UNKNOWN_ANCHOR, "this alias names no anchor before it",
       "a text that begins with `*` needs quotes"},
      {YAML::ErrorMsg::ALIAS_NOT_FOUND, "a name must follow `*`",
       "a text that begins with `*` needs quotes"},
      {YAML::ErrorMsg::ANCHOR_NOT_FOUND, "a name must follow `&`",
       "a text that begins with `&` needs quotes"},
  }};
  return kAll;
}

/// yaml-cpp stops at the colon of a line that is indented deeper than what it belongs to, as it
/// does at a second `: ` in one line.
bool indented_too_far(std::string_view line, std::size_t colon) {
  std::string_view before = line.substr(0, colon);
  while (before.starts_with(' ') || before.starts_with("- ")) before.remove_prefix(1);
  return !before.empty() && before.find(": ") == std::string_view::npos &&
         before.find_first_of("\"'{[") == std::string_view::npos;
}

/// Only blanks stand between `at` and a closing quote before it.
bool follows_a_quote(std::string_view text, std::size_t at) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t')) --at;
  return at > 0 && (text[at - 1] == '"' || text[at - 1] == '\'');
}

void explain(const YAML::Exception& error, const SourceText& source, const TreeBuilder& builder,
             Reporter& reporter) {
  const std::string& text = source.text();
  std::size_t at = error.mark.pos < 0 ? 0 : static_cast<std::size_t>(error.mark.pos);
  at = std::min(at, text.size());
  if (const auto start = open_expression(text, at)) {
    // Only the plain scalar right before the place can have caused it.
    if (text.substr(*start, at - *start).find('\n') == std::string::npos) {
      reporter.error(source.position(*start), "yaml.expression-quotes",
                     "an expression that contains `: ` needs quotes", quote_hint(text, *start));
      return;
    }
  }
  const std::size_t line_start = text.rfind('\n', at == 0 ? 0 : at - 1);
  const std::size_t indent_from = line_start == std::string::npos || at == 0 ? 0 : line_start + 1;
  const std::size_t indent_to = text.find_first_not_of(" \t", indent_from);
  const std::size_t tab = text.find('\t', indent_from);
  if (tab != std::string::npos && tab < std::min(indent_to, text.size())) {
    reporter.error(source.position(tab), "yaml.tab", "a tab stands where YAML wants blanks",
                   "indent with blanks only");
    return;
  }
  if (error.msg.starts_with(YAML::ErrorMsg::INVALID_ESCAPE) && at > 0) {
    at = std::min(text.rfind('\\', at - 1), at);  // yaml-cpp points behind the escape.
  }
  std::string message = "this is no YAML: " + error.msg.substr(0, 120);
  std::string instead = "mend the YAML there";
  for (const Explanation& explanation : explanations()) {
    if (error.msg.starts_with(explanation.theirs)) {
      message = explanation.message;
      instead = explanation.instead;
    }
  }
  const std::string_view line = std::string_view(text).substr(indent_from);
  if (error.msg.starts_with(YAML::ErrorMsg::MAP_VALUE) && !builder.open_flow() &&
      indented_too_far(line, at - indent_from)) {
    message = "this line is indented deeper than what it belongs to";
    instead =
        "indent it like the keys it belongs to; a text that goes on from the line before "
        "needs quotes if it contains `: `";
  } else if (error.msg.starts_with(YAML::ErrorMsg::END_OF_MAP) && follows_a_quote(text, at)) {
    message = "text after a closing quote is not allowed";
    instead = "put all of it inside the quotes";
  }
  if (const auto open = builder.open_flow()) {
    const Position where = source.position(*open);
    message += " (the " + quoted(std::string_view(text).substr(*open, 1)) + " at " +
               std::to_string(where.line) + ":" + std::to_string(where.column) + " is open)";
  }
  reporter.error(source.position(at), "yaml.syntax", std::move(message), std::move(instead));
}

/// What YAML forbids or yaml-cpp mistakes: it takes 0x04 for the end of the file.
bool readable(const SourceText& source, Reporter& reporter, const YamlLimits& limits) {
  const std::string& text = source.text();
  if (text.size() > limits.bytes_max) {
    reporter.error({1, 1}, "yaml.size",
                   "the file has " + std::to_string(text.size()) + " bytes, more than " +
                       std::to_string(limits.bytes_max / 1024) + " KiB",
                   "move some of its steps into a workflow of their own");
    return false;
  }
  // A NUL among the first bytes is every other byte of UTF-16 and UTF-32 without their mark.
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF") ||
      text.substr(0, 4).find('\0') != std::string::npos) {
    reporter.error({1, 1}, "yaml.encoding", "the file is UTF-16 or UTF-32, not UTF-8",
                   "save it as UTF-8");
    return false;
  }
  if (text.find('\r') != std::string::npos && text.find('\n') == std::string::npos) {
    reporter.error({1, 1}, "yaml.encoding", "the lines end in carriage returns alone",
                   "save the file with line feeds");
    return false;
  }
  const std::size_t valid = utf8_valid_prefix(text);
  const auto control = std::find_if(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7F;
  });
  const auto control_at = static_cast<std::size_t>(control - text.begin());
  if (control_at < text.size() && control_at < valid) {
    reporter.error(source.position(control_at), "yaml.encoding",
                   "a control character stands here (code " +
                       std::to_string(static_cast<unsigned char>(*control)) + ")",
                   "remove it, or write an escape inside double quotes");
    return false;
  }
  if (valid < text.size()) {
    reporter.error(source.position(valid), "yaml.encoding", "this is not valid UTF-8",
                   "save the file as UTF-8");
    return false;
  }
  return true;
}

}  // namespace

const YamlMember* YamlNode::find(std::string_view key) const {
  for (const YamlMember& member : members) {
    if (member.key == key) return &member;
  }
  return nullptr;
}

std::shared_ptr<const YamlNode> read_yaml(const SourceText& source, Reporter& reporter,
                                          const YamlLimits& limits) {
  if (!readable(source, reporter, limits)) return nullptr;
  TreeBuilder builder(source, reporter, limits);
  try {
    std::istringstream stream(source.text());
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const StopReading&) {
    return nullptr;
  } catch (const YAML::Exception& error) {
    explain(error, source, builder, reporter);
    return nullptr;
  } catch (const std::exception& error) {
    reporter.error({1, 1}, "yaml.syntax", std::string("this cannot be read: ") + error.what(),
                   "mend the YAML, or save it anew as UTF-8");
    return nullptr;
  }
  auto root = builder.take_root();
  if (!root || root->is_null()) {
    reporter.error({1, 1}, "yaml.empty", "the file is empty",
                   "begin with `weft: 1` and `workflow: NAME`, or `adapter: NAME`");
    return nullptr;
  }
  return root;
}

}  // namespace weft::dsl
