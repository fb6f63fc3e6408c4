// The building's plan, checked: every #include is compared with the table of docs/architecture.md,
// so that no room starts to lean on one that leans on it.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;

/// One room: where it is, what of ours it may include, which libraries its .cc files may see.
struct Room {
  std::string folder;
  std::vector<std::string> may_include;  ///< Folders; the room itself always.
  std::vector<std::string> libraries;    ///< Prefixes of third-party headers, .cc files only.
};

// Most specific first: the first folder that a path begins with is its room.
const std::vector<Room>& rooms() {
  static const std::vector<Room> list = {
      {"dsl", {}, {"yaml-cpp/", "valijson/", "re2/", "openssl/"}},
      {"store", {}, {"rocksdb/", "openssl/"}},
      {"adapters/messaging", {}, {"nats/", "nats.h", "openssl/"}},
      {"adapters/sdk",
       {"adapters/messaging"},
       {"sqlite3.h", "openssl/", "spdlog/", "fmt/", "CLI/"}},
      {"adapters/reference",
       {"adapters/sdk", "adapters/messaging"},
       {"sqlite3.h", "openssl/", "spdlog/", "fmt/", "CLI/"}},
      {"orchestrator/core", {"dsl"}, {"openssl/"}},
      {"orchestrator/engine",
       {"orchestrator/core", "dsl", "store", "adapters/messaging"},
       {"spdlog/", "fmt/", "openssl/", "date/"}},
      {"orchestrator/sim",
       {"orchestrator/engine", "orchestrator/core", "dsl", "store", "adapters/messaging"},
       {"spdlog/", "fmt/", "openssl/"}},
      {"orchestrator/app",
       {"orchestrator/sim", "orchestrator/engine", "orchestrator/core", "dsl", "store",
        "adapters/messaging"},
       {"spdlog/", "fmt/", "openssl/", "httplib.h", "CLI/", "prometheus/", "yaml-cpp/", "date/"}},
  };
  return list;
}

// Vocabulary that any header may use.
constexpr std::string_view kVocabulary[] = {"nlohmann/", "tl/expected.hpp"};

// Purity: what reads a clock, makes chance, starts a thread or touches a file. `dsl` is text in,
// value out; `core` is a function of its arguments.
const std::set<std::string>& impure_headers() {
  static const std::set<std::string> list = {
      "thread",     "condition_variable", "future",  "semaphore",  "latch",        "barrier",
      "stop_token", "random",             "fstream", "filesystem", "iostream",     "stdio.h",
      "ctime",      "time.h",             "fcntl.h", "unistd.h",   "sys/socket.h", "sys/time.h",
      "csignal",    "signal.h"};
  return list;
}

// The core is called by one thread at a time and keeps nothing between calls. (The language guards
// its cache of compiled schemas.)
const std::set<std::string>& core_forbidden_headers() {
  static const std::set<std::string> list = {"mutex", "shared_mutex", "atomic"};
  return list;
}

// The engine is called and calls interfaces; it owns no thread and no socket, and time comes from
// its Clock.
const std::set<std::string>& engine_forbidden_headers() {
  static const std::set<std::string> list = {
      "thread",  "future",     "condition_variable", "random",       "fstream",
      "ctime",   "sys/time.h", "sys/socket.h",       "netinet/in.h", "fcntl.h",
      "csignal", "unistd.h",   "time.h",             "signal.h"};
  return list;
}

struct Include {
  int line = 0;
  bool quoted = false;
  std::string path;
};

struct Source {
  std::string path;  ///< From the repository root, with '/'.
  std::string text;
  std::vector<Include> includes;
  bool is_header = false;
};

fs::path root() { return WEFT_SOURCE_DIR; }

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<Include> includes_of(const std::string& text) {
  static const std::regex directive(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<Include> found;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::smatch match;
    if (std::regex_search(line, match, directive)) {
      found.push_back({number, match[1] == "\"", match[2]});
    }
  }
  return found;
}

std::vector<Source> sources_below(const std::vector<std::string>& folders) {
  std::vector<Source> found;
  for (const auto& folder : folders) {
    if (!fs::exists(root() / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root() / folder)) {
      const auto extension = entry.path().extension();
      if (!entry.is_regular_file() || (extension != ".h" && extension != ".cc")) continue;
      Source source;
      source.path = fs::relative(entry.path(), root()).generic_string();
      source.text = read(entry.path());
      source.includes = includes_of(source.text);
      source.is_header = extension == ".h";
      found.push_back(std::move(source));
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Source& a, const Source& b) { return a.path < b.path; });
  return found;
}

