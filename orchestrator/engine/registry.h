#pragma once  // orchestrator/engine/registry.h

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "dsl/compile_cache.h"
#include "dsl/saga_graph.h"
#include "orchestrator/core/event.h"
#include "orchestrator/engine/clock.h"
#include "orchestrator/engine/commit_queue.h"
#include "orchestrator/engine/log.h"
#include "orchestrator/engine/request.h"

namespace weft::engine {

/// Workflow versions and the adapters they name. Definitions are stored as the YAML they came as,
/// all files of one registration together (a *bundle*), and compiled again when needed.
///
///   stream bundle/<digest>     one event: {"files":[{path,text}],"attachments":[{path,text}]}
///   stream workflow/<name>     1 {"version","digest","source","bundle"}   a build of a version
///                              2 {"version"}                             an operator's choice
class Registry final {
 public:
  struct Build {
    std::string version, digest;
    std::string source_digest;          ///< Of the workflow's own YAML text.
    std::string bundle;
    core::Timestamp registered_at;
  };
  struct Workflow {
    std::vector<Build> builds;          ///< In order of registration; the last of a version counts.
    std::string current;                ///< Version.
    bool chosen = false;                ///< By an operator.
    std::uint64_t events = 0;           ///< In its stream.
    [[nodiscard]] const Build* latest(std::string_view version) const;
  };
  struct Bundle { std::vector<dsl::SourceFile> files, attachments; };
  struct Registered { std::string workflow, version, digest; bool fresh = false; };
  struct Outcome {
    dsl::CompileResult compiled;        ///< Diagnostics first of all.
    std::vector<Registered> registered;
    std::optional<Response> refused;    ///< name@version exists with other bytes.
    [[nodiscard]] bool ok() const {
      return !refused && !dsl::has_errors(compiled.diagnostics);
    }
  };

  /// `compile`: empty for dsl::compile.
  Registry(const store::EventStore& store, CommitQueue& commits, LogSink log, dsl::Compile compile);

  [[nodiscard]] tl::expected<void, std::string> recover();

  /// Compiles `files` together with what is registered and records what is new; all or nothing.
  Outcome deploy(const std::vector<dsl::SourceFile>& files,
                 const std::vector<dsl::SourceFile>& attachments, const core::Actor& actor,
                 bool dry_run, core::Timestamp now);
  /// False: no such version.
  bool choose(const std::string& workflow, const std::string& version, const core::Actor& actor,
              const std::string& reason, core::Timestamp now);

  /// What new starts get; null: unknown workflow, or its definition no longer compiles.
  [[nodiscard]] std::shared_ptr<const dsl::SagaGraph> current(const std::string& workflow);
  /// The newest version with this major number, the current one where it has it.
  [[nodiscard]] std::shared_ptr<const dsl::SagaGraph> of_major(const std::string& workflow,
                                                               int major);
  [[nodiscard]] std::shared_ptr<const dsl::SagaGraph> version(const std::string& workflow,
                                                              const std::string& version);
  /// The graph that a saga is pinned to; compiled when first asked for. Null: missing.
  [[nodiscard]] std::shared_ptr<const dsl::SagaGraph> graph(const std::string& workflow,
                                                            const std::string& digest);

  /// What that graph was compiled from, its adapters' definitions and the schemas with it; empty if
  /// it is missing.
  [[nodiscard]] Bundle sources(const std::string& workflow, const std::string& digest) const;

  [[nodiscard]] const std::map<std::string, Workflow>& workflows() const { return workflows_; }
  [[nodiscard]] std::vector<std::string> names() const;
  /// Definitions as last registered; for live limits.
  [[nodiscard]] const std::map<std::string, std::shared_ptr<const dsl::AdapterDefinition>>&
  adapters() const { return adapters_; }
  /// Counts registrations: derived indexes look whether they are up to date.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }

 private:
  [[nodiscard]] std::optional<Bundle> load_bundle(const std::string& digest) const;
  [[nodiscard]] dsl::CompileResult compile(const Bundle& bundle, bool complete) const;
  void remember(const dsl::CompileResult& compiled);
  void compile_bundle(const std::string& digest);
  [[nodiscard]] Bundle with_known(const std::vector<dsl::SourceFile>& files,
                                  const std::vector<dsl::SourceFile>& attachments) const;
  store::Commit& append(const store::StreamId& stream, std::uint64_t version, std::uint16_t type,
                        const dsl::Value& data, const core::Actor& actor, const std::string& reason,
                        core::Timestamp now);

  const store::EventStore& store_;
  CommitQueue& commits_;
  LogSink log_;
  dsl::Compile compile_;
  std::map<std::string, Workflow> workflows_;
  std::map<std::string, std::shared_ptr<const dsl::SagaGraph>> by_digest_;
  std::map<std::string, std::shared_ptr<const dsl::AdapterDefinition>> adapters_;
  Bundle known_;                       ///< Everything of the latest registration.
  std::set<std::string> bundles_, compiled_bundles_;
  std::uint64_t generation_ = 0;
};

/// Header bytes of an event that is no saga's: who and why.
[[nodiscard]] std::string action_header(const core::Actor& actor, const std::string& reason);
[[nodiscard]] dsl::Value actor_value(const core::Actor& actor);

}  // namespace weft::engine
