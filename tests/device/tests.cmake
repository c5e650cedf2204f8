# The device half against a real edge process through the emulated link: faults, identity, modes, overhead.
add_executable(device_integration device/fixture.cc device/faults_test.cc device/command_test.cc device/switch_test.cc device/compiled_test.cc device/security_test.cc device/overhead_test.cc)
target_include_directories(device_integration PRIVATE device)
target_compile_definitions(device_integration PRIVATE SCISSIONLITE_CERTIFICATES="${CMAKE_CURRENT_SOURCE_DIR}/server/certificates.py")
target_link_libraries(device_integration PRIVATE scissionlite_bench GTest::gtest GTest::gtest_main)
scissionlite_runtime_path(device_integration)
add_test(NAME device_integration COMMAND device_integration)
set_tests_properties(device_integration PROPERTIES LABELS "integration;error" TIMEOUT 600 RUN_SERIAL ON
                     ENVIRONMENT "SCISSIONLITE_PROGRAM=$<TARGET_FILE:scissionlite>")
add_test(NAME device_versions COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/device/test_versions.py" "$<TARGET_FILE:scissionlite>")
set_tests_properties(device_versions PROPERTIES LABELS "integration;error" TIMEOUT 300 SKIP_RETURN_CODE 77 ENVIRONMENT "SCISSIONLITE_DEPS=${SCISSIONLITE_DEPS}")
