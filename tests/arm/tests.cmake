# Kernels on arm-64, cross-compiled and emulated.
add_test(NAME arm_kernels COMMAND bash "${CMAKE_CURRENT_SOURCE_DIR}/arm/run_on_arm.sh" "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_BINARY_DIR}/arm")
set_tests_properties(arm_kernels PROPERTIES LABELS "integration" TIMEOUT 600 SKIP_RETURN_CODE 77)
# A model compiled here, run there.
find_path(SCISSIONLITE_JSON_INCLUDES nlohmann/json.hpp)  # header only, so it serves the cross compiler too
add_test(NAME arm_compiled COMMAND "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/arm/test_compiled.py" "$<TARGET_FILE:scissionlite>" "${CMAKE_COMMAND}" "${SCISSIONLITE_JSON_INCLUDES}"
                                          "${CMAKE_CURRENT_BINARY_DIR}/arm_compiled")
set_tests_properties(arm_compiled PROPERTIES LABELS "integration" TIMEOUT 1200 SKIP_RETURN_CODE 77)
