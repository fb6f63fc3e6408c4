// Every shell snippet of the docs, run in the order in which a reader types it, against programs
// that the pages themselves start.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "examples/retail/process.h"
#include "tests/docs/page.h"
#include "tests/support/nats_server.h"

namespace weft::docs {
namespace {

namespace fs = std::filesystem;
using retail::Child;

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

/// A reader with one page, one directory and one server.
class Reader {
 public:
  explicit Reader(const Page& page) : page_(page) {}

  void read() {
    const Snippet* last_yaml = nullptr;
    for (const auto& snippet : page_.snippets) {
      if (testing::Test::HasFatalFailure() || testing::Test::IsSkipped()) return;
      if (snippet.language == "yaml") last_yaml = &snippet;
      if (snippet.mark.starts_with("write ")) write(snippet.mark.substr(6), snippet.text);
      if (snippet.language != "sh") continue;
      SCOPED_TRACE(page_.at(snippet));
      if (snippet.mark.starts_with("file ")) {
        ASSERT_NE(last_yaml, nullptr);
        std::ofstream(place_.file(snippet.mark.substr(5))) << last_yaml->text;
        type(snippet.text);
      } else if (snippet.mark == "server") {
        start(snippet.text);
      } else if (snippet.mark == "program") {
        start_program(snippet.text);
      } else if (snippet.mark == "client") {
        type(snippet.text);
      }
    }
  }

 private:
  // What every line needs, and what the pages write in capitals.
  std::string prepared(std::string text) {
    if (text.find("NATS_URL") != std::string::npos) {
      if (!nats_) nats_ = std::make_unique<test::NatsServer>();
      replace_all(text, "NATS_URL", nats_->url());
    }
    replace_all(text, "BACKUP_DIR", place_.file("backup"));
    replace_all(text, "DATA", place_.file("data"));
    replace_all(text, "WORKFLOWS", std::string(WEFT_SOURCE_DIR) + "/workflows");
    return "set -euo pipefail\nexport PATH=" + std::string(WEFT_BINARY_DIR) +
           "/bin:$PATH:/usr/sbin" + " WEFT_HTTP=127.0.0.1:0 WEFT_ACTOR=reader\n" +
           (server_url_.empty() ? "" : "export WEFT_SERVER=" + server_url_ + "\n") +
           (nats_url_.empty() ? "" : "export WEFT_NATS=" + nats_url_ + "\n") + "cd " +
           place_.path().string() + "\n" + text;
  }

  void start(const std::string& text) {
    auto started = Child::start(
        {"server", {"/bin/bash", "-c", prepared("exec " + text)}, place_.file("server.log")});
    ASSERT_TRUE(started) << started.error();
    server_ = std::move(*started);
    const auto ready = server_->wait_for_line("weft ready ", std::chrono::seconds(60));
    ASSERT_TRUE(ready) << ready.error();
    server_url_ = word_after(*ready, "http=");
    nats_url_ = word_after(*ready, "nats=");
  }

  static std::string word_after(const std::string& line, const std::string& mark) {
    const auto found = line.find(mark);
    if (found == std::string::npos) return "";
    const auto begin = found + mark.size();
    return line.substr(begin, line.find(' ', begin) - begin);
  }

  // A file in JavaScript; what the reader installs for it is here already.
  void write(const std::string& name, const std::string& text) {
    const fs::path modules = fs::path(WEFT_SOURCE_DIR) / "examples/adapters/node/node_modules";
    const auto node = retail::run({"/usr/bin/env", "node", "--version"});
    if (!fs::exists(modules / "nats") || !node || node->status != 0) {
      GTEST_SKIP() << "needs node, and `npm ci` in examples/adapters/node";
    }
    fs::create_directory_symlink(modules, place_.file("node_modules"));
    std::ofstream(place_.file(name)) << text;
  }

  // Something that the reader leaves running in another terminal.
  void start_program(const std::string& text) {
    auto started = Child::start(
        {"program", {"/bin/bash", "-c", prepared("exec " + text)}, place_.file("program.log")});
    ASSERT_TRUE(started) << started.error();
    program_ = std::move(*started);
    const auto ready = program_->wait_for_line("ready", std::chrono::seconds(60));
    ASSERT_TRUE(ready) << ready.error();
  }

  void type(const std::string& text) {
    const auto done = retail::run({"/bin/bash", "-c", prepared(text)});
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(done->status, 0) << text << "\n" << done->output;
  }

  const Page& page_;
  test::TempDir place_;
  std::unique_ptr<test::NatsServer> nats_;
  std::unique_ptr<Child> server_;  // Ends before the directory that it works in.
  std::unique_ptr<Child> program_;
  std::string server_url_, nats_url_;
};

void read_page_named(const std::string& name) {
  const auto page = read_page(fs::path(WEFT_SOURCE_DIR) / name);
  Reader(page).read();
}

TEST(DocsCommandsTest, TheTutorialWorks) { read_page_named("README.md"); }
TEST(DocsCommandsTest, TheOperatorsGuideWorks) { read_page_named("docs/operators.md"); }
TEST(DocsCommandsTest, TheAdapterGuideWorks) { read_page_named("docs/adapters.md"); }
TEST(DocsCommandsTest, TheLanguageReferenceWorks) { read_page_named("docs/language.md"); }
TEST(DocsCommandsTest, TheTestingGuideWorks) { read_page_named("docs/testing.md"); }
TEST(DocsCommandsTest, TheProofPageWorks) { read_page_named("docs/verify.md"); }
TEST(DocsCommandsTest, TheArchitecturePageWorks) { read_page_named("docs/architecture.md"); }

}  // namespace
}  // namespace weft::docs
