// The built program as people and scripts meet it: exit codes, messages, formats.

#include <sstream>

#include <gtest/gtest.h>

#include "dsl/value.h"
#include "tests/system/process.h"

namespace weft::test {
namespace {

constexpr const char* kGood = R"(weft: 1
workflow: shop.order
version: 1.0.0
owner: team@shop.example
deadline: 1h
steps:
  - {step: greet, set: {text: hello}}
)";

Finished weft(std::vector<std::string> arguments,
              std::map<std::string, std::string> environment = {},
              const std::string& folder = "/tmp") {
  arguments.insert(arguments.begin(), program("weft"));
  environment.emplace("WEFT_SERVER", "http://127.0.0.1:1");  // Nobody listens there.
  return run_program(arguments, environment, folder);
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) out.push_back(line);
  return out;
}

/// The commands that `weft --help` lists.
std::vector<std::string> listed_commands() {
  std::vector<std::string> names;
  bool inside = false;
  for (const std::string& line : lines(weft({"--help"}).out)) {
    if (line == "Commands:") {
      inside = true;
    } else if (line.empty()) {
      inside = false;
    } else if (inside) {
      names.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
  }
  return names;
}

TEST(CliTest, WithoutACommandItSaysWhatThereIs) {
  const Finished none = weft({});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_TRUE(contains(none.err, "Commands:"));
  EXPECT_EQ(none.out, "");
  const Finished version = weft({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.out.rfind("weft ", 0), 0U);
}

// Scripts read errors as documents, also those of their own making.
TEST(CliTest, WrongUsageIsAProblemDocumentWhereJsonIsAskedFor) {
  const std::vector<std::vector<std::string>> wrong = {
      {"lst", "-o", "json"}, {"list", "--stat", "x", "-o", "json"}, {"show", "-o", "json"},
      {"-o", "json", "show", "a", "b"}, {"serve", "-o", "json"}, {"serve", "--drain", "x", "-o", "json"}};
  for (const auto& arguments : wrong) {
    const Finished done = weft(arguments, {{"WEFT_DATA", ""}});
    EXPECT_EQ(done.exit_code, 2) << arguments[0];
    const auto problem = dsl::Value::parse(done.err);
    ASSERT_TRUE(problem) << done.err;
    EXPECT_NE(problem->string_or("detail", ""), "") << done.err;
    EXPECT_EQ(done.out, "");
  }
}

TEST(CliTest, ATokenMayStandInTheEnvironmentItself) {
  const Finished wrong = weft({"list"}, {{"WEFT_TOKEN", "short"}});
  EXPECT_EQ(wrong.exit_code, 4) << wrong.err;
  const Finished good = weft({"list"}, {{"WEFT_TOKEN", "weft_0123456789abcdef"}});
  EXPECT_EQ(good.exit_code, 3) << good.err;
}

TEST(CliTest, EveryCommandOfTheContractIsListed) {
  const std::vector<std::string> names = listed_commands();
  const std::vector<std::string> expected = {
      "dev",       "serve",   "check",   "graph",  "verify",     "test",     "deploy",
      "workflows", "start",   "status",  "list",   "show",       "events",   "stuck",
      "retry",     "skip",    "resume",  "resolve", "compensate", "cancel",   "terminate",
      "move",      "signal",  "pause",   "unpause", "adapters",   "order",    "unmatched",
      "audit",     "backup",  "restore", "export",  "replay",     "fsck",     "prune",
      "bench"};
  EXPECT_EQ(names, expected);
}

TEST(CliTest, EveryCommandHasHelpWithAnExample) {
  for (const std::string& name : listed_commands()) {
    const Finished help = weft({name, "--help"});
    EXPECT_EQ(help.exit_code, 0) << name;
    EXPECT_TRUE(contains(help.out, "Usage: weft " + name)) << name;
    EXPECT_TRUE(contains(help.out, "Example:\n  weft ")) << name;
    EXPECT_EQ(weft({"help", name}).out, help.out) << name;
  }
}

TEST(CliTest, UnknownCommandsAndOptionsComeWithANearMatch) {
  const Finished command = weft({"shwo", "x"});
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_TRUE(contains(command.err, "unknown command `shwo`; did you mean `show`?"));
  const Finished option = weft({"list", "--statte", "stuck"});
  EXPECT_EQ(option.exit_code, 2);
  EXPECT_TRUE(contains(option.err, "unknown option `--statte`; did you mean `--state`?"))
      << option.err;
  EXPECT_EQ(weft({"list", "surplus"}).exit_code, 2);
  EXPECT_EQ(weft({"show"}).exit_code, 2);
  EXPECT_EQ(weft({"list", "--state"}).exit_code, 2);
  EXPECT_EQ(weft({"list", "-o", "xml"}).exit_code, 2);
}

TEST(CliTest, GlobalOptionsStandBeforeOrAfterTheCommand) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"--server", "http://127.0.0.1:2", "-o", "json", "status"},
           {"status", "--server", "http://127.0.0.1:2", "-o", "json"},
           {"status", "--server=http://127.0.0.1:2", "-ojson"},
           {"-ojson", "--server=http://127.0.0.1:2", "status"}}) {
    const Finished finished = weft(arguments);
    EXPECT_EQ(finished.exit_code, 3);
    EXPECT_TRUE(contains(finished.err, "127.0.0.1:2")) << finished.err;
    const auto problem = dsl::Value::parse(finished.err);
    ASSERT_TRUE(problem) << finished.err;
    EXPECT_EQ(problem->string_or("code", ""), "unreachable");
  }
}

