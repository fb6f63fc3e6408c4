#include "orchestrator/app/definitions.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

namespace weft::app {
namespace {

namespace fs = std::filesystem;

// Larger than the compiler takes (256 KiB), so that it, not we, says what the limit is.
constexpr std::uintmax_t kFileBytesMax = 1024 * 1024;
constexpr std::size_t kFilesMax = 10'000;

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

/// Folders of definitions hold other YAML, too: load profiles, configuration, test cases.
bool is_definition(const std::string& text) {
  for (const std::string_view key : {"weft:", "workflow:", "adapter:"}) {
    if (text.compare(0, key.size(), key) == 0) return true;
    if (text.find("\n" + std::string(key)) != std::string::npos) return true;
  }
  return false;
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
    const bool yaml = ends_with(name, ".yaml") || ends_with(name, ".yml");
    const bool test = ends_with(name, ".test.yaml") || ends_with(name, ".test.yml");
    if (yaml && !test && walk->is_regular_file(ignored)) paths.push_back(walk->path().string());
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
    if (text) definitions.attachments.push_back({place, *text});
    return text;
  };
  return dsl::compile(definitions.files, options);
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
