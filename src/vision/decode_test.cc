#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <cstdlib>

#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "vision/exif.h"
#include "vision/test_images.h"
#include "vision/vision.h"

namespace scissionlite::vision {
namespace {

using namespace testing;  // NOLINT: the helpers of this folder
using Rgb = std::array<int, 3>;

Rgb pixel(const Image& image, int x, int y) {
  const size_t at = (static_cast<size_t>(y) * static_cast<size_t>(image.width) + static_cast<size_t>(x)) * 3;
  return {image.rgb.at(at), image.rgb.at(at + 1), image.rgb.at(at + 2)};
}

void expect_near(const Rgb& got, const Rgb& wanted, int tolerance) {
  for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(got[c], wanted[c], tolerance) << "channel " << c;
}

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(a.rgb[i] - b.rgb.at(i));
  return sum / static_cast<double>(a.rgb.size());
}

std::string message_of(const std::string& bytes, const DecodeLimits& limits = {}) {
  try {
    static_cast<void>(decode(bytes, "photo.x", limits));
  } catch (const InvalidArgument& e) { return e.what(); }
  return "";
}

std::string bytes_of(std::initializer_list<int> values) { return {values.begin(), values.end()}; }

TEST(Decode, ReadsWhatEncodeWrites) {
  const Image image = gradient(61, 37);
  EXPECT_EQ(decode(encode(image, "png"), "x").rgb, image.rgb);
  for (const char* codec : {"jpeg-q95-420", "jpeg-q95-444", "webp-q95"}) {
    const Image back = decode(encode(image, codec), "x");
    ASSERT_EQ(back.width, 61) << codec;
    ASSERT_EQ(back.height, 37) << codec;
    EXPECT_LT(mean_difference(image, back), 4) << codec;
  }
}

TEST(Decode, LowerQualityIsSmallerAndFullColourLarger) {
  const Image image = gradient(200, 150);
  EXPECT_LT(encode(image, "jpeg-q30-420").size(), encode(image, "jpeg-q90-420").size());
  EXPECT_LT(encode(image, "jpeg-q90-420").size(), encode(image, "jpeg-q90-444").size());
  EXPECT_LT(encode(image, "webp-q20").size(), encode(image, "webp-q95").size());
}

TEST(Decode, OnePixelInEveryFormat) {
  const Image image{1, 1, {200, 100, 50}};
  for (const char* codec : {"png", "jpeg-q100-444", "jpeg-q100-420", "webp-q100"}) {
    SCOPED_TRACE(codec);
    const Image back = decode(encode(image, codec), "x");
    ASSERT_EQ(back.rgb.size(), 3u);
    expect_near(pixel(back, 0, 0), {200, 100, 50}, 12);
  }
  EXPECT_EQ(decode("P6 1 1 255\n" + bytes_of({1, 2, 3}), "x").rgb, (std::vector<uint8_t>{1, 2, 3}));
  EXPECT_EQ(decode(bmp_file(1, 1, 24, "", bytes_of({3, 2, 1, 0})), "x").rgb, (std::vector<uint8_t>{1, 2, 3}));
}

TEST(Decode, CmykAndYcckFromAdobeAreInverted) {
  // Stored 255 = no ink: full red has no cyan, full magenta and yellow.
  for (const bool as_ycck : {false, true}) expect_near(pixel(decode(cmyk_jpeg(16, 16, {255, 0, 0, 255}, as_ycck, true), "x"), 8, 8), {255, 0, 0}, 3);
  expect_near(pixel(decode(cmyk_jpeg(16, 16, {255, 255, 255, 128}, false, true), "x"), 8, 8), {128, 128, 128}, 3);
  expect_near(pixel(decode(cmyk_jpeg(16, 16, {0, 255, 255, 0}, false, false), "x"), 8, 8), {255, 0, 0}, 3);
}

TEST(Decode, SixteenBitPngIsDividedBy257) {
  const Image image = decode(png_file(2, 1, PNG_COLOR_TYPE_GRAY, 16, bytes_of({0x7f, 0xff, 0xff, 0x7e})), "x");
  EXPECT_EQ(pixel(image, 0, 0), (Rgb{127, 127, 127}));  // 32767 / 257 = 127.498
  EXPECT_EQ(pixel(image, 1, 0), (Rgb{254, 254, 254}));  // 65406 / 257 = 254.498
  const Image rgb = decode(png_file(1, 1, PNG_COLOR_TYPE_RGB, 16, bytes_of({0x80, 0, 0, 0x80, 0, 0x81})), "x");
  EXPECT_EQ(pixel(rgb, 0, 0), (Rgb{128, 0, 1}));  // 127.502, 0.498, 0.502
}

TEST(Decode, PaletteGreyAndAlphaPng) {
  const Image palette = decode(png_file(4, 1, PNG_COLOR_TYPE_PALETTE, 2, bytes_of({0x1b})), "x");  // 0 1 2 3
  EXPECT_EQ(pixel(palette, 1, 0), (Rgb{255, 0, 0}));
  EXPECT_EQ(pixel(palette, 3, 0), (Rgb{0, 0, 255}));
  EXPECT_EQ(pixel(decode(png_file(2, 1, PNG_COLOR_TYPE_GRAY, 1, bytes_of({0x40})), "x"), 1, 0), (Rgb{255, 255, 255}));
  const Image alpha = decode(png_file(2, 1, PNG_COLOR_TYPE_RGBA, 8, bytes_of({200, 100, 50, 128, 9, 9, 9, 0})), "x");
  EXPECT_EQ(pixel(alpha, 0, 0), (Rgb{100, 50, 25}));  // times 128 / 255
  EXPECT_EQ(pixel(alpha, 1, 0), (Rgb{0, 0, 0}));
  EXPECT_EQ(pixel(decode(png_file(1, 1, PNG_COLOR_TYPE_GRAY_ALPHA, 8, bytes_of({80, 255})), "x"), 0, 0), (Rgb{80, 80, 80}));
}

TEST(Decode, InterlacedPngIsTheSamePicture) {
  const Image image = noise(13, 9, 5);
  const std::string rows(image.rgb.begin(), image.rgb.end());
  EXPECT_EQ(decode(png_file(13, 9, PNG_COLOR_TYPE_RGB, 8, rows, /*interlaced=*/true), "x").rgb, image.rgb);
}

TEST(Decode, BmpDepthsAndDirections) {
  const std::string palette = bytes_of({0, 0, 0, 0, 0, 0, 255, 0});  // black, red as b g r 0
  const Image bits = decode(bmp_file(3, 1, 1, palette, bytes_of({0xa0, 0, 0, 0})), "x");
  EXPECT_EQ(pixel(bits, 0, 0), (Rgb{255, 0, 0}));
  EXPECT_EQ(pixel(bits, 1, 0), (Rgb{0, 0, 0}));
  EXPECT_EQ(pixel(bits, 2, 0), (Rgb{255, 0, 0}));
  EXPECT_EQ(pixel(decode(bmp_file(2, 1, 4, palette, bytes_of({0x01, 0, 0, 0})), "x"), 1, 0), (Rgb{255, 0, 0}));
  EXPECT_EQ(pixel(decode(bmp_file(1, 1, 16, "", bytes_of({0xe0, 0x03, 0, 0})), "x"), 0, 0), (Rgb{0, 255, 0}));
  EXPECT_EQ(pixel(decode(bmp_file(1, 1, 32, "", bytes_of({7, 8, 9, 0})), "x"), 0, 0), (Rgb{9, 8, 7}));
  const std::string rows = bytes_of({1, 1, 1, 0, 2, 2, 2, 0});
  EXPECT_EQ(pixel(decode(bmp_file(1, 2, 24, "", rows), "x"), 0, 0), (Rgb{2, 2, 2}));   // bottom up
  EXPECT_EQ(pixel(decode(bmp_file(1, -2, 24, "", rows), "x"), 0, 0), (Rgb{1, 1, 1}));  // top down
}

TEST(Decode, PnmTextBinaryCommentsAndDepths) {
  EXPECT_EQ(decode("P3\n# a comment\n1 1\n100\n100 50 0\n", "x").rgb, (std::vector<uint8_t>{255, 128, 0}));
  EXPECT_EQ(decode("P2 2 1 15 0 15", "x").rgb, (std::vector<uint8_t>{0, 0, 0, 255, 255, 255}));
  EXPECT_EQ(decode("P5 1 1 65535\n" + bytes_of({0x80, 0x00}), "x").rgb, (std::vector<uint8_t>{128, 128, 128}));
}

/// Where a source pixel goes when the image is turned upright, from the EXIF standard's table of row 0 and column 0.
std::pair<int, int> upright(int orientation, int x, int y, int w, int h) {
  switch (orientation) {
    case 2: return {w - 1 - x, y};          // row 0 top, column 0 right
    case 3: return {w - 1 - x, h - 1 - y};  // bottom, right
    case 4: return {x, h - 1 - y};          // bottom, left
    case 5: return {y, x};                  // left, top
    case 6: return {h - 1 - y, x};          // right, top
    case 7: return {h - 1 - y, w - 1 - x};  // right, bottom
    case 8: return {y, w - 1 - x};          // left, bottom
    default: return {x, y};
  }
}

TEST(Exif, AllEightOrientationsBothByteOrders) {
  const Image source = noise(24, 16, 3);
  const std::string jpeg = encode(source, "jpeg-q90-444");
  const Image plain = decode(jpeg, "x");
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image turned = decode(with_exif(jpeg, orientation_block(orientation, orientation % 2 == 0)), "x");
    ASSERT_EQ(turned.width, orientation >= 5 ? 16 : 24);
    for (int y = 0; y < 16; ++y)
      for (int x = 0; x < 24; ++x) {
        const auto [to_x, to_y] = upright(orientation, x, y, 24, 16);
        ASSERT_EQ(pixel(turned, to_x, to_y), pixel(plain, x, y)) << "orientation " << orientation;
      }
  }
}

