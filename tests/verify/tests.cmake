# Packages that were mixed, cut short or edited are refused with a message that names the file.
add_test(NAME verify_wrong COMMAND "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/verify/test_wrong.py" "$<TARGET_FILE:scissionlite>"
                                   "${PROJECT_SOURCE_DIR}/build/assets")
set_tests_properties(verify_wrong PROPERTIES LABELS "integration;error" SKIP_RETURN_CODE 77 TIMEOUT 300)
