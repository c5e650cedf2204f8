#include "prepare/places.h"

#include <gtest/gtest.h>

#include "base/scratch_folder.h"
#include "base/test_messages.h"
#include "prepare/further_plans.h"
#include "prepare/names.h"

namespace scissionlite {
namespace {

class Places : public testing::Test {
 protected:
  [[nodiscard]] fs::path put(const std::string& path, const std::string& text = "x") const {
    write_file(scratch_.path() / path, text);
    return scratch_.path() / path;
  }
  /// A folder as `prepare` writes it.
  [[nodiscard]] fs::path prepared(const std::string& name, const std::string& role) const {
    (void)put(name + "/manifest.json", R"({"schema":"scissionlite.manifest/1","role":")" + role + "\"}");
    return put(name + "/input.json").parent_path();
  }
  static std::string said_of_package(const fs::path& folder) {
    return message_of([&] { check_package_place(folder); });
  }
  static std::string said_of_model(const fs::path& folder) {
    return message_of([&] { check_model_place(folder); });
  }
  [[nodiscard]] std::string said_of_both(const std::string& package, const std::string& repository) const {
    return message_of([&] {
      check_apart({{"the device package", at(package)}, {"the repository", at(repository)}, {"the cloud's repository", {}}});
    });
  }
  [[nodiscard]] fs::path at(const std::string& path) const { return scratch_.path() / path; }

  ScratchFolder scratch_{"places_test"};
};
#define EXPECT_HAS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

TEST_F(Places, WhatIsNewOrEmptyMayBeWritten) {
  fs::create_directories(at("empty"));
  for (const auto* name : {"new", "empty"}) {
    EXPECT_EQ(said_of_package(at(name)), "");
    EXPECT_EQ(said_of_model(at(name)), "");
  }
}

TEST_F(Places, APackageReplacesAPackageAlone) {
  EXPECT_HAS(said_of_package(put("photos/a.jpg").parent_path()), "photos' exists and is no device package");
  EXPECT_HAS(said_of_package(prepared("models/net", "edge")), "is no device package");
  EXPECT_HAS(said_of_package(put("damaged/manifest.json", "{").parent_path()), "is no device package");
  const auto package = prepared("device", "device");
  for (const auto* file : {"head.onnx", "local.onnx", "probe.bin", "probe.png", "relu.coder", "head.compiled/weights.bin"})
    (void)put(std::string("device/") + file);
  EXPECT_EQ(said_of_package(package), "");
}

TEST_F(Places, FilesOfTheUsersOwnInAPackageAreKept) {
  const auto package = prepared("device", "device");
  (void)prepared("device/also/local", "device");
  EXPECT_EQ(said_of_package(package), "");
  const auto photo = put("device/also/local/photo.jpg");
  EXPECT_HAS(said_of_package(package), "holds 'also/local/photo.jpg', which `prepare` does not write");
  fs::remove(photo);
  const auto folder = put("device/also/mine/x").parent_path();
  EXPECT_HAS(said_of_package(package), "holds 'also/mine'");
  fs::remove_all(folder);
  (void)put("device/notes.txt");
  EXPECT_HAS(said_of_package(package), "holds 'notes.txt', which `prepare` does not write; a folder is replaced whole: choose another one");
}

TEST_F(Places, AModelReplacesAPreparedModelAlone) {
  EXPECT_HAS(said_of_model(put("models/mine/1/model.onnx").parent_path().parent_path()), "is no model that `prepare` wrote");
  const auto model = prepared("models/net", "edge");
  for (const auto* file :
       {"config.pbtxt", "1/model.onnx", "1/model.compiled/weights.bin", "1/model.py", "1/__pycache__/model.pyc", "cloud/local.onnx"})
    (void)put(std::string("models/net/") + file);
  EXPECT_EQ(said_of_model(model), "");
  const auto version = put("models/net/2/model.onnx").parent_path();
  EXPECT_HAS(said_of_model(model), "holds '2', which `prepare` does not write");
  fs::remove_all(version);
  (void)put("models/net/1/labels.txt");
  EXPECT_HAS(said_of_model(model), "holds '1/labels.txt'");
}

TEST_F(Places, EachHasAFolderOfItsOwn) {
  EXPECT_EQ(said_of_both("device", "models"), "");
  EXPECT_EQ(said_of_both("models-2", "models"), "");
  EXPECT_HAS(said_of_both("models", "models"), "the device package '" + at("models").string() + "' is in the repository");
  EXPECT_HAS(said_of_both("models/device/", "models"), "the device package '" + at("models/device/").string() + "' is in the repository");
  EXPECT_HAS(said_of_both("device", "device/models"), "the repository '" + at("device/models").string() + "' is in the device package");
  EXPECT_HAS(said_of_both("x/../models", "models/"), "give each a folder of its own");
  fs::create_directories(at("models"));
  fs::create_directory_symlink(at("models"), at("link"));
  EXPECT_HAS(said_of_both("link/device", "models"), "give each a folder of its own");
}

TEST_F(Places, FoldersThatWereMadeGoUnlessTheyAreKept) {
  fs::create_directories(at("there"));
  for (const bool keeps : {false, true}) {
    {
      MadeFolders made;
      made.expect(at("there/a/b/"));
      fs::create_directories(at("there/a/b"));
      if (keeps) made.keep();
    }
    EXPECT_EQ(fs::exists(at("there/a")), keeps);
    EXPECT_TRUE(fs::exists(at("there")));
  }
}

TEST_F(Places, FoldersThatWereMadeAndFilledStay) {
  {
    MadeFolders made;
    made.expect(at("a/b"));
    (void)put("a/x");
    fs::create_directories(at("a/b"));
  }
  EXPECT_TRUE(fs::exists(at("a/x")));
  EXPECT_FALSE(fs::exists(at("a/b")));
}

TEST_F(Places, FurtherPlansThatCannotBeListedAreNotTakenForNone) {
  EXPECT_TRUE(further_plans(scratch_.path()).empty());
  (void)put("device/also/b/manifest.json"), (void)put("device/also/a/manifest.json"), (void)put("device/also/notes.txt");
  EXPECT_EQ(further_plans(at("device")), (std::vector<fs::path>{at("device/also/a"), at("device/also/b")}));
  (void)put("other/also");
  EXPECT_HAS(message_of<ResourceError>([&] { (void)further_plans(at("other")); }),
             "cannot list the further plans in '" + at("other/also").string() + "'");
}

TEST(Names, AModelHasANameThatServersTake) {
  for (const auto& name : {std::string("a"), std::string("net_1.0-tail"), std::string(255, 'a'), std::string("_x"), std::string("-")})
    EXPECT_TRUE(is_model_name(name)) << name;
  for (const auto& name : {std::string(), std::string(".x"), std::string(".."), std::string("../x"), std::string("/x"), std::string("a b"),
                           std::string("a/b"), std::string("\xc3\xa4"), std::string(256, 'a'), std::string("a\0b", 3)})
    EXPECT_FALSE(is_model_name(name)) << name;
  EXPECT_HAS(message_of([] { check_model_name("a b"); }), "'a b' cannot name a model; a model name has letters, digits, '.', '_' and '-' only");
}

}  // namespace
}  // namespace scissionlite
