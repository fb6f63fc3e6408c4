#include <algorithm>
#include <set>

#include <yaml-cpp/yaml.h>

#include "orchestrator/app/config.h"
#include "orchestrator/app/near_match.h"

namespace weft::app {
namespace {

// A configuration is a page of text; anything longer is another file named by mistake.
constexpr std::size_t kBytesMax = 256 * 1024;
constexpr std::size_t kListMax = 1000;

struct LeafReader {
  const std::string& file;
  const std::vector<std::string>& leaves;
  const std::vector<std::string>& open;
  std::vector<YamlSetting> found;

  tl::unexpected<ConfigError> error(const YAML::Mark& mark, const std::string& message) const {
    return tl::unexpected(ConfigError{file + ":" + std::to_string(mark.line + 1) + ":" +
                                      std::to_string(mark.column + 1) + ": " + message});
  }

  /// The names that may stand under `path`.
  std::vector<std::string> children(const std::string& path) const {
    std::set<std::string> names;
    for (const auto* list : {&leaves, &open}) {
      for (const std::string& leaf : *list) {
        if (!path.empty() && leaf.rfind(path + ".", 0) != 0) continue;
        const std::size_t from = path.empty() ? 0 : path.size() + 1;
        names.insert(leaf.substr(from, leaf.find('.', from) - from));
      }
    }
    return {names.begin(), names.end()};
  }

  tl::expected<void, ConfigError> leaf(const std::string& path, const YAML::Node& node) {
    YamlSetting setting{path, {}, node.Mark().line + 1, node.Mark().column + 1};
    if (node.IsScalar()) {
      setting.values.push_back(node.Scalar());
    } else if (node.IsSequence()) {
      if (node.size() > kListMax) return error(node.Mark(), "`" + path + "` has too many items");
      for (const YAML::Node& item : node) {
        if (!item.IsScalar()) {
          return error(item.Mark(), "an item of `" + path + "` is to be a plain value");
        }
        setting.values.push_back(item.Scalar());
      }
    } else if (!node.IsNull()) {
      return error(node.Mark(), "`" + path + "` is to be a plain value or a list of them");
    }
    if (!node.IsNull()) found.push_back(std::move(setting));
    return {};
  }

  tl::expected<void, ConfigError> map(const std::string& path, const YAML::Node& node) {
    if (node.IsNull()) return {};
    if (!node.IsMap()) {
      return error(node.Mark(), path.empty() ? "expected a map of settings, such as `data: DIR`"
                                             : "`" + path + "` is to be a map");
    }
    const bool free_names = std::find(open.begin(), open.end(), path) != open.end();
    const std::vector<std::string> known = children(path);
    std::set<std::string> seen;
    for (const auto& member : node) {
      if (!member.first.IsScalar()) return error(member.first.Mark(), "a key is to be a name");
      const std::string key = member.first.Scalar();
      if (!seen.insert(key).second) {
        return error(member.first.Mark(), "the key `" + key + "` stands here twice; keep one");
      }
      const std::string full = path.empty() ? key : path + "." + key;
      if (!free_names && std::find(known.begin(), known.end(), key) == known.end()) {
        return error(member.first.Mark(),
                     "unknown key `" + full + "`" + near_match_hint(key, known));
      }
      const bool is_leaf =
          free_names || std::find(leaves.begin(), leaves.end(), full) != leaves.end();
      auto done = is_leaf ? leaf(full, member.second) : map(full, member.second);
      if (!done) return done;
    }
    return {};
  }
};

}  // namespace

tl::expected<std::vector<YamlSetting>, ConfigError> read_config_yaml(
    const std::string& file, const std::string& text, const std::vector<std::string>& leaves,
    const std::vector<std::string>& open) {
  if (text.size() > kBytesMax) {
    return tl::unexpected(ConfigError{file + ": longer than 256 KiB; is it a weft.yaml?"});
  }
  LeafReader reader{file, leaves, open, {}};
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      return tl::unexpected(ConfigError{file + ": expected one YAML document, found " +
                                        std::to_string(documents.size())});
    }
    if (!documents.empty()) {
      auto done = reader.map("", documents.front());
      if (!done) return tl::unexpected(done.error());
    }
  } catch (const YAML::Exception& exception) {
    return reader.error(exception.mark, exception.msg);
  }
  return std::move(reader.found);
}

}  // namespace weft::app
