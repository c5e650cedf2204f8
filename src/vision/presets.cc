// Preprocessing of families of models, to copy into an input.json.
#include "vision/input_spec.h"

namespace scissionlite::vision {
namespace {

InputSpec square(int side, int resize_to, double scale, std::vector<double> mean, std::vector<double> std) {
  InputSpec spec;
  spec.width = spec.height = side;
  spec.resize_to = resize_to;
  spec.scale = scale;
  spec.mean = std::move(mean), spec.std = std::move(std);
  return spec;
}

InputSpec changed(InputSpec spec, const std::string& channels, const std::string& filter) {
  spec.channels = channels, spec.filter = filter;
  return spec;
}

std::vector<InputPreset> make_presets() {
  const InputSpec plain = square(224, 256, 1, {0, 0, 0}, {1, 1, 1});
  return {
      {"torchvision", "torchvision and ONNX model zoo classifiers: RGB, ImageNet mean and std",
       square(224, 256, 1.0 / 255, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225})},
      {"tensorflow", "TensorFlow MobileNets and Inceptions: RGB, -1 to 1", square(224, 256, 1, {127.5, 127.5, 127.5}, {127.5, 127.5, 127.5})},
      {"efficientnet-lite", "EfficientNet-Lite0: RGB, (v - 127) / 128, bicubic",
       changed(square(224, 256, 1, {127, 127, 127}, {128, 128, 128}), "RGB", "bicubic")},
      {"caffe", "Caffe classifiers: BGR, means subtracted", changed(square(224, 256, 1, {104, 117, 123}, {1, 1, 1}), "BGR", "bilinear")},
      {"raw-bgr", "BGR bytes as numbers, for models that normalise inside", changed(plain, "BGR", "bilinear")},
      {"raw-rgb", "RGB bytes as numbers", plain},
      {"cifar10", "32 x 32 RGB, ImageNet mean and std", square(32, 32, 1.0 / 255, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225})},
      {"mnist", "28 x 28 grey, 0 to 1", changed(square(28, 28, 1.0 / 255, {0}, {1}), "GRAY", "bilinear")},
  };
}

}  // namespace

const std::vector<InputPreset>& input_presets() {
  static const std::vector<InputPreset> presets = make_presets();
  return presets;
}

}  // namespace scissionlite::vision