TEST(Exif, DamagedBlocksMeanUpright) {
  const std::string block = orientation_block(6, true);
  EXPECT_EQ(exif_orientation(block), 6);
  for (size_t n = 0; n < 20; ++n) EXPECT_EQ(exif_orientation(block.substr(0, n)), 1) << n;
  EXPECT_EQ(exif_orientation(orientation_block(9, true)), 1);
  EXPECT_EQ(exif_orientation(orientation_block(0, false)), 1);
  EXPECT_TRUE(rc::check("random blocks give 1..8", [&](const std::string& tail) {
    const int orientation = exif_orientation(std::string("II*\0", 4) + tail);
    RC_ASSERT(orientation >= 1 && orientation <= 8);
  }));
}

/// The PNG with further chunks behind its header.
std::string with_chunks(const std::string& png, const std::vector<std::pair<std::string, std::string>>& chunks) {
  const auto number = [](uint64_t value) {
    std::string out;
    for (int i = 3; i >= 0; --i) out += static_cast<char>(value >> 8 * i);
    return out;
  };
  std::string more;
  for (const auto& [name, body] : chunks) {
    const std::string named = name + body;
    more += number(body.size()) + named + number(crc32(0, reinterpret_cast<const Bytef*>(named.data()), static_cast<uInt>(named.size())));
  }
  constexpr size_t kHeader = 8 + 12 + 13;
  return png.substr(0, kHeader) + more + png.substr(kHeader);
}

