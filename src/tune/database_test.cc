#include "tune/database.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/test_messages.h"
#include "kernels/conv/conv.h"
#include "tune/measurement_log.h"

namespace scissionlite::tune {
namespace {

class Databases : public testing::Test {
 protected:
  Databases() : folder_(fs::temp_directory_path() / ("tune_database_test_" + std::to_string(getpid()))) { fs::create_directories(folder_); }
  ~Databases() override { fs::remove_all(folder_); }
  [[nodiscard]] fs::path path(const std::string& name) const { return folder_ / name; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }

 private:
  fs::path folder_;
};

TuningKey key(int64_t channels) { return {kernels::ConvProblem{.c = channels}.text(), "f32", "avx2", "a CPU", 1}; }
TuningEntry entry(double us) { return {"direct", {{"chunk", 14}, {"vectors", 2}}, us, 2 * us, 64, "genetic"}; }
Database one(int64_t channels, double us) {
  Database out;
  out.add(key(channels), entry(us));
  return out;
}

TEST_F(Databases, AreReadAsWritten) {
  update_database(path("a.json"), one(3, 12.5));
  EXPECT_EQ(to_json(load_database(path("a.json"))), to_json(one(3, 12.5)));
}

TEST_F(Databases, MergedKeepTheFaster) {
  update_database(path("a.json"), one(3, 12.5));
  update_database(path("a.json"), one(3, 20));
  update_database(path("a.json"), one(4, 7));
  const auto faster = update_database(path("a.json"), one(3, 11));
  EXPECT_EQ(faster.entries.size(), 2);
  EXPECT_EQ(faster.entries.at(key(3)).median_us, 11);
}

TEST_F(Databases, ForeignAndCorruptOnesAreRefusedAndStay) {
  const auto refusal = [&](const std::string& text) {
    write("bad.json", text);
    const auto message = message_of([&] { update_database(path("bad.json"), one(3, 1)); });
    EXPECT_EQ(read_file(path("bad.json")), text);
    return message;
  };
  EXPECT_NE(refusal("{\"schema\": \"scissionlite.plan/1\"}").find("expected 'scissionlite.tuning/1'"), std::string::npos);
  EXPECT_NE(refusal("{\"schema\": \"scissionlite.tuning/1\", \"entries\": [{\"problem\": 3}]}").find("entries[0].problem: got 3"), std::string::npos);
  EXPECT_NE(refusal("{\"schema\": \"scissionlite.tuning/1\", \"entr").find("bad.json"), std::string::npos);
  EXPECT_NE(refusal("").find("bad.json"), std::string::npos);
}

/// Several processes add entries of their own at once; none is lost.
TEST_F(Databases, fault_44_TakeEntriesOfTwoTunersAtOnce) {
  constexpr int kTuners = 2, kEach = 12;
  std::vector<pid_t> children;
  for (int tuner = 0; tuner < kTuners; ++tuner) {
    children.push_back(fork());
    if (children.back() != 0) continue;
    MeasurementLog log(path("a.json.log"));
    for (int i = 0; i < kEach; ++i) {
      update_database(path("a.json"), one(1 + tuner * kEach + i, 5));
      log.add(key(1 + tuner), {"direct", {{"chunk", i}}, {1.5, ""}});
    }
    _exit(0);
  }
  for (const pid_t child : children) {
    int status = 1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(load_database(path("a.json")).entries.size(), kTuners * kEach);
  const MeasurementLog log(path("a.json.log"));
  for (int tuner = 0; tuner < kTuners; ++tuner) EXPECT_EQ(log.of(key(1 + tuner)).size(), kEach);
}

TEST_F(Databases, LogsAreReadUpToTheLineThatWasCutOff) {
  {
    MeasurementLog log(path("log"));
    log.add(key(3), {"winograd", {{"m", 4}}, {12.5, ""}});
    log.add(key(3), {"direct", {}, {0, "crash by signal 11"}});
  }
  const auto whole = read_file(path("log"));
  write("log", whole.substr(0, whole.size() - 20));
  MeasurementLog log(path("log"));
  ASSERT_EQ(log.of(key(3)).size(), 1);
  EXPECT_EQ(log.of(key(3))[0].implementation, "winograd");
  EXPECT_EQ(log.of(key(3))[0].knobs.at("m"), 4);
  log.add(key(3), {"direct", {}, {3, ""}});
  EXPECT_EQ(MeasurementLog(path("log")).of(key(3)).size(), 2);
}

TEST_F(Databases, LogsOfOtherKindsAreRefused) {
  write("log", "{\"schema\": \"scissionlite.plan/1\"}\n");
  EXPECT_NE(message_of([&] { MeasurementLog log(path("log")); }).find("expected 'scissionlite.tuning_log/1'"), std::string::npos);
}

TEST(ProblemTexts, AreReadInBothForms) {
  const kernels::ConvProblem p{
      .c = 3, .h = 224, .w = 112, .k = 64, .kernel_h = 7, .kernel_w = 7, .stride_h = 2, .stride_w = 2, .top = 3, .left = 3, .bottom = 3, .right = 3};
  EXPECT_EQ(kernels::parse_problem(p.text()), p);
  auto sparse = p;
  sparse.is_two_four = true;
  EXPECT_EQ(sparse.text(), p.text() + "sparse24");
  EXPECT_EQ(kernels::parse_problem(sparse.text()), sparse);
  EXPECT_NE(message_of([&] { (void)kernels::parse_problem(p.text() + "sparse13"); }).find("known is sparse24"), std::string::npos);
  EXPECT_EQ(kernels::parse_problem("conv mb1ic3ih224iw112oc64kh7kw7sh2sw2ph3pw3g1"), p);
}

TEST(ProblemTexts, ThatAreNoneAreRefused) {
  const auto refusal = [](const std::string& text) { return message_of([&] { (void)kernels::parse_problem(text); }); };
  EXPECT_NE(refusal("gemm m3").find("expected 'conv '"), std::string::npos);
  EXPECT_NE(refusal("conv ic3ih").find("position 10: expected a number"), std::string::npos);
  EXPECT_NE(refusal("conv ic3ih4zz4").find("unknown field 'zz'"), std::string::npos);
  EXPECT_NE(refusal("conv ic3ih4g2oc2").find("channels that the groups divide"), std::string::npos);
  EXPECT_NE(refusal("conv ic99999999999999999999").find("a number below"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::tune
