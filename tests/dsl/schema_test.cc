#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "dsl/reporter.h"
#include "dsl/schema_check.h"
#include "dsl/source_text.h"
#include "dsl/yaml_reader.h"
#include "tests/dsl/corpus.h"
#include "tests/dsl/json_value.h"

namespace weft::dsl::test {
namespace {

std::optional<SchemaViolation> check(const std::string& schema, const std::string& document) {
  return validate_schema({"schema.json", json(schema)}, json(document));
}

const Value& workflow_schema() {
  static const Value schema =
      json(read_text(std::filesystem::path(WEFT_SOURCE_DIR) / "dsl/workflow.schema.json"));
  return schema;
}

std::shared_ptr<const YamlNode> tree_of(const std::string& path) {
  std::vector<Diagnostic> findings_of_yaml;
  Reporter reporter(path, findings_of_yaml);
  return read_yaml(SourceText(read_text(corpus_folder() / (path + ".yaml"))), reporter);
}

/// The corpus without the files that are no YAML of ours: they have no form to speak of.
std::vector<std::string> files_with_a_form() {
  std::vector<std::string> names;
  for (const char* folder : {"good", "bad"}) {
    for (const std::string& name : corpus_names(folder)) {
      const std::string path = std::string(folder) + "/" + name;
      if (tree_of(path)) names.push_back(path);
    }
  }
  return names;
}

std::string test_name(const testing::TestParamInfo<std::string>& tested) {
  std::string name = tested.param;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

/// workflow.schema.json and the parser are two statements of one thing, the form of a definition:
/// editors use the first, `weft check` the second.
class SchemaAgreementTest : public testing::TestWithParam<std::string> {};

TEST_P(SchemaAgreementTest, RefusesWhatTheParserCallsWrongForm) {
  const std::string folder = GetParam().substr(0, GetParam().find('/'));
  const std::string name = GetParam().substr(folder.size() + 1);
  const CompileResult result = compile_corpus(folder, name);
  const bool wrong_form =
      std::any_of(result.diagnostics.begin(), result.diagnostics.end(),
                  [](const Diagnostic& found) { return found.rule.starts_with("form."); });
  const auto violation =
      validate_schema({"workflow.schema.json", workflow_schema()}, to_value(*tree_of(GetParam())));
  EXPECT_EQ(violation.has_value(), wrong_form)
      << (violation ? violation->pointer + " " + violation->message : "the schema accepts it")
      << "\n"
      << findings(result);
}

INSTANTIATE_TEST_SUITE_P(Corpus, SchemaAgreementTest, testing::ValuesIn(files_with_a_form()),
                         test_name);

TEST(SchemaTest, OurOwnSchemaPassesTheLint) {
  const auto problem = lint_schema(workflow_schema());
  EXPECT_FALSE(problem) << problem->pointer << " " << problem->message;
}

struct Oracle {
  const char* schema;
  std::vector<const char*> documents;
};

const std::vector<Oracle>& oracles() {
  static const std::vector<Oracle> all{
      {R"({"type":"object","required":["a"],"properties":{"a":{"type":"integer","minimum":1}}})",
       {R"({"a":1})", R"({"a":0})", R"({"a":"1"})", R"({})", "[]", "null", R"({"a":1,"b":2})"}},
      {R"({"type":["string","null"],"minLength":2,"maxLength":3})",
       {"null", R"("a")", R"("ab")", R"("abcd")", R"("äöü")", "1"}},
      {R"({"type":"array","items":{"type":"number"},"minItems":1,"maxItems":2,"uniqueItems":true})",
       {"[]", "[1]", "[1,2]", "[1,1]", "[1,2,3]", R"(["a"])"}},
      {R"({"items":[{"type":"string"},{"type":"number"}],"additionalItems":false})",
       {R"(["a",1])", R"([1,"a"])", R"(["a",1,2])", "[]"}},
      {R"({"additionalProperties":false,"properties":{"a":{}},"patternProperties":{"^x":{"type":"integer"}}})",
       {R"({"a":1,"x1":2})", R"({"x1":"2"})", R"({"b":1})", "{}"}},
      {R"({"additionalProperties":{"type":"string"}})", {R"({"a":"b"})", R"({"a":1})"}},
      {R"({"enum":[1,"a",null,{"b":[1]}]})",
       {"1", R"("a")", "null", R"({"b":[1]})", R"({"b":[2]})", "2"}},
      {R"({"const":{"a":1}})", {R"({"a":1})", R"({"a":2})"}},
      {R"({"anyOf":[{"type":"string"},{"minimum":5}]})", {R"("a")", "6", "4", "null"}},
      {R"({"oneOf":[{"type":"integer"},{"minimum":2}]})", {"1", "2.5", "3", R"("x")"}},
      {R"({"allOf":[{"minimum":1},{"maximum":3}]})", {"0", "1", "3", "4"}},
      {R"({"not":{"type":"string"}})", {R"("a")", "1"}},
      {R"({"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}})",
       {R"({"a":1,"b":1})", R"({"a":1})", R"({"c":1})", "{}"}},
      {R"({"dependencies":{"a":["b"],"c":{"minProperties":2}}})",
       {R"({"a":1})", R"({"a":1,"b":1})", R"({"c":1})", R"({"c":1,"d":1})"}},
      {R"({"propertyNames":{"pattern":"^[a-z]+$"},"maxProperties":2,"minProperties":1})",
       {R"({"a":1})", R"({"A":1})", R"({"a":1,"b":2,"c":3})", "{}"}},
      {R"({"contains":{"const":3}})", {"[1,2,3]", "[1,2]", "[]"}},
      {R"({"exclusiveMinimum":1,"exclusiveMaximum":3,"multipleOf":2})", {"1", "2", "3"}},
      {R"({"pattern":"^a+b$"})", {R"("aab")", R"("ba")", "5"}},
      {R"({"definitions":{"node":{"properties":{"next":{"$ref":"#/definitions/node"},"v":{"type":"integer"}}}},"$ref":"#/definitions/node"})",
       {R"({"v":1,"next":{"v":2}})", R"({"next":{"next":{"v":"x"}}})"}},
      {R"({"format":"date-time"})", {R"("2026-01-31T10:00:00Z")", R"("yesterday")"}},
      {"true", {"1"}},
      {"{}", {"null", "[]"}}};
  return all;
}

