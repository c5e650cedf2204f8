// share/triton_python_backend/model.py as text, embedded by CMake.
#pragma once

namespace scissionlite {

extern const char* const kTritonPythonModel;

}  // namespace scissionlite
