#pragma once  // tests/fuzz/target.h

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::fuzz {

/// One way for foreign bytes into Weft.
struct Target {
  const char* name;
  const char* what;  ///< For --help.
  /// Takes any bytes at all. Ends the process if a promise is broken
  /// (`require`). Returns what kind of answer it was: inputs with a new kind
  /// are kept and changed further.
  std::uint32_t (*run)(std::string_view input);
  /// Files and folders of samples, from the repository's root.
  std::vector<std::string> samples;
  /// Words of the language, to be put in.
  std::vector<std::string> words;
  std::size_t size_max = 4096;
};

/// A promise that holds for every input. Says which one was broken and ends the
/// process.
void require(bool kept, const char* promise);

[[nodiscard]] const std::vector<Target>& targets();

/// A number for a short text, to tell kinds of answers apart.
[[nodiscard]] std::uint32_t kind_of(std::string_view text);

/// Cuts the first line off, without its end.
std::string_view take_line(std::string_view& input);

// One file each, named as the function.
std::uint32_t yaml_target(std::string_view input);
std::uint32_t expression_target(std::string_view input);
std::uint32_t json_target(std::string_view input);
std::uint32_t event_target(std::string_view input);
std::uint32_t message_target(std::string_view input);
std::uint32_t http_target(std::string_view input);
std::uint32_t intake_target(std::string_view input);
std::uint32_t csv_target(std::string_view input);
std::uint32_t store_target(std::string_view input);

}  // namespace weft::fuzz
