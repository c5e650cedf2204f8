# Kernels on arm-64, cross-compiled and emulated.
add_test(NAME arm_kernels COMMAND bash "${CMAKE_CURRENT_SOURCE_DIR}/arm/run_on_arm.sh" "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_BINARY_DIR}/arm")
set_tests_properties(arm_kernels PROPERTIES LABELS "integration" TIMEOUT 600 SKIP_RETURN_CODE 77)
