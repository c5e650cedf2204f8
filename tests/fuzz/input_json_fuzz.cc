// Any text is an input.json or an InvalidArgument; an accepted one survives writing and reading, names every class, decides and preprocesses.
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "vision/input_spec.h"

namespace {

using namespace scissionlite;  // NOLINT: a test

void check_accepted(const vision::InputSpec& spec) {
  const Json json = vision::to_json(spec);
  if (vision::to_json(vision::input_spec_from_json(parse_json(json.dump(), "again"), "again")) != json) __builtin_trap();
  constexpr std::array kScores{0.5F, -2.0F, 30.0F};
  for (size_t i = 0; i < kScores.size(); ++i)
    if (vision::label_of(spec, i, kScores.size()).empty() && spec.labels.empty()) __builtin_trap();
  if (spec.decision && spec.decision->scores == "logits") {
    const double share = vision::positive_share(*spec.decision, kScores);  // of a softmax, or of a class that the model lacks
    if (!std::isnan(share) && (share < 0 || share > 1)) __builtin_trap();
  }
  constexpr int kLargestSide = 64;  // keeps a run short
  if (spec.width > kLargestSide || spec.height > kLargestSide || spec.resize_to > kLargestSide) return;
  vision::Image image{5, 3, std::vector<uint8_t>(5 * 3 * 3, 100)};
  if (spec.precrop > kLargestSide) return;
  if (vision::preprocess(image, spec).shape() != vision::tensor_shape(spec)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    check_accepted(vision::input_spec_from_json(parse_json({reinterpret_cast<const char*>(data), size}, "fuzz"), "fuzz"));
  } catch (const InvalidArgument&) {}
  return 0;
}
