# Our server against unmodified clients of the Open Inference Protocol: tritonclient, perf_analyzer and, as a peer, Triton.
foreach(test behaviour)
  add_test(NAME server_${test}
           COMMAND "${SCISSIONLITE_DEPS}/venv_tritonclient/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/server/test_${test}.py" "$<TARGET_FILE:scissionlite>")
  set_tests_properties(server_${test} PROPERTIES LABELS "integration;error" TIMEOUT 300 SKIP_RETURN_CODE 77)
endforeach()
