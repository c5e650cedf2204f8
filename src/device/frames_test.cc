#include "device/frames.h"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "base/clock.h"
#include "device/testing.h"
#include "vision/vision.h"

namespace scissionlite::device {
namespace {

std::string with_length(const std::string& bytes) {
  const auto n = static_cast<uint32_t>(bytes.size());
  return std::string(reinterpret_cast<const char*>(&n), 4) + bytes;
}

std::vector<FrameSource::Item> all_of(const std::string& format, const std::string& stream) {
  std::istringstream in(stream);
  auto source = make_stream_source(format, in, testing::kNoStop);
  std::vector<FrameSource::Item> items;
  while (auto item = source->next()) items.push_back(std::move(*item));
  return items;
}

TEST(Frames, LengthPrefixed) {
  const auto items = all_of("frames", with_length("abc") + with_length(std::string(70000, 'x')));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].frame.bytes, "abc");
  EXPECT_EQ(items[1].frame.bytes.size(), 70000u);
  EXPECT_EQ(items[1].frame.name, "frame 1");
}

TEST(Frames, DamagedLengthSaysWhere) {
  struct Case {
    std::string stream, expected;
  };
  for (const auto& c : {Case{with_length("abc") + "\x05", "byte 8"}, Case{with_length("abc").substr(0, 5), "1 of a frame's 3"},
                        Case{std::string(4, '\0'), "0 bytes"}, Case{"\xff\xff\xff\xff", "4294967295"}}) {
    const auto items = all_of("frames", c.stream);
    ASSERT_FALSE(items.empty());
    EXPECT_NE(items.back().error.find(c.expected), std::string::npos) << items.back().error;
  }
}

TEST(Frames, MjpegFindsEachPicture) {
  std::string stream;
  std::vector<std::string> files;
  for (uint8_t v : {0, 90, 255}) {
    vision::Image image{.width = 40, .height = 33, .rgb = {}};
    for (int i = 0; i < 40 * 33 * 3; ++i) image.rgb.push_back(static_cast<uint8_t>((i * 7919) ^ v));
    files.push_back(vision::encode(image, "jpeg-q95-444"));
    stream += files.back();
  }
  const auto items = all_of("mjpeg", stream);
  ASSERT_EQ(items.size(), files.size());
  for (size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(items[i].error, "");
    EXPECT_EQ(items[i].frame.bytes, files[i]);
  }
}

TEST(Frames, MjpegSkipsWhatCamerasPutBetweenPictures) {
  const std::string file = vision::encode(testing::plain_image(40, 30, 60), "jpeg-q90-420"), zeros(37, '\0'),
                    headers = "\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 711\r\n\r\n";
  for (const std::string& between : {zeros, headers}) {
    const auto items = all_of("mjpeg", between + file + between + file + between);
    ASSERT_EQ(items.size(), 2u);
    for (const auto& item : items) {
      EXPECT_EQ(item.error, "");
      EXPECT_EQ(item.frame.bytes, file);
    }
  }
  EXPECT_TRUE(all_of("mjpeg", "").empty());
}

TEST(Frames, MjpegGoesOnBehindAPictureThatWasCutShort) {
  const std::string file = vision::encode(testing::plain_image(60, 10, 60), "jpeg-q90-420");
  for (size_t n = 1; n < file.size(); ++n) {
    const auto items = all_of("mjpeg", file.substr(0, n) + file + file);
    ASSERT_GE(items.size(), 2u) << n;
    EXPECT_EQ(items.back().frame.bytes, file) << n;
    if (items[0].error.empty()) {  // cut such that the second one's SOI, or more, fills a segment of the first, and its tables follow
      EXPECT_TRUE(items[0].frame.bytes.ends_with(file.substr(200))) << n;
      continue;
    }
    EXPECT_NE(items[0].error.find("going on"), std::string::npos) << n << items[0].error;
    EXPECT_TRUE(items[0].frame.bytes.empty()) << n;
    EXPECT_EQ(items[items.size() - 2].frame.bytes, file) << n;
  }
}

