// Compares the expression language with Debian's jq 1.6 on generated and on written programs.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "dsl/expression.h"
#include "dsl/expression_program.h"
#include "tests/dsl/program_generator.h"

namespace weft::dsl {
namespace {

// jq 1.6 has no `trim` and `abs`.
constexpr const char* kPrelude =
    "def trim: if type == \"string\" then sub(\"^[ \\t\\n\\r\\f\\u000b]+\"; \"\") |"
    " sub(\"[ \\t\\n\\r\\f\\u000b]+$\"; \"\") else error(\"trim\") end;\n"
    "def abs: if type == \"number\" then (if . < 0 then -. else . end) else error(\"abs\") end;\n";

constexpr JsonLimits kAnswerLimits{
    .bytes_max = 64 * 1024 * 1024, .depth_max = 64, .values_max = 10'000'000};

// A directory of our own that goes away again.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weft-oracle-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
}

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool jq_is_there() { return std::system("jq --version > /dev/null 2>&1") == 0; }

// What one program says about one document: its values, or that it failed.
struct Answer {
  bool failed = false;
  Value values;
};

// answers[document][program], once as written and once with every failure forgiven.
struct Answers {
  std::vector<std::vector<Answer>> strict, forgiving;
};

Answer answer_in(const Value& value) {
  if (value.is_array()) return {false, value};
  return {true, Value()};
}

// One jq process for all programs and documents.
bool ask_jq(const std::vector<std::string>& programs, const std::vector<std::string>& documents,
            Answers& answers) {
  const ScratchDirectory scratch;
  std::string filter = std::string(kPrelude) + "[\n";
  for (std::size_t i = 0; i < programs.size(); ++i) {
    if (i > 0) filter += ",\n";
    filter += "(try [" + programs[i] + "] catch {}), [(" + programs[i] + ")?]";
  }
  write(scratch.file("filter"), filter + "\n]\n");
  std::string input;
  for (const std::string& document : documents) input += document + "\n";
  write(scratch.file("input"), input);
  const std::string command = "jq -c -f " + scratch.file("filter") + " " + scratch.file("input") +
                              " > " + scratch.file("output") + " 2> " + scratch.file("trouble");
  const int status = std::system(command.c_str());
  if (status != 0) {
    ADD_FAILURE() << "jq: " << read(scratch.file("trouble")).substr(0, 2000);
    return false;
  }
  std::istringstream lines(read(scratch.file("output")));
  for (std::string line; std::getline(lines, line);) {
    const auto parsed = Value::parse(line, kAnswerLimits);
    if (!parsed) {
      ADD_FAILURE() << "jq's answer: " << parsed.error().message << " at " << parsed.error().offset;
      return false;
    }
    auto& strict = answers.strict.emplace_back();
    auto& forgiving = answers.forgiving.emplace_back();
    for (std::size_t i = 0; i < programs.size(); ++i) {
      strict.push_back(answer_in(parsed->as_array()[2 * i]));
      forgiving.push_back(answer_in(parsed->as_array()[2 * i + 1]));
    }
  }
  return answers.strict.size() == documents.size();
}

// jq knows a negative zero, and shows it.
std::string without_negative_zero(std::string text) {
  for (std::size_t at = text.find("-0"); at != std::string::npos; at = text.find("-0", at + 1)) {
    const bool before = at > 0 && std::isdigit(static_cast<unsigned char>(text[at - 1])) != 0;
    const char after = at + 2 < text.size() ? text[at + 2] : ' ';
    if (!before && after != '.' && std::isdigit(static_cast<unsigned char>(after)) == 0) {
      text.erase(at, 1);
    }
  }
  return text;
}

bool same(const Value& ours, const Value& jqs) {
  return ours == jqs || without_negative_zero(ours.to_canonical_json()) ==
                            without_negative_zero(jqs.to_canonical_json());
}

struct Tally {
  int compared = 0;
  int succeeded = 0;
  int failed_alike = 0;
  int missing = 0;
};

// Ours against jq's, for one program and one document.
void compare(const std::string& program, const Expression& strict, const Expression& forgiving,
             const std::string& document, const Answer& jq_strict, const Answer& jq_forgiving,
             Tally& tally) {
  MapBindings bindings;
  bindings.set(".", *Value::parse(document));
  ++tally.compared;
  const auto where = [&] { return "\nprogram:  " + program + "\ndocument: " + document; };

  const auto ours = strict.evaluate(bindings);
  if (ours) {
    ++tally.succeeded;
    if (jq_strict.failed) {
      ADD_FAILURE() << "jq fails, we say " << ours->to_json() << where();
    } else if (!same(*ours, jq_strict.values)) {
      ADD_FAILURE() << "jq says " << jq_strict.values.to_json() << "\nwe say  " << ours->to_json()
                    << where();
    }
  } else if (ours.error().kind == ExpressionError::Kind::kMissing) {
    ++tally.missing;  // jq goes on with null; compared below.
  } else if (!jq_strict.failed) {
    ADD_FAILURE() << "jq says " << jq_strict.values.to_json()
                  << "\nwe fail: " << ours.error().message << where();
  } else {
    ++tally.failed_alike;
  }

  const auto lenient = forgiving.evaluate(bindings);
  if (!lenient) {
    ADD_FAILURE() << "forgiven, and fails: " << lenient.error().message << where();
  } else if (!same(*lenient, jq_forgiving.values)) {
    ADD_FAILURE() << "forgiven, jq says " << jq_forgiving.values.to_json() << "\nwe say  "
                  << lenient->to_json() << where();
  }
}

Tally compare_all(const std::vector<std::string>& programs,
                  const std::vector<std::string>& documents) {
  Tally tally;
  Answers answers;
  if (!ask_jq(programs, documents, answers)) return tally;
  for (std::size_t p = 0; p < programs.size(); ++p) {
    const auto strict = Expression::compile("[" + programs[p] + "]");
    const auto forgiving = Expression::compile("[(" + programs[p] + ")?]");
    if (!strict || !forgiving) {
      ADD_FAILURE() << "jq accepts it, we do not: "
                    << (strict ? forgiving.error() : strict.error()).message << "\n"
                    << programs[p];
      continue;
    }
    for (std::size_t d = 0; d < documents.size(); ++d) {
      compare(programs[p], *strict, *forgiving, documents[d], answers.strict[d][p],
              answers.forgiving[d][p], tally);
    }
  }
  return tally;
}

class OracleTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!jq_is_there()) {
      GTEST_SKIP() << "THE ORACLE IS MISSING: install Debian's jq, or nothing compares us with it";
    }
  }
};

