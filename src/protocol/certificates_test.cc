#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>

#include "base/test_messages.h"
#include "protocol/test_certificates.h"
#include "protocol/tls_end_internal.h"

namespace scissionlite::protocol {
namespace {

using testing::key_pem_of;
using testing::make_certificate;
using testing::pem_of;

constexpr int64_t kDay_s = 86'400, kNow_s = 1'800'000'000;  // 2027-01-15 08:00:00 UTC
constexpr int64_t kFrom_s = kNow_s - 10 * kDay_s, kTo_s = kNow_s + 10 * kDay_s;

class CertificatesTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string objection(const testing::MadeCertificate& of, Side side, const std::string& host = "", int64_t now_s = kNow_s,
                                      const std::string& lists = "") const {
    return Authority(pem_of(plant_), "ca.pem", lists, "crl.pem", kNow_s).objection(pem_of(of), side, host, now_s);
  }
  testing::MadeCertificate plant_ =
      make_certificate({.name = "plant", .hosts = "", .from_s = kFrom_s - 99 * kDay_s, .to_s = kTo_s + 99 * kDay_s, .use = "", .is_authority = true});
  testing::MadeCertificate device_ = make_certificate(
      {.name = "dev7", .hosts = "DNS:dev7.local,IP:10.0.0.7", .from_s = kFrom_s, .to_s = kTo_s, .use = "", .is_authority = false}, &plant_);
};

TEST_F(CertificatesTest, GoodOnesAreAccepted) {
  EXPECT_EQ(objection(device_, Side::kClient), "");
  for (const char* host : {"dev7.local", "DEV7.local", "10.0.0.7", ""}) EXPECT_EQ(objection(device_, Side::kServer, host), "") << host;
  EXPECT_EQ(name_of(*device_.certificate), "dev7");
}

TEST_F(CertificatesTest, TheReasonIsTold) {
  EXPECT_EQ(objection(device_, Side::kClient, "", kTo_s + 1), "expired on 2027-01-25 08:00:00 UTC");
  EXPECT_EQ(objection(device_, Side::kClient, "", kFrom_s - 3600),
            "is not valid before 2027-01-05 08:00:00 UTC; is this machine's clock (2027-01-05 07:00:00 UTC) right?");
  EXPECT_EQ(
      objection(device_, Side::kClient, "", 0),
      "is signed by an authority whose own ('plant') is not valid before 2026-09-28 08:00:00 UTC; is this machine's clock (1970-01-01 00:00:00 UTC) right?");
  EXPECT_EQ(objection(device_, Side::kServer, "10.0.0.8").substr(0, 68), "is not of the host '10.0.0.8' but of dev7.local, 10.0.0.7; dial it b");
  EXPECT_NE(objection(device_, Side::kServer, "dev7.local.evil.example"), "");
  const auto stranger = make_certificate({.name = "plant", .hosts = "", .from_s = kFrom_s, .to_s = kTo_s, .use = "", .is_authority = true});
  const auto spy = make_certificate({.name = "dev7", .hosts = "", .from_s = kFrom_s, .to_s = kTo_s, .use = "", .is_authority = false}, &stranger);
  EXPECT_EQ(objection(spy, Side::kClient), "is unknown: the authority in 'ca.pem' has not signed it");
  EXPECT_EQ(objection(stranger, Side::kClient), "is unknown: the authority in 'ca.pem' has not signed it") << "nor one that signed itself";
  const auto server_only =
      make_certificate({.name = "edge", .hosts = "", .from_s = kFrom_s, .to_s = kTo_s, .use = "serverAuth", .is_authority = false}, &plant_);
  EXPECT_NE(objection(server_only, Side::kClient).find("is not for this use"), std::string::npos);
  EXPECT_EQ(Authority(pem_of(plant_), "ca.pem", "", "", kNow_s).objection("", Side::kClient, "", kNow_s), "is missing: the other end shows none");
  EXPECT_EQ(Authority(pem_of(plant_), "ca.pem", "", "", kNow_s).objection("garbage", Side::kClient, "", kNow_s),
            "is missing: the other end shows none");
}

TEST_F(CertificatesTest, RevokedOnesAreRefused) {
  const auto other = make_certificate({.name = "dev8", .hosts = "", .from_s = kFrom_s, .to_s = kTo_s, .use = "", .is_authority = false}, &plant_);
  const auto lists = testing::list_pem(plant_, device_, kFrom_s, kTo_s);
  EXPECT_EQ(objection(device_, Side::kClient, "", kNow_s, lists), "is revoked");
  EXPECT_EQ(objection(other, Side::kClient, "", kNow_s, lists), "");
  EXPECT_NE(message_of([&] {
              (void)objection(other, Side::kClient, "", kNow_s, testing::list_pem(plant_, device_, kFrom_s, kNow_s - 1));
            }).find("is out of date since"),
            std::string::npos);
  EXPECT_NE(objection(other, Side::kClient, "", kTo_s - 1 + 2, lists), "") << "a list that went out of date proves nothing any more";
  const auto elsewhere = make_certificate({.name = "elsewhere", .hosts = "", .from_s = kFrom_s, .to_s = kTo_s, .use = "", .is_authority = true});
  EXPECT_NE(objection(device_, Side::kClient, "", kNow_s, testing::list_pem(elsewhere, other, kFrom_s, kTo_s)).find("no list of revoked"),
            std::string::npos);
}

TEST_F(CertificatesTest, fault_37_RevokedAuthoritiesInBetweenAreRefused) {
  const testing::Wanted authority{.name = "hall", .hosts = "", .from_s = kFrom_s, .to_s = kTo_s, .use = "", .is_authority = true};
  const auto hall = make_certificate(authority, &plant_), gone = make_certificate(authority, &plant_);
  const testing::Wanted camera{.name = "dev9", .hosts = "", .from_s = kFrom_s, .to_s = kTo_s, .use = "", .is_authority = false};
  const auto objection_below = [&](const testing::MadeCertificate& between, const std::string& lists, const std::string& trusted) {
    const auto chain = pem_of(make_certificate(camera, &between)) + pem_of(between);
    return Authority(trusted, "ca.pem", lists, "crl.pem", kNow_s).objection(chain, Side::kClient, "", kNow_s);
  };
  const auto of_plant = testing::list_pem(plant_, gone, kFrom_s, kTo_s), of_hall = testing::list_pem(hall, device_, kFrom_s, kTo_s);
  const auto of_gone = testing::list_pem(gone, device_, kFrom_s, kTo_s);
  EXPECT_EQ(objection_below(hall, of_plant + of_hall, pem_of(plant_)), "");
  EXPECT_EQ(objection_below(gone, of_plant + of_gone, pem_of(plant_)), "is signed by an authority ('hall') that is revoked");
  EXPECT_EQ(objection_below(hall, of_hall, pem_of(plant_)),
            "cannot be checked: there is no list of revoked certificates of the authority above 'hall'");
  EXPECT_EQ(objection_below(hall, of_plant, pem_of(plant_)), "cannot be checked: there is no list of revoked certificates of its authority");
  EXPECT_EQ(objection_below(hall, of_hall, pem_of(hall)), "") << "of the one that is trusted nobody keeps a list";
}

TEST_F(CertificatesTest, ANameWithANulIsNone) {
  const auto odd = make_certificate(
      {.name = std::string("dev7\0.evil", 10), .hosts = "", .from_s = kFrom_s, .to_s = kTo_s, .use = "", .is_authority = false}, &plant_);
  EXPECT_EQ(name_of(*odd.certificate), "");
}

TEST_F(CertificatesTest, AKeyIsOfItsCertificate) {
  check_key(key_pem_of(device_), *device_.certificate, "k", "c");
  EXPECT_NE(message_of([&] {
              check_key(key_pem_of(plant_), *device_.certificate, "k.pem", "c.pem");
            }).find("'k.pem' is not that of the certificate 'c.pem'"),
            std::string::npos);
  EXPECT_NE(message_of([&] { check_key(pem_of(device_), *device_.certificate, "k.pem", "c.pem"); }).find("holds no private key"), std::string::npos);
}

/// Files of an end, with times around the real clock.
class TlsEndTest : public ::testing::Test {
 protected:
  TlsEndTest() : folder_(fs::path(::testing::TempDir()) / ("tls-" + std::to_string(getpid()))) {
    write_file(folder_ / "ca.pem", pem_of(plant_));
    put(make("edge"));
  }
  ~TlsEndTest() override { fs::remove_all(folder_); }
  [[nodiscard]] testing::MadeCertificate make(const std::string& name, int64_t from_days = -1, int64_t to_days = 1) const {
    return make_certificate(
        {.name = name, .hosts = "", .from_s = now_s_ + from_days * kDay_s, .to_s = now_s_ + to_days * kDay_s, .use = "", .is_authority = false},
        &plant_);
  }
  void put(const testing::MadeCertificate& made) const {
    write_file(folder_ / "c.pem", pem_of(made));
    write_file(folder_ / "k.pem", key_pem_of(made));
  }
  [[nodiscard]] std::shared_ptr<TlsEnd> end(const char* key = "k.pem") const {
    return make_tls_end({.authority = folder_ / "ca.pem", .certificate = folder_ / "c.pem", .key = folder_ / key, .revoked = {}}, Side::kServer);
  }
  const int64_t now_s_ = static_cast<int64_t>(std::time(nullptr));
  testing::MadeCertificate plant_ =
      make_certificate({.name = "plant", .hosts = "", .from_s = now_s_ - 99 * kDay_s, .to_s = now_s_ + 99 * kDay_s, .use = "", .is_authority = true});
  fs::path folder_;
};

TEST_F(TlsEndTest, TakesWhatIsGoodAndKeepsTheOldForWhatIsNot) {
  const auto one = end();
  EXPECT_FALSE(one->reload(true)) << "nothing has changed";
  put(make("late", -3, -1));
  EXPECT_FALSE(one->reload(true));
  put(make("early", 1, 3));
  EXPECT_FALSE(one->reload(true));
  write_file(folder_ / "k.pem", "-----BEGIN NOTHING-----");
  EXPECT_FALSE(one->reload(true));
  EXPECT_EQ(one->own_objection(), "") << "of the old one";
  put(make("next"));
  EXPECT_FALSE(one->reload(false)) << "a change counts when two looks see the same";
  EXPECT_TRUE(one->reload(false));
  EXPECT_FALSE(one->reload(false));
}

TEST_F(TlsEndTest, RemembersPeersUntilFilesAreReadAgain) {
  const auto one = end();
  const auto device = make("dev");
  EXPECT_EQ(one->recognise(pem_of(device)).name, "dev");
  EXPECT_EQ(one->recognise(pem_of(device)).objection, "");
  const auto elsewhere =
      make_certificate({.name = "other", .hosts = "", .from_s = now_s_ - kDay_s, .to_s = now_s_ + kDay_s, .use = "", .is_authority = true});
  write_file(folder_ / "ca.pem", pem_of(elsewhere));
  EXPECT_TRUE(one->reload(true));
  EXPECT_NE(one->recognise(pem_of(device)).objection.find("is unknown"), std::string::npos);
}

TEST_F(TlsEndTest, AnExpiredOneOfItsOwnIsToldAndNoError) {
  put(make("late", -3, -1));
  EXPECT_NE(end()->own_objection().find("c.pem' expired on "), std::string::npos);
  put(make("early", 1, 3));
  EXPECT_NE(end()->trouble().find("is this machine's clock"), std::string::npos);
}

TEST_F(TlsEndTest, FilesThatDoNotFit) {
  EXPECT_EQ(make_tls_end({}, Side::kClient), nullptr);
  EXPECT_NE(message_of([&] { (void)end("ca.pem"); }).find("holds no private key"), std::string::npos);
  EXPECT_NE(message_of<ResourceError>([&] { (void)end("nowhere.pem"); }).find("nowhere.pem"), std::string::npos);
  EXPECT_NE(message_of([&] {
              (void)make_tls_end({.authority = folder_ / "ca.pem", .certificate = {}, .key = {}, .revoked = {}}, Side::kClient);
            }).find("go together"),
            std::string::npos);
}

TEST(StagedIdentity, ReadersSeeTheOldOrTheNew) {
  StagedIdentity staged("old");
  EXPECT_EQ(read_file(staged.path()), "old");
  staged.replace("new one");
  EXPECT_EQ(read_file(staged.path()), "new one");
}

TEST(HostOf, LeavesThePortOut) {
  EXPECT_EQ(host_of("10.0.0.1:80"), "10.0.0.1");
  EXPECT_EQ(host_of("edge-1"), "edge-1");
  EXPECT_EQ(host_of("[::1]:80"), "::1");
  EXPECT_EQ(host_of("fe80::1"), "fe80::1");
}

}  // namespace
}  // namespace scissionlite::protocol