// Where doubles and backtracking do no harm, a library of others must say the same.
TEST(SchemaTest, AgreesWithValijson) {
  int compared = 0;
  for (const Oracle& oracle : oracles()) {
    valijson::Schema schema;
    valijson::SchemaParser parser;
    const auto schema_document = nlohmann::json::parse(oracle.schema);
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_document), schema);
    for (const char* document : oracle.documents) {
      const auto parsed = nlohmann::json::parse(document);
      valijson::Validator validator(valijson::Validator::kStrongTypes);
      const bool theirs =
          validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(parsed), nullptr);
      const auto ours = check(oracle.schema, document);
      EXPECT_EQ(!ours.has_value(), theirs) << oracle.schema << "\n"
                                           << document << "\n"
                                           << (ours ? ours->message : "accepted");
      ++compared;
    }
  }
  EXPECT_GT(compared, 70);
}

TEST(SchemaTest, NamesThePlaceByPointer) {
  const auto violation = check(R"({"properties":{"lines":{"items":{"required":["sku"]}}}})",
                               R"({"lines":[{"sku":"a"},{"qty":1}]})");
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->pointer, "/lines/1");
  EXPECT_EQ(violation->message, "lacks `sku`");
  EXPECT_EQ(check(R"({"properties":{"a/b~c":{"type":"string"}}})", R"({"a/b~c":1})")->pointer,
            "/a~1b~0c");
}

// In doubles 19.99 is no multiple of 0.01, and 2^53 + 1 equals 2^53.
TEST(SchemaTest, ComputesExactly) {
  EXPECT_FALSE(check(R"({"multipleOf":0.01})", "19.99"));
  EXPECT_FALSE(check(R"({"multipleOf":0.01})", "1234567.89"));
  EXPECT_TRUE(check(R"({"multipleOf":0.01})", "19.995"));
  EXPECT_TRUE(check(R"({"maximum":9007199254740992})", "9007199254740993"));
  EXPECT_TRUE(check(R"({"const":0.1})", "0.10000000000000001"));
  EXPECT_FALSE(check(R"({"type":"integer"})", "5.0"));
}

// A pattern of the author's meets a text from outside: it must not take for ever.
TEST(SchemaTest, PatternsRunInLinearTime) {
  const auto started = std::chrono::steady_clock::now();
  const std::string text = "\"" + std::string(200'000, 'a') + "!\"";
  EXPECT_TRUE(check(R"({"pattern":"^(a+)+$"})", text));
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(5));
}

