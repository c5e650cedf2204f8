#include "prepare/kserve.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "base/test_messages.h"

namespace scissionlite {
namespace {

TEST(Kserve, NamesAreWhatKubernetesTakes) {
  EXPECT_EQ(kserve_name("mobilenetv2_1.0_tail"), "mobilenetv2-1-0-tail-71c2e6bf");
  EXPECT_EQ(kserve_name("ResNet50"), "resnet50-17602d15");
  EXPECT_EQ(kserve_name("3d_net"), "model-3d-net-738ca1e4");
  EXPECT_EQ(kserve_name("_x_"), "x-f1f6bd62");
  EXPECT_EQ(kserve_name("-"), "model-3973e022");
}

TEST(Kserve, NamesThatAreLabelsStay) {
  for (const auto& name : {std::string("resnet50"), std::string("net-2-tail"), std::string("x"), std::string(40, 'a')})
    EXPECT_EQ(kserve_name(name), name);
}

TEST(Kserve, NoTwoModelsShareAName) {
  const std::string camera = "inspection_line_3_station_12_camera_left_top_";
  const std::vector<std::string> names{"a.b",
                                       "a_b",
                                       "a-b",
                                       "A-b",
                                       "a-b-",
                                       "-a-b",
                                       camera + "a",
                                       camera + "b",
                                       std::string(40, 'a'),
                                       std::string(41, 'a'),
                                       std::string(30, 'a') + "_b_" + std::string(30, 'c'),
                                       std::string(200, '1'),
                                       std::string(201, '1'),
                                       "_",
                                       "-"};
  std::set<std::string> given;
  for (const auto& name : names) {
    const auto label = kserve_name(name);
    EXPECT_TRUE(std::regex_match(label, std::regex("[a-z]([-a-z0-9]*[a-z0-9])?"))) << name << ": " << label;
    EXPECT_LE(label.size(), 40u) << label;
    EXPECT_TRUE(given.insert(label).second) << name << ": " << label;
  }
}

TEST(Kserve, AnEdgeThatForwardsKnowsItsCloud) {
  Manifest manifest;
  manifest.tail_name = "m";
  const KserveOptions none{.image = "i", .storage = "pvc://models/m"}, given{.image = "i", .storage = "pvc://models/m", .forward_to = "cloud-1:8001"},
      wrong{.image = "i", .storage = "pvc://models/m", .forward_to = "cloud-1"};
  EXPECT_EQ(kserve_manifest(manifest, 1, none).find("--forward"), std::string::npos);
  auto said = message_of([&] { (void)kserve_manifest(manifest, 1, given); });
  EXPECT_NE(said.find("'cloud-1:8001': a plan of two machines has no cloud"), std::string::npos) << said;
  manifest.forward.emplace();
  said = message_of([&] { (void)kserve_manifest(manifest, 1, none); });
  EXPECT_NE(said.find("--kserve-forward-to HOST:PORT"), std::string::npos) << said;
  said = message_of([&] { (void)kserve_manifest(manifest, 1, wrong); });
  EXPECT_NE(said.find("expected HOST:PORT"), std::string::npos) << said;
  const auto text = kserve_manifest(manifest, 1, given);
  EXPECT_TRUE(std::regex_search(text, std::regex("- \"--forward-to\"\n +- \"cloud-1:8001\"\n"))) << text;
}

TEST(Kserve, AStorageNeedsAScheme) {
  Manifest manifest;
  manifest.tail_name = "m";
  const auto said = message_of([&] { (void)kserve_manifest(manifest, 1, {.image = "i", .storage = "models/"}); });
  EXPECT_NE(said.find("pvc://CLAIM/PATH"), std::string::npos) << said;
}

TEST(Kserve, TextsAreQuoted) {
  Manifest manifest;
  manifest.tail_name = "m";
  manifest.model_name = "a: \"b\"\n# c";
  const auto text = kserve_manifest(manifest, 1, {.image = "i", .storage = "pvc://models/m"});
  EXPECT_NE(text.find("scissionlite/model: \"a: \\\"b\\\"\\n# c\""), std::string::npos) << text;
}

}  // namespace
}  // namespace scissionlite
