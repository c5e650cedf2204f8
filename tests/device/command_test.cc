// `scissionlite run` as a program: its lines, its modes, its exit codes.
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>

#include "base/clock.h"
#include "fixture.h"

namespace scissionlite::testing {
namespace {

class RunCommand : public DeviceFixture {
 protected:
  void SetUp() override {
    if (program().empty()) GTEST_SKIP() << "needs SCISSIONLITE_PROGRAM, the path of the scissionlite program";
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      images_.push_back((folder_ / ("p" + std::to_string(seed) + ".png")).string());
      write_file(images_.back(), vision::encode(picture(seed), "png"));
    }
  }
  struct Result {
    std::vector<Json> lines;
    int exit_code = 0;
    std::string errors;
  };
  /// Runs to the end; `input` goes to stdin.
  Result run(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), "run");
    const auto log = folder_ / "run.log";
    ChildProcess child(arguments, log.string(), program());
    if (!input.empty()) child.write_line(input);
    child.close_input();
    Result result;
    try {
      while (true) result.lines.push_back(parse_json(child.read_line(60e6), "line"));
    } catch (const TransportError&) {  // its end
    }
    result.exit_code = child.wait();
    result.errors = read_file(log);
    return result;
  }
  std::vector<std::string> images_;
};

TEST_F(RunCommand, OneLineAnImageInOrder) {
  (void)prepare("net", split_key("uint8"));
  const auto edge = "127.0.0.1:" + std::to_string(serve("net"));
  for (const char* in_flight : {"1", "3"}) {
    auto arguments = std::vector<std::string>{package("net").string(), "--edge", edge, "--pipeline", in_flight, "--repeat", "2"};
    arguments.insert(arguments.end(), images_.begin(), images_.end());
    const auto result = run(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    ASSERT_EQ(result.lines.size(), 8u);
    for (size_t i = 0; i < 8; ++i) {
      EXPECT_EQ(result.lines[i]["path"], images_[i % 4]);
      EXPECT_EQ(result.lines[i]["origin"], "edge");
      EXPECT_EQ(result.lines[i]["top"][0]["index"], best_class(picture(i % 4 + 1)));
      EXPECT_GE(result.lines[i]["payload_bytes"], 16 * 16 * 16);
      EXPECT_LT(result.lines[i]["payload_bytes"], 16 * 16 * 16 + 64) << "codes and their scale";
    }
    EXPECT_NE(result.errors.find("8 images (8 by the edge"), std::string::npos) << result.errors;
  }
}

TEST_F(RunCommand, SeveralPlansAndWhichWereTaken) {
  (void)prepare("net", split_key("uint8"));
  (void)prepare("alone", "local");
  const auto edge = "127.0.0.1:" + std::to_string(serve("net"));
  auto arguments = std::vector<std::string>{package("net").string(), "--also", package("alone").string(), "--edge", edge, "--json"};
  arguments.insert(arguments.end(), images_.begin(), images_.end());
  const auto result = run(arguments);
  ASSERT_EQ(result.lines.size(), 6u) << result.errors;
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(result.lines[i + 1]["top"][0]["index"], best_class(picture(i + 1)));
    EXPECT_TRUE(result.lines[i + 1].contains("candidate"));
  }
  const auto switching = result.lines.back()["summary"]["switching"];
  int64_t images = 0;
  for (const auto& [candidate, count] : switching["images"].items()) images += count.get<int64_t>();
  EXPECT_EQ(images, 4);
  EXPECT_TRUE(switching.contains("switches"));
}

