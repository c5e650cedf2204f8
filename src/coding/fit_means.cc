// Means: ridge regression of each channel on the four neighbours' most varying channels, cut down to a list of pairs a block,
// and on the same channel there.
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "coding/fit_internal.h"

namespace scissionlite::coding {
namespace {

using Eigen::MatrixXd;
using Eigen::MatrixXf;
using Eigen::VectorXd;

constexpr int kMostInputPairs = 64;                           // of each neighbour
constexpr int64_t kPositionsPerPair = 32;                     // seen in the fit, at least
constexpr double kRidges[] = {0.005, 0.02, 0.08, 0.3, 1, 4};  // squared symbols
constexpr double kFallbackRidge = 1;                          // with too few images to choose
constexpr int64_t kValidateEvery = 5;
constexpr double kLeastGain = 0.002;  // of a channel's variance, else it keeps its plain mean

/// Sums of products over positions; inputs are (neighbour, pair, 2) and a 1.
struct Moments {
  MatrixXd inputs, cross;  // (d, d), (d, channels)
  VectorXd squares;        // (channels) of the outputs
  double count = 0;
  void resize(Eigen::Index d, Eigen::Index channels) {
    inputs = MatrixXd::Zero(d, d), cross = MatrixXd::Zero(d, channels), squares = VectorXd::Zero(channels);
  }
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

/// What the inputs of a block explain, step by step: products with the constant and what was taken so far taken out.
struct Search {
  MatrixXd inputs, cross;  // (d, d), (d, channels)
  VectorXd squares;        // (channels), what is left