std::string deflated(const std::string& text) {
  uLongf size = compressBound(text.size());
  std::string out(size, 0);
  compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(text.data()), text.size());
  return out.substr(0, size);
}

TEST(Decode, PngOrientationIsApplied) {
  const Image image = gradient(6, 4);
  const Image turned = decode(with_chunks(encode(image, "png"), {{"eXIf", orientation_block(6, true)}}), "x");
  EXPECT_EQ(turned.width, 4);
  EXPECT_EQ(turned.height, 6);
}

/// Each inflates to 8 MiB: all of them together would take 1.6 GB and many seconds.
TEST(Decode, fault_20_PngChunksThatInflateAreSkipped) {
  const Image image = gradient(8, 8);
  const std::string bomb = deflated(std::string(8 << 20, 'a'));
  std::vector<std::pair<std::string, std::string>> chunks(200, {"zTXt", std::string("k\0\0", 3) + bomb});
  chunks.push_back({"iTXt", std::string("k\0\1\0\0\0", 6) + bomb});
  chunks.push_back({"iCCP", std::string("p\0\0", 3) + bomb});
  const double begin_us = thread_cpu_us();
  EXPECT_EQ(decode(with_chunks(encode(image, "png"), chunks), "x").rgb, image.rgb);
  EXPECT_LT(thread_cpu_us() - begin_us, 1e6);
}

