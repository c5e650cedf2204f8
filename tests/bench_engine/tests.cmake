# The networks that bench/engine measures, and the program that puts an engine behind its line protocol. `test_graphs.py --all`
# makes all nine networks, twice.
add_test(NAME bench_engine_graphs COMMAND "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/bench_engine/test_graphs.py")
add_test(NAME bench_engine_worker COMMAND "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/bench_engine/test_worker.py" "$<TARGET_FILE:bench_engine_worker>")
set_tests_properties(bench_engine_graphs bench_engine_worker PROPERTIES LABELS integration TIMEOUT 300)
