# The page as a browser shows it, against the files that it was made from.
add_test(NAME report_page COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/report/test_page.py" $<TARGET_FILE:scissionlite>)
set_tests_properties(report_page PROPERTIES LABELS integration SKIP_RETURN_CODE 77 TIMEOUT 180)