TEST(CliTest, AServerThatIsNotThereIsExitThree) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"list"},
                                             {"show", "x"},
                                             {"events"},
                                             {"stuck"},
                                             {"workflows"},
                                             {"adapters"},
                                             {"order"},
                                             {"unmatched"},
                                             {"audit"},
                                             {"start", "w"},
                                             {"cancel", "x"},
                                             {"export", "x"},
                                             {"retry", "x"},
                                             {"signal", "x", "n"},
                                             {"pause", "engine"},
                                             {"backup", "/tmp/b"},
                                             {"prune", "--older-than", "1d"}}) {
    EXPECT_EQ(weft(arguments).exit_code, 3) << arguments[0];
  }
}

TEST(CliTest, WrongUsageIsExitTwoBeforeAnybodyIsAsked) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"retry"},
           {"retry", "a", "b"},
           {"retry", "--where", "true"},
           {"retry", "--where", "true", "--dry-run", "--expect", "1"},
           {"retry", "a", "--where", "true", "--dry-run"},
           {"skip", "a"},
           {"terminate", "a"},
           {"move", "a", "--reason", "r"},
           {"start", "w", "--timeout", "5s"},
           {"start", "w", "--wait", "--timeout", "soon"},
           {"start", "w", "--input", "/does/not/exist"},
           {"pause", "everything"},
           {"pause", "adapter"},
           {"adapters", "set"},
           {"adapters", "set", "erp"},
           {"adapters", "set", "erp", "--rate", "fast"},
           {"order", "--let-pass"},
           {"unmatched", "x", "--discard"},
           {"signal", "a", "b", "--data", "{"},
           {"prune"},
           {"deploy"},
           {"list", "--state", "stuk"},
           {"show", "x", "--at", "0"},
           {"status", "--server", "somewhere"},
           {"serve"}}) {
    std::string shown;
    for (const std::string& word : arguments) shown += word + " ";
    const Finished finished = weft(arguments);
    EXPECT_EQ(finished.exit_code, 2) << shown << finished.err;
    EXPECT_NE(finished.err, "") << shown;
  }
}

TEST(CliTest, ATokenThatCannotBeReadIsExitFour) {
  EXPECT_EQ(weft({"status", "--token-file", "/does/not/exist"}).exit_code, 4);
}

TEST(CliTest, CheckSaysWhereWhatAndHow) {
  const Folder folder;
  folder.write("good.yaml", kGood);
  folder.write("bad.yaml", std::string(kGood) + "    whne: true\n");
  const Finished good = weft({"check", folder.path("good.yaml")});
  EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
  EXPECT_TRUE(contains(good.out, "shop.order@1.0.0"));
  const Finished bad = weft({"check", folder.path("bad.yaml")});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_TRUE(contains(bad.out, folder.path("bad.yaml") + ":")) << bad.out;
  EXPECT_TRUE(contains(bad.out, "error: ")) << bad.out;
  const Finished json = weft({"check", folder.path("bad.yaml"), "-o", "json"});
  EXPECT_EQ(json.exit_code, 1);
  ASSERT_FALSE(lines(json.out).empty());
  for (const std::string& line : lines(json.out)) {
    const auto finding = dsl::Value::parse(line);
    ASSERT_TRUE(finding) << line;
    for (const char* name : {"file", "line", "column", "severity", "rule", "message", "instead"}) {
      EXPECT_NE(finding->find(name), nullptr) << name;
    }
  }
  EXPECT_EQ(weft({"check", "/does/not/exist.yaml"}).exit_code, 1);
  const Folder empty;
  EXPECT_EQ(weft({"check", empty.path()}).exit_code, 1);
}

