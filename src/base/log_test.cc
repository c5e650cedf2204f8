#include "base/log.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace scissionlite::log {
namespace {

TEST(Log, AJsonLineHasTimeLevelComponentAndFields) {
  const auto line = json_line(1'700'000'000'000'123, "info", "[offload] answered",
                              {{"request_id", "5f-1"}, {"latency_us", 12.5}, {"bytes", int64_t{7}}, {"late", false}});
  EXPECT_EQ(
      line,
      R"({"time":"2023-11-14T22:13:20.000123Z","level":"info","component":"offload","message":"answered","request_id":"5f-1","latency_us":12.5,"bytes":7,"late":false})");
}

TEST(Log, AJsonLineIsOneLineOfJsonWhateverTheTextHolds) {
  const auto line = json_line(0, "error", "two\nlines \"quoted\" \xff", {{"name", "<script>\n"}});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto json = parse_json(line, "line");
  EXPECT_EQ(json["name"], "<script>\n");
  EXPECT_FALSE(json.contains("component"));
  EXPECT_EQ(parse_json(json_line(0, "info", "[open bracket", {}), "line")["message"], "[open bracket");
}

TEST(Log, FieldsOfTextLines) {
  EXPECT_EQ(text_of({}), "");
  EXPECT_EQ(text_of({{"request_id", "5f-1"}, {"note", "no time left\n"}, {"empty", ""}, {"n", int64_t{3}}}),
            " request_id=5f-1 note=\"no time left\\n\" empty=\"\" n=3");
}

}  // namespace
}  // namespace scissionlite::log
