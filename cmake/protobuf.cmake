# Generated message classes: ONNX under a package of its own, and the Open Inference Protocol with its gRPC stubs.
set(GENERATED "${PROJECT_BINARY_DIR}/generated")
file(MAKE_DIRECTORY "${GENERATED}")

# libtorch links Debian's libonnx, so ONNX's own package name would be registered twice in one process. The wire
# format carries no package name.
set(renamed "${GENERATED}/scissionlite_onnx.proto")
add_custom_command(
  OUTPUT "${renamed}"
  COMMAND sed "s/^package onnx;/package scissionlite.onnx;/" "${SCISSIONLITE_ONNX_PROTO}" > "${renamed}"
  DEPENDS "${SCISSIONLITE_ONNX_PROTO}" VERBATIM)
add_custom_command(
  OUTPUT "${GENERATED}/scissionlite_onnx.pb.cc" "${GENERATED}/scissionlite_onnx.pb.h"
  COMMAND protobuf::protoc "--cpp_out=${GENERATED}" -I "${GENERATED}" "${renamed}"
  DEPENDS "${renamed}" VERBATIM)
add_library(scissionlite_onnx_proto STATIC "${GENERATED}/scissionlite_onnx.pb.cc" "${GENERATED}/scissionlite_onnx.pb.h")
target_include_directories(scissionlite_onnx_proto SYSTEM PUBLIC "${GENERATED}")
target_link_libraries(scissionlite_onnx_proto PUBLIC protobuf::libprotobuf)
target_compile_options(scissionlite_onnx_proto PRIVATE -w)

file(GLOB oip_protos CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/protocol/*.proto")
set(oip_sources)
foreach(proto ${oip_protos})
  get_filename_component(stem ${proto} NAME_WE)
  set(out "${GENERATED}/${stem}.pb.cc" "${GENERATED}/${stem}.pb.h" "${GENERATED}/${stem}.grpc.pb.cc" "${GENERATED}/${stem}.grpc.pb.h")
  add_custom_command(
    OUTPUT ${out}
    COMMAND protobuf::protoc "--cpp_out=${GENERATED}" "--grpc_out=${GENERATED}"
            "--plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN}" -I "${PROJECT_SOURCE_DIR}/src/protocol" "${proto}"
    DEPENDS "${proto}" ${oip_protos} VERBATIM)
  list(APPEND oip_sources ${out})
endforeach()
if(oip_sources)
  add_library(scissionlite_oip_proto STATIC ${oip_sources})
  target_include_directories(scissionlite_oip_proto SYSTEM PUBLIC "${GENERATED}")
  target_link_libraries(scissionlite_oip_proto PUBLIC PkgConfig::GRPC protobuf::libprotobuf)
  target_compile_options(scissionlite_oip_proto PRIVATE -w)
else()
  add_library(scissionlite_oip_proto INTERFACE)
endif()
