// libjpeg's error handling, shared by decoding and encoding: an error jumps back to the setjmp of the caller.
#pragma once

#include <csetjmp>
#include <cstdio>  // jpeglib.h needs FILE
#include <string>

#include <jerror.h>
#include <jpeglib.h>

namespace scissionlite::vision {

/// First member is libjpeg's manager, so that `cinfo->err` can be cast back to this. Frames that a jump leaves must not
/// own anything: buffers live in the caller of the function that holds the setjmp.
struct JpegErrors {
  jpeg_error_mgr manager;
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

/// Makes every error, and every warning that means lost pixels, jump to `errors.back` with its text in `message`.
jpeg_error_mgr* install(JpegErrors& errors);

}  // namespace scissionlite::vision
