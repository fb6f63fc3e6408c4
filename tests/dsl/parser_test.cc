// Places, the strict reading of YAML, durations, and texts that mean harm. What each wrong key or
// value is answered with is in the corpus.
#include <ctime>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "dsl/durations.h"
#include "dsl/names.h"
#include "dsl/parser.h"
#include "dsl/reporter.h"
#include "dsl/source_text.h"
#include "dsl/yaml_reader.h"
#include "tests/dsl/corpus.h"

namespace weft::dsl::test {
namespace {

const std::string kTop = "weft: 1\nworkflow: shop.order\nversion: 1.0.0\nowner: a@shop.example\n";

std::string repeated(const std::string& part, std::size_t bytes) {
  std::string out;
  while (out.size() + part.size() <= bytes) out += part;
  return out;
}

TEST(SourceTextTest, CountsCharactersNotBytes) {
  const SourceText source("aé\nüb日x\n");
  EXPECT_EQ(source.position(0), (Position{1, 1}));
  EXPECT_EQ(source.position(3), (Position{1, 3}));  // Behind the two bytes of é.
  EXPECT_EQ(source.position(source.text().find('x')), (Position{2, 4}));
  EXPECT_EQ(source.position(1), (Position{1, 2}));  // Asking backwards gives the same answers.
  EXPECT_EQ(source.position(1000), (Position{3, 1}));
}

/// Where byte `offset` of the one scalar under `x:` stands.
Position place_in_scalar(const std::string& yaml, const std::string& visible) {
  std::vector<Diagnostic> none;
  Reporter reporter("test.yaml", none);
  const SourceText source(yaml);
  const auto root = read_yaml(source, reporter);
  EXPECT_TRUE(root);
  if (!root) return {};
  const YamlNode& node = *root->members.front().value;
  const auto map = source.align_scalar(node.offset, node.text);
  EXPECT_EQ(map.size(), node.text.size() + 1);
  return source.position(map[node.text.find(visible)]);
}

// Expression errors point into the file, whatever YAML does between the file and the value.
TEST(SourceTextTest, FollowsEveryStyleOfScalar) {
  EXPECT_EQ(place_in_scalar("x: one two", "two"), (Position{1, 8}));
  EXPECT_EQ(place_in_scalar("x: one\n  two\n   three", "three"), (Position{3, 4}));
  EXPECT_EQ(place_in_scalar("x: 'it''s two'", "two"), (Position{1, 11}));
  EXPECT_EQ(place_in_scalar("x: \"a\\tb \\u00e9 two\"", "two"), (Position{1, 17}));
  EXPECT_EQ(place_in_scalar("x: \"one \\\n    two\"", "two"), (Position{2, 5}));
  EXPECT_EQ(place_in_scalar("x: |\n  one\n\n    two\n", "two"), (Position{4, 5}));
  EXPECT_EQ(place_in_scalar("x: >-\n  one\n  two\n", "two"), (Position{3, 3}));
  EXPECT_EQ(place_in_scalar("x: &name one", "one"), (Position{1, 10}));
  EXPECT_EQ(place_in_scalar("{x: 'é two'}", "two"), (Position{1, 8}));
  EXPECT_EQ(place_in_scalar("x: |\r\n  one\r\n  two\r\n", "two"), (Position{3, 3}));
}

TEST(YamlReaderTest, ScalarsMeanWhatJsonMeans) {
  const auto value = [](const std::string& text) { return resolve_plain(text).value; };
  EXPECT_EQ(value("12"), Value(12));
  EXPECT_EQ(value("-1.50"), Value(*Decimal::parse("-1.5")));
  EXPECT_EQ(value("1e3"), Value(1000));
  EXPECT_EQ(value("true"), Value(true));
  EXPECT_TRUE(value("~").is_null());
  EXPECT_EQ(value("9007199254740993"), Value(std::int64_t{9007199254740993}));
  for (const char* text : {"yes", "No", "ON", "off", "TRUE", "Null", "012", "0o14", "0x1F", "1_000",
                           "+1", ".5", "5.", ".inf", "-.INF", ".NaN"}) {
    EXPECT_FALSE(resolve_plain(text).quarrel.empty()) << text;
    EXPECT_TRUE(value(text).is_string()) << text;
  }
  for (const char* text : {"y", "n", "12:30", "2026-01-31", "1.2.3", "50%", "a", "-", "e5", "0xyz",
                           "1-2", "...", "EUR", "_1"}) {
    EXPECT_TRUE(resolve_plain(text).quarrel.empty()) << text;
    EXPECT_TRUE(value(text).is_string()) << text;
  }
}

TEST(YamlReaderTest, AliasesRepeatAValueWithItsPlace) {
  std::vector<Diagnostic> found;
  Reporter reporter("test.yaml", found);
  const SourceText source("a: &x {k: 1}\nb: [*x, *x]\n");
  const auto root = read_yaml(source, reporter);
  ASSERT_TRUE(root);
  EXPECT_EQ(to_value(*root).to_json(), R"({"a":{"k":1},"b":[{"k":1},{"k":1}]})");
  EXPECT_EQ(root->members[1].value->items[1]->at, (Position{1, 7}));
}

TEST(YamlReaderTest, LimitsHoldExactly) {
  const auto errors = [](const std::string& text, const YamlLimits& limits) {
    std::vector<Diagnostic> found;
    Reporter reporter("test.yaml", found);
    (void)read_yaml(SourceText(text), reporter, limits);
    return found.empty() ? std::string() : found.front().rule;
  };
  YamlLimits limits;
  limits.bytes_max = 10;
  EXPECT_EQ(errors("a: 3456789", limits), "");
  EXPECT_EQ(errors("a: 34567890", limits), "yaml.size");
  limits = {};
  limits.depth_max = 3;
  EXPECT_EQ(errors("a: [1]", limits), "");
  EXPECT_EQ(errors("a: [[1]]", limits), "yaml.depth");
  EXPECT_EQ(errors("a: &x [1]\nb: *x", limits), "");
  EXPECT_EQ(errors("a: &x [1]\nb: [*x]", limits), "yaml.depth");
  limits = {};
  limits.nodes_max = 6;
  EXPECT_EQ(errors("a: [1, 2]", limits), "");
  EXPECT_EQ(errors("a: [1, 2, 3, 4]", limits), "yaml.size");
  EXPECT_EQ(errors("a: &x [1]\nb: *x\nc: *x\nd: *x", limits), "yaml.size");
  limits = {};
  limits.anchors_max = 1;
  EXPECT_EQ(errors("a: &x 1\nb: *x", limits), "");
  EXPECT_EQ(errors("a: &x 1\nb: &y 1", limits), "yaml.anchors");
}

TEST(DurationTest, ReadsBothSpellings) {
  EXPECT_EQ(parse_duration("200ms"), 200);
  EXPECT_EQ(parse_duration("30s"), 30'000);
  EXPECT_EQ(parse_duration("10m"), 600'000);
  EXPECT_EQ(parse_duration("6h"), 21'600'000);
  EXPECT_EQ(parse_duration("3d"), 259'200'000);
  EXPECT_EQ(parse_duration("0s"), 0);
  EXPECT_EQ(parse_duration("PT1H30M"), 5'400'000);
  EXPECT_EQ(parse_duration("P1DT12H"), 129'600'000);
  EXPECT_EQ(parse_duration("P2W"), 1'209'600'000);
  EXPECT_EQ(parse_duration("PT0.25S"), 250);
  EXPECT_EQ(parse_duration("36525d"), std::int64_t{36'525} * 86'400'000);
  for (const char* text : {"",          "s",
                           "1",         "1x",
                           "-1s",       "1 s",
                           "1.5s",      "1h30m",
                           "P",         "PT",
                           "P1",        "PT1",
                           "P1Y",       "P1M",
                           "PT1S1H",    "PT1H1H",
                           "P1H",       "PT1D",
                           "36526d",    "PT1.5M",
                           "PT1.2345S", "99999999999999999999d",
                           "PTT1S",     "P1DT",
                           "1S",        "10 m"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  EXPECT_EQ(format_duration(5'400'000), "1h 30m");
  EXPECT_EQ(format_duration(0), "0s");
  EXPECT_EQ(format_duration(90'061'001), "1d 1h 1m 1s 1ms");
}

TEST(DurationTest, RatesAndShares) {
  EXPECT_EQ(parse_rate("600/1m")->count, 600);
  EXPECT_EQ(parse_rate("600/1m")->window_ms, 60'000);
  for (const char* text :
       {"", "600", "600/", "/1m", "0/1m", "600/0s", "600/m", "6 / 1m", "-1/1s"}) {
    EXPECT_FALSE(parse_rate(text)) << text;
  }
  EXPECT_EQ(parse_percent("50%"), 50);
  EXPECT_EQ(parse_percent("100%"), 100);
  for (const char* text : {"", "%", "50", "101%", "-1%", "1.5%", "50 %"}) {
    EXPECT_FALSE(parse_percent(text)) << text;
  }
}

TEST(NamesTest, FindsTheNearest) {
  EXPECT_EQ(nearest("compensat", {"call", "compensate", "consumes"}), "compensate");
  EXPECT_EQ(nearest("stpe", {"step", "set"}), "step");
  EXPECT_EQ(nearest("colour", {"call", "compensate"}), std::nullopt);
  EXPECT_EQ(nearest("", {"a"}), std::nullopt);
  EXPECT_TRUE(is_name("a" + std::string(63, 'b')));
  EXPECT_FALSE(is_name("a" + std::string(64, 'b')));
  EXPECT_TRUE(is_version("0.10.999999999"));
  for (const char* text :
       {"1.0", "1.0.0.0", "01.0.0", "1..0", "1.0.0-rc", "", "1.0.", "9999999999.0.0"}) {
    EXPECT_FALSE(is_version(text)) << text;
  }
}

TEST(DiagnosticTest, ShowsTheLineAndACaret) {
  const Diagnostic finding{
      Diagnostic::Severity::kError, "a.yaml", {2, 5}, "form.value", "`x` is wrong", "write `y`"};
  EXPECT_EQ(format_diagnostic(finding, ""),
            "a.yaml:2:5: error: `x` is wrong; write `y` [form.value]");
  EXPECT_EQ(format_diagnostic(finding, "one\néé: x\nthree"),
            "a.yaml:2:5: error: `x` is wrong; write `y` [form.value]\n  éé: x\n      ^");
  Diagnostic far = finding;
  far.position = {1, 5000};
  const std::string shown = format_diagnostic(far, std::string(10'000, 'x'));
  EXPECT_LT(shown.size(), 600U);
  EXPECT_NE(shown.find('^'), std::string::npos);
}

/// One text that means harm, in 250 KiB.
struct Hostile {
  const char* name;
  std::string text;
};

std::vector<Hostile> hostile_texts() {
  constexpr std::size_t kSize = 250 * 1024;
  const std::string step = kTop + "steps:\n  - step: a\n    set:\n      x: ";
  std::string bomb = "weft: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) bomb += ", " + before;
    bomb += "]\n";
  }
  return {{"open_brackets", repeated("[", kSize)},
          {"open_braces", repeated("{", kSize)},
          {"dashes", repeated("- ", kSize)},
          {"question_marks", repeated("? ", kSize)},
          {"documents", repeated("---\n", kSize)},
          {"anchors", repeated("&a ", kSize)},
          {"flow_items", "[" + repeated("a,", kSize) + "]"},
          {"flow_maps", "[" + repeated("{a: b},", kSize) + "]"},
          {"block_items", repeated("- a:\n", kSize)},
          {"alias_bomb", bomb},
          {"keys", kTop + repeated("k: 1\n", kSize)},
          {"open_quote", repeated("\"", kSize)},
          {"zeros", std::string(kSize, '\0')},
          {"wrong_utf8", std::string(kSize, '\xff')},
          {"blanks", std::string(kSize, ' ')},
          {"parentheses", step + "${ " + repeated("(", kSize / 8) + " }\n"},
          {"pipes", step + "${ " + repeated(".a|", kSize / 8) + ".b }\n"},
          {"minus", step + "${ " + repeated("-", kSize / 8) + "1 }\n"},
          {"interpolations", step + "'${ " + repeated("\"\\(", kSize / 8) + " }'\n"},
          {"holes", step + "'" + repeated("${ .a }", kSize) + "'\n"},
          {"open_holes", step + "'" + repeated("${", kSize) + "'\n"},
          {"open_holes_plain", kTop + "steps:\n" + repeated("  - ${ a: ${\n", kSize)},
          {"steps", kTop + "steps:\n" + repeated("  - {step: a, wait: 1s}\n", kSize)},
          {"too_large", repeated("a: b\n", 4 * kSize)}};
}

// The bound is for programs with sanitizers; without them each takes below 0.2 s.
TEST(HostileTextTest, EndsSoonWithAFinding) {
  for (const Hostile& hostile : hostile_texts()) {
    const std::clock_t started = std::clock();  // Of the processor: others may keep it from us.
    const CompileResult result = compile({{"hostile.yaml", hostile.text}}, {});
    EXPECT_LT(std::clock() - started, 10 * CLOCKS_PER_SEC) << hostile.name;
    EXPECT_LE(result.diagnostics.size(), Reporter::kFindingsMax) << hostile.name;
    if (std::string(hostile.name) != "holes") {
      EXPECT_TRUE(has_errors(result.diagnostics)) << hostile.name;
    }
  }
}

// Broken variants of the whole corpus: whatever comes out, it comes out.
TEST(HostileTextTest, BrokenDefinitionsNeverCrash) {
  std::mt19937 random(7731);  // Any seed; fixed, so that a failure can be seen again.
  const auto below = [&random](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
  std::vector<std::string> texts;
  for (const char* folder : {"good", "bad"}) {
    for (const std::string& name : corpus_names(folder)) {
      texts.push_back(read_text(corpus_folder() / folder / (name + ".yaml")));
    }
  }
  static const char* const kParts[] = {"${",  "}",  "{",   "[",  "]",  ": ", "- ",
                                       "\n",  "  ", "'",   "\"", " #", "|",  ">",
                                       "&a ", "*a", "!!x", "? ", "//", "\t", "\\"};
  for (int round = 0; round < 1500; ++round) {
    std::string text = texts[below(texts.size())];
    if (text.size() > 8000) continue;
    for (std::size_t change = 0; change <= below(4); ++change) {
      const std::size_t at = below(text.size() + 1);
      switch (below(4)) {
        case 0:
          text.erase(at, 1 + below(8));
          break;
        case 1:
          text.insert(at, kParts[below(std::size(kParts))]);
          break;
        case 2: {
          const std::string& other = texts[below(texts.size())];
          text.insert(at, other.substr(below(other.size()), below(200)));
          break;
        }
        default:
          if (at < text.size()) text[at] = static_cast<char>(below(256));
      }
    }
    for (const Diagnostic& found : compile({{"broken.yaml", text}}, {}).diagnostics) {
      EXPECT_FALSE(format_diagnostic(found, text).empty());
      EXPECT_TRUE(!found.instead.empty() || found.severity == Diagnostic::Severity::kNote)
          << "nothing said what to write instead: " << format_diagnostic(found, text);
    }
  }
}

}  // namespace
}  // namespace weft::dsl::test