TEST(Frames, MjpegTellsOfBytesThatAreNoPicture) {
  const std::string file = vision::encode(testing::plain_image(40, 30, 60), "jpeg-q90-420");
  const auto items = all_of("mjpeg", file + "\x01\x02\x03" + file);
  ASSERT_EQ(items.size(), 3u);
  EXPECT_NE(items[1].error.find("3 bytes before here are no JPEG"), std::string::npos) << items[1].error;
  EXPECT_EQ(items[2].frame.bytes, file);
}

TEST(Frames, MjpegSurvivesEveryTruncation) {
  const std::string file = vision::encode(testing::plain_image(200, 10, 60), "jpeg-q90-420");
  for (size_t n = 1; n < file.size(); ++n) {
    const auto items = all_of("mjpeg", file.substr(0, n));
    ASSERT_EQ(items.size(), 1u) << n;
    EXPECT_NE(items[0].error, "") << n;
  }
  EXPECT_NE(all_of("mjpeg", "no jpeg at all")[0].error.find("FF D8"), std::string::npos);
}

TEST(Frames, PathsAndMissingFiles) {
  const auto items = all_of("paths", "/nonexistent/a.jpg\n\n");
  ASSERT_EQ(items.size(), 1u);
  EXPECT_NE(items[0].error.find("/nonexistent/a.jpg"), std::string::npos);
}

TEST(Frames, AnEndlessLineIsOneErrorAndIsNotKept) {
  std::istringstream in(std::string(100'000, 'x') + "\n/nowhere/a.jpg");
  const auto source = make_stream_source("paths", in, testing::kNoStop);
  const auto first = source->next();
  EXPECT_NE(first->error.find("a line of 100000 bytes is no path"), std::string::npos) << first->error;
  EXPECT_LT(first->frame.name.size(), 200U);
  EXPECT_EQ(source->next()->frame.name, "/nowhere/a.jpg");
  EXPECT_FALSE(source->next().has_value());
}

TEST(Frames, WhatASignalCutsShortIsDropped) {
  const std::atomic<bool> stop{true};  // as a handler sets it while bytes are waited for, which then end
  const auto picture = vision::encode(testing::plain_image(1, 2, 3), "jpeg-q90-420");
  for (const auto& [format, bytes] : {std::pair<std::string, std::string>{"mjpeg", picture.substr(0, picture.size() / 2)},
                                      {"frames", with_length(picture).substr(0, 50)},
                                      {"paths", "/some/wh"}}) {
    std::istringstream in(bytes);
    EXPECT_FALSE(make_stream_source(format, in, stop)->next().has_value()) << format;
    EXPECT_FALSE(all_of(format, bytes).at(0).error.empty()) << format << ": else it is an error";
  }
}

TEST(Frames, PathsOfAListFromWindows) {
  const auto items = all_of("paths", "/nowhere/a.jpg\r\n\r\n/nowhere/b.jpg\r\n");
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].frame.name, "/nowhere/a.jpg");
  EXPECT_EQ(items[1].frame.name, "/nowhere/b.jpg");
}

TEST(Frames, UnknownFormatOffersTheKnown) {
  std::istringstream in;
  try {
    (void)make_stream_source("mjpg", in, testing::kNoStop);
    FAIL();
  } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find("mjpeg"), std::string::npos); }
}

TEST(Frames, WatchTakesClosedAndMovedFiles) {
  const fs::path folder = fs::path(::testing::TempDir()) / ("watch" + std::to_string(getpid()));
  fs::create_directories(folder);
  write_file(folder / "first.jpg", "1");
  std::atomic<bool> stop{false};
  auto source = make_watch_source(folder, stop);
  EXPECT_EQ(source->next()->frame.bytes, "1");
  std::thread writer([&] {
    Clock::steady().sleep_us(20e3);
    std::ofstream(folder / "second.jpg") << "22";
    write_file(folder / "third.jpg", "333");  // written beside, then renamed
  });
  EXPECT_EQ(source->next()->frame.bytes, "22");
  EXPECT_NE(source->next()->frame.name.find("third"), std::string::npos);
  writer.join();
  std::thread stopper([&] {
    Clock::steady().sleep_us(20e3);
    stop = true;
  });
  EXPECT_FALSE(source->next().has_value());
  stopper.join();
  fs::remove_all(folder);
  EXPECT_THROW((void)make_watch_source(folder, stop), ResourceError);
  write_file(folder, "a file now");
  EXPECT_THROW((void)make_watch_source(folder, stop), InvalidArgument);
  fs::remove(folder);
}

