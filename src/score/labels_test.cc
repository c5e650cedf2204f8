#include "score/labels.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace scissionlite {
namespace {

/// Labels of `images` by a table with this text.
std::vector<int64_t> labels_of(const std::string& table, const std::vector<fs::path>& images) {
  const auto path = fs::temp_directory_path() / ("scissionlite_labels_test_" + std::to_string(getpid()) + ".tsv");
  write_file(path, table);
  vision::InputSpec input;
  input.labels = {"cat", "dog", "crow"};
  std::vector<int64_t> labels;
  try {
    labels = load_labels(path.string(), images, input, 3);
  } catch (...) {
    fs::remove(path);
    throw;
  }
  fs::remove(path);
  return labels;
}

std::string message_of(const std::string& table, const std::vector<fs::path>& images) {
  try {
    (void)labels_of(table, images);
  } catch (const InvalidArgument& e) { return e.what(); }
  return "";
}

using Labels = std::vector<int64_t>;

TEST(Labels, ByNameOrNumberAndMissingOnes) {
  EXPECT_EQ(labels_of("a.jpg\tdog\nb.jpg\t2\r\n# a note\n\n", {"x/a.jpg", "y/b.jpg", "x/c.jpg"}), (Labels{1, 2, -1}));
}

TEST(Labels, FoldersTellFilesOfOneNameApart) {
  const std::string table = "cats/1.png\t0\ndogs/1.png\t1\ncats/2.png\t0\n";
  EXPECT_EQ(labels_of(table, {"/data/cats/1.png", "/data/dogs/1.png", "/data/2.png"}), (Labels{0, 1, 0}));
  EXPECT_EQ(labels_of(table, {"dogs/1.png", "./cats/../cats/1.png"}), (Labels{1, 0}));
  const auto message = message_of(table, {"/data/1.png"});
  EXPECT_NE(message.find("'1.png' in several folders"), std::string::npos) << message;
}

TEST(Labels, WrongTablesAreRefused) {
  EXPECT_NE(message_of("a.jpg\tcaat\n", {"a.jpg"}).find("did you mean 'cat'"), std::string::npos);
  EXPECT_NE(message_of("a.jpg\t3\n", {"a.jpg"}).find("beyond the 3 outputs"), std::string::npos);
  EXPECT_NE(message_of("a.jpg 3\n", {"a.jpg"}).find("a tab and a label"), std::string::npos);
  EXPECT_NE(message_of("b.jpg\t1\n", {"a.jpg"}).find("none of 1 image is named"), std::string::npos);
  EXPECT_NE(message_of("a.jpg\t-1\n", {"a.jpg"}).find(":1: class -1 is negative; labels are 0 or more"), std::string::npos);
  EXPECT_NE(message_of("a.jpg\t1\na.jpg\t1\na.jpg\t2\n", {"a.jpg"}).find(":3: 'a.jpg' has another label than in a line before"), std::string::npos);
}

TEST(Labels, OfCommasAsOfTabs) {
  EXPECT_EQ(labels_of("\xef\xbb\xbf"
                      "filename,label\r\n\"a, b.jpg\",dog\r\ny/b.jpg,2\r\n",
                      {"x/a, b.jpg", "y/b.jpg", "x/c.jpg"}),
            (Labels{1, 2, -1}));
  EXPECT_NE(message_of("file,class\na.jpg,caat\n", {"a.jpg"}).find(".tsv:2: unknown label 'caat'; did you mean 'cat'"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite
