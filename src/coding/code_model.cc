#include "coding/code_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "coding/context.h"
#include "coding/image.h"
#include "coding/rans.h"

namespace scissionlite::coding {
namespace {

double bits_of(bool is_escape, uint32_t frequency) { return kProbabilityBits + (is_escape ? kEscapeBits : 0) - std::log2(frequency); }

/// Calls visit(index in codes, index in the workspace) for each coded symbol.
template <typename Visit>
void each_coded(const ModelData& data, bool with_quiet, Visit&& visit) {
  const int64_t positions = data.shape.positions(), padded = data.padded();
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t k = 0; k < data.shape.channels; ++k)
      if (!data.quiet[k / kGroup] || with_quiet) visit(k * positions + p, p * padded + k);
}
double bits_at(const Workspace& work, int64_t i) { return bits_of(work.lows[i] == kEscapeSlot, work.frequencies[i]); }

}  // namespace

const CodeShape& CodeModel::shape() const { return data_->shape; }
uint8_t CodeModel::zero(int64_t channel) const { return data_->zeros.at(static_cast<size_t>(channel)); }
int CodeModel::levels(int64_t channel) const { return data_->tops.at(static_cast<size_t>(channel)) + 1; }
std::string CodeModel::hash() const { return data_->hash; }

double CodeModel::bits(std::span<const uint8_t> codes) const {
  Workspace work(*data_);
  const bool with_quiet = analyse_image(*data_, codec_named(""), codes, work);
  double sum = 0;
  each_coded(*data_, with_quiet, [&](int64_t, int64_t at) { sum += bits_at(work, at); });
  return sum;
}

void CodeModel::step_bits(std::span<const uint8_t> codes, std::span<float> as_is, std::span<float> nearer) const {
  for (const size_t count : {as_is.size(), nearer.size()}) check_count(*data_, count);
  std::fill(as_is.begin(), as_is.end(), 0.0F), std::fill(nearer.begin(), nearer.end(), 0.0F);
  Workspace work(*data_);
  const bool with_quiet = analyse_image(*data_, codec_named(""), codes, work, /*with_steps=*/true);
  each_coded(*data_, with_quiet, [&](int64_t i, int64_t at) {
    as_is[i] = static_cast<float>(bits_at(work, at));
    nearer[i] = static_cast<float>(bits_of(work.nearer[at] == 0, std::max<uint32_t>(1, work.nearer[at])));
  });
}

std::vector<float> CodeModel::symbol_bits() const {
  constexpr uint16_t kOrdinaryAround = 12288, kOrdinaryBefore = 8192;
  const Workspace still(*data_);
  std::vector<int16_t> means(static_cast<size_t>(data_->padded()));
  codec_named("").means(*data_, still.history.data() + data_->row_stride() + data_->padded(), means.data());
  std::vector<float> out(static_cast<size_t>(data_->shape.channels) * 256, std::numeric_limits<float>::infinity());
  for (int group = 0; group < data_->groups; ++group) {
    GroupContexts contexts;
    PlainOps::rates(*data_, data_->fields[group], kOrdinaryAround, group == 0 ? uint16_t{0} : kOrdinaryBefore, contexts);
    for (int j = 0; j < data_->channels_of(group); ++j) {
      const int k = group * kGroup + j;
      for (int symbol = 0; symbol <= data_->tops[k]; ++symbol) {
        const Interval interval = interval_of(*data_, k, symbol - data_->zeros[k], means[k], contexts.rate[j]);
        out[k * 256 + symbol] = static_cast<float>(bits_of(interval.low == kEscapeSlot, interval.frequency));
      }
    }
  }
  return out;
}

}  // namespace scissionlite::coding
