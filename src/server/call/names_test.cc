#include "server/call/names.h"

#include <gtest/gtest.h>

namespace scissionlite::server {
namespace {

TEST(Names, OnlyPlainNamesReachTheFileSystem) {
  for (const char* good : {"m", "net_tail", "a.b-c", "9"}) EXPECT_TRUE(is_model_name(good)) << good;
  for (const char* bad : {"", ".", "..", ".hidden", "a/b", "../m", "a\\b", "a b", "m\n", "é"}) EXPECT_FALSE(is_model_name(bad)) << bad;
  EXPECT_FALSE(is_model_name(std::string_view("m\0x", 3)));
  EXPECT_TRUE(is_model_name(std::string(255, 'a')));
  EXPECT_FALSE(is_model_name(std::string(256, 'a')));
}

TEST(Names, VersionsAreWholePositiveNumbers) {
  EXPECT_EQ(parse_version("12"), 12);
  EXPECT_EQ(parse_version("9223372036854775807"), INT64_MAX);
  for (const char* bad : {"", "0", "01", "-1", "+1", " 1", "1 ", "1x", "abc", "9223372036854775808"})
    EXPECT_EQ(parse_version(bad), std::nullopt) << bad;
}

TEST(Names, PrintableIsShortPlainAndWholeUtf8) {
  EXPECT_EQ(printable("a\nb\x7f"), "a?b?");
  EXPECT_EQ(printable(std::string(100, 'a')), std::string(100, 'a'));
  EXPECT_EQ(printable(std::string(101, 'a')), std::string(100, 'a') + "...");
  std::string accents;
  for (int i = 0; i < 60; ++i) accents += "é";
  EXPECT_EQ(printable("x" + accents), "x" + accents.substr(0, 98) + "...");  // not half of the 50th
}

}  // namespace
}  // namespace scissionlite::server
