#include "base/abandoned.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/scratch_folder.h"

namespace scissionlite {
namespace {

using namespace std::chrono_literals;

/// The number of a process that has ended.
std::string ended_process() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  return std::to_string(child);
}

class Abandoned : public testing::Test {
 protected:
  /// A folder with a file in it, last written an hour ago.
  fs::path leave(const std::string& name) const {
    const auto folder = scratch_.path() / name;
    write_file(folder / "weights.bin", "x");
    set_age(folder / "weights.bin", 1h);
    set_age(folder, 1h);
    return folder;
  }
  static void set_age(const fs::path& path, std::chrono::minutes age) { fs::last_write_time(path, fs::file_time_type::clock::now() - age); }

  ScratchFolder scratch_{"abandoned_test"};
  const std::string ended_ = ended_process();
};

TEST_F(Abandoned, GoesOnceItsProcessHasEnded) {
  const auto left = leave("net.partial-" + ended_ + "-0"), running = leave("net.partial-" + std::to_string(getpid()) + "-0");
  remove_abandoned(scratch_.path(), "net.partial-");
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(running));
}

TEST_F(Abandoned, StaysWhileAnythingInItIsWritten) {
  const auto written = leave("net.partial-" + ended_ + "-0"), young = leave("net.partial-" + ended_ + "-1");
  set_age(written / "weights.bin", 0min);
  set_age(young, 0min);
  remove_abandoned(scratch_.path(), "net.partial-");
  EXPECT_TRUE(fs::exists(written));
  EXPECT_TRUE(fs::exists(young));
}

TEST_F(Abandoned, OtherNamesStay) {
  const std::vector<std::string> names{"net",
                                       "net.partial-",
                                       "net.partial-x-0",
                                       "net.partial-0-0",
                                       "net.partial--1-0",
                                       "net.partial-" + ended_,
                                       "net.partial-" + ended_ + "-",
                                       "other.partial-" + ended_ + "-0",
                                       "net.partial-99999999999999999999-0"};
  for (const auto& name : names) (void)leave(name);
  remove_abandoned(scratch_.path(), "net.partial-");
  for (const auto& name : names) EXPECT_TRUE(fs::exists(scratch_.path() / name)) << name;
}

TEST_F(Abandoned, AFileGoesToo) {
  const auto file = scratch_.path() / ("net.partial-" + ended_ + "-0");
  write_file(file, "x");
  set_age(file, 1h);
  remove_abandoned(scratch_.path(), "net.partial-");
  EXPECT_FALSE(fs::exists(file));
}

TEST_F(Abandoned, AStagedFolderRemovesWhatWasLeftOfItsTarget) {
  const auto left = leave("net.partial-" + ended_ + "-0"), other = leave("net2.partial-" + ended_ + "-0");
  const StagedFolder staged(scratch_.path() / "net");
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(other));
}

TEST(ScratchFolders, FoldersGoWithTheirProcess) {
  fs::path kept;
  {
    const ScratchFolder scratch("scratch_test");
    kept = scratch.path();
    write_file(kept / "x", "1");
  }
  EXPECT_FALSE(fs::exists(kept));
}

TEST(ScratchFolders, FoldersOfProcessesThatWereEndedGoAtTheNextStart) {
  const auto left = fs::temp_directory_path() / ("scissionlite-scratch_test-" + ended_process() + "-abcdef");
  fs::create_directories(left);
  fs::last_write_time(left, fs::file_time_type::clock::now() - 1h);
  const ScratchFolder running("scratch_test");
  ScratchFolder::remove_abandoned("scratch_test");
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(running.path()));
}

}  // namespace
}  // namespace scissionlite
