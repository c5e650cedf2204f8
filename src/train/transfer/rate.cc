#include "train/transfer/rate.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "train/tensors/convert.h"

namespace scissionlite::train {

torch::Tensor bits_of(const torch::Tensor& codes, const coding::CodeModel& model) {
  const int64_t count = codes.size(0), symbols = model.shape().symbols();
  auto slopes = torch::zeros(codes.sizes(), torch::kFloat);
  std::vector<float> as_is(static_cast<size_t>(symbols)), nearer(static_cast<size_t>(symbols));
  std::vector<float> zeros;
  for (int64_t c = 0; c < model.shape().channels; ++c) zeros.push_back(static_cast<float>(model.zero(c)));
  double bits = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto code = from_torch(codes[i].detach().contiguous(), Dtype::kU8);
    model.step_bits(code.as<uint8_t>(), as_is, nearer);
    float* slope = slopes[i].data_ptr<float>();
    for (size_t s = 0; s < as_is.size(); ++s) {
      bits += static_cast<double>(as_is[s]);
      slope[s] = std::isfinite(as_is[s] - nearer[s]) ? as_is[s] - nearer[s] : 0;
    }
  }
  const auto distance = (codes - torch::tensor(zeros).view({1, -1, 1, 1})).abs();
  const auto linear = (distance * slopes).sum();
  return linear - linear.detach() + bits;
}

void Price::pay(double cost) {
  constexpr double kSpeed = 0.5, kLeast = 1e-3, kMost = 1e3;
  price_ = std::clamp(price_ * std::exp(kSpeed * (cost - 1)), kLeast, kMost);
}

}  // namespace scissionlite::train
