# Packages from the edge to a device: real processes of both, and the service by raw gRPC calls.
add_test(NAME delivery_integration COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/delivery/test_delivery.py" "$<TARGET_FILE:scissionlite>")
set_tests_properties(delivery_integration PROPERTIES LABELS "integration;error" TIMEOUT 600 SKIP_RETURN_CODE 77 ENVIRONMENT "SCISSIONLITE_DEPS=${SCISSIONLITE_DEPS}")
