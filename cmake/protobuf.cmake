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

# scissionlite_grpc_proto(TARGET FOLDER): messages and stubs of src/FOLDER/*.proto.
function(scissionlite_grpc_proto target folder)
  file(GLOB protos CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${folder}/*.proto")
  set(sources)
  foreach(proto ${protos})
    get_filename_component(stem ${proto} NAME_WE)
    set(out "${GENERATED}/${stem}.pb.cc" "${GENERATED}/${stem}.pb.h" "${GENERATED}/${stem}.grpc.pb.cc" "${GENERATED}/${stem}.grpc.pb.h")
    add_custom_command(
      OUTPUT ${out}
      COMMAND protobuf::protoc "--cpp_out=${GENERATED}" "--grpc_out=${GENERATED}"
              "--plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN}" -I "${PROJECT_SOURCE_DIR}/src/${folder}" "${proto}"
      DEPENDS "${proto}" ${protos} VERBATIM)
    list(APPEND sources ${out})
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC "${GENERATED}")
  target_link_libraries(${target} PUBLIC PkgConfig::GRPC protobuf::libprotobuf)
  target_compile_options(${target} PRIVATE -w)
endfunction()
scissionlite_grpc_proto(scissionlite_oip_proto protocol)
scissionlite_grpc_proto(scissionlite_hub_proto collective)
scissionlite_grpc_proto(scissionlite_delivery_proto delivery)
