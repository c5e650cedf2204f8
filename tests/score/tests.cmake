# Accuracy and AUC of labels beside agreement, against ONNX Runtime.
add_test(NAME score_labels COMMAND "${SCISSIONLITE_DEPS}/venv_ort/bin/python" "${CMAKE_CURRENT_SOURCE_DIR}/score/test_labels.py" "$<TARGET_FILE:scissionlite>")
set_tests_properties(score_labels PROPERTIES LABELS "integration" TIMEOUT 300)
