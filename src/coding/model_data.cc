#include "coding/model_data.h"

#include <bit>
#include <cmath>

#include "base/error.h"

namespace scissionlite::coding {
namespace {

/// Where the pair of a term lies, seen from a position's own history.
int32_t offset_of(const ModelData& data, const Term& term) {
  const int64_t padded = data.padded(), stride = data.row_stride();
  const int64_t places[kNeighbours] = {-padded, -stride, padded - stride, -padded - stride};
  return static_cast<int32_t>(places[term.neighbour] + 2 * term.pair);
}

Quads quads_of(const Block& block, size_t first, size_t last) {
  constexpr int kPair = 2 * kGroup;  // channels of two groups
  const size_t pairs = (static_cast<size_t>(block.groups) + 1) / 2, channels = static_cast<size_t>(block.groups) * kGroup,
               quads = (last - first + 1) / 2;
  Quads out{{block.offsets.begin() + static_cast<std::ptrdiff_t>(first), block.offsets.begin() + static_cast<std::ptrdiff_t>(last)},
            std::vector<Quads::Weights>(quads * pairs * 2)};
  if (out.offsets.size() % 2 != 0) out.offsets.push_back(out.offsets.back());
  for (size_t t = first; t < last; ++t)
    for (size_t k = 0; k < channels; ++k) {
      Quads::Weights& to = out.weights[((t - first) / 2 * pairs + k / kPair) * 2 + k % 2];
      std::copy_n(&block.weights[(t * channels + k) * 2], 2, &to.of[k % kPair / 2][(t - first) % 2 * 2]);
    }
  return out;
}

void finish_block(ModelData& data, Block& block) {
  block.offsets.clear();
  for (const Term& term : block.terms) block.offsets.push_back(offset_of(data, term));
  block.beside = static_cast<size_t>(std::count_if(block.terms.begin(), block.terms.end(), [](const Term& term) { return term.neighbour == 0; }));
  block.quads_beside = quads_of(block, 0, block.beside), block.quads_above = quads_of(block, block.beside, block.terms.size());
  const size_t channels = static_cast<size_t>(block.groups) * kGroup, first = static_cast<size_t>(block.first_group) * kGroup;
  for (size_t t = 0; t < block.terms.size(); ++t)
    for (size_t k = 0; k < channels; ++k) {
      const int8_t* pair = &block.weights[(t * channels + k) * 2];
      data.starts[first + k] = static_cast<int16_t>(data.starts[first + k] - kHistoryZero * (pair[0] + pair[1]));
    }
}

void finish_reaches(ModelData& data) {
  for (auto* field : {&data.reach, &data.reach_unit, &data.rate_reach, &data.rate_unit}) field->assign(data.fineness.size(), 0);
  for (size_t k = 0; k < data.fineness.size(); ++k) {
    const int fine = data.fineness[k], coarse = kMostFineness - fine;
    data.reach[k] = static_cast<uint16_t>(65535 >> coarse), data.reach_unit[k] = static_cast<uint16_t>(1 << coarse);
    data.rate_reach[k] = static_cast<uint16_t>(65535 >> fine), data.rate_unit[k] = static_cast<uint16_t>(1 << fine);
  }
}

FastCurve fast(const Curve& curve) {
  FastCurve out;
  for (size_t i = 0; i < kCurvePieces; ++i) {
    const int drop = curve[i] - curve[i + 1];
    out.value[i] = curve[i], out.drop[i] = static_cast<uint16_t>(drop);
    out.value_low[i] = static_cast<uint8_t>(curve[i]), out.value_high[i] = static_cast<uint8_t>(curve[i] >> 8);
    out.drop_low[i] = static_cast<uint8_t>(drop), out.drop_high[i] = static_cast<uint8_t>(drop >> 8);
  }
  return out;
}

/// Where in the curve of shape `outside` is left, 256 a piece.
uint16_t place_of(const Curve& shape, double outside) {
  size_t i = 0;
  while (i + 1 < kCurvePieces && shape[i + 1] > outside) ++i;
  const double drop = std::max(1, shape[i] - shape[i + 1]);
  return static_cast<uint16_t>(std::clamp(256 * (static_cast<double>(i) + (shape[i] - outside) / drop), 0.0, double{kCurveEnd}));
}

GuessLine line_of(const Curve& guess) {
  constexpr float kUnit = 8;  // places / rate * 8 are symbols
  GuessLine out;
  for (size_t e = 0; e < kCurvePieces; ++e) {
    const size_t at = (e + 15) % kCurvePieces;
    const auto drop = static_cast<float>(guess[e] - guess[e + 1]);
    out.start[at] = (static_cast<float>(guess[e]) + drop) * kUnit, out.slope[at] = -std::ldexp(drop * kUnit, -static_cast<int>(e));
  }
  return out;
}

/// Lines between the curve's inverse at the ends of half octaves, in the middle of what they miss.
InverseLine inverse_of(const Curve& rates) {
  constexpr double kLeastRate = 32768 / 500.0;  // slower ones than any value needs: no edge that is tried wraps around
  InverseLine out;
  for (size_t i = 0; i < out.start.size(); ++i) {
    const double at = 128.0 * static_cast<double>(i), first = rates[i / 2], last = rates[i / 2 + 1];
    const auto inverse = [&](double half) { return 1 / std::max(kLeastRate, first + (last - first) * (static_cast<double>(i % 2) + half) / 2); };
    const double slope = (inverse(1) - inverse(0)) / 128, above = (inverse(0) + inverse(1)) / 2 - inverse(0.5);
    out.slope[i] = static_cast<float>(slope), out.start[i] = static_cast<float>(inverse(0) - above / 2 - slope * at);
  }
  return out;
}

void finish_curves(ModelData& data) {
  Curve guess{};                                                                                    // only says where a decoder looks first
  for (int i = 0; i <= kCurvePieces; ++i) guess[i] = place_of(data.shape_curve, std::exp2(i + 1));  // log2(2 slots + 1) = i, four units a slot
  data.fast_rate = fast(data.rate_curve), data.fast_shape = fast(data.shape_curve), data.fast_guess = fast(guess);
  data.guess_line = line_of(guess), data.inverse_line = inverse_of(data.rate_curve);
}

WideFields widened(const GroupFields& fields) {
  const auto both = [](uint32_t half) { return half << 16 | half; };
  WideFields out;
  for (int j = 0; j < kGroup; ++j) {
    out.spread_base[j] = fields.spread_base[j], out.spread_around[j] = fields.spread_around[j], out.spread_before[j] = fields.spread_before[j];
    out.scales[j] = fields.scales[j] - (127 << 8);
    out.rate_reach[j] = both(fields.rate_reach[j]), out.fineness[j] = both(static_cast<uint32_t>(std::countr_zero(fields.rate_unit[j])));
    out.reach[j] = both(fields.reach[j]), out.coarseness[j] = both(static_cast<uint32_t>(std::countr_zero(fields.reach_unit[j])));
    out.inverse[j] = fields.inverse[j], out.zeros[j] = static_cast<uint32_t>(fields.zeros[j]), out.tops[j] = static_cast<uint32_t>(fields.tops[j]);
  }
  return out;
}

void finish_fields(ModelData& data) {
  data.fields.assign(static_cast<size_t>(data.groups), {});
  for (int group = 0; group < data.groups; ++group) {
    GroupFields& to = data.fields[group];
    to.group = group, to.channels = data.channels_of(group), to.before_scale = data.before_scale[group], to.is_quiet = data.quiet[group] != 0;
  }
  for (int64_t k = 0; k < data.padded(); ++k) {
    GroupFields& to = data.fields[k / kGroup];
    const int64_t j = k % kGroup;
    to.spread_base[j] = data.spread_base[k], to.spread_around[j] = data.spread_around[k], to.spread_before[j] = data.spread_before[k];
    to.scales[j] = data.scales[k], to.inverse[j] = data.inverse[k];
    to.rate_reach[j] = data.rate_reach[k], to.rate_unit[j] = data.rate_unit[k], to.reach[j] = data.reach[k], to.reach_unit[j] = data.reach_unit[k];
    to.zeros[j] = data.zeros[k], to.tops[j] = data.tops[k], to.is_channel[j] = k < data.shape.channels ? -1 : 0;
  }
  for (GroupFields& fields : data.fields) fields.wide = widened(fields);
}

void finish_own(ModelData& data) {
  const size_t padded = data.starts.size();
  data.own_beside.resize(2 * padded), data.own_above.resize(2 * padded);
  for (size_t k = 0; k < padded; ++k) {
    const int8_t* own = &data.own[k * kNeighbours];
    data.own_beside[2 * k] = own[0], data.own_beside[2 * k + 1] = own[3], data.own_above[2 * k] = own[1], data.own_above[2 * k + 1] = own[2];
    data.starts[k] = static_cast<int16_t>(data.starts[k] - kHistoryZero * (own[0] + own[1] + own[2] + own[3]));
  }
}

}  // namespace

ModelData empty_model(const CodeShape& shape, const std::string& where) {
  const auto in_bounds = [](int64_t size, int64_t most) { return size >= 1 && size <= most; };
  const auto is_codable = [&] {
    if (!in_bounds(shape.channels, kMostChannels) || !in_bounds(shape.rows, kMostSymbols) || !in_bounds(shape.columns, kMostSymbols)) return false;
    const int64_t padded = (shape.channels + kGroup - 1) / kGroup * kGroup;
    return (shape.rows + 1) * (shape.columns + 2) <= kMostHistory / padded && shape.symbols() <= kMostSymbols;
  };
  if (!is_codable())
    throw InvalidArgument("[" + where + "] codes of shape (" + std::to_string(shape.channels) + ", " + std::to_string(shape.rows) + ", " +
                          std::to_string(shape.columns) + ") cannot be coded; at least one symbol, at most 2^24, 4096 channels, 2^26 with borders");
  ModelData data;
  data.shape = shape;
  data.groups = static_cast<int>((shape.channels + kGroup - 1) / kGroup);
  const auto padded = static_cast<size_t>(data.padded());
  data.zeros.assign(padded, 0), data.tops.assign(padded, 0);
  for (auto* field : {&data.multipliers, &data.biases, &data.scales}) field->assign(padded, 0);
  data.fineness.assign(padded, 0), data.own.assign(padded * kNeighbours, 0);
  for (auto* field : {&data.inverse, &data.spread_base, &data.spread_around, &data.spread_before}) field->assign(padded, 0);
  data.quiet.assign(static_cast<size_t>(data.groups), 0);
  for (int group = 0; group < data.groups; group += kBlock / kGroup)
    data.blocks.push_back({.first_group = group,
                           .groups = std::min(kBlock / kGroup, data.groups - group),
                           .terms = {},
                           .offsets = {},
                           .weights = {},
                           .quads_beside = {},
                           .quads_above = {}});
  return data;
}

void finish(ModelData& data) {
  const auto padded = static_cast<size_t>(data.padded());
  data.starts.assign(padded, 0), data.lows.assign(padded, 0), data.highs.assign(padded, 0);
  for (Block& block : data.blocks) finish_block(data, block);
  finish_own(data);
  for (size_t k = 0; k < padded; ++k) {
    data.lows[k] = static_cast<int16_t>(-kMeanUnit * data.zeros[k]);
    data.highs[k] = static_cast<int16_t>(kMeanUnit * (data.tops[k] - data.zeros[k]));
  }
  data.before_scale.assign(static_cast<size_t>(data.groups), 0);
  for (int group = 1; group < data.groups; ++group) data.before_scale[group] = (uint32_t{512} << 16) / static_cast<uint32_t>(kGroup * group);
  finish_reaches(data);
  finish_curves(data);
  finish_fields(data);
}

}  // namespace scissionlite::coding