TEST(Decode, LongTextsInAPngAreNoFault) {
  const Image image = gradient(8, 8);
  const std::string text = std::string("XML:com.adobe.xmp\0", 18) + std::string(2 << 20, 'x');
  EXPECT_EQ(decode(with_chunks(encode(image, "png"), {{"tEXt", text}, {"eXIf", orientation_block(1, true)}}), "x").rgb, image.rgb);
}

TEST(DecodeErrors, EveryTruncationIsRefused) {
  const Image image = noise(64, 48, 7);
  for (const char* codec : {"jpeg-q90-420", "png", "webp-q90"}) {
    const std::string whole = encode(image, codec);
    for (size_t n = 1; n + 2 < whole.size(); n += 100) EXPECT_NE(message_of(whole.substr(0, n)), "") << codec << " of " << n << " bytes";
    EXPECT_NE(message_of(whole.substr(0, whole.size() / 2)).find("truncated"), std::string::npos) << codec;
  }
  const std::string bmp = bmp_file(8, 8, 24, "", std::string(24 * 8, 'x'));
  for (size_t n = 2; n < bmp.size(); ++n) EXPECT_NE(message_of(bmp.substr(0, n)), "") << n;
  EXPECT_NE(message_of("P6 2 2 255\n12345678901").find("12 samples are expected, 11 bytes are left"), std::string::npos);
}

TEST(DecodeErrors, fault_28_ChunksThatClaimMoreThanTheFileHas) {
  const std::string whole = encode(noise(8, 8, 3), "png");
  const size_t after_header = 8 + 12 + 13;
  for (const char* name : {"eXIf", "iCCP", "tEXt", "IDAT", "abCd"}) {
    const std::string chunk = std::string("\x7f\xff\xff\xf0", 4) + name;
    EXPECT_NE(message_of(whole.substr(0, after_header) + chunk + whole.substr(after_header)).find("the file ends early"), std::string::npos) << name;
  }
  EXPECT_EQ(message_of(whole + std::string("\x7f\xff\xff\xf0tEXt", 8)), "");  // what follows the end is nobody's
}

TEST(DecodeErrors, fault_28_HugeHeadersAreRefusedBeforeMemoryIsTaken) {
  std::string jpeg = encode(gradient(16, 16), "jpeg-q50-444");
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xff\xff\xff\xff");
  // libjpeg itself stops at 65500 pixels a side.
  EXPECT_NE(message_of(jpeg), "");
  jpeg.replace(frame + 5, 4, "\xf0\xf0\xf0\xf0");
  EXPECT_NE(message_of(jpeg).find("61680 x 61680 pixels, more than the limit of 100000000"), std::string::npos) << message_of(jpeg);
  EXPECT_NE(message_of(bmp_file(100000, 100000, 24, "", "")).find("100000 x 100000"), std::string::npos);
  EXPECT_NE(message_of("P6 2000000000 2000000000 255\n").find("more than the limit"), std::string::npos);
  EXPECT_NE(message_of("P5 99999999999999999999 1 255\n").find("too large"), std::string::npos);
  EXPECT_NE(message_of("P5 0 1 255\n").find("at least 1 x 1"), std::string::npos);
  EXPECT_NE(message_of(encode(gradient(20, 10), "png"), {.max_pixels = 199}).find("20 x 10 pixels, more than the limit of 199"), std::string::npos);
  EXPECT_NE(message_of(encode(gradient(20, 10), "webp-q9"), {.max_pixels = 199}).find("more than the limit of 199"), std::string::npos);
  EXPECT_EQ(message_of(encode(gradient(20, 10), "png"), {.max_pixels = 200}), "");
}

