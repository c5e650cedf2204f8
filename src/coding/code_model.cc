#include "coding/code_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "coding/context.h"
#include "coding/image.h"
#include "coding/rans.h"

namespace scissionlite::coding {
namespace {

/// Bits of a residual in a table.
double residual_bits(const ModelData& data, int table, int residual) {
  const uint16_t* row = &data.rows[table * kRowSymbols];
  const int bits = data.row_bits[table];
  const Bucket bucket = bucket_of(row, residual, bits);
  return kProbabilityBits + bits + (bucket.symbol == kEscape ? kEscapeBits : 0) - std::log2(frequency(row, bucket.symbol));
}

int sign_of(int value) { return (value > 0) - (value < 0); }

/// Calls visit(index in codes, table, residual, residual one step nearer to zero) for each coded symbol.
template <typename Visit>
void each_step(const ModelData& data, std::span<const uint8_t> codes, Visit&& visit) {
  Workspace work(data);
  const bool with_quiet = analyse_image(data, codec_named(""), codes, work);
  const int64_t positions = data.shape.positions(), padded = data.padded();
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t k = 0; k < data.shape.channels; ++k) {
      if (data.quiet[k / kGroup] && !with_quiet) continue;
      const int64_t i = p * padded + k;
      const int residual = work.residuals[i], mirror = work.tables[i] & kMirrored ? -1 : 1;
      visit(k * positions + p, work.tables[i] & ~kMirrored, residual, residual - mirror * sign_of(work.symbols[i] - data.zeros[k]));
    }
}

}  // namespace

const CodeShape& CodeModel::shape() const { return data_->shape; }
uint8_t CodeModel::zero(int64_t channel) const { return data_->zeros.at(static_cast<size_t>(channel)); }
int CodeModel::levels(int64_t channel) const { return data_->tops.at(static_cast<size_t>(channel)) + 1; }
std::string CodeModel::hash() const { return data_->hash; }

double CodeModel::bits(std::span<const uint8_t> codes) const {
  double sum = 0;
  each_step(*data_, codes, [&](int64_t, int table, int residual, int) { sum += residual_bits(*data_, table, residual); });
  return sum;
}

void CodeModel::step_bits(std::span<const uint8_t> codes, std::span<float> as_is, std::span<float> nearer) const {
  for (const size_t count : {as_is.size(), nearer.size()}) check_count(*data_, count);
  std::fill(as_is.begin(), as_is.end(), 0.0F), std::fill(nearer.begin(), nearer.end(), 0.0F);
  each_step(*data_, codes, [&](int64_t i, int table, int residual, int stepped) {
    as_is[i] = static_cast<float>(residual_bits(*data_, table, residual));
    nearer[i] = static_cast<float>(residual_bits(*data_, table, stepped));
  });
}

std::vector<float> CodeModel::symbol_bits() const {
  constexpr uint16_t kOrdinaryAround = 12288, kOrdinaryBefore = 8192;
  const Workspace still(*data_);
  std::vector<int16_t> means(static_cast<size_t>(data_->padded()));
  PlainOps::means(*data_, still.history.data() + data_->row_stride() + data_->padded(), means.data());
  std::vector<float> out(static_cast<size_t>(data_->shape.channels) * 256, std::numeric_limits<float>::infinity());
  for (int group = 0; group < data_->groups; ++group) {
    Contexts contexts;
    PlainOps::contexts(*data_, group, means.data(), kOrdinaryAround, group == 0 ? uint16_t{0} : kOrdinaryBefore, contexts);
    for (int j = 0; j < data_->channels_of(group); ++j) {
      const int k = group * kGroup + j;
      for (int symbol = 0; symbol <= data_->tops[k]; ++symbol)
        out[k * 256 + symbol] = static_cast<float>(residual_bits(*data_, contexts.table[j], (symbol - data_->zeros[k] - contexts.base[j]) * contexts.sign[j]));
    }
  }
  return out;
}

}  // namespace scissionlite::coding