const std::vector<Source>& our_sources() {
  static const auto list = sources_below({"dsl", "store", "adapters", "orchestrator"});
  return list;
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

const Room* room_of(std::string_view path) {
  for (const auto& room : rooms()) {
    if (is_below(path, room.folder)) return &room;
  }
  return nullptr;
}

std::string file_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// The wording of every complaint: file, line, what stands there.
std::string at(const Source& source, const Include& include) {
  return source.path + ":" + std::to_string(include.line) + ": #include " +
         (include.quoted ? "\"" : "<") + include.path + (include.quoted ? "\"" : ">");
}

bool is_allowed_between(const Room& from, const std::string& target) {
  const Room* to = room_of(target);
  if (to == nullptr) return false;
  if (to == &from) return true;
  return std::find(from.may_include.begin(), from.may_include.end(), to->folder) !=
         from.may_include.end();
}

// Standard headers have neither a folder nor an ending; those of C and POSIX end in .h and stand
// in the system's own folders.
bool is_third_party(const std::string& header) {
  static const std::set<std::string> posix = {
      "strings.h", "unistd.h",  "fcntl.h", "signal.h", "poll.h",  "time.h",   "errno.h", "stdio.h", "stdlib.h",
      "string.h",  "netdb.h", "dirent.h", "spawn.h", "pthread.h", "syslog.h", "pwd.h", "termios.h",
      "execinfo.h"};
  if (header.find('/') == std::string::npos && header.find('.') == std::string::npos) return false;
  if (posix.contains(header)) return false;
  return !header.starts_with("sys/") && !header.starts_with("netinet/") &&
         !header.starts_with("arpa/") && !header.starts_with("linux/");
}

bool is_vocabulary(const std::string& header) {
  return std::any_of(std::begin(kVocabulary), std::end(kVocabulary),
                     [&](std::string_view prefix) { return header.starts_with(prefix); });
}

// A file in no room would escape every other rule.
TEST(LayoutTest, EverySourceFileStandsInARoom) {
  for (const auto& source : our_sources()) {
    EXPECT_NE(room_of(source.path), nullptr) << source.path << " is in no room of the layout";
  }
  EXPECT_FALSE(our_sources().empty());
}

TEST(LayoutTest, OurIncludesAreWrittenFromTheRepositoryRoot) {
  for (const auto& source : our_sources()) {
    for (const auto& include : source.includes) {
      if (!include.quoted) continue;
      // A header may be made from its `.in` file by the build.
      EXPECT_TRUE(fs::exists(root() / include.path) || fs::exists(root() / (include.path + ".in")))
          << at(source, include) << " names no file below the repository root";
    }
  }
}

TEST(LayoutTest, RoomsIncludeOnlyWhatTheTableAllows) {
  for (const auto& source : our_sources()) {
    const Room* room = room_of(source.path);
    if (room == nullptr) continue;
    for (const auto& include : source.includes) {
      if (!include.quoted) continue;
      EXPECT_TRUE(is_allowed_between(*room, include.path))
          << at(source, include) << ": " << room->folder << " may not look there";
    }
  }
}

// The table itself must have no circle, or "may include" would mean nothing.
TEST(LayoutTest, TheTableHasNoCircle) {
  std::map<std::string, const Room*> by_folder;
  for (const auto& room : rooms()) by_folder[room.folder] = &room;
  for (const auto& start : rooms()) {
    std::set<std::string> seen;
    std::vector<std::string> open = start.may_include;
    while (!open.empty()) {
      const auto folder = open.back();
      open.pop_back();
      EXPECT_NE(folder, start.folder) << "a circle through " << start.folder;
      if (!seen.insert(folder).second || folder == start.folder) continue;
      for (const auto& next : by_folder.at(folder)->may_include) open.push_back(next);
    }
  }
}

// Simulation swaps the store and the bus; it could not if the engine knew the real ones.
TEST(LayoutTest, TheEngineSeesInterfacesOnly) {
  for (const auto& source : our_sources()) {
    if (!is_below(source.path, "orchestrator/engine")) continue;
    for (const auto& include : source.includes) {
      const auto name = file_name(include.path);
      EXPECT_FALSE(include.quoted && (name.starts_with("rocksdb_") || name.starts_with("nats_")))
          << at(source, include);
      EXPECT_FALSE(!include.quoted && engine_forbidden_headers().contains(include.path))
          << at(source, include) << ": the engine has no threads, sockets, files or clock";
    }
  }
}

TEST(LayoutTest, ThirdPartyHeadersStayInTheirSourceFiles) {
  for (const auto& source : our_sources()) {
    const Room* room = room_of(source.path);
    if (room == nullptr) continue;
    for (const auto& include : source.includes) {
      if (include.quoted || !is_third_party(include.path) || is_vocabulary(include.path)) continue;
      EXPECT_FALSE(source.is_header) << at(source, include) << " belongs in a .cc file";
      const bool known =
          std::any_of(room->libraries.begin(), room->libraries.end(),
                      [&](const std::string& prefix) { return include.path.starts_with(prefix); });
      EXPECT_TRUE(known) << at(source, include) << ": no library of " << room->folder;
    }
  }
}

// yaml-cpp's nodes change by being read; one file deals with that.
TEST(LayoutTest, OnlyOneFileOfTheLanguageSeesTheYamlLibrary) {
  std::vector<std::string> files;
  for (const auto& source : our_sources()) {
    if (!is_below(source.path, "dsl")) continue;
    for (const auto& include : source.includes) {
      if (include.path.starts_with("yaml-cpp/")) files.push_back(source.path);
    }
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  EXPECT_LE(files.size(), 1u) << testing::PrintToString(files);
}

TEST(LayoutTest, TheLanguageAndTheCoreArePure) {
  for (const auto& source : our_sources()) {
    if (!is_below(source.path, "dsl") && !is_below(source.path, "orchestrator/core")) continue;
    for (const auto& include : source.includes) {
      if (include.quoted) continue;
      EXPECT_FALSE(impure_headers().contains(include.path))
          << at(source, include) << ": no clock, chance, thread or file here";
      EXPECT_FALSE(is_below(source.path, "orchestrator/core") &&
                   core_forbidden_headers().contains(include.path))
          << at(source, include) << ": the core has nothing to guard";
    }
    // Headers alone do not tell: <chrono> and <cstdio> are vocabulary, clocks and files are not.
    static const std::regex world(
        R"(::now\s*\(\s*\)|\b(getenv|s?rand|std::time|fopen|f?printf|f?puts|fwrite|fread)\s*\()");
    std::smatch match;
    EXPECT_FALSE(std::regex_search(source.text, match, world))
        << source.path << " reads the world: " << match.str();
  }
}

TEST(LayoutTest, HeadersAreGuardedByPragmaOnce) {
  for (const auto& source : our_sources()) {
    if (!source.is_header) continue;
    EXPECT_TRUE(source.text.starts_with("#pragma once")) << source.path;
  }
}

// Adapters are programs of their own; what they share with the orchestrator is the wire.
TEST(LayoutTest, NothingOfOursIncludesTestsOrExamples) {
  for (const auto& source : our_sources()) {
    for (const auto& include : source.includes) {
      EXPECT_FALSE(include.quoted && (is_below(include.path, "tests") ||
                                      is_below(include.path, "examples")))
          << at(source, include);
    }
  }
}

TEST(LayoutTest, TheTopLevelHoldsTheRoomsAndNothingElse) {
  static const std::set<std::string> expected = {
      "CMakeLists.txt", "CMakePresets.json", "orchestrator", "dsl",   "workflows",
      "adapters",       "store",             "tests",        "examples", "console",
      "docs",           "README.md",         "README",       "LICENSE", "CHANGELOG.md",
      "CHANGELOG"};
  for (const auto& entry : fs::directory_iterator(root())) {
    const auto name = entry.path().filename().string();
    // Builds and what version control ignores are not part of the plan.
    if (name.starts_with(".") || name.starts_with("build") || name == "compile_commands.json") {
      continue;
    }
    EXPECT_TRUE(expected.contains(name)) << "unexpected at the top level: " << name;
  }
}

}  // namespace
