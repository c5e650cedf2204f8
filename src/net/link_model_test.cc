#include "net/link_model.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "base/error.h"

namespace scissionlite::net {
namespace {

TEST(LinkModel, LastByteLeavesAfterBytesOverRatePlusDelay) {
  LinkModel link({.rate_bps = 8e6, .delay_us = 500}, 0, 1);  // one byte a microsecond
  EXPECT_DOUBLE_EQ(link.enter(1000, 100)->departs_us, 100 + 1000 + 500);
  EXPECT_DOUBLE_EQ(link.enter(1000, 200)->departs_us, 1100 + 1000 + 500) << "the link is still busy with the first";
  EXPECT_DOUBLE_EQ(link.enter(1000, 9000)->departs_us, 9000 + 1000 + 500) << "the link was idle";
}

TEST(LinkModel, UnlimitedRateOnlyDelays) {
  LinkModel link({.delay_us = 13700}, 0, 1);
  EXPECT_DOUBLE_EQ(link.enter(1e9, 5)->departs_us, 13705);
}

TEST(LinkModel, StallsAddTheirDuration) {
  LinkModel link({.rate_bps = 8e6, .stall_every_us = 1000, .stall_for_us = 250}, 0, 1);
  EXPECT_DOUBLE_EQ(link.enter(750, 0)->departs_us, 750) << "ends as the stall begins";
  EXPECT_DOUBLE_EQ(link.enter(1, 750)->departs_us, 1001) << "waits for the stall to end";
  EXPECT_DOUBLE_EQ(link.enter(1500, 2000)->departs_us, 2000 + 1500 + 250);
  EXPECT_DOUBLE_EQ(link.enter(10, 3800)->departs_us, 4010) << "arrives during a stall";
}

TEST(LinkModel, BlackHoleHoldsUntilLifted) {
  LinkModel link({.rate_bps = 8e6, .black_hole = true}, 0, 1);
  const auto transit = link.enter(100, 0);
  EXPECT_GE(transit->departs_us, kNever);
  link.set_options({.rate_bps = 8e6}, 5000);
  EXPECT_DOUBLE_EQ(transit->departs_us, 5100);
}

TEST(LinkModel, NewRateAppliesToTheBitsNotYetSent) {
  LinkModel link({.rate_bps = 8e6}, 0, 1);
  const auto first = link.enter(1000, 0), second = link.enter(1000, 0);
  link.set_options({.rate_bps = 0.8e6}, 400);
  EXPECT_DOUBLE_EQ(first->departs_us, 400 + 600 * 10);
  EXPECT_DOUBLE_EQ(second->departs_us, 6400 + 1000 * 10);
}

TEST(LinkModel, TheSameOptionsAgainChangeNothing) {
  rc::check("a link that is told its own options at any moments carries as one that is not", [] {
    const double stall_every_us = *rc::gen::element(0.0, 7e3, 100e3), told_every_us = *rc::gen::inRange(100, 20'000);
    const LaneOptions options{.rate_bps = static_cast<double>(*rc::gen::inRange(100'000, 100'000'000)),
                              .delay_us = static_cast<double>(*rc::gen::inRange(0, 50'000)),
                              .jitter_us = *rc::gen::element(0.0, 3e3),
                              .stall_every_us = stall_every_us,
                              .stall_for_us = stall_every_us * 0.4};
    const auto seed = *rc::gen::arbitrary<uint32_t>();
    LinkModel plain(options, 0, seed), told(options, 0, seed);
    std::vector<std::shared_ptr<Transit>> expected, seen;
    double now_us = 0, next_us = told_every_us;
    for (int i = 0; i < 30; ++i, now_us += *rc::gen::inRange(0, 5'000)) {
      for (; next_us <= now_us; next_us += told_every_us) told.set_options(options, next_us);
      const double bytes = *rc::gen::inRange(1, 20'000);
      expected.push_back(plain.enter(bytes, now_us)), seen.push_back(told.enter(bytes, now_us));
    }
    for (; next_us < expected.back()->departs_us; next_us += told_every_us) told.set_options(options, next_us);
    for (size_t i = 0; i < seen.size(); ++i) RC_ASSERT(std::abs(seen[i]->departs_us - expected[i]->departs_us) < 1e-2);
  });
}

TEST(LinkModel, NeverReordersAndNeverBeatsTheRate) {
  rc::check("departures are ordered, and no earlier than the ideal link's", [] {
    const double rate_bps = *rc::gen::inRange(100'000, 1'000'000'000);
    const double delay_us = *rc::gen::inRange(0, 50'000);
    LinkModel link({.rate_bps = rate_bps, .delay_us = delay_us, .jitter_us = 3000}, 0, *rc::gen::arbitrary<uint32_t>());
    double now_us = 0, last_us = 0, sent = 0, begin_us = -1;
    for (int i = 0; i < 50; ++i) {
      now_us += *rc::gen::inRange(0, 2000);
      if (begin_us < 0) begin_us = now_us;
      const double bytes = *rc::gen::inRange(1, 65536);
      sent += bytes;
      const auto transit = link.enter(bytes, now_us);
      RC_ASSERT(transit->departs_us >= last_us);
      RC_ASSERT(transit->departs_us >= now_us + delay_us + bytes * 8e6 / rate_bps - 1e-6);
      RC_ASSERT(transit->departs_us >= begin_us + delay_us + sent * 8e6 / rate_bps - 1e-3);
      last_us = transit->departs_us;
    }
  });
}

TEST(ParseLink, ReadsBothGrammars) {
  const auto simple = parse_link("58.8M,27.4ms");
  EXPECT_DOUBLE_EQ(simple.up_bps, 58.8e6);
  EXPECT_DOUBLE_EQ(simple.down_bps, 58.8e6);
  EXPECT_DOUBLE_EQ(simple.rtt_us, 27400);
  const auto full = parse_link("up=5M,down=20M,rtt=1s,jitter=200us,stall=1s/50ms");
  EXPECT_DOUBLE_EQ(full.down_bps, 20e6);
  EXPECT_DOUBLE_EQ(full.jitter_us, 200);
  EXPECT_DOUBLE_EQ(full.stall_for_us, 50000);
  EXPECT_EQ(parse_link("unlimited,0ms").up_bps, 0);
}

TEST(ParseLink, PrintsWhatItReads) {
  for (const char* text :
       {"58.8M,27.4ms", "0.001M,1ms", "999.5,1ms", "1,1ms", "unlimited,0ms", "up=5M,down=20M,rtt=27.4ms,jitter=2ms,stall=1000ms/50ms"})
    EXPECT_EQ(to_string(parse_link(text)), text);
}

TEST(ParseLink, SaysTheGrammar) {
  for (const char* text : {"", "58.8M", "58.8M,27.4", "x,1ms", "-1M,1ms", "0,1ms", "0.9,1ms", "up=0,rtt=1ms", "up=", "upp=5M", "stall=1ms",
                           "stall=1ms/2ms", "1M,-3ms", "nan,1ms", "1M,infms", "up=1M,,"})
    try {
      (void)parse_link(text);
      FAIL() << text;
    } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find("expected RATE,RTT"), std::string::npos) << e.what(); }
}

}  // namespace
}  // namespace scissionlite::net
