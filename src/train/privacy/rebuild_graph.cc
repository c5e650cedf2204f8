#include "train/privacy/rebuild_graph.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace scissionlite::train {
namespace {

constexpr int64_t kFewest = 24, kMost = 64;  // channels at full size, and at small ones

/// Channels `doublings` away from the picture's size.
int64_t channels(int doublings) { return std::min(kMost, kFewest << std::min(doublings, 8)); }
int doublings(int64_t from, int64_t to) {
  return std::max(0, static_cast<int>(std::lround(std::log2(static_cast<double>(to) / static_cast<double>(from)))));
}

/// Adds layers one behind the other; `at_` is the last value, `c_`, `h_` and `w_` its sizes.
class Builder {
 public:
  Builder(const Shape& received, uint64_t seed) : rng_(seed), c_(received[1]), h_(received[2]), w_(received[3]) {
    graph_.name = "rebuild";
    graph_.opsets = {{"", 13}};
    graph_.inputs = {{"x", Dtype::kF32, {-1, c_, h_, w_}, true, {}}};
  }

  [[nodiscard]] int64_t height() const { return h_; }
  [[nodiscard]] int64_t width() const { return w_; }

  void conv(int64_t out, int64_t kernel, int64_t stride_y, int64_t stride_x, double gain, bool has_relu) {
    const auto name = "conv" + std::to_string(count_++);
    Tensor weight(Dtype::kF32, {out, c_, kernel, kernel}), bias(Dtype::kF32, {out});
    const double scale = gain * std::sqrt(2.0 / static_cast<double>(c_ * kernel * kernel));
    for (auto& v : weight.mutable_as<float>()) v = static_cast<float>(scale * rng_.normal());
    for (auto& v : bias.mutable_as<float>()) v = 0;
    graph_.initializers[name + ".w"] = weight;
    graph_.initializers[name + ".b"] = bias;
    const int64_t pad = kernel / 2;
    node("Conv", {at_, name + ".w", name + ".b"},
         {{"pads", std::vector<int64_t>{pad, pad, pad, pad}}, {"strides", std::vector<int64_t>{stride_y, stride_x}}});
    c_ = out;
    h_ = (h_ + 2 * pad - kernel) / stride_y + 1;
    w_ = (w_ + 2 * pad - kernel) / stride_x + 1;
    if (has_relu) node("Relu", {at_});
  }
  void conv3(int64_t out, double gain = 1, bool has_relu = true) { conv(out, 3, 1, 1, gain, has_relu); }

  void residual() {
    const auto before = at_;
    conv3(c_);
    conv3(c_, /*gain=*/0.3, /*has_relu=*/false);
    node("Add", {before, at_});
    node("Relu", {at_});
  }

  /// One pixel becomes height x width of them.
  void grow(int64_t out, int64_t height, int64_t width) {
    conv(out * height * width, 1, 1, 1, 1, /*has_relu=*/true);
    reshape({-1, out, height, width});
    c_ = out, h_ = height, w_ = width;
  }

  void twice(int64_t out) {
    conv3(4 * out);
    node("DepthToSpace", {at_}, {{"blocksize", int64_t{2}}, {"mode", std::string("CRD")}});
    c_ = out, h_ *= 2, w_ *= 2;
  }

  void resize(int64_t height, int64_t width) {
    if (h_ == height && w_ == width) return;
    constexpr double kAbove = 1e-3;  // sizes are rounded down: a thousandth of a pixel keeps them from being one too small
    const auto scale = [](int64_t to, int64_t from) { return static_cast<float>((static_cast<double>(to) + kAbove) / static_cast<double>(from)); };
    graph_.initializers["scales"] = Tensor::of<float>({4}, {1, 1, scale(height, h_), scale(width, w_)});
    node("Resize", {at_, "", "scales"}, {{"mode", std::string("linear")}});
    h_ = height, w_ = width;
  }

  Graph take(int height, int width) {
    graph_.nodes.back().outputs[0] = "picture";
    graph_.outputs = {{"picture", Dtype::kF32, {-1, 3, height, width}, true, {}}};
    graph_.check();
    return std::move(graph_);
  }

 private:
  void node(const char* type, std::vector<std::string> inputs, std::map<std::string, Attribute> attributes = {}) {
    const auto output = "v" + std::to_string(graph_.nodes.size());
    graph_.nodes.push_back({"", type, "", std::move(inputs), {output}, std::move(attributes), ""});
    at_ = output;
  }
  void reshape(const std::vector<int64_t>& shape) {
    graph_.initializers["shape"] = Tensor::of<int64_t>({static_cast<int64_t>(shape.size())}, shape);
    node("Reshape", {at_, "shape"});
  }

  Graph graph_;
  Rng rng_;
  std::string at_ = "x";
  int64_t c_, h_, w_;
  int count_ = 0;
};

/// How many pixels of the received tensor make one of the picture.
int64_t stride(int64_t from, int64_t to) { return std::max<int64_t>(1, std::llround(static_cast<double>(from) / static_cast<double>(to))); }

}  // namespace

Graph rebuild_graph(const Shape& received, int height, int width, uint64_t seed) {
  Builder b(received, seed);
  if (received[2] * received[3] == 1) {
    b.grow(kMost, std::max(1, height / 8), std::max(1, width / 8));
  } else {
    const int64_t stride_y = stride(received[2], height), stride_x = stride(received[3], width);
    const int64_t after = std::max(doublings((received[2] - 1) / stride_y + 1, height), doublings((received[3] - 1) / stride_x + 1, width));
    b.conv(channels(static_cast<int>(after)), 3, stride_y, stride_x, 1, /*has_relu=*/true);
  }
  b.residual();
  for (int left = std::max(doublings(b.height(), height), doublings(b.width(), width)); left > 0; --left) {
    b.twice(channels(left - 1));
    if (left > 1) b.residual();
  }
  b.resize(height, width);
  b.conv3(kFewest);
  b.conv3(3, /*gain=*/0, /*has_relu=*/false);
  return b.take(height, width);
}

}  // namespace scissionlite::train
