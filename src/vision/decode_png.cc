// PNG through libpng: every colour type and depth, interlaced or not.
#include "decode_internal.h"
#include "vision/exif.h"

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include <png.h>

namespace scissionlite::vision {
namespace {

constexpr png_alloc_size_t kLargestChunkBytes = 256u << 10;  // of what is kept: eXIf, which holds the orientation
constexpr png_uint_32 kMostChunks = 16;

/// Everything that outlives a jump out of libpng.
struct PngReader {
  std::string_view rest;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<uint8_t> pixels;  // (height, width, channels)
  int passes = 1;               // more when interlaced
  char message[128] = "";
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
  auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
  std::strncpy(reader->message, message, sizeof reader->message - 1);
  png_longjmp(png, 1);
}

void stay_silent(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep out, size_t count) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (reader->rest.size() < count) png_error(png, "the file ends early");
  std::memcpy(out, reader->rest.data(), count);
  reader->rest.remove_prefix(count);
}

/// Runs `step`, which calls libpng and owns nothing; false when libpng jumped out.
template <typename Step>
bool guarded(PngReader& reader, Step&& step) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  step();
  return true;
}

/// Whether the file is as long as its chunks say: libpng asks for the memory that a chunk claims before it reads it.
bool has_whole_chunks(std::string_view file) {
  constexpr size_t kAround = 12;  // length, name and CRC
  file.remove_prefix(std::min<size_t>(file.size(), 8));
  while (file.size() >= kAround) {
    size_t size = 0;
    for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<uint8_t>(file[static_cast<size_t>(i)]);
    if (size > file.size() - kAround) return false;
    if (file.substr(4, 4) == "IEND") return true;
    file.remove_prefix(kAround + size);
  }
  return true;  // libpng says what is missing
}

/// Texts, profiles and palettes to choose from say nothing of the pixels, and a few bytes of them inflate to megabytes each, any number of times.
void skip_what_inflates(png_structp png) {
  static constexpr png_byte kNames[] = "zTXt\0iTXt\0tEXt\0iCCP\0sPLT";  // each ends with a zero
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, kNames, sizeof kNames / 5);
}

bool read_header(PngReader& reader) {
  return guarded(reader, [&] {
    png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // the caller checks width x height
    png_set_chunk_malloc_max(reader.png, kLargestChunkBytes);
    png_set_chunk_cache_max(reader.png, kMostChunks);
    skip_what_inflates(reader.png);
    png_set_read_fn(reader.png, &reader, read_bytes);
    png_read_info(reader.png, reader.info);
  });
}

/// To 8-bit RGB or RGBA.
bool set_transforms(PngReader& reader) {
  return guarded(reader, [&] {
    png_set_expand(reader.png);    // palette, less than 8 bits, transparent colour
    png_set_scale_16(reader.png);  // v / 257, rounded
    png_set_gray_to_rgb(reader.png);
    reader.passes = png_set_interlace_handling(reader.png);
    png_read_update_info(reader.png, reader.info);
  });
}

bool read_row(PngReader& reader, uint8_t* row) {
  return guarded(reader, [&] { png_read_row(reader.png, row, nullptr); });
}

bool read_end(PngReader& reader) {
  return guarded(reader, [&] { png_read_end(reader.png, reader.info); });
}

/// Rows are added as they arrive: a short file with a large header touches little memory before it fails.
bool read_pixels(PngReader& reader, size_t row_bytes, size_t rows) {
  reader.pixels.reserve(row_bytes * rows);
  for (int pass = 0; pass < reader.passes; ++pass)
    for (size_t y = 0; y < rows; ++y) {
      if (pass == 0) reader.pixels.resize(row_bytes * (y + 1));
      if (!read_row(reader, reader.pixels.data() + row_bytes * y)) return false;
    }
  return read_end(reader);
}

int find_orientation(PngReader& reader) {
  png_uint_32 size = 0;
  png_bytep block = nullptr;
  if (png_get_eXIf_1(reader.png, reader.info, &size, &block) == 0) return 1;
  return exif_orientation({reinterpret_cast<const char*>(block), size});
}

/// In place: the pixel read is never before the pixel written.
void drop_alpha(std::vector<uint8_t>& pixels) {
  size_t to = 0;
  for (size_t i = 0; i + 3 < pixels.size(); i += 4)
    for (size_t c = 0; c < 3; ++c) pixels[to++] = over_black(pixels[i + c], pixels[i + 3]);
  pixels.resize(to);
}

}  // namespace

Decoded decode_png(const DecodeJob& job) {
  PngReader reader;
  reader.rest = job.bytes;
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, stay_silent);
  if (reader.png != nullptr) reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) job.fail("out of memory for the PNG reader");
  const auto fail = [&]() { job.fail(std::string("damaged or truncated PNG (") + reader.message + ")"); };

  if (!has_whole_chunks(job.bytes)) job.fail("damaged or truncated PNG (the file ends early)");
  if (!read_header(reader)) fail();
  const int64_t width = png_get_image_width(reader.png, reader.info), height = png_get_image_height(reader.png, reader.info);
  job.check_size(width, height);
  if (!set_transforms(reader)) fail();
  if (!read_pixels(reader, png_get_rowbytes(reader.png, reader.info), static_cast<size_t>(height))) fail();

  Decoded out;
  out.orientation = find_orientation(reader);
  if (png_get_channels(reader.png, reader.info) == 4) drop_alpha(reader.pixels);
  out.image = {static_cast<int>(width), static_cast<int>(height), std::move(reader.pixels)};
  return out;
}

}  // namespace scissionlite::vision
