# What the pages say is there, includes point upward, nothing is committed that does not belong here, commands explain themselves.
add_test(NAME hygiene COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/hygiene/test_tree.py")
add_test(NAME hygiene_commands COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/hygiene/test_commands.py" "$<TARGET_FILE:scissionlite>")
set_tests_properties(hygiene hygiene_commands PROPERTIES LABELS unit SKIP_RETURN_CODE 77 TIMEOUT 60)
