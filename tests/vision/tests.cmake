# Pillow as the oracle for decoding, resizing and preprocessing.
add_executable(vision_dump vision/vision_dump.cc)
target_link_libraries(vision_dump PRIVATE scissionlite_vision)
add_test(NAME vision_oracle COMMAND /usr/bin/python3 "${CMAKE_CURRENT_SOURCE_DIR}/vision/test_oracle.py" $<TARGET_FILE:vision_dump>)
set_tests_properties(vision_oracle PROPERTIES LABELS integration SKIP_RETURN_CODE 77 TIMEOUT 300)

# The input.json files of tests/fixtures/inputs against the accuracies that the data's README measured.
add_test(NAME vision_model_inputs
         COMMAND "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/vision/test_model_inputs.py" $<TARGET_FILE:vision_dump>
                 "${CMAKE_CURRENT_SOURCE_DIR}/fixtures/inputs")
set_tests_properties(vision_model_inputs PROPERTIES LABELS integration SKIP_RETURN_CODE 77 TIMEOUT 300)
