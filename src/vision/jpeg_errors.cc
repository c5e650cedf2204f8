#include "jpeg_internal.h"

namespace scissionlite::vision {
namespace {

[[noreturn]] void jump_back(j_common_ptr cinfo) {
  auto* errors = reinterpret_cast<JpegErrors*>(cinfo->err);
  cinfo->err->format_message(cinfo, errors->message);
  std::longjmp(errors->back, 1);
}

/// Warnings about the wrapping, which leave every pixel intact.
bool is_harmless(int code) {
  return code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM || code == JWRN_TOO_MUCH_DATA;
}

/// level -1 is a warning, 0 and above are traces.
void on_message(j_common_ptr cinfo, int level) {
  if (level < 0 && !is_harmless(cinfo->err->msg_code)) jump_back(cinfo);
}

void stay_silent(j_common_ptr) {}

}  // namespace

jpeg_error_mgr* install(JpegErrors& errors) {
  jpeg_std_error(&errors.manager);
  errors.manager.error_exit = jump_back;
  errors.manager.emit_message = on_message;
  errors.manager.output_message = stay_silent;
  errors.message[0] = '\0';
  return &errors.manager;
}

}  // namespace scissionlite::vision
