#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "train/data/dataset.h"

namespace scissionlite::train {
namespace {

/// Of Beta(alpha, alpha), by rejection. Source: Johnk, 1964.
double beta(double alpha, Rng& rng) {
  while (true) {
    const double a = std::pow(rng.uniform(), 1 / alpha), b = std::pow(rng.uniform(), 1 / alpha);
    if (a + b <= 1 && a + b > 0) return a / (a + b);
  }
}

}  // namespace

Mixtures::Mixtures(std::shared_ptr<const Dataset> images, double alpha) : images_(std::move(images)), alpha_(alpha) {
  if (!(alpha > 0 && alpha <= 1)) throw InvalidArgument("[train] mixup is " + std::to_string(alpha) + ", expected above 0 and at most 1");
}

Example Mixtures::get(int64_t index, Rng* rng) const {
  auto example = images_->get(index, rng);
  if (!rng) return example;
  const double s = beta(alpha_, *rng), share = std::min(s, 1 - s);  // mostly what the index says
  const auto other = images_->get(static_cast<int64_t>(rng->below(static_cast<uint64_t>(images_->size()))), rng);
  if (other.input.shape() != example.input.shape() || other.input.dtype() != Dtype::kF32)
    throw InvalidArgument("[train] images of shapes " + to_string(example.input.shape()) + " and " + to_string(other.input.shape()) +
                          " cannot be mixed; train without --mixup");
  example.input = example.input.clone();
  const auto to = example.input.mutable_as<float>();
  const auto from = other.input.as<float>();
  for (size_t i = 0; i < to.size(); ++i) to[i] += static_cast<float>(share) * (from[i] - to[i]);
  example.other_label = other.label;
  example.other_share = share;
  return example;
}

}  // namespace scissionlite::train
