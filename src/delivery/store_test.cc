#include "delivery/store.h"

#include <sys/wait.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "base/clock.h"
#include "delivery/test_store.h"

namespace scissionlite::delivery {
namespace {

using testing::FailingDisk;
using testing::FakeSource;

class Stores : public testing::StoreTest {
 protected:
  Stores() {
    first_.add("head.onnx", std::string(35, 'h'));
    first_.add("local.onnx", std::string(40, 'l'));
    first_.add("sub/deep.bin", "d");
    second_ = first_;
    second_.add("head.onnx", std::string(33, 'n'));
  }
  [[nodiscard]] std::set<std::string> versions_on_disk() const {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder_ / "packages"))
      if (entry.is_directory()) out.insert(entry.path().filename());
    return out;
  }
  FakeSource first_, second_;
};

TEST_F(Stores, WhatTwoVersionsShareIsFetchedOnce) {
  Store store(folder_);
  EXPECT_EQ(pull(first_, store, first_.offer, quiet()), 76);
  store.accept(first_.offer.version);
  EXPECT_EQ(pull(second_, store, second_.offer, quiet()), 33);
  EXPECT_EQ(second_.fetches, 1);
  EXPECT_EQ(read_file(store.package(second_.offer.version) / "sub" / "deep.bin"), "d");
  EXPECT_EQ(pull(second_, store, second_.offer, quiet()), 0);
}

TEST_F(Stores, KeepsTheVersionInUseAndTheOneBefore) {
  Store store(folder_);
  std::string last, before;
  for (int i = 0; i < 4; ++i) {
    first_.add("head.onnx", "head " + std::to_string(i));
    take(first_, store, first_.offer);
    before = std::exchange(last, first_.offer.version);
  }
  EXPECT_EQ(store.state().current, last);
  EXPECT_EQ(store.state().previous, before);
  EXPECT_EQ(versions_on_disk(), (std::set<std::string>{last, before}));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "files"), {}), 4);  // two heads, and what they share
}

TEST_F(Stores, fault_13_damage_is_found_and_fetched_again) {
  Store store(folder_);
  take(first_, store, first_.offer);
  EXPECT_EQ(store.damage(first_.offer.version), "");
  fs::resize_file(store.package(first_.offer.version) / "head.onnx", 10);
  EXPECT_NE(store.damage(first_.offer.version).find("head.onnx' has sha256"), std::string::npos);
  EXPECT_EQ(pull(first_, store, first_.offer, quiet()), 35);
  EXPECT_EQ(store.damage(first_.offer.version), "");
}

TEST_F(Stores, fault_13_what_is_shared_with_the_next_version_is_read_through_first) {
  Store store(folder_);
  take(first_, store, first_.offer);
  const auto shared = std::find_if(first_.offer.files.begin(), first_.offer.files.end(), [](const auto& file) { return file.path == "local.onnx"; });
  write_file(folder_ / "files" / shared->sha256, std::string(40, 'L'));  // of the same size
  EXPECT_EQ(pull(second_, store, second_.offer, quiet()), 33 + 40);
  EXPECT_EQ(read_file(store.package(second_.offer.version) / "local.onnx"), std::string(40, 'l'));
}

/// The name below packages/ and the one below files/ are of the same bytes, so both are wrong; what is fetched again is other bytes.
TEST_F(Stores, fault_13_the_version_before_is_made_whole_when_it_comes_back) {
  Store store(folder_);
  take(first_, store, first_.offer);
  take(second_, store, second_.offer);
  std::fstream(store.package(first_.offer.version) / "head.onnx", std::ios::in | std::ios::out).write("X", 1);
  EXPECT_EQ(pull(first_, store, first_.offer, quiet()), 35);
  EXPECT_EQ(store.damage(first_.offer.version), "");
}

TEST_F(Stores, GoesOnWhereAPullEnded) {
  Store store(folder_);
  first_.ends_after = 20;
  EXPECT_THROW((void)pull(first_, store, first_.offer, quiet()), TransportError);
  first_.ends_after = SIZE_MAX;
  EXPECT_EQ(pull(first_, store, first_.offer, quiet()), 76 - 20);
  EXPECT_EQ(read_file(store.package(first_.offer.version) / "head.onnx"), std::string(35, 'h'));
}