TEST(SchemaTest, FormatsAreChecked) {
  const auto takes = [](const std::string& format, const std::string& text) {
    return !check(R"({"format":")" + format + R"("})", "\"" + text + "\"");
  };
  EXPECT_TRUE(takes("email", "order-platform@shop.example"));
  EXPECT_FALSE(takes("email", "shop.example"));
  EXPECT_FALSE(takes("email", "a b@shop.example"));
  EXPECT_TRUE(takes("uri", "https://shop.example/orders?id=1#top"));
  EXPECT_FALSE(takes("uri", "/orders/1"));
  EXPECT_TRUE(takes("uri-reference", "/orders/1"));
  EXPECT_FALSE(takes("uri-reference", "two words"));
  EXPECT_TRUE(takes("hostname", "erp-1.shop.example"));
  EXPECT_FALSE(takes("hostname", "-erp.example"));
  EXPECT_FALSE(takes("hostname", std::string(300, 'a')));
  EXPECT_TRUE(takes("ipv4", "192.0.2.255"));
  EXPECT_FALSE(takes("ipv4", "192.0.2.256"));
  EXPECT_TRUE(takes("uuid", "123e4567-e89b-12d3-a456-426614174000"));
  EXPECT_FALSE(takes("uuid", "123e4567"));
  EXPECT_TRUE(takes("date", "2028-02-29"));
  EXPECT_FALSE(takes("date", "2026-02-29"));
  EXPECT_FALSE(lint_schema(json(R"({"properties":{"a":{"format":"email"}}})")));
}

TEST(SchemaTest, ReferencesInACircleEnd) {
  EXPECT_TRUE(check(R"({"allOf":[{"$ref":"#"}]})", "1"));
  EXPECT_TRUE(check(
      R"({"definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}},"$ref":"#/definitions/a"})",
      "1"));
  EXPECT_TRUE(check(R"({"anyOf":[{"$ref":"#"},{"$ref":"#"}]})", "1"));
}

struct Refused {
  const char* schema;
  const char* pointer;
  const char* part;
};

TEST(SchemaTest, TheLintRefusesWhatWouldBeIgnored) {
  const std::vector<Refused> all{
      {R"({"properties":{"a":{"prefixItems":[]}}})", "/properties/a", "prefixItems"},
      {R"({"dependentRequired":{}})", "", "write `dependencies`"},
      {R"({"unevaluatedProperties":false})", "", "additionalProperties"},
      {R"({"format":"iban"})", "/format", "not be checked"},
      {R"({"requird":["a"]})", "", "did you mean `required`?"},
      {R"({"$ref":"other.json"})", "/$ref", "another document"},
      {R"({"$ref":"#/definitions/x"})", "/$ref", "leads nowhere"},
      {R"({"$ref":"#","type":"object"})", "", "ignored beside `$ref`"},
      {R"({"pattern":"(?=a)b"})", "/pattern", "no look-around"},
      {R"({"patternProperties":{"(":{}}})", "/patternProperties/(", "cannot be used"},
      {R"({"type":"text"})", "/type", "names no type"},
      {R"({"required":"a"})", "/required", "list of names"},
      {R"({"minLength":-1})", "/minLength", "whole number"},
      {R"({"multipleOf":0})", "/multipleOf", "above 0"},
      {R"({"properties":{"a":5}})", "/properties/a", "must be an object"},
      {R"({"anyOf":[]})", "/anyOf", "not empty"},
      {R"({"items":{"$id":"x"}})", "/items", "`$id` below the top"},
      {R"([])", "", "must be an object"}};
  for (const Refused& refused : all) {
    const auto problem = lint_schema(json(refused.schema));
    ASSERT_TRUE(problem) << refused.schema;
    EXPECT_EQ(problem->pointer, refused.pointer) << refused.schema;
    EXPECT_NE((problem->message + "; " + problem->instead).find(refused.part), std::string::npos)
        << refused.schema << "\n"
        << problem->message << "; " << problem->instead;
  }
  EXPECT_FALSE(lint_schema(json(R"({"x-owner":"us","title":"a","examples":[1]})")));
}

// A schema nobody linted must still not bring the engine down.
TEST(SchemaTest, FollowsConstantPaths) {
  const Value schema = json(R"({"properties":{"a":{"$ref":"#/definitions/a"},"open":{}},
      "additionalProperties":false,
      "definitions":{"a":{"type":"object","required":["b"],"properties":{"b":{"type":"string"}}}}})");
  using Verdict = SchemaPath::Verdict;
  EXPECT_EQ(follow_schema(schema, {"a", "b"}).verdict, Verdict::kKnown);
  EXPECT_EQ(follow_schema(schema, {"a", "c"}).verdict, Verdict::kUnknown);
  EXPECT_EQ(follow_schema(schema, {"x"}).verdict, Verdict::kImpossible);
  EXPECT_EQ(follow_schema(schema, {"a", "b", "c"}).verdict, Verdict::kImpossible);
  EXPECT_EQ(follow_schema(schema, {"open", "any"}).verdict, Verdict::kUnknown);
  EXPECT_EQ(follow_schema(schema, {"a", "c"}).alternatives, std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace weft::dsl::test
