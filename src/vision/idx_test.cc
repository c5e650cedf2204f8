#include "vision/idx.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"

namespace scissionlite::vision {
namespace {

std::string big_endian(std::initializer_list<uint32_t> numbers) {
  std::string out;
  for (const uint32_t number : numbers)
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
  return out;
}

class Idx : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path write(const std::string& name, const std::string& bytes) {
    write_file(folder_ / name, bytes);
    return folder_ / name;
  }
  void refuses(const fs::path& path, const std::string& part) {
    try {
      (void)read_idx(path);
      FAIL() << "took " << path;
    } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what(); }
  }
  fs::path folder_ = fs::temp_directory_path() / ("scissionlite_idx_" + std::to_string(::getpid()));
};

TEST_F(Idx, GreyPicturesBecomeRgbWithTheirLabels) {
  const auto path = write("train-images-idx3-ubyte", big_endian({2051, 2, 2, 3}) + std::string("\1\2\3\4\5\6\7\10\11\12\13\14", 12));
  write("train-labels-idx1-ubyte", big_endian({2049, 2}) + std::string("\5\11", 2));
  EXPECT_TRUE(is_labelled_file(path));
  const auto read = read_labelled(path);
  EXPECT_EQ(read.labels, (std::vector<int64_t>{5, 9}));
  ASSERT_EQ(read.images.size(), 2U);
  EXPECT_EQ(read.images[1].width, 3);
  EXPECT_EQ(read.images[1].height, 2);
  EXPECT_EQ(read.images[1].rgb, (std::vector<uint8_t>{7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10, 10, 11, 11, 11, 12, 12, 12}));
}

TEST_F(Idx, PackedFilesAreRead) {
  const auto pack = [&](const std::string& name, const std::string& bytes) {
    const auto file = gzopen((folder_ / name).c_str(), "wb");
    EXPECT_EQ(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())), static_cast<int>(bytes.size()));
    gzclose(file);
    return folder_ / name;
  };
  const auto path = pack("a-images.idx3-ubyte.gz", big_endian({2051, 1, 1, 1}) + "x");
  pack("a-labels.idx1-ubyte.gz", big_endian({2049, 1}) + std::string(1, '\0'));
  EXPECT_EQ(read_idx(path).images[0].rgb, (std::vector<uint8_t>(3, 'x')));
  const auto whole = read_file(path);
  write("a-images.idx3-ubyte.gz", whole.substr(0, whole.size() - 6));
  refuses(path, "cut off");
}

TEST_F(Idx, SaysWhatIsWrong) {
  const auto path = write("b-images-idx3-ubyte", big_endian({2051, 1, 2, 2}) + "abcd");
  refuses(path, "no labels of");
  write("b-labels-idx1-ubyte", big_endian({2049, 2}) + "ab");
  refuses(path, "has 2 labels");
  write("b-labels-idx1-ubyte", big_endian({2050, 1}) + "a");
  refuses(path, "begins with 2050");
  write("b-images-idx3-ubyte", big_endian({2051, 1, 2, 2}) + "abc");
  refuses(path, "holds 3 bytes");
  write("b-images-idx3-ubyte", big_endian({2051, 4000000000U, 4000000000U, 4000000000U}));
  refuses(path, "holds 0 bytes");
  write("b-images-idx3-ubyte", "ab");
  refuses(path, "too few bytes");
}

}  // namespace
}  // namespace scissionlite::vision
