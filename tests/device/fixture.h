// A small real network, cut and prepared; an edge process that serves it; the emulated link between.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "bench/process.h"
#include "device/offloader.h"
#include "net/link.h"
#include "prepare/prepare.h"

namespace scissionlite::testing {

/// Conv, Relu, Conv, Relu, GlobalAveragePool, Flatten, Gemm over 32 x 32 RGB, 10 classes; weights from `seed`.
[[nodiscard]] Graph small_network(uint64_t seed);
[[nodiscard]] vision::InputSpec small_input();
/// Photo-like pictures.
[[nodiscard]] vision::Image picture(uint64_t seed);

class DeviceFixture : public ::testing::Test {
 protected:
  DeviceFixture();
  ~DeviceFixture() override;

  /// Package and repository of a candidate of the network with weights from `seed`; the tail is called "tail".
  /// @param compile  what both are compiled for; none: not compiled. @param fit_images  what the TL is fitted on.
  DevicePackage prepare(const std::string& name, const std::string& candidate, uint64_t seed = 1,
                        const std::optional<CompileModelOptions>& compile = std::nullopt, const std::vector<fs::path>& fit_images = {});
  [[nodiscard]] fs::path repository(const std::string& name) const { return folder_ / (name + "-models"); }
  [[nodiscard]] fs::path package(const std::string& name) const { return folder_ / (name + "-package"); }
  /// Starts `scissionlite serve`; port 0 takes any, no engine the usual one. Returns its port.
  int serve(const std::string& name, int port = 0, const std::string& engine = "");
  /// What it logged.
  [[nodiscard]] std::string edge_log() const { return read_file(folder_ / "edge.log"); }
  /// The key of a split in the middle of the network.
  [[nodiscard]] std::string split_key(const std::string& tl) const;
  /// Best class of the uncut network.
  [[nodiscard]] int64_t best_class(const vision::Image& image, uint64_t seed = 1) const;
  [[nodiscard]] static std::string program();

  fs::path folder_;
  std::unique_ptr<ChildProcess> edge_;
};

}  // namespace scissionlite::testing
