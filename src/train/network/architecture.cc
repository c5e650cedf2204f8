#include "train/network/architecture.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"

namespace scissionlite::train {
namespace {

constexpr int64_t kOpset = 13, kHalvedOnce = 48, kHalvedTwice = 112;

/// Adds layers behind one another.
class Builder {
 public:
  explicit Builder(const ArchitectureOptions& options) : options_(options), rng_(options.seed) {
    graph_.name = options.name;
    graph_.opsets = {{"", kOpset}};
    graph_.inputs = {{"image", Dtype::kF32, vision::tensor_shape(options.input), true, {"N"}}};
    graph_.inputs[0].shape[0] = -1;
    value_ = "image", channels_ = graph_.inputs[0].shape[1];
  }

  [[nodiscard]] int64_t wide(int64_t channels) const {
    const auto out = std::llround(static_cast<double>(channels) * options_.width);
    if (out < 1)
      throw InvalidArgument("[create] a width of " + format_fixed(options_.width, 3) + " leaves none of " + std::to_string(channels) +
                            " channels; give a larger --width");
    return out;
  }
  [[nodiscard]] int64_t side() const { return std::min(options_.input.width, options_.input.height); }
  [[nodiscard]] const std::string& value() const { return value_; }
  [[nodiscard]] int64_t channels() const { return channels_; }

  /// With BatchNormalization.
  const std::string& conv(const std::string& name, int64_t channels, int64_t kernel, int64_t stride, int64_t groups = 1) {
    const int64_t pad = kernel / 2;
    Tensor weights(Dtype::kF32, {channels, channels_ / groups, kernel, kernel});
    const double deviation = std::sqrt(2.0 * static_cast<double>(groups) / static_cast<double>(channels * kernel * kernel));
    for (auto& v : weights.mutable_as<float>()) v = static_cast<float>(deviation * rng_.normal());
    graph_.initializers[name + ".weight"] = std::move(weights);
    add(name, "Conv", {value_, name + ".weight"},
        {{"kernel_shape", std::vector<int64_t>{kernel, kernel}},
         {"pads", std::vector<int64_t>{pad, pad, pad, pad}},
         {"strides", std::vector<int64_t>{stride, stride}},
         {"group", groups}});
    channels_ = channels;
    std::vector<std::string> inputs{value_};
    for (const auto& [part, start] : {std::pair{"scale", 1.0F}, {"shift", 0.0F}, {"mean", 0.0F}, {"variance", 1.0F}}) {
      inputs.push_back(name + ".norm." + part);
      Tensor values(Dtype::kF32, {channels});
      for (auto& v : values.mutable_as<float>()) v = start;
      graph_.initializers[inputs.back()] = std::move(values);
    }
    return add(name + ".norm", "BatchNormalization", inputs, {});
  }
  const std::string& relu(const std::string& name) { return add(name, "Relu", {value_}, {}); }
  const std::string& halve(const std::string& name) {
    return add(name, "MaxPool", {value_}, {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}});
  }
  const std::string& sum(const std::string& name, const std::string& other) { return add(name, "Add", {value_, other}, {}); }
  /// Goes on from there.
  void from(const std::string& value, int64_t channels) { value_ = value, channels_ = channels; }

  void stem(int64_t channels) {
    conv("stem", channels, 3, side() >= kHalvedOnce ? 2 : 1);
    relu("stem.relu");
    if (side() >= kHalvedTwice) halve("stem.pool");
  }

  Graph finish() {
    add("mean", "GlobalAveragePool", {value_}, {});
    add("flat", "Flatten", {value_}, {{"axis", int64_t{1}}});
    Tensor weights(Dtype::kF32, {options_.classes, channels_});
    for (auto& v : weights.mutable_as<float>()) v = static_cast<float>(rng_.normal() / std::sqrt(static_cast<double>(channels_)));
    graph_.initializers["classifier.weight"] = std::move(weights);
    Tensor bias(Dtype::kF32, {options_.classes});
    for (auto& v : bias.mutable_as<float>()) v = 0;
    graph_.initializers["classifier.bias"] = std::move(bias);
    add("logits", "Gemm", {value_, "classifier.weight", "classifier.bias"}, {{"transB", int64_t{1}}});
    graph_.outputs = {{"logits", Dtype::kF32, {-1, options_.classes}, true, {"N"}}};
    graph_.metadata[vision::kInputMetadataKey] = vision::to_json(options_.input).dump();
    graph_.check();
    return std::move(graph_);
  }