TEST(DecodeErrors, MessagesSayWhatWasGiven) {
  EXPECT_NE(message_of("").find("photo.x: the file is empty"), std::string::npos);
  EXPECT_NE(message_of("hello world").find("first bytes 68 65 6c 6c 6f 20 77 6f"), std::string::npos);
  EXPECT_NE(message_of("GIF89a......").find("GIF is not supported"), std::string::npos);
  EXPECT_NE(message_of(std::string("II*\0....", 8)).find("TIFF is not supported"), std::string::npos);
  EXPECT_NE(message_of(std::string(100, 'P'), {.max_file_bytes = 10}).find("100 B, more than the limit of 10 B"), std::string::npos);
  std::string rle = bmp_file(8, 8, 8, std::string(1024, 'p'), std::string(64, 'x'));
  rle[30] = 1;
  EXPECT_NE(message_of(rle).find("BMP compression 1 is not supported"), std::string::npos);
  EXPECT_THROW(static_cast<void>(load_image("/nonexistent/photo.jpg")), ResourceError);
}

TEST(DecodeErrors, EncodeNamesTheCodecs) {
  for (const char* codec : {"jpeg", "jpeg-q0-420", "jpeg-q101-420", "jpeg-q90-422", "jpeg-q90", "webp-q", "webp-q8x", "png-q9", "gif", ""})
    EXPECT_THROW(static_cast<void>(encode(gradient(4, 4), codec)), InvalidArgument) << codec;
  try {
    static_cast<void>(encode(noise(8, 8, 1), "gif"));
  } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find("also auto, none, file, raw or tensor"), std::string::npos) << e.what(); }
  EXPECT_THROW(static_cast<void>(encode(Image{2, 2, {1, 2, 3}}, "png")), InvalidArgument);
  EXPECT_THROW(static_cast<void>(encode(Image{}, "png")), InvalidArgument);
  EXPECT_THROW(static_cast<void>(encode(noise(20000, 1, 1), "webp-q50")), InvalidArgument);
}

TEST(DecodeProperty, DamagedFilesGiveAnImageOrAnError) {
  std::vector<std::string> seeds;
  for (const char* codec : {"jpeg-q60-420", "png", "webp-q60"}) seeds.push_back(encode(noise(24, 24, 1), codec));
  seeds.push_back(bmp_file(8, 8, 24, "", std::string(24 * 8, 'x')));
  seeds.push_back("P6 4 4 255\n" + std::string(48, 'q'));
  EXPECT_TRUE(rc::check("any bytes of any seed changed", [&](uint64_t seed) {
    Rng rng(seed);
    for (int round = 0; round < 20; ++round) {
      std::string bytes = seeds[rng.below(seeds.size())];
      for (uint64_t i = 0, n = 1 + rng.below(8); i < n; ++i) bytes[rng.below(bytes.size())] = static_cast<char>(rng.next());
      try {
        const Image image = decode(bytes, "x", {.max_pixels = 1'000'000});
        RC_ASSERT(image.rgb.size() == static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3);
      } catch (const InvalidArgument&) {}
    }
  }));
}

TEST(ListImages, FilesFoldersGlobsSorted) {
  const fs::path folder = fs::temp_directory_path() / ("scissionlite_list_" + std::to_string(::getpid()));
  fs::create_directories(folder / "inner.jpg");
  for (const char* name : {"b.png", "a.JPG", "notes.txt", "c.webp", ".hidden"}) write_file(folder / name, "x");
  const auto names = [](const std::vector<fs::path>& paths) {
    std::string out;
    for (const auto& p : paths) out += p.filename().string() + " ";
    return out;
  };
  EXPECT_EQ(names(list_images({folder.string()})), "a.JPG b.png c.webp ");
  EXPECT_EQ(names(list_images({(folder / "*.png").string()})), "b.png ");
  EXPECT_EQ(names(list_images({(folder / "notes.txt").string(), folder.string()})), "a.JPG b.png c.webp notes.txt ");
  EXPECT_EQ(names(list_images({folder.string(), (folder / "a.JPG").string()})), "a.JPG b.png c.webp ");
  EXPECT_THROW(static_cast<void>(list_images({(folder / "nothing*").string()})), InvalidArgument);
  EXPECT_THROW(static_cast<void>(list_images({folder.string(), (folder / "d.png").string()})), InvalidArgument);
  EXPECT_THROW(static_cast<void>(list_images({})), InvalidArgument);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace scissionlite::vision
