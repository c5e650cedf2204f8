// A device whose certificate, or whose edge's, is not accepted goes local and says why; one that asks for too much waits as it is told.
#include <cstdlib>

#include "base/clock.h"
#include "fixture.h"

namespace scissionlite::testing {
namespace {

using device::EdgeState;
using device::Offloader;
using device::OffloaderOptions;
using device::Origin;

class Security : public DeviceFixture {
 protected:
  void SetUp() override {
    if (program().empty()) GTEST_SKIP() << "needs SCISSIONLITE_PROGRAM, the path of the scissionlite program";
    package_ = prepare("net", split_key("fp32"));
    certify("plant issue edge");
    certify("plant issue dev");
  }
  /// Runs tests/server/certificates.py: "plant issue dev IP:127.0.0.1 -10 5".
  void certify(const std::string& words) const {
    const auto command = "/usr/bin/python3 " SCISSIONLITE_CERTIFICATES " " + (folder_ / words).string();
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  [[nodiscard]] protocol::TlsFiles files(const std::string& name, const std::string& authority = "plant",
                                         const std::string& trusted = "plant") const {
    return {.authority = folder_ / trusted / "ca.pem",
            .certificate = folder_ / authority / (name + ".pem"),
            .key = folder_ / authority / (name + ".key"),
            .revoked = {}};
  }
  /// An edge with the certificate `name`; `more` words of its command line.
  void serve_securely(const std::string& name, const std::vector<std::string>& more = {}) {
    const auto of = files(name);
    std::vector<std::string> arguments{"serve",     "--model-repository", repository("net").string(), "--grpc-port", "0",
                                       "--json",    "--tls-ca",           of.authority.string(),      "--tls-cert",  of.certificate.string(),
                                       "--tls-key", of.key.string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    edge_.reset();
    edge_ = std::make_unique<ChildProcess>(arguments, (folder_ / "edge.log").string(), program());
    address_ = "127.0.0.1:" + std::to_string(parse_json(edge_->read_line(60e6), "ready line").at("port").get<int>());
  }
  [[nodiscard]] OffloaderOptions options(const protocol::TlsFiles& tls) const {
    OffloaderOptions out;
    out.edge = address_;
    out.threads = 1;
    out.connect_timeout_us = 5e6;
    out.session = {.breaker = {.first_retry_us = 20e3, .longest_retry_us = 200e3, .refused_retry_us = 50e3}};
    out.security.tls = tls;
    return out;
  }
  device::Answer ask(Offloader& offloader) const {
    const auto image = picture(7);
    auto answer = offloader.answer({.name = "picture", .bytes = {}, .image = image});
    EXPECT_EQ(answer.error, "");
    EXPECT_FALSE(answer.top.empty());
    EXPECT_EQ(answer.top.empty() ? -1 : answer.top[0].index, best_class(image));
    return answer;
  }
  /// The device is local and its reason holds `why`.
  void expect_local(const protocol::TlsFiles& tls, const std::string& why) const {
    auto quick = options(tls);
    quick.connect_timeout_us = 2e6;
    Offloader offloader(package_, quick);
    EXPECT_EQ(offloader.edge()->state(), EdgeState::kDown);
    EXPECT_NE(offloader.edge()->reason().find(why), std::string::npos) << offloader.edge()->reason();
    EXPECT_EQ(ask(offloader).origin, Origin::kLocal);
  }
  static bool reaches(const Offloader& offloader, EdgeState state) {
    for (int i = 0; i < 3000 && offloader.edge()->state() != state; ++i) Clock::steady().sleep_us(10e3);
    return offloader.edge()->state() == state;
  }
  DevicePackage package_;
  std::string address_;
};

TEST_F(Security, BothEndsWithGoodCertificates) {
  serve_securely("edge");
  Offloader offloader(package_, options(files("dev")));
  EXPECT_EQ(offloader.edge()->state(), EdgeState::kReady) << offloader.edge()->reason();
  EXPECT_EQ(ask(offloader).origin, Origin::kEdge);
}

TEST_F(Security, fault_37_refused_certificates_leave_the_device_local) {
  certify("plant issue late IP:127.0.0.1 -10 5");
  certify("plant issue stolen");
  certify("elsewhere issue spy");
  certify("plant revoke stolen");
  serve_securely("edge", {"--tls-crl", (folder_ / "plant" / "revoked.pem").string()});
  expect_local(files("late"), "late.pem' expired on ");
  expect_local(files("stolen"), "does it accept the certificate");
  EXPECT_NE(edge_log().find("('stolen') is revoked"), std::string::npos) << edge_log();
  expect_local(files("spy", "elsewhere"), "does it accept the certificate");
  EXPECT_NE(edge_log().find("('spy') is unknown"), std::string::npos) << edge_log();
  expect_local(files("dev", "plant", "elsewhere"), "is unknown: the authority in");
  expect_local({}, "");
}

TEST_F(Security, fault_37_an_edge_of_another_host) {
  certify("plant issue other_edge IP:10.9.8.7,DNS:other");
  serve_securely("other_edge");
  expect_local(files("dev"), "is not of the host '127.0.0.1' but of 10.9.8.7, other");
}

TEST_F(Security, fault_15_a_certificate_that_is_not_yet_valid_asks_for_the_clock) {
  certify("plant issue early IP:127.0.0.1 5");
  serve_securely("edge");
  expect_local(files("early"), "is this machine's clock");
  serve_securely("early");  // the edge comes up, since its clock may be set later, and says so
  EXPECT_NE(edge_log().find("is this machine's clock"), std::string::npos) << edge_log();
  expect_local(files("dev"), "('early') is not valid before");
}

TEST_F(Security, ARenewedCertificateIsTakenWithoutARestart) {
  certify("plant issue worn IP:127.0.0.1 -10 5");
  serve_securely("edge");
  Offloader offloader(package_, options(files("worn")));
  EXPECT_EQ(ask(offloader).origin, Origin::kLocal);
  certify("plant issue worn");
  ASSERT_TRUE(reaches(offloader, EdgeState::kReady)) << offloader.edge()->reason();
  EXPECT_EQ(ask(offloader).origin, Origin::kEdge);
}

TEST_F(Security, fault_29_over_its_quota_the_device_answers_itself_and_waits_as_told) {
  write_file(folder_ / "access.json",
             R"({"schema": "scissionlite.access/1", "rules": [{"identities": ["dev"], "models": ["*"], "requests_per_second": 0.01, "burst": 3}]})");
  serve_securely("edge", {"--access", (folder_ / "access.json").string()});
  Offloader offloader(package_, options(files("dev")));
  ASSERT_EQ(offloader.edge()->state(), EdgeState::kReady) << offloader.edge()->reason();  // its probe was one of the three
  EXPECT_EQ(ask(offloader).origin, Origin::kEdge);
  EXPECT_EQ(ask(offloader).origin, Origin::kEdge);
  for (int i = 0; i < 5; ++i) {
    const auto answer = ask(offloader);
    EXPECT_EQ(answer.origin, Origin::kLocal);
    EXPECT_NE(answer.note.find("more than its quota"), std::string::npos) << answer.note;
  }
  const auto counters = offloader.edge()->counters();
  EXPECT_EQ(counters.calls, 3) << "asked once, and not again before the time";
  EXPECT_EQ(counters.busy, 5);
  EXPECT_EQ(offloader.edge()->state(), EdgeState::kReady) << "an edge that says no is no edge that is gone";
}

TEST_F(Security, ModelsThatAreNotAllowedLeaveTheDeviceLocal) {
  write_file(folder_ / "access.json", R"({"schema": "scissionlite.access/1", "rules": [{"identities": ["*"], "models": ["others_*"]}]})");
  serve_securely("edge", {"--access", (folder_ / "access.json").string()});
  expect_local(files("dev"), "'dev' may not use model 'tail'");
}

TEST_F(Security, PlainTextToAnotherMachineIsAskedFor) {
  OffloaderOptions out;
  out.edge = "192.0.2.1:8001";
  out.threads = 1;
  out.connect_timeout_us = 100e3;
  try {
    Offloader offloader(package_, out);
    FAIL() << "it dialled";
  } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find("is on another machine: give --tls-ca"), std::string::npos) << e.what(); }
  out.security.allows_plain_text = true;
  Offloader offloader(package_, out);
  EXPECT_EQ(ask(offloader).origin, Origin::kLocal);
}

/// `run` as a program: the reason is one line, however many images and retries there are.
TEST_F(Security, fault_37_the_reason_is_logged_once) {
  certify("plant issue late IP:127.0.0.1 -10 5");
  serve_securely("edge");
  write_file(folder_ / "p.png", vision::encode(picture(1), "png"));
  const auto of = files("late");
  ChildProcess child({"run", package("net").string(), "--edge", address_, "--tls-ca", of.authority.string(), "--tls-cert", of.certificate.string(),
                      "--tls-key", of.key.string(), "--repeat", "40", (folder_ / "p.png").string()},
                     (folder_ / "run.log").string(), program());
  for (int i = 0; i < 40; ++i) EXPECT_EQ(parse_json(child.read_line(60e6), "line")["origin"], "local");
  EXPECT_EQ(child.wait(), 5);
  const auto log = read_file(folder_ / "run.log");
  const auto warned = log.find("[offload] the edge is not used for now");
  ASSERT_NE(warned, std::string::npos) << log;
  EXPECT_NE(log.find("late.pem' expired on ", warned), std::string::npos) << log;
  EXPECT_EQ(log.find("[offload]", warned + 1), std::string::npos) << log;
}

}  // namespace
}  // namespace scissionlite::testing
