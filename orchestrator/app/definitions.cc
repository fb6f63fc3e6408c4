#include "orchestrator/app/definitions.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

#include "dsl/neighbours.h"
#include "orchestrator/engine/schedule.h"

namespace weft::app {
namespace {

namespace fs = std::filesystem;

// Larger than the compiler takes (256 KiB), so that it, not we, says what the limit is.
constexpr std::uintmax_t kFileBytesMax = 1024 * 1024;
constexpr std::size_t kFilesMax = 10'000;
// Beside one file, which may lie in somebody's home: enough for any repository of definitions.
constexpr std::size_t kNeighboursMax = 1'000;
constexpr std::size_t kEntriesMax = 20'000;

std::optional<std::string> read_regular_file(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || fs::file_size(path, error) > kFileBytesMax || error) {
    return std::nullopt;
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return std::nullopt;
  return std::move(text).str();
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// Folders of definitions hold other YAML, too: load profiles, configuration, test cases. One that
/// begins with a byte order mark is a definition as well, and one written as JSON.
bool is_definition(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool json = first != std::string::npos && text[first] == '{';
  for (std::size_t line = 0; line < text.size();) {
    std::size_t end = text.find_first_of("\n\r", line);
    if (end == std::string::npos) end = text.size();
    std::string_view rest = std::string_view(text).substr(line, end - line);
    if (line == 0 && rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
    if (json) rest.remove_prefix(std::min(rest.find_first_not_of("{ \t"), rest.size()));
    const bool quoted = rest.starts_with('"') || rest.starts_with('\'');
    if (quoted) rest.remove_prefix(1);
    for (const std::string_view key : {"weft", "workflow", "adapter"}) {
      if (!rest.starts_with(key)) continue;
      std::string_view after = rest.substr(key.size());
      if (quoted && !after.empty()) after.remove_prefix(1);
      if (after.starts_with(':')) return true;
    }
    line = end + 1;
  }
  return false;
}

bool names_definition(const fs::path& path) {
  const std::string name = path.filename().string();
  const bool yaml = ends_with(name, ".yaml") || ends_with(name, ".yml");
  const bool test = ends_with(name, ".test.yaml") || ends_with(name, ".test.yml");
  return yaml && !test && !name.starts_with('.');
}

/// The other definitions in the folder of a file and in the folders there, `adapters/` for one.
/// What cannot be read is no concern of ours.
void read_neighbours(const std::string& file, const DefinitionFiles& found,
                     std::vector<dsl::SourceFile>& neighbours) {
  std::error_code error;
  const fs::path folder = fs::path(file).parent_path();
  std::vector<std::string> paths;
  fs::recursive_directory_iterator walk(folder.empty() ? fs::path(".") : folder,
                                        fs::directory_options::skip_permission_denied, error);
  std::size_t looked_at = 0;
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    if (++looked_at > kEntriesMax || paths.size() >= kNeighboursMax) break;
    const bool hidden = walk->path().filename().string().starts_with('.');
    if (walk.depth() > 0 || hidden) walk.disable_recursion_pending();
    if (names_definition(walk->path())) {
      paths.push_back(walk->path().lexically_normal().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  for (std::string& path : paths) {
    const bool known = std::any_of(found.files.begin(), found.files.end(), [&](const auto& other) {
      return fs::equivalent(other.path, path, error);
    });
    if (known || std::any_of(neighbours.begin(), neighbours.end(),
                             [&](const auto& other) { return other.path == path; })) {
      continue;
    }
    auto text = read_regular_file(path);
    if (text && is_definition(*text)) neighbours.push_back({std::move(path), std::move(*text)});
  }
}

tl::expected<void, std::string> read_folder(const std::string& folder, DefinitionFiles& found) {
  std::error_code error;
  std::vector<std::string> paths;
  fs::recursive_directory_iterator walk(folder, error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    const std::string name = walk->path().filename().string();
    std::error_code ignored;
    if (name.front() == '.') {
      if (walk->is_directory(ignored)) walk.disable_recursion_pending();
      continue;
    }
    if (names_definition(walk->path()) && walk->is_regular_file(ignored)) {
      paths.push_back(walk->path().string());
    }
    if (paths.size() > kFilesMax) return tl::unexpected(folder + ": more than 10,000 YAML files");
  }
  if (error) return tl::unexpected(folder + ": " + error.message());
  std::sort(paths.begin(), paths.end());
  for (std::string& path : paths) {
    auto text = read_regular_file(path);
    if (!text) return tl::unexpected(path + ": cannot be read, or is larger than 1 MiB");
    if (is_definition(*text)) found.files.push_back({std::move(path), std::move(*text)});
  }
  return {};
}

}  // namespace

const dsl::SourceFile* DefinitionFiles::find(const std::string& path) const {
  for (const auto* list : {&files, &attachments}) {
    for (const dsl::SourceFile& file : *list) {
      if (file.path == path) return &file;
    }
  }
  return nullptr;
}

tl::expected<DefinitionFiles, std::string> read_definitions(const std::vector<std::string>& paths) {
  DefinitionFiles found;
  std::vector<std::string> single;
  for (const std::string& path : paths) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      auto done = read_folder(path, found);
      if (!done) return tl::unexpected(done.error());
      continue;
    }
    auto text = read_regular_file(path);
    if (!text) {
      const bool there = fs::exists(path, error);
      return tl::unexpected(
          path + (there ? ": cannot be read, or is larger than 1 MiB" : ": there is no such file"));
    }
    single.push_back(path);
    found.files.push_back({path, std::move(*text)});
  }
  // A file named twice, or inside a folder that is named, too, is one definition.
  std::vector<dsl::SourceFile> unique;
  for (dsl::SourceFile& file : found.files) {
    const bool seen = std::any_of(unique.begin(), unique.end(), [&](const dsl::SourceFile& other) {
      return other.path == file.path;
    });
    if (!seen) unique.push_back(std::move(file));
  }
  found.files = std::move(unique);
  found.given = found.files.size();
  std::vector<dsl::SourceFile> neighbours;
  for (const std::string& path : single) read_neighbours(path, found, neighbours);
  for (dsl::SourceFile& file : dsl::named_neighbours(found.files, neighbours)) {
    found.files.push_back(std::move(file));
  }
  return found;
}

std::string attachment_path(const std::string& from, const std::string& path) {
  return (fs::path(from).parent_path() / path).lexically_normal().string();
}

dsl::CompileResult compile_definitions(DefinitionFiles& definitions, bool complete) {
  dsl::CompileOptions options;
  options.complete = complete;
  options.read_file = [&definitions](const std::string& from,
                                     const std::string& path) -> std::optional<std::string> {
    const std::string place = attachment_path(from, path);
    for (const dsl::SourceFile& known : definitions.attachments) {
      if (known.path == place) return known.text;
    }
    auto text = read_regular_file(place);
    if (text) {
      definitions.attachments.push_back({place, *text});
    } else {
      definitions.missing.push_back(place);
    }
    return text;
  };
  dsl::CompileResult result = dsl::compile(definitions.files, options);
  for (dsl::Diagnostic& unknown :
       dsl::unknown_zones(definitions.files, engine::Schedule::is_zone)) {
    result.diagnostics.push_back(std::move(unknown));
  }
  return result;
}

bool attachments_unchanged(const DefinitionFiles& definitions) {
  return std::ranges::all_of(definitions.attachments,
                             [](const dsl::SourceFile& read) {
                               return read_regular_file(read.path) == read.text;
                             }) &&
         std::ranges::none_of(definitions.missing, [](const std::string& path) {
           return read_regular_file(path).has_value();
         });
}

std::string diagnostics_text(const std::vector<dsl::Diagnostic>& diagnostics,
                             const DefinitionFiles& definitions) {
  std::string out;
  for (const dsl::Diagnostic& diagnostic : diagnostics) {
    const dsl::SourceFile* source = definitions.find(diagnostic.file);
    out += dsl::format_diagnostic(diagnostic, source == nullptr ? "" : source->text);
    if (out.back() != '\n') out += '\n';
  }
  return out;
}

dsl::Value diagnostic_value(const dsl::Diagnostic& diagnostic) {
  return dsl::Value::object({{"file", diagnostic.file},
                             {"line", diagnostic.position.line},
                             {"column", diagnostic.position.column},
                             {"severity", dsl::severity_name(diagnostic.severity)},
                             {"rule", diagnostic.rule},
                             {"message", diagnostic.message},
                             {"instead", diagnostic.instead}});
}

}  // namespace weft::app
