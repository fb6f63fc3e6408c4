#pragma once  // tests/dsl/program_generator.h

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace weft::dsl {

/// Writes random JSON documents of one shape (with parts left out or null at times), and random
/// programs over them from the whole accepted grammar, mostly well typed. Both are valid jq 1.6.
///
/// Left out is what DSL.md sets apart from jq: numbers stay exact in a double (fractions are
/// eighths, divisors powers of two), and positions of `index` are sought in ASCII text, where
/// jq 1.6 counts bytes.
class ProgramGenerator {
 public:
  explicit ProgramGenerator(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] std::string document();
  [[nodiscard]] std::string program();
  /// How often each function was written.
  [[nodiscard]] const std::map<std::string, int>& uses() const { return uses_; }

 private:
  enum class Type { kNumber, kText, kBoolean, kNumbers, kTexts, kLines, kLine, kObject };
  struct Name {
    std::string name;
    Type type;
  };

  std::size_t below(std::size_t count) { return random_() % count; }
  bool one_in(std::size_t count) { return below(count) == 0; }
  template <typename... Choices>
  std::string pick(Choices... choices) {
    const std::string all[] = {std::string(choices)...};
    return all[below(sizeof...(choices))];
  }
  /// The spelling of a function, counted.
  std::string use(const std::string& name);

  std::string number_json();
  std::string text_json();
  std::string line_json();

  /// An expression that yields one value of type `want` where `.` is a value of type `input`.
  std::string expression(Type want, Type input, int depth);
  std::string leaf(Type want, Type input);
  std::string number(Type input, int depth);
  std::string text(Type input, int depth);
  std::string boolean(Type input, int depth);
  std::string numbers(Type input, int depth);
  std::string texts(Type input, int depth);
  std::string lines(Type input, int depth);
  std::string line(Type input, int depth);
  std::string object(Type input, int depth);
  /// An expression that may yield any number of values of type `want`.
  std::string several(Type want, Type input, int depth);
  /// What elements of a list type are.
  static Type element(Type list);
  std::string list(Type want, Type input, int depth);
  std::string bound(Type want, Type input, int depth);
  std::string any(Type input, int depth);

  std::mt19937_64 random_;
  std::map<std::string, int> uses_;
  std::vector<Name> names_;
  int next_name_ = 0;
};

}  // namespace weft::dsl
