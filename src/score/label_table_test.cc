#include "score/label_table.h"

#include <gtest/gtest.h>

#include "base/test_messages.h"

namespace scissionlite {
namespace {

/// "file=label@line" of each row.
std::vector<std::string> rows_of(std::string_view text, const fs::path& path = "labels.tsv") {
  std::vector<std::string> out;
  for (const auto& row : label_rows(text, path)) out.push_back(row.file + "=" + row.label + "@" + std::to_string(row.line));
  return out;
}
std::string refusal_of(std::string_view text, const fs::path& path = "labels.csv") {
  return message_of([&] { (void)label_rows(text, path); });
}

using Rows = std::vector<std::string>;

TEST(LabelTable, TabsOrCommas) {
  EXPECT_EQ(rows_of("a.jpg\tdog\nb.jpg\tcat\tmore\n"), (Rows{"a.jpg=dog@1", "b.jpg=cat@2"}));
  EXPECT_EQ(rows_of("a.jpg,dog\nb.jpg,cat,more"), (Rows{"a.jpg=dog@1", "b.jpg=cat@2"}));
  EXPECT_EQ(rows_of("a,1.jpg\tdog\n"), (Rows{"a,1.jpg=dog@1"})) << "both: by the name of the table";
  EXPECT_EQ(rows_of("a.jpg,dog\tof mine\n", "labels.csv"), (Rows{"a.jpg=dog\tof mine@1"}));
  EXPECT_EQ(rows_of("a.jpg\tdog\n", "labels.csv"), (Rows{"a.jpg=dog@1"})) << "tabs, whatever the table is called";
  EXPECT_EQ(rows_of(""), Rows{});
  EXPECT_EQ(rows_of("# nothing\n\n"), Rows{});
}

TEST(LabelTable, LinesThatSayNothingAndTheirEnds) {
  EXPECT_EQ(rows_of("# made by hand, once\r\n\r\na.jpg,1\r\n\n# more\nb.jpg,2\r\n"), (Rows{"a.jpg=1@3", "b.jpg=2@6"}));
  EXPECT_EQ(rows_of("\xef\xbb\xbf"
                    "a.jpg\t1"),
            (Rows{"a.jpg=1@1"}));
  EXPECT_EQ(rows_of("a.jpg, 1 \nb c.jpg ,2"), (Rows{"a.jpg=1@1", "b c.jpg =2@2"}));
}

TEST(LabelTable, QuotesAsRfc4180) {
  EXPECT_EQ(rows_of("\"a, b.jpg\",dog\n\"say \"\"hi\"\".jpg\",\"big\ndog\"\r\nc.jpg,\"cat\"\n"),
            (Rows{"a, b.jpg=dog@1", "say \"hi\".jpg=big\ndog@2", "c.jpg=cat@4"}));
  EXPECT_EQ(rows_of("\"#1.jpg\",dog\n5\" pipe.jpg,cat\n"), (Rows{"#1.jpg=dog@1", "5\" pipe.jpg=cat@2"}));
  EXPECT_EQ(rows_of("\"a.jpg\"\tdog\n"), (Rows{"\"a.jpg\"=dog@1"})) << "TSV has no quotes";
}

TEST(LabelTable, HeadersNameTheirColumns) {
  EXPECT_EQ(rows_of("filename,label\na.jpg,dog\n"), (Rows{"a.jpg=dog@2"}));
  EXPECT_EQ(rows_of("File Name\tdefect\na.jpg\t1\n"), (Rows{"a.jpg=1@2"}));
  EXPECT_EQ(rows_of("id,class,width,image_path\n7,dog,640,a.jpg\n"), (Rows{"a.jpg=dog@2"}));
  EXPECT_EQ(rows_of("path,width,label\na.jpg,640,dog\n"), (Rows{"a.jpg=dog@2"}));
  EXPECT_EQ(rows_of("a.jpg,label\nb.jpg,file\n"), (Rows{"a.jpg=label@1", "b.jpg=file@2"})) << "classes of these names";
}

TEST(LabelTable, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(refusal_of("a.jpg,1\nb.jpg\n"), "[labels] labels.csv:2: got 'b.jpg', expected a file name, a comma and a label");
  EXPECT_EQ(refusal_of("a.jpg 1\n"), "[labels] labels.csv:1: got 'a.jpg 1', expected a file name, a tab and a label (or commas in all lines)");
  EXPECT_EQ(refusal_of("width,label,path\n7,dog\n"),
            "[labels] labels.csv:2: got '7,dog', expected as many columns as the header says: a label in column 2, a file name in column 3");
  EXPECT_NE(refusal_of("a.jpg,\n").find("labels.csv:1: the label of 'a.jpg' is empty"), std::string::npos);
  EXPECT_NE(refusal_of("a.jpg,1\n,2\n").find("labels.csv:2: there is no file name beside the label '2'"), std::string::npos);
  EXPECT_NE(refusal_of("a.jpg,1\n\"b.jpg,2\n").find("labels.csv:2: a quote begins and does not end"), std::string::npos);
  EXPECT_NE(refusal_of("\"a\"b.jpg,1\n").find("labels.csv:1: 'b.jpg,1' behind a quoted field"), std::string::npos);
  EXPECT_NE(refusal_of(std::string_view("\xff\xfe"
                                        "a\0",
                                        4))
                .find("is in UTF-16"),
            std::string::npos);
}

}  // namespace
}  // namespace scissionlite
