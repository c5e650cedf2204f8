# The models and photos that tools/assets makes, in build/assets (tools/assets/make_assets.sh build/assets test).
set(SCISSIONLITE_ASSETS "${PROJECT_SOURCE_DIR}/build/assets" CACHE PATH "Where tools/assets/make_assets.sh put the test assets")
add_test(NAME assets COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/assets/test_assets.py" $<TARGET_FILE:vision_dump> "${SCISSIONLITE_ASSETS}")
set_tests_properties(assets PROPERTIES LABELS integration SKIP_RETURN_CODE 77 TIMEOUT 600)
