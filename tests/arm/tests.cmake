# Kernels on arm-64, cross-compiled and emulated.
if(TARGET scissionlite-generate)
  add_executable(arm_make_kernels arm/make_kernels.cc)
  target_include_directories(arm_make_kernels PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(arm_make_kernels PRIVATE scissionlite_generate)
  add_dependencies(arm_make_kernels scissionlite-generate)
  set_target_properties(arm_make_kernels PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")  # beside scissionlite-generate
  set(arm_make_kernels "$<TARGET_FILE:arm_make_kernels>")
endif()
add_test(NAME arm_kernels COMMAND bash "${CMAKE_CURRENT_SOURCE_DIR}/arm/run_on_arm.sh" "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_BINARY_DIR}/arm" ${arm_make_kernels})
set_tests_properties(arm_kernels PROPERTIES LABELS "integration" TIMEOUT 600 SKIP_RETURN_CODE 77)
# A model compiled here, run there.
find_path(SCISSIONLITE_JSON_INCLUDES nlohmann/json.hpp)  # header only, so it serves the cross compiler too
add_test(NAME arm_compiled COMMAND "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/arm/test_compiled.py" "$<TARGET_FILE:scissionlite>" "${CMAKE_COMMAND}" "${SCISSIONLITE_JSON_INCLUDES}"
                                          "${CMAKE_CURRENT_BINARY_DIR}/arm_compiled")
set_tests_properties(arm_compiled PROPERTIES LABELS "integration" TIMEOUT 1200 SKIP_RETURN_CODE 77)
# The device's program as a whole: a cross build of everything, an hour where ccache is cold. SCISSIONLITE_TRY_ARM64 names the folder for it.
add_test(NAME arm_device COMMAND bash -c "[ -n \"$SCISSIONLITE_TRY_ARM64\" ] || { echo '[SKIP] takes long; SCISSIONLITE_TRY_ARM64=FOLDER names where libraries and build for arm-64 go'; exit 77; }; exec \"$0\" \"$SCISSIONLITE_TRY_ARM64\" \"$@\""
         "${CMAKE_CURRENT_SOURCE_DIR}/arm/try_device.sh" "$<TARGET_FILE:scissionlite>" "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${SCISSIONLITE_DEPS}")
set_tests_properties(arm_device PROPERTIES LABELS "integration" TIMEOUT 7200 SKIP_RETURN_CODE 77)
