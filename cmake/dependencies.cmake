# Where third-party libraries come from: Debian packages by find_package, wheels below .deps/ by their own configs.
find_package(Threads REQUIRED)
find_package(MPI COMPONENTS CXX QUIET)  # training by processes; without it there are threads
find_package(OpenSSL REQUIRED)
find_package(Protobuf REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Eigen3 REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
# oneDNN: one more way to convolve. Debian's config of it ends the whole configuration where OpenCL's headers are missing, which
# libdnnl-dev only recommends.
find_package(OpenCL QUIET)
if(OpenCL_FOUND)
  find_package(dnnl QUIET)
endif()
if(NOT dnnl_FOUND)
  message(STATUS "oneDNN's convolutions are left out: install libdnnl-dev and ocl-icd-opencl-dev for them")
endif()
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.74 REQUIRED)  # Beast and Asio: headers only
# Its own CMake config asks for civetweb and curl, which only parts that are not used here need.
find_path(PROMETHEUS_CPP_INCLUDE prometheus/text_serializer.h REQUIRED)
find_library(PROMETHEUS_CPP_CORE prometheus-cpp-core REQUIRED)
add_library(prometheus-cpp::core UNKNOWN IMPORTED GLOBAL)
set_target_properties(prometheus-cpp::core PROPERTIES IMPORTED_LOCATION "${PROMETHEUS_CPP_CORE}" INTERFACE_INCLUDE_DIRECTORIES "${PROMETHEUS_CPP_INCLUDE}")
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
pkg_check_modules(GRPC REQUIRED IMPORTED_TARGET grpc++)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

set(SCISSIONLITE_ONNX_PROTO "${SCISSIONLITE_DEPS}/onnx/onnx/onnx-ml.proto" CACHE FILEPATH "onnx-ml.proto of the onnx wheel")
if(NOT EXISTS "${SCISSIONLITE_ONNX_PROTO}")
  message(FATAL_ERROR "No ${SCISSIONLITE_ONNX_PROTO}; run tools/install_deps.sh build, or give -DSCISSIONLITE_ONNX_PROTO=...")
endif()

if(SCISSIONLITE_OPENVINO)
  set(OpenVINO_DIR "${SCISSIONLITE_DEPS}/openvino/openvino/cmake" CACHE PATH "OpenVINO's CMake config")
  find_package(OpenVINO COMPONENTS Runtime)
  if(NOT OpenVINO_FOUND)
    message(FATAL_ERROR "OpenVINO is not in ${OpenVINO_DIR}; run tools/install_deps.sh build, or configure with -DSCISSIONLITE_OPENVINO=OFF")
  endif()
endif()

# Debian's config of libtorch asks for gflags, glog and protobuf (libtorch-dev depends on all three). A wheel of PyPI, which brings GPUs, asks in its
# config for the whole CUDA toolkit; its headers and two libraries are all that is used here, and what it has for GPUs is loaded when asked for
# (src/train/device.h).
set(SCISSIONLITE_TRAIN_FOUND OFF)
if(SCISSIONLITE_TRAIN AND SCISSIONLITE_TORCH_DIR)
  foreach(file include/torch/csrc/api/include/torch/torch.h lib/libtorch_cpu.so lib/libc10.so)
    if(NOT EXISTS "${SCISSIONLITE_TORCH_DIR}/${file}")
      message(FATAL_ERROR "SCISSIONLITE_TORCH_DIR=${SCISSIONLITE_TORCH_DIR} has no ${file}; give the folder torch of an installed torch wheel, or leave it out for libtorch-dev")
    endif()
  endforeach()
  add_library(torch INTERFACE IMPORTED GLOBAL)
  target_include_directories(torch SYSTEM INTERFACE "${SCISSIONLITE_TORCH_DIR}/include" "${SCISSIONLITE_TORCH_DIR}/include/torch/csrc/api/include")
  target_link_libraries(torch INTERFACE "${SCISSIONLITE_TORCH_DIR}/lib/libtorch_cpu.so" "${SCISSIONLITE_TORCH_DIR}/lib/libc10.so")
  target_link_options(torch INTERFACE -Wl,--allow-shlib-undefined)  # what of CUDA these two use is beside them, in packages of its own
  set(SCISSIONLITE_TRAIN_FOUND ON)
elseif(SCISSIONLITE_TRAIN)
  find_package(Torch 1.13 QUIET)
  if(TORCH_FOUND)
    set(SCISSIONLITE_TRAIN_FOUND ON)
  else()
    message(STATUS "scissionlite-train is left out: no libtorch; install libtorch-dev, or silence this with -DSCISSIONLITE_TRAIN=OFF")
  endif()
endif()

if(SCISSIONLITE_TESTS)
  find_package(GTest REQUIRED)
endif()
