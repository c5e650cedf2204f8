# Every operator's reference code and shape rule against ONNX Runtime on random single-operator models.
add_executable(run_models ops_oracle/run_models.cc)
target_link_libraries(run_models PRIVATE scissionlite_engine)
scissionlite_runtime_path(run_models)
add_test(NAME ops_oracle
         COMMAND "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/ops_oracle/test_ops.py" "$<TARGET_FILE:run_models>"
                 "${PROJECT_SOURCE_DIR}/src/ops")
set_tests_properties(ops_oracle PROPERTIES LABELS "unit;property" TIMEOUT 600 SKIP_RETURN_CODE 77)
