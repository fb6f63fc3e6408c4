#pragma once  // orchestrator/app/exit_code.h

namespace weft::app {

/// What the shell is told (INTERFACES.md, Command line).
enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,       ///< The thing asked about is bad or failed.
  kExitUsage = 2,        ///< Wrong usage.
  kExitUnreachable = 3,  ///< The server does not answer.
  kExitRefused = 4,      ///< The token or the host is not accepted, or no token can be read.
  kExitStore = 5,        ///< The store is locked, damaged, newer than the program, full or failed.
};

}  // namespace weft::app
