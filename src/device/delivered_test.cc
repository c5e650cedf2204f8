#include "device/delivered.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "base/json.h"
#include "delivery/test_store.h"
#include "device/testing.h"
#include "prepare/prepare.h"

namespace scissionlite::device {
namespace {

/// What an edge offers, which a test changes while a device asks.
struct Shop {
  delivery::testing::FakeSource stock;
  bool is_away = false;
};

class ShopSource final : public delivery::Source {
 public:
  explicit ShopSource(Shop& shop) : shop_(shop) {}
  [[nodiscard]] std::string address() const override { return shop_.stock.address(); }
  [[nodiscard]] std::vector<delivery::Offer> offers() override {
    if (shop_.is_away) throw TransportError("the edge is away", /*retryable=*/true);
    return shop_.stock.offers();
  }
  void fetch(const std::string& sha256, int64_t offset_bytes, const std::function<void(std::string_view)>& take,
             const std::stop_token& stop) override {
    shop_.stock.fetch(sha256, offset_bytes, take, stop);
  }

 private:
  Shop& shop_;
};

/// Goes wrong as a test says.
class BadDisk final : public delivery::Disk {
 public:
  void append(const fs::path& path, std::string_view bytes) override {
    require_writable(path);
    Disk::append(path, bytes);
  }
  void sync(const fs::path& path) override {
    Disk::sync(path);
    if (takes_descriptors && fs::exists(path / "trial")) limit_descriptors(0);  // from now on: the trial has begun
  }
  void remove(const fs::path& path) override {
    require_writable(path);
    if (path.filename() == "trial" && takes_descriptors) limit_descriptors(before_.rlim_cur);
    Disk::remove(path);
  }
  bool is_read_only = false, takes_descriptors = false;

 private:
  void require_writable(const fs::path& path) const {
    if (is_read_only) throw ResourceError("'" + path.string() + "': Read-only file system");
  }
  void limit_descriptors(rlim_t most) {
    if (before_.rlim_cur == 0) (void)getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit limit{.rlim_cur = most, .rlim_max = before_.rlim_max};
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
  rlimit before_{};
};

class DeliveredTest : public ::testing::Test {
 protected:
  ~DeliveredTest() override { fs::remove_all(folder_); }

  /// Offers the package of a model whose first score is multiplied by `scale`. @return its version.
  std::string offer(float scale) {
    PrepareOptions prepare;
    prepare.graph = testing::tiny_tail("x", scale);
    prepare.model_path = folder_ / "tiny.onnx";
    save_model(prepare.graph, prepare.model_path);
    prepare.candidate = candidate_from_key("local");
    prepare.input.width = prepare.input.height = 4;
    prepare.engine = "reference";
    prepare.package = folder_ / "package";
    (void)prepare_candidate(prepare);
    shop_.stock.offer.files.clear();
    for (const auto& file : delivery::list_files(prepare.package)) shop_.stock.add(file.path, read_file(prepare.package / file.path));
    return shop_.stock.offer.version.substr(0, 12);
  }
  /// So that it answers otherwise than it says, by less than its largest value.
  void spoil_probe() {
    auto probe = read_file(folder_ / "package" / "probe.bin");
    probe[probe.size() - 2] = static_cast<char>(probe[probe.size() - 2] ^ 0x40);
    shop_.stock.add("probe.bin", probe);
  }
  [[nodiscard]] std::unique_ptr<Delivered> start(const std::string& engine = "reference", double tolerance = OffloaderOptions{}.probe_tolerance) {
    DeliveryOptions options;
    options.update_every_us = 0, options.shows_progress = false;
    options.offloader.engine = engine, options.offloader.threads = 1, options.offloader.probe_tolerance = tolerance;
    options.offloader.observation.counts = counts_;
    return std::make_unique<Delivered>(std::make_unique<ShopSource>(shop_), std::make_unique<delivery::Store>(store_, disk_), std::move(options));
  }
  [[nodiscard]] Json state() const { return read_json(store_ / "store.json", "store", 1); }
  [[nodiscard]] static std::string version_of(const Delivered& delivered) { return delivered.versions().current()->name(); }