 private:
  const std::string& add(const std::string& name, const std::string& type, std::vector<std::string> inputs,
                         std::map<std::string, Attribute> attributes) {
    graph_.nodes.push_back({name, type, "", std::move(inputs), {name}, std::move(attributes), ""});
    return value_ = name;
  }

  const ArchitectureOptions& options_;
  Rng rng_;
  Graph graph_;
  std::string value_;
  int64_t channels_ = 0;
};

/// He et al., Deep Residual Learning for Image Recognition, CVPR 2016: its networks for CIFAR-10, with projections where a block changes shape.
template <int kBlocks>
void resnet(Builder& net) {
  net.stem(net.wide(16));
  for (int stage = 0; stage < 3; ++stage)
    for (int i = 0; i < kBlocks; ++i) {
      const auto name = "stage" + std::to_string(stage + 1) + ".block" + std::to_string(i + 1);
      const int64_t channels = net.wide(int64_t{16} << stage), stride = stage > 0 && i == 0 ? 2 : 1, before = net.channels();
      std::string shortcut = net.value();
      const std::string start = shortcut;
      if (stride != 1 || before != channels) {
        shortcut = net.conv(name + ".shortcut", channels, 1, stride);
        net.from(start, before);
      }
      net.conv(name + ".conv1", channels, 3, stride);
      net.relu(name + ".relu1");
      net.conv(name + ".conv2", channels, 3, 1);
      net.sum(name + ".sum", shortcut);
      net.relu(name + ".relu2");
    }
}

/// In the manner of Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015.
void vgg(Builder& net) {
  net.stem(net.wide(32));
  for (int stage = 0; stage < 3; ++stage) {
    const auto name = "stage" + std::to_string(stage + 1);
    if (stage > 0) net.halve(name + ".pool");
    for (int i = stage == 0 ? 1 : 0; i < 2; ++i) {
      net.conv(name + ".conv" + std::to_string(i + 1), net.wide(int64_t{32} << stage), 3, 1);
      net.relu(name + ".relu" + std::to_string(i + 1));
    }
  }
}

/// In the manner of Howard et al., MobileNets, 2017.
void mobilenet(Builder& net) {
  net.stem(net.wide(16));
  const std::vector<std::pair<int64_t, int64_t>> blocks{{32, 1}, {64, 2}, {64, 1}, {128, 2}, {128, 1}, {128, 1}};  // channels, stride
  for (size_t i = 0; i < blocks.size(); ++i) {
    const auto name = "block" + std::to_string(i + 1);
    net.conv(name + ".depthwise", net.channels(), 3, blocks[i].second, net.channels());
    net.relu(name + ".relu1");
    net.conv(name + ".pointwise", net.wide(blocks[i].first), 1, 1);
    net.relu(name + ".relu2");
  }
}

struct Entry {
  const char *name, *what;
  void (*body)(Builder&);
};
const std::vector<Entry> kArchitectures{
#define SCISSIONLITE_ARCHITECTURE(name, what, body) {name, what, body},
#include "train/network/architectures.inc"
#undef SCISSIONLITE_ARCHITECTURE
};

}  // namespace

std::vector<std::pair<std::string, std::string>> architectures() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& entry : kArchitectures) out.emplace_back(entry.name, entry.what);
  return out;
}

Graph make_architecture(const ArchitectureOptions& options) {
  const auto entry = std::find_if(kArchitectures.begin(), kArchitectures.end(), [&](const Entry& one) { return one.name == options.name; });
  if (entry == kArchitectures.end()) {
    std::vector<std::string> names;
    for (const auto& [name, what] : architectures()) names.push_back(name);
    throw InvalidArgument("[create] there is no architecture '" + options.name + "'; expected one of " + join(names));
  }
  if (options.classes < 2) throw InvalidArgument("[create] " + std::to_string(options.classes) + " classes; expected at least 2");
  if (options.input.layout != "NCHW" || options.input.dtype != Dtype::kF32)
    throw InvalidArgument("[create] input.json has layout " + options.input.layout + " and dtype " + std::string(dtype_name(options.input.dtype)) +
                          "; expected NCHW and float32");
  Builder net(options);
  entry->body(net);
  return net.finish();
}

}  // namespace scissionlite::train
