#include "coding/model_data.h"

#include "base/error.h"

namespace scissionlite::coding {
namespace {

/// Where the pair of a term lies, seen from a position's own history.
int32_t offset_of(const ModelData& data, const Term& term) {
  const int64_t padded = data.padded(), stride = data.row_stride();
  const int64_t places[kNeighbours] = {-padded, -stride, padded - stride, -padded - stride};
  return static_cast<int32_t>(places[term.neighbour] + 2 * term.pair);
}

void finish_block(ModelData& data, Block& block) {
  block.offsets.clear();
  for (const Term& term : block.terms) block.offsets.push_back(offset_of(data, term));
  const size_t channels = static_cast<size_t>(block.groups) * kGroup, first = static_cast<size_t>(block.first_group) * kGroup;
  for (size_t t = 0; t < block.terms.size(); ++t)
    for (size_t k = 0; k < channels; ++k) {
      const int8_t* pair = &block.weights[(t * channels + k) * 2];
      data.starts[first + k] = static_cast<int16_t>(data.starts[first + k] - kHistoryZero * (pair[0] + pair[1]));
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
  for (auto* field : {&data.inverse, &data.spread_base, &data.spread_around, &data.spread_before}) field->assign(padded, 0);
  data.quiet.assign(static_cast<size_t>(data.groups), 0);
  data.rows.assign(kTables * kRowSymbols + kRowSymbols, 0);
  for (int group = 0; group < data.groups; group += kBlock / kGroup)
    data.blocks.push_back({.first_group = group, .groups = std::min(kBlock / kGroup, data.groups - group), .terms = {}, .offsets = {}, .weights = {}});
  return data;
}

void finish(ModelData& data) {
  const auto padded = static_cast<size_t>(data.padded());
  data.starts.assign(padded, 0), data.lows.assign(padded, 0), data.highs.assign(padded, 0);
  for (Block& block : data.blocks) finish_block(data, block);
  for (size_t k = 0; k < padded; ++k) {
    data.lows[k] = static_cast<int16_t>(-kMeanUnit * data.zeros[k]);
    data.highs[k] = static_cast<int16_t>(kMeanUnit * (data.tops[k] - data.zeros[k]));
  }
  data.before_scale.assign(static_cast<size_t>(data.groups), 0);
  for (int group = 1; group < data.groups; ++group) data.before_scale[group] = (uint32_t{512} << 16) / static_cast<uint32_t>(kGroup * group);
  data.row_bits.resize(kTables);
  data.cells.resize(kTables * kRowSymbols);
  data.bit_tables.fill(kTables);
  for (int table = kTables - 1; table >= 0; --table) {
    const int bits = data.low_bits[table / kFractions];
    data.row_bits[table] = static_cast<uint8_t>(bits);
    for (int b = 0; b < bits; ++b) data.bit_tables[b] = static_cast<int16_t>(table);
    for (int i = 0; i < kRowSymbols; ++i) data.cells[table * kRowSymbols + i] = pack_cell(&data.rows[table * kRowSymbols], i, bits);
  }
}

void set_row(ModelData& data, int table, const std::array<uint16_t, kRowSymbols>& frequencies) {
  uint16_t sum = 0;
  for (int i = 0; i < kRowSymbols; ++i) {
    data.rows[table * kRowSymbols + i] = sum;
    sum = static_cast<uint16_t>(sum + frequencies[i]);
  }
}

}  // namespace scissionlite::coding
