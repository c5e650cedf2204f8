#include "prepare/kserve.h"

#include <gtest/gtest.h>

#include "base/test_messages.h"

namespace scissionlite {
namespace {

TEST(Kserve, NamesAreWhatKubernetesTakes) {
  EXPECT_EQ(kserve_name("mobilenetv2_1.0_tail"), "mobilenetv2-1-0-tail");
  EXPECT_EQ(kserve_name("ResNet50"), "resnet50");
  EXPECT_EQ(kserve_name("3d_net"), "model-3d-net");
  EXPECT_EQ(kserve_name("_x_"), "x");
  EXPECT_EQ(kserve_name("-"), "model");
  EXPECT_LE(kserve_name(std::string(200, 'a')).size(), 46u);
  EXPECT_EQ(kserve_name(std::string(39, 'a') + "_bcd").back(), 'a');
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
