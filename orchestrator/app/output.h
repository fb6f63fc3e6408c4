#pragma once  // orchestrator/app/output.h

#include <string>
#include <string_view>

#include "dsl/value.h"
#include "orchestrator/app/command.h"
#include "orchestrator/app/table.h"

namespace weft::app {

/// Why a command did not do what was asked: the exit code and an RFC 9457 problem document.
struct Failure {
  int exit_code = kExitFailed;
  dsl::Value problem;
};

/// A problem of our own, not the server's.
[[nodiscard]] Failure make_failure(int exit_code, std::string_view code, std::string_view title,
                                   std::string_view detail);

/// Where a command's results go. Results to stdout, complaints to stderr.
class Output {
 public:
  explicit Output(const GlobalOptions& options);

  /// False where the caller prints a table or sentences of its own.
  [[nodiscard]] bool structured() const { return format_ != Format::kTable; }
  [[nodiscard]] bool json() const { return format_ == Format::kJson; }
  [[nodiscard]] bool colours() const { return colours_; }

  /// The one thing that was asked for.
  void document(const dsl::Value& value) const;
  /// One of several: a line of JSON, or a YAML document.
  void item(const dsl::Value& value) const;
  void items(const dsl::Value& array) const;
  void text(std::string_view text) const;
  /// A table and how many rows, or `nothing` if it is empty.
  void table(const Table& table, std::string_view nothing) const;
  /// Complains and gives the exit code to return.
  int fail(const Failure& failure) const;
  [[nodiscard]] Table::Cell state(std::string_view state) const;
  [[nodiscard]] std::string paint(std::string_view text, Colour colour) const {
    return painted(text, colour, colours_);
  }

 private:
  enum class Format { kTable, kJson, kYaml };
  Format format_ = Format::kTable;
  bool colours_ = false;
};

/// A value as YAML, for people: keys in order, texts plain where that is unambiguous.
[[nodiscard]] std::string yaml_text(const dsl::Value& value);

/// A scalar as a table shows it: text as it is, null as nothing, others as JSON.
[[nodiscard]] std::string cell_text(const dsl::Value* value);

}  // namespace weft::app
