#include "orchestrator/app/version.h"

#include "orchestrator/app/commit.h"

namespace weft::app {

const char* build_commit() { return kCommit; }

}  // namespace weft::app