TEST_F(Stores, GoesOnInAnotherProcess) {
  first_.ends_after = 50;  // one whole file, and a part of the next
  EXPECT_THROW((void)pull(first_, *std::make_unique<Store>(folder_), first_.offer, quiet()), TransportError);
  const auto fetched = static_cast<int64_t>(first_.sent);
  first_.ends_after = SIZE_MAX;
  { const Store restarted(folder_); }
  Store store(folder_);
  EXPECT_EQ(pull(first_, store, first_.offer, quiet()), 76 - fetched);
  EXPECT_EQ(store.damage(first_.offer.version), "");
}

TEST_F(Stores, OfADamagedVersionOnlyTheDamageIsFetchedAgain) {
  {
    Store store(folder_);
    take(first_, store, first_.offer);
    fs::resize_file(store.package(first_.offer.version) / "head.onnx", 10);
    EXPECT_NE(store.damage(first_.offer.version), "");
    store.forget(first_.offer.version);
  }
  Store store(folder_);
  EXPECT_EQ(pull(first_, store, first_.offer, quiet()), 35);
}

TEST_F(Stores, WhatAnotherVersionBeganIsRemovedWhenTheNextOneIsPulled) {
  Store store(folder_);
  first_.ends_after = 50;
  EXPECT_THROW((void)pull(first_, store, first_.offer, quiet()), TransportError);
  take(second_, store, second_.offer);
  std::set<std::string> wanted, there;
  for (const auto& file : second_.offer.files) wanted.insert(file.sha256);
  for (const auto& entry : fs::directory_iterator(folder_ / "files")) there.insert(entry.path().filename());
  EXPECT_EQ(there, wanted);
}

TEST_F(Stores, BeginsAFileAnewWhereTheBeginningIsWrong) {
  Store store(folder_);
  const auto& file = first_.offer.files.front();
  (void)store.begin(first_.offer);
  store.append(file, "wrong");
  EXPECT_EQ(pull(first_, store, first_.offer, quiet()), 76 - 5 + 35);
  EXPECT_EQ(store.damage(first_.offer.version), "");
}

TEST_F(Stores, fault_13_bytes_that_were_not_listed_are_not_used) {
  Store store(folder_);
  take(first_, store, first_.offer);
  const auto head = second_.offer.files.front();
  const auto refused = [&](const std::string& bytes) -> std::string {
    second_.contents[head.sha256] = bytes;
    try {
      (void)pull(second_, store, second_.offer, quiet());
      return "";
    } catch (const Error& e) { return e.what(); }
  };
  EXPECT_NE(refused(std::string(33, 'x')).find("but lists " + head.sha256), std::string::npos);
  EXPECT_NE(refused(std::string(34, 'n')).find("over 33 bytes"), std::string::npos);
  EXPECT_NE(refused(std::string(32, 'n')).find("sent 32 bytes"), std::string::npos);
  EXPECT_EQ(store.state().current, first_.offer.version);
  EXPECT_FALSE(store.installed(second_.offer.version));
  EXPECT_EQ(refused(std::string(33, 'n')), "");
}

TEST_F(Stores, fault_24_paths_that_lead_out_of_the_store_are_refused) {
  Store store(folder_);
  for (const char* path : {"../../evil", "/tmp/evil", "a/../../evil"}) {
    auto offer = first_.offer;
    offer.files.resize(1);
    offer.files.front().path = path;
    offer.version = version_of(offer.files);
    EXPECT_THROW((void)pull(first_, store, offer, quiet()), InvalidArgument) << path;
  }
  EXPECT_EQ(first_.fetches, 0);
  EXPECT_TRUE(versions_on_disk().empty());
}

TEST_F(Stores, RemembersWhatWasRejected) {
  {
    Store store(folder_);
    take(first_, store, first_.offer);
    (void)pull(second_, store, second_.offer, quiet());
    store.begin_trial(second_.offer.version);
    store.reject(second_.offer.version, "answers differently");
    EXPECT_EQ(versions_on_disk(), (std::set<std::string>{first_.offer.version}));
  }
  const Store store(folder_);
  ASSERT_NE(store.rejection(second_.offer.version), nullptr);
  EXPECT_EQ(store.rejection(second_.offer.version)->reason, "answers differently");
  EXPECT_EQ(store.state().current, first_.offer.version);
}

