// A model from the codes of unlabelled images.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "coding/code_model.h"
#include "coding/context.h"
#include "coding/fit_internal.h"
#include "coding/transpose.h"

namespace scissionlite::coding {

std::shared_ptr<const ModelData> sealed(ModelData data);

namespace {

CodeShape shape_of(const Tensor& codes) {
  Shape shape = codes.shape();
  if (shape.size() == 4 && shape[0] == 1) shape.erase(shape.begin());
  if (shape.size() != 3 || codes.dtype() != Dtype::kU8)
    throw InvalidArgument("[entropy coder fit] codes of one image are uint8 (channels, rows, columns), got " +
                          std::string(dtype_name(codes.dtype())) + " " + to_string(codes.shape()));
  return {shape[0], shape[1], shape[2]};
}

Samples stage(const ModelData& data, std::span<const Tensor> codes) {
  Samples samples{.images = static_cast<int64_t>(codes.size()),
                  .positions = data.shape.positions(),
                  .padded = data.padded(),
                  .symbols = {},
                  .means = {},
                  .around = {},
                  .before = {}};
  samples.symbols.assign(static_cast<size_t>(samples.images * samples.positions * samples.padded), 0);
  for (int64_t i = 0; i < samples.images; ++i) {
    if (shape_of(codes[i]) != data.shape)
      throw InvalidArgument("[entropy coder fit] image 0 has codes " + to_string(codes[0].shape()) + ", image " + std::to_string(i) + " " +
                            to_string(codes[i].shape()));
    transpose(codes[i].as<uint8_t>().data(), data.shape.channels, samples.positions, samples.positions,
              samples.symbols.data() + i * samples.positions * samples.padded, samples.padded);
  }
  return samples;
}

using Histogram = std::array<int64_t, 256>;
std::vector<Histogram> count_symbols(const Samples& samples, int64_t channels) {
  std::vector<Histogram> counts(static_cast<size_t>(channels), Histogram{});
  const uint8_t* symbols = samples.symbols.data();
  for (int64_t p = 0; p < samples.images * samples.positions; ++p, symbols += samples.padded)
    for (int64_t k = 0; k < channels; ++k) ++counts[k][symbols[k]];
  return counts;
}

void check_option(const std::string& name, size_t size, int64_t channels) {
  if (size != 0 && size != static_cast<size_t>(channels))
    throw InvalidArgument("[entropy coder fit] " + std::to_string(size) + " " + name + " for " + std::to_string(channels) + " channels");
}

void set_alphabets(ModelData& data, const std::vector<Histogram>& counts, const FitOptions& options) {
  check_option("zeros", options.zeros.size(), data.shape.channels);
  check_option("levels", options.levels.size(), data.shape.channels);
  for (size_t k = 0; k < counts.size(); ++k) {
    const int levels = options.levels.empty() ? 256 : options.levels[k];
    const auto common = std::max_element(counts[k].begin(), counts[k].end()) - counts[k].begin();
    const int zero = options.zeros.empty() ? static_cast<int>(common) : options.zeros[k];
    int largest = 255;
    while (counts[k][largest] == 0) --largest;
    if (levels < 1 || levels > 256 || zero >= levels || largest >= levels)
      throw InvalidArgument("[entropy coder fit] channel " + std::to_string(k) + " has symbols up to " + std::to_string(largest) +
                            " and zero symbol " + std::to_string(zero) + ", but " + std::to_string(levels) + " levels; 1 to 256, above both");
    data.zeros[k] = static_cast<uint8_t>(zero), data.tops[k] = static_cast<uint8_t>(levels - 1);
  }
}

void set_quiet(ModelData& data, const std::vector<Histogram>& counts, int64_t total) {
  for (int group = 0; group < data.groups; ++group) {
    bool is_quiet = true;
    for (int64_t k = int64_t{group} * kGroup; k < int64_t{group} * kGroup + data.channels_of(group); ++k)
      is_quiet = is_quiet && counts[k][data.zeros[k]] == total;
    data.quiet[group] = is_quiet ? 1 : 0;
  }
}

/// Calls visit(image, position, history, activity) along the history of each image.
template <typename Visit>
void each_history(const ModelData& data, const Samples& samples, Visit&& visit) {
  Workspace work(data);
  for (int64_t i = 0; i < samples.images; ++i)
    for (int64_t p = 0; p < samples.positions; ++p) {
      const int64_t place = (p / data.shape.columns + 1) * (data.shape.columns + 2) + p % data.shape.columns + 1;
      visit(i, p, work.history.data() + place * samples.padded, work.activity.data() + place);
    }
}

void values_of(const ModelData& data, const uint8_t* symbols, int group, int16_t* values) {
  for (int j = 0; j < kGroup; ++j) values[j] = static_cast<int16_t>(symbols[group * kGroup + j] - data.zeros[group * kGroup + j]);
}

void measure_errors(ModelData& data, Samples& samples) {
  const Codec& codec = codec_named("");
  std::vector<double> errors(static_cast<size_t>(samples.padded), 0);
  each_history(data, samples, [&](int64_t i, int64_t p, uint8_t* history, uint16_t*) {
    int16_t* means = samples.means.data() + (i * samples.positions + p) * samples.padded;
    codec.means(data, history, means);
    for (int group = 0; group < data.groups; ++group) {
      int16_t values[kGroup];
      values_of(data, samples.at(i, p), group, values);
      codec.remember(data, data.fields[group], values, means, history);
      for (int j = 0; j < kGroup; ++j) errors[group * kGroup + j] += std::abs(values[j] * kMeanUnit - means[group * kGroup + j]);
    }
  });
  constexpr double kLeastError = 1.0 / 15;  // so that 4096 / error fits 16 bits
  for (int64_t k = 0; k < data.shape.channels; ++k) {
    const double error = std::max(errors[k] / kMeanUnit / static_cast<double>(samples.images * samples.positions), kLeastError);
    data.inverse[k] = data.quiet[k / kGroup] ? uint16_t{0} : static_cast<uint16_t>(std::lround(4096 / error));
  }
}

void measure_energies(const ModelData& data, Samples& samples) {
  const Codec& codec = codec_named("");
  each_history(data, samples, [&](int64_t i, int64_t p, uint8_t* history, uint16_t* activity) {
    const int64_t place = i * samples.positions + p;
    samples.around[place] = energy_around(activity, data.shape.columns + 2);
    uint32_t sum = 0;
    for (int group = 0; group < data.groups; ++group) {
      samples.before[place * data.groups + group] = energy_before(data.fields[group], sum);
      int16_t values[kGroup];
      values_of(data, samples.at(i, p), group, values);
      sum += codec.remember(data, data.fields[group], values, samples.means.data() + place * samples.padded, history);
    }
    *activity = activity_of(data, sum);
  });
}

}  // namespace

void measure(ModelData& data, Samples& samples) {
  samples.means.assign(samples.symbols.size(), 0);
  samples.around.assign(static_cast<size_t>(samples.images * samples.positions), 0);
  samples.before.assign(samples.around.size() * static_cast<size_t>(data.groups), 0);
  measure_errors(data, samples);
  finish(data);
  measure_energies(data, samples);
}

CodeModel CodeModel::fit(std::span<const Tensor> codes, const FitOptions& options) {
  if (codes.empty()) throw InvalidArgument("[entropy coder fit] no image; give the codes of 50 or more");
  if (options.terms < 0 || options.terms > kMostTerms)
    throw InvalidArgument("[entropy coder fit] " + std::to_string(options.terms) + " terms; 0 to " + std::to_string(kMostTerms));
  ModelData data = empty_model(shape_of(codes[0]), "entropy coder fit");
  Samples samples = stage(data, codes);
  const auto counts = count_symbols(samples, data.shape.channels);
  set_alphabets(data, counts, options);
  set_quiet(data, counts, samples.images * samples.positions);
  finish(data);
  fit_means(data, samples, options.terms);
  finish(data);
  measure(data, samples);
  fit_spreads(data, samples);
  finish(data);
  fit_curves(data, samples);
  return CodeModel(sealed(std::move(data)));
}

}  // namespace scissionlite::coding
