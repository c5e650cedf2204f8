#include "server/access/access.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/test_messages.h"
#include "server/call/caller_internal.h"
#include "server/call/refusal.h"

namespace scissionlite::server {
namespace {

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() : file_(fs::path(::testing::TempDir()) / ("access-" + std::to_string(getpid()) + ".json")) {}
  ~AccessTest() override { fs::remove(file_); }
  void write(const std::string& rules) { write_file(file_, R"({"schema": "scissionlite.access/1", "rules": [)" + rules + "]}"); }
  Refusal refusal_of(Access& access, const std::string& identity) {
    try {
      tickets_.push_back(access.admit(identity));
    } catch (const Refusal& refusal) { return refusal; }
    return {Code::kOk, ""};
  }
  fs::path file_;
  ManualClock clock_;
  std::vector<Ticket> tickets_;
};

TEST_F(AccessTest, WithoutAFileEverybodyMayDoEverything) {
  Access access;
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(refusal_of(access, "anyone").code(), Code::kOk);
  EXPECT_TRUE(access.may_use("anyone", "m"));
  access.check_control("anyone", "m");
  EXPECT_FALSE(access.reload(true));
}

TEST_F(AccessTest, TheFirstRuleThatMatches) {
  write(
      R"({"identities": ["line-1-*", "10.0.0.?"], "models": ["net_*", "shared"]}, {"identities": ["line-*"], "models": ["*"], "may_control": true})");
  Access access(file_, clock_);
  EXPECT_TRUE(access.may_use("line-1-cam3", "net_tail"));
  EXPECT_TRUE(access.may_use("10.0.0.7", "shared"));
  EXPECT_FALSE(access.may_use("10.0.0.77", "shared"));
  EXPECT_FALSE(access.may_use("line-1-cam3", "other"));
  EXPECT_TRUE(access.may_use("line-2-cam3", "other"));
  EXPECT_FALSE(access.may_use("stranger", "net_tail"));
  EXPECT_EQ(refusal_of(access, "stranger").code(), Code::kPermissionDenied);
  EXPECT_THROW(access.check("line-1-cam3", "other"), Refusal);
  EXPECT_THROW(access.check_control("line-1-cam3", "shared"), Refusal);
  access.check_control("line-2-cam3", "shared");
}

TEST_F(AccessTest, OverQuotaIsRefusedWithAHint) {
  write(R"({"identities": ["*"], "models": ["*"], "requests_per_second": 20, "burst": 2})");
  Access access(file_, clock_);
  EXPECT_EQ(refusal_of(access, "a").code(), Code::kOk);
  EXPECT_EQ(refusal_of(access, "a").code(), Code::kOk);
  const auto refusal = refusal_of(access, "a");
  EXPECT_EQ(refusal.code(), Code::kResourceExhausted);
  EXPECT_NEAR(refusal.retry_after_us(), 50e3, 1);
  EXPECT_EQ(access.usage().at("a").refused, 1);
}

TEST_F(AccessTest, NewRulesAreTakenAndBadOnesAreNot) {
  write(R"({"identities": ["a"], "models": ["*"]})");
  Access access(file_, clock_);
  write_file(file_, "{");
  EXPECT_FALSE(access.reload(true));
  EXPECT_TRUE(access.may_use("a", "m"));
  write(R"({"identities": ["b"], "models": ["*"]})");
  EXPECT_FALSE(access.reload(false)) << "it may still be being written";
  EXPECT_TRUE(access.reload(false));
  EXPECT_FALSE(access.may_use("a", "m"));
  EXPECT_TRUE(access.may_use("b", "m"));
  EXPECT_FALSE(access.reload(true)) << "nothing has changed";
  fs::remove(file_);
  EXPECT_FALSE(access.reload(true));
  EXPECT_TRUE(access.may_use("b", "m"));
}

TEST_F(AccessTest, BadFilesSayWhere) {
  const auto says = [&](const std::string& rules) {
    write(rules);
    return message_of([&] { (void)read_access_policy(file_); });
  };
  EXPECT_NE(says("").find("at least one rule"), std::string::npos);
  EXPECT_NE(says(R"({"models": ["*"]})").find("rules[0]"), std::string::npos);
  EXPECT_NE(says(R"({"identities": [], "models": ["*"]})").find("at least one pattern"), std::string::npos);
  EXPECT_NE(says(R"({"identities": ["*"], "models": [""]})").find("not empty"), std::string::npos);
  EXPECT_NE(says(R"({"identities": ["*"], "models": ["*"], "requests_per_secnd": 3})").find("requests_per_second"), std::string::npos);
  EXPECT_NE(says(R"({"identities": ["*"], "models": ["*"], "requests_per_second": 0})").find("requests_per_second"), std::string::npos);
  EXPECT_NE(says(R"({"identities": ["*"], "models": ["*"], "burst": 3})").find("requests_per_second beside it"), std::string::npos);
  EXPECT_NE(says(R"({"identities": ["*"], "models": ["*"], "in_flight": -1})").find("at least 1"), std::string::npos);
}

TEST(AddressOfPeer, HasNoPort) {
  EXPECT_EQ(address_of_peer("ipv4:10.0.0.7:4021"), "10.0.0.7");
  EXPECT_EQ(address_of_peer("ipv6:%5B::1%5D:4021"), "::1");
  EXPECT_EQ(address_of_peer("ipv6:[fe80::2]:1"), "fe80::2");
  EXPECT_EQ(address_of_peer("ipv6:%5Bfe80::2%252%5D:1"), "fe80::2%2");
  EXPECT_EQ(address_of_peer("unix:/tmp/s"), "unix");
  EXPECT_EQ(address_of_peer(""), "");
}

}  // namespace
}  // namespace scissionlite::server
