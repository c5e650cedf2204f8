# Our server against unmodified clients of the Open Inference Protocol: tritonclient, perf_analyzer and, as a peer, Triton.
foreach(test behaviour control pressure)
  add_test(NAME server_${test}
           COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/server/test_${test}.py" "$<TARGET_FILE:scissionlite>")
  set_tests_properties(server_${test} PROPERTIES LABELS "integration;error" TIMEOUT 300 SKIP_RETURN_CODE 77
                       ENVIRONMENT "SCISSIONLITE_DEPS=${SCISSIONLITE_DEPS}")
endforeach()
