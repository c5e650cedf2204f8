# The library as one shared object, and what `cmake --install` gives:
#   bin/scissionlite  lib/libscissionlite.so  lib/scissionlite/scissionlite_openvino.so  include/scissionlite/
#   lib/cmake/ScissionLite/  share/scissionlite/  share/doc/
# OpenVINO is found in lib/scissionlite/openvino/: a link to where it was at build time, or, with SCISSIONLITE_BUNDLE_OPENVINO, its libraries, with
# their licences in share/doc/. Halide, which scissionlite-generate alone needs, is found in lib/scissionlite/halide/, always such a link.
# Components, for tools/packages.sh: program, openvino_module, openvino_libraries; beside them openvino_licences, and generate (with its link).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
option(SCISSIONLITE_BUNDLE_OPENVINO "Install OpenVINO's runtime too (100 MB), so that the one it was built with may go" OFF)

add_library(scissionlite_library SHARED)
target_sources(scissionlite_library PRIVATE "${PROJECT_BINARY_DIR}/generated/library.cc")
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/library.cc" CONTENT "// All code is in the folders' libraries.\n")
target_link_libraries(scissionlite_library PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,scissionlite_api>")
# Names of ours alone are visible: an application may hold other versions of what we link.
target_link_options(scissionlite_library PRIVATE "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/library.map")
set_target_properties(scissionlite_library PROPERTIES OUTPUT_NAME scissionlite EXPORT_NAME scissionlite
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/library.map")
target_compile_features(scissionlite_library INTERFACE cxx_std_20)
target_include_directories(scissionlite_library INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
scissionlite_runtime_path(scissionlite_library)

set(module_dir "${CMAKE_INSTALL_LIBDIR}/scissionlite")
set(rpath_program "$ORIGIN/../${CMAKE_INSTALL_LIBDIR};$ORIGIN/../${module_dir}")
set(rpath_library "$ORIGIN;$ORIGIN/scissionlite")

# scissionlite_install_link(NAME FOLDER COMPONENT): lib/scissionlite/NAME leads to a folder of this machine.
function(scissionlite_install_link name folder component)
  install(CODE "set(modules \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${module_dir}\")
  file(MAKE_DIRECTORY \"\${modules}\")
  file(CREATE_LINK \"${folder}\" \"\${modules}/${name}\" SYMBOLIC)" COMPONENT ${component})
endfunction()

if(TARGET scissionlite_openvino)
  set(openvino_libs "${SCISSIONLITE_DEPS}/openvino/openvino/libs")
  set_target_properties(scissionlite_openvino PROPERTIES INSTALL_RPATH "$ORIGIN/openvino")
  install(TARGETS scissionlite_openvino LIBRARY DESTINATION "${module_dir}" COMPONENT openvino_module)
  if(NOT SCISSIONLITE_BUNDLE_OPENVINO)
    scissionlite_install_link(openvino "${openvino_libs}" openvino_link)
    set(unless_asked EXCLUDE_FROM_ALL)
  endif()
  install(DIRECTORY "${openvino_libs}/" DESTINATION "${module_dir}/openvino" COMPONENT openvino_libraries ${unless_asked} FILES_MATCHING
    PATTERN "libopenvino.so*" PATTERN "libopenvino_intel_cpu_plugin.so" PATTERN "libopenvino_onnx_frontend.so*"
    PATTERN "libopenvino_ir_frontend.so*" PATTERN "libtbb.so*" PATTERN "libtbbmalloc.so*" PATTERN "libtbbbind*.so*" PATTERN "libhwloc.so*")
  file(GLOB licences CONFIGURE_DEPENDS "${SCISSIONLITE_DEPS}/openvino/openvino-*.dist-info/licenses/LICENSE"
    "${SCISSIONLITE_DEPS}/openvino/openvino-*.dist-info/licenses/licensing/*.txt")
  if(SCISSIONLITE_BUNDLE_OPENVINO AND NOT licences)
    message(FATAL_ERROR "OpenVINO's licences are not in ${SCISSIONLITE_DEPS}/openvino, and its libraries are not installed without them")
  endif()
  install(FILES ${licences} DESTINATION "${CMAKE_INSTALL_DOCDIR}/openvino" COMPONENT openvino_licences ${unless_asked})
endif()
set_target_properties(scissionlite PROPERTIES INSTALL_RPATH "${rpath_program}")
set_target_properties(scissionlite_library PROPERTIES INSTALL_RPATH "${rpath_library}")

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/ScissionLite")
install(TARGETS scissionlite COMPONENT program)
if(TARGET scissionlite-train)
  set_target_properties(scissionlite-train PROPERTIES INSTALL_RPATH "${rpath_program}")
  install(TARGETS scissionlite-train)
endif()
if(TARGET scissionlite-generate)
  get_filename_component(halide_libs "${SCISSIONLITE_HALIDE_LIBRARY}" DIRECTORY)
  set_target_properties(scissionlite-generate PROPERTIES INSTALL_RPATH "$ORIGIN/../${module_dir}/halide")
  install(TARGETS scissionlite-generate COMPONENT generate)
  scissionlite_install_link(halide "${halide_libs}" generate)
endif()
install(TARGETS scissionlite_library EXPORT ScissionLiteTargets)
install(EXPORT ScissionLiteTargets NAMESPACE ScissionLite:: DESTINATION "${package_dir}")
configure_package_config_file(cmake/ScissionLiteConfig.cmake.in "${PROJECT_BINARY_DIR}/ScissionLiteConfig.cmake" INSTALL_DESTINATION "${package_dir}"
  PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/ScissionLiteConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/ScissionLiteConfig.cmake" "${PROJECT_BINARY_DIR}/ScissionLiteConfigVersion.cmake" DESTINATION "${package_dir}")
install(DIRECTORY include/scissionlite DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(DIRECTORY share/ DESTINATION "${CMAKE_INSTALL_DATADIR}/scissionlite" PATTERN "__pycache__" EXCLUDE)
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