TEST_F(Stores, AVersionUnderWhichTheProcessEndsTwiceIsRejected) {
  for (int i = 0; i < kMostTries; ++i) {
    Store store(folder_);
    EXPECT_EQ(store.rejection(first_.offer.version), nullptr);
    (void)pull(first_, store, first_.offer, quiet());
    store.begin_trial(first_.offer.version);
  }
  const Store store(folder_);
  ASSERT_NE(store.rejection(first_.offer.version), nullptr);
  EXPECT_NE(store.rejection(first_.offer.version)->reason.find("ended 2 times"), std::string::npos);
}

TEST_F(Stores, ATryWithSomethingElseIsAnotherTry) {
  const auto& version = first_.offer.version;
  for (int i = 0; i < kMostTries; ++i) {
    Store store(folder_);
    EXPECT_EQ(store.state().tries, std::min(i, 1));
    store.begin_trial(version, "engine " + std::to_string(i));
  }
  EXPECT_EQ(Store(folder_).rejection(version), nullptr);
  Store(folder_).begin_trial(version, "engine 1");
  Store store(folder_);
  ASSERT_NE(store.rejection(version), nullptr);
  EXPECT_EQ(store.rejection(version)->tried_with, "engine 1");
  store.pardon();
  EXPECT_EQ(store.rejection(version), nullptr);
}

TEST_F(Stores, ARejectionOfAnEarlierProgramIsRead) {
  write_file(folder_ / "store.json",
             Json{{"schema", "scissionlite.store/1"}, {"rejected", {{{"version", first_.offer.version}, {"reason", "answers differently"}}}}}.dump());
  const Store store(folder_);
  ASSERT_NE(store.rejection(first_.offer.version), nullptr);
  EXPECT_EQ(store.rejection(first_.offer.version)->tried_with, "");
}

/// It had ended, whatever store.json says still.
TEST_F(Stores, fault_14_ATrialWhoseEndFoundNoRoomIsNoCrash) {
  class DiskThatFills final : public Disk {
   public:
    void append(const fs::path& path, std::string_view bytes) override {
      if (is_full) throw ResourceError("disk full");
      Disk::append(path, bytes);
    }
    bool is_full = false;
  } disk;
  for (int i = 0; i < 2 * kMostTries; ++i) {
    disk.is_full = false;
    Store store(folder_, disk);
    EXPECT_EQ(store.rejection(first_.offer.version), nullptr);
    EXPECT_EQ(store.state().tries, 0);
    (void)pull(first_, store, first_.offer, quiet());
    store.begin_trial(first_.offer.version);
    disk.is_full = true;
    if (i % 2 == 0) EXPECT_THROW(store.end_trial(), ResourceError);
    else EXPECT_THROW(store.accept(first_.offer.version), ResourceError);
  }
  EXPECT_EQ(Store(folder_).rejection(first_.offer.version), nullptr);
}

TEST_F(Stores, OneProcessAtATime) {
  const Store store(folder_);
  try {
    const Store other(folder_);
    FAIL();
  } catch (const ResourceError& e) { EXPECT_NE(std::string(e.what()).find("in use by another process"), std::string::npos); }
}

/// Power is lost at each change in turn, while the second version replaces the first; then a start must find one of both whole, and the update must
/// go on.
TEST_F(Stores, fault_13_14_power_may_be_lost_at_every_step) {
  int steps = 0;
  for (int ends_at = 1;; ++ends_at) {
    fs::remove_all(folder_);
    {
      Store store(folder_);
      take(first_, store, first_.offer);
    }
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      FailingDisk disk(ends_at, /*seed=*/static_cast<uint64_t>(ends_at));
      Store store(folder_, disk);
      take(second_, store, second_.offer);
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << "at step " << ends_at;
    Store store(folder_);
    const auto current = store.state().current;
    ASSERT_TRUE(current == first_.offer.version || current == second_.offer.version) << "at step " << ends_at;
    ASSERT_EQ(store.damage(current), "") << "at step " << ends_at;
    take(second_, store, second_.offer);
    ASSERT_EQ(store.state().current, second_.offer.version);
    ASSERT_EQ(store.damage(second_.offer.version), "") << "at step " << ends_at;
    ASSERT_EQ(versions_on_disk(), (std::set<std::string>{first_.offer.version, second_.offer.version})) << "at step " << ends_at;
    if (WEXITSTATUS(status) == 0) break;
    ++steps;
  }
  EXPECT_GT(steps, 25);
}