  /// Takes out what these inputs explain.
  void take(const std::vector<Eigen::Index>& taken) {
    const MatrixXd columns = inputs(Eigen::all, taken), rows = cross(taken, Eigen::all);
    const MatrixXd inverse = MatrixXd(inputs(taken, taken)).inverse();
    squares -= (rows.array() * (inverse * rows).array()).colwise().sum().matrix().transpose();
    cross -= columns * (inverse * rows), inputs -= columns * inverse * columns.transpose();
  }
  /// The same for one channel's own inputs; the others' stay as they are.
  void take_own(Eigen::Index k, const std::vector<Eigen::Index>& own) {
    const VectorXd rows = cross(own, k), x = MatrixXd(inputs(own, own)).ldlt().solve(rows);
    squares[k] -= rows.dot(x);
    cross.col(k) -= inputs(Eigen::all, own) * x;
  }
  /// Bits that a pair would save, about; 0 for one that was taken.
  [[nodiscard]] double gain(Eigen::Index pair, double floor) const {
    const Eigen::Index i = 2 * pair;
    const double a = inputs(i, i), b = inputs(i, i + 1), c = inputs(i + 1, i + 1), det = a * c - b * b;
    if (!(det > 1e-9 * a * c) || a <= 0) return 0;
    const auto r = cross.row(i).array(), s = cross.row(i + 1).array();
    return ((c * r * r - 2 * b * r * s + a * s * s) / det / (squares.transpose().array().max(0) + floor)).sum();
  }
};

/// Where in the inputs channel k itself is, at each neighbour; empty when it is none of them.
std::vector<Eigen::Index> own_inputs(const std::vector<int>& pairs, Eigen::Index k) {
  const auto found = std::lower_bound(pairs.begin(), pairs.end(), static_cast<int>(k / 2));
  if (found == pairs.end() || *found != k / 2) return {};
  std::vector<Eigen::Index> own;
  for (Eigen::Index n = 0; n < kNeighbours; ++n) own.push_back(n * 2 * static_cast<Eigen::Index>(pairs.size()) + 2 * (found - pairs.begin()) + k % 2);
  return own;
}

/// The pairs that save most, one after another, given that each channel has its own inputs anyway, and what each saves.
struct Ranked {
  std::vector<Eigen::Index> pairs;
  std::vector<double> gains;  // never rising
};
Ranked best_pairs(const Moments& moments, const std::vector<int>& pairs, const Block& block, const Choice& choice, int terms) {
  const Eigen::Index first = Eigen::Index{block.first_group} * kGroup,
                     count = std::min<Eigen::Index>(block.groups * kGroup, moments.cross.cols() - first);
  Search search{moments.inputs, moments.cross.middleCols(first, count), moments.squares.segment(first, count)};
  const Eigen::Index d = search.inputs.rows(), all = (d - 1) / 2;
  search.inputs.diagonal().head(d - 1).array() += choice.ridge * moments.count;
  search.take({d - 1});
  for (Eigen::Index k = 0; k < count; ++k) {
    if (const auto own = own_inputs(pairs, first + k); !own.empty()) search.take_own(k, own);
    if (!choice.helps[first + k]) search.cross.col(k).setZero();
  }
  Ranked out;
  std::vector<bool> is_taken(static_cast<size_t>(all), false);
  while (std::ssize(out.pairs) < std::min<Eigen::Index>(terms, all)) {
    double best = 0;
    Eigen::Index pair = -1;
    for (Eigen::Index i = 0; i < all; ++i)
      if (!is_taken[i])
        if (const double gain = search.gain(i, moments.count / 12); gain > best) best = gain, pair = i;
    if (pair < 0) break;
    out.gains.push_back(out.gains.empty() ? best : std::min(best, out.gains.back()));
    out.pairs.push_back(pair), is_taken[pair] = true;
    search.take({2 * pair, 2 * pair + 1});
  }
  return out;
}

/// Pairs of all blocks, `terms` each on average, where they save most for the work.
std::vector<std::vector<Eigen::Index>> share_out(const ModelData& data, const Moments& moments, const std::vector<int>& pairs, const Choice& choice,
                                                 int terms) {
  std::vector<Ranked> ranked;
  std::vector<double> gains;  // for each group that a pair has to be added to
  int64_t budget = 0;
  for (const Block& block : data.blocks) {
    ranked.push_back(best_pairs(moments, pairs, block, choice, std::min(2 * terms, kMostTerms)));
    for (double& gain : ranked.back().gains) gain /= block.groups;
    for (const double gain : ranked.back().gains) gains.insert(gains.end(), static_cast<size_t>(block.groups), gain);
    budget += int64_t{terms} * block.groups;
  }
  std::sort(gains.begin(), gains.end(), std::greater<>());
  const double least = gains.empty() || std::ssize(gains) <= budget ? 0 : gains[static_cast<size_t>(budget)];
  std::vector<std::vector<Eigen::Index>> out;
  for (const Ranked& block : ranked) {
    const auto kept = std::count_if(block.gains.begin(), block.gains.end(), [&](double gain) { return gain > least; });
    out.emplace_back(block.pairs.begin(), block.pairs.begin() + kept);
    std::sort(out.back().begin(), out.back().end());
  }
  return out;
}

/// Weights of one channel on the inputs of the taken pairs, then its own that are not among them, then the constant.
struct ChannelWeights {
  std::vector<Eigen::Index> inputs;
  VectorXd weights;
};
ChannelWeights solve_channel(const Moments& moments, const std::vector<int>& pairs, const std::vector<Eigen::Index>& taken, Eigen::Index k,
                             const Choice& choice) {
  ChannelWeights out;
  for (const auto pair : taken) out.inputs.push_back(2 * pair), out.inputs.push_back(2 * pair + 1);
  for (const auto own : own_inputs(pairs, k))
    if (!std::binary_search(taken.begin(), taken.end(), own / 2)) out.inputs.push_back(own);
  out.inputs.push_back(moments.inputs.rows() - 1);
  MatrixXd a = moments.inputs(out.inputs, out.inputs);
  a.diagonal().head(a.rows() - 1).array() += choice.ridge * moments.count;
  a(a.rows() - 1, a.rows() - 1) += 1e-9 * moments.count;
  out.weights = a.ldlt().solve(VectorXd(moments.cross(out.inputs, k)));
  if (!choice.helps[k]) out.weights.setZero(), out.weights[a.rows() - 1] = moments.cross(moments.cross.rows() - 1, k) / moments.count;
  return out;
}

/// Whole numbers for channel k of the model.
void store_channel(ModelData& data, Block& block, int64_t k, Eigen::Index width, const ChannelWeights& from, double rms) {
  const Eigen::Index inputs = from.weights.size() - 1;
  const double largest = inputs > 0 ? from.weights.head(inputs).cwiseAbs().maxCoeff() : 0;
  const double unit = std::max({largest / 127, 8 * rms / 32767, 1e-6});  // of a weight; a mean 8 times the usual fits 16 bits
  const double multiplier = std::clamp(std::round(unit * kMeanUnit * 32768), 1.0, 32767.0);
  data.multipliers[k] = static_cast<int16_t>(multiplier);
  data.biases[k] = static_cast<int16_t>(std::lround(std::clamp(from.weights[inputs] * kMeanUnit, -16000.0, 16000.0)));
  const int64_t channels = int64_t{block.groups} * kGroup, column = k - int64_t{block.first_group} * kGroup;
  for (Eigen::Index i = 0; i < inputs; ++i) {
    const auto weight = static_cast<int8_t>(std::clamp(std::round(from.weights[i] * kMeanUnit * 32768 / multiplier), -127.0, 127.0));
    if (i < std::ssize(block.terms) * 2) block.weights[(i / 2 * channels + column) * 2 + i % 2] = weight;
    else data.own[k * kNeighbours + from.inputs[i] / width] = weight;
  }
}

void fit_block(ModelData& data, Block& block, const Moments& moments, const std::vector<int>& pairs, const Choice& choice,
               const std::vector<Eigen::Index>& taken, int terms) {
  const Eigen::Index first = Eigen::Index{block.first_group} * kGroup, width = 2 * static_cast<Eigen::Index>(pairs.size());
  const Eigen::Index count = std::min<Eigen::Index>(block.groups * kGroup, data.shape.channels - first);
  block.terms.clear();
  for (const auto pair : taken) block.terms.push_back({static_cast<uint8_t>(2 * pair / width), static_cast<uint16_t>(pairs[pair % (width / 2)])});
  block.weights.assign(block.terms.size() * block.groups * kGroup * 2, 0);
  for (Eigen::Index k = first; k < first + count; ++k) {
    auto solved = solve_channel(moments, pairs, taken, k, choice);
    if (terms == 0)
      solved.weights.head(solved.weights.size() - 1).setZero(),
          solved.weights.tail(1)[0] = moments.cross(moments.cross.rows() - 1, k) / moments.count;
    const double square = solved.weights.dot(MatrixXd(moments.inputs(solved.inputs, solved.inputs)) * solved.weights) / moments.count;
    store_channel(data, block, k, width, solved, std::sqrt(std::max(0.0, square)));
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
  const auto taken = share_out(data, fitted, pairs, choice, terms);
  for (size_t i = 0; i < taken.size(); ++i) fit_block(data, data.blocks[i], fitted, pairs, choice, taken[i], terms);
}

}  // namespace scissionlite::coding
