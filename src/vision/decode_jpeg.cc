// JPEG through libjpeg-turbo: grey, YCbCr, RGB, CMYK and YCCK, baseline and progressive.
#include "decode_internal.h"
#include "jpeg_internal.h"
#include "vision/exif.h"

namespace scissionlite::vision {
namespace {

/// A progressive file may hold thousands of empty scans, each of which costs a pass over all coefficients.
constexpr int kMostScans = 200;
constexpr unsigned kLongestMarker = 0xffff;

/// Everything that outlives a jump out of libjpeg.
struct JpegReader {
  jpeg_decompress_struct info{};
  JpegErrors errors{};
  jpeg_progress_mgr progress{};
  std::vector<uint8_t> cmyk_row;  // (width, 4)
  ~JpegReader() { jpeg_destroy_decompress(&info); }
};

void limit_scans(j_common_ptr cinfo) {
  auto* info = reinterpret_cast<j_decompress_ptr>(cinfo);
  if (info->input_scan_number > kMostScans) ERREXIT(cinfo, JERR_BAD_PROGRESSION);
}

/// Runs `step`, which calls libjpeg and owns nothing; false when libjpeg jumped out.
template <typename Step>
bool guarded(JpegReader& reader, Step&& step) {
  if (setjmp(reader.errors.back) != 0) return false;
  step();
  return true;
}

bool read_header(JpegReader& reader, std::string_view bytes) {
  return guarded(reader, [&] {
    jpeg_create_decompress(&reader.info);
    reader.progress.progress_monitor = limit_scans;
    reader.info.progress = &reader.progress;
    jpeg_save_markers(&reader.info, JPEG_APP0 + 1, kLongestMarker);
    jpeg_mem_src(&reader.info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_read_header(&reader.info, TRUE);
  });
}

bool start(JpegReader& reader) {
  return guarded(reader, [&] {
    const auto space = reader.info.jpeg_color_space;
    reader.info.out_color_space = space == JCS_CMYK || space == JCS_YCCK ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&reader.info);
  });
}

bool read_row(JpegReader& reader, uint8_t* row) {
  return guarded(reader, [&] { jpeg_read_scanlines(&reader.info, &row, 1); });
}

bool finish(JpegReader& reader) {
  return guarded(reader, [&] { jpeg_finish_decompress(&reader.info); });
}

int find_orientation(const jpeg_decompress_struct& info) {
  for (auto* marker = info.marker_list; marker != nullptr; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (data.starts_with("Exif")) return exif_orientation(data);
  }
  return 1;
}

/// Adobe's programs store inks inverted (255 = no ink) and mark the file as theirs.
void cmyk_to_rgb(const std::vector<uint8_t>& cmyk, bool is_inverted, uint8_t* rgb) {
  const unsigned flip = is_inverted ? 0 : 255;
  for (size_t i = 0; i + 3 < cmyk.size(); i += 4, rgb += 3) {
    const unsigned light = cmyk[i + 3] ^ flip;
    for (size_t c = 0; c < 3; ++c) rgb[c] = over_black(cmyk[i + c] ^ flip, light);
  }
}

}  // namespace

Decoded decode_jpeg(const DecodeJob& job) {
  JpegReader reader;
  reader.info.err = install(reader.errors);
  const auto fail = [&]() { job.fail(std::string("damaged or truncated JPEG (") + reader.errors.message + ")"); };
  if (!read_header(reader, job.bytes)) fail();
  job.check_size(reader.info.image_width, reader.info.image_height);
  if (!start(reader)) fail();

  Decoded out;
  out.orientation = find_orientation(reader.info);
  out.image.width = static_cast<int>(reader.info.output_width);
  out.image.height = static_cast<int>(reader.info.output_height);
  const size_t row_bytes = size_t{reader.info.output_width} * 3;
  const bool is_cmyk = reader.info.out_color_space == JCS_CMYK;
  if (is_cmyk) reader.cmyk_row.resize(size_t{reader.info.output_width} * 4);
  // Rows are added as they arrive: a short file with a large header touches little memory before it fails.
  out.image.rgb.reserve(row_bytes * reader.info.output_height);
  for (unsigned y = 0; y < reader.info.output_height; ++y) {
    out.image.rgb.resize(row_bytes * (y + 1));
    uint8_t* row = out.image.rgb.data() + row_bytes * y;
    if (!read_row(reader, is_cmyk ? reader.cmyk_row.data() : row)) fail();
    if (is_cmyk) cmyk_to_rgb(reader.cmyk_row, reader.info.saw_Adobe_marker, row);
  }
  if (!finish(reader)) fail();
  return out;
}

}  // namespace scissionlite::vision