/// The same with an error at each step, from which the process goes on.
TEST_F(Stores, fault_14_a_full_disk_at_every_step_changes_nothing) {
  class FullDisk final : public FailingDisk {
   public:
    using FailingDisk::FailingDisk;
    void end() override { throw ResourceError("disk full"); }
  };
  for (int ends_at = 1;; ++ends_at) {
    fs::remove_all(folder_);
    {
      Store store(folder_);
      take(first_, store, first_.offer);
    }
    bool failed = false;
    FullDisk disk(ends_at);
    try {
      Store store(folder_, disk);
      take(second_, store, second_.offer);
    } catch (const ResourceError&) { failed = true; }
    Store store(folder_);
    ASSERT_EQ(store.damage(store.state().current), "") << "at step " << ends_at;
    take(second_, store, second_.offer);
    ASSERT_EQ(store.damage(second_.offer.version), "") << "at step " << ends_at;
    if (!failed && disk.changes() < ends_at) break;
  }
}

TEST_F(Stores, APullSaysThatItGoesOn) {
  Store store(folder_);
  int words = 0;
  auto options = quiet();
  options.goes_on = [&] { ++words; };
  first_.piece = 1;
  const double start_us = Clock::steady().now_us();
  (void)pull(first_, store, first_.offer, options);
  EXPECT_GE(words, 1);
  EXPECT_LE(words, 1 + (Clock::steady().now_us() - start_us) / 1e6) << "at most one a second";
  first_.add("head.onnx", "slow");
  first_.on_fetch = [] { Clock::steady().sleep_us(1.1e6); };
  words = 0;
  (void)pull(first_, store, first_.offer, options);
  EXPECT_GE(words, 2);
}

TEST_F(Stores, StopEndsAPull) {
  Store store(folder_);
  std::stop_source stop;
  auto options = quiet();
  options.stop = stop.get_token();
  first_.on_fetch = [&] { stop.request_stop(); };
  EXPECT_THROW((void)pull(first_, store, first_.offer, options), TransportError);
}

TEST_F(Stores, ThatCannotBeWrittenAreUsedAsTheyAre) {
  {
    Store store(folder_);
    take(first_, store, first_.offer);
    pull(second_, store, second_.offer, quiet());
    store.begin_trial(second_.offer.version);  // and the process ends
  }
  class ReadOnlyDisk final : public Disk {
   public:
    void append(const fs::path& path, std::string_view) override {
      throw ResourceError("cannot write '" + path.string() + "': Read-only file system");
    }
    void remove(const fs::path& path) override { throw ResourceError("cannot remove '" + path.string() + "': Read-only file system"); }
  } disk;
  Store store(folder_, disk);
  EXPECT_EQ(store.state().current, first_.offer.version);
  EXPECT_FALSE(store.state().is_trying);
  EXPECT_TRUE(store.installed(first_.offer.version));
  fs::resize_file(store.package(first_.offer.version) / "head.onnx", 10);
  EXPECT_NE(store.damage(first_.offer.version).find("head.onnx' has sha256"), std::string::npos) << "it stays, and is not used";
}

TEST_F(Stores, WithADamagedListHaveTheNewestPackage) {
  {
    Store store(folder_);
    take(first_, store, first_.offer);
  }
  write_file(folder_ / "store.json", "{");
  const Store store(folder_);
  EXPECT_EQ(store.state().current, "");
  EXPECT_EQ(store.state().previous, first_.offer.version);  // where no edge offers one it is what there is, and else another is tried
  EXPECT_EQ(versions_on_disk(), std::set<std::string>{first_.offer.version});
}

}  // namespace
}  // namespace scissionlite::delivery
