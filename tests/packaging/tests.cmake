# Packages, units and manifests by which the two halves are deployed.
set(packages "${CMAKE_CURRENT_BINARY_DIR}/packages")
add_test(NAME packaging_packages COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/packaging/test_packages.py" "${PROJECT_BINARY_DIR}" "${packages}")
set_tests_properties(packaging_packages PROPERTIES LABELS "integration" TIMEOUT 2400 SKIP_RETURN_CODE 77 RUN_SERIAL ON FIXTURES_SETUP packages ENVIRONMENT "SCISSIONLITE_DEPS=${SCISSIONLITE_DEPS}")
add_test(NAME packaging_components COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/packaging/test_components.py" "${PROJECT_BINARY_DIR}")
set_tests_properties(packaging_components PROPERTIES LABELS "integration" TIMEOUT 300)
add_test(NAME packaging_kserve COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/packaging/test_kserve.py" "$<TARGET_FILE:scissionlite>" "${SCISSIONLITE_DEPS}/venv_ort/bin/python")
set_tests_properties(packaging_kserve PROPERTIES LABELS "integration;error" TIMEOUT 300 SKIP_RETURN_CODE 77)
# Installed in a bare Debian: minutes, root and Debian's mirror. SCISSIONLITE_TRY_PACKAGES names the folder for it.
add_test(NAME packaging_chroot COMMAND bash -c "[ -n \"$SCISSIONLITE_TRY_PACKAGES\" ] || { echo '[SKIP] takes minutes; SCISSIONLITE_TRY_PACKAGES=FOLDER names where a bare Debian goes'; exit 77; }; exec \"$0\" \"$SCISSIONLITE_TRY_PACKAGES\" \"$@\""
         "${CMAKE_CURRENT_SOURCE_DIR}/packaging/try_packages.sh" "${packages}" "$<TARGET_FILE:scissionlite>" "${SCISSIONLITE_DEPS}/venv_ort/bin/python")
set_tests_properties(packaging_chroot PROPERTIES LABELS "integration" TIMEOUT 1800 SKIP_RETURN_CODE 77 FIXTURES_REQUIRED packages)