TEST_F(RunCommand, ComparesItsAnswersWithTheUncutModel) {
  (void)prepare("net", split_key("uint8"));
  (void)prepare("alone", "local");
  const auto edge = "127.0.0.1:" + std::to_string(serve("net"));
  const auto model = folder_ / "net.onnx";
  auto arguments = std::vector<std::string>{package("net").string(), "--edge",       edge,       "--json", "--shadow", "1",
                                            "--shadow-model",        model.string(), "--repeat", "20"};
  arguments.insert(arguments.end(), images_.begin(), images_.end());
  auto result = run(arguments);
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const auto shadow = result.lines.back()["summary"]["shadow"];
  ASSERT_EQ(shadow["plans"].size(), 1U) << shadow;
  const auto& plan = shadow["plans"][0];
  EXPECT_EQ(plan["candidate"], split_key("uint8"));
  EXPECT_EQ(plan["agreement"], 1.0);
  EXPECT_GT(plan["compared"].get<int64_t>(), 0);
  EXPECT_EQ(plan["compared"].get<int64_t>() + shadow["left_out"].get<int64_t>(), 80);
  EXPECT_EQ(shadow["failures"], 0);
  // A local plan among the packages holds the model.
  arguments = {package("net").string(), "--also", package("alone").string(), "--edge", edge, "--shadow", "1", "--min-agreement", "0.9",
               images_.front()};
  result = run(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_NE(result.errors.find("compared with the uncut model:"), std::string::npos) << result.errors;
}

TEST_F(RunCommand, AShadowOfAnotherModelIsRefused) {
  (void)prepare("net", split_key("uint8"));
  (void)prepare("other", "local", 2);
  auto result = run({package("net").string(), "--shadow", "0.5", "--shadow-model", (folder_ / "other.onnx").string(), images_.front()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.errors.find("give the file that the package was prepared from"), std::string::npos) << result.errors;
  result = run({package("net").string(), "--shadow", "0.5", images_.front()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.errors.find("--shadow-model FILE"), std::string::npos) << result.errors;
  result = run({package("net").string(), "--min-agreement", "0.5", images_.front()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.errors.find("go with --shadow"), std::string::npos) << result.errors;
}

TEST_F(RunCommand, PlansOfAnotherModelAreRefused) {
  (void)prepare("net", split_key("uint8"));
  (void)prepare("other", "local", 2);
  const auto result = run({package("net").string(), "--also", package("other").string(), images_.front()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.errors.find("expected plans of one model"), std::string::npos) << result.errors;
}

TEST_F(RunCommand, ReadsPathsFromStdin) {
  (void)prepare("net", "local");
  const auto result = run({package("net").string(), "--stdin", "paths", "--json"}, images_[0] + "\n" + images_[2]);
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  ASSERT_EQ(result.lines.size(), 4u);
  EXPECT_EQ(result.lines[0]["ready"], true);
  EXPECT_EQ(result.lines[2]["path"], images_[2]);
  EXPECT_EQ(result.lines[2]["origin"], "local");
  EXPECT_EQ(result.lines[3]["summary"]["images"], 2);
}

TEST_F(RunCommand, UnreadableImageIsALineAndAnExitCode) {
  (void)prepare("net", "local");
  write_file(folder_ / "broken.png", "no image");
  const auto result = run({package("net").string(), images_[0], (folder_ / "broken.png").string(), images_[1]});
  ASSERT_EQ(result.lines.size(), 3u);
  size_t errors = 0;
  for (const auto& line : result.lines) errors += line.contains("error") ? 1 : 0;
  EXPECT_EQ(errors, 1u);
  EXPECT_EQ(result.exit_code, 2);
}

TEST_F(RunCommand, fault_14_an_answer_that_cannot_be_written_ends_the_run) {
  (void)prepare("net", "local");
  for (const char* in_flight : {"1", "3"}) {
    const auto log = folder_ / "full.log";
    const auto command = program() + " run " + package("net").string() + " --pipeline " + in_flight + " --repeat 1000 " + images_[0] + " " +
                         images_[1] + " > /dev/full 2> " + log.string();
    const double start_us = Clock::steady().now_us();
    const int status = std::system(command.c_str());
    EXPECT_EQ(WEXITSTATUS(status), 6);
    EXPECT_LT(Clock::steady().now_us() - start_us, 30e6);
    const auto errors = read_file(log);
    EXPECT_NE(errors.find("the answer to '" + images_[0] + "' could not be written to stdout: No space left on device"), std::string::npos) << errors;
  }
}

TEST_F(RunCommand, DeadEdgeAnswersLocallyAndSaysSo) {
  (void)prepare("net", split_key("fp32"));
  const auto result = run({package("net").string(), "--edge", "127.0.0.1:1", images_[0]});
  ASSERT_EQ(result.lines.size(), 1u);
  EXPECT_EQ(result.lines[0]["origin"], "local");
  EXPECT_EQ(result.exit_code, 5) << result.errors;
  EXPECT_NE(result.errors.find("127.0.0.1:1"), std::string::npos) << result.errors;
}

TEST_F(RunCommand, WrongTailIsRefusedLoudly) {
  (void)prepare("net", split_key("fp32"));
  (void)prepare("other", split_key("fp32"), /*seed=*/2);
  const auto edge = "127.0.0.1:" + std::to_string(serve("other"));
  const auto result = run({package("net").string(), "--edge", edge, images_[0]});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.errors.find("WRONG TAIL"), std::string::npos) << result.errors;
  ASSERT_EQ(result.lines.size(), 1u);
  EXPECT_EQ(result.lines[0]["origin"], "local");
  const auto strict = run({package("net").string(), "--edge", edge, "--fallback", "none", images_[0]});
  EXPECT_EQ(strict.exit_code, 2);
  EXPECT_TRUE(strict.lines.at(0).contains("error"));
}

TEST_F(RunCommand, DamagedPackageNamesTheFile) {
  (void)prepare("net", split_key("fp32"));
  write_file(package("net") / "head.onnx", "damaged");
  const auto result = run({package("net").string(), images_[0]});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_NE(result.errors.find("head.onnx"), std::string::npos) << result.errors;
  EXPECT_TRUE(result.lines.empty());
}

TEST_F(RunCommand, AsksForOneSourceOfImages) {
  (void)prepare("net", "local");
  EXPECT_EQ(run({package("net").string()}).exit_code, 2);
  EXPECT_EQ(run({package("net").string(), images_[0], "--stdin", "paths"}).exit_code, 2);
}

}  // namespace
}  // namespace scissionlite::testing
