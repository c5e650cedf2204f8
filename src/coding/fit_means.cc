// Means: ridge regression of each channel on the four neighbours' most varying channels, cut down to a list of pairs a block.
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "coding/fit_internal.h"

namespace scissionlite::coding {
namespace {

using Eigen::MatrixXd;
using Eigen::MatrixXf;
using Eigen::VectorXd;

constexpr int kMostInputPairs = 64;         // of each neighbour
constexpr int64_t kPositionsPerPair = 32;   // seen in the fit, at least
constexpr double kRidges[] = {0.005, 0.02, 0.08, 0.3, 1, 4};  // squared symbols
constexpr double kFallbackRidge = 1;  // with too few images to choose
constexpr int64_t kValidateEvery = 5;
constexpr double kLeastGain = 0.002;  // of a channel's variance, else it keeps its plain mean

/// Sums of products over positions; inputs are (neighbour, pair, 2) and a 1.
struct Moments {
  MatrixXd inputs, cross;  // (d, d), (d, channels)
  VectorXd squares;        // (channels) of the outputs
  double count = 0;
  void resize(Eigen::Index d, Eigen::Index channels) { inputs = MatrixXd::Zero(d, d), cross = MatrixXd::Zero(d, channels), squares = VectorXd::Zero(channels); }
  void add(const MatrixXf& x, const MatrixXf& y) {
    MatrixXf gram = MatrixXf::Zero(x.cols(), x.cols());
    gram.selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
    inputs += MatrixXf(gram.selfadjointView<Eigen::Lower>()).cast<double>();
    cross += (x.transpose() * y).cast<double>();
    squares += y.colwise().squaredNorm().cast<double>().transpose();
    count += static_cast<double>(x.rows());
  }
  Moments& operator+=(const Moments& other) {
    inputs += other.inputs, cross += other.cross, squares += other.squares, count += other.count;
    return *this;
  }
};

/// Pairs of channels with the largest squares, in channel order.
std::vector<int> input_pairs(const ModelData& data, const Samples& samples) {
  std::vector<double> energy(static_cast<size_t>(samples.padded / 2), 0);
  const uint8_t* symbols = samples.symbols.data();
  for (int64_t p = 0; p < samples.images * samples.positions; ++p, symbols += samples.padded)
    for (int64_t k = 0; k < samples.padded; ++k) {
      const int value = symbols[k] - data.zeros[k];
      energy[k / 2] += value * value;
    }
  std::vector<int> pairs(energy.size());
  std::iota(pairs.begin(), pairs.end(), 0);
  std::stable_sort(pairs.begin(), pairs.end(), [&](int a, int b) { return energy[a] > energy[b]; });
  const auto affordable = static_cast<size_t>(std::max<int64_t>(1, samples.images * samples.positions / kPositionsPerPair));
  pairs.resize(std::min({pairs.size(), affordable, size_t{kMostInputPairs}}));
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

/// Inputs of all positions of an image; neighbours beyond the border are 0.
void gather(const ModelData& data, const Samples& samples, int64_t image, const std::vector<int>& pairs, MatrixXf& x, MatrixXf& y) {
  constexpr int64_t kSteps[kNeighbours][2] = {{0, -1}, {-1, 0}, {-1, 1}, {-1, -1}};  // rows, columns
  const auto width = static_cast<Eigen::Index>(2 * pairs.size());
  x.setZero();
  x.col(kNeighbours * width).setOnes();
  for (int64_t p = 0; p < samples.positions; ++p) {
    const int64_t row = p / data.shape.columns, column = p % data.shape.columns;
    const uint8_t* here = samples.at(image, p);
    for (int64_t k = 0; k < data.shape.channels; ++k) y(p, k) = static_cast<float>(here[k] - data.zeros[k]);
    for (int n = 0; n < kNeighbours; ++n) {
      const int64_t r = row + kSteps[n][0], c = column + kSteps[n][1];
      if (r < 0 || c < 0 || c >= data.shape.columns) continue;
      const uint8_t* there = samples.at(image, r * data.shape.columns + c);
      for (Eigen::Index i = 0; i < width; ++i) {
        const int k = 2 * pairs[i / 2] + static_cast<int>(i % 2);
        x(p, n * width + i) = static_cast<float>(std::clamp(there[k] - data.zeros[k], -kMostValue, kMostValue));
      }
    }
  }
}

/// Weights (inputs, channels); the constant's own is not held back.
MatrixXd solve(const Moments& moments, double ridge) {
  MatrixXd a = moments.inputs;
  const Eigen::Index d = a.rows();
  a.diagonal().head(d - 1).array() += ridge * moments.count;
  a(d - 1, d - 1) += 1e-9 * moments.count;
  return a.ldlt().solve(moments.cross);
}
VectorXd mean_squares(const Moments& moments, const MatrixXd& weights) {
  VectorXd out = moments.squares;
  for (Eigen::Index k = 0; k < weights.cols(); ++k)
    out[k] += weights.col(k).dot(moments.inputs * weights.col(k)) - 2 * weights.col(k).dot(moments.cross.col(k));
  return out / std::max(moments.count, 1.0);
}

struct Choice {
  double ridge = kFallbackRidge;
  std::vector<bool> helps;  // (channels)
};
Choice choose(const Moments& fitted, const Moments& held_out) {
  Choice choice;
  choice.helps.assign(static_cast<size_t>(fitted.cross.cols()), true);
  if (held_out.count == 0) return choice;
  MatrixXd constant = MatrixXd::Zero(fitted.cross.rows(), fitted.cross.cols());
  constant.bottomRows(1) = fitted.cross.bottomRows(1) / fitted.count;
  const VectorXd plain = mean_squares(held_out, constant);
  double best = 0;
  for (const double ridge : kRidges) {
    const VectorXd error = mean_squares(held_out, solve(fitted, ridge));
    const double score = ((error.array() + 1.0 / 12) / (plain.array() + 1.0 / 12)).log().sum();
    if (score >= best) continue;
    best = score, choice.ridge = ridge;
    for (Eigen::Index k = 0; k < error.size(); ++k) choice.helps[k] = error[k] < (1 - kLeastGain) * plain[k];
  }
  if (best == 0) choice.helps.assign(choice.helps.size(), false);
  return choice;
}

/// The part of the moments that some inputs and a run of outputs have.
Moments part(const Moments& all, const std::vector<Eigen::Index>& inputs, Eigen::Index first, Eigen::Index count) {
  Moments out;
  out.inputs = all.inputs(inputs, inputs), out.cross = all.cross(inputs, Eigen::seqN(first, count));
  out.squares = all.squares.segment(first, count), out.count = all.count;
  return out;
}

/// Inputs (pairs, and the constant last) after leaving out those that matter least to the helped channels.
std::vector<Eigen::Index> strongest(const Moments& moments, const MatrixXd& weights, const std::vector<Eigen::Index>& inputs, Eigen::Index first,
                                    const Choice& choice, size_t pairs) {
  std::vector<double> scores(inputs.size() / 2, 0);
  for (size_t i = 0; i + 1 < inputs.size(); ++i)
    for (Eigen::Index k = 0; k < weights.cols(); ++k)
      if (choice.helps[first + k])
        scores[i / 2] += weights(i, k) * weights(i, k) * moments.inputs(inputs[i], inputs[i]) / (moments.squares[first + k] + moments.count / 12);
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  order.resize(std::min(order.size(), pairs));
  std::sort(order.begin(), order.end());
  std::vector<Eigen::Index> kept;
  for (const size_t pair : order) kept.push_back(inputs[2 * pair]), kept.push_back(inputs[2 * pair + 1]);
  kept.push_back(inputs.back());
  return kept;
}

/// Whole numbers for channel k of the model, column `column` of the weights.
void store_channel(ModelData& data, Block& block, int64_t k, const VectorXd& weights, double rms) {
  const Eigen::Index inputs = weights.size() - 1;
  const double largest = inputs > 0 ? weights.head(inputs).cwiseAbs().maxCoeff() : 0;
  const double unit = std::max({largest / 127, 8 * rms / 32767, 1e-6});  // of a weight; a mean 8 times the usual fits 16 bits
  const double multiplier = std::clamp(std::round(unit * kMeanUnit * 32768), 1.0, 32767.0);
  data.multipliers[k] = static_cast<int16_t>(multiplier);
  data.biases[k] = static_cast<int16_t>(std::lround(std::clamp(weights[inputs] * kMeanUnit, -16000.0, 16000.0)));
  const int64_t channels = int64_t{block.groups} * kGroup, column = k - int64_t{block.first_group} * kGroup;
  for (Eigen::Index i = 0; i < inputs; ++i) {
    const double weight = std::clamp(std::round(weights[i] * kMeanUnit * 32768 / multiplier), -127.0, 127.0);
    block.weights[(i / 2 * channels + column) * 2 + i % 2] = static_cast<int8_t>(weight);
  }
}

void fit_block(ModelData& data, Block& block, const Moments& moments, const std::vector<int>& pairs, const Choice& choice, const MatrixXd& full, size_t terms) {
  const Eigen::Index first = Eigen::Index{block.first_group} * kGroup;
  const Eigen::Index count = std::min<Eigen::Index>(block.groups * kGroup, data.shape.channels - first);
  std::vector<Eigen::Index> inputs(static_cast<size_t>(full.rows()));
  std::iota(inputs.begin(), inputs.end(), Eigen::Index{0});
  MatrixXd weights = full.middleCols(first, count);
  const bool any = terms > 0 && std::any_of(choice.helps.begin() + first, choice.helps.begin() + first + count, [](bool helps) { return helps; });
  for (const size_t most : {2 * terms, terms}) {
    inputs = strongest(moments, weights, inputs, first, choice, any ? most : 0);
    weights = solve(part(moments, inputs, first, count), choice.ridge);
  }
  block.terms.clear();
  for (size_t i = 0; i + 1 < inputs.size(); i += 2) {
    const auto pair = inputs[i] / 2;
    const auto per_neighbour = static_cast<Eigen::Index>(pairs.size());
    block.terms.push_back({static_cast<uint8_t>(pair / per_neighbour), static_cast<uint16_t>(pairs[pair % per_neighbour])});
  }
  block.weights.assign(block.terms.size() * block.groups * kGroup * 2, 0);
  const MatrixXd used = moments.inputs(inputs, inputs) / moments.count;
  for (Eigen::Index k = 0; k < count; ++k) {
    VectorXd column = weights.col(k);
    if (!choice.helps[first + k]) column.setZero(), column[column.size() - 1] = moments.cross(moments.cross.rows() - 1, first + k) / moments.count;
    store_channel(data, block, first + k, column, std::sqrt(std::max(0.0, column.dot(used * column))));
  }
}

}  // namespace

void fit_means(ModelData& data, const Samples& samples, int terms) {
  const auto pairs = input_pairs(data, samples);
  const auto d = static_cast<Eigen::Index>(kNeighbours * 2 * pairs.size() + 1);
  Moments fitted, held_out;
  fitted.resize(d, data.shape.channels), held_out.resize(d, data.shape.channels);
  MatrixXf x(samples.positions, d), y(samples.positions, data.shape.channels);
  for (int64_t i = 0; i < samples.images; ++i) {
    gather(data, samples, i, pairs, x, y);
    (i % kValidateEvery == kValidateEvery - 1 ? held_out : fitted).add(x, y);
  }
  const Choice choice = choose(fitted, held_out);
  fitted += held_out;
  const MatrixXd full = solve(fitted, choice.ridge);
  for (Block& block : data.blocks) fit_block(data, block, fitted, pairs, choice, full, static_cast<size_t>(terms));
}

}  // namespace scissionlite::coding
