# The networks of tools/make_graphs. `test_graphs.py --all` makes all nine, twice.
add_test(NAME bench_engine_graphs COMMAND "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/bench_engine/test_graphs.py")
set_tests_properties(bench_engine_graphs PROPERTIES LABELS integration TIMEOUT 300)
