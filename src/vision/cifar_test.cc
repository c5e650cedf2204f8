#include "vision/cifar.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace scissionlite::vision {
namespace {

constexpr size_t kRecord = 3073;

struct File {
  fs::path path = fs::temp_directory_path() / ("scissionlite_cifar_" + std::to_string(::getpid()) + ".bin");
  explicit File(const std::string& bytes) { write_file(path, bytes); }
  ~File() { fs::remove(path); }
};

TEST(Cifar, PlanesBecomePixels) {
  std::string bytes(2 * kRecord, '\0');
  bytes[0] = 7;
  bytes[kRecord] = 9;
  bytes[kRecord + 1 + 33] = 10;         // red of row 1, column 1 of the second
  bytes[kRecord + 1 + 1024 + 33] = 20;  // green
  bytes[kRecord + 1 + 2048 + 33] = 30;  // blue
  const File file(bytes);
  const auto read = read_cifar(file.path);
  EXPECT_EQ(read.labels, (std::vector<int64_t>{7, 9}));
  ASSERT_EQ(read.images.size(), 2U);
  EXPECT_EQ(read.images[1].width, 32);
  EXPECT_EQ(read.images[1].height, 32);
  const std::vector<uint8_t> pixel(read.images[1].rgb.begin() + 3 * 33, read.images[1].rgb.begin() + 3 * 34);
  EXPECT_EQ(pixel, (std::vector<uint8_t>{10, 20, 30}));
}

TEST(Cifar, AnotherSizeIsRefusedWithNumbers) {
  const File file(std::string(3000, 'x'));
  try {
    (void)read_cifar(file.path);
    FAIL() << "took 3000 bytes";
  } catch (const InvalidArgument& e) {
    EXPECT_NE(std::string(e.what()).find("has 3000 bytes, expected a multiple of 3073"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace scissionlite::vision
