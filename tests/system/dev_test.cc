// `weft dev`: everything in one command, and changed files are taken up while it runs.

#include <csignal>
#include <fstream>

#include <gtest/gtest.h>

#include "dsl/value.h"
#include "tests/system/process.h"

namespace weft::test {
namespace {

std::string order(const std::string& text) {
  return "weft: 1\nworkflow: shop.order\nversion: 1.0.0\nowner: team@shop.example\ndeadline: 1h\n"
         "steps:\n  - {step: greet, set: {text: " +
         text + "}}\noutput: ${ $greet.text }\n";
}

class DevTest : public ::testing::Test {
 protected:
  void dev() {
    server_ = std::make_unique<Process>(
        std::vector<std::string>{program("weft"), "dev", "workflows", "--http", "127.0.0.1:0"},
        std::map<std::string, std::string>{}, folder_.path());
    const std::string line = server_->wait_for_line("weft ready http=");
    ASSERT_NE(line, "") << server_->err();
    const std::size_t from = line.find('=') + 1;
    url_ = line.substr(from, line.find(' ', from) - from);
  }
  Finished weft(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), program("weft"));
    return run_program(arguments, {{"WEFT_SERVER", url_}}, folder_.path());
  }
  void stop() {
    server_->signal(SIGTERM);
    EXPECT_EQ(server_->wait().exit_code, 0) << server_->err();
  }

  Folder folder_;
  std::unique_ptr<Process> server_;
  std::string url_;
};

TEST_F(DevTest, ChangedFilesRunAtOnceUnderANumberOfTheirOwn) {
  folder_.write("workflows/order.yaml", order("one"));
  dev();
  EXPECT_EQ(weft({"start", "shop.order", "--wait"}).exit_code, 0);
  folder_.write("workflows/order.yaml", order("another"));
  EXPECT_NE(server_->wait_for_line("registered shop.order@1.0.1"), "") << server_->err();
  EXPECT_NE(server_->out().find("raise `version` before you deploy"), std::string::npos);
  EXPECT_EQ(weft({"start", "shop.order", "--wait"}).exit_code, 0);
  stop();
  // Its store keeps both; the file as it is now is known under the second number.
  dev();
  EXPECT_NE(weft({"workflows"}).out.find("1.0.1"), std::string::npos);
  stop();
}

TEST_F(DevTest, AMistakeIsShownAndTheFormerVersionGoesOn) {
  folder_.write("workflows/order.yaml", order("one"));
  dev();
  folder_.write("workflows/order.yaml", order("one") + "stpes: []\n");
  EXPECT_TRUE(eventually([&] {
    return server_->err().find("order.yaml:9:1: error:") != std::string::npos;
  })) << server_->err();
  EXPECT_EQ(weft({"start", "shop.order", "--wait"}).exit_code, 0);
  stop();
}

// It is looked for again while it is missing, and a change of it is a change of the definition.
TEST_F(DevTest, ASchemaThatAppearsIsTakenUp) {
  folder_.write("workflows/order.yaml", order("one") + "input: {schema: order.schema.json}\n");
  dev();
  EXPECT_EQ(server_->out().find("registered"), std::string::npos);
  folder_.write("workflows/order.schema.json", R"({"type": "object", "required": ["id"]})");
  EXPECT_NE(server_->wait_for_line("registered shop.order@1.0.0"), "") << server_->err();
  EXPECT_NE(weft({"start", "shop.order", "--wait"}).exit_code, 0);
  folder_.write("workflows/order.schema.json", R"({"type": "object"})");
  EXPECT_TRUE(eventually([&] { return weft({"start", "shop.order", "--wait"}).exit_code == 0; }))
      << server_->err();
  stop();
}

// Its NATS server must not outlive it, however it ends.
TEST_F(DevTest, ItsNatsServerEndsWithIt) {
  folder_.write("workflows/order.yaml", order("one"));
  dev();
  const std::string line = server_->wait_for_line("weft ready http=");
  const std::string port = line.substr(line.rfind(':') + 1);
  const auto listens = [&] {
    return run_program({"bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/" + port}).exit_code == 0;
  };
  EXPECT_TRUE(listens());
  server_->signal(SIGKILL);
  static_cast<void>(server_->wait());
  EXPECT_TRUE(eventually([&] { return !listens(); }));
}

}  // namespace
}  // namespace weft::test
