# Bad input through the real program: a clear message, an exit code that is not 0, nothing half-written.
add_test(NAME bad_input
         COMMAND "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/errors/test_bad_input.py" "$<TARGET_FILE:scissionlite>")
set_tests_properties(bad_input PROPERTIES LABELS "error;integration" TIMEOUT 600 SKIP_RETURN_CODE 77)
