#include "program/numbers.h"

#include <gtest/gtest.h>

namespace scissionlite::cli {
namespace {

/// What is said of "--x=TEXT"; "" where it is taken.
template <typename Number>
std::string said_of(const std::string& text, const CLI::Validator& check) {
  CLI::App app;
  Number value{};
  app.add_option("--x", value)->check(check);
  check_numbers(app);
  try {
    app.parse("--x=" + text);
  } catch (const CLI::ParseError& e) { return e.what(); }
  return "";
}

TEST(Numbers, ABoundIsSaidInWords) {
  EXPECT_EQ(said_of<double>("0", CLI::PositiveNumber), "--x: got 0, expected a number above 0");
  EXPECT_EQ(said_of<int>("-3", CLI::PositiveNumber), "--x: got -3, expected a number above 0");
  EXPECT_EQ(said_of<double>("inf", CLI::PositiveNumber), "--x: got inf, expected a number above 0");
  EXPECT_EQ(said_of<double>("-1", CLI::NonNegativeNumber), "--x: got -1, expected a number of 0 or more");
  EXPECT_EQ(said_of<int>("one", CLI::NonNegativeNumber), "--x: got one, expected a number of 0 or more");
}

TEST(Numbers, WhatIsWithinTheBoundIsTaken) {
  for (const char* text : {"1", "1e-300", "0.5"}) EXPECT_EQ(said_of<double>(text, CLI::PositiveNumber), "") << text;
  for (const char* text : {"0", "7"}) EXPECT_EQ(said_of<int>(text, CLI::NonNegativeNumber), "") << text;
}

TEST(Numbers, NoNumberIsWithinNoBound) {
  for (const CLI::Validator& check : {CLI::Validator(CLI::PositiveNumber), CLI::Validator(CLI::Range(0.0, 1.0))})
    EXPECT_EQ(said_of<double>("nan", check), "--x: 'nan' is not a number");
}

TEST(Numbers, OtherChecksSayWhatTheySaid) { EXPECT_NE(said_of<int>("9", CLI::Range(1, 3)).find("9 not in range 1 to 3"), std::string::npos); }

}  // namespace
}  // namespace scissionlite::cli
