# 10,000 hours of devices under random faults: every promise is kept. A failure names the seed that replays it. SCISSIONLITE_SIMULATED_HOURS: another number of hours.
if(DEFINED ENV{SCISSIONLITE_SIMULATED_HOURS})
  set(hours $ENV{SCISSIONLITE_SIMULATED_HOURS})
else()
  set(hours 10000)
endif()
add_test(NAME simulated_hours COMMAND scissionlite simulate --random-faults ${hours} -q)
set_tests_properties(simulated_hours PROPERTIES LABELS "integration" TIMEOUT 1500)
# And how far from the best fixed plan the controller ends on links that change against it.
add_test(NAME simulated_links COMMAND scissionlite simulate --random-links 1000 --most-regret 1.1 -q)
set_tests_properties(simulated_links PROPERTIES LABELS "integration" TIMEOUT 300)
add_test(NAME simulate_command COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/simulate/test_command.py" "$<TARGET_FILE:scissionlite>")
set_tests_properties(simulate_command PROPERTIES LABELS "integration;error" TIMEOUT 120)
