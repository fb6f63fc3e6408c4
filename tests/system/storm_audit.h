#pragma once  // tests/system/storm_audit.h

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "examples/retail/shop_client.h"

namespace weft::test {

/// What an audit found wrong, one sentence each, and what it looked at.
struct StormReport {
  std::vector<std::string> findings;
  std::map<std::string, std::size_t> states;  ///< Sagas by workflow and state.
  std::size_t undone = 0;                     ///< Steps that were compensated.
};

/// Looks at every saga of the store from outside: each acknowledged start is there and ended well,
/// owes nothing, holds nothing; what happened was undone exactly once, newest first.
[[nodiscard]] StormReport audit_sagas(const retail::Server& server,
                                      const std::map<std::string, std::string>& acknowledged);

/// One saga of the workflow retail.order_fulfilment: what its events say of the undo. For tests of
/// the audit itself, too.
void audit_undo(const std::string& state, const nlohmann::json& events, StormReport& report);

}  // namespace weft::test