TEST(Frames, WatchWaitsForTheWriterOfAFileThatWasThereBefore) {
  const fs::path folder = fs::path(::testing::TempDir()) / ("written" + std::to_string(getpid()));
  fs::create_directories(folder);
  write_file(folder / "old.jpg", "1");
  fs::last_write_time(folder / "old.jpg", fs::file_time_type::clock::now() - std::chrono::hours(1));
  std::ofstream half(folder / "half.jpg");
  half << "2" << std::flush;
  std::atomic<bool> stop{false};
  auto source = make_watch_source(folder, stop);
  EXPECT_EQ(source->next()->frame.bytes, "1");
  std::thread writer([&] {
    Clock::steady().sleep_us(200e3);
    half << "2" << std::flush;
    half.close();
  });
  EXPECT_EQ(source->next()->frame.bytes, "22");
  writer.join();
  std::thread stopper([&] {
    Clock::steady().sleep_us(3e6);
    stop = true;
  });
  EXPECT_FALSE(source->next().has_value()) << "it comes once";
  stopper.join();
  fs::remove_all(folder);
}

TEST(Frames, WatchTakesLinksAndNoPipes) {
  const fs::path folder = fs::path(::testing::TempDir()) / ("links" + std::to_string(getpid())), beside = folder.string() + ".beside";
  fs::create_directories(folder);
  fs::create_directories(beside);
  write_file(beside / "a.jpg", "1");
  std::atomic<bool> stop{false};
  auto source = make_watch_source(folder, stop);
  ASSERT_EQ(mkfifo((folder / "pipe.jpg").c_str(), 0600), 0);
  ASSERT_EQ(mkfifo((beside / "moved.jpg").c_str(), 0600), 0);
  fs::rename(beside / "moved.jpg", folder / "moved.jpg");
  fs::create_hard_link(beside / "a.jpg", folder / "hard.jpg");
  fs::create_symlink(beside / "a.jpg", folder / "soft.jpg");
  EXPECT_EQ(source->next()->frame.name, (folder / "hard.jpg").string());
  const auto soft = source->next();
  EXPECT_EQ(soft->frame.name, (folder / "soft.jpg").string());
  EXPECT_EQ(soft->frame.bytes, "1");
  fs::remove_all(folder);
  fs::remove_all(beside);
}

TEST(Frames, AWatchedFolderThatGoesIsNoEnd) {
  const fs::path folder = fs::path(::testing::TempDir()) / ("gone" + std::to_string(getpid())), elsewhere = folder.string() + ".old";
  for (const bool is_moved : {false, true}) {
    fs::create_directories(folder);
    std::atomic<bool> stop{false};
    auto source = make_watch_source(folder, stop);
    if (is_moved) fs::rename(folder, elsewhere);
    else fs::remove_all(folder);
    EXPECT_THROW((void)source->next(), ResourceError) << is_moved;
  }
  fs::remove_all(elsewhere);
}

TEST(Frames, WatchFindsWhatTheKernelHadNoRoomFor) {
  size_t room = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> room;
  if (room == 0 || room > 50'000) GTEST_SKIP() << "needs a queue of inotify that a test can fill";
  const fs::path folder = fs::path(::testing::TempDir()) / ("overflow" + std::to_string(getpid()));
  fs::create_directories(folder);
  write_file(folder / "first.jpg", "1");
  std::atomic<bool> stop{false};
  auto source = make_watch_source(folder, stop);
  EXPECT_EQ(source->next()->frame.bytes, "1");
  const size_t count = room + 500;
  for (size_t i = 0; i < count; ++i) std::ofstream(folder / (std::to_string(i) + ".jpg")) << i;
  std::set<std::string> names;
  for (size_t i = 0; i < count; ++i) EXPECT_TRUE(names.insert(source->next()->frame.name).second) << "each once";
  EXPECT_EQ(names.size(), count);
  std::thread stopper([&] {
    Clock::steady().sleep_us(3e6);
    stop = true;
  });
  std::ofstream(folder / "last.jpg") << "x";
  EXPECT_NE(source->next()->frame.name.find("last"), std::string::npos);
  EXPECT_FALSE(source->next().has_value());
  stopper.join();
  fs::remove_all(folder);
}

}  // namespace
}  // namespace scissionlite::device