TEST(CliTest, FoldersAreCheckedWithoutTheirOtherYaml) {
  const Folder folder;
  folder.write("a/order.yaml", kGood);
  folder.write("a/order.test.yaml", "test: x\nworkflow: shop.order\n");
  folder.write("load.yml", "rate: 5\n");
  folder.write(".hidden/order.yaml", "weft: 1\nnonsense: x\n");
  const Finished finished = weft({"check", folder.path()});
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
}

// What a file names is looked up beside it; what is wrong with other files there is not asked.
TEST(CliTest, AFileFindsWhatItNamesInItsFolder) {
  const Folder folder;
  const std::string head = "weft: 1\nversion: 1.0.0\nowner: a@shop.example\n";
  folder.write("parent.yaml",
               head + "workflow: shop.parent\nsteps:\n  - {step: a, saga: shop.child@1}\n");
  folder.write(
      "child.yaml",
      head + "workflow: shop.child\nsteps:\n  - {step: b, call: erp.x, compensate: none}\n");
  folder.write("adapters/erp.yaml", "weft: 1\nadapter: erp\n");
  folder.write("broken.yaml", "weft: 1\nworkflow: shop.broken\n");
  const Finished alone = weft({"check", folder.path("parent.yaml")});
  EXPECT_EQ(alone.exit_code, 0) << alone.out << alone.err;
  EXPECT_TRUE(contains(alone.out, "shop.child@1.0.0")) << alone.out;
  EXPECT_TRUE(contains(alone.out, "adapter erp")) << alone.out;
  EXPECT_FALSE(contains(alone.out, "note:")) << alone.out;
  const Finished drawn = weft({"graph", folder.path("parent.yaml"), "--format", "json"});
  EXPECT_TRUE(dsl::Value::parse(drawn.out)) << "one document, so one graph: " << drawn.out;
  // A child that is wrong is said to be wrong: the parent cannot do without it.
  folder.write("child.yaml", head + "workflow: shop.child\nsteps:\n  - {step: b, call: erp.x}\n");
  const Finished wrong = weft({"check", folder.path("parent.yaml")});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_TRUE(contains(wrong.out, "child.yaml:6:")) << wrong.out;
}

TEST(CliTest, GraphsComeInThreeFormats) {
  const Folder folder;
  folder.write("order.yaml", kGood);
  EXPECT_TRUE(contains(weft({"graph", folder.path("order.yaml")}).out, "flowchart TD"));
  EXPECT_TRUE(
      contains(weft({"graph", folder.path("order.yaml"), "--format", "dot"}).out, "digraph"));
  const Finished json = weft({"graph", folder.path("order.yaml"), "--format", "json"});
  EXPECT_TRUE(dsl::Value::parse(json.out)) << json.out;
  EXPECT_EQ(weft({"graph", folder.path("order.yaml"), "--format", "png"}).exit_code, 2);
  folder.write("bad.yaml", "weft: 1\nworkflow: x\n");
  EXPECT_EQ(weft({"graph", folder.path("bad.yaml")}).exit_code, 1);
}

TEST(CliTest, AStoreThatIsNotThereOrNoStoreIsExitFive) {
  const Folder folder;
  EXPECT_EQ(weft({"fsck", folder.path("nothing")}).exit_code, 5);
  EXPECT_EQ(weft({"restore", folder.path("nothing"), "--data", folder.path("new")}).exit_code, 5);
}

TEST(CliTest, AConfigurationIsReadStrictly) {
  const Folder folder;
  folder.write("weft.yaml", "data: d\nhttp: {listn: x}\n");
  const Finished finished = weft({"serve"}, {}, folder.path());
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_TRUE(
      contains(finished.err, "weft.yaml:2:8: unknown key `http.listn`; did you mean `listen`?"))
      << finished.err;
  EXPECT_EQ(weft({"serve", "--data", "d", "--drain", "soon"}).exit_code, 2);
  EXPECT_EQ(weft({"serve", "--config", "/does/not/exist"}).exit_code, 2);
}

TEST(CliTest, ServeRefusesWrongDefinitionsAndNamesThem) {
  const Folder folder;
  folder.write("w/bad.yaml", "weft: 1\nworkflow: shop.order\nversion: 1\n");
  const Finished finished = weft({"serve", "--data", folder.path("data"), "--http", "127.0.0.1:0",
                                  "--workflows", folder.path("w")});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.err, "bad.yaml:")) << finished.err;
  EXPECT_EQ(finished.out, "");
  EXPECT_EQ(
      weft({"serve", "--data", folder.path("data"), "--workflows", "/does/not/exist"}).exit_code,
      1);
}

}  // namespace
}  // namespace weft::test
