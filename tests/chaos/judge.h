#pragma once  // tests/chaos/judge.h

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace weft::chaos {

/// What the clients wrote down themselves.
struct History {
  struct Order {
    std::int64_t amount = 0;
    std::int64_t qty = 0;
    std::set<std::string> sagas;  ///< Every saga named in an acknowledgement;
                                  ///< more than one is wrong.
    int acknowledged = 0;
    std::string end;  ///< What the client was told when it asked at last; empty:
                      ///< nothing was found.
  };
  mutable std::mutex mutex;
  std::map<std::string, Order> orders;
};

struct Verdict {
  std::uint64_t acknowledged = 0, completed = 0, undone = 0, stuck = 0;
  std::vector<std::string> broken;
};

/// Judges from the clients' records and the adapters' databases, and knows
/// nothing of the orchestrator: no acknowledged start is lost, every one has
/// ended, no effect happened twice or for nobody, and the books of
/// stock and money hold.
[[nodiscard]] Verdict judge(const History& history, const std::filesystem::path& inventory,
                            const std::filesystem::path& payments);

}  // namespace weft::chaos
