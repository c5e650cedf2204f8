# The library as a user gets it: installed, found by find_package, the example built outside the tree and run.
add_test(NAME api_install
         COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/api/test_install.py"
                 --build "${PROJECT_BINARY_DIR}" --assets "${PROJECT_SOURCE_DIR}/build/assets" --compiler "${CMAKE_CXX_COMPILER}"
                 "--sanitize=${SCISSIONLITE_SANITIZE}")
set_tests_properties(api_install PROPERTIES LABELS integration SKIP_RETURN_CODE 77 TIMEOUT 300)
