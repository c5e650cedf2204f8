# Every cut of every real model; `test_zoo.py ... --all` adds the largest models and all cuts with every engine.
add_test(NAME zoo COMMAND "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/zoo/test_zoo.py" "$<TARGET_FILE:scissionlite>"
                          "${PROJECT_SOURCE_DIR}/build/assets")
set_tests_properties(zoo PROPERTIES LABELS integration TIMEOUT 900)
