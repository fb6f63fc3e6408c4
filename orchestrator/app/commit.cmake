# Run by every build: writes OUTPUT, a header with the commit that SOURCE is at, where that changed.
# Only version.cc includes it, so a new commit costs one small file.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
                OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
                RESULT_VARIABLE failed)
if(failed OR NOT COMMIT MATCHES "^[0-9a-f]+(-dirty)?$")
  set(COMMIT unknown)
endif()
configure_file(${SOURCE}/orchestrator/app/commit.h.in ${OUTPUT} @ONLY)
