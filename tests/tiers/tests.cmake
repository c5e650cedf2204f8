# Device, edge and cloud: three real processes, and emulated links between them.
add_test(NAME tiers_integration COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/tiers/test_tiers.py" "$<TARGET_FILE:scissionlite>")
set_tests_properties(tiers_integration PROPERTIES LABELS "integration;error" TIMEOUT 900 SKIP_RETURN_CODE 77 ENVIRONMENT "SCISSIONLITE_DEPS=${SCISSIONLITE_DEPS}")