TEST_F(OracleTest, GeneratedProgramsAgreeWithJq) {
  constexpr int kBatches = 20;
  constexpr int kProgramsPerBatch = 60;
  constexpr int kDocumentsPerBatch = 6;
  ProgramGenerator generator(20260301);
  Tally total;
  for (int batch = 0; batch < kBatches; ++batch) {
    std::vector<std::string> programs, documents;
    while (programs.size() < kProgramsPerBatch) {
      std::string program = generator.program();
      if (program.size() < 2'000) programs.push_back(std::move(program));
    }
    while (documents.size() < kDocumentsPerBatch) documents.push_back(generator.document());
    const Tally tally = compare_all(programs, documents);
    ASSERT_FALSE(HasFailure()) << "in batch " << batch;
    total.compared += tally.compared;
    total.succeeded += tally.succeeded;
    total.failed_alike += tally.failed_alike;
    total.missing += tally.missing;
  }
  RecordProperty("compared", total.compared);
  std::cout << total.compared << " evaluations: " << total.succeeded << " values, "
            << total.failed_alike << " failures alike, " << total.missing << " missing paths\n";
  // Otherwise we would only be comparing failures.
  EXPECT_GT(total.succeeded, total.compared / 3);
  for (const std::string& name : function_names()) {
    const auto uses = generator.uses().find(name);
    EXPECT_TRUE(uses != generator.uses().end() && uses->second >= 5)
        << "`" << name << "` was hardly generated";
  }
}

// What chance does not find: precedence, order of several values, the odd corners of functions.
TEST_F(OracleTest, WrittenProgramsAgreeWithJq) {
  std::vector<std::string> programs;
  std::ifstream corpus(std::string(WEFT_SOURCE_DIR) + "/tests/dsl/oracle_programs.txt");
  for (std::string line; std::getline(corpus, line);) {
    if (!line.empty() && line[0] != '#') programs.push_back(line);
  }
  ASSERT_GT(programs.size(), 200U);
  const std::vector<std::string> documents = {
      R"({"a":{"b":1,"c":[1,2,3]},"l":[{"k":"x","v":1},{"k":"y","v":null},{"k":"x","v":3}],"s":"abc","n":7.5,"z":null,"t":true,"f":false})",
      R"({"a":{"b":"text","c":[]},"l":[],"s":"","n":-2,"z":[1],"t":{},"f":"f"})",
      R"({"a":[1,[2,[3]],"x"],"l":{"k":{"v":1}},"s":"a,b,,c","n":0,"z":"null","t":1,"f":[]})",
      R"({})",
  };
  const Tally tally = compare_all(programs, documents);
  EXPECT_GT(tally.succeeded, 300);
}

}  // namespace
}  // namespace weft::dsl
