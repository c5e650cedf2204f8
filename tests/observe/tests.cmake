# Request ids, spans, metrics and the live page, over a device and an edge as processes.
foreach(test traces live device_metrics)
  add_test(NAME observe_${test} COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/observe/test_${test}.py" "$<TARGET_FILE:scissionlite>")
  set_tests_properties(observe_${test} PROPERTIES LABELS "integration;error" TIMEOUT 600 SKIP_RETURN_CODE 77 ENVIRONMENT "SCISSIONLITE_DEPS=${SCISSIONLITE_DEPS}")
endforeach()
