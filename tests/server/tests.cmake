# Our server against unmodified clients of the Open Inference Protocol: tritonclient, perf_analyzer and, as a peer, Triton.
foreach(test behaviour control pressure grpc_limits security service http http_access http_limits https join_cuts metrics)
  add_test(NAME server_${test}
           COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/server/test_${test}.py" "$<TARGET_FILE:scissionlite>")
  set_tests_properties(server_${test} PROPERTIES LABELS "integration;error" TIMEOUT 300 SKIP_RETURN_CODE 77
                       ENVIRONMENT "SCISSIONLITE_DEPS=${SCISSIONLITE_DEPS}")
endforeach()
set_tests_properties(server_https PROPERTIES TIMEOUT 600)
set_tests_properties(server_pressure PROPERTIES TIMEOUT 900)  # what its engine does takes twenty times as long as the machine needs
set_tests_properties(server_security PROPERTIES TIMEOUT 1500)  # it waits for looks at files, and for floods to do their worst

add_test(NAME server_perf_analyzer
         COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/server/test_perf_analyzer.py" "$<TARGET_FILE:scissionlite>")
set_tests_properties(server_perf_analyzer PROPERTIES RUN_SERIAL ON LABELS integration TIMEOUT 300 SKIP_RETURN_CODE 77 ENVIRONMENT "SCISSIONLITE_DEPS=${SCISSIONLITE_DEPS}")

add_test(NAME server_triton
         COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/server/test_triton.py" "$<TARGET_FILE:scissionlite>" "${PROJECT_SOURCE_DIR}/build/assets")
set_tests_properties(server_triton PROPERTIES LABELS "integration;error" TIMEOUT 300 SKIP_RETURN_CODE 77 ENVIRONMENT "SCISSIONLITE_DEPS=${SCISSIONLITE_DEPS}")

add_test(NAME server_soak COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/server/test_soak.py" "$<TARGET_FILE:scissionlite>")
set_tests_properties(server_soak PROPERTIES LABELS "integration;error" TIMEOUT 900 SKIP_RETURN_CODE 77 ENVIRONMENT "SCISSIONLITE_DEPS=${SCISSIONLITE_DEPS}")