  const fs::path folder_ = fs::path(::testing::TempDir()) / ("delivered-" + std::to_string(getpid())), store_ = folder_ / "store";
  Shop shop_;
  BadDisk disk_;
  std::shared_ptr<DeviceCounts> counts_ = std::make_shared<DeviceCounts>();
};

TEST_F(DeliveredTest, TheTrialsPictureIsNoImageOfTheDevices) {
  const auto version = offer(1);
  const auto delivered = start();
  EXPECT_EQ(version_of(*delivered), version);
  const auto counts = counts_->snapshot();
  EXPECT_EQ(counts.local + counts.edge + counts.errors, 0);
}

TEST_F(DeliveredTest, fault_39_AVersionThatFoundNoDescriptorsIsTriedAgain) {
  offer(1);
  const auto delivered = start();
  const auto next = offer(2);
  disk_.takes_descriptors = true;
  EXPECT_FALSE(delivered->look());
  disk_.takes_descriptors = false;
  EXPECT_EQ(state()["rejected"], Json::array());
  EXPECT_EQ(state()["is_trying"], false);
  EXPECT_EQ(delivered->counters().rejected, 0);
  EXPECT_TRUE(delivered->look());
  EXPECT_EQ(version_of(*delivered), next);
}

TEST_F(DeliveredTest, AnEngineThatThereIsNotIsNoFaultOfTheVersion) {
  const auto version = offer(1);
  EXPECT_THROW((void)start("nonsense"), InvalidArgument);
  EXPECT_EQ(version_of(*start()), version);
}

TEST_F(DeliveredTest, fault_10_AVersionThatAnswersOtherwiseIsRejected) {
  const auto first = offer(1);
  const auto delivered = start();
  offer(2);
  spoil_probe();
  EXPECT_FALSE(delivered->look());
  EXPECT_EQ(state()["rejected"].size(), 1U);
  EXPECT_EQ(version_of(*delivered), first);
}

TEST_F(DeliveredTest, fault_10_AFirstVersionThatWasRejectedIsNotFetchedAgain) {
  offer(1);
  spoil_probe();
  EXPECT_THROW((void)start(), delivery::NotOffered);
  const int fetches = shop_.stock.fetches;
  try {
    (void)start();
    FAIL();
  } catch (const delivery::NotOffered& e) { EXPECT_NE(std::string(e.what()).find("was rejected before: probe: local.onnx"), std::string::npos); }
  EXPECT_EQ(shop_.stock.fetches, fetches);
  const auto next = offer(2);
  EXPECT_EQ(version_of(*start()), next);
}

TEST_F(DeliveredTest, ARejectionHoldsForWhatItWasTriedWith) {
  offer(1);
  spoil_probe();
  EXPECT_THROW((void)start(), delivery::NotOffered);
  const auto rejected = state()["rejected"][0];
  EXPECT_EQ(rejected["tried_with"].get<std::string>().substr(0, 12), "scissionlite");
  const int fetches = shop_.stock.fetches;
  EXPECT_THROW((void)start("native"), delivery::NotOffered);
  EXPECT_GT(shop_.stock.fetches, fetches);
  EXPECT_EQ(state()["rejected"].size(), 1U);
  EXPECT_NE(state()["rejected"][0]["tried_with"], rejected["tried_with"]);
  EXPECT_EQ(version_of(*start("native", /*tolerance=*/1)), rejected["version"].get<std::string>().substr(0, 12));
  EXPECT_EQ(state()["rejected"], Json::array());
}

TEST_F(DeliveredTest, ARejectionThatDoesNotSayWithWhatIsTriedOnceMore) {
  offer(1);
  spoil_probe();
  EXPECT_THROW((void)start(), delivery::NotOffered);
  auto old = state();
  old["rejected"][0].erase("tried_with"), old.erase("trying_with");
  write_file(store_ / "store.json", old.dump());
  const int fetches = shop_.stock.fetches;
  EXPECT_THROW((void)start(), delivery::NotOffered);
  EXPECT_GT(shop_.stock.fetches, fetches);
  EXPECT_EQ(state()["rejected"].size(), 1U);
}

TEST_F(DeliveredTest, fault_24_WhatTheEdgeMayChangeIsToldFromOptions) {
  const auto version = offer(1);
  const auto right = shop_.stock;
  shop_.stock.offer.version = std::string(64, '0');
  EXPECT_THROW((void)start(), delivery::Unusable);
  shop_.stock = right;
  shop_.stock.contents.begin()->second.front() ^= 1;
  EXPECT_THROW((void)start(), delivery::Unusable);
  shop_.stock = right;
  shop_.stock.contents.begin()->second += "more";
  EXPECT_THROW((void)start(), delivery::Unusable);
  shop_.stock = right;
  try {
    (void)start("nonsense");
    FAIL();
  } catch (const InvalidArgument& e) { EXPECT_EQ(dynamic_cast<const delivery::Unusable*>(&e), nullptr); }
  EXPECT_EQ(version_of(*start()), version);
}

TEST_F(DeliveredTest, fault_13_WhereADamagedVersionCannotBeRemovedTheOneBeforeIsUsed) {
  const auto first = offer(1);
  (void)start();
  offer(2);
  (void)start();
  const auto current = state()["current"].get<std::string>();
  std::fstream(store_ / "packages" / current / "local.onnx", std::ios::in | std::ios::out).write("X", 1);
  disk_.is_read_only = shop_.is_away = true;
  EXPECT_EQ(version_of(*start()), first);
}

}  // namespace
}  // namespace scissionlite::device
