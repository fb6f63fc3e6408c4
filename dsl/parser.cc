#include "dsl/parser.h"

#include <string>
#include <utility>

#include "dsl/names.h"
#include "dsl/parser_context.h"

namespace weft::dsl {
namespace {

/// `weft: 1`, the language's version, comes before everything else.
bool check_language(ParserContext& context, const YamlNode& root) {
  const YamlMember* weft = root.find("weft");
  if (weft == nullptr) {
    context.error({1, 1}, "form.missing-key", "the file lacks the key `weft`",
                  "begin it with `weft: 1`");
    return true;
  }
  const YamlNode& node = *weft->value;
  const bool number = node.is_scalar() && node.plain && resolve_plain(node.text).value == Value(1);
  if (number) return true;
  context.error(node.at, "form.language",
                node.is_scalar() && node.text == "1"
                    ? std::string("the version of the language is a number, not text")
                    : "this program reads version 1 of the language" +
                          (node.is_scalar() ? ", not " + quoted(node.text) : std::string()),
                "write `weft: 1`");
  return false;
}

}  // namespace

DefinitionSyntax parse_definition(const SourceText& source, Reporter& reporter) {
  DefinitionSyntax out;
  const auto root = read_yaml(source, reporter);
  if (!root) return out;
  ParserContext context(source, reporter);
  if (!context.expect_mapping(*root, "a definition", "weft: 1")) return out;
  if (!check_language(context, *root)) return out;
  const YamlMember* workflow = root->find("workflow");
  const YamlMember* adapter = root->find("adapter");
  if (workflow != nullptr && adapter != nullptr) {
    const bool later = before(workflow->key_at, adapter->key_at);
    const YamlMember* second = later ? adapter : workflow;
    const YamlMember* first = later ? workflow : adapter;
    context.error(second->key_at, "form.clash",
                  "`" + second->key + "` stands beside `" + first->key + "` (" +
                      std::to_string(first->key_at.line) + ":" +
                      std::to_string(first->key_at.column) + ")",
                  "write one definition per file");
    return out;
  }
  if (workflow == nullptr && adapter == nullptr) {
    std::vector<std::string> keys;
    std::string instead = "add `workflow: NAME`, or `adapter: NAME`";
    for (const YamlMember& member : root->members) {
      if (const auto near = nearest(member.key, {"workflow", "adapter"})) {
        instead = "did you mean " + quoted(*near) + " instead of " + quoted(member.key) + "?";
      }
    }
    context.error({1, 1}, "form.missing-key",
                  "the file says neither which workflow nor which adapter it defines",
                  std::move(instead));
    return out;
  }
  if (workflow != nullptr) {
    out.workflow = parse_workflow(context, *root);
  } else {
    out.adapter = parse_adapter(context, *root);
  }
  return out;
}

}  // namespace weft::dsl
