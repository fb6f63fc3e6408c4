#pragma once  // orchestrator/core/reached.h

// "Some simulation must have been here." A rare state is marked where it is dealt with, and the
// simulator says which marks no world ever reached (docs/reliability.md). Without a simulator it
// costs one comparison with null.
//
//   REACHED("late success after an empty undo");
namespace weft::core {

using ReachedHook = void (*)(void* context, const char* name);

/// Of this thread: who is told, and with what. A worker of the simulator sets both.
inline constinit thread_local ReachedHook reached_hook_of_thread = nullptr;
inline constinit thread_local void* reached_context_of_thread = nullptr;

[[nodiscard]] inline ReachedHook& reached_hook() { return reached_hook_of_thread; }
[[nodiscard]] inline void*& reached_context() { return reached_context_of_thread; }

inline void reached(const char* name) {
  if (const ReachedHook hook = reached_hook_of_thread; hook != nullptr) {
    hook(reached_context_of_thread, name);
  }
}

}  // namespace weft::core

#define REACHED(name) ::weft::core::reached(name)
