// Images for tests, made in memory: patterns, and files in the kinds that `encode` does not write.
#pragma once

#include <cstdint>
#include <string>

#include "base/rng.h"
#include "vision/jpeg_internal.h"
#include "vision/vision.h"

#include <png.h>

namespace scissionlite::vision::testing {

/// Smooth colours that no flip or rotation maps onto themselves.
inline Image gradient(int width, int height) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const int v : {255 * x / width, 255 * y / height, 255 * (x + 2 * y) / (width + 2 * height)}) image.rgb.push_back(static_cast<uint8_t>(v));
  return image;
}

inline Image noise(int width, int height, uint64_t seed) {
  Rng rng(seed);
  Image image{width, height, std::vector<uint8_t>(static_cast<size_t>(width * height) * 3)};
  for (auto& v : image.rgb) v = static_cast<uint8_t>(rng.next());
  return image;
}

/// A TIFF block with the orientation as its only entry.
inline std::string orientation_block(int orientation, bool little) {
  const auto number = [&](unsigned value, int size) {
    std::string out;
    for (int i = 0; i < size; ++i) out += static_cast<char>(value >> 8 * (little ? i : size - 1 - i));
    return out;
  };
  return (little ? "II" : "MM") + number(42, 2) + number(8, 4) + number(1, 2) + number(0x112, 2) + number(3, 2) + number(1, 4) +
         number(static_cast<unsigned>(orientation), 2) + number(0, 2) + number(0, 4);
}

/// The JPEG with an EXIF marker after its first two bytes.
inline std::string with_exif(const std::string& jpeg, const std::string& block) {
  const std::string body = std::string("Exif\0\0", 6) + block;
  const size_t size = body.size() + 2;
  return jpeg.substr(0, 2) + "\xff\xe1" + static_cast<char>(size >> 8) + static_cast<char>(size) + body + jpeg.substr(2);
}

/// A CMYK or YCCK JPEG at quality 100 of one colour; `inks` as stored.
inline std::string cmyk_jpeg(int width, int height, const uint8_t (&inks)[4], bool as_ycck, bool adobe_marker) {
  jpeg_compress_struct info{};
  JpegErrors errors{};
  info.err = install(errors);
  if (setjmp(errors.back) != 0) return "";
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = static_cast<unsigned>(width), info.image_height = static_cast<unsigned>(height);
  info.input_components = 4, info.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_colorspace(&info, as_ycck ? JCS_YCCK : JCS_CMYK);
  info.write_Adobe_marker = adobe_marker ? TRUE : FALSE;
  jpeg_set_quality(&info, 100, TRUE);
  jpeg_start_compress(&info, TRUE);
  std::vector<uint8_t> row;
  for (int x = 0; x < width; ++x) row.insert(row.end(), inks, inks + 4);
  auto* rows = row.data();
  while (info.next_scanline < info.image_height) jpeg_write_scanlines(&info, &rows, 1);
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string out(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return out;
}

/// A PNG of any colour type and depth from its packed rows. A palette of `rows`' first colours 0..3: black, red, green, blue.
inline std::string png_file(int width, int height, int colour_type, int depth, const std::string& rows, bool interlaced = false) {
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, size_t n) { static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(data), n); },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), depth, colour_type,
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  const png_color palette[4] = {{0, 0, 0}, {255, 0, 0}, {0, 255, 0}, {0, 0, 255}};
  if (colour_type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 4);
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  const size_t stride = rows.size() / static_cast<size_t>(height);
  for (int y = 0; y < height; ++y) pointers.push_back(reinterpret_cast<png_bytep>(const_cast<char*>(rows.data())) + stride * static_cast<size_t>(y));
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

/// A number as BMP stores it.
inline std::string little(uint64_t value, int size) {
  std::string out;
  for (int i = 0; i < size; ++i) out += static_cast<char>(value >> 8 * i);
  return out;
}

/// A BMP with a 40-byte header; `rows` bottom up and padded.
inline std::string bmp_file(int width, int height, int bits, const std::string& palette, const std::string& rows) {
  const uint32_t at = 54 + static_cast<uint32_t>(palette.size());
  return "BM" + little(at + static_cast<uint32_t>(rows.size()), 4) + little(0, 4) + little(at, 4) + little(40, 4) +
         little(static_cast<uint32_t>(width), 4) + little(static_cast<uint32_t>(height), 4) + little(1, 2) + little(static_cast<uint32_t>(bits), 2) +
         little(0, 4) + little(0, 4) + little(0, 8) + little(0, 4) + little(0, 4) + palette + rows;
}

}  // namespace scissionlite::vision::testing
