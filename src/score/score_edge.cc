// Edge-only candidates: the picture crosses as a file, raw, or through an image codec; the edge runs the whole model.
#include "base/text.h"
#include "score/measure.h"
#include "vision/vision.h"

namespace scissionlite {

std::vector<std::string> default_codecs() {
  std::vector<std::string> out{"file", "raw", "png", "tensor"};
  for (const auto* colour : {"420", "444"})
    for (const int quality : {10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92, 94, 96, 98})
      out.push_back("jpeg-q" + std::to_string(quality) + "-" + colour);
  for (const int quality : {10, 20, 40, 60, 80, 90, 95}) out.push_back("webp-q" + std::to_string(quality));
  return out;
}

namespace {

/// What crosses for one image and what the edge sees of it.
struct Crossing {
  double bytes = 0;
  bool is_exact = true;  // the edge gets the very pixels
  vision::Image image;   // unless exact
};

Crossing cross(const std::string& codec, const fs::path& path, const vision::Image& pixels, const Tensor& input) {
  if (codec == "file") return {static_cast<double>(fs::file_size(path)), true, {}};
  if (codec == "raw") return {static_cast<double>(pixels.rgb.size()), true, {}};
  if (codec == "tensor") return {static_cast<double>(input.size_bytes()), true, {}};
  const auto bytes = vision::encode(pixels, codec);
  Crossing out{static_cast<double>(bytes.size()), false, vision::decode(bytes, path.string() + " as " + codec)};
  out.is_exact = out.image.rgb == pixels.rgb;
  return out;
}

std::string note_of(const std::string& codec) {
  if (codec == "file") return "the source file as it lies on disk";
  if (codec == "raw") return "8-bit RGB at the model's size";
  if (codec == "tensor") return "the input tensor";
  return "at the model's size";
}

}  // namespace

std::vector<Score> score_edge(Workbench& bench, const std::vector<std::string>& codecs) {
  std::vector<Tally> tallies(codecs.size(), Tally(bench.images().size()));
  bench.for_each_image(static_cast<int64_t>(codecs.size()), codecs.empty() ? "" : "edge/" + codecs[0] + " ...", [&](int worker, int64_t i) {
    Workbench::Sample scratch;
    const auto& sample = bench.sample(worker, i, scratch);
    const auto& path = bench.images()[static_cast<size_t>(i)];
    const auto pixels = vision::resize_and_crop(vision::load_image(path), bench.options().input);
    for (size_t c = 0; c < codecs.size(); ++c) {
      const auto crossing = cross(codecs[c], path, pixels, sample.input);
      if (crossing.is_exact) {  // the same pixels give the same answer: nothing to run
        bench.judge(i, sample, sample.answer, crossing.bytes, tallies[c]);
        continue;
      }
      const auto input = vision::to_tensor(crossing.image, bench.options().input);
      bench.judge(i, sample, bench.whole().run(worker, {&input, 1}), crossing.bytes, tallies[c]);
    }
  });
  std::vector<Score> out;
  for (size_t c = 0; c < codecs.size(); ++c) out.push_back(bench.summarise("edge/" + codecs[c], tallies[c], note_of(codecs[c])));
  return out;
}

}  // namespace scissionlite
