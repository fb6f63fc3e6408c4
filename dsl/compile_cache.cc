#include "dsl/compile_cache.h"

#include <algorithm>
#include <utility>

namespace weft::dsl {
namespace {

// A world of the simulator has some ten registrations; whoever has more begins anew.
constexpr std::size_t kEntriesMax = 256;

// Lengths stand before texts, so different files never make the same key.
std::string key_of(const std::vector<SourceFile>& files, const CompileOptions& options) {
  std::string key = options.complete ? "complete" : "partial";
  for (const SourceFile& file : files) {
    for (const std::string* text : {&file.path, &file.text}) {
      key += ' ' + std::to_string(text->size()) + ' ' + *text;
    }
  }
  return key;
}

}  // namespace

CompileResult CompileCache::compile(const std::vector<SourceFile>& files,
                                    const CompileOptions& options) {
  std::string key = key_of(files, options);
  if (const auto known = entries_.find(key); known != entries_.end()) {
    const auto& reads = known->second.reads;
    const bool same = std::all_of(reads.begin(), reads.end(), [&](const Read& read) {
      return options.read_file && options.read_file(read.from, read.path) == read.text;
    });
    if (same) return known->second.result;
  }
  Entry entry;
  CompileOptions watched = options;
  if (options.read_file) {
    watched.read_file = [&](const std::string& from, const std::string& path) {
      auto text = options.read_file(from, path);
      entry.reads.push_back({from, path, text});
      return text;
    };
  }
  entry.result = dsl::compile(files, watched);
  if (entries_.size() >= kEntriesMax) entries_.clear();
  return entries_.insert_or_assign(std::move(key), std::move(entry)).first->second.result;
}

}  // namespace weft::dsl
