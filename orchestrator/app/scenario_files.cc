#include "orchestrator/app/scenario_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include "orchestrator/sim/scenario_run.h"

namespace weft::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kScenarioBytesMax = 1024 * 1024;
// A folder's common scripts (docs/testing.md).
constexpr const char* kCommonFile = "adapters.test.yaml";

std::optional<std::string> read_text(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || fs::file_size(path, error) > kScenarioBytesMax ||
      error) {
    return std::nullopt;
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return std::nullopt;
  return std::move(text).str();
}

bool is_scenario_file(const std::string& name) {
  return name.ends_with(".test.yaml") || name.ends_with(".test.yml");
}

std::string folder_of(const fs::path& path) {
  const std::string folder = path.parent_path().lexically_normal().string();
  return folder.empty() ? "." : folder;
}

tl::expected<void, std::string> find_below(const std::string& folder,
                                           std::set<std::string>& found) {
  std::error_code error;
  fs::recursive_directory_iterator walk(folder, error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    const std::string name = walk->path().filename().string();
    std::error_code ignored;
    if (name.front() == '.') {
      if (walk->is_directory(ignored)) walk.disable_recursion_pending();
      continue;
    }
    if (is_scenario_file(name)) found.insert(walk->path().lexically_normal().string());
  }
  if (error) return tl::unexpected(folder + ": " + error.message());
  return {};
}

/// `adapters.test.yaml` beside the file or in a folder above it, up to `top`.
std::optional<std::string> common_file_of(const std::string& file,
                                          const std::set<std::string>& tops) {
  fs::path folder = folder_of(file);
  for (;;) {
    const fs::path candidate = (folder / kCommonFile).lexically_normal();
    std::error_code error;
    if (fs::is_regular_file(candidate, error)) return candidate.string();
    if (tops.contains(folder.lexically_normal().string()) || !folder.has_parent_path())
      return std::nullopt;
    const fs::path above = folder.parent_path();
    if (above == folder || above.empty()) return std::nullopt;
    folder = above;
  }
}

}  // namespace

const dsl::SourceFile* ScenarioFiles::find(const std::string& path) const {
  for (const dsl::SourceFile& source : sources) {
    if (source.path == path) return &source;
  }
  return definition_files.find(path);
}

dsl::FileReader scenario_file_reader() {
  return [](const std::string& from, const std::string& path) {
    return read_text(attachment_path(from, path));
  };
}

tl::expected<ScenarioFiles, std::string> read_scenarios(
    const std::vector<std::string>& paths, const std::vector<std::string>& definition_paths) {
  ScenarioFiles out;
  std::set<std::string> files, folders;
  for (const std::string& path : paths) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      std::string folder = fs::path(path).lexically_normal().string();
      while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
      folders.insert(folder);
      if (auto done = find_below(folder, files); !done) return tl::unexpected(done.error());
    } else if (fs::is_regular_file(path, error)) {
      files.insert(fs::path(path).lexically_normal().string());
      folders.insert(folder_of(path));
    } else {
      return tl::unexpected(path + ": there is no such file or folder");
    }
  }

  std::vector<std::string> definition_folders = definition_paths;
  for (const std::string& folder : folders) {
    // A folder below another one is read with it.
    const bool below = std::any_of(folders.begin(), folders.end(), [&](const std::string& other) {
      return other != folder && folder.starts_with(other == "." ? "" : other + "/") &&
             folder.front() != '/';
    });
    if (!below) definition_folders.push_back(folder);
  }
  auto definitions = read_definitions(definition_folders);
  if (!definitions) return tl::unexpected(definitions.error());
  out.definition_files = std::move(*definitions);
  const dsl::CompileResult compiled = compile_definitions(out.definition_files, true);
  for (const dsl::Diagnostic& diagnostic : compiled.diagnostics) {
    if (diagnostic.severity == dsl::Diagnostic::Severity::kError)
      out.diagnostics.push_back(diagnostic);
  }
  out.definitions.workflows = compiled.workflows;
  out.definitions.adapters = compiled.adapters;
  out.definitions.files = out.definition_files.files;
  out.definitions.attachments = out.definition_files.attachments;

  const dsl::FileReader reader = scenario_file_reader();
  std::map<std::string, sim::Scripts> common;
  const auto read_one =
      [&](const std::string& path) -> tl::expected<sim::ScenarioFile, std::string> {
    auto text = read_text(path);
    if (!text) return tl::unexpected(path + ": cannot be read, or is larger than 1 MiB");
    out.sources.push_back({path, std::move(*text)});
    sim::ScenarioFile parsed = sim::parse_scenarios(out.sources.back(), reader);
    out.diagnostics.insert(out.diagnostics.end(), parsed.diagnostics.begin(),
                           parsed.diagnostics.end());
    return parsed;
  };
  for (const std::string& path : files) {
    if (fs::path(path).filename() == kCommonFile) continue;
    auto parsed = read_one(path);
    if (!parsed) return tl::unexpected(parsed.error());
    ++out.files;
    sim::Scripts folder_scripts;
    if (const auto shared = common_file_of(path, folders)) {
      if (!common.contains(*shared)) {
        auto scripts = read_one(*shared);
        if (!scripts) return tl::unexpected(scripts.error());
        if (!scripts->only_common && !dsl::has_errors(scripts->diagnostics)) {
          out.diagnostics.push_back(
              {dsl::Diagnostic::Severity::kError,
               *shared,
               {1, 1},
               "scenario.common",
               std::string(kCommonFile) + " holds the folder's common scripts",
               "move its scenarios into another file"});
        }
        common[*shared] = scripts->common;
      }
      folder_scripts = common[*shared];
    }
    for (sim::Scenario& scenario : parsed->scenarios) {
      scenario.folder = folder_scripts;
      out.scenarios.push_back(std::move(scenario));
    }
  }
  if (!dsl::has_errors(out.diagnostics)) {
    for (const sim::Scenario& scenario : out.scenarios) {
      for (dsl::Diagnostic& diagnostic : sim::check_scenario(scenario, out.definitions)) {
        out.diagnostics.push_back(std::move(diagnostic));
      }
    }
  }
  return out;
}

}  // namespace weft::app
