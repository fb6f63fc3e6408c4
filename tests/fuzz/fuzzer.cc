// Feeds changed samples to the ways in, for ever or for a while.
//
// A loop of our own, and gcc's hooks for coverage, rather than libFuzzer: so
// the same program runs in every build, in CI without a second compiler, and
// with sanitizers and coverage where there is time for them (tests/fuzz/run).

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/fuzz/coverage.h"
#include "tests/fuzz/mutator.h"
#include "tests/fuzz/target.h"

namespace {

using namespace weft::fuzz;
using Clock = std::chrono::steady_clock;

constexpr const char* kUsage =
    "usage: tests/fuzz/run [TARGET ...] [--inputs N] [--seconds N] [--seed N] "
    "[--keep DIR]\n"
    "       tests/fuzz/run TARGET --input FILE\n"
    "\n"
    "  --inputs N   for each target, at most (default: no limit)\n"
    "  --seconds N  for each target, at most (default 60)\n"
    "  --seed N     of the changes (default 1)\n"
    "  --keep DIR   writes inputs that reached something new to DIR/TARGET\n"
    "  --input FILE runs one input\n"
    "\n"
    "An input that breaks a promise, crashes, or takes more than two seconds "
    "is written to\n"
    "fuzz-TARGET-input in the present directory and ends the run with status "
    "1.\n";

// For the signal handlers, which may do next to nothing.
std::string current_input;
std::string dump_path;

// Processor time of one input; a busy machine must not look like a hang.
constexpr int kInputSecondsMax = 2;
constexpr long kMemoryMaxKilobytes = 1024L * 1024;
constexpr std::size_t kPoolMax = 4000;
constexpr std::size_t kSampleBytesMax = 64 * 1024;

void say(const char* text) { static_cast<void>(!::write(STDERR_FILENO, text, std::strlen(text))); }

void dump(int signal) {
  std::signal(signal, SIG_DFL);
  say(signal == SIGPROF ? "an input takes too long; it is in " : "\nthe input that did it is in ");
  say(dump_path.c_str());
  say("\n");
  const int file = ::open(dump_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file >= 0) static_cast<void>(!::write(file, current_input.data(), current_input.size()));
  if (signal == SIGPROF) _exit(1);
  std::raise(signal);
}

void arm(bool on) {
  const itimerval timer{{0, 0}, {on ? kInputSecondsMax : 0, 0}};
  setitimer(ITIMER_PROF, &timer, nullptr);
}

struct Options {
  std::vector<std::string> names;
  std::uint64_t inputs = UINT64_MAX, seconds = 60, seed = 1;
  std::string keep, input;
};

std::optional<std::uint64_t> number(const char* text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
  if (error != std::errc() || *end != '\0') return std::nullopt;
  return value;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (!word.starts_with("--")) {
      options.names.emplace_back(word);
      continue;
    }
    if (++i == argc) return false;
    if (word == "--keep") {
      options.keep = argv[i];
    } else if (word == "--input") {
      options.input = argv[i];
    } else {
      std::uint64_t* value = word == "--inputs"    ? &options.inputs
                             : word == "--seconds" ? &options.seconds
                             : word == "--seed"    ? &options.seed
                                                   : nullptr;
      const auto parsed = number(argv[i]);
      if (value == nullptr || !parsed) return false;
      *value = *parsed;
    }
  }
  for (const std::string& name : options.names) {
    const auto is_it = [&](const Target& target) { return target.name == name; };
    if (std::none_of(targets().begin(), targets().end(), is_it)) return false;
  }
  return true;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// One program a line there; everywhere else a file is a sample.
void add_samples(const std::filesystem::path& path, std::vector<std::string>& samples) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file() && entry.file_size() <= kSampleBytesMax) files.push_back(entry);
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) samples.push_back(read_file(file));
  } else if (path.extension() == ".txt") {
    std::ifstream lines(path);
    for (std::string line; std::getline(lines, line);) samples.push_back(line);
  }
}

class Campaign {
 public:
  Campaign(const Target& target, const Options& options)
      : target_(target),
        options_(options),
        mutator_(options.seed * 7919 + kind_of(target.name), target.words, target.size_max) {
    dump_path = "fuzz-" + std::string(target.name) + "-input";
    for (const std::string& path : target.samples) {
      add_samples(std::filesystem::path(WEFT_SOURCE_DIR) / path, pool_);
    }
    if (!options.keep.empty()) {
      add_samples(std::filesystem::path(options.keep) / target.name, pool_);
    }
    if (pool_.empty()) pool_.emplace_back();
  }

