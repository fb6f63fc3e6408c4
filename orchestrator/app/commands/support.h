#pragma once  // orchestrator/app/commands/support.h

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "orchestrator/app/api_client.h"
#include "orchestrator/app/command.h"
#include "orchestrator/app/output.h"

namespace weft::app {

// What the commands that talk to a server have in common.

/// Connects, runs `work` and returns its exit code.
[[nodiscard]] int with_client(const Invocation& invocation,
                              const std::function<int(ApiClient&, const Output&)>& work);

/// Complains about the command line: exit code 2.
[[nodiscard]] int usage_failure(const Output& output, const std::string& detail);

/// Prints what came: the document, or what `show` makes of it for people.
[[nodiscard]] int print_result(const ApiResult& result, const Output& output,
                               const std::function<void(const dsl::Value&)>& show);

/// The member as a table shows it; empty if it is absent.
[[nodiscard]] std::string field(const dsl::Value& value, std::string_view name);
/// A member of a member.
[[nodiscard]] std::string field(const dsl::Value& value, std::string_view outer,
                                std::string_view name);
/// "2m 3s ago"
[[nodiscard]] std::string ago(const dsl::Value& value, std::string_view name);

/// One line of what is told of a thing: "  name      text"; nothing without a text.
[[nodiscard]] std::string fact(const std::string& name, const std::string& text);

/// Content of a file, or of stdin for "-"; the failure says why not.
[[nodiscard]] tl::expected<std::string, Failure> read_input(const std::string& path);

/// A whole number from 0 given to an option; nothing if it is none.
[[nodiscard]] std::optional<std::int64_t> whole_number(const std::string& text);

/// "1 saga", "2 sagas".
[[nodiscard]] std::string counted(std::int64_t count, std::string_view one, std::string_view many);

[[nodiscard]] bool is_end_state(std::string_view state);

}  // namespace weft::app
