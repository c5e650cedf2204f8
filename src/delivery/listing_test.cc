#include "delivery/listing.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace scissionlite::delivery {
namespace {

Offer offer_of(std::vector<PackageFile> files) {
  Offer offer{.name = "net", .version = version_of(files), .model = {}, .candidate = {}, .tail = {}, .files = std::move(files)};
  return offer;
}

PackageFile file(const std::string& path, int64_t size_bytes = 3) { return {path, size_bytes, sha256_hex(path)}; }

std::string refusal(const Offer& offer) {
  try {
    check_offer(offer, "edge:1");
    return "";
  } catch (const InvalidArgument& e) { return e.what(); }
}

TEST(Listing, PathsThatLeadElsewhereAreRefused) {
  for (const char* path : {"head.onnx", "head.compiled/weights.bin", "a/b/c/d", "in_1-x.coder"}) EXPECT_TRUE(is_safe_path(path)) << path;
  for (const char* path :
       {"", "/etc/passwd", "../store.json", "a/../../b", "a//b", "a/", "./a", "a/b/c/d/e", ".hidden", "a\\b", "a\nb", "\xc3\xa4", "C:", "~"})
    EXPECT_FALSE(is_safe_path(path)) << path;
  EXPECT_FALSE(is_safe_path(std::string("a\0b", 3)));
  EXPECT_FALSE(is_safe_path(std::string(300, 'a')));
}

TEST(Listing, OffersThatDoNotAddUpAreRefused) {
  EXPECT_EQ(refusal(offer_of({file("a"), file("b/c")})), "");
  EXPECT_NE(refusal(offer_of({file("../a")})).find("'../a'"), std::string::npos);
  EXPECT_NE(refusal(offer_of({file("a"), file("a")})).find("twice"), std::string::npos);
  EXPECT_NE(refusal(offer_of({file("a"), file("a/b")})).find("as a file and as a folder"), std::string::npos);
  EXPECT_NE(refusal(offer_of({file("a", -1)})).find("-1 bytes"), std::string::npos);
  EXPECT_NE(refusal(offer_of({file("a", kLargestFileBytes), file("b", kLargestFileBytes), file("c", 1)})).find("with over"), std::string::npos);
  EXPECT_NE(refusal(offer_of({})).find("0 files"), std::string::npos);
  auto offer = offer_of({file("a")});
  offer.files[0].sha256 = "zz";
  EXPECT_NE(refusal(offer).find("'zz'"), std::string::npos);
  offer = offer_of({file("a")});
  offer.version[0] = offer.version[0] == '0' ? '1' : '0';
  EXPECT_NE(refusal(offer).find("but its files are version"), std::string::npos);
  offer = offer_of({file("a")});
  offer.name = "../up";
  EXPECT_NE(refusal(offer).find("of the name '../up'"), std::string::npos);
}

TEST(Listing, JsonGivesTheOfferBack) {
  const auto offer = offer_of({file("a"), file("b/c", 0)});
  EXPECT_EQ(offer_from_json(to_json(offer), "x").files, offer.files);
  auto json = to_json(offer);
  json["files"][0]["size_bytes"] = 4;
  EXPECT_THROW((void)offer_from_json(json, "x"), InvalidArgument);
}

TEST(Listing, LinksAreNotFollowed) {
  const auto folder = fs::path(::testing::TempDir()) / ("listing-" + std::to_string(getpid()));
  write_file(folder / "b" / "c", "yes");
  write_file(folder / "a", "no");
  const auto files = list_files(folder);
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[1], (PackageFile{"b/c", 3, sha256_hex("yes")}));
  fs::create_symlink("/etc/hostname", folder / "link");
  EXPECT_THROW((void)list_files(folder), InvalidArgument);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace scissionlite::delivery