  bool run() {
    for (std::size_t i = 0; i < pool_.size(); ++i) try_input(pool_[i]);
    const auto end = begun_ + std::chrono::seconds(options_.seconds);
    while (done_ < options_.inputs) {
      if (done_ % 64 == 0 && Clock::now() >= end) break;
      std::string input =
          mutator_.change(pool_[mutator_.below(pool_.size())], pool_[mutator_.below(pool_.size())]);
      if (try_input(input)) keep(std::move(input));
      tell();
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
    std::printf("%-10s %llu inputs in %.1f s, %zu kinds of answers, %zu samples", target_.name,
                static_cast<unsigned long long>(done_), seconds, kinds_.size(), pool_.size());
    if (has_coverage()) std::printf(", %zu branches", total_coverage());
    std::printf(", %ld MB\n", usage.ru_maxrss / 1024);
    std::fflush(stdout);
    if (usage.ru_maxrss > kMemoryMaxKilobytes) {
      std::fprintf(stderr, "%s: took more than a gigabyte\n", target_.name);
      return false;
    }
    return true;
  }

 private:
  // True: it did something that none before did.
  bool try_input(const std::string& input) {
    current_input = input;
    begin_coverage();
    if (done_ % 16 == 0) arm(true);
    const std::uint32_t kind = target_.run(current_input);
    ++done_;
    const bool fresh_kind = kinds_.size() < kPoolMax && kinds_.insert(kind).second;
    return new_coverage() > 0 || fresh_kind;
  }

  void keep(std::string input) {
    if (!options_.keep.empty()) {
      const auto folder = std::filesystem::path(options_.keep) / target_.name;
      std::filesystem::create_directories(folder);
      std::ofstream(folder / std::to_string(kind_of(input)), std::ios::binary) << input;
    }
    if (pool_.size() < kPoolMax) {
      pool_.push_back(std::move(input));
    } else {
      pool_[mutator_.below(pool_.size())] = std::move(input);
    }
  }

  void tell() {
    const auto now = Clock::now();
    if (done_ % 64 != 0 || now - told_ < std::chrono::seconds(10)) return;
    told_ = now;
    std::printf("%s: %llu inputs, %zu samples\n", target_.name,
                static_cast<unsigned long long>(done_), pool_.size());
    std::fflush(stdout);
  }

  const Target& target_;
  const Options& options_;
  Mutator mutator_;
  std::vector<std::string> pool_;
  std::set<std::uint32_t> kinds_;
  std::uint64_t done_ = 0;
  Clock::time_point begun_ = Clock::now(), told_ = begun_;
};

}  // namespace

// Sanitizers end the process by a signal, so that the input is written down.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "abort_on_error=1:handle_abort=0:handle_segv=1:detect_leaks=0:"
         "allocator_may_return_null=1";
}
extern "C" const char* __ubsan_default_options();
extern "C" const char* __ubsan_default_options() {
  return "halt_on_error=1:abort_on_error=1:print_stacktrace=1";
}

int main(int argc, char** argv) {
  Options options;
  if (argc > 1 && std::string_view(argv[1]) == "--help") {
    std::fputs(kUsage, stdout);
    for (const Target& target : targets()) std::printf("  %-10s %s\n", target.name, target.what);
    return 0;
  }
  if (!parse(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    for (const Target& target : targets())
      std::fprintf(stderr, "  %-10s %s\n", target.name, target.what);
    return 2;
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGPROF})
    std::signal(signal, dump);
  if (!options.input.empty()) {
    for (const Target& target : targets()) {
      if (options.names.empty() || target.name != options.names[0]) continue;
      dump_path = "fuzz-" + std::string(target.name) + "-input";
      current_input = read_file(options.input);
      arm(true);
      std::printf("kind %u\n", target.run(current_input));
    }
    return 0;
  }
  bool sound = true;
  for (const Target& target : targets()) {
    const auto& names = options.names;
    if (!names.empty() && std::find(names.begin(), names.end(), target.name) == names.end())
      continue;
    sound = Campaign(target, options).run() && sound;
  }
  return sound ? 0 : 1;
}
