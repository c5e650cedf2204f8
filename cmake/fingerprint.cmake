# Writes a source file with a fingerprint of the code that orders weights and reads compiled graphs, so that compiled models of
# another state of that code are refused. As a script: cmake -DROOT=... -DOUT=file.cc -P fingerprint.cmake
# scissionlite_fingerprint(TARGET) adds it to a target.
function(scissionlite_fingerprinted_sources root result)
  file(GLOB_RECURSE sources "${root}/src/kernels/*" "${root}/src/engine/backends/native/*")
  list(FILTER sources INCLUDE REGEX "\\.(h|cc|inc)$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/explain\\.(h|cc)$")
  list(SORT sources)
  set(${result} ${sources} PARENT_SCOPE)
endfunction()

function(scissionlite_write_fingerprint root out)
  scissionlite_fingerprinted_sources("${root}" sources)
  set(hashes "")
  foreach(source ${sources})
    file(RELATIVE_PATH name "${root}" "${source}")
    file(SHA256 "${source}" hash)
    string(APPEND hashes "${name} ${hash}\n")
  endforeach()
  string(SHA256 fingerprint "${hashes}")
  string(SUBSTRING "${fingerprint}" 0 16 fingerprint)
  file(WRITE "${out}.new" "// Written by cmake/fingerprint.cmake.\n#include \"engine/backends/native/compiled/compiled.h\"\n\nnamespace scissionlite::native {\nconst char* build_fingerprint() { return \"${fingerprint}\"; }\n}  // namespace scissionlite::native\n")
  file(COPY_FILE "${out}.new" "${out}" ONLY_IF_DIFFERENT)
  file(REMOVE "${out}.new")
endfunction()

function(scissionlite_fingerprint target)
  scissionlite_fingerprinted_sources("${PROJECT_SOURCE_DIR}" sources)
  set(out "${CMAKE_BINARY_DIR}/generated/build_fingerprint.cc")
  add_custom_command(OUTPUT "${out}" DEPENDS ${sources} "${PROJECT_SOURCE_DIR}/cmake/fingerprint.cmake"
                     COMMAND "${CMAKE_COMMAND}" "-DROOT=${PROJECT_SOURCE_DIR}" "-DOUT=${out}" -P "${PROJECT_SOURCE_DIR}/cmake/fingerprint.cmake" COMMENT "Fingerprint of kernels and lowering")
  target_sources(${target} PRIVATE "${out}")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE AND ROOT AND OUT)
  scissionlite_write_fingerprint("${ROOT}" "${OUT}")
endif()
