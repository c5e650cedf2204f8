# `tune` on a small model: convolutions, chains, the whole; what it wrote is used, recalled and refused where it does not fit.
add_test(NAME tune_model COMMAND "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/tune/test_tune.py" "$<TARGET_FILE:scissionlite>")
set_tests_properties(tune_model PROPERTIES LABELS "integration" TIMEOUT 300)
