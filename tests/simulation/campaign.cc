#include "tests/simulation/campaign.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <nlohmann/json.hpp>

namespace weft::simulation {
namespace {

using nlohmann::json;

json to_json(std::uint64_t seed, const TrialResult& result) {
  json out = {{"seed", seed}, {"sagas", result.sagas}, {"starts", result.starts}, {"events", result.events},
              {"commands", result.commands}, {"messages", result.messages}, {"ms", result.virtual_ms},
              {"faults", result.faults.count}, {"ends", result.ends}, {"reached", result.reached}};
  if (result.violation) {
    out["violation"] = {result.violation->checker, result.violation->what, result.violation->at_ms};
  }
  return out;
}

TrialResult from_json(const json& in) {
  TrialResult result;
  result.sagas = in["sagas"];
  result.starts = in["starts"];
  result.events = in["events"];
  result.commands = in["commands"];
  result.messages = in["messages"];
  result.virtual_ms = in["ms"];
  result.faults.count = in["faults"];
  result.ends = in["ends"].get<std::map<std::string, std::uint64_t>>();
  result.reached = in["reached"].get<std::set<std::string>>();
  if (in.contains("violation")) {
    result.violation = Violation{in["violation"][0], in["violation"][1], in["violation"][2]};
  }
  return result;
}

struct Worker {
  pid_t pid = -1;
  int from = -1, to = -1;  ///< Pipes: results, and one seed at a time.
  std::uint64_t seed = 0;  ///< At work; 0: idle.
  std::string buffer;
};

[[noreturn]] void work(int in, int out) {
  FILE* const seeds = fdopen(in, "r");
  FILE* const results = fdopen(out, "w");
  unsigned long long seed = 0;
  while (std::fscanf(seeds, "%llu", &seed) == 1 && seed != 0) {
    TrialOptions options;
    options.seed = seed;
    const std::string line = to_json(seed, run_twice(options)).dump();
    std::fprintf(results, "%s\n", line.c_str());
    std::fflush(results);
  }
  std::_Exit(0);
}

Worker spawn() {
  int seeds[2], results[2];
  if (pipe(seeds) != 0 || pipe(results) != 0) std::abort();
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid < 0) std::abort();
  if (pid == 0) {
    close(seeds[1]);
    close(results[0]);
    work(seeds[0], results[1]);
  }
  close(seeds[0]);
  close(results[1]);
  return {pid, results[0], seeds[1], 0, {}};
}

void give(Worker& worker, std::uint64_t seed) {
  worker.seed = seed;
  const std::string text = std::to_string(seed) + "\n";
  if (write(worker.to, text.data(), text.size()) < 0) worker.seed = seed;  // its death is seen below
}

}  // namespace

void Totals::add(std::uint64_t seed, const TrialResult& result) {
  ++seeds;
  sagas += result.sagas;
  starts += result.starts;
  events += result.events;
  commands += result.commands;
  messages += result.messages;
  virtual_ms += result.virtual_ms;
  faults += result.faults;
  for (const auto& [end, count] : result.ends) ends[end] += count;
  for (const auto& name : result.reached) ++reached[name];
  if (result.violation) violations.emplace_back(seed, *result.violation);
}

TrialResult run_twice(const TrialOptions& given) {
  TrialOptions options = given;
  if (!options.compiled) options.compiled = std::make_shared<dsl::CompileCache>();
  TrialResult first = Trial(options).run();
  if (first.violation) return first;
  const TrialResult second = Trial(options).run();
  if (first.digest != second.digest || first.events != second.events) {
    first.violation = Violation{"I8 equal seeds, equal worlds",
                                "two runs differ: " + std::to_string(first.events) + " and " +
                                    std::to_string(second.events) + " events",
                                0};
  }
  return first;
}

Totals run_campaign(const CampaignOptions& options) {
  Totals totals;
  const auto begun = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  };
  std::uint64_t next = options.first;
  const std::uint64_t end = options.first + options.seeds;
  const auto may_begin = [&] {
    if (next >= end || (options.stop_at_first && !totals.violations.empty())) return false;
    if (options.hours > 0 && static_cast<double>(totals.virtual_ms) / 3'600'000 >= options.hours) return false;
    return options.seconds <= 0 || elapsed() < options.seconds;
  };
  std::vector<Worker> workers(static_cast<std::size_t>(options.jobs));
  for (Worker& worker : workers) worker = spawn();
  for (Worker& worker : workers) {
    if (may_begin()) give(worker, next++);
  }
  double told = 0;
  for (;;) {
    std::vector<pollfd> wait;
    for (const Worker& worker : workers) {
      if (worker.seed != 0) wait.push_back({worker.from, POLLIN, 0});
    }
    if (wait.empty()) break;
    (void)poll(wait.data(), wait.size(), 1000);
    for (const pollfd& ready : wait) {
      if (ready.revents == 0) continue;
      for (Worker& worker : workers) {
        if (worker.from != ready.fd) continue;
        char bytes[65536];
        const ssize_t count = read(worker.from, bytes, sizeof bytes);
        if (count > 0) worker.buffer.append(bytes, static_cast<std::size_t>(count));
        if (count <= 0) {  // it died
          int status = 0;
          waitpid(worker.pid, &status, 0);
          TrialResult dead;
          dead.violation = Violation{"the process lives", "a world killed its process: " +
                                     (WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                                          : "status " + std::to_string(WEXITSTATUS(status))), 0};
          totals.add(worker.seed, dead);
          close(worker.from);
          close(worker.to);
          worker = spawn();
        } else if (worker.buffer.ends_with('\n')) {
          totals.add(worker.seed, from_json(json::parse(worker.buffer)));
          if (options.progress && !totals.violations.empty() && totals.violations.back().first == worker.seed) {
            std::fprintf(stderr, "seed %llu  %s: %s\n", static_cast<unsigned long long>(worker.seed),
                         totals.violations.back().second.checker.c_str(), totals.violations.back().second.what.c_str());
          }
          worker.buffer.clear();
          worker.seed = 0;
        } else {
          continue;
        }
        if (may_begin()) give(worker, next++);
      }
    }
    if (options.progress && elapsed() - told >= 5) {
      told = elapsed();
      std::fprintf(stderr, "%6.0f s  %llu seeds  %.0f virtual hours  %llu sagas  %llu commands  %llu faults  %zu violations\n",
                   told, static_cast<unsigned long long>(totals.seeds),
                   static_cast<double>(totals.virtual_ms) / 3'600'000, static_cast<unsigned long long>(totals.sagas),
                   static_cast<unsigned long long>(totals.commands),
                   static_cast<unsigned long long>(totals.faults.total()), totals.violations.size());
    }
  }
  for (Worker& worker : workers) {
    give(worker, 0);  // a later worker holds a copy of the pipe's end: closing it tells nobody
    close(worker.to);
    close(worker.from);
    waitpid(worker.pid, nullptr, 0);
  }
  return totals;
}

}  // namespace weft::simulation
