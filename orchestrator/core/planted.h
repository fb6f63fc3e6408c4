#pragma once  // orchestrator/core/planted.h

// Known mistakes, planted to see whether the simulator finds them (tests/planted/run). Only a build
// with the CMake option WEFT_PLANTED_BUGS holds them; there, one is chosen by its number. Elsewhere
// PLANTED(n) is the constant false.
#ifdef WEFT_PLANTED_BUGS

namespace weft::core {
inline int planted_bug = 0;  ///< Set once, before anything runs.
}  // namespace weft::core

#define PLANTED(number) (::weft::core::planted_bug == (number))

#else

#define PLANTED(number) false

#endif
