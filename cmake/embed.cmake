# scissionlite_embed(TARGET FILE SYMBOL): the text of FILE as `extern const char* const scissionlite::SYMBOL` inside TARGET.
function(scissionlite_embed target file symbol)
  set(source "${PROJECT_SOURCE_DIR}/${file}")
  set(content "")
  if(EXISTS "${source}")
    file(READ "${source}" content)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  endif()
  set(generated "${PROJECT_BINARY_DIR}/generated/embedded_${symbol}.cc")
  file(CONFIGURE OUTPUT "${generated}" @ONLY CONTENT
"// Generated from ${file} by cmake/embed.cmake.
namespace scissionlite {
extern const char* const @symbol@;
const char* const @symbol@ = R\"embedded(@content@)embedded\";
}  // namespace scissionlite
")
  target_sources(${target} PRIVATE "${generated}")
endfunction()
